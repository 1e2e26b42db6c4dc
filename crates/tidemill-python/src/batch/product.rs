//! Two batches as one record: how the sides of `cartesian` and `zip` reach a worker together.

use super::{Format, PyBatch};

/// A batch of one record, the pair `((format, count, payload), (format, count, payload))` of two batches; the worker takes
/// it apart (`formats.decode_product`).
///
/// The record is pickled here by hand, by protocol 5: the few kinds of values in it need no memo and no classes.
pub fn side_by_side(left: &PyBatch, right: &PyBatch) -> PyBatch {
    let mut pickle = Vec::with_capacity(left.payload.len() + right.payload.len() + 64);
    pickle.extend_from_slice(b"\x80\x05]("); // protocol 5; a list, a mark
    put(&mut pickle, left);
    put(&mut pickle, right);
    pickle.extend_from_slice(b"\x86e."); // both as a tuple; that into the list; the end
    PyBatch::new(Format::Rows, 1, pickle)
}

/// Pushes the tuple of a batch's parts.
fn put(pickle: &mut Vec<u8>, batch: &PyBatch) {
    let payload = batch.payload.as_ref();
    pickle.extend_from_slice(&[b'K', batch.format.number() as u8]);
    pickle.extend_from_slice(b"\x8a\x05"); // an integer of five bytes, so that 32 bits have no sign
    pickle.extend_from_slice(&batch.count.to_le_bytes());
    pickle.push(0);
    pickle.push(b'\x8e'); // bytes with a length of eight bytes
    pickle.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    pickle.extend_from_slice(payload);
    pickle.push(b'\x87'); // the three as a tuple
}
