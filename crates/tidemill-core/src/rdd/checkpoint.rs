//! `checkpoint`: partitions written to files, and an RDD that reads them and has no lineage.

use std::fs::{self, File};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::context::Context;
use crate::error::Error;
use crate::files::checksummed::{ChecksummedReader, ChecksummedWriter};
use crate::lineage::{Dependency, Lineage, Meta, Node, Operator};
use crate::rdd::{Rdd, run_job};
use crate::runs::{BoxRuns, Runs, run_len};
use crate::ship::{Decoded, Decoder, Encoder, Function, NotShippable, ShipError};
use crate::task::TaskContext;
use crate::{Cause, Element, Stop};

mod local;

impl<T: Element> Rdd<T> {
    /// Writes each partition to a file below the checkpoint directory and returns an RDD that reads these files: Spark's
    /// `RDD.checkpoint`. The returned RDD has no parents, so that long lineages can be forgotten, and a lost partition costs
    /// no more than reading.
    ///
    /// Other than Spark's, which only marks the RDD and computes it once more after its first job, this one runs its own job
    /// at once, and it is the returned RDD that is checkpointed. `cache` what is needed otherwise too. The files stay until
    /// someone removes them, or until [`release_checkpoint`](Rdd::release_checkpoint). Without [`Context::set_checkpoint_dir`] it is an error.
    ///
    /// See [`Context::set_checkpoint_dir`] for an example.
    #[track_caller]
    pub fn checkpoint(&self) -> Result<Rdd<T>, Error> {
        let operator = Operator::here("checkpoint");
        let meta = self.context().meta("checkpoint", self.num_partitions(), self.layout().cloned());
        let Some(dir) = self.context().checkpoint_dir() else { return Err(Error::driver(&operator, no_directory())) };
        let folder = dir.join(format!("rdd-{}", meta.id.0));
        let unfinished = dir.join(format!(".rdd-{}.writing", meta.id.0));
        let written = self.write_files(&operator, &unfinished).and_then(|()| {
            publish(&unfinished, &folder)
                .map_err(|error| Error::driver(&operator, Cause::file("write the checkpoint", &folder, error)))
        });
        if let Err(error) = written {
            fs::remove_dir_all(&unfinished).unwrap_or_else(|error| {
                tracing::warn!(%error, folder = %unfinished.display(), "What a failed checkpoint wrote is left behind.");
            });
            return Err(error);
        }
        Ok(Rdd::new(self.context(), Arc::new(CheckpointFiles::new(meta, folder, true))))
    }

    fn write_files(&self, operator: &Operator, folder: &Path) -> Result<(), Error> {
        let made = fs::create_dir_all(folder);
        made.map_err(|error| Error::driver(operator, Cause::file("create", folder, error)))?;
        let code = Function { env: folder.to_path_buf(), call: () };
        let all = self.all_partitions();
        run_job(self, operator.clone(), all, code, |mut drawn, folder: &Function<PathBuf, ()>| {
            let path = part(&folder.env, drawn.cx.partition());
            let mut writer = ChecksummedWriter::create(&path, std::any::type_name::<T>())?;
            drawn.for_each_run(|run| {
                for elements in run.chunks(run_len::<T>()) {
                    let frame = postcard::to_stdvec(elements).map_err(|e| Cause::codec::<T>("encode", e))?;
                    writer.write(&frame)?;
                }
                Ok(())
            })?;
            Ok(writer.publish()?)
        })?;
        Ok(())
    }

    /// Whether it reads what [`checkpoint`](Rdd::checkpoint) wrote: Spark's `isCheckpointed`.
    pub fn is_checkpointed(&self) -> bool {
        self.checkpoint_file().is_some()
    }

    /// The folder of its checkpoint: Spark's `getCheckpointFile`.
    pub fn checkpoint_file(&self) -> Option<PathBuf> {
        self.node().checkpoint_folder().map(Path::to_path_buf)
    }
}

impl<T: 'static> Rdd<T> {
    /// Nobody needs its checkpoint after this program's last handle on it, be it one of an RDD made of it: the files that
    /// [`checkpoint`](Rdd::checkpoint) wrote are removed with that handle. Of any other RDD nothing changes. Streams, which
    /// checkpoint again and again, call it for what they forget.
    ///
    /// ```
    /// let folder = tempfile::tempdir()?;
    /// let context = tidemill_core::Context::local(2)?;
    /// context.set_checkpoint_dir(folder.path())?;
    /// let kept = context.parallelize(1..=3, 2).checkpoint()?;
    /// let (files, doubled) = (kept.checkpoint_file().unwrap(), kept.map(|x| x * 2));
    /// kept.release_checkpoint();
    /// drop(kept);
    /// assert_eq!(doubled.collect()?, [2, 4, 6]);
    /// drop(doubled);
    /// assert!(!files.exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release_checkpoint(&self) {
        self.node().release_checkpoint();
    }
}

