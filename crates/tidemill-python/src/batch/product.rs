//! Two batches in one: how the sides of `cartesian` and `zip` reach a worker together.

use super::{Format, PyBatch};

/// Every record of `left` with every record of `right`, in this order.
pub fn product(left: &PyBatch, right: &PyBatch) -> PyBatch {
    let count = left.records().saturating_mul(right.records());
    side_by_side(Format::Product, u32::try_from(count).unwrap_or(u32::MAX), left, right)
}

/// The records of `left` and of `right`, of which there are as many, by position.
pub fn zipped(left: &PyBatch, right: &PyBatch) -> PyBatch {
    side_by_side(Format::Zipped, left.records() as u32, left, right)
}

/// Both batches, each behind its format, count and length.
fn side_by_side(format: Format, count: u32, left: &PyBatch, right: &PyBatch) -> PyBatch {
    let mut payload = Vec::with_capacity(left.payload.len() + right.payload.len() + 32);
    for side in [left, right] {
        payload.extend_from_slice(&side.format.number().to_le_bytes());
        payload.extend_from_slice(&side.count.to_le_bytes());
        payload.extend_from_slice(&(side.payload.len() as u64).to_le_bytes());
        payload.extend_from_slice(side.payload.as_ref());
    }
    PyBatch::new(format, count, payload)
}
