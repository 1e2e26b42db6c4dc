//! Blocks in, blocks out, and what those hear who wait.

use std::thread;

use tidemill_core::Cause;
use tidemill_core::memory::{Memory, MemoryLimits, Pool};

use super::*;

const NOW: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(60);

fn block(records: u64) -> What {
    let grant = Memory::new(MemoryLimits::default()).grant(Pool::Received);
    What::Block { kind: Kind::Records, value: Arc::new(()), grant, records }
}

fn late() -> StoreError {
    StoreError::Late { stream: "Test-0".into(), limit: NOW }
}

fn broken() -> StoreError {
    StoreError::Log { stream: "Test-0".into(), cause: Cause::Invalid("no disk".into()) }
}

/// Takes the next block out and says what it is.
fn take(queue: &Queue) -> (Item, u64) {
    let item = queue.next().unwrap();
    let What::Block { records, .. } = item.what else { panic!("a failure") };
    (item, records)
}

#[test]
fn blocks_come_out_in_order_and_wait_for_room() {
    // behaviour 4.9 and 2.28
    let queue = Queue::new(2);
    queue.begin_at(7);
    queue.add(block(1));
    assert!(!queue.is_full());
    queue.add(block(2));
    assert!(queue.is_full() && queue.has_more());
    thread::scope(|scope| {
        let third = scope.spawn(|| queue.add(block(3)));
        assert!(!third.is_finished());
        for number in 1..=3 {
            let (item, records) = take(&queue);
            assert_eq!((item.number, records), (6 + number, number));
            assert!(matches!(queue.flush(NOW), Flushed::Left { blocks: 1.., failure: None }));
            queue.settle(item.ticket.as_ref(), Ok(()));
        }
        third.join().unwrap();
    });
    assert_eq!(queue.flush(NOW), Flushed::All);
    assert!(!queue.has_more());
}

#[test]
fn what_is_late_is_taken_back_unless_it_is_being_written() {
    // behaviour 4.12
    let queue = Queue::new(2);
    let added = queue.add_awaited(block(1), NOW, late());
    assert!(matches!(added.wait(), Err(StoreError::Late { .. })));
    assert!(!queue.has_more(), "it is not written any more");
    let added = queue.add_awaited(block(2), NOW, late());
    let (item, _) = take(&queue);
    assert!(matches!(added.wait(), Err(StoreError::Late { .. })));
    assert_eq!(queue.flush(NOW), Flushed::Left { blocks: 1, failure: None });
    queue.settle(item.ticket.as_ref(), Ok(()));
    assert_eq!(queue.flush(NOW), Flushed::All);
    // Late already in finding room.
    (0..2).for_each(|_| queue.add(block(3)));
    assert!(matches!(queue.add_awaited(block(4), NOW, late()).wait(), Err(StoreError::Late { .. })));
    assert_eq!(queue.flush(NOW), Flushed::Left { blocks: 2, failure: None });
}

#[test]
fn who_waits_hears_what_became_of_the_block() {
    let queue = Queue::new(2);
    for fate in [Ok(()), Err(broken())] {
        let added = queue.add_awaited(block(1), LONG, late());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| added.wait().map_err(|error| error.to_string()));
            let (item, _) = take(&queue);
            match fate.clone() {
                Ok(()) => queue.settle(item.ticket.as_ref(), Ok(())),
                Err(error) => assert!(queue.fail(item, error), "the first in a row"),
            }
            assert_eq!(waiting.join().unwrap(), fate.map_err(|error| error.to_string()));
        });
        assert!(!queue.has_more(), "it is given back, not tried again");
    }
}

#[test]
fn a_block_that_nobody_waits_for_is_tried_again_when_somebody_asks() {
    let queue = Queue::new(3);
    queue.add(block(1));
    let (item, _) = take(&queue);
    assert!(queue.fail(item, broken()));
    let flushed = thread::scope(|scope| {
        let flushing = scope.spawn(|| queue.flush(LONG));
        let (item, records) = take(&queue);
        assert_eq!(records, 1);
        assert!(!queue.fail(item, broken()), "told of already");
        flushing.join().unwrap()
    });
    // Who waits for a block behind it hears of it at once.
    let behind = queue.add_awaited(block(9), LONG, late());
    let (item, _) = take(&queue);
    queue.fail(item, broken());
    assert!(matches!(behind.wait(), Err(StoreError::Log { .. })));
    let failure = "Test-0: received blocks cannot be written to the log: no disk".to_owned();
    assert_eq!(flushed, Flushed::Left { blocks: 1, failure: Some(failure) });
    queue.add(block(2)); // who brings more asks as well
    for expected in [1, 2] {
        let (item, records) = take(&queue);
        assert_eq!(records, expected);
        queue.settle(item.ticket.as_ref(), Ok(()));
    }
    assert_eq!(queue.flush(NOW), Flushed::All);
}

#[test]
fn an_end_leaves_nobody_waiting() {
    let queue = Queue::new(1);
    let awaited = queue.add_awaited(block(1), LONG, late());
    thread::scope(|scope| {
        let full = scope.spawn(|| queue.add(block(2)));
        let too_full = scope.spawn(|| queue.add_awaited(block(3), LONG, late()).wait());
        queue.hurry();
        full.join().unwrap();
        queue.end();
        assert!(matches!(too_full.join().unwrap(), Err(StoreError::Stopped(_))));
    });
    assert!(matches!(awaited.wait(), Err(StoreError::Stopped(_))));
    assert!(queue.next().is_none());
    queue.add(block(4));
    assert!(!queue.has_more());
    queue.begin();
    assert!(!queue.await_over(NOW));
    queue.is_over();
    assert!(queue.await_over(LONG));
}
