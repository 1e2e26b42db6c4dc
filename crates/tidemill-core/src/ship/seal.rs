//! The seal of an encoded lineage: which build wrote it, and a checksum.
//!
//! `build id (8 bytes) | CRC-32 of the table (4 bytes) | table`, integers in little-endian order. It is looked at before
//! anything is decoded, because an entry of the table is a place to call.

use super::{NotShippable, ShipError, build_id, check_build};

/// Bytes before the table.
const SEAL_BYTES: usize = 12;

/// A table with its seal; `write` adds the table to the bytes that it is given.
pub(super) fn seal(write: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, NotShippable>) -> Result<Vec<u8>, NotShippable> {
    let build = build_id().map_err(|error| NotShippable::because(ShipError::NoBuild(error.to_string()).to_string()))?;
    let mut sealed = build.to_le_bytes().to_vec();
    sealed.resize(SEAL_BYTES, 0);
    let mut sealed = write(sealed)?;
    if let Some((seal, table)) = sealed.split_at_mut_checked(SEAL_BYTES)
        && let Some(crc) = seal.get_mut(8..)
    {
        crc.copy_from_slice(&crc32fast::hash(table).to_le_bytes());
    }
    Ok(sealed)
}

/// The table, if this build wrote it and it is unchanged.
pub(super) fn open(sealed: &[u8]) -> Result<&[u8], ShipError> {
    let (build, rest) = sealed.split_first_chunk::<8>().ok_or(ShipError::Damaged)?;
    let (crc, table) = rest.split_first_chunk::<4>().ok_or(ShipError::Damaged)?;
    check_build(u64::from_le_bytes(*build))?;
    if crc32fast::hash(table) == u32::from_le_bytes(*crc) { Ok(table) } else { Err(ShipError::Damaged) }
}
