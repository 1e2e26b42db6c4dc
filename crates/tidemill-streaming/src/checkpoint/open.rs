//! `Checkpoint`: what an earlier run of a program has left, read and locked, for the next run to go on from.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidemill_core::Timestamp;
use tidemill_core::settings::Settings;

use crate::checkpoint::RecoveryError;
use crate::checkpoint::batches::{self, Found};
use crate::checkpoint::generations::{self, Generation, Pointer};
use crate::checkpoint::ledger::Ledger;
use crate::checkpoint::storage::{self, Storage};

/// The checkpoint of an earlier run. No other program can use its directory as long as this lives.
///
/// [`StreamingContext::recover`](crate::StreamingContext::recover) takes it, once the program is declared again.
pub struct Checkpoint {
    pub(crate) root: Arc<dyn Storage>,
    pub(crate) generation: u64,
    pub(crate) ledger: Ledger,
}

impl Checkpoint {
    /// The checkpoint in `location`, a folder or the URL of an object store; `None` where there is none, and it is to be begun
    /// anew. What of it cannot be read is warned of, and the newest part counts that can.
    ///
    /// # Errors
    /// There is one that cannot be read at all, that is another program's, or that another driver uses.
    pub fn open(location: impl AsRef<Path>, settings: &Settings) -> Result<Option<Checkpoint>, RecoveryError> {
        let location = location.as_ref().to_string_lossy();
        if !storage::exists(&location)? {
            return Ok(None);
        }
        Checkpoint::read(storage::open(&location, settings)?)
    }

    /// The checkpoint in a storage that the program has opened; `None` where there is none. Its counterpart is
    /// [`StreamingContext::checkpoint_in`](crate::StreamingContext::checkpoint_in).
    ///
    /// # Errors
    /// There is one that cannot be read at all, or that is another program's.
    pub fn read(root: Arc<dyn Storage>) -> Result<Option<Checkpoint>, RecoveryError> {
        let generation = match generations::pointer(&*root)? {
            Pointer::Absent => {
                generations::refuse_foreign(&*root)?;
                return Ok(None);
            }
            Pointer::To(generation) => generation,
            Pointer::Damaged => newest(&root)?,
        };
        let Found { ledger, damage } = batches::read(&*Generation::new(Arc::clone(&root), generation))?;
        if !damage.is_empty() {
            let damage: Vec<String> = damage.iter().map(ToString::to_string).collect();
            tracing::warn!(
                checkpoint = root.location(),
                damage = damage.join("; "),
                "The newest part of the checkpoint cannot be read. The program goes on from the one before it, of batch {}; \
                 batches after it may be run again with other input.",
                ledger.last.unwrap_or(ledger.program.zero),
            );
        }
        Ok(Some(Checkpoint { root, generation, ledger }))
    }

    /// Where it lies.
    pub fn location(&self) -> String {
        self.root.location()
    }

    /// The name of the program that wrote it.
    pub fn name(&self) -> &str {
        &self.ledger.program.name
    }

    /// The time between batches.
    pub fn interval(&self) -> Duration {
        self.ledger.program.interval
    }

    /// The time before the first batch.
    pub fn zero(&self) -> Timestamp {
        self.ledger.program.zero
    }

    /// The last batch whose input is known.
    pub fn last(&self) -> Option<Timestamp> {
        self.ledger.last.filter(|last| *last > self.zero())
    }

    /// The batches that have begun and are to be run again, in order of time.
    pub fn unfinished(&self) -> Vec<Timestamp> {
        let unfinished = self.ledger.batches.iter().filter(|(_, batch)| !batch.is_done);
        unfinished.map(|(time, _)| *time).collect()
    }

    /// The settings of the program that wrote it, but for secrets.
    pub fn settings(&self) -> &[(String, String)] {
        &self.ledger.program.settings
    }

    /// What [`StreamingContext::keep_program`](crate::StreamingContext::keep_program) has kept of the program.
    pub fn program(&self) -> Option<&[u8]> {
        self.ledger.program.code.as_ref().map(|code| code.0.as_slice())
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checkpoint({}, generation {})", self.location(), self.generation)
    }
}

/// The newest generation whose log can be read, where it is not known which counts.
fn newest(root: &Arc<dyn Storage>) -> Result<u64, RecoveryError> {
    let unreadable = |reason: String| RecoveryError::Unreadable { location: root.location(), reason };
    let mut reason = "it is not known which part of it counts".to_owned();
    for generation in generations::generations(&**root)?.into_iter().rev() {
        match batches::read(&*Generation::new(Arc::clone(root), generation)) {
            Ok(_) => return Ok(generation),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(unreadable(reason))
}
