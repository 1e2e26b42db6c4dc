//! Snapshots: all of a version of a state, a file for each piece of a partition, and a manifest that is written last.
//!
//! `<state>/snapshots/<version>-<line>/<partition>` is the first piece of a partition, `.../<partition>.1` the next, and so
//! on; `.../manifest` says which there are. Each file is
//! `magic | format u16 | length of the header u32 | header in postcard | contents | checksum u32 of all before it`,
//! little-endian. A folder without a manifest is one that was not finished, and counts for nothing.
//!
//! In files of format 1, which are still read, a partition has one piece: there is no number of the piece in its header, and
//! one number of bytes for each partition in the manifest.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidemill_core::Version;
use tidemill_core::shape::Shape;

use super::record::Line;
use crate::checkpoint::storage::{Listed, Place, Storage, StorageError};

const PARTITION_MAGIC: &[u8; 4] = b"TMSP";
const MANIFEST_MAGIC: &[u8; 4] = b"TMSM";
/// The format that is written, and the one of which a partition has one piece.
const FORMAT: u16 = 2;
const FORMAT_OF_ONE: u16 = 1;
/// Magic, version and length of the header.
const FIXED_BYTES: usize = 10;
const CHECKSUM_BYTES: usize = 4;
const MANIFEST: &str = "manifest";

/// What a snapshot is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The id of the operator.
    pub(super) operator: String,
    pub(super) line: Line,
    pub(super) version: Version,
    /// The shape of the entries.
    pub(super) shape: Shape,
    /// The bytes of the file of each piece of each partition.
    pub(super) partitions: Vec<Vec<u64>>,
}

/// What stands at the head of a piece's file, before the number of the piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    operator: String,
    line: Line,
    version: Version,
    partition: u32,
    shape: Shape,
}

/// A manifest of format 1, field by field.
type ManifestOfOne = (String, Line, Version, Shape, Vec<u64>);

impl Manifest {
    fn of_one((operator, line, version, shape, partitions): ManifestOfOne) -> Manifest {
        let partitions = partitions.into_iter().map(|bytes| vec![bytes]).collect();
        Manifest { operator, line, version, shape, partitions }
    }

    /// The bytes of all pieces.
    pub(super) fn bytes(&self) -> u64 {
        self.partitions.iter().flatten().sum()
    }

    /// The numbers of all pieces of a partition.
    pub(super) fn pieces(&self, partition: usize) -> std::ops::Range<usize> {
        0..self.partitions.get(partition).map_or(0, Vec::len)
    }

    fn head(&self, partition: usize) -> Head {
        let (operator, line, version) = (self.operator.clone(), self.line, self.version);
        Head { operator, line, version, partition: partition as u32, shape: self.shape.clone() }
    }

    /// Writes the next piece of the last partition in `folder`, that of all snapshots.
    pub(super) fn add(&mut self, storage: &dyn Storage, folder: &str, contents: &[u8]) -> Result<(), StorageError> {
        let Some(partition) = self.partitions.len().checked_sub(1) else { return Ok(()) };
        let piece = self.pieces(partition).end;
        let name = self.name(folder, partition, piece);
        let head = (self.head(partition), piece as u32);
        let file = sealed(PARTITION_MAGIC, &head, contents, storage, &name)?;
        storage.put(&name, &file)?;
        self.partitions[partition].push(file.len() as u64);
        Ok(())
    }

    /// Writes the manifest itself, and with it the snapshot is there.
    pub(super) fn finish(&self, storage: &dyn Storage, folder: &str) -> Result<(), StorageError> {
        let name = format!("{}/{MANIFEST}", self.folder(folder));
        storage.put(&name, &sealed(MANIFEST_MAGIC, self, &[], storage, &name)?)
    }

