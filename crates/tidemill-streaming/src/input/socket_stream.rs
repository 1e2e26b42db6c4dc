//! `socket_stream`: records that a TCP server sends, in a form that the program reads.

use std::net::Shutdown;
use std::sync::PoisonError;

use tidemill_core::Element;

use crate::context::StreamingContext;
use crate::dead_letter::{DeadLetter, Parsed};
use crate::receiver::socket::{Connection, connect};
use crate::receiver::{Receiver, ReceiverError, ReceiverOptions, Supervisor};

impl StreamingContext {
    /// The records that `converter` reads from a TCP server: Spark's `socketStream` (behaviour 2.6).
    ///
    /// The converter gets each connection and yields its records until the end; a record that cannot be read is a
    /// [`DeadLetter`], and reading goes on. By default the batch that holds one fails, as in Spark;
    /// [`socket_stream_with`](StreamingContext::socket_stream_with) has other choices. When the connection is refused,
    /// breaks or ends, or the converter does, it is tried again every `spark.streaming.receiverRestartDelay`.
    ///
    /// ```no_run
    /// use std::io::BufRead;
    /// use std::time::Duration;
    /// use tidemill_streaming::{DeadLetter, StreamingContext};
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    /// let numbers = streaming.socket_stream("localhost", 9999, |connection| {
    ///     let lines = connection.split(b'\n').map_while(Result::ok);
    ///     lines.map(|line| {
    ///         let number = str::from_utf8(&line).ok().and_then(|text| text.parse::<i64>().ok());
    ///         number.ok_or_else(|| DeadLetter::new("no number", line))
    ///     })
    /// });
    /// numbers.map(|number| number * 2).print(10);
    /// streaming.start()?;
    /// streaming.await_termination()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn socket_stream<T, I>(
        &self,
        host: &str,
        port: u16,
        converter: impl Fn(Connection) -> I + Send + Sync + 'static,
    ) -> Parsed<T>
    where
        T: Element,
        I: IntoIterator<Item = Result<T, DeadLetter>> + 'static,
    {
        self.socket_stream_with(host, port, converter, ReceiverOptions::default())
    }

    /// As [`socket_stream`](StreamingContext::socket_stream), with a storage level and a choice of what becomes of records
    /// that cannot be read.
    ///
    /// ```text
    /// batch             1 s        2 s     3 s
    /// the server sends  1 2 x 3    y       4
    /// fail              fails      fails   4
    /// drop              1 2 3              4
    /// dead-letter       1 2 3              4
    /// .dead_letters()   x          y
    /// ```
    #[track_caller]
    pub fn socket_stream_with<T, I>(
        &self,
        host: &str,
        port: u16,
        converter: impl Fn(Connection) -> I + Send + Sync + 'static,
        options: ReceiverOptions,
    ) -> Parsed<T>
    where
        T: Element,
        I: IntoIterator<Item = Result<T, DeadLetter>> + 'static,
    {
        let records = std::marker::PhantomData;
        self.supervised(
            "socket_stream",
            SocketReceiver { address: format!("{host}:{port}"), converter, records },
            options,
        )
    }
}

struct SocketReceiver<F, I> {
    address: String,
    converter: F,
    records: std::marker::PhantomData<fn() -> I>,
}

impl<T, I, F> Receiver for SocketReceiver<F, I>
where
    T: Element,
    I: IntoIterator<Item = Result<T, DeadLetter>> + 'static,
    F: Fn(Connection) -> I + Send + Sync + 'static,
{
    type Item = T;

    fn run(&self, to: &Supervisor<T>) -> Result<(), ReceiverError> {
        let stream = connect(&self.address)?;
        let closing = stream.try_clone()?;
        // What has arrived is still read; an error says that it is closed already.
        to.on_stop(move || drop(closing.shutdown(Shutdown::Read)));
        let (connection, failure) = Connection::new(stream);
        for record in (self.converter)(connection) {
            match record {
                Ok(record) => to.store(record)?,
                Err(letter) => to.reject(letter)?,
            }
        }
        let failure = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.map_or(Ok(()), |error| Err(error.into()))
    }
}
