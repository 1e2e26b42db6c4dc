//! Going on from a checkpoint: what an earlier run has left becomes the state of this context before it starts.
//!
//! The program is declared again and matched by the ids of its operators. Inputs get back what each batch held, stateful
//! operators the version before the oldest batch that is not done. From there on the batches run as they would have: those
//! that were planned with the input that they had, then one for each interval that was missed, all under their own times
//! (behaviour 6.19 to 6.21). A batch that was done is not run again; at most its states are made once more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidemill_core::Timestamp;
use tidemill_core::settings::keys;

use crate::batch::next_time;
use crate::checkpoint::batches::{self, BatchLog, Found};
use crate::checkpoint::generations::{self, Generation, Pointer};
use crate::checkpoint::ledger::{Batch, Ledger, OperatorEntry, Program};
use crate::checkpoint::states::{StateLog, StateOptions, StateWriter};
use crate::checkpoint::storage::Storage;
use crate::checkpoint::{Checkpoint, RecoveryError};
use crate::context::StreamingContext;
use crate::context::durable::{Durable, KeptInput, KeptState};
use crate::dstream::Stream;
use crate::error::Error;
use crate::graph::Graph;
use crate::graph::ids::Ids;
use crate::state::time_of;
use crate::step::step;

mod owners;

/// How the batches of a context begin.
pub(super) struct Beginning {
    /// The time before the first batch that there ever was.
    pub(super) zero: Timestamp,
    /// The last batch that has its input.
    pub(super) last: Timestamp,
    /// Batches that have their input and are run first.
    pub(super) again: Vec<Again>,
    /// What is written while it runs, with a checkpoint directory.
    pub(super) durable: Option<Arc<Durable>>,
}

/// A batch that has its input from an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) time: Timestamp,
    /// Its outputs are not done; else only states are made again that later batches need.
    pub(super) outputs: bool,
}

