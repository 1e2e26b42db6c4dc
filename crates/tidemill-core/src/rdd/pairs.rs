//! Operators on RDDs of pairs.

mod combine_by_key;
mod reduce_by_key;
