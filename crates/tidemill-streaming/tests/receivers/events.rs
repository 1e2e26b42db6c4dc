//! What listeners are told of receivers.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tidemill_streaming::event::ReceiverInfo;
use tidemill_streaming::listener::StreamingListener;

use crate::scripted::{Step, scripted};
use crate::{PATIENCE, context};

/// Sends on what it is told: the kind of the event, and what is known of the receiver.
struct Told(SyncSender<(&'static str, ReceiverInfo)>);

impl StreamingListener for Told {
    fn on_receiver_started(&mut self, receiver: &ReceiverInfo) {
        let _ = self.0.send(("started", receiver.clone())); // a test that is over listens no more
    }

    fn on_receiver_error(&mut self, receiver: &ReceiverInfo) {
        let _ = self.0.send(("error", receiver.clone()));
    }

    fn on_receiver_stopped(&mut self, receiver: &ReceiverInfo) {
        let _ = self.0.send(("stopped", receiver.clone()));
    }
}

#[test]
fn listeners_hear_of_starts_errors_and_stops() {
    // behaviour 1.60, 2.27
    let test = context(&[], Duration::from_secs(1));
    let (sender, events) = std::sync::mpsc::sync_channel(100);
    let _told = test.streaming().add_listener("told", Told(sender)).unwrap();
    let (script, receiver) = scripted::<u64>();
    let _seen = test.collect(&test.streaming().receiver_stream(receiver));
    test.streaming().start().unwrap();
    script.begun();
    script.step(Step::Report("odd"));
    script.start_step(Step::Fail("no route"));
    assert!(test.clock().wait_for_waiters(3), "the receiver waits for its next start");
    test.clock().advance(Duration::from_millis(2000));
    script.begun();
    test.streaming().stop(true);
    let restarting = "Restarting receiver with delay 2000ms: no route";
    for (kind, active, error, at) in [
        ("started", true, None, None),
        ("error", true, Some("odd"), Some(0)),
        ("stopped", false, Some(restarting), Some(0)),
        ("started", true, Some(restarting), Some(0)),
        ("stopped", false, Some("Stopped by driver"), Some(2000)),
    ] {
        let (told, info) = events.recv_timeout(PATIENCE).expect("an event is missing");
        let found = (told, info.active, info.last_error.as_deref(), info.last_error_time.map(|time| time.millis()));
        assert_eq!(found, (kind, active, error, at));
        assert_eq!((info.stream, info.name.as_str(), info.location.as_str()), (0, "Scripted-0", "localhost"));
    }
}
