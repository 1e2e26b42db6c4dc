//! Operators on RDDs of pairs.

mod combine_by_key;
mod layouts;
mod reduce_by_key;
