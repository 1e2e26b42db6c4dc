//! The checkpoint directory of a streaming context.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill_core::Timestamp;
use tidemill_core::settings::Settings;

use crate::checkpoint::storage::{self, Storage};
use crate::checkpoint::{Checkpoint, RecoveryError};
use crate::context::catch_up::{CatchingUp, Progress};
use crate::context::recovery::Again;
use crate::context::{Checkpoints, State, StreamingContext};
use crate::error::Error;
use crate::event::{CatchUp, StreamingEvent};

impl StreamingContext {
    /// Sets where checkpoints go, for streams and for RDDs, and makes the folder: Spark's `checkpoint` (behaviour 1.11).
    /// Stateful streams and `DStream::checkpoint` need one. It is a folder or the URL of an object store, where RDDs have no
    /// checkpoints.
    ///
    /// From the start on it holds what the next run of the program needs to go on; it goes on where it is made by
    /// [`get_or_create`](StreamingContext::get_or_create), and else begins anew, with a warning.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the folder cannot be made.
    pub fn checkpoint(&self, directory: impl AsRef<Path>) -> Result<(), Error> {
        let directory = directory.as_ref();
        if !storage::is_remote(&directory.to_string_lossy()) {
            let failed = |cause| Error::Checkpoint { directory: directory.to_path_buf(), cause: Arc::new(cause) };
            // For this user alone: what a checkpoint holds is trusted. What cannot be made is told of by the next call.
            let _ = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
            self.context().set_checkpoint_dir(directory).map_err(failed)?;
        }
        self.live().checkpoints = Some(Checkpoints::Directory(directory.to_path_buf()));
        Ok(())
    }

    /// Lets checkpoints go to a storage that the program has opened, in the place of a directory: for tests, and for storages
    /// of other crates. [`Checkpoint::read`] finds them there again. RDDs have no checkpoints in it.
    pub fn checkpoint_in(&self, storage: Arc<dyn Storage>) {
        self.live().checkpoints = Some(Checkpoints::Storage(storage));
    }

    /// Takes back what [`checkpoint`](StreamingContext::checkpoint) has set: Spark's `checkpoint(None)` (behaviour 1.11).
    pub fn without_checkpoints(&self) {
        self.live().checkpoints = None;
    }

    /// The directory where checkpoints go, if one was set.
    pub fn checkpoint_directory(&self) -> Option<PathBuf> {
        match &self.live().checkpoints {
            Some(Checkpoints::Directory(directory)) => Some(directory.clone()),
            Some(Checkpoints::Storage(_)) | None => None,
        }
    }

    /// The program that `setup` declares, going on from the checkpoint in `directory` where there is one: Spark's
    /// `getOrCreate` (behaviour 1.2).
    ///
    /// Spark takes the program itself from the checkpoint (behaviour 6.22). A checkpoint of Tidemill holds no Rust code, so
    /// `setup` is called in any case, and its operators are matched by their ids ([`DStream::uid`](crate::DStream::uid)). So
    /// the code may have changed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidemill_core::Context;
    /// use tidemill_streaming::StreamingContext;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let streaming = StreamingContext::get_or_create(folder.path(), || {
    ///     let streaming = StreamingContext::new(&Context::local(2).unwrap(), Duration::from_secs(1))?;
    ///     let lines = streaming.text_file_stream("incoming");
    ///     lines.count().print(10);
    ///     Ok(streaming)
    /// })?;
    /// assert_eq!(streaming.checkpoint_directory().as_deref(), Some(folder.path()));
    /// # streaming.stop(false);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of `setup`; [`Error::Recovery`] for a checkpoint that cannot be read or does not go with the program. It is never
    /// begun anew then.
    pub fn get_or_create(
        directory: impl AsRef<Path>,
        setup: impl FnOnce() -> Result<StreamingContext, Error>,
    ) -> Result<StreamingContext, Error> {
        let directory = directory.as_ref();
        let checkpoint = Checkpoint::open(directory, &Settings::new())?;
        let streaming = setup()?;
        if streaming.checkpoint_directory().is_none() {
            streaming.checkpoint(directory)?;
        }
        if let Some(checkpoint) = checkpoint {
            streaming.recover(checkpoint)?;
        }
        Ok(streaming)
    }

