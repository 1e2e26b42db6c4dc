//! The network word count against nc and against servers that misbehave.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::sync_channel;

use tidemill::core::{Clock, SystemClock};

use crate::program::{PATIENCE, Program, example, signal, tidemill};

/// A port that was free a moment ago and that nobody is given by chance: it lies below those that the system gives to
/// whoever connects, or listens without naming a port, as other tests do at the same time.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().wrapping_mul(31));
        let port = 20_000 + (number % 10_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A server on a port that was just given back. A test that starts a program at this moment may hold the port a little longer:
/// until the new process runs its program it has the files of the old one.
fn listen_again(port: u16) -> TcpListener {
    let clock = SystemClock::new();
    let deadline = clock.monotonic() + PATIENCE;
    loop {
        match TcpListener::bind(("127.0.0.1", port)) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && clock.monotonic() < deadline => {
                std::thread::yield_now();
            }
            bound => return bound.unwrap(),
        }
    }
}

fn word_count(port: u16) -> Program {
    Program::start(example("network_word_count").args(["127.0.0.1", &port.to_string()]))
}

/// The word count, connected to a server of this test.
fn connected() -> (Program, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let program = word_count(listener.local_addr().unwrap().port());
    let (sender, _) = listener.accept().unwrap();
    (program, sender)
}

/// `nc -lk`, as the first page of every guide starts it.
struct Nc(Child);

impl Nc {
    fn listen(port: u16) -> Nc {
        let mut command = Command::new("nc");
        command.args(["-lk", "127.0.0.1", &port.to_string()]).stdin(Stdio::piped()).stdout(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("nc does not start ({error}); this test needs it: apt-get install netcat-openbsd")
        });
        Nc(child)
    }

    fn type_line(&mut self, line: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Nc {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_is_typed_into_nc_is_counted() {
    let port = free_port();
    let mut nc = Nc::listen(port);
    let mut program = word_count(port);
    nc.type_line("tide");
    program.wait_for("(\"tide\", 1)");
    nc.type_line("mill mill wheel mill");
    program.wait_for("(\"mill\", 3)");
    program.signal("INT");
    let (status, lines) = program.end();
    assert!(status.success(), "{status}: {lines:#?}");
}

#[test]
fn the_demo_counts_what_is_typed_into_nc() {
    let port = free_port();
    let mut nc = Nc::listen(port);
    let address = format!("localhost:{port}");
    let mut demo = Program::start(tidemill().args(["demo", "--connect", &address, "--interval", "200ms"]));
    nc.type_line("grist grist");
    demo.wait_for("(\"grist\", 2)");
    demo.signal("TERM");
    let (status, lines) = demo.end();
    assert!(status.success(), "{status}: {lines:#?}");
    assert!(lines.iter().any(|line| line.ends_with(", 1 lines, 2 words.")), "{lines:#?}");
}

#[test]
fn what_was_sent_before_ctrl_c_is_counted() {
    // behaviour 2.33, 4.25
    let (mut program, mut sender) = connected();
    sender.write_all(b"first\n").unwrap();
    program.wait_for("(\"first\", 1)"); // so the program listens for signals
    sender.write_all(&b"late ".repeat(10_000)).unwrap();
    program.signal("INT");
    let (status, lines) = program.end();
    assert!(status.success(), "{status}: {lines:#?}");
    assert!(lines.iter().any(|line| line == "(\"late\", 10000)"), "{lines:#?}");
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    // behaviour 4.25
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = example("network_word_count");
    command.args(["127.0.0.1", &listener.local_addr().unwrap().port().to_string()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut sender, _) = listener.accept().unwrap();

    // A word larger than the pipe: nobody reads on, so the batch that prints it does not end.
    sender.write_all(&b"x".repeat(1 << 20)).unwrap();
    sender.write_all(b"\n").unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut byte = [0];
    while byte != *b"(" {
        output.read_exact(&mut byte).unwrap();
    }
    signal(&child, "INT");
    assert_eq!(sender.read(&mut byte).unwrap(), 0, "the first one ends the connection, and waits for the batch");
    signal(&child, "INT");
    let (ended, end) = sync_channel(1);
    std::thread::spawn(move || ended.send(child.wait().unwrap()));
    let status = end.recv_timeout(PATIENCE).expect("the second one ends the process");
    assert_eq!(status.signal(), Some(2), "{status}");
}

#[test]
fn lines_end_in_three_ways_and_malformed_text_is_replaced() {
    // behaviour 1.12
    let (mut program, mut sender) = connected();
    sender.write_all(b"ebb\rebb\r\nebb\nb\xffd\xc3\xa4\n").unwrap();
    let mut seen = vec![program.wait_for("(\""), program.wait_for("(\"")];
    // A batch may close between two of the lines.
    while !(seen.iter().any(|line| line.contains("b\u{fffd}d\u{e4}")) && ebbs(&seen) == 3) {
        seen.push(program.wait_for("(\""));
    }
}

fn ebbs(lines: &[String]) -> u32 {
    let counts = lines.iter().filter_map(|line| line.strip_prefix("(\"ebb\", ")?.strip_suffix(')'));
    counts.map(|count| count.parse::<u32>().unwrap()).sum()
}

#[test]
fn a_server_may_come_late_close_and_come_back() {
    // behaviour 1.12
    let port = free_port();
    let mut program = word_count(port);
    program.wait_for("it starts again in"); // nobody listens yet
    for word in ["flood", "neap"] {
        let listener = listen_again(port);
        let (mut sender, _) = listener.accept().unwrap();
        sender.write_all(word.as_bytes()).unwrap(); // the end of the connection ends the line
        drop(sender);
        program.wait_for(&format!("(\"{word}\", 1)"));
    }
}
