//! Whose is what lies in a checkpoint: all of it has an operator in the program, or may be lost, or goes.

use std::collections::BTreeSet;

use tidemill_core::settings::keys;

use crate::checkpoint::RecoveryError;
use crate::checkpoint::ledger::{Ledger, OperatorEntry};
use crate::checkpoint::states::{STATES, name_of};
use crate::checkpoint::storage::{Storage, StorageError};
use crate::context::StreamingContext;
use crate::graph::ids::{Ids, Role};
use crate::receiver::blocks::entry::reached;
use crate::receiver::log::{RECEIVED_FOLDER, has_blocks_from};

impl StreamingContext {
    /// Whether all that the checkpoint has of operators has an operator in the program, or may be lost.
    pub(super) fn check_owners(&self, storage: &dyn Storage, ids: &Ids, ledger: &Ledger) -> Result<(), RecoveryError> {
        let now: BTreeSet<&str> = ids.operators().iter().map(|operator| operator.id.as_str()).collect();
        let before: BTreeSet<&str> = ledger.program.operators.iter().map(|operator| operator.id.as_str()).collect();
        let dropped = self.context().config().get(keys::CHECKPOINT_DROP).unwrap_or_default();
        let dropped: BTreeSet<&str> = dropped.split(',').map(str::trim).collect();
        let is_owned = |id: &str| now.contains(id) || dropped.contains(id);
        for OperatorEntry { id, role, operator } in ledger.program.operators.iter().filter(|it| !is_owned(&it.id)) {
            let what = match role {
                Role::State => Some("the state"),
                Role::Source => input_of(storage, id, ledger)?,
                Role::Window | Role::Output => None,
            };
            let Some(what) = what else { continue };
            let new = ids.operators().iter().filter(|it| it.role == *role && !before.contains(it.id.as_str()));
            let new: Vec<String> = new.map(|it| format!("`{}` ({})", it.id, it.operator)).collect();
            let near = if new.is_empty() { String::new() } else { format!(" (new in it: {})", new.join(", ")) };
            let (location, id, operator) = (storage.location(), id.clone(), operator.clone());
            return Err(RecoveryError::WithoutOwner { location, what, id, operator, near });
        }
        Ok(())
    }
}

/// What the checkpoint has of a source that no batch is done with.
fn input_of(storage: &dyn Storage, id: &str, ledger: &Ledger) -> Result<Option<&'static str>, StorageError> {
    let batches = || ledger.batches.values().filter_map(|batch| Some((batch.is_done, batch.inputs.get(id)?)));
    if batches().any(|(is_done, entry)| !is_done && !entry.is_empty()) {
        return Ok(Some("unfinished input"));
    }
    let next = batches().filter_map(|(_, entry)| reached(entry)).max().unwrap_or_default();
    Ok(has_blocks_from(storage, id, next)?.then_some("received blocks that no batch had"))
}

/// Removes states and received blocks of all but these operators. Else one that is new and has the id of one that is long
/// gone would go on from what that one left.
pub(super) fn remove_of_others(storage: &dyn Storage, operators: &[OperatorEntry]) -> Result<(), RecoveryError> {
    let theirs: BTreeSet<String> = operators.iter().map(|operator| name_of(&operator.id)).collect();
    for folder in [STATES, RECEIVED_FOLDER] {
        let mut told = String::new();
        for file in storage.list(folder)? {
            let mut parts = file.name.split('/').skip(1);
            let owner = parts.next().unwrap_or_default();
            if theirs.contains(owner) {
                continue;
            }
            if told != owner {
                owner.clone_into(&mut told);
                tracing::info!(folder, owner, "What the checkpoint has of an operator that is gone is removed.");
            }
            storage.remove(&file.name)?;
        }
    }
    Ok(())
}