impl Context {
    /// The RDD that was checkpointed to a folder, perhaps by an earlier run of the program: Spark's `checkpointFile`.
    #[track_caller]
    pub fn read_checkpoint<T: Element>(&self, folder: impl AsRef<Path>) -> Result<Rdd<T>, Error> {
        self.read_parts("read_checkpoint", folder.as_ref().to_path_buf())
    }

    /// The elements in the files of a folder, a partition a file, for the operator called `name`.
    #[track_caller]
    pub(super) fn read_parts<T: Element>(&self, name: &'static str, folder: PathBuf) -> Result<Rdd<T>, Error> {
        let operator = Operator::here(name);
        let listed = fs::read_dir(&folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let entries = listed.map_err(|error| Error::driver(&operator, Cause::file("read", &folder, error)))?;
        let partitions =
            entries.iter().filter(|entry| entry.file_name().to_string_lossy().starts_with("part-")).count();
        let meta = self.meta(name, partitions, None);
        Ok(Rdd::new(self, Arc::new(CheckpointFiles::new(meta, folder, false))))
    }
}

fn no_directory() -> Cause {
    Cause::Invalid(
        "Checkpoint directory has not been set in the SparkContext: call `set_checkpoint_dir` on the context first"
            .into(),
    )
}

fn part(folder: &Path, partition: usize) -> PathBuf {
    folder.join(format!("part-{partition:05}"))
}

/// Gives a finished folder its name, so that it appears as a whole.
fn publish(unfinished: &Path, folder: &Path) -> std::io::Result<()> {
    fs::rename(unfinished, folder)?;
    folder.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// Reads the files of a checkpoint.
struct CheckpointFiles<T> {
    meta: Meta,
    folder: PathBuf,
    /// Whether it made the files.
    made: bool,
    /// The files go with it.
    released: AtomicBool,
    element: PhantomData<fn() -> T>,
}

impl<T> CheckpointFiles<T> {
    fn new(meta: Meta, folder: PathBuf, made: bool) -> CheckpointFiles<T> {
        CheckpointFiles { meta, folder, made, released: AtomicBool::new(false), element: PhantomData }
    }
}

impl<T> Drop for CheckpointFiles<T> {
    fn drop(&mut self) {
        if self.released.load(Ordering::SeqCst)
            && let Err(error) = fs::remove_dir_all(&self.folder)
        {
            tracing::warn!(%error, folder = %self.folder.display(), "A checkpoint that is not needed any more stays.");
        }
    }
}

impl<T: Element> Lineage for CheckpointFiles<T> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        Vec::new()
    }

    fn checkpoint_folder(&self) -> Option<&Path> {
        Some(&self.folder)
    }

    fn release_checkpoint(&self) {
        self.released.store(self.made, Ordering::SeqCst);
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        out.node::<Self>(decode::<T>, &self.meta, &[], &self.folder)
    }
}

fn decode<T: Element>(decoder: &mut Decoder) -> Result<Decoded, ShipError> {
    let (meta, _, folder): (Meta, Vec<u32>, PathBuf) = decoder.value::<CheckpointFiles<T>, _>()?;
    let node: Arc<dyn Node<T>> = Arc::new(CheckpointFiles::new(meta, folder, false));
    Ok(Box::new(node))
}

impl<T: Element> Node<T> for CheckpointFiles<T> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<T>, Stop> {
        cx.enter(self.meta.id);
        let reader = ChecksummedReader::open(&part(&self.folder, partition), std::any::type_name::<T>())?;
        Ok(Box::new(FileRuns { reader, frame: Vec::new(), cx: Arc::clone(cx) }))
    }
}

struct FileRuns {
    reader: ChecksummedReader,
    frame: Vec<u8>,
    cx: Arc<TaskContext>,
}

impl<T: Element> Runs<T> for FileRuns {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        loop {
            self.cx.check()?;
            if !self.reader.next(&mut self.frame)? {
                return Ok(false);
            }
            let mut elements: Vec<T> = postcard::from_bytes(&self.frame).map_err(|e| Cause::codec::<T>("decode", e))?;
            if !elements.is_empty() {
                into.append(&mut elements);
                return Ok(true);
            }
        }
    }
}
