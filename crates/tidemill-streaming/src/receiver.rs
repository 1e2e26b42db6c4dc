//! Receivers: threads of their own that take in records and cut them into blocks.

pub(crate) mod socket;
pub(crate) mod text;
