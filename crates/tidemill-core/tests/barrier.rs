//! Barriers: tasks that start together, or a job that fails at once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Barrier, Mutex};

use tidemill_core::{Context, Error, Settings, TaskContext};

fn sorted(mut values: Vec<i64>) -> Vec<i64> {
    values.sort_unstable();
    values
}

/// 3.4: no task gets past the meeting unless all have started.
#[test]
fn tasks_behind_a_barrier_run_together() {
    let context = Context::local(3).unwrap();
    let meet = |partitions: usize| {
        let meeting = Barrier::new(partitions);
        context.range(0..6, partitions).barrier().map_partitions(move |elements| {
            meeting.wait();
            elements
        })
    };
    for partitions in 1..=3 {
        let met = meet(partitions);
        assert_eq!(met.collect().unwrap(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(met.map(|x| x + 1).filter(|x| x % 2 == 0).count().unwrap(), 3);
        // Before a shuffle, and again by a stage of its own behind it.
        let mut sums = meet(partitions).map(|x| (x % 2, x)).reduce_by_key_into(|a, b| a + b, 5).collect().unwrap();
        sums.sort_unstable();
        assert_eq!(sums, [(0, 6), (1, 9)]);
        let meeting = Barrier::new(3);
        let again = meet(partitions).repartition(3).barrier().map_partitions_with_index(move |p, elements| {
            meeting.wait();
            [(p, elements.count())]
        });
        assert_eq!(again.collect().unwrap().into_iter().map(|(_, count)| count).sum::<usize>(), 6);
    }
}

/// 3.4: where tasks behind a barrier could wait for each other for ever, the job fails at once and says what to do.
#[test]
fn a_barrier_that_cannot_be_met_fails_at_once() {
    let context = Context::local(2).unwrap();
    let behind = |partitions| context.range(0..4, partitions).barrier().map_partitions(|elements| elements);
    let (wide, torn) = ("use fewer partitions or more threads", "use only all partitions after it");
    let cases: [(&str, Result<u64, Error>, &str); 7] = [
        ("too wide", behind(3).count(), wide),
        ("too wide before a shuffle", behind(3).repartition(1).count(), wide),
        ("take", behind(2).take(1).map(|taken| taken.len() as u64), torn),
        ("coalesce", behind(2).coalesce(1).count(), torn),
        ("coalesce before a shuffle", behind(2).coalesce(1).repartition(2).count(), torn),
        ("union", behind(1).union(&context.range(0..1, 1)).count(), torn),
        ("two barriers", behind(2).coalesce(1).barrier().map_partitions(|elements| elements).count(), torn),
    ];
    for (name, result, wanted) in cases {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(wanted) && error.contains("barrier.rs"), "{name}: {error}");
    }
    assert_eq!(context.range(0..4, 4).coalesce(2).barrier().map_partitions(|elements| elements).count().unwrap(), 4);
}

/// 3.4: one task fails once, and all run twice.
#[test]
fn a_barrier_starts_anew_with_all_its_tasks() {
    for shuffled in [false, true] {
        let mut settings = Settings::new();
        settings.set("spark.master", "local[2,2]");
        let context = Context::new(&settings).unwrap();
        let runs = Arc::new(Mutex::new(Vec::new()));
        let (seen, meeting) = (Arc::clone(&runs), Barrier::new(2));
        let met = context.range(0..4, 2).barrier().map_partitions_with_index(move |partition, elements| {
            meeting.wait();
            let attempt = TaskContext::current().unwrap().attempt();
            seen.lock().unwrap().push((partition, attempt));
            assert!(partition != 1 || attempt > 0, "the first try");
            elements
        });
        let elements = if shuffled { met.repartition(3).collect() } else { met.collect() };
        assert_eq!(sorted(elements.unwrap()), [0, 1, 2, 3]);
        let mut runs = std::mem::take(&mut *runs.lock().unwrap());
        runs.sort_unstable();
        assert_eq!(runs, [(0, 0), (0, 1), (1, 0), (1, 1)], "shuffled: {shuffled}");
    }
}
