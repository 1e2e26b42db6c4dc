//! Tests of the pool, on real processes.
