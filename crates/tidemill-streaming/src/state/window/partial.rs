//! `Partial`: what entered a window in one step, in memory or on disk until it leaves.

use std::borrow::Cow;

use tidemill_core::memory::{Grant, Memory, Pool};
use tidemill_core::shard::{decode, encode};
use tidemill_core::spill::{Blob, Blobs};
use tidemill_core::weight::sampled;
use tidemill_core::{Cause, Element, Version, run_len};

/// What entered in one step, reduced.
pub(super) struct Partial<K, V> {
    pub(super) at: Version,
    records: Records<K, V>,
}

enum Records<K, V> {
    Here {
        records: Vec<(K, V)>,
        _grant: Grant,
    },
    /// Each blob a run of them.
    Away(Vec<Blob>),
}

impl<K: Element, V: Element> Partial<K, V> {
    pub(super) fn new(at: Version, records: Vec<(K, V)>, memory: &Memory) -> Partial<K, V> {
        let mut grant = memory.grant(Pool::State);
        grant.grow_past(sampled(&records)); // it is there; what makes room takes it back
        Partial { at, records: Records::Here { records, _grant: grant } }
    }

    pub(super) fn is_here(&self) -> bool {
        matches!(self.records, Records::Here { .. })
    }

    /// The same on disk.
    pub(super) fn on_disk(&self, blobs: &Blobs) -> Result<Partial<K, V>, Cause> {
        let mut writer = blobs.writer();
        for run in self.runs() {
            let run = run?;
            writer.push(|bytes| encode(&run, bytes))?;
        }
        Ok(Partial { at: self.at, records: Records::Away(writer.flush()?) })
    }

    /// Copies of the records, run by run.
    pub(super) fn runs(&self) -> impl Iterator<Item = Result<Vec<(K, V)>, Cause>> + '_ {
        (0..).map_while(|number| self.run(number).transpose())
    }

    /// Copies of the records of a run; none behind the last.
    pub(super) fn run(&self, number: usize) -> Result<Option<Vec<(K, V)>>, Cause> {
        Ok(match &self.records {
            Records::Here { records, .. } => records.chunks(run_len::<(K, V)>()).nth(number).map(<[(K, V)]>::to_vec),
            Records::Away(blobs) => match blobs.get(number) {
                Some(blob) => Some(decode(&blob.read()?)?.0),
                None => None,
            },
        })
    }

    /// All records.
    pub(super) fn records(&self) -> Result<Cow<'_, [(K, V)]>, Cause> {
        match &self.records {
            Records::Here { records, .. } => Ok(Cow::Borrowed(records)),
            Records::Away(_) => {
                let runs: Vec<Vec<(K, V)>> = self.runs().collect::<Result<_, _>>()?;
                Ok(Cow::Owned(runs.into_iter().flatten().collect()))
            }
        }
    }
}
