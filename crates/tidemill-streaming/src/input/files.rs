//! Streams of files: each batch takes the files that are new in a folder.
//!
//! [`selection`] decides which files, [`listing`] looks what there is, [`streams`] is what users call. A batch gets its
//! files at its time and has the same ones whenever it is run; they are read when it is run.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::files::globs::is_hidden;
use tidemill_core::files::paths::uri;
use tidemill_core::lineage::Operator;
use tidemill_core::settings::keys;
use tidemill_core::{Cause, Clock, Context, Rdd, Timestamp};

use crate::context::StreamingContext;
use crate::dstream::{Compute, Computed};
use crate::error::Error;
use crate::event::InputInfo;
use crate::input::files::entry::Entry;
use crate::input::files::listing::Folders;
use crate::input::files::selection::Selection;
use crate::input::{Input, InputId};

mod entry;
mod listing;
mod options;
mod selection;
mod streams;

pub use options::FileOptions;

/// By how much the times of files may lag behind: Linux stamps them with a clock that goes by its ticks, 10 ms at most. So
/// a file that is written right after the stream was made may look older than the stream.
const STAMPS_LAG_MOST: Duration = Duration::from_millis(10);

/// A stream's folders and what was taken of them.
struct FileInput {
    id: InputId,
    operator: Operator,
    interval: Duration,
    clock: Arc<dyn Clock>,
    options: FileOptions,
    /// Wrong ones are told at the start.
    folders: Result<Folders, Cause>,
    state: Mutex<State>,
}

struct State {
    selection: Selection,
    /// The files of each batch that is not forgotten, or why they are not known.
    batches: BTreeMap<Timestamp, Result<Vec<PathBuf>, Cause>>,
    /// When the stream was made: what was there then counts as taken.
    made: Timestamp,
    /// It goes on from an earlier run.
    restored: bool,
    /// It was warned that there is no folder, and there was none since.
    warned: bool,
}

