//! Settings of what watches the engine: events, progress, pages, event logs.

use std::time::Duration;

use super::settings;
use crate::settings::{Bounds, Secrets, Setting, SettingKey};

settings! {
    /// How many events a listener may lag behind; later ones are dropped, counted and warned of.
    EVENT_QUEUE_LIMIT: usize = "tidemill.event.queue.limit", default("10000"), bounds(Bounds::AboveZero),
        old_names(&["spark.scheduler.listenerbus.eventqueue.capacity"]);
    /// Whether the stages that run longer than half a second are drawn as bars on the terminal.
    SHOW_CONSOLE_PROGRESS: bool = "spark.ui.showConsoleProgress", default("false"), row("4.65");
    /// How often the bars are drawn.
    CONSOLE_PROGRESS_INTERVAL: Duration = "spark.ui.consoleProgress.update.interval",
        default("200ms"), bounds(Bounds::AboveZero), row("5.31");
    /// Whether the web pages are served.
    UI_ENABLED: bool = "spark.ui.enabled", default("true"), row("4.65"), no_effect("there are no web pages");
    /// The port of the web pages; 0 takes any that is free.
    UI_PORT: u16 = "spark.ui.port", default("4040"), row("4.65"), no_effect("there are no web pages");
    /// How many jobs the pages remember.
    UI_RETAINED_JOBS: usize = "spark.ui.retainedJobs", default("1000"), row("4.65"),
        no_effect("there are no web pages");
    /// How many stages the pages remember.
    UI_RETAINED_STAGES: usize = "spark.ui.retainedStages", default("1000"), row("4.65"),
        no_effect("there are no web pages");
    /// How many batches the pages remember.
    UI_RETAINED_BATCHES: usize = "spark.streaming.ui.retainedBatches", default("1000"), row("4.29");
    /// Which settings hold secrets: where the pattern is found in the name or in the value, no log and no checkpoint shows it.
    /// Credentials are in no checkpoint whatever it says.
    REDACTION_REGEX: Secrets = "spark.redaction.regex", default("(?i)secret|password|token|access[.]?key");
    /// Whether events are written to a log.
    EVENT_LOG_ENABLED: bool = "spark.eventLog.enabled", default("false"), row("4.66"),
        no_effect("there are no event logs");
    /// The folder of event logs.
    EVENT_LOG_DIR: Option<String> = "spark.eventLog.dir",
        absent("`spark-events` in the system's folder for temporary files"), row("4.66"),
        no_effect("there are no event logs");
}
