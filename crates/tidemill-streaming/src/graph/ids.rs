//! Ids of operators: how the parts of a program are found again in its checkpoint, by its next run.
//!
//! Sources, windows, stateful operators and outputs have one; streams between them have none, so that such may be added or
//! taken away. An id is what the program gave ([`DStream::uid`](crate::DStream::uid)), or follows from the graph: the kind of
//! the operator, the ids of the nearest operators above it that have one, and its number among those that are alike.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::checkpoint::RecoveryError;
use crate::dstream::Stream;
use crate::graph::{Graph, address};

/// The operators of a program that have an id.
#[derive(Default)]
pub(crate) struct Ids {
    by_stream: HashMap<*const (), String>,
    operators: Vec<Identified>,
    /// How many operators are told apart by their number only, by what they have in common.
    twins: BTreeMap<String, u32>,
}

// The addresses are names, and nobody follows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identified {
    pub(crate) id: String,
    pub(crate) role: Role,
    /// The operator, with its source line.
    pub(crate) operator: String,
}

/// What an operator is to a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Role {
    /// It gives batches their input.
    Source,
    /// Its state goes from batch to batch.
    State,
    /// It looks back.
    Window,
    /// It does something with each batch.
    Output,
}

impl Ids {
    /// The ids of the streams and outputs of `graph`.
    ///
    /// # Errors
    /// Two operators were given the same id.
    pub(crate) fn of(graph: &Graph) -> Result<Ids, RecoveryError> {
        let mut ids = Ids::default();
        // For each stream the ids that those who read it are named by.
        let mut seen_by: HashMap<*const (), Vec<String>> = HashMap::new();
        for stream in graph.streams() {
            let above = above(&stream, &seen_by);
            let seen = match role(&stream) {
                None => above,
                Some(role) => {
                    let operator = stream.operator();
                    let id = ids.name(stream.uid(), &operator.name, &above, role, operator.to_string());
                    ids.by_stream.insert(address(&stream), id.clone());
                    vec![id]
                }
            };
            seen_by.insert(address(&stream), seen);
        }
        for output in &graph.outputs {
            let above = seen_by.get(&address(&output.stream)).cloned().unwrap_or_default();
            ids.name(None, &output.operator.name, &above, Role::Output, output.operator.to_string());
        }
        ids.check()?;
        Ok(ids)
    }

    fn name(&mut self, uid: Option<String>, kind: &str, above: &[String], role: Role, operator: String) -> String {
        let id = uid.unwrap_or_else(|| {
            let alike = if above.is_empty() { kind.to_owned() } else { format!("{kind}({})", above.join(", ")) };
            let twins = self.twins.entry(alike.clone()).or_default();
            *twins += 1;
            if *twins == 1 { alike } else { format!("{alike}#{twins}") }
        });
        self.operators.push(Identified { id: id.clone(), role, operator });
        id
    }

    fn check(&self) -> Result<(), RecoveryError> {
        let mut known: BTreeMap<&str, &str> = BTreeMap::new();
        for Identified { id, operator, .. } in &self.operators {
            if let Some(other) = known.insert(id, operator) {
                let (id, one, other) = (id.clone(), other.to_owned(), operator.clone());
                return Err(RecoveryError::SameId { id, one, other });
            }
        }
        Ok(())
    }

    /// The id of a stream that has one.
    pub(crate) fn of_stream(&self, stream: &Arc<dyn Stream>) -> Option<&str> {
        self.by_stream.get(&address(stream)).map(String::as_str)
    }

    /// All operators that have one, streams before outputs, in order of creation.
    pub(crate) fn operators(&self) -> &[Identified] {
        &self.operators
    }

    /// Ids that stand for others than before: of those that are told apart by a number only there were `before`, and there
    /// are fewer or more now, so that nobody knows which is which.
    pub(crate) fn ambiguous(&self, before: &BTreeMap<String, u32>) -> Option<Ambiguous> {
        let alike: BTreeSet<&String> = before.keys().chain(self.twins.keys()).collect();
        alike.into_iter().find_map(|id| {
            let count = |twins: &BTreeMap<String, u32>| twins.get(id).copied().unwrap_or_default();
            let (before, now) = (count(before), count(&self.twins));
            (before != now && before > 0 && now > 0).then(|| Ambiguous { id: id.clone(), before, now })
        })
    }

    /// How many operators there are of those that are alike, by what they have in common.
    pub(crate) fn twins(&self) -> &BTreeMap<String, u32> {
        &self.twins
    }
}

/// Operators that are told apart by a number only, and whose count has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous {
    pub(crate) id: String,
    pub(crate) before: u32,
    pub(crate) now: u32,
}

/// The ids of the nearest operators above `stream` that have one, each once.
fn above(stream: &Arc<dyn Stream>, seen_by: &HashMap<*const (), Vec<String>>) -> Vec<String> {
    let mut above: Vec<String> = Vec::new();
    for parent in stream.parents() {
        for id in seen_by.get(&address(&parent.stream)).into_iter().flatten() {
            if !above.contains(id) {
                above.push(id.clone());
            }
        }
    }
    above
}

fn role(stream: &Arc<dyn Stream>) -> Option<Role> {
    let parents = stream.parents();
    if parents.is_empty() {
        Some(Role::Source)
    } else if stream.is_stateful() {
        Some(Role::State)
    } else if parents.iter().any(|parent| !parent.back.is_zero() || parent.stream.slide() != stream.slide()) {
        Some(Role::Window)
    } else {
        None
    }
}