impl FileInput {
    fn new(
        streaming: &StreamingContext,
        id: InputId,
        operator: Operator,
        folders: Result<Folders, Cause>,
        options: FileOptions,
    ) -> FileInput {
        let context = streaming.context();
        let (clock, interval) = (Arc::clone(streaming.clock()), streaming.interval());
        // Of now, when the stream is made, not of the start: what is written in between is read.
        let now = clock.now();
        let threshold = if options.new_files_only { now - STAMPS_LAG_MOST } else { Timestamp::default() };
        let mut selection = Selection::new(threshold, context.config().get(keys::MIN_REMEMBER_DURATION), interval);
        if options.new_files_only {
            let there = folders.as_ref().ok().and_then(|folders| folders.list().ok().flatten());
            selection.leave_out(there.unwrap_or_default(), now);
        }
        let state =
            Mutex::new(State { selection, batches: BTreeMap::new(), made: now, restored: false, warned: false });
        FileInput { id, operator, interval, clock, options, folders, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the batch of `time` takes.
    fn find(&self, time: Timestamp) -> Result<Vec<PathBuf>, Cause> {
        let folders = self.folders.as_ref().map_err(Cause::clone)?;
        let began = self.clock.monotonic();
        let found = folders.list()?;
        let took = self.clock.monotonic().saturating_sub(began);
        if took > self.interval {
            tracing::warn!(
                folder = folders.pattern(),
                ?took,
                "Listing the files of a folder takes longer than a batch; move files away that were read, or use longer \
                 batches."
            );
        }
        let mut state = self.state();
        if found.is_none() && !state.warned {
            tracing::warn!(folder = folders.pattern(), "No directory to scan; batches are empty until there is one.");
        }
        state.warned = found.is_none();
        Ok(state.selection.take(found.unwrap_or_default(), time, &*self.options.filter))
    }
}

impl Input for FileInput {
    fn id(&self) -> InputId {
        self.id
    }

    fn name(&self) -> String {
        format!("File stream [{}]", self.id.stream)
    }

    fn start(&self) -> Result<(), Error> {
        let wrong = |cause: &Cause| Error::InputStart { input: self.operator.clone(), cause: cause.clone() };
        self.folders.as_ref().map(drop).map_err(wrong)
    }

    fn allocate(&self, time: Timestamp) -> Option<InputInfo> {
        let known = self.state().batches.contains_key(&time);
        if !known {
            // The filter is the user's.
            let found = catch_unwind(AssertUnwindSafe(|| self.find(time)));
            let files = found.unwrap_or_else(|panic| Err(Cause::panic(&*panic)));
            self.state().batches.insert(time, files);
        }
        let state = self.state();
        let files = state.batches.get(&time).and_then(|files| files.as_ref().ok());
        let names: Vec<String> = files.into_iter().flatten().map(|path| uri(path)).collect();
        let names = names.join("\n");
        let metadata = BTreeMap::from([("files".to_owned(), names.clone())]);
        Some(InputInfo { records: 0, metadata, description: Some(names) })
    }

    fn entry(&self, time: Timestamp) -> Vec<u8> {
        let state = self.state();
        let taken = state.batches.get(&time).cloned().unwrap_or_else(|| Ok(Vec::new()));
        let left_out = state.selection.taken_at(state.made).to_vec();
        let entry = Entry { threshold: state.selection.threshold(), made: state.made, left_out, taken };
        entry.encode()
    }

    fn restore(&self, time: Timestamp, entry: &[u8]) -> Result<(), Error> {
        let wrong = |cause| Error::Input { time, input: self.operator.clone(), cause };
        let Entry { threshold, made, left_out, taken } = Entry::decode(entry).map_err(wrong)?;
        let mut state = self.state();
        if !std::mem::replace(&mut state.restored, true) {
            state.selection.go_on_from(threshold);
            state.selection.took(made, &left_out);
            state.made = made;
        }
        state.selection.took(time, taken.as_deref().unwrap_or_default());
        state.batches.insert(time, taken);
        Ok(())
    }

    fn keeps(&self) -> Duration {
        self.state().selection.window() + self.interval
    }
}

/// The stream of the files' records.
struct Files<F> {
    input: Arc<FileInput>,
    /// Makes the RDD of a file.
    read: F,
}

impl<T, F> Compute<T> for Files<F>
where
    T: 'static,
    F: Fn(&Context, &Path) -> Result<Rdd<T>, tidemill_core::Error> + Send + Sync + 'static,
{
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<T> {
        let failed = |cause| Error::Input { time, input: self.input.operator.clone(), cause };
        let files = self.input.state().batches.get(&time).cloned().unwrap_or_else(|| Ok(Vec::new()));
        let mut rdds = Vec::new();
        for file in files.map_err(failed)? {
            let rdd = (self.read)(streaming.context(), &file).map_err(|error| failed(cause_of(error)))?;
            if rdd.num_partitions() == 0 {
                tracing::warn!(
                    file = %file.display(),
                    "A file has no data in it. If it is still being written: what comes later is not read; write files \
                     elsewhere and move them in when they are complete."
                );
            }
            rdds.push(rdd);
        }
        Ok(Some(if rdds.is_empty() { streaming.context().empty() } else { streaming.context().union(&rdds) }))
    }

    fn input(&self) -> Option<u32> {
        Some(self.input.id.stream)
    }

    fn forget(&self, time: Timestamp) {
        let batches = &mut self.input.state().batches;
        *batches = batches.split_off(&Timestamp::from_micros(time.micros().saturating_add(1)));
    }
}

/// Refuses a file that the readers of Hadoop, and so those of Spark, do not see (behaviour 1.14).
fn refuse_hidden(operator: &Operator, path: &Path) -> Result<(), tidemill_core::Error> {
    if !path.file_name().is_some_and(|name| is_hidden(&name.to_string_lossy())) {
        return Ok(());
    }
    let cause = Cause::Invalid(format!(
        "Input path does not exist: {}: a name that begins with _ or . is hidden; write such files into another folder, or \
         give the stream a filter that leaves them out",
        uri(path)
    ));
    Err(tidemill_core::Error::Driver { operator: operator.clone(), cause })
}

/// What an error says besides its operator, which the stream names itself.
fn cause_of(error: tidemill_core::Error) -> Cause {
    match error {
        tidemill_core::Error::Driver { cause, .. } => cause,
        other => Cause::User(Arc::new(other)),
    }
}
