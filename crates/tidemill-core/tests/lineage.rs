//! Long lineages: they run and drop on a small stack, and cost time in their length.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::sync::Arc;

use tidemill_core::lineage::{Lineage, walk_stage};
use tidemill_core::scheduler::{Action, Event, Limits, Outcome, Scheduler, SchedulingMode, Submission};
use tidemill_core::ship::Encoder;
use tidemill_core::stage::{Plan, cut};
use tidemill_core::task::JobId;
use tidemill_core::{Context, Rdd};

const LONG: usize = 10_000;

/// Runs `work` on a stack as small as Rust's threads have.
fn on_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
}

fn lineage<T: 'static>(rdd: &Rdd<T>) -> Arc<dyn Lineage> {
    Arc::clone(rdd.node()) as Arc<dyn Lineage>
}

/// How often a walk comes to each node.
fn visits<T: 'static>(rdd: &Rdd<T>) -> Vec<usize> {
    let mut visits = HashMap::new();
    walk_stage(lineage(rdd), |node| *visits.entry(node.meta().id).or_insert(0) += 1);
    visits.into_values().collect()
}

fn chain(context: &Context, length: usize) -> Rdd<i64> {
    (0..length).fold(context.range(0..10, 2), |rdd, _| rdd.map(|x| x + 1))
}

fn unions(context: &Context, length: usize) -> Rdd<i64> {
    (0..length).fold(context.range(0..1, 1), |state, i| state.union(&context.range(i as i64 + 1..i as i64 + 2, 1)))
}

fn batch(context: &Context, i: usize) -> Rdd<(i64, i64)> {
    context.parallelize([(i as i64 % 3, 1)], 1)
}

#[test]
fn a_long_chain_of_narrow_operators_runs_and_drops() {
    on_small_stack(|| {
        let context = Context::local(2).unwrap();
        let rdd = chain(&context, LONG);
        assert_eq!(rdd.collect().unwrap(), (LONG as i64..LONG as i64 + 10).collect::<Vec<_>>());
        let mut encoder = Encoder::default();
        encoder.lineage(lineage(&rdd)).unwrap();
    });
}

#[test]
fn chains_that_meet_at_odd_depths_run() {
    on_small_stack(|| {
        let context = Context::local(2).unwrap();
        // What is zipped in is deeper by one each time, so that depths skip numbers on the way down.
        let mut rdd = context.range(0..4, 1);
        for _ in 0..LONG / 4 {
            let other = rdd.map(|x| x);
            rdd = rdd.zip(&context.range(0..4, 1)).unwrap().map(|(x, _)| x).filter(|_| true);
            drop(other);
        }
        assert_eq!(rdd.union(&rdd).coalesce(1).collect().unwrap(), [0, 1, 2, 3, 0, 1, 2, 3]);
    });
}

#[test]
fn a_long_chain_of_unions_runs_and_drops() {
    on_small_stack(|| {
        let context = Context::local(2).unwrap();
        let state = unions(&context, LONG);
        assert_eq!(state.num_partitions(), LONG + 1);
        assert_eq!(state.collect().unwrap(), (0..=LONG as i64).collect::<Vec<_>>());
        assert_eq!(state.coalesce(3).map(|x| x).count().unwrap(), LONG as u64 + 1);
    });
}

/// behaviour 3.24
#[test]
fn a_long_chain_of_unions_of_one_layout_runs_and_drops() {
    on_small_stack(|| {
        let context = Context::local(2).unwrap();
        let one = context.parallelize([(0_i64, 1_i64), (1, 1)], 1).reduce_by_key_into(|a, b| a + b, 2);
        let state = (0..LONG).fold(one.clone(), |state, _| state.union(&one));
        assert_eq!(state.num_partitions(), 2);
        let mut sums = state.reduce_by_key(|a, b| a + b).collect().unwrap();
        sums.sort_unstable();
        assert_eq!(sums, [(0, LONG as i64 + 1), (1, LONG as i64 + 1)]);
    });
}

