//! Bars on the terminal for the stages that take long: `[Stage 3:=====>        (12 + 2) / 40]`.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Event, Listener, Outcome};
use crate::settings::{Config, keys, terminal_width};
use crate::{Clock, Timestamp, Wake, Woken};

/// A stage is drawn once it has run this long; most end before, and a bar would only flicker.
const FIRST_DELAY: Duration = Duration::from_millis(500);

/// The most stages that are drawn side by side, as in Spark: more leave no room for their bars.
const STAGES_MOST: usize = 3;

/// How far a stage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageProgress {
    /// The stage.
    pub stage: u64,
    /// Tasks that succeeded.
    pub done: u32,
    /// Tasks that run now.
    pub running: u32,
    /// All its tasks.
    pub tasks: u32,
}

/// A listener that draws the bars, on a thread of its own, since a long stage is one in which nothing happens.
#[derive(Debug)]
pub struct ConsoleProgress {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    interval: Duration,
    wake: Wake,
    screen: Mutex<Screen>,
}

/// What runs, and what is drawn of it.
struct Screen {
    stages: BTreeMap<u64, Running>,
    drawn: String,
    width: usize,
    out: Box<dyn Write + Send>,
}

struct Running {
    job: u64,
    since: Duration,
    progress: StageProgress,
}

/// Draws the first three stages side by side in `width` columns. A stage without room for its bar keeps its numbers.
pub fn draw(stages: &[StageProgress], width: usize) -> String {
    let stages = &stages[..stages.len().min(STAGES_MOST)];
    let each = width / stages.len().max(1);
    let draw_one = |stage: &StageProgress| {
        let head = format!("[Stage {}:", stage.stage);
        let tail = format!("({} + {}) / {}]", stage.done, stage.running, stage.tasks);
        let room = each.saturating_sub(head.len() + tail.len());
        let full = (room as u64 * u64::from(stage.done) / u64::from(stage.tasks.max(1))) as usize;
        let full = full.min(room);
        let tip = if full < room { ">" } else { "" };
        let empty = " ".repeat(room - full - tip.len());
        format!("{head}{}{tip}{empty}{tail}", "=".repeat(full))
    };
    stages.iter().map(draw_one).collect()
}

impl ConsoleProgress {
    /// Draws on stderr if `spark.ui.showConsoleProgress` is on and stderr is a terminal; `None` if not, or if the
    /// system has no thread for it.
    pub fn on_terminal(config: &Config, clock: Arc<dyn Clock>) -> Option<ConsoleProgress> {
        let wanted = config.get(keys::SHOW_CONSOLE_PROGRESS) && io::stderr().is_terminal();
        let interval = config.get(keys::CONSOLE_PROGRESS_INTERVAL);
        wanted.then(|| ConsoleProgress::start(clock, interval, terminal_width(), io::stderr()).ok()).flatten()
    }

    /// Draws on `out` every `interval`, in `width` columns.
    ///
    /// # Errors
    ///
    /// What the system says if it has no thread.
    pub fn start(
        clock: Arc<dyn Clock>,
        interval: Duration,
        width: usize,
        out: impl Write + Send + 'static,
    ) -> io::Result<ConsoleProgress> {
        let screen = Screen { stages: BTreeMap::new(), drawn: String::new(), width, out: Box::new(out) };
        let shared = Arc::new(Shared { clock, interval, wake: Wake::new(), screen: Mutex::new(screen) });
        let drawing = shared.clone();
        let thread = thread::Builder::new().name("tidemill-progress".to_owned()).spawn(move || drawing.run())?;
        Ok(ConsoleProgress { shared, thread: Some(thread) })
    }
}

impl Listener for ConsoleProgress {
    fn on_event(&mut self, event: &Event) {
        let mut screen = self.shared.lock();
        let was_idle = screen.stages.is_empty();
        screen.note(event, self.shared.clock.monotonic());
        if was_idle && !screen.stages.is_empty() {
            self.shared.wake.call();
        }
    }
}

impl Drop for ConsoleProgress {
    fn drop(&mut self) {
        self.shared.wake.stop();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so; there is nothing to clean up after it.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("interval", &self.interval).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of the drawing thread.
    fn run(&self) {
        loop {
            let idle = self.lock().stages.is_empty();
            let next = if idle { Timestamp::NEVER } else { self.clock.now() + self.interval };
            match self.clock.wait_until(next, &self.wake) {
                Woken::Called => {}
                Woken::Reached => self.lock().refresh(self.clock.monotonic()),
                Woken::Stopped => return self.lock().clear(),
            }
        }
    }
}

impl Screen {
    /// Takes note of an event that came at `now`.
    fn note(&mut self, event: &Event, now: Duration) {
        match event {
            Event::StageSubmitted { job, stage, .. } => {
                let progress = StageProgress { stage: stage.id, done: 0, running: 0, tasks: stage.tasks };
                self.stages.insert(stage.id, Running { job: *job, since: now, progress });
            }
            Event::StageCompleted { stage, .. } => {
                self.stages.remove(stage);
            }
            Event::TaskStarted { task, .. } => self.change(task.stage, |progress| progress.running += 1),
            Event::TaskEnded { task, outcome, .. } => self.change(task.stage, |progress| {
                progress.running = progress.running.saturating_sub(1);
                progress.done += u32::from(*outcome == Outcome::Succeeded);
            }),
            Event::JobEnded { job, .. } => {
                self.stages.retain(|_, running| running.job != *job);
                self.clear();
            }
            _ => {}
        }
    }

    fn change(&mut self, stage: u64, change: impl FnOnce(&mut StageProgress)) {
        // A task may end after its stage, for which nobody waits any more.
        if let Some(running) = self.stages.get_mut(&stage) {
            change(&mut running.progress);
        }
    }

    /// Draws what has run for long, if that looks different from what is there.
    fn refresh(&mut self, now: Duration) {
        let long = self.stages.values().filter(|running| FIRST_DELAY < now.saturating_sub(running.since));
        let stages: Vec<StageProgress> = long.map(|running| running.progress).collect();
        let bars = draw(&stages, self.width);
        if bars.is_empty() {
            self.clear();
        } else if bars != self.drawn {
            // What was drawn before may be longer.
            let length = self.drawn.len();
            self.print(&format!("\r{bars:length$}\r"));
            self.drawn = bars;
        }
    }

    fn clear(&mut self) {
        let length = std::mem::take(&mut self.drawn).len();
        if length != 0 {
            self.print(&format!("\r{:length$}\r", ""));
        }
    }

    fn print(&mut self, text: &str) {
        // A terminal that is gone is no reason to stop.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

#[cfg(test)]
mod tests;
