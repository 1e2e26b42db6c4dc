//! What lies in a checkpoint, for people who look into it: nothing is changed, and no lock is taken.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidemill_core::Timestamp;
use tidemill_core::settings::Settings;

use crate::checkpoint::RecoveryError;
use crate::checkpoint::batches::{self, Found};
use crate::checkpoint::generations::{self, Generation, Pointer};
use crate::checkpoint::ledger::Ledger;
use crate::checkpoint::log::scan;
use crate::checkpoint::states::{self, KeptVersions};
use crate::checkpoint::storage::{self, Storage, StorageError};
use crate::graph::ids::Role;
use crate::receiver::log::RECEIVED_FOLDER;

/// What lies in a checkpoint.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Where it is.
    pub location: String,
    /// How often a program began anew there.
    pub generation: u64,
    /// The name of the program.
    pub name: String,
    /// The time between batches.
    pub interval: Duration,
    /// The time before the first batch.
    pub zero: Timestamp,
    /// The last batch that was planned.
    pub last: Option<Timestamp>,
    /// The batches whose input is still needed, oldest first.
    pub batches: Vec<SurveyedBatch>,
    /// The operators that have an id.
    pub operators: Vec<SurveyedOperator>,
    /// The logs of receivers: folder, segments and bytes.
    pub received: Vec<(String, usize, u64)>,
    /// The files of all kinds, and their bytes.
    pub files: (usize, u64),
    /// What cannot be read, in words.
    pub damage: Vec<String>,
}

/// A batch whose input is still needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedBatch {
    /// Its time.
    pub time: Timestamp,
    /// Whether it is done: else it is run again.
    pub is_done: bool,
    /// The inputs that it holds something of, and how many bytes say what.
    pub inputs: Vec<(String, usize)>,
}

/// An operator that has an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedOperator {
    /// Its id.
    pub id: String,
    /// "source", "state", "window" or "output".
    pub role: &'static str,
    /// Its name and source line.
    pub operator: String,
    /// What is kept of its state.
    pub state: Option<KeptVersions>,
}

/// Looks into the checkpoint in `location`; `None` where there is none. With `whole`, every byte of every file is read and
/// checked.
///
/// # Errors
/// It cannot be read at all.
pub fn survey(location: impl AsRef<Path>, settings: &Settings, whole: bool) -> Result<Option<Survey>, RecoveryError> {
    let location = location.as_ref().to_string_lossy();
    if !storage::exists(&location)? {
        return Ok(None);
    }
    let root = storage::open_to_read(&location, settings)?;
    let mut damage = Vec::new();
    let generation = match generations::pointer(&*root)? {
        Pointer::Absent => return Ok(None),
        Pointer::To(generation) => generation,
        Pointer::Damaged => {
            damage.push("the file `checkpoint`, which names the generation that counts".to_owned());
            let found = generations::generations(&*root)?;
            let reason = || "it is not known which part of it counts".to_owned();
            *found.last().ok_or_else(|| RecoveryError::Unreadable { location: root.location(), reason: reason() })?
        }
    };
    let storage: Arc<dyn Storage> = Generation::new(Arc::clone(&root), generation);
    let Found { ledger, damage: lost } = batches::read(&*storage)?;
    damage.extend(lost.iter().map(|damage| format!("{}: {damage}", batches::FOLDER)));
    let listed = storage.list("")?;
    let files = (listed.len(), listed.iter().map(|file| file.bytes).sum());
    let received = received(&*storage, whole, &mut damage)?;
    let operators = operators(&*storage, &ledger, whole, &mut damage)?;
    let Ledger { program, batches, last } = ledger;
    let batches = batches.into_iter().map(|(time, batch)| SurveyedBatch {
        time,
        is_done: batch.is_done,
        inputs: batch.inputs.into_iter().map(|(id, entry)| (id, entry.len())).filter(|it| it.1 > 0).collect(),
    });
    Ok(Some(Survey {
        location: root.location(),
        generation,
        name: program.name,
        interval: program.interval,
        zero: program.zero,
        last,
        batches: batches.collect(),
        operators,
        received,
        files,
        damage,
    }))
}

fn operators(
    storage: &dyn Storage,
    ledger: &Ledger,
    whole: bool,
    damage: &mut Vec<String>,
) -> Result<Vec<SurveyedOperator>, StorageError> {
    let mut operators = Vec::new();
    for entry in &ledger.program.operators {
        let state = match entry.role {
            Role::State => Some(states::survey(storage, &entry.id, whole)?),
            _ => None,
        };
        damage.extend(state.iter().flat_map(|state| state.damage.iter().cloned()));
        let role = match entry.role {
            Role::Source => "source",
            Role::State => "state",
            Role::Window => "window",
            Role::Output => "output",
        };
        operators.push(SurveyedOperator { id: entry.id.clone(), role, operator: entry.operator.clone(), state });
    }
    Ok(operators)
}

fn received(
    storage: &dyn Storage,
    whole: bool,
    damage: &mut Vec<String>,
) -> Result<Vec<(String, usize, u64)>, StorageError> {
    let listed = storage.list(RECEIVED_FOLDER)?;
    let folder = |name: &str| name.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let mut logs = Vec::new();
    for files in listed.chunk_by(|one, other| folder(&one.name) == folder(&other.name)) {
        let Some(first) = files.first() else { continue };
        let folder = folder(&first.name);
        if whole {
            let found = scan(storage, &folder, &mut |_, _| Ok(()))?;
            damage.extend(found.damage.iter().map(|damage| format!("{folder}: {damage}")));
        }
        logs.push((folder, files.len(), files.iter().map(|file| file.bytes).sum()));
    }
    Ok(logs)
}
