//! The state of stateful operators, step by step, against slow and obvious versions of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod trial;
mod update;
mod map_with_state;
mod window;
