//! Listeners that keep up, fall behind, panic and go away.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::*;
use crate::log::tests::Page;

/// Longer than any of these tests takes; only a test that fails waits so long.
const LONG: Duration = Duration::from_secs(30);

/// Sends the numbers of the events that it is told.
struct Recorder(SyncSender<u64>);

impl Listener for Recorder {
    fn on_event(&mut self, event: &Event) {
        self.0.send(number(event)).unwrap();
    }
}

/// Says that it was told an event, then waits until it may go on.
struct Slow {
    told: SyncSender<u64>,
    go_on: Receiver<()>,
}

impl Listener for Slow {
    fn on_event(&mut self, event: &Event) {
        self.told.send(number(event)).unwrap();
        let _ = self.go_on.recv();
    }
}

struct Panics;

impl Listener for Panics {
    fn on_event(&mut self, _event: &Event) {
        panic!("a mistake in the listener");
    }
}

fn event(number: u64) -> Event {
    Event::BlockEvicted { block: String::new(), bytes: number }
}

fn number(event: &Event) -> u64 {
    match event {
        Event::BlockEvicted { bytes, .. } => *bytes,
        other => panic!("unexpected {other:?}"),
    }
}

fn slow() -> (Slow, Receiver<u64>, SyncSender<()>) {
    let (told, hears) = sync_channel(100);
    let (go, go_on) = sync_channel(100);
    (Slow { told, go_on }, hears, go)
}

#[test]
fn without_listeners_no_event_is_built() {
    let bus = EventBus::new(10);
    bus.post(|| panic!("built"));
    let handle = bus.add("recorder", Recorder(sync_channel(10).0)).unwrap();
    handle.remove();
    bus.post(|| panic!("built after the listener was removed"));
    assert!(bus.stop(LONG));
    bus.post(|| panic!("built after the stop"));
}

#[test]
fn a_patient_listener_is_told_when_its_queue_fills_or_somebody_flushes() {
    for (queue_limit, patience) in [(10_000, PATIENCE as u64), (10, 5), (1, 1)] {
        let (sender, told) = sync_channel(1000);
        let bus = EventBus::new(queue_limit);
        bus.add_patient("recorder", Recorder(sender)).unwrap();
        assert!(bus.flush(LONG));
        (1..=patience).for_each(|number| bus.post(|| event(number)));
        let heard: Vec<u64> = (1..=patience).map(|_| told.recv_timeout(LONG).unwrap()).collect();
        assert!(heard.iter().copied().eq(1..=patience));
        bus.post(|| event(0));
        assert!(bus.flush(LONG));
        assert_eq!(told.try_recv(), Ok(0), "a queue of {queue_limit}");
        bus.post(|| event(7));
        assert!(bus.stop(LONG));
        assert_eq!(told.try_recv(), Ok(7));
    }
}

#[test]
fn every_listener_is_told_every_event_in_order() {
    let bus = EventBus::new(1000);
    let (first, first_hears) = sync_channel(1000);
    let (second, second_hears) = sync_channel(1000);
    bus.add("first", Recorder(first)).unwrap();
    bus.post(|| event(0));
    bus.add("second", Recorder(second)).unwrap();
    for number in 1..1000 {
        bus.post(|| event(number));
    }
    assert!(bus.flush(LONG));
    assert_eq!(first_hears.try_iter().collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
    assert_eq!(second_hears.try_iter().collect::<Vec<_>>(), (1..1000).collect::<Vec<_>>());
}

#[test]
fn a_slow_listener_loses_events_and_holds_nobody_up() {
    let bus = EventBus::new(2);
    let (listener, hears, go) = slow();
    let slow_handle = bus.add("slow", listener).unwrap();
    let (sender, fast_hears) = sync_channel(100);
    let fast_handle = bus.add("fast", Recorder(sender)).unwrap();

    bus.post(|| event(0));
    assert_eq!(hears.recv(), Ok(0));
    for number in 1..=5 {
        bus.post(|| event(number));
        assert_eq!(fast_hears.iter().find(|told| *told == number), Some(number));
    }
    assert_eq!((slow_handle.dropped(), fast_handle.dropped()), (3, 0));
    assert!(!bus.flush(Duration::ZERO));

    for _ in 0..3 {
        go.send(()).unwrap();
    }
    assert!(bus.flush(LONG));
    assert_eq!(hears.try_iter().collect::<Vec<_>>(), [1, 2]);
    // There is room again.
    bus.post(|| event(6));
    assert_eq!(hears.recv(), Ok(6));
    drop(go);
    assert!(bus.stop(LONG));
    assert_eq!(slow_handle.dropped(), 3);
}

#[test]
fn the_first_drop_is_warned_of_and_only_that() {
    let page = Page::default();
    let writer = page.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone());
    let bus = EventBus::new(1);
    let (listener, hears, _go) = slow();
    let handle = bus.add("slow", listener).unwrap();
    bus.post(|| event(0));
    assert_eq!(hears.recv(), Ok(0));
    tracing::subscriber::with_default(subscriber.with_target(false).finish(), || {
        for number in 1..5 {
            bus.post(|| event(number));
        }
    });
    assert_eq!(handle.dropped(), 3);
    assert_eq!(
        page.text(),
        " WARN the listener slow lags behind by 1 events (tidemill.event.queue.limit): further ones are dropped\n"
    );
}