    /// The contents of the file of a piece.
    pub(super) fn read(
        &self,
        storage: &dyn Storage,
        folder: &str,
        partition: usize,
        piece: usize,
    ) -> Result<Vec<u8>, StorageError> {
        let name = self.name(folder, partition, piece);
        let file = storage.read(&name)?;
        let damaged = |text: &str| damaged(storage, &name, text);
        if self.partitions.get(partition).and_then(|pieces| pieces.get(piece)) != Some(&(file.len() as u64)) {
            return Err(damaged("it has another size than its manifest says"));
        }
        let opened = Opened::of(PARTITION_MAGIC, file).map_err(damaged)?;
        let head = match opened.format {
            FORMAT_OF_ONE => opened.head().map(|head: Head| (head, 0)),
            _ => opened.head::<(Head, u32)>(),
        };
        if head.map_err(damaged)? != (self.head(partition), piece as u32) {
            return Err(damaged("it is the file of another snapshot"));
        }
        Ok(opened.into_contents())
    }

    /// Removes the snapshot: the manifest first, so that nobody takes the rest for one.
    pub(super) fn remove(&self, storage: &dyn Storage, folder: &str) -> Result<(), StorageError> {
        storage.remove(&format!("{}/{MANIFEST}", self.folder(folder)))?;
        self.names(folder).try_for_each(|name| storage.remove(&name))
    }

    /// The names of all files but the manifest.
    fn names(&self, folder: &str) -> impl Iterator<Item = String> {
        let pieces =
            (0..self.partitions.len()).flat_map(|partition| self.pieces(partition).map(move |it| (partition, it)));
        pieces.map(|(partition, piece)| self.name(folder, partition, piece))
    }

    fn name(&self, folder: &str, partition: usize, piece: usize) -> String {
        let folder = self.folder(folder);
        if piece == 0 { format!("{folder}/{partition}") } else { format!("{folder}/{partition}.{piece}") }
    }

    fn folder(&self, folder: &str) -> String {
        format!("{folder}/{:020}-{}", self.version.0, self.line.number)
    }
}

/// The snapshots in a folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) manifests: Vec<Manifest>,
    /// Manifests that cannot be read, and why.
    pub(super) damaged: Vec<StorageError>,
    /// Files of snapshots that were not finished, or whose removal was not, and files beside a snapshot that are none of it.
    pub(super) loose: Vec<String>,
}

