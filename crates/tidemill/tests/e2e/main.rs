//! End to end: the programs as people run them, over real sockets, with a real nc, by their output alone.
//!
//! Nothing here sleeps: each step waits for a line of output. A program that says nothing fails its test by a time-out.

mod demo;
mod examples;
mod program;
mod word_count;
