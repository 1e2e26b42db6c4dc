//! Settings as written against what they come to mean, and the page that is made of the table.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use super::*;
use crate::log::LogLevel;
use crate::log::tests::Page;
use crate::memory::{MemoryFloors, Pool};

const MACHINE: Machine = Machine { memory_bytes: 10 << 30, cores: 8 };

fn resolve<const N: usize>(pairs: [(&str, &str); N]) -> Result<Config, SettingError> {
    Config::resolve_on(&Settings::from_pairs(pairs), MACHINE)
}

#[track_caller]
fn refused<const N: usize>(pairs: [(&str, &str); N]) -> String {
    resolve(pairs).expect_err("should be refused").to_string()
}

#[test]
fn nothing_written_gives_the_defaults() {
    let config = resolve([]).unwrap();
    // behaviour 4.54, 4.55, 4.57
    assert_eq!(config.master().threads, 8);
    assert_eq!(config.default_parallelism(), 8);
    assert_eq!(config.task_max_failures(), 1);
    // behaviour 4.8, 4.12, 4.15, 4.30, 4.68
    assert_eq!(config.get(keys::BLOCK_INTERVAL), Duration::from_millis(200));
    assert_eq!(config.get(keys::BLOCK_STORE_TIMEOUT), Duration::from_secs(30));
    assert_eq!(config.get(keys::RECEIVER_LOG_ROLLING_INTERVAL), Duration::from_secs(60));
    assert_eq!(config.get(keys::MIN_REMEMBER_DURATION), Duration::from_secs(60));
    assert_eq!(config.get(keys::NETWORK_TIMEOUT), Duration::from_secs(120));
    // 4.7, 4.10, 4.27, 4.62
    assert_eq!(config.get(keys::PID_MIN_RATE), 100.0);
    assert_eq!(config.get(keys::RECEIVER_MAX_RATE), Rate::Unlimited);
    assert_eq!(config.get(keys::GRACEFUL_STOP_TIMEOUT), None);
    assert_eq!(config.get(keys::SCHEDULER_MODE), SchedulerMode::Fifo);
    assert_eq!(config.get(keys::LINE_LENGTH_LIMIT), ByteSize::new(128 << 20));
    assert_eq!(config.hash_seed(), 0);
    assert_eq!(config.local_dirs(), [env::temp_dir()]);
    let total = (10 << 30) / 10 * 6;
    let memory = config.memory();
    assert_eq!((memory.total, memory.received, memory.results), (total, total * 4 / 10, total / 4));
    let kept = total / 20;
    let floors = MemoryFloors { received: kept, shuffle: kept, state: kept, results: kept, ..MemoryFloors::default() };
    assert_eq!((memory.floors, memory.shared()), (floors, total - 4 * kept));
}

#[test]
fn what_is_written_holds() {
    let config = resolve([
        ("spark.master", "local[3,5]"),
        ("spark.streaming.receiver.writeAheadLog.rollingIntervalSecs", "7"),
        ("spark.streaming.receiver.blockStoreTimeout", " 500ms "),
        ("spark.python.worker.memory", "64"),
        ("spark.scheduler.mode", "fair"),
        ("spark.streaming.backpressure.enabled", "TRUE"),
        ("spark.local.dir", "/a, /b,"),
        ("tidemill.hash.seed", "12"),
        ("spark.log.level", "info"),
    ])
    .unwrap();
    assert_eq!((config.default_parallelism(), config.task_max_failures()), (3, 5));
    assert_eq!(config.get(keys::RECEIVER_LOG_ROLLING_INTERVAL), Duration::from_secs(7));
    assert_eq!(config.get(keys::BLOCK_STORE_TIMEOUT), Duration::from_millis(500));
    assert_eq!(config.get(keys::PYTHON_WORKER_MEMORY), ByteSize::new(64 << 20));
    assert_eq!(config.get(keys::SCHEDULER_MODE), SchedulerMode::Fair);
    assert!(config.get(keys::BACKPRESSURE_ENABLED));
    assert_eq!(config.local_dirs(), [Path::new("/a"), Path::new("/b")]);
    assert_eq!(config.hash_seed(), 12);
    assert_eq!(config.get(keys::LOG_LEVEL), Some(LogLevel::Info));
    assert_eq!(config.written().get("spark.local.dir"), Some("/a, /b,"));
}

#[test]
fn tries_of_a_task_come_from_the_master_then_the_setting() {
    // behaviour 4.57
    let tries = |pairs| resolve::<2>(pairs).unwrap().task_max_failures();
    assert_eq!(tries([("spark.master", "local[2]"), ("spark.task.maxFailures", "4")]), 4);
    assert_eq!(tries([("spark.master", "local[2,3]"), ("spark.task.maxFailures", "4")]), 3);
}

