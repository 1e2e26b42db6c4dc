//! What goes over the pipes and sockets between driver and executor: frames of a length and postcard bytes.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidemill_core::lineage::Operator;
use tidemill_core::ship::Bytes;
use tidemill_core::{BlockId, ShuffleId};

/// What the driver says.
#[derive(Serialize, Deserialize)]
pub(crate) enum Order {
    /// The first word: which build the driver is, and what its executors share.
    Hello { build: u64, seed: u64 },
    /// What a map task wrote is kept at `home`, to be fetched from there.
    At { shuffle: ShuffleId, map: u32, home: String },
    /// Forget what is known of a shuffle.
    Drop(ShuffleId),
    /// Run a map task of an encoded stage.
    Map { stage: Bytes, partition: u32 },
    /// Run a result task.
    Result { stage: Bytes, partition: u32 },
    /// Start an encoded service.
    Start(Bytes),
    /// Stop the service that was started first of those that run.
    Stop,
}

/// What the executor answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// To a hello: it is the same build. `address` is where a static of the program lies in this process.
    Welcome { process: u32, address: u64 },
    /// The order cannot be followed; after a hello the executor ends.
    Refused(String),
    /// What a task made, encoded.
    Made(Bytes),
    /// A service started, or ended.
    Service,
    /// A task misses a block.
    Lost(BlockId),
    /// A task failed, in the code of `operator`.
    Failed { why: String, operator: Option<Operator> },
}

/// A length beyond this is noise, not a frame.
const FRAME_BYTES_MAX: u32 = 256 << 20;

pub(crate) fn send(to: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let bytes = postcard::to_stdvec(what).map_err(io::Error::other)?;
    to.write_all(&(bytes.len() as u32).to_le_bytes())?;
    to.write_all(&bytes)?;
    to.flush()
}

/// The next frame; `None` at the end of the stream.
pub(crate) fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length);
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::other(format!("a frame of {length} bytes")));
    }
    let mut bytes = vec![0; length as usize];
    from.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes).map(Some).map_err(io::Error::other)
}