#[test]
fn stop_delivers_what_is_queued_and_lets_go_of_the_listeners() {
    let bus = EventBus::new(10);
    let (listener, hears, go) = slow();
    bus.add("slow", listener).unwrap();
    for number in 0..3 {
        bus.post(|| event(number));
    }
    assert!(!bus.stop(Duration::ZERO), "the listener is still busy");
    drop(go);
    assert!(bus.stop(LONG));
    // The channel ends, because the listener is gone.
    assert_eq!(hears.iter().collect::<Vec<_>>(), [0, 1, 2]);
    let error = bus.add("late", Panics).unwrap_err();
    assert_eq!(error.to_string(), "cannot add the listener late: the context is stopped");
}

#[test]
fn dropping_the_bus_delivers_what_is_queued() {
    let bus = EventBus::new(10);
    let (sender, hears) = sync_channel(10);
    bus.add("recorder", Recorder(sender)).unwrap();
    for number in 0..3 {
        bus.post(|| event(number));
    }
    drop(bus);
    assert_eq!(hears.iter().collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn a_listener_that_panics_is_removed_and_hurts_nobody() {
    let bus = EventBus::new(10);
    bus.add("panics", Panics).unwrap();
    let (sender, hears) = sync_channel(10);
    bus.add("recorder", Recorder(sender)).unwrap();
    bus.post(|| event(0));
    assert!(bus.flush(LONG));
    bus.post(|| event(1));
    assert!(bus.flush(LONG));
    assert_eq!(hears.try_iter().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(bus.shared.listening.load(Ordering::Relaxed), 1);
    assert!(bus.stop(LONG));
}

#[test]
fn a_removed_listener_is_told_nothing_more() {
    let bus = EventBus::new(10);
    let (listener, hears, go) = slow();
    let handle = bus.add("slow", listener).unwrap();
    bus.post(|| event(0));
    assert_eq!(hears.recv(), Ok(0));
    bus.post(|| event(1));
    handle.remove();
    assert!(bus.flush(LONG), "what a removed listener would be told is not waited for");
    drop(go);
    assert_eq!(hears.iter().count(), 0);
    assert!(bus.stop(LONG));
    handle.remove();
}

#[test]
fn a_listener_may_flush_and_stop_the_bus() {
    struct Stops(Arc<EventBus>, SyncSender<(bool, bool)>);
    impl Listener for Stops {
        fn on_event(&mut self, _event: &Event) {
            self.1.send((self.0.flush(LONG), self.0.stop(LONG))).unwrap();
        }
    }
    let bus = Arc::new(EventBus::new(10));
    let (sender, stopped) = sync_channel(10);
    bus.add("stops", Stops(bus.clone(), sender)).unwrap();
    bus.post(|| event(0));
    assert_eq!(stopped.recv(), Ok((true, true)));
}
