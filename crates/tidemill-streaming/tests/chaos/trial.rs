//! A trial: a random program that dies again and again, is started again, and in the end has to have done all of its work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidemill_core::{Clock, Settings, Timestamp};
use tidemill_streaming::checkpoint::storage::{FileSystem, LocalStorage, Storage, StorageError};
use tidemill_streaming::checkpoint::testing::{Fault, Random, SimulatedDisk};
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{Error, State, Stop};

use crate::careless::{Careless, Forgets};
use crate::program::{Pair, Plain, Program, Source, pair_of};
use crate::report::Report;
use crate::world::{Feeder, Origin, Sink};
use crate::{OUT_OF_ORDER, PATIENCE};

const SECOND: Duration = Duration::from_secs(1);
/// When the first run begins.
const BEGINNING: u64 = 1000;
/// How often a program crashes, and how often it is started, at most.
const CRASHES: u64 = 6;
const RUNS_MAX: u64 = 12;
/// A run that meets no crash ends after so many batches.
const BATCHES_MAX: u64 = 7;
/// The batches of the last run, which meets no crash.
const LAST_BATCHES: u64 = 4;
/// How long is looked for a crash before it is asked again whether a batch is over.
const LOOK: Duration = Duration::from_millis(2);

/// How often is looked for the end of a batch that may have to wait for the disk.
const LOOKS_WITH_FAULTS: u128 = 50;
/// Failures are what these programs are about.
const LOG_LEVEL: &str = "OFF";

/// What went wrong.
pub(crate) type Wrong = String;

/// A program, the disk that it keeps its checkpoint on, and the world around both.
pub(crate) struct Trial {
    random: Random,
    program: Program,
    origins: Vec<Origin>,
    settings: Vec<(&'static str, String)>,
    disk: SimulatedDisk,
    forgets: Option<Forgets>,
    sink: Arc<Sink>,
    now: Timestamp,
    /// The time before the first batch, once a run has begun.
    zero: Option<Timestamp>,
    report: Report,
    /// What happened, run by run.
    story: Vec<String>,
}

/// How a run goes.
#[derive(Debug, Default)]
struct Plan {
    batches: u64,
    crash_at: Option<u64>,
    fault: Option<(u64, u64, Fault)>,
    fails: bool,
    /// Background work comes to rest after each batch.
    rests: bool,
    stops_gracefully: bool,
    stops_producing: bool,
}

impl Plan {
    fn random(random: &mut Random) -> Plan {
        let fault = [Fault::Full, Fault::ReadOnly, Fault::Broken][random.below(3) as usize];
        let from = 1 + random.below(60);
        let at_start = random.chance(35);
        let crash_at = 1 + if at_start { random.below(30) } else { 20 + random.below(150) };
        Plan {
            batches: 1 + random.below(BATCHES_MAX),
            crash_at: random.chance(92).then_some(crash_at),
            fault: random.chance(15).then(|| (from, from + random.below(40), fault)),
            fails: random.chance(10),
            rests: random.chance(50),
            stops_gracefully: random.chance(50),
            stops_producing: false,
        }
    }
}

/// A run of the program that has begun.
struct Run<'a> {
    test: &'a TestContext,
    feeders: Vec<Option<Feeder>>,
    plan: &'a Plan,
}

impl Trial {
    pub(crate) fn new(seed: u64, forgets: Option<Forgets>) -> Trial {
        let mut random = Random::new(seed);
        let program = Program::random(&mut random);
        let origins = program.inputs.iter().zip(1..).map(|(source, number)| Origin::new(*source, number)).collect();
        let settings = settings(&mut random, &program);
        let disk = SimulatedDisk::new();
        let sink = Sink::new(&disk);
        let (now, report) = (Timestamp::from_millis(BEGINNING * 1000), Report { programs: 1, ..Report::default() });
        Trial { random, program, origins, settings, disk, forgets, sink, now, zero: None, report, story: Vec::new() }
    }

    /// Goes through it.
    pub(crate) fn run(mut self) -> Result<Report, (Wrong, String)> {
        let done = self.go();
        if done.is_err() {
            self.note_run("it went wrong here");
        }
        let story = self.story.join("\n");
        let told = format!("{:?}\n{:?}\n{story}", self.program, self.settings);
        done.map(|()| self.report).map_err(|wrong| (wrong, told))
    }

