//! What a batch of a stream of files depends on, as bytes for the checkpoint.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidemill_core::ship::Bytes;
use tidemill_core::{Cause, Timestamp};

/// What a batch took, and from where on files are new.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Files that were modified at this time or before are never taken.
    pub(super) threshold: Timestamp,
    /// When the stream was made.
    pub(super) made: Timestamp,
    /// What was there then and counts as taken.
    pub(super) left_out: Vec<PathBuf>,
    /// The files of the batch, or why they are not known.
    pub(super) taken: Result<Vec<PathBuf>, Cause>,
}

/// The same, written down: times in microseconds since 1970, paths as the bytes that they are.
#[derive(Serialize, Deserialize)]
enum Written {
    Files { threshold: u64, made: u64, left_out: Vec<Bytes>, taken: Result<Vec<Bytes>, String> },
}

impl Entry {
    pub(super) fn encode(&self) -> Vec<u8> {
        let taken = self.taken.as_ref().map(|paths| bytes(paths)).map_err(ToString::to_string);
        let (threshold, made, left_out) = (self.threshold.micros(), self.made.micros(), bytes(&self.left_out));
        postcard::to_stdvec(&Written::Files { threshold, made, left_out, taken }).unwrap_or_default()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Entry, Cause> {
        let written = postcard::from_bytes(bytes).map_err(|error| Cause::codec::<Entry>("decode", error))?;
        let Written::Files { threshold, made, left_out, taken } = written;
        Ok(Entry {
            threshold: Timestamp::from_micros(threshold),
            made: Timestamp::from_micros(made),
            left_out: paths(left_out),
            taken: taken.map(paths).map_err(Cause::Invalid),
        })
    }
}

fn bytes(paths: &[PathBuf]) -> Vec<Bytes> {
    paths.iter().map(|path| Bytes(path.as_os_str().as_bytes().to_vec())).collect()
}

fn paths(bytes: Vec<Bytes>) -> Vec<PathBuf> {
    bytes.into_iter().map(|Bytes(bytes)| PathBuf::from(OsString::from_vec(bytes))).collect()
}
