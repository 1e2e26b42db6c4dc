//! What tasks get and give.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use tidemill_core::TextBlock;

use super::*;

const UPPER: &str = "('map', lambda line: line.upper(), 'map at app.py:1')";
/// Gives how many chains its worker knows.
const KNOWN: &str = "('map', lambda line: str(sum(len(it._descriptions) for it in __import__('gc').get_objects() \
                     if type(it).__name__ == 'Server')), '')";

#[test]
fn records_go_through_functions() {
    let kit = Kit::new();
    assert_eq!(kit.run(UPPER, &["a\nb\n", "", "c"]).unwrap(), ["A", "B", "C"]);
    assert_eq!(kit.run(UPPER, &[]).unwrap(), [""; 0]);
    let pid = kit.pid();
    assert_eq!(kit.run("('filter', lambda line: line != 'a', '')", &["a\nb\nc"]).unwrap(), ["b", "c"]);
    assert_eq!(kit.pid(), pid, "the worker stays");
}

#[test]
fn what_tasks_wait_for_can_be_started_before() {
    let kit = Kit::new();
    kit.pool.expect_tasks();
    kit.pool.expect_tasks();
    assert_eq!(kit.run(UPPER, &["a"]).unwrap(), ["A"]);
    assert!(kit.pool.pids().len() == 1);
    let idle = Kit::new();
    idle.pool.expect_tasks();
    idle.pool.stop();
}

#[test]
fn long_runs_travel_both_ways_at_once() {
    let kit = Kit::new();
    let line = "x".repeat(99);
    let run = vec![line.as_str(); 30_000].join("\n"); // 3 MB, more than any socket holds
    let lines = kit.run(UPPER, &[&run, &run, "end"]).unwrap();
    assert_eq!(lines.len(), 60_001);
    assert!(lines[..60_000].iter().all(|found| found.len() == 99 && found.starts_with("XX")));
}

#[test]
fn a_part_of_a_block_of_text_is_a_run() {
    struct Once(Option<Frame>);
    impl Feed for Once {
        fn next(&mut self) -> Result<Option<Frame>, Stop> {
            Ok(self.0.take())
        }
    }
    let kit = Kit::new();
    let block = TextBlock::new("one\ntwo\nthree\n".into()).unwrap();
    let frame = Frame { format: 0, bucket: 0, count: 1, payload: Payload::Text(block, 4..8) };
    let mut running = kit.pool.start(&work(UPPER, false), TaskHead::default()).unwrap();
    let frame = running.next(&mut Once(Some(frame)), &context()).unwrap().unwrap();
    assert_eq!(lines_of(&frame), ["TWO"]);
}

// behaviour 3.30
#[test]
fn captured_values_are_fresh_for_each_task_unless_nothing_can_change() {
    let kit = Kit::new();
    let counting = "('map', (lambda seen: lambda line: (seen.append(line), str(len(seen)))[1])([]), '')";
    let fresh = work(counting, false);
    assert_eq!(kit.run_work(&fresh, &["a\nb"]).unwrap(), ["1", "2"]);
    assert_eq!(kit.run_work(&fresh, &["a\nb"]).unwrap(), ["1", "2"]);
    let kept = work(counting, true); // which it should not be, and so one sees that it is kept
    assert_eq!(kit.run_work(&kept, &["a\nb"]).unwrap(), ["1", "2"]);
    assert_eq!(kit.run_work(&kept, &["a\nb"]).unwrap(), ["3", "4"]);
}

#[test]
fn workers_forget_chains_that_were_dropped() {
    let kit = Kit::new();
    let (first, second) = (work(UPPER, true), work(UPPER, false));
    kit.run_work(&first, &["a"]).unwrap();
    kit.run_work(&second, &["a"]).unwrap();
    let known = work(KNOWN, false);
    assert_eq!(kit.run_work(&known, &["a"]).unwrap(), ["3"]);
    drop((first, second));
    assert_eq!(kit.run_work(&known, &["a"]).unwrap(), ["1"]);
}

