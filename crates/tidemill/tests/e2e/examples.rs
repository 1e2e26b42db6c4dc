//! The examples do what their first line says.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use crate::program::{Program, example};

fn output(name: &str) -> Vec<String> {
    let (status, lines) = Program::start(&mut example(name)).end();
    assert!(status.success(), "{name}: {status}\n{}", lines.join("\n"));
    lines
}

#[test]
fn pi_is_about_pi_and_the_same_every_time() {
    let lines = output("pi");
    let pi: f64 = lines[0].rsplit(' ').next().unwrap().parse().unwrap();
    assert!((pi - std::f64::consts::PI).abs() < 0.005, "{lines:?}");
    assert!(lines[0].contains("of 4000000 darts hit"), "{lines:?}");
    assert_eq!(lines, output("pi"));
}

#[test]
fn rdd_operators_agree_with_a_plain_count() {
    let lines = output("rdd_operators");
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../LICENSE")).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let count = |word: &str| words.iter().filter(|it| **it == word).count();
    let distinct: std::collections::HashSet<&str> = words.iter().copied().collect();
    let first = text.lines().next().unwrap().trim();
    let expected = [
        format!("{} lines in 2 partitions; the first: {first}", text.lines().count()),
        format!("{} lines are longer than 70 bytes", text.lines().filter(|line| line.len() > 70).count()),
        format!("{} words, ", words.len()),
        "lines of each partition: [(0, ".to_owned(),
        format!("most frequent: [({}, \"the\"), ", count("the")),
        "(length, (different words, occurrences)): [(1, (".to_owned(),
        format!("found: [(\"License\", {}), (\"Work\", {})]", count("License"), count("Work")),
        "missing: [\"tide\"]".to_owned(),
        format!("{} words with the wanted ones, {} distinct", distinct.len() + 3, distinct.len() + 1),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(expected) {
        assert!(line.starts_with(&start), "{line:?} is not {start:?}");
    }
}

/// A server of this test for one program to connect to.
struct Server(TcpListener);

impl Server {
    fn new() -> Server {
        Server(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn port(&self) -> String {
        self.0.local_addr().unwrap().port().to_string()
    }

    fn accept(&self) -> TcpStream {
        self.0.accept().unwrap().0
    }
}

fn ends_well(program: Program) -> Vec<String> {
    program.signal("INT");
    let (status, lines) = program.end();
    assert!(status.success(), "{status}: {lines:#?}");
    lines
}

#[test]
fn words_enter_and_leave_a_window() {
    let server = Server::new();
    let mut program = Program::start(example("windowed_word_count").args(["127.0.0.1", &server.port(), "3", "1"]));
    let mut sender = server.accept();
    sender.write_all(b"tide tide mill\n").unwrap();
    program.wait_for("(\"tide\", 2)");
    sender.write_all(b"tide\n").unwrap();
    program.wait_for("(\"tide\", 3)");
    program.wait_for("(\"tide\", 1)"); // the first line has left
    program.wait_for("Time: ");
    ends_well(program);
}

#[test]
fn a_session_ends_when_its_user_is_silent() {
    let server = Server::new();
    let mut program = Program::start(example("stateful_sessions").args(["127.0.0.1", &server.port(), "1"]));
    let mut sender = server.accept();
    sender.write_all(b"ann looks at shoes\nann buys shoes\nbob sleeps\n").unwrap();
    program.wait_for("\"ann buys shoes (line 2)\"");
    program.wait_for("\"bob sleeps (line 1)\"");
    program.wait_for("left after"); // ann or bob: both have been silent for as long
    program.wait_for("left after");
    program.wait_for(": 0 users");
    ends_well(program);
}

#[test]
fn a_file_that_is_put_into_the_folder_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("inbox");
    let mut program = Program::start(example("files_word_count").arg(&inbox));
    program.wait_for("Put text files into");
    let (written, moved) = (folder.path().join("words"), inbox.join("words"));
    std::fs::write(&written, "tide tide mill\n").unwrap();
    std::fs::rename(&written, &moved).unwrap();
    program.wait_for("[(2, \"tide\"), (1, \"mill\")]");
    let lines = ends_well(program);
    assert_eq!(lines.iter().filter(|line| line.contains("tide")).count(), 1, "{lines:#?}");
}

#[test]
fn a_receiver_of_ones_own_brings_figures() {
    let mut program = Program::start(&mut example("custom_receiver"));
    let line = program.wait_for(": load ");
    assert!(line.ends_with(" times"), "{line}");
    ends_well(program);
}

#[test]
fn a_direct_source_reads_each_line_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("web.log");
    std::fs::write(&log, "first\n").unwrap();
    let mut program = Program::start(example("direct_source").arg(folder.path()));
    program.wait_for("web.log from 0 to 6");
    program.wait_for("web.log: first");
    std::fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(b"second\nnot ended").unwrap();
    program.wait_for("web.log from 6 to 13");
    program.wait_for("web.log: second");
    let lines = ends_well(program);
    assert!(!lines.iter().any(|line| line.contains("not ended")), "{lines:#?}");
}

#[test]
fn a_queue_gives_each_batch_one_rdd() {
    let lines = output("queue_of_rdds");
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert!(lines.iter().all(|line| line.matches(", 10)").count() == 10), "{lines:#?}");
}

#[test]
fn streams_are_joined() {
    let (shown, clicked) = (Server::new(), Server::new());
    let mut program = Program::start(example("join_streams").args([shown.port(), clicked.port()]));
    let (mut shown, mut clicked) = (shown.accept(), clicked.accept());
    shown.write_all(b"shoes ann\nshoes bob\n").unwrap();
    program.wait_for("(\"shoes\", (2, 0))"); // shown, and not clicked on yet
    clicked.write_all(b"shoes bob\n").unwrap();
    program.wait_for("\"bob clicked on shoes\"");
    ends_well(program);
}

#[test]
fn batches_go_into_a_database_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("words.db");
    let server = Server::new();
    let mut program = Program::start(example("sqlite_sink").args(["127.0.0.1", &server.port()]).arg(&file));
    let mut sender = server.accept();
    let database = || rusqlite::Connection::open(&file).unwrap();
    let count = |word: &str| {
        let row = database().query_row("select count from words where word = ?1", [word], |row| row.get::<_, i64>(0));
        row.unwrap_or(0)
    };
    sender.write_all(b"tide mill tide\n").unwrap();
    while count("tide") < 2 {
        program.wait_for("is in the database"); // one line a batch
    }
    sender.write_all(b"tide\n").unwrap();
    while count("tide") < 3 {
        program.wait_for("is in the database");
    }
    ends_well(program);
    assert_eq!((count("tide"), count("mill")), (3, 1));
    let twice = "select count(*) - count(distinct batch) from tidemill_done";
    assert_eq!(database().query_row(twice, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}
