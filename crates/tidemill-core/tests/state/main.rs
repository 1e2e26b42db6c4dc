//! Stateful operators as jobs: steps that all shards make or none, and what reads them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sums;
mod steps;
mod damage;
