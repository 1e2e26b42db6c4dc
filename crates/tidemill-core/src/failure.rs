//! Why a task ends before its input does: `Stop`, and the `Cause` of a failure.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::BlockId;
use crate::shape::OtherShape;

/// Why a task stops early. Each kind is answered in its own way: a cancelled task is forgotten, a lost block is made
/// again before the task is, a failure is tried again as often as `spark.task.maxFailures` allows.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Stop {
    /// The task's job was cancelled or is over.
    #[error("the task was cancelled")]
    Cancelled,
    /// A block that the task reads is missing.
    #[error("block {0} is lost")]
    Lost(BlockId),
    /// The task failed.
    #[error(transparent)]
    Failed(#[from] Cause),
}

/// What made a task fail. Cheap to clone: two jobs that wait for one stage get the same cause.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The user's function panicked; the text is the panic's message.
    #[error("the function panicked: {0}")]
    Panic(String),
    /// The user's function returned an error.
    #[error("{0}")]
    User(Arc<dyn StdError + Send + Sync>),
    /// A file could not be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried, as a verb: "read", "write".
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// What memory cannot hold could not be written to disk.
    #[error(
        "cannot spill to {}: {source}; set spark.local.dir to a folder that can be written, on a disk with room, or let \
         more stay in memory: tidemill.memory.shuffle.limit, tidemill.memory.stored.limit, tidemill.memory.state.limit",
        path.display()
    )]
    Spill {
        /// The file or its folder.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A value could not be encoded or decoded.
    #[error("cannot {doing} a {type_name}: {}", codec_reason(source))]
    Codec {
        /// "encode" or "decode".
        doing: &'static str,
        /// The Rust name of the value's type.
        type_name: &'static str,
        /// What the codec said.
        source: postcard::Error,
    },
    /// A file holds something else than was written to it.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        why: &'static str,
    },
    /// What was kept of a state has another shape than the program's.
    #[error(transparent)]
    OtherShape(Arc<OtherShape>),
    /// The data or the program breaks a rule that the text states, with what to do about it.
    #[error("{0}")]
    Invalid(String),
}

impl Cause {
    /// A failure of the file at `path` while `doing` something with it.
    pub fn file(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Cause {
        Cause::File { doing, path: path.into(), source: Arc::new(source) }
    }

    /// A failure to write spilled data to `path`.
    pub fn spill(path: impl Into<PathBuf>, source: io::Error) -> Cause {
        Cause::Spill { path: path.into(), source: Arc::new(source) }
    }

    /// A panic of the user's function, from what `catch_unwind` caught.
    pub fn panic(caught: &(dyn Any + Send)) -> Cause {
        let text = caught.downcast_ref::<&str>().map(|text| (*text).to_string());
        let text = text.or_else(|| caught.downcast_ref::<String>().cloned());
        Cause::Panic(text.unwrap_or_else(|| "a value that is no text".into()))
    }

    /// A failure to encode or decode a `T`.
    pub fn codec<T: ?Sized>(doing: &'static str, source: postcard::Error) -> Cause {
        Cause::Codec { doing, type_name: std::any::type_name::<T>(), source }
    }
}

/// What a codec's error means. The codec drops the text of a type's own refusal, so this says which types refuse.
pub(crate) fn codec_reason(error: &postcard::Error) -> Cow<'static, str> {
    match error {
        postcard::Error::SerdeSerCustom => {
            "a value in it refuses; one in a `Local`, or a broadcast that was destroyed, cannot leave its process"
                .into()
        }
        postcard::Error::SerdeDeCustom => "a value in it refuses these bytes".into(),
        other => other.to_string().into(),
    }
}
