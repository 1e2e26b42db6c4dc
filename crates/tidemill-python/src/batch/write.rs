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
    pairs(1, (key.0, &key.1), (value.0, &value.1))
}

/// A batch of `count` pairs whose keys and values are columns of a kind.
fn pairs(count: u32, key: (u8, &[u8]), value: (u8, &[u8])) -> PyBatch {
    let mut payload = Vec::with_capacity(19 + key.1.len() + value.1.len());
    payload.push(2);
    put(&mut payload, key.0, key.1);
    put(&mut payload, value.0, value.1);
    PyBatch::new(Format::Columns, count, payload)
}

/// Pairs that are collected one by one, in typed columns.
pub struct PairWriter {
    count: u32,
    keys: ColumnWriter,
    values: ColumnWriter,
}

/// A column that grows.
struct ColumnWriter {
    kind: u8,
    /// Of byte strings.
    lengths: Vec<u8>,
    bytes: Vec<u8>,
}

impl PairWriter {
    /// No pairs, of columns of these kinds.
    pub fn new(key: u8, value: u8) -> PairWriter {
        let column = |kind| ColumnWriter { kind, lengths: Vec::new(), bytes: Vec::new() };
        PairWriter { count: 0, keys: column(key), values: column(value) }
    }

    /// Adds a pair of values as they stand in columns of these kinds.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        self.keys.push(key, self.count == 0);
        self.values.push(value, self.count == 0);
        self.count += 1;
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The pairs as a batch; none are left here.
    pub fn take(&mut self) -> PyBatch {
        let (keys, values) = (self.keys.take(), self.values.take());
        pairs(std::mem::take(&mut self.count), (self.keys.kind, &keys), (self.values.kind, &values))
    }
}

impl ColumnWriter {
    fn push(&mut self, value: &[u8], is_first: bool) {
        match self.kind {
            b's' if !is_first => self.bytes.push(b'\n'),
            b'z' if !is_first => self.bytes.push(0),
            b'y' => self.lengths.extend_from_slice(&(value.len() as u32).to_le_bytes()),
            _ => {}
        }
        self.bytes.extend_from_slice(value);
    }

    fn take(&mut self) -> Vec<u8> {
        let mut column = std::mem::take(&mut self.lengths);
        column.append(&mut self.bytes);
        column
    }
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
