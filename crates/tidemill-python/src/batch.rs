//! `PyBatch`: a batch of Python records as the engine passes it on, without a Python object in it.
//!
//! An RDD of Python's is an `Rdd<PyBatch>`: text as it was read, pickled records, or columns of exact types. The forms are
//! those of `tidemill/worker/formats.py`; what the engine must know of them (keys, counts, lines) it reads here.

use serde::{Deserialize, Serialize};

mod columns;
mod payload;
mod product;
mod text;
mod write;

pub use columns::{Column, Columns, Damaged, Values};
pub use payload::Payload;
pub use product::{product, zipped};
pub use text::{TEXT_RUN_BYTES, of_text};
pub use write::{PairWriter, of_bytes, of_text_and_bytes, of_texts};

/// The form of a batch's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// Lines of UTF-8 text that end in `\n`; the last may lack it.
    Text,
    /// A pickled list of records.
    Rows,
    /// Columns of single values or of pairs; see [`Columns`].
    Columns,
    /// Two batches, of which every record of the first is paired with every record of the second.
    Product,
    /// Two batches of equal counts, paired by position.
    Zipped,
}

impl Format {
    /// The format by its number on the wire.
    pub fn from_number(number: u16) -> Option<Format> {
        let all = [Format::Text, Format::Rows, Format::Columns, Format::Product, Format::Zipped];
        all.into_iter().find(|format| format.number() == number)
    }

    /// Its number on the wire.
    pub fn number(self) -> u16 {
        match self {
            Format::Text => 0,
            Format::Rows => 1,
            Format::Columns => 2,
            Format::Product => 3,
            Format::Zipped => 4,
        }
    }
}

/// Some records of a partition. Cloning it clones pointers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PyBatch {
    /// What the payload is.
    pub format: Format,
    /// How many records there are; 0 for text whose lines nobody counted.
    pub count: u32,
    /// The records.
    pub payload: Payload,
}

impl PyBatch {
    /// A batch of `count` records.
    pub fn new(format: Format, count: u32, payload: impl Into<Payload>) -> PyBatch {
        PyBatch { format, count, payload: payload.into() }
    }

    /// How many records there are; lines are counted where nobody did.
    pub fn records(&self) -> usize {
        match (self.format, self.count) {
            (Format::Text, 0) => text::lines_in(self.payload.as_ref()),
            (_, count) => count as usize,
        }
    }

    /// The columns, of a batch that has them.
    ///
    /// # Errors
    /// The payload is not what the format says.
    pub fn columns(&self) -> Result<Option<Columns<'_>>, Damaged> {
        match self.format {
            Format::Columns => Columns::parse(self.payload.as_ref(), self.count as usize).map(Some),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
