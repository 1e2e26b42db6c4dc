//! Snapshots: all of a version of a state, one file a partition, and a manifest that is written last.
//!
//! `<state>/snapshots/<version>-<line>/<partition>` and `.../manifest`. Each file is
//! `magic | version u16 | length of the header u32 | header in postcard | contents | checksum u32 of all before it`,
//! little-endian. A folder without a manifest is one that was not finished, and counts for nothing.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidemill_core::Version;
use tidemill_core::shape::Shape;

use super::record::Line;
use crate::checkpoint::storage::{Listed, Place, Storage, StorageError};

const PARTITION_MAGIC: &[u8; 4] = b"TMSP";
const MANIFEST_MAGIC: &[u8; 4] = b"TMSM";
/// The only version so far.
const FORMAT: u16 = 1;
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
    /// The bytes of the file of each partition.
    pub(super) partitions: Vec<u64>,
}

/// What stands at the head of a partition's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    operator: String,
    line: Line,
    version: Version,
    partition: u32,
    shape: Shape,
}

impl Manifest {
    /// The bytes of all partitions.
    pub(super) fn bytes(&self) -> u64 {
        self.partitions.iter().sum()
    }

    fn head(&self, partition: usize) -> Head {
        let (operator, line, version) = (self.operator.clone(), self.line, self.version);
        Head { operator, line, version, partition: partition as u32, shape: self.shape.clone() }
    }

    /// Writes the file of the next partition in `folder`, that of all snapshots.
    pub(super) fn add(&mut self, storage: &dyn Storage, folder: &str, contents: &[u8]) -> Result<(), StorageError> {
        let partition = self.partitions.len();
        let name = format!("{}/{partition}", self.folder(folder));
        let file = sealed(PARTITION_MAGIC, &self.head(partition), contents, storage, &name)?;
        storage.put(&name, &file)?;
        self.partitions.push(file.len() as u64);
        Ok(())
    }

    /// Writes the manifest itself, and with it the snapshot is there.
    pub(super) fn finish(&self, storage: &dyn Storage, folder: &str) -> Result<(), StorageError> {
        let name = format!("{}/{MANIFEST}", self.folder(folder));
        storage.put(&name, &sealed(MANIFEST_MAGIC, self, &[], storage, &name)?)
    }

    /// The contents of the file of a partition.
    pub(super) fn read(&self, storage: &dyn Storage, folder: &str, partition: usize) -> Result<Vec<u8>, StorageError> {
        let name = format!("{}/{partition}", self.folder(folder));
        let file = storage.read(&name)?;
        let damaged = |text: &str| damaged(storage, &name, text);
        if self.partitions.get(partition) != Some(&(file.len() as u64)) {
            return Err(damaged("it has another size than its manifest says"));
        }
        let (head, contents) = opened::<Head>(PARTITION_MAGIC, file).map_err(damaged)?;
        if head != self.head(partition) {
            return Err(damaged("it is the file of another snapshot"));
        }
        Ok(contents)
    }

    /// Removes the snapshot: the manifest first, so that nobody takes the rest for one.
    pub(super) fn remove(&self, storage: &dyn Storage, folder: &str) -> Result<(), StorageError> {
        let folder = self.folder(folder);
        storage.remove(&format!("{folder}/{MANIFEST}"))?;
        (0..self.partitions.len()).try_for_each(|partition| storage.remove(&format!("{folder}/{partition}")))
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
    /// Files of snapshots that were not finished, or whose removal was not.
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
            Ok(manifest) => found.manifests.push(manifest),
            Err(error @ StorageError::Damaged { .. }) => found.damaged.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn manifest_at(storage: &dyn Storage, folder: &str, name: &str, operator: &str) -> Result<Manifest, StorageError> {
    let (manifest, _) =
        opened::<Manifest>(MANIFEST_MAGIC, storage.read(name)?).map_err(|text| damaged(storage, name, text))?;
    if manifest.operator != operator || name != format!("{}/{MANIFEST}", manifest.folder(folder)) {
        return Err(damaged(storage, name, "it is the manifest of another snapshot"));
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

/// The header and the contents of a file; the text says what is wrong.
fn opened<H: DeserializeOwned>(magic: &[u8; 4], mut file: Vec<u8>) -> Result<(H, Vec<u8>), &'static str> {
    let (body, checksum) = file.split_last_chunk::<CHECKSUM_BYTES>().ok_or("it is too short")?;
    if !body.starts_with(magic) {
        return Err("it is no file of that kind");
    }
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err("its checksum does not fit");
    }
    let (fixed, rest) = body.split_first_chunk::<FIXED_BYTES>().ok_or("it is too short")?;
    let [_, _, _, _, low, high, length @ ..] = *fixed;
    if u16::from_le_bytes([low, high]) != FORMAT {
        return Err("a newer release wrote it: use that");
    }
    let length = u32::from_le_bytes(length) as usize;
    let head = rest.get(..length).ok_or("it is too short")?;
    let head = postcard::from_bytes(head).map_err(|_| "its header cannot be read")?;
    let end = file.len() - CHECKSUM_BYTES;
    file.truncate(end);
    file.drain(..FIXED_BYTES + length);
    Ok((head, file))
}

fn damaged(storage: &dyn Storage, name: &str, text: &str) -> StorageError {
    StorageError::Damaged { place: Place::new(&storage.location().into(), name), offset: 0, text: text.into() }
}