#[test]
fn a_state_grown_by_many_batches_runs_and_drops() {
    on_small_stack(|| {
        let context = Context::local(2).unwrap();
        let grow = |state: Rdd<(i64, i64)>, i| state.union(&batch(&context, i)).reduce_by_key_into(|a, b| a + b, 1);
        let state = (0..LONG).fold(batch(&context, 0), grow);
        // Never computed before: all its stages are run by one job.
        assert_eq!(state.map(|(_, n)| n).collect().unwrap().into_iter().sum::<i64>(), LONG as i64 + 1);
        // And once more, of which all but the last stage is there.
        assert_eq!(state.count().unwrap(), 3);
        drop(state);
        assert_eq!(context.range(0..1, 1).count().unwrap(), 1);
    });
}

#[test]
fn the_nodes_of_diamonds_are_visited_once() {
    let context = Context::local(1).unwrap();
    // Each step reads the one before twice: 2^200 paths.
    let diamonds = (0..200).fold(context.range(0..1, 1), |rdd, _| rdd.union(&rdd.map(|x| x)).coalesce(1));
    let visits = visits(&diamonds);
    assert_eq!((visits.len(), visits.iter().all(|count| *count == 1)), (601, true));
    let twice = |state: Rdd<(i64, i64)>| state.union(&state.map(|pair| pair)).reduce_by_key_into(|a, b| a.max(b), 1);
    let shuffled = (0..200).fold(batch(&context, 0), |state, _| twice(state));
    let (plan, sides) = cut(lineage(&shuffled), |_| false);
    assert_eq!((plan.map_stages.len(), sides.len()), (200, 200));
    assert_eq!(shuffled.collect().unwrap(), [(0, 1)]);
}

/// Counts what is done, not how long it takes.
#[test]
fn walks_cost_as_much_as_the_lineage_is_long() {
    let context = Context::local(1).unwrap();
    let visited = |n| {
        let state =
            (0..n).fold(batch(&context, 0), |s, i| s.union(&batch(&context, i)).reduce_by_key_into(|a, b| a + b, 1));
        let (plan, _) = cut(lineage(&state), |_| false);
        let parents: usize = plan.map_stages.iter().map(|stage| stage.parents.len()).sum();
        [visits(&chain(&context, n)).len(), visits(&unions(&context, n)).len(), plan.map_stages.len() + parents]
    };
    let (once, twice) = (visited(500), visited(1_000));
    for (once, twice) in once.into_iter().zip(twice) {
        assert!(twice <= 2 * once + 1 && once <= 1_001, "{once} and {twice}");
    }
    // A job on what is computed already looks no further than the nearest shuffle.
    let state =
        (0..500).fold(batch(&context, 0), |s, i| s.union(&batch(&context, i)).reduce_by_key_into(|a, b| a + b, 1));
    let (plan, _) = cut(lineage(&state), |_| true);
    assert_eq!(plan.map_stages.len(), 1);
}

/// Runs a job of `plan`, whose result stage has one task, and counts what the scheduler asks for.
fn actions_of(plan: Plan) -> usize {
    let mut scheduler = Scheduler::new(4, SchedulingMode::Fifo, Limits { task_failures_max: 1, stage_losses_max: 1 });
    let submission = Submission { job: JobId(0), plan, results: 1, pool: String::new() };
    let (mut open, mut count) = (vec![Event::Submitted(submission)], 0);
    let mut done = false;
    while let Some(event) = open.pop() {
        let mut actions = Vec::new();
        scheduler.on(event, &mut actions);
        count += actions.len();
        for action in actions {
            match action {
                Action::Launch(task) => open.push(Event::Done(task)),
                Action::Finished { outcome, .. } => done = matches!(outcome, Outcome::Done),
                _ => {}
            }
        }
    }
    assert!(done);
    count
}

#[test]
fn scheduling_costs_as_much_as_there_are_tasks() {
    let context = Context::local(1).unwrap();
    let actions = |n| {
        let state =
            (0..n).fold(batch(&context, 0), |s, i| s.union(&batch(&context, i)).reduce_by_key_into(|a, b| a + b, 1));
        actions_of(cut(lineage(&state), |_| false).0)
    };
    // The job is planned; a stage starts, ends, and has two tasks - the first and the last one have less or more - that
    // start and are accepted.
    assert_eq!([actions(100), actions(200), actions(400)], [100 * 6 + 6, 200 * 6 + 6, 400 * 6 + 6]);
}
