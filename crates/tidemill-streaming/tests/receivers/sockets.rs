//! Streams from real sockets, in forms that programs choose.

use std::io::{BufRead, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use tidemill_streaming::input::Connection;
use tidemill_streaming::receiver::ReceiverOptions;
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{DeadLetter, OnError};

use crate::{context, received_bytes, received_peak};

const SECOND: Duration = Duration::from_secs(1);
/// The receiver's delay between attempts to connect, by default.
const RESTART_DELAY: Duration = Duration::from_secs(2);

fn server() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Lets batches pass until they have brought so many records.
fn records<T>(test: &TestContext, mut batch: impl FnMut() -> Vec<T>, count: usize) -> Vec<T> {
    let mut all = Vec::new();
    while all.len() < count {
        test.tick().unwrap();
        all.extend(batch());
    }
    all
}

/// Numbers, a line each.
fn numbers(connection: Connection) -> impl Iterator<Item = Result<i64, DeadLetter>> {
    let lines = connection.split(b'\n').map_while(Result::ok);
    lines.map(|line| {
        let number = str::from_utf8(&line).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| DeadLetter::new("no number", line))
    })
}

#[test]
fn a_converter_reads_what_a_server_sends() {
    // behaviour 2.6, 4.11
    let test = context(&[], SECOND);
    let (listener, port) = server();
    let options = ReceiverOptions { on_error: OnError::Drop, ..ReceiverOptions::default() };
    let stream = test.streaming().socket_stream_with("127.0.0.1", port, numbers, options);
    let seen = test.collect(&stream.map(|number| number * 2));
    test.streaming().start().unwrap();
    for _ in 0..2 {
        let (mut sender, _) = listener.accept().unwrap();
        sender.write_all(b"1\n2\nthree\n4").unwrap();
        drop(sender);
        assert_eq!(records(&test, || seen.values().concat(), 3), [2, 4, 8]);
        while !test.clock().wait_for_waiters(3) {}
        test.clock().advance(RESTART_DELAY);
    }
    test.streaming().stop(true);
}

#[test]
fn a_stop_takes_what_was_sent_before_and_does_not_wait_for_more() {
    // behaviour 2.33
    let test = context(&[], SECOND);
    let (listener, port) = server();
    let seen = test.collect(&test.streaming().socket_stream("127.0.0.1", port, numbers));
    test.streaming().start().unwrap();
    let (mut sender, _) = listener.accept().unwrap();
    sender.write_all(b"1\n2\n3\n").unwrap();
    while received_bytes(&test) == 0 {
        std::thread::yield_now(); // the connection is in the hands of the converter
    }
    test.streaming().stop(true);
    assert_eq!(seen.values().concat(), [1, 2, 3]);
}

fn frame<T: serde::Serialize>(items: &[T]) -> Vec<u8> {
    let block = postcard::to_allocvec(items).unwrap();
    [&(block.len() as u32).to_be_bytes(), block.as_slice()].concat()
}

fn send(sender: &mut TcpStream, bytes: &[u8]) {
    sender.write_all(bytes).unwrap();
}

#[test]
fn raw_blocks_come_as_they_are_sent() {
    // behaviour 2.7
    let test = context(&[], SECOND);
    let (listener, port) = server();
    let folder = tempfile::tempdir().unwrap();
    let options = ReceiverOptions { on_error: OnError::Drop, ..ReceiverOptions::default() };
    let stream = test.streaming().raw_socket_stream_with::<(String, f64)>("127.0.0.1", port, options);
    let seen = test.collect(&stream.transform(|rdd, _| rdd.glom()));
    drop((stream, folder));
    test.streaming().start().unwrap();
    let pair = |name: &str, value| (name.to_owned(), value);
    let (mut sender, _) = listener.accept().unwrap();
    send(&mut sender, &frame(&[pair("a", 1.5), pair("b", 2.5)]));
    send(&mut sender, b"\0\0\0\x03xyz"); // no block
    send(&mut sender, &frame(&[pair("c", 3.5)]));
    let blocks = records(&test, || seen.values().concat(), 2);
    assert_eq!(blocks, [vec![pair("a", 1.5), pair("b", 2.5)], vec![pair("c", 3.5)]]);
    send(&mut sender, b"GET / HTTP/1.1\r\n\r\n"); // no frame: it connects again
    assert!(test.clock().wait_for_waiters(3));
    test.clock().advance(RESTART_DELAY);
    let (mut sender, _) = listener.accept().unwrap();
    send(&mut sender, &frame(&[pair("d", 4.5)]));
    assert_eq!(records(&test, || seen.values().concat(), 1), [vec![pair("d", 4.5)]]);
    test.streaming().stop(true);
    assert_eq!(received_bytes(&test), 0);
}

#[test]
fn a_malformed_frame_fails_its_batch_unless_told_otherwise() {
    // behaviour 1.15, 2.7
    let test = context(&[], SECOND);
    let (listener, port) = server();
    let seen = test.collect(&test.streaming().raw_socket_stream::<u64>("127.0.0.1", port));
    test.streaming().start().unwrap();
    let (mut sender, _) = listener.accept().unwrap();
    send(&mut sender, b"\0\0\0\x03xyz");
    let error = (0..1000).find_map(|_| test.tick().err()).unwrap().to_string();
    assert!(error.contains("RawNetworkReceiver-0: a frame of 3 bytes is no block"), "{error}");
    send(&mut sender, &frame(&[7_u64]));
    assert_eq!(records(&test, || seen.values().concat(), 1), [7]);
}

#[test]
fn a_line_without_an_end_cannot_fill_the_memory() {
    let settings = [
        ("tidemill.memory.received.limit", "64k"),
        ("tidemill.receiver.block.size", "8k"),
        ("tidemill.line.length.exceeded", "cut"),
    ];
    let test = context(&settings, SECOND);
    let (listener, port) = server();
    let stream = test.streaming().socket_text_stream("127.0.0.1", port);
    let seen = test.collect(&stream.map(|line| line.len()));
    test.streaming().start().unwrap();
    let (mut sender, _) = listener.accept().unwrap();
    send(&mut sender, &vec![b'x'; 1 << 20]);
    send(&mut sender, b"\nshort\n");
    assert_eq!(records(&test, || seen.values().concat(), 2), [32 << 10, 5]);
    assert!(received_peak(&test) <= 64 << 10);
}
