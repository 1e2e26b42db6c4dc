//! What is kept of a state, for people who look into a checkpoint.

use tidemill_core::Timestamp;

use super::folder::{deltas_in, folder_of, snapshots_in};
use super::history::History;
use super::snapshot;
use crate::checkpoint::storage::{Storage, StorageError};
use crate::state::time_of;

/// What is kept of a state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptVersions {
    /// The batch of the newest version that can be loaded; none where there is none.
    pub newest: Option<Timestamp>,
    /// The batches of the snapshots, oldest first, and their bytes.
    pub snapshots: Vec<(Timestamp, u64)>,
    /// How many steps the log has, and their bytes.
    pub steps: (usize, u64),
    /// What cannot be read, in words.
    pub damage: Vec<String>,
}

/// What is kept of the state of `operator`; with `whole`, every byte of it is read and checked.
pub(crate) fn survey(storage: &dyn Storage, operator: &str, whole: bool) -> Result<KeptVersions, StorageError> {
    let folder = folder_of(operator);
    let (deltas, snapshots) = (deltas_in(&folder), snapshots_in(&folder));
    let history = History::read(storage, &deltas)?;
    let found = snapshot::find(storage, &snapshots, operator)?;
    let newest = history.newest_whole(&found.manifests).map(time_of);
    let mut damage: Vec<String> = history.damage().iter().map(|damage| format!("{deltas}: {damage}")).collect();
    damage.extend(found.damaged.iter().map(ToString::to_string));
    if whole {
        for manifest in &found.manifests {
            for partition in 0..manifest.partitions.len() {
                let pieces = manifest.pieces(partition);
                let read = pieces.map(|piece| manifest.read(storage, &snapshots, partition, piece));
                damage.extend(read.filter_map(|piece| piece.err().map(|error| error.to_string())));
            }
        }
    }
    let mut kept: Vec<_> = found.manifests.iter().map(|it| (time_of(it.version), it.bytes())).collect();
    kept.sort();
    let bytes = history.steps.iter().map(|step| u64::from(step.position.length)).sum();
    Ok(KeptVersions { newest, snapshots: kept, steps: (history.steps.len(), bytes), damage })
}
