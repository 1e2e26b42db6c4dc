//! Makes a stream of RDDs that the program itself pushes: how to try a program out without a source.
//!
//! Run with: `cargo run --release --example queue_of_rdds`

use std::time::Duration;

use tidemill::prelude::*;

fn main() -> anyhow::Result<()> {
    let context = Context::local(2)?;
    let streaming = StreamingContext::new(&context, Duration::from_millis(100))?;

    let queue = RddQueue::new();
    let numbers = streaming.queue_stream(&queue);
    let by_last_digit = numbers.map(|number| (number % 10, 1)).reduce_by_key(|a, b| a + b);
    by_last_digit.foreach_rdd(|rdd, time| {
        let counts = rdd.collect()?;
        if !counts.is_empty() {
            println!("{time}: {counts:?}");
        }
        Ok(())
    });

    streaming.start()?;
    for batch in 0..5 {
        // Each batch takes one RDD from the queue.
        queue.push(context.parallelize(batch * 100..(batch + 1) * 100, 2));
    }
    while !queue.is_empty() {
        streaming.await_termination_or_timeout(Duration::from_millis(100))?;
    }
    streaming.stop(true);
    Ok(())
}