    /// Lets the start go on from `checkpoint`.
    ///
    /// # Errors
    /// [`RecoveryError::Interval`]; [`Error::AlreadyStarted`] does not come from here: a context that was started stays as it
    /// is, and this is [`Error::AlreadyStopped`] for one that is over.
    pub fn recover(&self, checkpoint: Checkpoint) -> Result<(), Error> {
        let (before, now) = (checkpoint.interval(), self.interval());
        if before != now {
            return Err(RecoveryError::Interval { location: checkpoint.location(), before, now }.into());
        }
        let mut live = self.live();
        if live.state != State::Initialized {
            return Err(Error::AlreadyStopped);
        }
        live.recovered = Some(checkpoint);
        Ok(())
    }

    /// Keeps what `program` gives in the checkpoint, for [`Checkpoint::program`]: how a language above Rust declares its
    /// program again. It is asked at the start and with each batch, and written where it has changed.
    pub fn keep_program(&self, program: impl Fn() -> Result<Vec<u8>, Error> + Send + Sync + 'static) {
        self.live().code = Some(Arc::new(program));
    }

    /// Whether the batch of `time` will not be run again, whatever happens to the process: what it made of states is in the
    /// checkpoint.
    pub fn is_kept(&self, time: Timestamp) -> bool {
        let durable = self.live().durable.clone();
        durable.is_some_and(|durable| durable.batches.ledger().is_done(time))
    }

    /// What is to be kept of the program now.
    pub(super) fn code(&self) -> Result<Option<Vec<u8>>, Error> {
        let code = self.live().code.clone();
        code.map(|code| code()).transpose()
    }

    /// Removes the checkpoints of RDDs that an earlier run of this program has left: nobody knows them any more.
    pub(super) fn remove_old_rdds(&self) {
        let (Some(directory), Some(own)) = (self.checkpoint_directory(), self.context().checkpoint_dir()) else {
            return;
        };
        let folders = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_old = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("checkpoints-")) && *path != own
        };
        for folder in folders.filter(is_old) {
            if let Err(error) = std::fs::remove_dir_all(&folder) {
                tracing::warn!(%error, folder = %folder.display(), "Checkpoints of RDDs of an earlier run stay.");
            }
        }
    }

    /// Whether there are checkpoints, wherever they go.
    pub(crate) fn has_checkpoints(&self) -> bool {
        self.live().checkpoints.is_some()
    }

    /// The storage where checkpoints go; none without them.
    pub(super) fn open_checkpoints(&self) -> Result<Option<Arc<dyn Storage>>, RecoveryError> {
        let checkpoints = self.live().checkpoints.clone();
        Ok(match checkpoints {
            None => None,
            Some(Checkpoints::Storage(storage)) => Some(storage),
            Some(Checkpoints::Directory(directory)) => {
                Some(storage::open(&directory.to_string_lossy(), self.context().config().written())?)
            }
        })
    }

    /// How many batch times have passed since the batch of `last`.
    pub(super) fn missed(&self, now: Timestamp, last: Timestamp) -> u64 {
        (now.since(last).as_micros() / self.interval().as_micros().max(1)) as u64
    }

    /// Tells how far the context has caught up, now that the batch of `time` is over.
    pub(super) fn caught_up(&self, time: Timestamp) {
        let mut live = self.live();
        let Some(catching_up) = live.catching_up.as_mut() else { return };
        let (total, progress) = (catching_up.total(), catching_up.over(time, self.clock().monotonic()));
        live.catching_up.take_if(|_| matches!(progress, Progress::CaughtUp(_)));
        drop(live);
        match progress {
            Progress::Same => {}
            Progress::Over(over) => tracing::info!("Catching up: {over} of {total} batches are over."),
            Progress::CaughtUp(after) => tracing::info!("Caught up with {total} batches in {} ms.", after.as_millis()),
        }
    }

    /// Tells that the context goes on from a checkpoint, and what it has to catch up with.
    pub(super) fn announce(&self, now: Timestamp, last: Timestamp, again: &[Again]) {
        let missed = self.missed(now, last);
        let unfinished: Vec<Timestamp> = again.iter().filter(|it| it.outputs).map(|it| it.time).collect();
        if unfinished.is_empty() && missed == 0 {
            return;
        }
        tracing::info!(
            unfinished = unfinished.len(),
            missed,
            "Going on from the checkpoint: the last batch that was planned is that of {last}. Batches that were not finished run \
             again with their input, then one for each interval that was missed."
        );
        let total = unfinished.len() as u64 + missed;
        self.live().catching_up = Some(CatchingUp::new(now, total, self.clock().monotonic()));
        self.post(StreamingEvent::Recovered(CatchUp { time: now, last, unfinished, missed }));
    }
}
