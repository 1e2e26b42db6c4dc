//! What is on the disk: as the running machine sees it, and as it is after a crash.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use super::Random;
use crate::checkpoint::storage::Entry;

/// What a disk writes as a whole.
const SECTOR_BYTES: usize = 512;
/// So many files without a name are kept before they are looked for.
const NAMELESS_MAX: usize = 64;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Folder,
    File(u64),
}

/// A change of names that is not durable yet.
#[derive(Clone, Debug)]
enum Change {
    Add(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, Node),
}

/// A file's content. It only grows.
#[derive(Clone, Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// So many of the bytes are durable.
    synced: usize,
    /// A sync failed: no later one does anything.
    spoiled: bool,
}

#[derive(Debug)]
pub(super) struct Platter {
    files: BTreeMap<u64, Content>,
    files_made: u64,
    /// The names that the running machine sees.
    names: BTreeMap<PathBuf, Node>,
    /// The names that survive a crash.
    durable: BTreeMap<PathBuf, Node>,
    /// What leads from the durable names to the others, in order.
    changes: Vec<Change>,
}

impl Platter {
    pub(super) fn new(folders: &[&Path]) -> Platter {
        let names: BTreeMap<PathBuf, Node> = folders.iter().map(|path| (path.to_path_buf(), Node::Folder)).collect();
        Platter { files: BTreeMap::new(), files_made: 0, durable: names.clone(), names, changes: Vec::new() }
    }

    pub(super) fn node(&self, path: &Path) -> io::Result<Node> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<u64> {
        match self.node(path)? {
            Node::File(file) => Ok(file),
            Node::Folder => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn bytes(&self, file: u64) -> u64 {
        self.files.get(&file).map_or(0, |content| content.bytes.len() as u64)
    }

    pub(super) fn has_name(&self, file: u64) -> bool {
        self.names.values().any(|node| *node == Node::File(file))
    }

    pub(super) fn add(&mut self, path: &Path, node: Node) -> io::Result<()> {
        if self.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.check_folder(path.parent().unwrap_or(path))?;
        self.change(Change::Add(path.into(), node));
        Ok(())
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<u64> {
        let file = self.files_made;
        self.add(path, Node::File(file))?;
        self.files_made += 1;
        self.files.insert(file, Content::default());
        Ok(file)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if from.parent() != to.parent() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "the simulated disk renames within a folder only"));
        }
        let file = self.file(from)?;
        self.change(Change::Rename(from.into(), to.into(), Node::File(file)));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        self.change(Change::Remove(path.into()));
        Ok(())
    }

    pub(super) fn write(&mut self, file: u64, bytes: &[u8]) {
        if let Some(content) = self.files.get_mut(&file) {
            content.bytes.extend_from_slice(bytes);
        }
    }

    pub(super) fn sync(&mut self, file: u64) {
        if let Some(content) = self.files.get_mut(&file).filter(|content| !content.spoiled) {
            content.synced = content.bytes.len();
        }
    }

    pub(super) fn spoil(&mut self, file: u64) {
        if let Some(content) = self.files.get_mut(&file) {
            content.spoiled = true;
        }
    }

    pub(super) fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        self.check_folder(folder)?;
        for change in std::mem::take(&mut self.changes) {
            if change.path().parent() == Some(folder) {
                change.apply(&mut self.durable);
            } else {
                self.changes.push(change);
            }
        }
        if self.files.len() > 2 * self.names.len() + NAMELESS_MAX {
            self.forget_nameless();
        }
        Ok(())
    }

    pub(super) fn read(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let file = self.file(path)?;
        let bytes = self.files.get(&file).map_or(&[][..], |content| &content.bytes);
        let start = usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
        Ok(bytes[start..start.saturating_add(length).min(bytes.len())].to_vec())
    }

    pub(super) fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        self.check_folder(folder)?;
        let children = self.names.iter().filter(|(path, _)| path.parent() == Some(folder));
        let entry = |(path, node): (&PathBuf, &Node)| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match node {
                Node::Folder => Entry { name, is_folder: true, bytes: 0 },
                Node::File(file) => Entry { name, is_folder: false, bytes: self.bytes(*file) },
            }
        };
        Ok(children.map(entry).collect())
    }

    /// Keeps what is durable, and what chance keeps of the rest.
    pub(super) fn crash(&mut self, random: &mut Random) {
        let percent = [0, 50, 90, 100][random.below(4) as usize];
        for change in std::mem::take(&mut self.changes) {
            if random.chance(percent) {
                change.apply(&mut self.durable);
            }
        }
        // A folder whose name is lost takes everything in it along.
        let folders = self.durable.clone();
        let is_reachable = |path: &Path| path.ancestors().skip(1).all(|it| folders.get(it) == Some(&Node::Folder));
        self.durable.retain(|path, _| is_reachable(path));
        self.names = self.durable.clone();
        self.forget_nameless();
        self.files.values_mut().for_each(|content| content.crash(random));
    }

    fn check_folder(&self, path: &Path) -> io::Result<()> {
        match self.node(path)? {
            Node::Folder => Ok(()),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    fn forget_nameless(&mut self) {
        let changed = self.changes.iter().filter_map(Change::node);
        let named: HashSet<u64> = self
            .names
            .values()
            .chain(self.durable.values())
            .copied()
            .chain(changed)
            .filter_map(|node| if let Node::File(file) = node { Some(file) } else { None })
            .collect();
        self.files.retain(|file, _| named.contains(file));
    }
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Change::Add(path, _) | Change::Remove(path) | Change::Rename(_, path, _) => path,
        }
    }

    fn node(&self) -> Option<Node> {
        match self {
            Change::Add(_, node) | Change::Rename(_, _, node) => Some(*node),
            Change::Remove(_) => None,
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Change::Add(path, node) => drop(names.insert(path.clone(), *node)),
            Change::Remove(path) => drop(names.remove(path)),
            Change::Rename(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }
}

impl Content {
    /// Of what is not synced, some length stays, and of that some sectors.
    fn crash(&mut self, random: &mut Random) {
        let unsynced = self.bytes.len() - self.synced;
        let kept = match random.below(3) {
            0 => 0,
            1 => unsynced,
            _ => random.below(unsynced as u64 + 1) as usize,
        };
        self.bytes.truncate(self.synced + kept);
        let percent = [0, 50][random.below(2) as usize];
        for sector in self.bytes[self.synced..].chunks_mut(SECTOR_BYTES) {
            if random.chance(percent) {
                sector.fill(0);
            }
        }
        *self = Content { synced: self.bytes.len(), bytes: std::mem::take(&mut self.bytes), spoiled: false };
    }
}
