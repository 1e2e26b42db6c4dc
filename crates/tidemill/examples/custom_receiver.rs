//! A receiver of one's own: looks at the machine's load ten times a second, and prints the mean of each second.
//!
//! Run with: `cargo run --release --example custom_receiver`
//! Ctrl-C ends it.

use std::time::Duration;

use tidemill::prelude::*;

/// Reads the load average of the last minute from a file, again and again.
struct LoadReceiver {
    file: String,
    every: Duration,
}

impl Receiver for LoadReceiver {
    type Item = f64;

    // It has a thread of its own, so it may wait. When it fails it is started again two seconds later; what it has stored
    // until then is not lost.
    fn run(&self, to: &Supervisor<f64>) -> Result<(), ReceiverError> {
        loop {
            let load = std::fs::read_to_string(&self.file)?;
            let minute = load.split(' ').next().unwrap_or_default();
            to.store(minute.parse()?)?; // waits while memory for received records is short
            if !to.wait(self.every) {
                return Ok(()); // the context stops
            }
        }
    }
}

fn main() -> anyhow::Result<()> {
    // One task at a time is enough: a receiver takes none of them.
    let context = Context::local(1)?;
    let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;

    let receiver = LoadReceiver { file: "/proc/loadavg".into(), every: Duration::from_millis(100) };
    let loads = streaming.receiver_stream(receiver);
    loads.foreach_rdd(|loads, time| {
        let seen = loads.count()?;
        if seen > 0 {
            println!("{time}: load {:.2}, seen {seen} times", loads.mean()?);
        }
        Ok(())
    });

    streaming.start()?;
    streaming.await_termination()?;
    Ok(())
}
