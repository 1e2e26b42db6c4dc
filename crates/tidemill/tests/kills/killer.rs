//! The killer: starts a driver, ends it by SIGKILL at a random moment, and starts it again.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tidemill::core::{Clock, SystemClock, Wake};
use tidemill::streaming::Checkpoint;

use crate::driver;
use crate::feeds::{Feed, Kind};
use crate::marks::{Heard, Mark, open};
use crate::oracle::Seen;
use crate::programs::{Place, Program};
use crate::received::logged_ids;
use crate::saved::Saved;
use crate::tally::Tally;

/// Longer than a driver needs for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// On a busy machine kills come faster than batches, and the last driver has all of them to catch up with.
const CATCHING_UP: Duration = Duration::from_secs(600);
/// So long a moment to kill at is waited for, once the driver tells of steps: one may not come again.
const MOMENT: Duration = Duration::from_millis(700);
/// After so many kills of a program it is told how far it is.
const PROGRESS: usize = 50;
/// So many batches after the last record it has come out.
const BATCHES_AFTER: u32 = 4;

/// Numbers that look random (splitmix).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}

/// A driver that runs.
pub(crate) struct Driver {
    child: Child,
    heard: Heard,
}

impl Driver {
    pub(crate) fn start(program: &Program, place: &Place) -> Driver {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(driver::WORD).arg(program.name).arg(&place.folder).arg(place.port.to_string());
        let errors = File::options().create(true).append(true).open(place.folder.join("stderr")).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let heard = Heard::listen(child.stdout.take().unwrap());
        Driver { child, heard }
    }

    /// Ends it by SIGKILL, and gives what it said. It must not have ended before.
    pub(crate) fn kill(mut self) -> Vec<Mark> {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "the driver ended by itself: {ended:?}");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.heard.all(PATIENCE)
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.heard.has_ended()
    }

    /// The most memory that it had so far.
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Lets it end by itself, as a stop by SIGTERM does.
    pub(crate) fn stop(mut self) {
        let command = format!("kill -s TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
        self.heard.all(PATIENCE);
        assert!(self.child.wait().unwrap().success(), "the last driver failed");
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills a program so many times, then lets it end, and checks what came out.
pub(crate) fn run(program: &Program, kills: usize, seed: u64) -> Tally {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place { folder: folder.path().to_owned(), port: 0 };
    fs::create_dir(place.incoming()).unwrap();
    let mut killing = Killing { program, random: Random::new(seed), ..Killing::new(program) };
    let mut feed = Feed::start(program.feed, &place, seed);
    place.port = feed.port;
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for number in 1..=kills {
            killing.once(&place, &feed);
            if number % PROGRESS == 0 {
                let inside = killing.tally.inside();
                println!("{}: {number} of {kills} kills, {inside} in a batch or a log write", program.name);
            }
        }
        killing.finish(&place, &mut feed)
    }));
    checked.unwrap_or_else(|panic| {
        let kept = folder.keep();
        let errors = fs::read_to_string(kept.join("stderr")).unwrap_or_default();
        let last: Vec<&str> = errors.lines().rev().take(20).collect();
        println!("{}: seed {seed}, {}; the last it said:", program.name, kept.display());
        last.iter().rev().for_each(|line| println!("  {line}"));
        std::panic::resume_unwind(panic)
    })
}

struct Killing<'a> {
    program: &'a Program,
    random: Random,
    tally: Tally,
    saved: Saved,
    /// The marks that there were so far.
    known: BTreeSet<(bool, String)>,
    /// The last batch that was written down as done.
    done: Option<u64>,
}

impl<'a> Killing<'a> {
    fn new(program: &'a Program) -> Killing<'a> {
        let known = BTreeSet::from([(true, "batch".to_owned())]);
        Killing { program, random: Random::new(0), tally: Tally::default(), saved: Saved::default(), known, done: None }
    }

    fn once(&mut self, place: &Place, feed: &Feed) {
        let driver = Driver::start(self.program, place);
        self.await_moment(&driver);
        let marks = driver.kill();
        self.tally.hit(open(&marks));
        self.look(place, feed, &marks);
    }

    /// Waits for a random step, or for a random time from the start on.
    fn await_moment(&mut self, driver: &Driver) {
        let pause = match self.random.below(10) {
            0..=1 => self.random.below(150_000),
            choice => {
                let known = self.known.iter().nth(self.random.below(self.known.len() as u64) as usize);
                let (begins, step) = known.unwrap().clone();
                let wanted = 1 + self.random.below(5) as usize;
                let is_it = |mark: &&Mark| mark.begins == begins && mark.step == step;
                driver.heard.wait(PATIENCE, |marks| !marks.is_empty());
                driver.heard.wait(MOMENT, |marks| marks.iter().filter(is_it).count() >= wanted);
                [0, 2_000, 20_000].map(|most| self.random.below(most))[(choice as usize - 2) / 4]
            }
        };
        let clock = SystemClock::new();
        clock.wait_until(clock.now() + Duration::from_micros(pause), &Wake::new());
    }

    /// Looks at what is there while nobody writes.
    fn look(&mut self, place: &Place, feed: &Feed, marks: &[Mark]) {
        self.known.extend(marks.iter().map(|mark| (mark.begins, mark.step.clone())));
        let outputs = marks.iter().filter(|mark| mark.step == "output").filter_map(|mark| mark.time);
        let again: Vec<u64> = outputs.filter(|time| Some(*time) <= self.done).collect();
        assert!(again.is_empty(), "batches were done, and their outputs run again: {again:?}");
        let done = marks.iter().filter(|mark| !mark.begins && mark.step == "done").filter_map(|mark| mark.time);
        self.done = self.done.max(done.max());
        self.saved.look(place);
        if self.program.feed == Kind::Socket {
            let ids = logged_ids(&place.checkpoint());
            feed.sent().owed.extend(ids);
        }
    }

    /// Lets the program finish, and checks what came out.
    fn finish(mut self, place: &Place, feed: &mut Feed) -> Tally {
        let (driver, clock) = (Driver::start(self.program, place), SystemClock::new());
        let is_done = |time: u64| {
            move |marks: &[Mark]| {
                marks.iter().any(|mark| !mark.begins && mark.step == "done" && mark.time >= Some(time))
            }
        };
        let after = |batches: u32| (clock.now() + driver::INTERVAL * batches).millis();
        let is_live = driver.heard.wait(CATCHING_UP, is_done(after(BATCHES_AFTER)));
        feed.end();
        let is_drained = driver.heard.wait(CATCHING_UP, is_done(after(BATCHES_AFTER)));
        assert!(is_live && is_drained, "the last driver does not come to an end");
        driver.stop();
        self.saved.look(place);
        let settings = tidemill::Settings::new();
        let checkpoint = Checkpoint::open(place.checkpoint(), &settings).unwrap().unwrap();
        assert_eq!(checkpoint.unfinished(), []);
        let seen = Seen::new(place, self.saved);
        let sent = feed.sent();
        seen.complete(sent.next, &sent.owed);
        drop(sent);
        (self.program.check)(&seen);
        self.tally.again = seen.again;
        (self.tally.batches, self.tally.records) = seen.size();
        self.tally
    }
}
