//! Columns and rows written by the engine: what sources read becomes batches.

use super::{Format, PyBatch};

/// A batch of byte strings.
pub fn of_bytes(values: &[Vec<u8>]) -> PyBatch {
    let mut payload = vec![1];
    put(&mut payload, b'y', &bytes_column(values));
    PyBatch::new(Format::Columns, values.len() as u32, payload)
}

/// A batch of the one pair of a text and a byte string.
pub fn of_text_and_bytes(key: &str, value: Vec<u8>) -> PyBatch {
    pair(text_column(key), (b'y', bytes_column(&[value])))
}

/// A batch of the one pair of two texts.
pub fn of_texts(key: &str, value: &str) -> PyBatch {
    pair(text_column(key), text_column(value))
}

fn pair(key: (u8, Vec<u8>), value: (u8, Vec<u8>)) -> PyBatch {
    let mut payload = Vec::with_capacity(19 + key.1.len() + value.1.len());
    payload.push(2);
    put(&mut payload, key.0, &key.1);
    put(&mut payload, value.0, &value.1);
    PyBatch::new(Format::Columns, 1, payload)
}

fn put(payload: &mut Vec<u8>, kind: u8, column: &[u8]) {
    payload.push(kind);
    payload.extend_from_slice(&(column.len() as u64).to_le_bytes());
    payload.extend_from_slice(column);
}

/// The column of one text: ended by a byte that is not in it, or pickled where both ends are.
fn text_column(text: &str) -> (u8, Vec<u8>) {
    let bytes = text.as_bytes();
    if memchr::memchr(b'\n', bytes).is_none() {
        return (b's', bytes.to_vec());
    }
    if memchr::memchr(0, bytes).is_none() {
        return (b'z', bytes.to_vec());
    }
    let mut pickle = Vec::with_capacity(bytes.len() + 16);
    pickle.extend_from_slice(b"\x80\x05]\x8d"); // protocol 5; a list; text with a length of eight bytes
    pickle.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    pickle.extend_from_slice(bytes);
    pickle.extend_from_slice(b"a."); // into the list; the end
    (b'p', pickle)
}

fn bytes_column(values: &[Vec<u8>]) -> Vec<u8> {
    let lengths = values.iter().flat_map(|value| (value.len() as u32).to_le_bytes());
    lengths.chain(values.iter().flatten().copied()).collect()
}