/// Looks for the snapshots of `operator` in `folder`.
pub(super) fn find(storage: &dyn Storage, folder: &str, operator: &str) -> Result<Found, StorageError> {
    let mut found = Found::default();
    let listed = storage.list(folder)?;
    let parent =
        |listed: &Listed| listed.name.rsplit_once('/').map(|(parent, _)| parent.to_string()).unwrap_or_default();
    for files in listed.chunk_by(|one, other| parent(one) == parent(other)) {
        let Some(manifest) = files.iter().find(|file| file.name.ends_with(&format!("/{MANIFEST}"))) else {
            found.loose.extend(files.iter().map(|file| file.name.clone()));
            continue;
        };
        match manifest_at(storage, folder, &manifest.name, operator) {
            Ok(read) => {
                let own: BTreeSet<String> = read.names(folder).collect();
                let others = files.iter().filter(|file| file.name != manifest.name && !own.contains(&file.name));
                found.loose.extend(others.map(|file| file.name.clone()));
                found.manifests.push(read);
            }
            Err(error @ StorageError::Damaged { .. }) => found.damaged.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn manifest_at(storage: &dyn Storage, folder: &str, name: &str, operator: &str) -> Result<Manifest, StorageError> {
    let damaged = |text: &str| damaged(storage, name, text);
    let opened = Opened::of(MANIFEST_MAGIC, storage.read(name)?).map_err(damaged)?;
    let manifest = match opened.format {
        FORMAT_OF_ONE => opened.head().map(Manifest::of_one),
        _ => opened.head::<Manifest>(),
    };
    let manifest = manifest.map_err(damaged)?;
    if manifest.operator != operator || name != format!("{}/{MANIFEST}", manifest.folder(folder)) {
        return Err(damaged("it is the manifest of another snapshot"));
    }
    if manifest.partitions.iter().any(Vec::is_empty) {
        return Err(damaged("a partition in it has no piece")); // an empty one has a piece too
    }
    Ok(manifest)
}

fn sealed<H: Serialize>(
    magic: &[u8; 4],
    head: &H,
    contents: &[u8],
    storage: &dyn Storage,
    name: &str,
) -> Result<Vec<u8>, StorageError> {
    let head =
        postcard::to_stdvec(head).map_err(|error| damaged(storage, name, &format!("cannot be written: {error}")))?;
    let mut file = Vec::with_capacity(FIXED_BYTES + head.len() + contents.len() + CHECKSUM_BYTES);
    file.extend_from_slice(magic);
    file.extend_from_slice(&FORMAT.to_le_bytes());
    file.extend_from_slice(&(head.len() as u32).to_le_bytes());
    file.extend_from_slice(&head);
    file.extend_from_slice(contents);
    let checksum = crc32fast::hash(&file);
    file.extend_from_slice(&checksum.to_le_bytes());
    Ok(file)
}

/// A file whose checksum fits, in a format that is known.
struct Opened {
    format: u16,
    file: Vec<u8>,
    head_bytes: usize,
}

impl Opened {
    /// The text says what is wrong.
    fn of(magic: &[u8; 4], file: Vec<u8>) -> Result<Opened, &'static str> {
        let (body, checksum) = file.split_last_chunk::<CHECKSUM_BYTES>().ok_or("it is too short")?;
        if !body.starts_with(magic) {
            return Err("it is no file of that kind");
        }
        if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
            return Err("its checksum does not fit");
        }
        let (fixed, rest) = body.split_first_chunk::<FIXED_BYTES>().ok_or("it is too short")?;
        let [_, _, _, _, low, high, length @ ..] = *fixed;
        let format = u16::from_le_bytes([low, high]);
        if format != FORMAT && format != FORMAT_OF_ONE {
            return Err("a newer release wrote it: use that");
        }
        let head_bytes = u32::from_le_bytes(length) as usize;
        rest.get(..head_bytes).ok_or("it is too short")?;
        Ok(Opened { format, head_bytes, file })
    }

    fn head<H: DeserializeOwned>(&self) -> Result<H, &'static str> {
        let head = self.file.get(FIXED_BYTES..FIXED_BYTES + self.head_bytes).unwrap_or_default();
        postcard::from_bytes(head).map_err(|_| "its header cannot be read")
    }

    fn into_contents(mut self) -> Vec<u8> {
        self.file.truncate(self.file.len() - CHECKSUM_BYTES);
        self.file.drain(..FIXED_BYTES + self.head_bytes);
        self.file
    }
}

fn damaged(storage: &dyn Storage, name: &str, text: &str) -> StorageError {
    StorageError::Damaged { place: Place::new(&storage.location().into(), name), offset: 0, text: text.into() }
}

/// The files that were written in format 1 for a snapshot of one partition: its own, and the manifest.
#[cfg(test)]
pub(super) fn files_of_one(manifest: &Manifest, contents: &[u8]) -> [Vec<u8>; 2] {
    let file = |magic: &[u8; 4], head: Vec<u8>, contents: &[u8]| {
        let length = (head.len() as u32).to_le_bytes();
        let mut file = [magic.as_slice(), &FORMAT_OF_ONE.to_le_bytes(), &length, &head, contents].concat();
        file.extend_from_slice(&crc32fast::hash(&file).to_le_bytes());
        file
    };
    let partition = file(PARTITION_MAGIC, postcard::to_stdvec(&manifest.head(0)).unwrap(), contents);
    let Manifest { operator, line, version, shape, .. } = manifest.clone();
    let head: ManifestOfOne = (operator, line, version, shape, vec![partition.len() as u64]);
    let manifest = file(MANIFEST_MAGIC, postcard::to_stdvec(&head).unwrap(), &[]);
    [partition, manifest]
}

#[cfg(test)]
mod tests;
