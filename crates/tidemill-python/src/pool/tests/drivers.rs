//! No process outlives its driver, and a pool that stops takes all with it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;

const PIDS: &str = "('map', lambda line: '%d %d' % (__import__('os').getppid(), __import__('os').getpid()), '')";
const STUCK: &str = "('map', lambda line: (print('busy', flush=True), __import__('time').sleep(1000)), '')";

fn numbers(text: &str) -> Vec<u32> {
    text.split(' ').map(|number| number.trim().parse().unwrap()).collect()
}

#[test]
fn stopping_ends_all_processes_at_once() {
    let kit = Kit::new();
    let pids = numbers(&kit.run(PIDS, &["a"]).unwrap()[0]);
    let (busy, cx) = (work(&STUCK.replace("print", "str").replace(", flush=True", ""), false), context());
    let mut running = kit.pool.start(&busy, TaskHead::default()).unwrap();
    let task = std::thread::spawn(move || running.next(&mut Texts::of(&["a"]), &cx).map(drop));
    let clock = SystemClock::new();
    kit.pool.stop();
    let took = clock.monotonic();
    assert!(took < Duration::from_millis(500), "{took:?}"); // 100 where the machine has nothing else to do
    assert!(pids.iter().all(|pid| !lives(*pid)), "none was left to somebody else");
    assert!(task.join().unwrap().is_err());
    assert!(matches!(error(kit.run(PIDS, &["a"])), WorkerError::Stopped));
    kit.pool.stop();
}

/// A process of this test's own program that runs [`be_a_driver`].
fn driver() -> (Child, Vec<u32>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "pool::tests::drivers::be_a_driver", "--ignored", "--nocapture"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let line = stdout.lines().find_map(|line| line.unwrap().strip_prefix("pids ").map(String::from)).unwrap();
    (child, numbers(&line))
}

#[test]
#[ignore = "the process that others start"]
fn be_a_driver() {
    let kit = Kit::new();
    println!("pids {}", kit.run(PIDS, &["a"]).unwrap()[0]);
    let _ = kit.run(STUCK, &["a"]);
}

#[test]
fn a_driver_that_is_killed_leaves_nothing() {
    let (mut child, pids) = driver();
    let printed = BufReader::new(child.stderr.take().unwrap()).lines().find_map(Result::ok);
    assert_eq!(printed.as_deref(), Some("busy"), "what tasks print is on the driver's standard error");
    assert!(pids.iter().all(|pid| lives(*pid)));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(eventually(|| pids.iter().all(|pid| !lives(*pid))));
}