#[test]
fn an_old_name_is_read_and_the_new_one_wins() {
    // 4.30
    let (old, new) = ("spark.streaming.minRememberDuration", keys::MIN_REMEMBER_DURATION.name());
    assert_eq!(resolve([(old, "5s")]).unwrap().get(keys::MIN_REMEMBER_DURATION), Duration::from_secs(5));
    let both = resolve([(old, "5s"), (new, "6s")]).unwrap();
    assert_eq!(both.get(keys::MIN_REMEMBER_DURATION), Duration::from_secs(6));
}

#[test]
fn refusals_say_what_was_given_what_is_allowed_and_an_example() {
    assert_eq!(
        refused([("spark.streaming.blockInterval", "0.2s")]),
        "spark.streaming.blockInterval is set to \"0.2s\", but it takes a whole number with us, ms, s, min, h or d \
         (without one: ms), above 0; try spark.streaming.blockInterval=200ms"
    );
    assert_eq!(
        refused([("spark.streaming.backpressure.rateEstimator", "magic")]), // 4.3
        "spark.streaming.backpressure.rateEstimator is set to \"magic\", but it takes pid; \
         try spark.streaming.backpressure.rateEstimator=pid"
    );
    assert_eq!(
        refused([("tidemill.line.length.limit", "5g")]),
        "tidemill.line.length.limit is set to \"5g\", but it takes a whole number with b, k, m, g, t or p \
         (without one: bytes), above 0 and at most 4095m; try tidemill.line.length.limit=128m"
    );
    for (name, value) in [
        ("spark.streaming.blockInterval", "0"),               // 4.8
        ("spark.streaming.backpressure.pid.integral", "-1"),  // 4.5
        ("spark.streaming.backpressure.pid.integral", "NaN"), // 4.5
        ("spark.streaming.backpressure.pid.minRate", "0"),    // 4.7
        ("spark.streaming.concurrentJobs", "0"),
        ("spark.default.parallelism", "0"),
        ("spark.default.parallelism", ""),
        ("spark.ui.port", "65536"),
        ("spark.ui.enabled", "yes"),
        ("spark.log.level", "LOUD"),
        ("tidemill.memory.limit", "0%"),
        ("tidemill.memory.limit", "0"),
    ] {
        let message = refused([(name, value)]);
        assert!(message.starts_with(&format!("{name} is set to \"{value}\", but it takes ")), "{message}");
    }
}

#[test]
fn a_refused_value_that_looks_like_a_secret_is_not_shown() {
    let message = refused([("spark.ui.port", "password=hunter2")]);
    assert!(!message.contains("hunter2") && message.contains(REDACTED), "{message}");
}

#[test]
fn names_without_effect_are_warned_of_once_resolved() {
    let page = Page::default();
    let writer = page.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        resolve([
            ("spark.streaming.blockIntervall", "1s"),
            ("spark.flux.capacitor", "on"),
            ("spark.speculation", "true"), // 4.59
            ("spark.driver.memory", "1g"),
            ("my.own", "1"),
        ])
        .unwrap();
    });
    assert_eq!(
        page.text(),
        " WARN there is no setting spark.flux.capacitor; it has no effect\n\
         \x20WARN there is no setting spark.streaming.blockIntervall; did you mean spark.streaming.blockInterval?\n\
         \x20WARN spark.speculation has no effect: no task runs twice at the same time\n"
    );
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    assert_eq!(
        refused([("tidemill.memory.limit", "1g"), ("tidemill.memory.stored.limit", "2g")]),
        "tidemill.memory.stored.limit is 2g, but tidemill.memory.limit is 1g, of which it is a part; \
         make it at most that, or set tidemill.memory.limit higher"
    );
    // 4.68
    assert!(refused([("spark.network.timeout", "5")]).starts_with("spark.executor.heartbeatInterval is 10s, but"));
    assert!(refused([("tidemill.memory.received.limit", "4m")]).starts_with("tidemill.receiver.block.size is 8m, but"));
    assert!(refused([("spark.master", "yarn")]).contains("yarn"));
}

#[test]
fn results_are_limited_by_our_setting_then_by_sparks() {
    // 4.68
    let results = |name, value| resolve([("tidemill.memory.limit", "2g"), (name, value)]).unwrap().memory().results;
    assert_eq!(results("spark.driver.maxResultSize", "64m"), 64 << 20);
    assert_eq!(results("spark.driver.maxResultSize", "0"), 2 << 30);
    assert_eq!(results("spark.driver.maxResultSize", "1t"), 2 << 30);
    assert_eq!(results("tidemill.memory.results.limit", "50%"), 1 << 30);
}

