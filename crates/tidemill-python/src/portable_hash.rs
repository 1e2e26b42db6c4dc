//! `portable_hash`: PySpark's hash of keys, equal in the driver, in every worker and in the engine.
//!
//! Workers run with `PYTHONHASHSEED=0`, where CPython hashes text by SipHash with a key of zeros. This is the same
//! function, over Python objects in a driver whose seed is another, and over columns that no Python ever sees.

use std::sync::OnceLock;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};
use siphasher::sip::{SipHasher13, SipHasher24};

/// What CPython hashes text by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// From 3.11 on.
    Sip13,
    /// Before.
    Sip24,
}

impl Algorithm {
    /// That of an interpreter, by the name in its `sys.hash_info`.
    pub fn named(name: &str) -> Option<Algorithm> {
        match name {
            "siphash13" => Some(Algorithm::Sip13),
            "siphash24" => Some(Algorithm::Sip24),
            _ => None,
        }
    }

    /// The hash of a `str`.
    pub fn text(self, text: &str) -> i64 {
        if text.is_ascii() {
            return self.bytes(text.as_bytes());
        }
        self.code_points(text.chars().map(u32::from))
    }

    /// The hash of a value as it stands in a column of `kind`; none for kinds whose values do not stand alone.
    pub fn of_column(self, kind: u8, value: &[u8]) -> Option<i64> {
        Some(match kind {
            b's' | b'z' if value.is_ascii() => self.bytes(value),
            b's' | b'z' => self.text(std::str::from_utf8(value).ok()?),
            b'q' => integer(i64::from_le_bytes(value.try_into().ok()?)),
            b'd' => float(f64::from_le_bytes(value.try_into().ok()?)),
            b'b' => i64::from(value.first().is_some_and(|byte| *byte != 0)),
            b'n' => 0,
            b'y' => self.bytes(value),
            _ => return None,
        })
    }

    /// The hash of a `bytes`.
    pub fn bytes(self, bytes: &[u8]) -> i64 {
        if bytes.is_empty() {
            return 0;
        }
        let hash = match self {
            Algorithm::Sip13 => SipHasher13::new().hash(bytes),
            Algorithm::Sip24 => SipHasher24::new().hash(bytes),
        };
        usable(hash as i64)
    }

    /// The hash of a `str` of these code points, surrogates among them: as CPython stores them, in one, two or four bytes
    /// each, as the greatest one needs.
    fn code_points(self, points: impl Iterator<Item = u32> + Clone) -> i64 {
        let width = match points.clone().max() {
            None | Some(0..=0xff) => 1,
            Some(0x100..=0xffff) => 2,
            Some(_) => 4,
        };
        let stored: Vec<u8> = points.flat_map(|point| point.to_le_bytes().into_iter().take(width)).collect();
        self.bytes(&stored)
    }
}

/// The modulus of CPython's hashes of numbers.
const MODULUS: u64 = (1 << 61) - 1;
/// What infinity hashes to.
const INFINITY: i64 = 314_159;

/// The hash of an `int`.
pub fn integer(value: i64) -> i64 {
    let reduced = (value.unsigned_abs() % MODULUS) as i64;
    usable(if value < 0 { -reduced } else { reduced })
}

/// The hash of a `float`; that of NaN is of no meaning, as in Python, and 0 here.
pub fn float(value: f64) -> i64 {
    if value.is_nan() {
        return 0;
    }
    if value.is_infinite() {
        return if value > 0.0 { INFINITY } else { -INFINITY };
    }
    // The fraction times a power of two, modulo a Mersenne prime: a power of two is a rotation of 61 bits.
    let bits = value.abs().to_bits();
    let (raw, fraction) = ((bits >> 52) as i64, bits & ((1 << 52) - 1));
    let (mantissa, exponent) = if raw == 0 { (fraction, -1074) } else { (fraction | 1 << 52, raw - 1075) };
    let shift = exponent.rem_euclid(61) as u32;
    let rotated = if shift == 0 { mantissa } else { (mantissa << shift & MODULUS) | mantissa >> (61 - shift) };
    let reduced = if rotated == MODULUS { 0 } else { rotated } as i64;
    usable(if value < 0.0 { -reduced } else { reduced })
}