#[test]
fn tasks_know_themselves_and_tell_what_they_add_up() {
    let kit = Kit::new();
    let tell = "('map', (lambda get: lambda key: '%d %d %d %s' % (get().stageId(), get().partitionId(), \
                get().attemptNumber(), get().getLocalProperty(key)))\
                (__import__('tidemill.taskcontext').taskcontext.TaskContext.get), ''), \
                ('map', (lambda sum: lambda text: (sum.add(2), text)[1])\
                (__import__('tidemill.accumulators').accumulators._deserialize_accumulator(7, 0, \
                __import__('tidemill.accumulators').accumulators.INT_ACCUMULATOR_PARAM)), '')";
    let properties = BTreeMap::from([("color".to_string(), "blue".to_string())]);
    let head = TaskHead { task: 9, stage: 3, partition: 4, attempt: 1, cpus: 1, properties };
    let mut running = kit.pool.start(&work(tell, false), head).unwrap();
    let (mut feed, cx) = (Texts::of(&["color\nsize"]), context());
    let frame = running.next(&mut feed, &cx).unwrap().unwrap();
    assert_eq!(lines_of(&frame), ["3 4 1 blue", "3 4 1 None"]);
    assert_eq!(running.updates(), None);
    assert!(running.next(&mut feed, &cx).unwrap().is_none());
    let updates = running.updates().unwrap();
    assert!(updates.windows(2).any(|pair| pair == [b'K', 4]), "a pickled 4 is in {updates:?}");
    assert_eq!(running.updates(), None);
    assert!(running.next(&mut feed, &cx).unwrap().is_none());
}

#[test]
fn a_function_that_stops_early_leaves_the_rest_unmade() {
    let kit = Kit::new();
    let first = work("('mapPartitions', lambda lines: [next(lines)], '')", false);
    let run = "line\n".repeat(20_000);
    let mut feed = Texts::of(&[run.as_str(); 1000]);
    let mut running = kit.pool.start(&first, TaskHead::default()).unwrap();
    let cx = context();
    assert_eq!(lines_of(&running.next(&mut feed, &cx).unwrap().unwrap()), ["line"]);
    assert!(running.next(&mut feed, &cx).unwrap().is_none());
    assert!(feed.drawn < 30, "{} runs were made", feed.drawn);
    let pid = kit.pid();
    assert_eq!(kit.run(UPPER, &["in step"]).unwrap(), ["IN STEP"]);
    assert_eq!(kit.pid(), pid);
}

#[test]
fn a_chain_inside_another_takes_a_worker_of_its_own() {
    struct Inner(Box<dyn Running>, Texts, TaskContext);
    impl Feed for Inner {
        fn next(&mut self) -> Result<Option<Frame>, Stop> {
            self.0.next(&mut self.1, &self.2)
        }
    }
    let kit = Kit::new();
    let (upper, cx) = (work(UPPER, false), context());
    let start = || kit.pool.start(&upper, TaskHead::default()).unwrap();
    let mut outer = start();
    let mut inner = Inner(start(), Texts::of(&["a", "b"]), context());
    let mut lines = Vec::new();
    while let Some(frame) = outer.next(&mut inner, &cx).unwrap() {
        lines.extend(lines_of(&frame));
    }
    assert_eq!((lines, kit.pool.pids().len()), (vec!["A".to_string(), "B".to_string()], 2));
}

#[test]
fn a_task_that_is_dropped_leaves_a_worker_that_can_be_used() {
    let kit = Kit::new();
    let run = "line\n".repeat(100_000);
    let (upper, cx) = (work(UPPER, false), context());
    for _ in 0..3 {
        let mut running = kit.pool.start(&upper, TaskHead::default()).unwrap();
        running.next(&mut Texts::of(&[run.as_str(); 100]), &cx).unwrap().unwrap();
        drop(running);
        drop(kit.pool.start(&upper, TaskHead::default()).unwrap());
        assert_eq!(kit.run(UPPER, &["a"]).unwrap(), ["A"]);
    }
    let endless = work("('mapPartitions', lambda lines: iter(lambda: 'x' * 100000, None), '')", false);
    let mut running = kit.pool.start(&endless, TaskHead::default()).unwrap();
    running.next(&mut (), &cx).unwrap().unwrap();
    let pid = kit.pid();
    drop(running);
    assert_eq!(kit.run(UPPER, &["a"]).unwrap(), ["A"]);
    assert!(eventually(|| !lives(pid)));
}

