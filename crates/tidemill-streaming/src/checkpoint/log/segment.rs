//! A segment's name and header.
//!
//! `"TMLG" | version u16 | kind u8 | length of the tag u16 | number u64 | previous u64 | previous end u64 | writer u64 | tag |
//! checksum u32`, little-endian. `previous` and its end say how much of what came before counts; see [`Header`].

use super::StorageError;
use crate::checkpoint::storage::Storage;

const MAGIC: &[u8; 4] = b"TMLG";
/// The only version so far.
const VERSION: u16 = 1;
/// The bytes of a header before its tag.
const FIXED_BYTES: usize = 41;
const CHECKSUM_BYTES: usize = 4;
/// The longest tag: ids of operators are shorter.
const TAG_BYTES_MAX: usize = 1024;
/// How the names of segments end.
const SUFFIX: &str = ".log";

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogKind {
    /// The driver's: which batches are planned and done.
    Batches,
    /// The blocks of a receiver's stream.
    Received {
        /// The id of the stream.
        stream: String,
    },
    /// The steps of a state.
    States {
        /// The id of the stateful operator.
        operator: String,
    },
}

impl LogKind {
    fn code(&self) -> (u8, &str) {
        match self {
            LogKind::Batches => (1, ""),
            LogKind::Received { stream } => (2, stream),
            LogKind::States { operator } => (3, operator),
        }
    }

    fn of(code: u8, tag: String) -> Option<LogKind> {
        match code {
            1 => Some(LogKind::Batches),
            2 => Some(LogKind::Received { stream: tag }),
            3 => Some(LogKind::States { operator: tag }),
            _ => None,
        }
    }
}

impl std::fmt::Display for LogKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LogKind::Batches => f.write_str("the log of batches"),
            LogKind::Received { stream } => write!(f, "the log of blocks received by {stream}"),
            LogKind::States { operator } => write!(f, "the log of the state of {operator}"),
        }
    }
}

/// A segment that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number; later ones are larger.
    pub number: u64,
    /// Its size.
    pub bytes: u64,
}

/// What a segment begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: LogKind,
    pub number: u64,
    /// The segment that holds the last record that was durable when this one was begun; 0 if there is none. Segments between
    /// the two hold only what failed, and count for nothing.
    pub previous: u64,
    /// The end of that record, in bytes.
    pub previous_end: u64,
    /// A random number of the log that wrote it: another one means another driver.
    pub writer: u64,
}

/// Why the beginning of a segment is no header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// It ends too early, or its checksum is wrong.
    Unreadable,
    /// It is a header, but nothing here can go on with it.
    Strange(String),
}