    /// Notes what the disk and the sink saw since the last note.
    fn note_run(&mut self, end: &str) {
        let history = self.disk.history();
        let delivered = self.sink.state().take_story();
        let delivered = delivered.join("\n  ");
        self.story.push(format!("{} at {}: {}\n  {delivered}", end, self.now, history.join("; ")));
    }

    fn go(&mut self) -> Result<(), Wrong> {
        while self.report.crashes < CRASHES && self.report.runs < RUNS_MAX {
            let plan = Plan::random(&mut self.random);
            self.live(&plan)?;
            if let Some(differs) = self.sink.state().differs.take() {
                return Err(differs);
            }
            let gap = [0, 0, 300, 1000, 2500, 4000][self.random.below(6) as usize];
            self.pass(Duration::from_millis(gap));
        }
        let last = Plan { batches: LAST_BATCHES, stops_gracefully: true, stops_producing: true, ..Plan::default() };
        self.live(&last)?;
        self.check()
    }

    /// Time passes while the program is down, and sources go on.
    fn pass(&mut self, gap: Duration) {
        self.now = self.now + gap;
        if self.zero.is_some() && self.random.chance(50) {
            self.produce(&[]);
        }
    }

    fn produce(&mut self, feeders: &[Option<Feeder>]) {
        for (at, origin) in self.origins.iter_mut().enumerate() {
            let feeder = feeders.get(at).and_then(Option::as_ref);
            origin.produce(&mut self.random, at as u64 + 1, self.now, feeder);
        }
    }