#[test]
fn a_failure_of_the_input_ends_the_task() {
    struct Broken(bool);
    impl Feed for Broken {
        fn next(&mut self) -> Result<Option<Frame>, Stop> {
            let is_first = std::mem::replace(&mut self.0, false);
            let frame = Frame { format: 0, bucket: 0, count: 0, payload: vec![b'a'; 100_000].into() };
            if is_first { Ok(Some(frame)) } else { Err(Cause::Invalid("broken".into()).into()) }
        }
    }
    let kit = Kit::new();
    for is_later in [false, true] {
        let mut running = kit.pool.start(&work(UPPER, false), TaskHead::default()).unwrap();
        let ended = running.next(&mut Broken(is_later), &context());
        assert!(matches!(ended, Err(Stop::Failed(Cause::Invalid(_)))));
        drop(running);
        assert_eq!(kit.run(UPPER, &["a"]).unwrap(), ["A"]);
    }
}

#[test]
fn a_cancelled_task_ends_whatever_its_function_does() {
    let kit = Kit::new();
    assert_eq!(kit.run(UPPER, &["a"]).unwrap(), ["A"]);
    let pid = kit.pid();
    let stuck = work("('map', lambda line: __import__('time').sleep(1000), '')", false);
    let (cx, began) = (Arc::new(context()), Arc::new(AtomicBool::new(false)));
    let canceller = std::thread::spawn({
        let (cx, began) = (Arc::clone(&cx), Arc::clone(&began));
        move || {
            assert!(eventually(|| began.load(Ordering::Relaxed)));
            cx.cancel();
        }
    });
    struct Began(Arc<AtomicBool>, Texts);
    impl Feed for Began {
        fn next(&mut self) -> Result<Option<Frame>, Stop> {
            self.0.store(true, Ordering::Relaxed);
            self.1.next()
        }
    }
    let mut running = kit.pool.start(&stuck, TaskHead::default()).unwrap();
    let ended = running.next(&mut Began(began, Texts::of(&["a"])), &cx);
    assert!(matches!(ended, Err(Stop::Cancelled)));
    drop(running);
    canceller.join().unwrap();
    assert_eq!(kit.run(UPPER, &["a"]).unwrap(), ["A"]);
    assert!(eventually(|| !lives(pid)));
}

#[test]
fn workers_run_in_the_drivers_folder_with_nothing_to_read_and_luck_of_their_own() {
    let kit = Kit::with(|settings| {
        settings.sys_path = vec!["/somewhere/else".into()];
        settings.environment.insert("TIDE".into(), "high".into());
    });
    let look = "('flatMap', lambda line: [__import__('os').getcwd(), __import__('sys').stdin.read(), \
                __import__('os').environ['TIDE'], __import__('sys').path[0], \
                ' '.join(sorted(key for key in vars(__import__('__main__')) if key[0] != '_')), \
                __import__('tidemill.files').files.SparkFiles.getRootDirectory(), \
                str('tidemill._engine' in __import__('sys').modules)], '')";
    let folder = kit.folder.path().canonicalize().unwrap();
    let files = folder.join("files");
    let expected = [&*folder.to_string_lossy(), "", "high", "/somewhere/else", "", &files.to_string_lossy(), "False"];
    assert_eq!(kit.run(look, &["a"]).unwrap(), expected);
    let number = work("('map', lambda line: str(__import__('random').random()), '')", false);
    let one = kit.run_work(&number, &["a"]).unwrap();
    let busy = kit.pool.start(&number, TaskHead::default()).unwrap();
    let other = kit.run_work(&number, &["a"]).unwrap();
    drop(busy);
    assert_ne!(one, other);
}
