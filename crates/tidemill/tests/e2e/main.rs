//! End to end: the programs as people run them, over real sockets, with a real nc, by their output alone.
//!
//! Nothing here sleeps: each step waits for a line of output. A program that says nothing fails its test by a time-out.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to stop")]

mod demo;
mod examples;
mod program;
mod word_count;