    /// One run of the program, from its start to its end, and what the disk has after it.
    fn live(&mut self, plan: &Plan) -> Result<(), Wrong> {
        self.report.runs += 1;
        self.story.push(format!("run {} at {}: {plan:?}", self.report.runs, self.now));
        self.report.faults += u64::from(plan.fault.is_some());
        self.sink.next_run();
        if let Some(operation) = plan.crash_at {
            self.disk.crash_at(operation);
        }
        if let Some((from, until, fault)) = plan.fault {
            self.disk.fail(from..=until, fault);
        }
        let begun = match self.begin() {
            Ok(test) => self.run_program(&test, plan),
            Err(error) => Err(error.into()),
        };
        self.sink.next_run();
        if self.disk.is_crashed() {
            let at = self.disk.history().pop().unwrap_or_default();
            self.report.crashed_at(&at, !matches!(begun, Ok(true)));
        }
        self.note_run(if self.disk.is_crashed() { "crashed" } else { "ended" });
        match begun {
            Ok(_) => {}
            Err(Ended::Wrong(wrong)) => return Err(wrong),
            Err(Ended::NotBegun(error)) if self.disk.is_crashed() || plan.fault.is_some() => {
                self.story.push(format!("not begun: {error}"));
            }
            Err(Ended::NotBegun(error)) => return Err(format!("the program does not start: {error}")),
        }
        // What ended cleanly meets a machine that crashes or goes on.
        if self.disk.is_crashed() || self.random.chance(70) {
            let seed = self.random.number();
            self.disk.crash(seed);
        } else {
            self.disk.kill();
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<TestContext, Error> {
        let storage = self.open().map_err(tidemill_streaming::RecoveryError::from)?;
        let partitions = 1 + self.random.below(3);
        let mut settings = Settings::from_pairs(self.settings.iter().map(|(name, value)| (*name, value.as_str())));
        settings.set("spark.default.parallelism", partitions.to_string());
        TestContext::go_on_in(&settings, SECOND, storage, self.now)
    }

    fn open(&self) -> Result<Arc<dyn Storage>, StorageError> {
        let files: Arc<dyn FileSystem> = match self.forgets {
            Some(forgets) => Arc::new(Careless { disk: self.disk.clone(), forgets }),
            None => Arc::new(self.disk.clone()),
        };
        Ok(Arc::new(LocalStorage::open_on(files, SimulatedDisk::FOLDER)?))
    }

    /// Whether the program began to run.
    fn run_program(&mut self, test: &TestContext, plan: &Plan) -> Result<bool, Ended> {
        let (streams, feeders): (Vec<_>, Vec<_>) = self.origins.iter().map(|origin| origin.declare(test)).unzip();
        for (number, ids) in streams.iter().enumerate() {
            self.sink.take(number, &ids.map(|id| (id, 0)));
        }
        let pairs: Vec<_> = streams.iter().map(|ids| ids.map(pair_of)).collect();
        for (number, output) in self.program.declare(&pairs).iter().enumerate() {
            self.sink.take(streams.len() + number, output);
        }
        test.streaming().start()?;
        let zero = test.streaming().zero();
        if zero.is_none() && self.disk.is_crashed() {
            return Ok(true);
        }
        if self.zero.is_some() && self.zero != zero {
            return Err(Ended::Wrong(format!("it began anew: at {zero:?}, and before at {:?}", self.zero)));
        }
        self.zero = zero;
        let run = Run { test, feeders, plan };
        let fails_at = plan.fails.then(|| self.random.below(plan.batches));
        for batch in 0..plan.batches {
            if !plan.stops_producing || batch == 0 {
                self.produce(&run.feeders);
            }
            if fails_at == Some(batch) {
                let output = self.random.below((streams.len() + self.program.outputs.len()) as u64) as usize;
                self.sink.state().fails = Some((output, self.now.millis() / 1000 + 1));
            }
            self.tick(&run, plan.fault.is_some())?;
            if self.disk.is_crashed() {
                return Ok(true);
            }
        }
        self.end(&run)
    }

    /// Ends a run that met no crash so far.
    fn end(&mut self, run: &Run<'_>) -> Result<bool, Ended> {
        if run.plan.fault.is_some() {
            // Once the disk is well again, batches that wait go on, and nobody has to do anything.
            let crash_at = run.plan.crash_at;
            self.disk.heal();
            crash_at.into_iter().for_each(|operation| self.disk.crash_at(operation));
            self.tick(run, false)?;
        }
        let graceful = run.plan.stops_gracefully;
        if graceful {
            self.now = self.now + SECOND; // it may make the batch of that time
        }
        run.test.streaming().stop_with(Stop { graceful, context: true });
        self.report.clean_stops += u64::from(!self.disk.is_crashed());
        Ok(true)
    }

    /// Lets the time of a batch pass, and waits until it is over, or has to wait for the disk where it may: whether it is over.
    fn tick(&mut self, run: &Run<'_>, may_wait: bool) -> Result<bool, Ended> {
        let streaming = run.test.streaming();
        run.test.clock().advance(SECOND);
        self.now = run.test.clock().now();
        let batch = Timestamp::from_millis(self.now.millis() / 1000 * 1000);
        let looks = PATIENCE.as_millis() / LOOK.as_millis();
        for look in 0..looks {
            let is_over = streaming.await_batch(batch, LOOK);
            let error = streaming.take_error();
            if self.disk.is_crashed() {
                return Ok(false);
            }
            if streaming.state() == State::Stopped {
                return Err(Ended::Wrong(format!("it stopped by itself: {error:?}")));
            }
            // Another error may have taken the place of the one that says so.
            let is_late = look > LOOKS_WITH_FAULTS;
            let waits = may_wait && (is_late || matches!(error, Some(Error::Unlogged { .. })));
            if let Some(error) = error.filter(|error| !is_planned(run.plan, error)) {
                return Err(Ended::Wrong(format!("batch {batch}: {error}")));
            }
            if is_over || waits {
                self.report.waited += u64::from(waits);
                if run.plan.rests {
                    self.rest(run, batch + SECOND);
                }
                return Ok(is_over);
            }
        }
        Err(Ended::Wrong(format!("batch {batch} does not end")))
    }

    /// Waits until the disk has nothing to do.
    fn rest(&self, run: &Run<'_>, next: Timestamp) {
        let mut before = u64::MAX;
        while std::mem::replace(&mut before, self.disk.operations()) != self.disk.operations() {
            run.test.streaming().await_batch(next, LOOK / 2);
        }
    }

    /// Whether all that had to come out did, once, and as it had to be.
    fn check(&mut self) -> Result<(), Wrong> {
        let delivered = std::mem::take(&mut *self.sink.state());
        if let Some(differs) = delivered.differs {
            return Err(differs);
        }
        let zero = self.zero.ok_or("it never began")?.millis() / 1000;
        let ticked = (self.now - SECOND).millis() / 1000;
        let last = delivered.batches.keys().map(|(_, second)| *second).max().unwrap_or_default().max(ticked);
        let mut inputs = Vec::new();
        for (number, origin) in self.origins.iter().enumerate() {
            let input = batches_of(&delivered.batches, number, zero, last, 1)?;
            self.report.records += self.check_input(number, origin, &input)?;
            let pairs =
                input.batches.into_iter().map(|(time, ids)| (time, ids.iter().map(|id| pair_of(id.0)).collect()));
            inputs.push(Plain { slide: 1, batches: pairs.collect() });
        }
        for (number, mut expected) in (inputs.len()..).zip(self.program.expect(&inputs)) {
            expected.batches.values_mut().for_each(|batch| batch.sort_unstable());
            let seen = batches_of(&delivered.batches, number, zero, last, expected.slide)?;
            if let Some(wrong) = expected.batches.iter().find(|(time, batch)| seen.batches.get(time) != Some(batch)) {
                let (time, expected) = wrong;
                let there = &seen.batches[time];
                return Err(format!("output {number}, batch {}: {there:?}, not {expected:?}", zero + time));
            }
        }
        self.report.batches += last - zero;
        self.report.deliveries += delivered.deliveries;
        self.report.failed_outputs += delivered.failed;
        Ok(())
    }

    /// Whether each record of an input is in exactly one batch; gives how many there are.
    fn check_input(&self, number: usize, origin: &Origin, input: &Plain) -> Result<u64, Wrong> {
        let (must, may) = origin.came();
        let mut seen = BTreeMap::new();
        for (time, ids) in &input.batches {
            for (id, _) in ids {
                if let Some(before) = seen.insert(*id, *time) {
                    return Err(format!("record {id} of input {number} is in the batches {before} and {time}"));
                }
            }
        }
        if let Some(lost) = must.iter().find(|id| !seen.contains_key(id)) {
            return Err(format!("record {lost} of input {number} is lost"));
        }
        if let Some(strange) = seen.keys().find(|id| !may.contains(id)) {
            return Err(format!("record {strange} of input {number} was never given to it"));
        }
        Ok(seen.len() as u64)
    }
}

/// Why a run ended before its time.
enum Ended {
    NotBegun(Error),
    Wrong(Wrong),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Ended {
        Ended::NotBegun(error)
    }
}

/// Whether an error is one that a run is to meet.
fn is_planned(plan: &Plan, error: &Error) -> bool {
    let of_disk = matches!(error, Error::Unlogged { .. } | Error::Unfinished { .. });
    (plan.fault.is_some() && of_disk) || (plan.fails && error.to_string().contains(OUT_OF_ORDER))
}

/// The batches of an output, by the seconds since `zero`: all that there have to be.
fn batches_of(
    delivered: &BTreeMap<(usize, u64), Vec<Pair>>,
    number: usize,
    zero: u64,
    last: u64,
    slide: u64,
) -> Result<Plain, Wrong> {
    let of_output = delivered.range((number, 0)..=(number, u64::MAX));
    let times: Vec<u64> = of_output.clone().map(|((_, second), _)| *second).collect();
    let wanted: Vec<u64> = (zero + 1..=last).filter(|second| (second - zero).is_multiple_of(slide)).collect();
    if times != wanted {
        return Err(format!("output {number} has the batches {times:?}, and is to have {wanted:?}"));
    }
    let batches = of_output.map(|((_, second), batch)| (second - zero, batch.clone()));
    Ok(Plain { slide, batches: batches.collect() })
}

/// Settings under which much happens in few batches.
fn settings(random: &mut Random, program: &Program) -> Vec<(&'static str, String)> {
    let mut seconds = || ["1s", "3s", "60s"][random.below(3) as usize].to_owned();
    let mut settings = vec![
        ("spark.master", "local[1]".to_owned()),
        ("spark.log.level", LOG_LEVEL.to_owned()),
        ("spark.streaming.driver.writeAheadLog.rollingIntervalSecs", seconds()),
        ("spark.streaming.receiver.writeAheadLog.rollingIntervalSecs", seconds()),
        ("spark.streaming.blockInterval", seconds()),
    ];
    let size = ["1", "100", "64k"][random.below(3) as usize];
    settings.push(("tidemill.state.snapshot.size", size.to_owned()));
    for name in [
        "spark.streaming.driver.writeAheadLog.closeFileAfterWrite",
        "spark.streaming.receiver.writeAheadLog.closeFileAfterWrite",
    ] {
        settings.push((name, random.chance(20).to_string()));
    }
    if program.inputs.contains(&Source::Received) {
        settings.push(("spark.streaming.receiver.writeAheadLog.enable", "true".to_owned()));
    }
    settings
}
