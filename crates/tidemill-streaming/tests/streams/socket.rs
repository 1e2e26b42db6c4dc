//! Streams of lines from real sockets.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::{Bench, news, next};

/// The receiver's delay between attempts to connect, by default.
const RESTART_DELAY: Duration = Duration::from_secs(2);

/// A server for a stream of `bench`, which shows every batch's lines, and the batches.
fn server(bench: &Bench) -> (TcpListener, Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, shown(bench, port))
}

fn shown(bench: &Bench, port: u16) -> Receiver<Vec<String>> {
    let (sender, news) = news();
    bench
        .streaming
        .socket_text_stream("127.0.0.1", port)
        .foreach_rdd(move |rdd, _| Ok(sender.send(rdd.map(|line| line.to_string()).collect()?)?));
    news
}

/// Lets batches pass until they have brought so many lines.
fn lines(bench: &Bench, waiters: usize, news: &Receiver<Vec<String>>, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < count {
        bench.pass(waiters, bench.streaming.interval());
        lines.extend(next(news));
    }
    lines
}

#[test]
fn a_graceful_stop_counts_what_was_sent_before() {
    // behaviour 1.12, 2.33
    let bench = Bench::with(&[("spark.master", "local[1]")], Duration::from_millis(100));
    let (listener, news) = server(&bench);
    bench.streaming.start().unwrap();
    let (mut sender, _) = listener.accept().unwrap();
    let mut text: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
    text.push_str("and a last one without an end");
    sender.write_all(text.as_bytes()).unwrap();
    // What was sent is on its way; while the receiver reads, the account is above by the room for a read.
    while bench.received_bytes() != text.len() as u64 {
        std::thread::yield_now();
    }
    bench.streaming.stop(true);
    let received: Vec<String> = news.try_iter().flatten().collect();
    assert_eq!(received.len(), 20_001, "of {} sent", text.lines().count());
    assert!(received.iter().eq(text.lines()), "in the order of sending");
    assert_eq!(bench.received_bytes(), 0);
}

#[test]
fn blocks_have_the_text_that_came() {
    // behaviour 1.12
    let bench = Bench::with(&[("spark.master", "local[1]")], Duration::from_millis(100));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (sender, news) = news();
    let blocks = bench.streaming.socket_text_blocks("127.0.0.1", listener.local_addr().unwrap().port());
    blocks.foreach_rdd(move |rdd, _| Ok(sender.send(rdd.map(|block| block.as_str().to_owned()).collect()?)?));
    bench.streaming.start().unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"one\ntwo\r\nthree").unwrap();
    drop(peer);
    while bench.received_bytes() != 14 {
        std::thread::yield_now();
    }
    bench.streaming.stop(true);
    let received: Vec<String> = news.try_iter().flatten().collect();
    assert_eq!(received.concat(), "one\ntwo\r\nthree");
}

#[test]
fn a_receiver_needs_no_slot() {
    // behaviour 4.55
    let bench = Bench::with(&[("spark.master", "local[1]")], Duration::from_millis(100));
    let (listener, news) = server(&bench);
    bench.streaming.start().unwrap();
    let (mut sender, _) = listener.accept().unwrap();
    sender.write_all(b"one\rtwo\xff\n\nfour").unwrap();
    assert_eq!(lines(&bench, 1, &news, 3), ["one", "two\u{fffd}", ""]);
    drop(sender);
    assert_eq!(lines(&bench, 2, &news, 1), ["four"]);
    bench.streaming.stop(true);
}

#[test]
fn an_idle_connection_holds_no_memory() {
    let bench = Bench::new();
    let (listener, news) = server(&bench);
    bench.streaming.start().unwrap();
    let (mut sender, _) = listener.accept().unwrap();
    sender.write_all(b"a\nb\n").unwrap();
    assert_eq!(lines(&bench, 1, &news, 2), ["a", "b"]);
    for _ in 0..2 {
        bench.tick();
        assert!(next(&news).is_empty());
    }
    assert_eq!(bench.received_bytes(), 0);
    bench.streaming.stop(true);
}

#[test]
fn a_server_may_come_late_close_and_come_back() {
    // behaviour 1.12, 4.11
    let interval = Duration::from_millis(100);
    let bench = Bench::with(&[], interval);
    let (listener, news) = server(&bench);
    let address = listener.local_addr().unwrap();
    drop(listener); // the port refuses
    bench.streaming.start().unwrap();
    for round in ["first", "second"] {
        assert!(bench.clock.wait_for_waiters(2), "the batch clock, and the receiver before it tries again");
        let listener = TcpListener::bind(address).unwrap();
        bench.clock.advance(RESTART_DELAY);
        let (mut sender, _) = listener.accept().unwrap();
        sender.write_all(format!("{round} hello\n{round} rest").as_bytes()).unwrap();
        drop((sender, listener));
        let brought: Vec<String> = std::iter::from_fn(|| Some(next_or_tick(&bench, &news))).flatten().take(2).collect();
        assert_eq!(brought, [format!("{round} hello"), format!("{round} rest")]);
    }
    bench.streaming.stop(true);
}

/// The lines of a batch that ran already, else of the next one.
fn next_or_tick(bench: &Bench, news: &Receiver<Vec<String>>) -> Vec<String> {
    news.try_recv().unwrap_or_else(|_| {
        bench.tick();
        next(news)
    })
}

#[test]
fn a_sender_waits_where_memory_is_short_and_nothing_is_lost() {
    let limits = [("tidemill.memory.received.limit", "64k"), ("tidemill.receiver.block.size", "8k")];
    let bench = Bench::with(&limits, Duration::from_millis(100));
    let (listener, news) = server(&bench);
    bench.streaming.start().unwrap();
    let (mut sender, _) = listener.accept().unwrap();
    // Lines of all lengths, some longer than a block.
    let sent: Vec<String> = (0..3000).map(|n| format!("{n} {}", "x".repeat(n * n % 1500 + n % 7 / 6 * 9000))).collect();
    let text = sent.join("\n") + "\n";
    assert!(text.len() > 4 << 20, "more than all buffers of the system hold");
    std::thread::scope(|scope| {
        scope.spawn(move || sender.write_all(text.as_bytes()).unwrap());
        assert!(lines(&bench, 1, &news, sent.len()) == sent);
    });
    let peak = bench.context.environment().memory.peak(tidemill_core::memory::Pool::Received);
    assert!(peak <= 64 << 10, "{peak} bytes at once");
    bench.streaming.stop(true);
    assert_eq!(bench.received_bytes(), 0);
}

#[test]
fn a_sender_that_never_pauses_does_not_hold_up_a_stop() {
    let bench = Bench::new();
    let (listener, news) = server(&bench);
    bench.streaming.start().unwrap();
    let (mut sender, _) = listener.accept().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || while write_some(&mut sender) {});
        assert!(!lines(&bench, 1, &news, 1).is_empty());
        bench.streaming.stop(true);
    });
    assert_eq!(bench.received_bytes(), 0);
}

fn write_some(sender: &mut TcpStream) -> bool {
    sender.write_all(&b"tide and mill\n".repeat(100)).is_ok()
}
