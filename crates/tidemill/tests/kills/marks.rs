//! Marks: a driver tells which step it begins and which it ends, and whoever kills it listens.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

const TARGET: &str = "tidemill::step";

/// Begin or end of a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) begins: bool,
    pub(crate) step: String,
    /// The batch, where the step has one.
    pub(crate) time: Option<u64>,
}

impl Mark {
    fn read(line: &str) -> Option<Mark> {
        let begins = line.starts_with('+');
        let (step, time) = line.strip_prefix(['+', '-'])?.split_once('\t')?;
        Some(Mark { begins, step: step.to_owned(), time: time.parse().ok() })
    }
}

/// Writes the marks of this process to its standard output, and warnings to its standard error.
pub(crate) fn install() {
    let marker = Marker { next: AtomicU64::new(1), spans: Mutex::default() };
    tracing::subscriber::set_global_default(marker).unwrap();
}

struct Marker {
    next: AtomicU64,
    spans: Mutex<BTreeMap<u64, String>>,
}

impl Marker {
    fn mark(&self, sign: char, span: &Id) {
        let spans = self.spans.lock().unwrap();
        let Some(text) = spans.get(&span.into_u64()) else { return };
        let line = format!("{sign}{text}\n");
        drop(spans);
        let _ = std::io::stdout().lock().write_all(line.as_bytes()); // nobody listens any more
    }
}

impl Subscriber for Marker {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET || *metadata.level() <= Level::WARN
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut text = Text(format!("{}\t", span.metadata().name()));
        span.record(&mut text);
        self.spans.lock().unwrap().insert(id, text.0);
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(format!("{}: ", event.metadata().level()));
        event.record(&mut text);
        eprintln!("{}", text.0);
    }

    fn enter(&self, span: &Id) {
        self.mark('+', span);
    }

    fn exit(&self, span: &Id) {
        self.mark('-', span);
    }

    fn try_close(&self, span: Id) -> bool {
        self.spans.lock().unwrap().remove(&span.into_u64());
        true
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "time" => write!(self.0, "{value:?}"),
            name => write!(self.0, "{name}={value:?} "),
        };
    }
}

/// The marks of a driver, as they come.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<(Mutex<(Vec<Mark>, bool)>, Condvar)>);

impl Heard {
    /// Listens to what `output` says.
    pub(crate) fn listen(output: impl Read + Send + 'static) -> Heard {
        let heard = Heard::default();
        let (marks, changed) = (heard.clone(), heard.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(mark) = Mark::read(&line) {
                    marks.0.0.lock().unwrap().0.push(mark);
                    marks.0.1.notify_all();
                }
            }
            changed.0.0.lock().unwrap().1 = true;
            changed.0.1.notify_all();
        });
        heard
    }

    /// Waits until `enough` of the marks, the end of the driver, or so long; returns whether it was enough.
    pub(crate) fn wait(&self, limit: Duration, enough: impl Fn(&[Mark]) -> bool) -> bool {
        let (lock, changed) = &*self.0;
        let waiting = |heard: &mut (Vec<Mark>, bool)| !enough(&heard.0) && !heard.1;
        let (heard, _) = changed.wait_timeout_while(lock.lock().unwrap(), limit, waiting).unwrap();
        enough(&heard.0)
    }

    /// Whether the driver says nothing more.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.0.lock().unwrap().1
    }

    /// Waits for the end of the driver, and gives all of its marks.
    pub(crate) fn all(&self, limit: Duration) -> Vec<Mark> {
        let (lock, changed) = &*self.0;
        let running = |heard: &mut (Vec<Mark>, bool)| !heard.1;
        let (heard, waited) = changed.wait_timeout_while(lock.lock().unwrap(), limit, running).unwrap();
        assert!(!waited.timed_out(), "the driver does not end");
        heard.0.clone()
    }
}

/// The steps that were begun and not ended.
pub(crate) fn open(marks: &[Mark]) -> Vec<String> {
    let mut open = BTreeMap::<&str, i64>::new();
    for mark in marks {
        *open.entry(&mark.step).or_default() += if mark.begins { 1 } else { -1 };
    }
    open.into_iter().filter(|(_, count)| *count > 0).map(|(step, _)| step.to_owned()).collect()
}
