//! `socket_text_stream`: lines of text from a TCP server.

use std::sync::Arc;

use tidemill_core::{Text, TextBlock};

use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::input::received::ReceiverInput;
use crate::receiver::form::Form;
use crate::receiver::socket::SocketText;
use crate::receiver::text::TextReceived;
use crate::receiver::{Gather, ReceiverOptions};

impl StreamingContext {
    /// The lines that a TCP server sends: Spark's `socketTextStream` (behaviour 1.12).
    ///
    /// Lines end with `\n`, `\r\n` or a lone `\r`; empty lines are kept; malformed UTF-8 becomes U+FFFD. When the
    /// connection is refused, breaks or ends, it is tried again every `spark.streaming.receiverRestartDelay`. Each block
    /// of what arrived is a partition of its batch; a batch without blocks has no partitions. What becomes of a line longer
    /// than `tidemill.line.length.limit` says `tidemill.line.length.exceeded`.
    ///
    /// ```text
    /// batch     1                   2              3
    /// arrives   to be\nor not\nto   ` be\n`
    /// out       to be, or not       to be
    /// ```
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use tidemill_streaming::StreamingContext;
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    /// let words = streaming.socket_text_stream("localhost", 9999).flat_map(|line| line.split(' '));
    /// words.map(|word| (word, 1)).reduce_by_key(|a, b| a + b).print(10);
    /// streaming.start()?;
    /// streaming.await_termination()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn socket_text_stream(&self, host: &str, port: u16) -> DStream<Text> {
        self.socket_text_stream_with(host, port, ReceiverOptions::default())
    }

    /// As [`socket_text_stream`](StreamingContext::socket_text_stream), with a storage level, which has the meaning that
    /// [`ReceiverOptions::level`] says. Any bytes are text, so there are no records that cannot be read.
    #[track_caller]
    pub fn socket_text_stream_with(&self, host: &str, port: u16, options: ReceiverOptions) -> DStream<Text> {
        let input = self.add_text_receiver(host, port, options);
        self.received_lines("socket_text_stream", input)
    }

    /// The blocks of text that [`socket_text_stream`](StreamingContext::socket_text_stream) takes its lines from, for
    /// operators on blocks.
    #[track_caller]
    pub fn socket_text_blocks(&self, host: &str, port: u16) -> DStream<TextBlock> {
        let input = self.add_text_receiver(host, port, ReceiverOptions::default());
        self.received_blocks("socket_text_blocks", input)
    }

    fn add_text_receiver(&self, host: &str, port: u16, options: ReceiverOptions) -> Arc<ReceiverInput> {
        self.add_receiver("SocketReceiver", None, options, Form::text(), |ground| {
            let received = Arc::new(TextReceived::new(ground.blocks, ground.context.config()));
            let gather = Arc::clone(&received) as Arc<dyn Gather>;
            (Box::new(SocketText { address: format!("{host}:{port}"), received }), gather)
        })
    }
}
