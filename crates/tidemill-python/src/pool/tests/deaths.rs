//! How workers fail and die, and what becomes of their tasks.

use super::*;

const FINE: &str = "('map', lambda line: line.upper(), '')";

pub(super) fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn an_exception_fails_the_task_and_the_worker_lives() {
    let kit = Kit::new();
    kit.run(FINE, &["a"]).unwrap();
    let pid = kit.pid();
    let table = [
        ("lambda line: 1 / 0", "ZeroDivisionError", "division by zero"),
        ("lambda line: __import__('sys').exit(3)", "SystemExit", "3"),
        ("lambda line: int('\\udcff')", "ValueError", "invalid literal"),
        (
            "lambda line: (_ for _ in ()).throw(type('Odd', (Exception,), {'__str__': lambda self: 1 / 0}))",
            "Odd",
            "<its",
        ),
        // behaviour 3.26
        ("lambda line: next(iter(()))", "tidemill.errors.exceptions.PySparkRuntimeError", "StopIteration"),
    ];
    for (function, exception, message) in table {
        let failure = raised(kit.run(&format!("('map', {function}, 'map at app.py:12')"), &["a\nb", "c"]));
        assert_eq!(
            (failure.exception.rsplit('.').next(), failure.site.as_str()),
            (exception.rsplit('.').next(), "map at app.py:12")
        );
        assert!(failure.message.contains(message), "{failure:?}");
        assert!(failure.traceback.starts_with("Traceback") && !failure.traceback.contains("serve.py"), "{failure}");
        assert_eq!(kit.run(FINE, &["a"]).unwrap(), ["A"]);
    }
    assert_eq!(kit.pid(), pid);
}

#[test]
fn a_chain_that_cannot_be_unpickled_fails_its_tasks() {
    let kit = Kit::new();
    let failure = raised(kit.run_work(&described("__import__('no_such_module')", false), &["a", "b"]));
    assert_eq!(failure.exception, "ModuleNotFoundError");
    assert_eq!(kit.run(FINE, &["a"]).unwrap(), ["A"]);
}

#[test]
fn a_death_is_told_with_how_and_the_next_task_has_a_new_worker() {
    let kit = Kit::new();
    let table = [
        ("__import__('os').kill(__import__('os').getpid(), 9)", "killed by signal 9 (SIGKILL", ""),
        ("__import__('os')._exit(7)", "exit status 7", ""),
        ("__import__('ctypes').string_at(0)", "killed by signal 11 (SIGSEGV)", "string_at"),
    ];
    for (end, how, crash) in table {
        let error = error(kit.run(&format!("('map', lambda line: {end}, '')"), &["a"]));
        let text = error.to_string();
        assert!(text.starts_with("Python worker exited unexpectedly (crashed)"), "{text}");
        assert!(text.contains(how) && text.contains(crash), "{text}");
        assert_eq!(kit.run(FINE, &["a"]).unwrap(), ["A"]);
    }
}

#[test]
fn a_death_is_seen_though_a_child_of_the_worker_lives_on() {
    let kit = Kit::new();
    let forking = "('map', lambda line: (lambda os, time: time.sleep(20) if os.fork() == 0 else os._exit(7))\
                   (__import__('os'), __import__('time')), '')";
    let text = error(kit.run(forking, &["a"])).to_string();
    assert!(text.contains("exit status 7"), "{text}");
    assert_eq!(kit.run(FINE, &["a"]).unwrap(), ["A"]);
}

#[test]
fn what_a_worker_sent_before_it_died_arrives() {
    let kit = Kit::new();
    let dying = described(
        "{'ops': (('mapPartitions', lambda lines: (line if line != 'end' else __import__('os')._exit(7) \
         for line in ['x' * 100000] * 8 + ['end']), ''),), 'sink': ('text',), 'paths': (), 'batch': 1}",
        false,
    );
    let mut running = kit.pool.start(&dying, TaskHead::default()).unwrap();
    let cx = context();
    assert!(running.next(&mut (), &cx).unwrap().is_some());
    while let Ok(Some(_)) = running.next(&mut (), &cx) {}
    assert!(running.next(&mut (), &cx).is_err());
    drop(running);
    assert_eq!(kit.run(FINE, &["a"]).unwrap(), ["A"]);
}

#[test]
fn a_worker_that_is_killed_while_it_waits_costs_no_task() {
    let kit = Kit::new();
    kit.run(FINE, &["a"]).unwrap();
    let pid = kit.pid();
    kill(pid);
    assert!(eventually(|| kit.pool.pids().is_empty()));
    assert_eq!(kit.run(FINE, &["a"]).unwrap(), ["A"]);
    assert_ne!(kit.pid(), pid);
}

#[test]
fn a_zygote_that_is_killed_takes_its_workers_along_and_is_replaced() {
    let kit = Kit::new();
    let zygote = kit.run("('map', lambda line: str(__import__('os').getppid()), '')", &["a"]).unwrap();
    let worker = kit.pid();
    let kill_parent = "('map', lambda line: (__import__('os').kill(__import__('os').getppid(), 9), \
                       __import__('time').sleep(1000)), '')";
    let text = error(kit.run(kill_parent, &["a"])).to_string();
    assert!(text.contains("the process that it was forked from ended"), "{text}");
    assert!(eventually(|| !lives(worker)));
    let other = kit.run("('map', lambda line: str(__import__('os').getppid()), '')", &["a"]).unwrap();
    assert_ne!(zygote, other);
}

#[test]
fn a_worker_past_its_hard_limit_of_memory_fails_the_task_alone() {
    let kit = Kit::with(|settings| settings.hard_memory = 64 << 20);
    let failure = raised(kit.run("('map', lambda line: len(bytearray(100 << 20)), '')", &["a"]));
    assert_eq!(failure.exception, "MemoryError");
    assert_eq!(kit.run(FINE, &["a"]).unwrap(), ["A"]);
}

#[test]
fn an_interpreter_that_does_not_serve_is_named_with_its_setting() {
    let start = |change: fn(&mut PoolSettings)| error(Kit::with(change).run(FINE, &["a"])).to_string();
    let missing = start(|settings| settings.python = "/no/such/python".into());
    assert!(missing.contains("/no/such/python") && missing.contains("PYSPARK_PYTHON"), "{missing}");
    let other = start(|settings| settings.python = "/bin/true".into());
    assert!(other.contains("before it was ready (exit status: 0)") && other.contains("PYSPARK_PYTHON"), "{other}");
    let version = start(|settings| settings.expected = Some(Interpreter { version: (2, 7), hash: 0 }));
    assert!(version.contains("than that in driver: 2.7") && version.contains("PYSPARK_PYTHON"), "{version}");
}
