//! `Columns`: a checked view of typed columns.

/// What is wrong with a payload that ought to be columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a batch of columns is damaged: {0}")]
pub struct Damaged(pub &'static str);

/// The columns of a batch: one of single values, or one of keys and one of values.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// The only column, or that of the keys.
    pub first: Column<'a>,
    /// The values of pairs.
    pub second: Option<Column<'a>>,
}

/// The values of a column.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    /// Its kind: a letter of `formats.py`.
    pub kind: u8,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// How many values there are.
    pub count: usize,
}

/// A column's values by type.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// `str`, each ended by a byte that is in none of them; the last is not ended.
    Texts(&'a str, u8),
    /// `int`, eight bytes each.
    Integers(&'a [[u8; 8]]),
    /// `float`, eight bytes each.
    Floats(&'a [[u8; 8]]),
    /// `bool`, a byte each.
    Booleans(&'a [u8]),
    /// `None`, so many times.
    Nones(usize),
    /// `bytes`: the length of each, then all of them.
    Bytes(&'a [[u8; 4]], &'a [u8]),
    /// Anything: a pickled list.
    Pickled(&'a [u8]),
}

/// The shape byte of single values.
const SINGLES: u8 = 1;
/// The shape byte of pairs.
const PAIRS: u8 = 2;
/// A kind and a length before each column.
const HEAD_BYTES: usize = 9;

impl<'a> Columns<'a> {
    /// The columns of `payload`, of `count` values each.
    ///
    /// # Errors
    /// What stands there is cut off, or of another shape.
    pub fn parse(payload: &'a [u8], count: usize) -> Result<Columns<'a>, Damaged> {
        let (shape, rest) = payload.split_first().ok_or(Damaged("it is empty"))?;
        let (first, rest) = Column::parse(rest, count)?;
        let (second, rest) = match *shape {
            SINGLES => (None, rest),
            PAIRS => Column::parse(rest, count).map(|(column, rest)| (Some(column), rest))?,
            _ => return Err(Damaged("its shape is unknown")),
        };
        if rest.is_empty() { Ok(Columns { first, second }) } else { Err(Damaged("it is longer than its columns")) }
    }
}

impl<'a> Column<'a> {
    fn parse(payload: &'a [u8], count: usize) -> Result<(Column<'a>, &'a [u8]), Damaged> {
        let cut = Damaged("a column is cut off");
        let (head, rest) = payload.split_first_chunk::<HEAD_BYTES>().ok_or(cut)?;
        let [kind, length @ ..] = *head;
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(|_| cut)?;
        let (bytes, rest) = rest.split_at_checked(length).ok_or(cut)?;
        Ok((Column { kind, bytes, count }, rest))
    }

    /// The values.
    ///
    /// # Errors
    /// The bytes are not `count` values of the kind.
    pub fn values(&self) -> Result<Values<'a>, Damaged> {
        let Column { kind, bytes, count } = *self;
        match kind {
            b's' => texts(bytes, b'\n', count),
            b'z' => texts(bytes, 0, count),
            b'q' => Ok(Values::Integers(eights(bytes, count)?)),
            b'd' => Ok(Values::Floats(eights(bytes, count)?)),
            b'b' if bytes.len() == count => Ok(Values::Booleans(bytes)),
            b'n' if bytes.is_empty() => Ok(Values::Nones(count)),
            b'y' => byte_strings(bytes, count),
            b'p' => Ok(Values::Pickled(bytes)),
            b'b' | b'n' => Err(Damaged("a column has another number of values than its batch")),
            _ => Err(Damaged("a column's kind is unknown")),
        }
    }
}

impl<'a> Values<'a> {
    /// The bytes of each value; none where they are pickled together.
    pub fn slices(self) -> Option<Box<dyn Iterator<Item = &'a [u8]> + 'a>> {
        Some(match self {
            Values::Texts(text, end) => Box::new(text.as_bytes().split(move |byte| *byte == end)),
            Values::Integers(values) | Values::Floats(values) => Box::new(values.iter().map(<[u8; 8]>::as_slice)),
            Values::Booleans(values) => Box::new(values.iter().map(std::slice::from_ref)),
            Values::Nones(count) => Box::new(std::iter::repeat_n(&[][..], count)),
            Values::Bytes(lengths, bytes) => Box::new(lengths.iter().scan(bytes, |rest, length| {
                let (value, after) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                *rest = after;
                Some(value)
            })),
            Values::Pickled(_) => return None,
        })
    }
}

fn texts(bytes: &[u8], end: u8, count: usize) -> Result<Values<'_>, Damaged> {
    let text = std::str::from_utf8(bytes).map_err(|_| Damaged("its text is not UTF-8"))?;
    if memchr::memchr_iter(end, bytes).count() + 1 == count {
        Ok(Values::Texts(text, end))
    } else {
        Err(Damaged("a column of text has another number of values than its batch"))
    }
}

fn eights(bytes: &[u8], count: usize) -> Result<&[[u8; 8]], Damaged> {
    match bytes.as_chunks::<8>() {
        (values, []) if values.len() == count => Ok(values),
        _ => Err(Damaged("a column of numbers has another number of values than its batch")),
    }
}

fn byte_strings(bytes: &[u8], count: usize) -> Result<Values<'_>, Damaged> {
    let uneven = Damaged("a column of bytes is not as long as its lengths say");
    let (lengths, bytes) = count.checked_mul(4).and_then(|heads| bytes.split_at_checked(heads)).ok_or(uneven)?;
    let (lengths, _) = lengths.as_chunks::<4>();
    let total: u64 = lengths.iter().map(|length| u64::from(u32::from_le_bytes(*length))).sum();
    if total == bytes.len() as u64 { Ok(Values::Bytes(lengths, bytes)) } else { Err(uneven) }
}
