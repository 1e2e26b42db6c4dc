//! `receiver_stream`: what a receiver of the program's own brings in.

use crate::context::StreamingContext;
use crate::dead_letter::Parsed;
use crate::dstream::DStream;
use crate::receiver::{Receiver, ReceiverOptions};

impl StreamingContext {
    /// The records that `receiver` stores: Spark's `receiverStream` (behaviour 2.6). It has a thread of its own and takes
    /// no task slot. Each block of what arrived is a partition of its batch; a batch without blocks has no partitions
    /// (behaviour 2.31).
    ///
    /// ```text
    /// batch                      1 s          2 s         3 s
    /// stored one by one          a b c d e    f
    /// stored as blocks                        [g h]
    /// partitions of the batch    [abc] [de]   [f] [gh]    none
    /// ```
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidemill_streaming::receiver::{Receiver, ReceiverError, Supervisor};
    ///
    /// struct Greetings;
    ///
    /// impl Receiver for Greetings {
    ///     type Item = String;
    ///
    ///     fn run(&self, to: &Supervisor<String>) -> Result<(), ReceiverError> {
    ///         to.store_block(vec!["hello".into(), "world".into()])?;
    ///         while to.wait(Duration::from_secs(1)) {}
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// let streaming = tidemill_streaming::StreamingContext::new(&context, Duration::from_millis(20))?;
    /// let (sender, batches) = std::sync::mpsc::sync_channel(100);
    /// streaming.receiver_stream(Greetings).foreach_rdd(move |rdd, _| Ok(sender.send(rdd.collect()?)?));
    /// streaming.start()?;
    /// let greetings = batches.iter().find(|batch| !batch.is_empty());
    /// assert_eq!(greetings.unwrap_or_default(), ["hello", "world"]);
    /// streaming.stop(true);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn receiver_stream<R: Receiver>(&self, receiver: R) -> DStream<R::Item> {
        self.supervised("receiver_stream", receiver, ReceiverOptions::default()).records().clone()
    }

    /// As [`receiver_stream`](StreamingContext::receiver_stream), with a storage level and a choice of what becomes of the
    /// records that the receiver [rejects](crate::receiver::Supervisor::reject).
    #[track_caller]
    pub fn receiver_stream_with<R: Receiver>(&self, receiver: R, options: ReceiverOptions) -> Parsed<R::Item> {
        self.supervised("receiver_stream", receiver, options)
    }
}
