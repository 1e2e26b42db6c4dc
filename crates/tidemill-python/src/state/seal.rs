//! Seals on states in checkpoints: states are pickles, and whoever may write a pickle may run programs.
//!
//! ```text
//! 0  body                      not signed
//! 1  HMAC-SHA256 of body  body
//! ```

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tidemill_core::Cause;

const PLAIN: u8 = 0;
const SIGNED: u8 = 1;
const SIGNATURE_BYTES: usize = 32;
/// The most that a seal adds.
pub(super) const SEAL_BYTES: usize = 1 + SIGNATURE_BYTES;

/// Signs what goes into checkpoints where there is a secret (`tidemill.checkpoint.secret`), and reads it back.
#[derive(Default)]
pub struct Seal {
    secret: Option<String>,
    reads: Mutex<Reads>,
}

/// What is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// What is not signed too: nobody else can write where it comes from. A signature has to be right where there is a secret.
    #[default]
    Private,
    /// Only what is signed: others may write there.
    Signed,
    /// All: the program says so.
    All,
}

impl Seal {
    /// Signs with this secret.
    pub fn new(secret: Option<&str>) -> Seal {
        let secret = secret.filter(|secret| !secret.is_empty()).map(str::to_owned);
        Seal { secret, reads: Mutex::default() }
    }

    /// What is read from now on.
    pub fn set_reads(&self, reads: Reads) {
        *self.reads.lock().unwrap_or_else(PoisonError::into_inner) = reads;
    }

    /// The body as it goes into a checkpoint. It is not copied if it has [`SEAL_BYTES`] of capacity to spare.
    pub(super) fn close(&self, mut body: Vec<u8>) -> Result<Vec<u8>, Cause> {
        let mut head = Vec::with_capacity(SEAL_BYTES);
        match &self.secret {
            None => head.push(PLAIN),
            Some(secret) => {
                head.push(SIGNED);
                head.extend(signature(secret, &body)?);
            }
        }
        body.splice(0..0, head);
        Ok(body)
    }

    /// The body of what comes out of a checkpoint.
    ///
    /// # Errors
    /// It may not be read.
    pub(super) fn open<'a>(&self, sealed: &'a [u8]) -> Result<&'a [u8], Cause> {
        let reads = *self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((tag, rest)) = sealed.split_first() else { return Err(refused()) };
        let (signed, body) = match *tag {
            PLAIN => return if reads == Reads::Signed { Err(refused()) } else { Ok(rest) },
            SIGNED if rest.len() >= SIGNATURE_BYTES => rest.split_at(SIGNATURE_BYTES),
            _ => return Err(refused()),
        };
        let is_good = match (reads, &self.secret) {
            (Reads::All, _) | (Reads::Private, None) => true,
            (Reads::Signed, None) => false,
            (_, Some(secret)) => is_same(signed, &signature(secret, body)?)?,
        };
        if is_good { Ok(body) } else { Err(refused()) }
    }
}

fn refused() -> Cause {
    let text = "states in the checkpoint are not signed with this tidemill.checkpoint.secret, or changed since; they were not \
                read. Give the secret that wrote them, or trust=True if you know that nobody else can write there";
    Cause::Invalid(text.into())
}

fn signature(secret: &str, body: &[u8]) -> Result<Vec<u8>, Cause> {
    asked(|py| {
        let arguments = (PyBytes::new(py, secret.as_bytes()), PyBytes::new(py, body), "sha256");
        py.import("hmac")?.call_method1("digest", arguments)?.extract()
    })
}

/// Compares without telling by the time that it takes how much of it is right.
fn is_same(one: &[u8], other: &[u8]) -> Result<bool, Cause> {
    asked(|py| {
        let arguments = (PyBytes::new(py, one), PyBytes::new(py, other));
        py.import("hmac")?.call_method1("compare_digest", arguments)?.extract()
    })
}

fn asked<R>(ask: impl FnOnce(Python<'_>) -> PyResult<R>) -> Result<R, Cause> {
    Python::attach(ask).map_err(|error| Cause::Invalid(format!("a state cannot be signed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_read_by_those_who_have_the_secret() {
        Python::initialize();
        let [plain, one, two] = [None, Some("one"), Some("two")].map(Seal::new);
        let sealed = [plain.close(b"state".to_vec()).unwrap(), one.close(b"state".to_vec()).unwrap()];
        // Who reads, what it reads, and what is then read of the plain and of the signed one.
        let table = [
            (&plain, Reads::Private, [true, true]),
            (&plain, Reads::Signed, [false, false]),
            (&plain, Reads::All, [true, true]),
            (&one, Reads::Private, [true, true]),
            (&one, Reads::Signed, [false, true]),
            (&one, Reads::All, [true, true]),
            (&two, Reads::Private, [true, false]),
            (&two, Reads::Signed, [false, false]),
            (&two, Reads::All, [true, true]),
        ];
        for (at, (seal, reads, expected)) in table.into_iter().enumerate() {
            seal.set_reads(reads);
            for (sealed, is_read) in sealed.iter().zip(expected) {
                assert_eq!(seal.open(sealed).ok(), is_read.then_some(b"state".as_slice()), "row {at}");
            }
        }
        one.set_reads(Reads::Signed);
        for at in 0..sealed[1].len() {
            let mut changed = sealed[1].clone();
            changed[at] ^= 1;
            assert!(one.open(&changed).is_err(), "byte {at}");
            assert!(one.open(&sealed[1][..at]).is_err(), "cut at {at}");
        }
    }
}
