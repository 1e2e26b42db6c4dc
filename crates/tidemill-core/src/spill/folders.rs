//! Where spill files go: in turn to each of the folders of `spark.local.dir`, and elsewhere if one takes no more.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::{Builder, TempDir, TempPath};

use crate::Cause;
use crate::memory::Pool;

/// Makes and removes the directories of spill files. Clones are handles of the same ones.
#[derive(Clone, Debug)]
pub struct SpillDir(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folders: Vec<Folder>,
    /// Counts the files, each of which goes to the next folder.
    files: AtomicUsize,
    state_told: AtomicBool,
}

/// One of the folders that the user named.
#[derive(Debug)]
struct Folder {
    local: PathBuf,
    own: Mutex<Option<TempDir>>,
    /// It could not be written the last time; it is tried again where all others fail.
    failed: AtomicBool,
}

impl SpillDir {
    /// A directory under `local`, which is made when the first file is written to it (and `local` too, if need be).
    pub fn new(local: impl Into<PathBuf>) -> SpillDir {
        SpillDir::across([local])
    }

    /// Tells, the first time, that state past its limit of so many bytes goes to disk: whoever wonders why batches take
    /// longer finds it in the log.
    pub fn tell_of_state(&self, limit: u64) {
        if !self.0.state_told.swap(true, Relaxed) {
            let setting = Pool::State.setting();
            tracing::info!(
                limit,
                "State takes more memory than {setting} allows: from now on what changed longest ago goes to disk, and \
                 batches may take longer."
            );
        }
    }

    /// A directory under each of `locals`, which get the files in turn. One that cannot be written, or is full, is warned
    /// of and left out as long as another can be written.
    pub fn across(locals: impl IntoIterator<Item = impl Into<PathBuf>>) -> SpillDir {
        let folder = |local: PathBuf| Folder { local, own: Mutex::default(), failed: AtomicBool::new(false) };
        let folders = locals.into_iter().map(|local| folder(local.into())).collect();
        SpillDir(Arc::new(Inner { folders, files: AtomicUsize::new(0), state_told: AtomicBool::new(false) }))
    }

    /// Makes an empty folder, which goes with what is returned: for files that have to be whole before they go elsewhere.
    pub(crate) fn create_folder(&self) -> Result<TempDir, Cause> {
        let (made, _) = self.make_beside(&[], |builder, dir| builder.prefix("staging-").tempdir_in(dir))?;
        Ok(made)
    }

    /// Makes an empty file.
    pub(super) fn create(&self) -> Result<SpillOut, Cause> {
        self.create_beside(&[])
    }

    /// Makes an empty file, in none of the folders whose places are `tried`.
    fn create_beside(&self, tried: &[usize]) -> Result<SpillOut, Cause> {
        let make = |builder: &mut Builder<'_, '_>, dir: &Path| builder.prefix("spill-").tempfile_in(dir);
        let (made, place) = self.make_beside(tried, make)?;
        let (file, path) = made.into_parts();
        Ok(SpillOut { file, path, place, written: 0, dir: self.clone() })
    }

    /// What `make` makes in the first folder that takes it, and the place of that; in none whose places are `tried`.
    fn make_beside<M>(
        &self,
        tried: &[usize],
        make: impl Fn(&mut Builder<'_, '_>, &Path) -> io::Result<M>,
    ) -> Result<(M, usize), Cause> {
        let mut first_error = None;
        for place in self.order().into_iter().filter(|place| !tried.contains(place)) {
            let Some(folder) = self.0.folders.get(place) else { continue };
            match folder.make(&make) {
                Ok(made) => {
                    folder.failed.store(false, Relaxed);
                    return Ok((made, place));
                }
                Err((path, error)) => {
                    self.leave_out(folder, &path, &error);
                    first_error.get_or_insert(Cause::spill(path, error));
                }
            }
        }
        let nowhere = || Cause::spill("nowhere", io::Error::new(io::ErrorKind::NotFound, "no folder is named"));
        Err(first_error.unwrap_or_else(nowhere))
    }

    /// The places of all folders, in the order in which they are to be tried: those that failed come last.
    fn order(&self) -> Vec<usize> {
        let failed = |place: &usize| self.0.folders.get(*place).is_some_and(|folder| folder.failed.load(Relaxed));
        let (failed, mut sound): (Vec<usize>, Vec<usize>) = (0..self.0.folders.len()).partition(failed);
        let turn = self.0.files.fetch_add(1, Relaxed) % sound.len().max(1);
        sound.rotate_left(turn);
        sound.extend(failed);
        sound
    }

    fn leave_out(&self, folder: &Folder, path: &Path, error: &io::Error) {
        if !folder.failed.swap(true, Relaxed) && self.0.folders.len() > 1 {
            let (folder, path) = (folder.local.display(), path.display());
            tracing::warn!(%folder, %path, %error, "A folder of spark.local.dir cannot be written and is left out.");
        }
    }
}

impl Folder {
    /// What `make` makes in the folder of this process, or what could not be made and why.
    fn make<M>(
        &self,
        make: impl FnOnce(&mut Builder<'_, '_>, &Path) -> io::Result<M>,
    ) -> Result<M, (PathBuf, io::Error)> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match own.take() {
            Some(made) => made,
            None => self.create_own().map_err(|error| (self.local.clone(), error))?,
        };
        let dir = own.insert(made).path();
        make(&mut Builder::new(), dir).map_err(|error| (dir.to_path_buf(), error))
    }

    fn create_own(&self) -> io::Result<TempDir> {
        fs::create_dir_all(&self.local)?;
        let mut builder = Builder::new();
        builder.prefix("tidemill-spill-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        builder.tempdir_in(&self.local)
    }
}

/// A file that is being written. Where its folder takes no more it goes on in another one.
#[derive(Debug)]
pub(super) struct SpillOut {
    pub(super) file: File,
    pub(super) path: TempPath,
    /// The place of its folder.
    place: usize,
    /// How many bytes are in the file for certain; an attempt that failed may have left more.
    written: u64,
    pub(super) dir: SpillDir,
}

impl SpillOut {
    /// Writes what there is so far, and then `bytes`, to a file in another folder; `error` if there is none.
    fn go_elsewhere(&mut self, bytes: &[u8], error: io::Error) -> io::Result<()> {
        let mut tried = vec![self.place];
        self.leave_out(&error);
        while let Ok(mut other) = self.dir.create_beside(&tried) {
            match other.take_over(self, bytes) {
                Ok(()) => {
                    *self = other;
                    return Ok(());
                }
                Err(error) => other.leave_out(&error),
            }
            tried.push(other.place);
        }
        Err(error)
    }

    fn take_over(&mut self, other: &SpillOut, bytes: &[u8]) -> io::Result<()> {
        let copied = io::copy(&mut File::open(&other.path)?.take(other.written), &mut self.file)?;
        if copied < other.written {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.write_all(bytes)?;
        self.written = copied + bytes.len() as u64;
        Ok(())
    }

    fn leave_out(&self, error: &io::Error) {
        if let Some(folder) = self.dir.0.folders.get(self.place) {
            self.dir.leave_out(folder, &self.path, error);
        }
    }
}

impl Write for SpillOut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.written += bytes.len() as u64;
                Ok(())
            }
            Err(error) => self.go_elsewhere(bytes, error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