impl Header {
    pub(super) fn encode(&self) -> Result<Vec<u8>, StorageError> {
        let (kind, tag) = self.kind.code();
        let tag_bytes = u16::try_from(tag.len()).ok().filter(|bytes| usize::from(*bytes) <= TAG_BYTES_MAX);
        let too_long = || StorageError::unusable(tag, format!("an id of at most {TAG_BYTES_MAX} bytes is needed"));
        let mut bytes = Vec::with_capacity(FIXED_BYTES + tag.len() + CHECKSUM_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(&tag_bytes.ok_or_else(too_long)?.to_le_bytes());
        for number in [self.number, self.previous, self.previous_end, self.writer] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(tag.as_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        Ok(bytes)
    }

    /// Reads the header at the start of `bytes`; gives its length too. `number` is the one in the segment's name.
    pub(super) fn parse(bytes: &[u8], number: u64) -> Result<(Header, usize), NoHeader> {
        let fixed = bytes.first_chunk::<FIXED_BYTES>().ok_or(NoHeader::Unreadable)?;
        let [m0, m1, m2, m3, v0, v1, kind, t0, t1, numbers @ ..] = fixed;
        if [*m0, *m1, *m2, *m3] != *MAGIC {
            return Err(NoHeader::Unreadable);
        }
        let tag_end = FIXED_BYTES + usize::from(u16::from_le_bytes([*t0, *t1]));
        let (sealed, rest) = bytes.split_at_checked(tag_end).ok_or(NoHeader::Unreadable)?;
        let checksum = rest.first_chunk::<CHECKSUM_BYTES>().ok_or(NoHeader::Unreadable)?;
        if crc32fast::hash(sealed) != u32::from_le_bytes(*checksum) {
            return Err(NoHeader::Unreadable);
        }
        let version = u16::from_le_bytes([*v0, *v1]);
        if version != VERSION {
            let text =
                format!("it has version {version}, and this release reads {VERSION}; use the release that wrote it");
            return Err(NoHeader::Strange(text));
        }
        let mut numbers = numbers.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        let mut next = || numbers.next().ok_or(NoHeader::Unreadable);
        let (own, previous, previous_end, writer) = (next()?, next()?, next()?, next()?);
        if own != number {
            return Err(NoHeader::Strange(format!("it is segment {own}, under another's name")));
        }
        let tag = String::from_utf8_lossy(&sealed[FIXED_BYTES..]).into_owned();
        let strange = || NoHeader::Strange(format!("a log of kind {kind} is unknown to this release"));
        let kind = LogKind::of(*kind, tag).ok_or_else(strange)?;
        Ok((Header { kind, number, previous, previous_end, writer }, tag_end + CHECKSUM_BYTES))
    }
}

/// Makes a header's number and checksum right; gives its length.
#[cfg(test)]
pub(super) fn repair_header(bytes: &mut [u8], number: u64) -> Option<usize> {
    let fixed = bytes.first_chunk_mut::<FIXED_BYTES>()?;
    fixed[..4].copy_from_slice(MAGIC);
    fixed[9..17].copy_from_slice(&number.to_le_bytes());
    let tag_end = FIXED_BYTES + usize::from(u16::from_le_bytes([fixed[7], fixed[8]]));
    let (sealed, rest) = bytes.split_at_mut_checked(tag_end)?;
    rest.first_chunk_mut::<CHECKSUM_BYTES>()?.copy_from_slice(&crc32fast::hash(sealed).to_le_bytes());
    Some(tag_end + CHECKSUM_BYTES)
}

/// The name of a segment.
pub(crate) fn name(folder: &str, number: u64) -> String {
    format!("{folder}/{number:020}{SUFFIX}")
}

/// The segments in a folder, by number. Other files there are none of the log's.
pub(super) fn segments_in(storage: &dyn Storage, folder: &str) -> Result<Vec<SegmentInfo>, StorageError> {
    let number = |listed: &str| {
        let digits = listed.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(SUFFIX)?;
        digits.parse().ok().filter(|number| name(folder, *number) == listed)
    };
    let listed = storage.list(folder)?.into_iter();
    let mut segments: Vec<SegmentInfo> =
        listed.filter_map(|it| number(&it.name).map(|number| SegmentInfo { number, bytes: it.bytes })).collect();
    segments.sort_by_key(|it| it.number);
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: LogKind, previous_end: u64) -> Header {
        Header { kind, number: 9, previous: 7, previous_end, writer: 5 }
    }

    #[test]
    fn headers_come_back() {
        let operator = "x".repeat(TAG_BYTES_MAX);
        let table = [
            header(LogKind::Batches, 0),
            header(LogKind::Received { stream: "socket 1".into() }, 1),
            header(LogKind::States { operator }, 1 << 40),
        ];
        for header in table {
            let bytes = header.encode().unwrap();
            assert_eq!(Header::parse(&bytes, 9), Ok((header.clone(), bytes.len())));
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Header::parse(&flipped, 9), Err(NoHeader::Unreadable), "bit {bit}");
            }
            assert_eq!(Header::parse(&bytes[..bytes.len() - 1], 9), Err(NoHeader::Unreadable));
            assert!(matches!(Header::parse(&bytes, 8), Err(NoHeader::Strange(_))));
        }
        let too_long = LogKind::States { operator: "x".repeat(TAG_BYTES_MAX + 1) };
        assert!(header(too_long, 0).encode().is_err());
    }

    #[test]
    fn a_later_version_is_named() {
        let mut bytes = header(LogKind::Batches, 0).encode().unwrap();
        bytes[4] = 2;
        let sealed = bytes.len() - CHECKSUM_BYTES;
        let checksum = crc32fast::hash(&bytes[..sealed]);
        bytes[sealed..].copy_from_slice(&checksum.to_le_bytes());
        let text = "it has version 2, and this release reads 1; use the release that wrote it".into();
        assert_eq!(Header::parse(&bytes, 9), Err(NoHeader::Strange(text)));
    }
}