/// CPython keeps -1 for errors.
fn usable(hash: i64) -> i64 {
    if hash == -1 { -2 } else { hash }
}

/// Mixes the hashes of a tuple's elements: PySpark's own rule, CPython 2.7's.
pub fn tuple(elements: impl ExactSizeIterator<Item = i64>) -> i64 {
    let length = elements.len() as i64;
    let mixed = elements.fold(0x34_5678, |hash: i64, element| (hash ^ element).wrapping_mul(1_000_003) & i64::MAX);
    mixed ^ length
}

/// The bucket of a hash among `buckets`, as Python's `%` has it.
pub fn bucket(hash: i64, buckets: u32) -> u32 {
    hash.rem_euclid(i64::from(buckets.max(1))) as u32
}

static FOUND: OnceLock<Algorithm> = OnceLock::new();

/// The algorithm of the interpreter that this module is loaded into, once somebody asked it.
pub fn known_algorithm() -> Option<Algorithm> {
    FOUND.get().copied()
}

/// The algorithm of the interpreter that this module is loaded into.
///
/// # Errors
/// It hashes text in a way that is not known here.
pub fn algorithm(py: Python<'_>) -> PyResult<Algorithm> {
    if let Some(found) = FOUND.get() {
        return Ok(*found);
    }
    let name: String = py.import("sys")?.getattr("hash_info")?.getattr("algorithm")?.extract()?;
    let found = Algorithm::named(&name).ok_or_else(|| {
        PyRuntimeError::new_err(format!(
            "this Python hashes text by {name}, and siphash13 or siphash24 is needed to place keys; use a usual build of it"
        ))
    })?;
    Ok(*FOUND.get_or_init(|| found))
}

/// PySpark's `portable_hash`: equal in the driver and in all workers. What is neither None, number, text, bytes nor a tuple
/// of such hashes as the interpreter says.
#[pyfunction]
#[pyo3(name = "portable_hash", text_signature = "(x)")]
pub(crate) fn portable_hash(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    if value.is_none() {
        return Ok(0);
    }
    if let Ok(elements) = value.cast::<PyTuple>() {
        let hashes = elements.iter().map(|element| portable_hash(&element)).collect::<PyResult<Vec<i64>>>()?;
        return Ok(tuple(hashes.into_iter()));
    }
    if let Ok(text) = value.cast::<PyString>()
        && hashes_as::<PyString>(value)?
    {
        return text_hash(text);
    }
    if let Ok(bytes) = value.cast::<PyBytes>()
        && hashes_as::<PyBytes>(value)?
    {
        return Ok(algorithm(value.py())?.bytes(bytes.as_bytes()));
    }
    Ok(value.hash()? as i64)
}

/// Whether the class of `value`, a kind of `T`, has no hash of its own.
fn hashes_as<T: pyo3::PyTypeInfo>(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is_exact_instance_of::<T>() {
        return Ok(true);
    }
    let own = value.get_type().getattr("__hash__")?;
    Ok(own.is(value.py().get_type::<T>().getattr("__hash__")?))
}

fn text_hash(text: &Bound<'_, PyString>) -> PyResult<i64> {
    let algorithm = algorithm(text.py())?;
    if let Ok(valid) = text.to_cow() {
        return Ok(algorithm.text(&valid));
    }
    let encoded = text.call_method1("encode", ("utf-32-le", "surrogatepass"))?;
    let encoded = encoded.cast::<PyBytes>()?;
    let (points, _) = encoded.as_bytes().as_chunks::<4>();
    Ok(algorithm.code_points(points.iter().map(|point| u32::from_le_bytes(*point))))
}

#[cfg(test)]
mod tests;