impl StreamingContext {
    /// Works out where batches begin, and opens the logs. It changes nothing that a second try would miss.
    pub(super) fn begin(
        &self,
        graph: &Graph,
        now: Timestamp,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Beginning, Error> {
        let first = next_time(now, self.interval());
        let zero = first - self.interval();
        let opened = match checkpoint {
            Some(Checkpoint { root, generation, .. }) => Some((root, Some(generation))),
            None => self.open_checkpoints()?.map(|root| (root, None)),
        };
        let Some((root, earlier)) = opened else {
            graph.inputs.iter().try_for_each(|input| input.begin())?;
            return Ok(Beginning { zero, last: zero, again: Vec::new(), durable: None });
        };
        let _step = step!("begin");
        let ids = Ids::of(graph)?;
        let is_new = earlier.is_none();
        let generation = earlier.map_or_else(|| self.new_generation(&*root), Ok)?;
        let storage: Arc<dyn Storage> = Generation::new(Arc::clone(&root), generation);
        let (config, clock) = (self.context().config(), Arc::clone(self.clock()));
        // Opened before it is read: from here on an earlier driver that still runs cannot add to it.
        let batches = BatchLog::open(Arc::clone(&storage), config, clock).map_err(RecoveryError::from)?;
        let mut ledger = if is_new {
            Ledger { program: Program { zero, ..Program::default() }, ..Ledger::default() }
        } else {
            let Found { ledger, damage } = batches::read(&*storage)?;
            if damage.is_empty() {
                // What has a new owner of the same id would be taken for its own.
                owners::remove_of_others(&*storage, &ledger.program.operators)?;
            }
            self.check(&*storage, &ids, &ledger, now)?;
            self.remove_old_rdds();
            ledger
        };
        ledger.program = self.program(&ids, ledger.program.zero)?;
        let lookback = graph.streams().iter().map(|stream| stream.remembers()).max().unwrap_or_default();
        let lookback = graph.inputs.iter().map(|input| input.keeps()).fold(lookback, Duration::max);
        let next = ledger.next_after(&[]);
        let from = next.min(next - lookback + Duration::from_micros(1));
        ledger.forget(from);
        let inputs = kept_inputs(graph, &ids);
        inputs.iter().try_for_each(|kept| kept.input.attach(&storage, &kept.id))?;
        restore(&inputs, &ledger)?;
        begin_new(&inputs, &mut ledger)?;
        inputs.iter().try_for_each(|kept| kept.input.check(from))?;
        let (states, loaded) = self.open_states(graph, &ids, &storage, (!is_new).then_some(next))?;
        let again = if is_new { Vec::new() } else { again(&ledger, loaded, next) };
        ask_again(&inputs, &again, &mut ledger);
        let (zero, last) = (ledger.program.zero, ledger.last.unwrap_or(ledger.program.zero));
        let operators = ledger.program.operators.clone();
        batches.begin(ledger).map_err(RecoveryError::from)?;
        if is_new {
            generations::point_to(&*root, generation).map_err(RecoveryError::from)?;
            generations::remove_before(&*root, generation).map_err(RecoveryError::from)?;
        } else {
            owners::remove_of_others(&*storage, &operators)?;
        }
        let failed_most = self.context().config().get(keys::CHECKPOINT_FAILED_BATCHES);
        let held = again.iter().rev().find(|again| !again.outputs).map(|again| again.time);
        let durable = Durable::new(batches, inputs, states, lookback, failed_most, held);
        Ok(Beginning { zero, last, again, durable: Some(Arc::new(durable)) })
    }

    /// The number of a generation that begins anew.
    fn new_generation(&self, root: &dyn Storage) -> Result<u64, RecoveryError> {
        if generations::pointer(root)? != Pointer::Absent {
            tracing::warn!(
                directory = root.location(),
                "The directory holds the checkpoint of an earlier run, and the program does not go on from it: it begins anew, \
                 and the earlier checkpoint is removed. (get_or_create goes on.)"
            );
        }
        Ok(generations::generations(root)?.last().copied().unwrap_or_default() + 1)
    }

    /// Whether this program can go on from that checkpoint.
    fn check(&self, storage: &dyn Storage, ids: &Ids, ledger: &Ledger, now: Timestamp) -> Result<(), RecoveryError> {
        let (location, before) = (storage.location(), &ledger.program);
        if let Some(ambiguous) = ids.ambiguous(&before.twins) {
            return Err(RecoveryError::Ambiguous {
                location,
                id: ambiguous.id,
                before: ambiguous.before,
                now: ambiguous.now,
            });
        }
        self.check_owners(storage, ids, ledger)?;
        let last = ledger.last.unwrap_or(before.zero);
        if now + self.interval() + BEHIND_MOST < last {
            return Err(RecoveryError::ClockBehind { location, now, last });
        }
        let missed = self.missed(now, last);
        let most = self.context().config().get(keys::RECOVERY_MISSED_MAX);
        if missed > most {
            return Err(RecoveryError::TooManyMissed { missed, last, most });
        }
        Ok(())
    }

    /// What a checkpoint says of this program.
    fn program(&self, ids: &Ids, zero: Timestamp) -> Result<Program, Error> {
        let config = self.context().config();
        let operators = ids.operators().iter().map(|it| OperatorEntry {
            id: it.id.clone(),
            role: it.role,
            operator: it.operator.clone(),
        });
        let redacted = config.written().redacted();
        let settings = redacted.kept();
        Ok(Program {
            name: config.get(keys::APP_NAME).unwrap_or_default(),
            interval: self.interval(),
            zero,
            operators: operators.collect(),
            twins: ids.twins().clone(),
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            code: self.code()?.map(tidemill_core::ship::Bytes),
        })
    }

    /// How states are written: as the driver's log is.
    fn state_options(&self) -> StateOptions {
        let (config, mut options) = (self.context().config(), StateOptions::new());
        options.log.close_after_write = config.get(keys::DRIVER_LOG_CLOSE_AFTER_WRITE);
        options.log.attempts = config.get(keys::DRIVER_LOG_MAX_FAILURES);
        options.log.clock = Arc::clone(self.clock());
        options.snapshot_bytes = config.get(keys::STATE_SNAPSHOT_SIZE).bytes();
        options
    }

    /// Opens the logs of all states, and loads what the batch of `next` starts from. Returns also from which time on states
    /// are to be made again, as far as batches are there.
    fn open_states(
        &self,
        graph: &Graph,
        ids: &Ids,
        storage: &Arc<dyn Storage>,
        next: Option<Timestamp>,
    ) -> Result<(Vec<KeptState>, Option<Timestamp>), Error> {
        let (mut states, mut loaded) = (Vec::new(), None::<Timestamp>);
        if graph.stateful.is_empty() {
            return Ok((states, loaded));
        }
        let writer = StateWriter::start().map_err(RecoveryError::from)?;
        for stream in &graph.stateful {
            let (Some(id), Some(shards)) = (ids.of_stream(stream), stream.shards(self)?) else { continue };
            let log = StateLog::open(&writer, Arc::clone(storage), id, shards, self.state_options());
            let log = log.map_err(RecoveryError::from)?;
            let state = KeptState { log, back: stream.remembers().saturating_sub(stream.slide()) };
            if let Some(next) = next {
                let from = state.from(next);
                state.log.load(from).map_err(RecoveryError::from)?;
                if !state.back.is_zero() {
                    // Also where there was none by then: it began within the batches that are looked back on, or with them.
                    let time = time_of(from);
                    loaded = Some(loaded.map_or(time, |loaded| loaded.min(time)));
                }
            }
            states.push(state);
        }
        Ok((states, loaded))
    }
}

/// By how much the clock may be behind the last batch: clocks are set by that much now and then.
const BEHIND_MOST: Duration = Duration::from_secs(60);

/// The batches that are run again: those that are not done, and for those behind the oldest of them the states.
fn again(ledger: &Ledger, states_from: Option<Timestamp>, next: Timestamp) -> Vec<Again> {
    let from = states_from.map_or(next, |states| next.min(states + Duration::from_micros(1)));
    let from = from.max(ledger.program.zero + Duration::from_micros(1));
    let batches = ledger.batches.range(from..);
    batches.map(|(time, batch)| Again { time: *time, outputs: !batch.is_done }).collect()
}

/// The inputs with the ids of their streams.
fn kept_inputs(graph: &Graph, ids: &Ids) -> Vec<KeptInput> {
    let streams = graph.streams();
    let by_number: BTreeMap<u32, &Arc<dyn Stream>> =
        streams.iter().rev().filter_map(|stream| Some((stream.input()?, stream))).collect();
    let kept = graph.inputs.iter().filter_map(|input| {
        let id = ids.of_stream(by_number.get(&input.id().stream)?)?;
        Some(KeptInput { input: Arc::clone(input), id: id.to_owned() })
    });
    kept.collect()
}

/// Gives inputs back what batches had of them.
fn restore(inputs: &[KeptInput], ledger: &Ledger) -> Result<(), Error> {
    for (time, batch) in &ledger.batches {
        for KeptInput { input, id } in inputs {
            if let Some(entry) = batch.inputs.get(id) {
                input.restore(*time, entry)?;
            }
        }
    }
    Ok(())
}

/// Has inputs asked for what unfinished batches could not get when they were planned, and notes it in the ledger.
fn ask_again(inputs: &[KeptInput], again: &[Again], ledger: &mut Ledger) {
    for Again { time, .. } in again.iter().filter(|again| again.outputs) {
        let Some(batch) = ledger.batches.get_mut(time) else { continue };
        let asked = inputs.iter().filter_map(|kept| Some((kept.id.clone(), kept.input.ask_again(*time)?)));
        batch.inputs.extend(asked);
    }
}

/// Lets inputs begin that no earlier run had, with nothing in the batches that there are. Where they begin is kept with the
/// last of these, or with the time before the first batch: so nothing is missed if the program dies before it plans the next.
fn begin_new(inputs: &[KeptInput], ledger: &mut Ledger) -> Result<(), Error> {
    let last = ledger.last.unwrap_or(ledger.program.zero);
    ledger.last = Some(last);
    ledger.batches.entry(last).or_insert_with(|| Batch { is_done: true, ..Batch::default() });
    for KeptInput { input, id } in inputs {
        if ledger.batches.values().any(|batch| batch.inputs.contains_key(id)) {
            continue;
        }
        input.begin()?;
        for (time, batch) in &mut ledger.batches {
            let entry = input.entry(*time);
            if !entry.is_empty() {
                input.restore(*time, &entry)?;
            }
            batch.inputs.insert(id.clone(), entry);
        }
    }
    Ok(())
}
