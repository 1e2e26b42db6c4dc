//! Operators on RDDs of pairs, and those that work by key underneath.
//!
//! What they promise: keys come in first-seen order within a partition, the values of a key in order of arrival, which is
//! that of the map partitions (behaviour 3.22). Inputs that lie by one layout meet without a shuffle (behaviour 3.24).

mod aggregate_by_key;
mod cogroup;
mod collect_as_map;
mod combine_by_key;
mod count_by_key;
mod distinct;
mod flat_map_values;
mod fold_by_key;
mod group_by;
mod group_by_key;
mod intersection;
mod join;
mod keys;
mod layouts;
mod lookup;
mod map_values;
mod outer_join;
mod partition_by;
mod ranges;
mod reduce_by_key;
mod reduce_by_key_locally;
mod sample_by_key;
mod sort_by;
mod sort_by_key;
mod sort_within;
mod subtract;
mod subtract_by_key;
