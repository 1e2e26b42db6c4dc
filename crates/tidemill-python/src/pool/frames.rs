//! How frames look on the wire: see `worker/link.py`, which speaks the other side.

use super::TaskHead;

/// The length of a head, in bytes.
pub(super) const HEAD_BYTES: usize = 24;

/// The flag of the frame with which the input of a task ends.
pub(super) const LAST: u8 = 1;
/// The flag of a definition that may stay unpickled between tasks.
pub(super) const FROZEN: u8 = 2;

/// What a frame to a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Define = 1,
    Drop = 2,
    Task = 3,
    Run = 4,
    State = 7,
}

/// What a frame of a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Out,
    Done,
    Fail,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) format: u16,
    pub(super) id: u32,
    pub(super) count: u32,
    pub(super) bucket: u32,
    pub(super) length: u64,
}

impl Head {
    /// The head of an order about the work `id`, with nothing behind it.
    pub(super) fn order(order: Order, id: u32) -> Head {
        Head { kind: order as u8, flags: 0, format: 0, id, count: 0, bucket: 0, length: 0 }
    }

    pub(super) fn to_bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[0] = self.kind;
        bytes[1] = self.flags;
        bytes[2..4].copy_from_slice(&self.format.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.id.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.count.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.bucket.to_le_bytes());
        bytes[16..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    /// The head at the start of `bytes`, if it is all there.
    pub(super) fn parse(bytes: &[u8]) -> Option<Head> {
        let (head, _) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let [kind, flags, f0, f1, i0, i1, i2, i3, c0, c1, c2, c3, b0, b1, b2, b3, length @ ..] = *head;
        Some(Head {
            kind,
            flags,
            format: u16::from_le_bytes([f0, f1]),
            id: u32::from_le_bytes([i0, i1, i2, i3]),
            count: u32::from_le_bytes([c0, c1, c2, c3]),
            bucket: u32::from_le_bytes([b0, b1, b2, b3]),
            length: u64::from_le_bytes(length),
        })
    }

    /// What the frame is, if it is one that workers send.
    pub(super) fn reply(self) -> Option<Reply> {
        match self.kind {
            16 => Some(Reply::Out),
            17 => Some(Reply::Done),
            18 => Some(Reply::Fail),
            _ => None,
        }
    }
}

impl TaskHead {
    /// The payload of a TASK frame.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32);
        bytes.extend(self.task.to_le_bytes());
        bytes.extend(self.stage.to_le_bytes());
        let properties = u32::try_from(self.properties.len()).unwrap_or(u32::MAX);
        for number in [self.partition, self.attempt, self.cpus, properties] {
            bytes.extend(number.to_le_bytes());
        }
        self.properties.iter().for_each(|(key, value)| {
            push_text(&mut bytes, key.as_bytes());
            push_text(&mut bytes, value.as_bytes());
        });
        bytes
    }
}

/// Appends a text behind its length.
pub(super) fn push_text(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(text);
}

/// All texts in `bytes`, each behind its length; `None` if they are cut short.
pub(super) fn texts(mut bytes: &[u8]) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        texts.push(String::from_utf8_lossy(text).into_owned());
        bytes = rest;
    }
    Some(texts)
}
