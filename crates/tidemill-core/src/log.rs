//! Logs: warnings on stderr unless the program has a subscriber of its own, and Spark's names for the levels.

use std::fmt;
use std::io::{self, IsTerminal};
use std::str::FromStr;
use std::sync::OnceLock;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, reload};

use crate::settings::{Kind, SettingValue, Unit};

/// The handle on the level of the subscriber that [`init`] installed; `None` where the program has its own.
static LEVEL: OnceLock<Option<LevelHandle>> = OnceLock::new();

type LevelHandle = reload::Handle<LevelFilter, Registry>;

/// How much the logs tell; each level includes the ones before it. The names are Spark's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What ends the program. Told as errors: there is no level of its own for it.
    Fatal,
    /// What failed.
    Error,
    /// What may become trouble. The level unless another is set.
    Warn,
    /// What happens.
    Info,
    /// What happens, for those who look for a mistake.
    Debug,
    /// Every step: also where each batch, its outputs, and each write of a log or a state begins and ends.
    Trace,
    /// All there is: the same as `Trace`.
    All,
}

/// A level that is not one of Spark's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is no log level: it must be one of ALL, DEBUG, ERROR, FATAL, INFO, OFF, TRACE, WARN")]
pub struct UnknownLevel {
    /// The level as written.
    pub given: String,
}

/// Makes warnings and errors of the engine appear on stderr, unless the program has installed a subscriber of its
/// own, which then gets everything: a program that wants one installs it before it makes a context. Only the first
/// call of a process does anything.
pub fn init() {
    LEVEL.get_or_init(|| {
        let (subscriber, level) = subscriber(io::stderr, io::stderr().is_terminal());
        tracing::subscriber::set_global_default(subscriber).is_ok().then_some(level)
    });
}

/// Sets how much the logs tell from now on (Spark's `setLogLevel`), in either case: `"INFO"`, `"warn"`. A program
/// with a subscriber of its own decides there; then this does nothing.
///
/// # Errors
///
/// [`UnknownLevel`] if there is no such level.
pub fn set_log_level(level: &str) -> Result<(), UnknownLevel> {
    set(level.parse::<LogLevel>()?);
    Ok(())
}

/// As [`set_log_level`], for a level that is known to be one.
pub fn set(level: LogLevel) {
    init();
    match LEVEL.get().and_then(Option::as_ref) {
        Some(handle) => reload_to(handle, level),
        None => tracing::debug!("The program's own subscriber decides on the level of the logs."),
    }
}

impl LogLevel {
    const ALL: [(&str, LogLevel); 8] = [
        ("ALL", LogLevel::All),
        ("DEBUG", LogLevel::Debug),
        ("ERROR", LogLevel::Error),
        ("FATAL", LogLevel::Fatal),
        ("INFO", LogLevel::Info),
        ("OFF", LogLevel::Off),
        ("TRACE", LogLevel::Trace),
        ("WARN", LogLevel::Warn),
    ];

    fn filter(self) -> LevelFilter {
        match self {
            LogLevel::Off => LevelFilter::OFF,
            LogLevel::Fatal | LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace | LogLevel::All => LevelFilter::TRACE,
        }
    }
}

impl FromStr for LogLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<LogLevel, UnknownLevel> {
        let found = LogLevel::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim()));
        found.map(|(_, level)| *level).ok_or_else(|| UnknownLevel { given: text.to_owned() })
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = LogLevel::ALL.iter().find(|(_, level)| level == self);
        f.write_str(found.map_or("WARN", |(name, _)| name))
    }
}

impl SettingValue for LogLevel {
    const KIND: Kind = Kind::Choice { allowed: "ALL, DEBUG, ERROR, FATAL, INFO, OFF, TRACE or WARN", example: "INFO" };

    fn parse(text: &str, _plain: Unit) -> Option<LogLevel> {
        text.parse().ok()
    }
}

fn subscriber<W>(writer: W, colours: bool) -> (impl Subscriber + Send + Sync, LevelHandle)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, level) = reload::Layer::new(LogLevel::Warn.filter());
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours).with_target(false);
    // Steps are spans of the lowest level, so that at any other level nobody pays for them.
    let lines = lines.with_span_events(FmtSpan::ACTIVE);
    (tracing_subscriber::registry().with(filter).with(lines), level)
}

fn reload_to(handle: &LevelHandle, level: LogLevel) {
    // It fails only once the subscriber is gone, and then there is no log to set the level of.
    let _ = handle.modify(|filter| *filter = level.filter());
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Where a test's log is written instead of stderr.
    #[derive(Clone, Default)]
    pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

    impl Page {
        /// What was logged since the last time that this was asked.
        pub(crate) fn text(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
        }
    }

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_level_can_be_changed_while_the_program_runs() {
        let page = Page::default();
        let writer = page.clone();
        let (subscriber, handle) = subscriber(move || writer.clone(), false);
        let told = || {
            tracing::error!("an error");
            tracing::warn!("a warning");
            tracing::info!("news");
            tracing::debug!("a detail");
            tracing::trace!("a step");
            page.text().lines().count()
        };
        tracing::subscriber::with_default(subscriber, || {
            assert_eq!(told(), 2);
            for (level, lines) in [
                (LogLevel::All, 5),
                (LogLevel::Off, 0),
                (LogLevel::Info, 3),
                (LogLevel::Fatal, 1),
                (LogLevel::Debug, 4),
                (LogLevel::Error, 1),
                (LogLevel::Trace, 5),
                (LogLevel::Warn, 2),
            ] {
                reload_to(&handle, level);
                assert_eq!(told(), lines, "{level}");
            }
        });
    }

    #[test]
    fn steps_tell_where_they_begin_and_end() {
        let page = Page::default();
        let writer = page.clone();
        let (subscriber, handle) = subscriber(move || writer.clone(), false);
        let step = || {
            let write = || tracing::trace_span!(target: "tidemill::step", "block write").in_scope(|| ());
            tracing::trace_span!(target: "tidemill::step", "output", time = 5).in_scope(write);
            page.text()
        };
        tracing::subscriber::with_default(subscriber, || {
            reload_to(&handle, LogLevel::Debug);
            assert_eq!(step(), "");
            reload_to(&handle, LogLevel::Trace);
            let told = step();
            let told: Vec<&str> = told.lines().map(|line| line.split_once(" TRACE ").unwrap().1).collect();
            let inner = ["output{time=5}:block write: enter", "output{time=5}:block write: exit"];
            assert_eq!(told, ["output{time=5}: enter", inner[0], inner[1], "output{time=5}: exit"]);
        });
    }

    #[test]
    fn levels_are_read_in_either_case_and_print_back() {
        for (name, level) in LogLevel::ALL {
            assert_eq!(name.to_lowercase().parse(), Ok(level));
            assert_eq!(level.to_string(), name);
        }
    }

    #[test]
    fn an_unknown_level_is_refused_with_the_list() {
        let message = set_log_level("LOUD").unwrap_err().to_string();
        assert_eq!(
            message,
            "\"LOUD\" is no log level: it must be one of ALL, DEBUG, ERROR, FATAL, INFO, OFF, TRACE, WARN"
        );
    }
}