/// In MiB, of 1000: what is written, and the floors of received, stored, shuffle, state, results and workers.
#[test]
fn floors_are_what_is_written_and_what_that_leaves() {
    const MIB: u64 = 1 << 20;
    let floors = |written: &[(&str, &str)]| {
        let settings = [("tidemill.memory.limit", "1000m")].iter().chain(written).copied();
        let memory = Config::resolve_on(&Settings::from_pairs(settings), MACHINE).unwrap().memory();
        Pool::ALL.map(|pool| memory.floors.of(pool) / MIB)
    };
    let storage = "spark.memory.storageFraction";
    for (written, expected) in [
        (&[][..], [50, 0, 50, 50, 50, 0]),
        (&[("tidemill.memory.received.floor", "0"), ("tidemill.memory.state.floor", "20%")], [0, 0, 50, 200, 50, 0]),
        (
            &[("tidemill.memory.received.floor", "0%"), ("tidemill.memory.workers.floor", "100m")],
            [0, 0, 50, 50, 50, 100],
        ),
        // A default is no more than its pool may have, and than is left.
        (&[("tidemill.memory.shuffle.limit", "3m")], [50, 0, 3, 50, 50, 0]),
        (&[("tidemill.memory.state.floor", "92%")], [50, 0, 30, 920, 0, 0]),
        (&[("tidemill.memory.stored.floor", "50%"), ("tidemill.memory.workers.floor", "48%")], [20, 500, 0, 0, 0, 480]),
        // Spark's share of storage: up to the ceiling, and our own name wins.
        (&[(storage, "0.2")], [50, 200, 50, 50, 50, 0]),
        (&[(storage, "0.9")], [50, 500, 50, 50, 50, 0]),
        (&[(storage, "0.9"), ("tidemill.memory.stored.limit", "100%")], [50, 900, 50, 0, 0, 0]),
        (&[(storage, "0.2"), ("tidemill.memory.stored.floor", "30m")], [50, 30, 50, 50, 50, 0]),
    ] {
        assert_eq!(floors(written), expected, "{written:?}");
    }
}

#[test]
fn floors_that_do_not_fit_are_refused() {
    assert_eq!(
        refused([("tidemill.memory.limit", "1g"), ("tidemill.memory.stored.floor", "768m")]),
        "tidemill.memory.stored.floor is 768m, but tidemill.memory.stored.limit is 512m, of which it is a part; \
         make it at most that, or set tidemill.memory.stored.limit higher"
    );
    assert_eq!(
        refused([("tidemill.memory.limit", "1g"), ("tidemill.memory.state.floor", "2g")]),
        "tidemill.memory.state.floor is 2g, but tidemill.memory.limit is 1g, of which it is a part; \
         make it at most that, or set tidemill.memory.limit higher"
    );
    assert_eq!(
        refused([
            ("tidemill.memory.limit", "1g"),
            ("tidemill.memory.shuffle.floor", "512m"),
            ("tidemill.memory.state.floor", "75%"),
        ]),
        "tidemill.memory.state.floor is 768m, but with tidemill.memory.shuffle.floor that makes 1280m of the 1g of \
         tidemill.memory.limit; make one of them smaller, or set tidemill.memory.limit higher"
    );
    // Blocks must fit into what the floors of others leave to them.
    let crowded = refused([("tidemill.memory.limit", "40m"), ("tidemill.memory.state.floor", "36m")]);
    assert!(crowded.starts_with("tidemill.receiver.block.size is 8m, but"), "{crowded}");
    assert!(crowded.ends_with("make it smaller, or the floors of other data"), "{crowded}");
    for value in ["1", "-0.1", "half", "NaN"] {
        let message = refused([("spark.memory.storageFraction", value)]);
        assert!(message.ends_with("it takes a number, 0 or above and below 1; try spark.memory.storageFraction=0.5"));
    }
}

#[test]
fn a_random_seed_is_drawn_once_a_config() {
    let config = resolve([("tidemill.hash.seed", "random")]).unwrap();
    assert_eq!(config.hash_seed(), config.clone().hash_seed());
    assert_ne!(config.hash_seed(), resolve([("tidemill.hash.seed", "random")]).unwrap().hash_seed());
}

#[test]
fn the_table_is_sound() {
    let mut names = HashSet::new();
    for setting in keys::all() {
        for name in setting.old_names.iter().chain([&setting.name]) {
            assert!(names.insert(*name), "{name} stands twice");
        }
        assert!(setting.read_default().is_ok(), "{} refuses its default", setting.name);
        let refused = setting.read(setting.example()).is_err();
        assert_eq!(refused, setting.refused.is_some(), "{} refuses its example", setting.name);
        assert!(setting.doc.trim().ends_with('.'), "{} needs a sentence", setting.name);
    }
    // 4.1 to 4.31 all have an entry.
    let rows: HashSet<_> = keys::all().filter_map(|setting| setting.row).collect();
    for row in 1..=31 {
        assert!(rows.contains(format!("4.{row}").as_str()), "4.{row}");
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_the_reason() {
    // behaviour 4.14 and 4.18
    for name in ["spark.streaming.receiver.writeAheadLog.class", "spark.streaming.driver.writeAheadLog.class"] {
        let error = Config::resolve(&Settings::from_pairs([(name, "org.example.Log")])).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{name} cannot be set: a class of the JVM cannot be loaded, and the built-in log is there; remove it"
            )
        );
    }
}

#[test]
fn the_page_of_settings_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, Settings::document()).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    assert!(page == Settings::document(), "docs/settings.md is old; run this test with UPDATE_DOCS=1");
}
