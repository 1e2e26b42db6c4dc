//! Why a lineage cannot leave its process, and why one cannot be read.

use std::any::type_name;
use std::fmt;

use crate::failure::codec_reason;
use crate::lineage::Operator;

/// Why a lineage cannot leave its process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct NotShippable {
    why: String,
    operator: Option<String>,
}

impl fmt::Display for NotShippable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.operator {
            Some(operator) => write!(f, "{operator}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl NotShippable {
    /// A closure captures variables, which a function found by its type cannot carry.
    pub fn closure() -> NotShippable {
        NotShippable::because(
            "its closure captures variables and cannot leave this process; \
             pass what it needs explicitly, as in `map_with(value, |value, x| ..)`",
        )
    }

    /// A value cannot be encoded; `why` says what is wrong with it.
    pub fn value(why: impl Into<String>) -> NotShippable {
        NotShippable::because(format!("a value cannot be encoded: {}", why.into()))
    }

    /// A `V` cannot be encoded. Names the type, because the codec drops what a type's own `Serialize` says.
    pub fn codec<V: ?Sized>(error: &postcard::Error) -> NotShippable {
        NotShippable::because(format!("a {} cannot be encoded: {}", type_name::<V>(), codec_reason(error)))
    }

    /// The node cannot travel at all; `why` says what stands against it.
    pub fn because(why: impl Into<String>) -> NotShippable {
        NotShippable { why: why.into(), operator: None }
    }

    /// The same, said of an operator, unless one is named already.
    pub fn at(mut self, operator: &Operator) -> NotShippable {
        self.operator.get_or_insert_with(|| operator.to_string());
        self
    }
}

/// Why an encoded lineage cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShipError {
    /// It was written by another program, or another build of this one.
    #[error(
        "the lineage comes from build {theirs:016x} and this process is build {ours:016x}; \
         start the driver and all executors from one and the same file"
    )]
    Build {
        /// The build id of the writer.
        theirs: u64,
        /// That of this process.
        ours: u64,
    },
    /// The file of this program could not be read, so nobody knows which build it is.
    #[error("the build id of this program cannot be found out: {0}")]
    NoBuild(String),
    /// It is cut off or changed, or never was a lineage.
    #[error("the lineage is damaged: its bytes are not those that were written; send it again")]
    Damaged,
    /// An entry names a place that holds no code of this program.
    #[error("an entry of the lineage names a place outside this program's code; it is not called")]
    Code,
    /// An entry is of another type than its reader expects.
    #[error("an entry of the lineage is not a {expected}: was it written by another build?")]
    Type {
        /// The Rust name of the type.
        expected: &'static str,
    },
    /// Parameters cannot be decoded.
    #[error("parameters of the lineage cannot be decoded: {0}")]
    Value(String),
}

impl ShipError {
    /// A `V` cannot be decoded.
    pub fn codec<V: ?Sized>(error: &postcard::Error) -> ShipError {
        ShipError::Value(format!("a {}: {}", type_name::<V>(), codec_reason(error)))
    }
}
