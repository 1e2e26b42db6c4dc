//! `raw_socket_stream`: blocks that a TCP server sends ready-made.

use std::io::{self, Read};
use std::marker::PhantomData;
use std::net::Shutdown;

use tidemill_core::Element;

use crate::context::StreamingContext;
use crate::dead_letter::{DeadLetter, Parsed};
use crate::receiver::socket::connect;
use crate::receiver::{Receiver, ReceiverError, ReceiverOptions, Supervisor};

/// The longest frame. A length beyond is not believed: it is what a stream looks like that does not speak this language,
/// and memory must not grow with it. Senders have blocks of a few MiB.
pub const FRAME_BYTES_MAX: u32 = 64 << 20;
/// How many bytes of a frame that cannot be read its dead letter has.
const LETTER_BYTES_MAX: usize = 64 << 10;

impl StreamingContext {
    /// The blocks that a TCP server sends: Spark's `rawSocketStream` (behaviour 2.7). Each is a partition of its batch.
    ///
    /// The server sends frames, each a length as four bytes, the highest first, and so many bytes: a `Vec<T>` as postcard
    /// writes it. The rate does not hold for them. A frame that cannot be read is a dead letter; by default its batch
    /// fails. A length past [`FRAME_BYTES_MAX`] is an error of the receiver, which connects again. When the connection is
    /// refused, breaks or ends, it is tried again every `spark.streaming.receiverRestartDelay`.
    ///
    /// ```text
    /// batch     1                                         2
    /// arrives   a frame of [1, 2], a frame of [3]
    /// out       1, 2 in one partition, 3 in another one   nothing, in no partitions
    /// ```
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use tidemill_streaming::StreamingContext;
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    /// let readings = streaming.raw_socket_stream::<(String, f64)>("localhost", 9999);
    /// readings.reduce_by_key(f64::max).print(10);
    /// streaming.start()?;
    /// streaming.await_termination()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn raw_socket_stream<T: Element>(&self, host: &str, port: u16) -> Parsed<T> {
        self.raw_socket_stream_with(host, port, ReceiverOptions::default())
    }

    /// As [`raw_socket_stream`](StreamingContext::raw_socket_stream), with a storage level and a choice of what becomes of
    /// frames that cannot be read.
    #[track_caller]
    pub fn raw_socket_stream_with<T: Element>(&self, host: &str, port: u16, options: ReceiverOptions) -> Parsed<T> {
        let receiver = RawNetworkReceiver { address: format!("{host}:{port}"), item: PhantomData };
        self.supervised("raw_socket_stream", receiver, options)
    }
}

struct RawNetworkReceiver<T> {
    address: String,
    item: PhantomData<fn() -> T>,
}

impl<T: Element> Receiver for RawNetworkReceiver<T> {
    type Item = T;

    fn run(&self, to: &Supervisor<T>) -> Result<(), ReceiverError> {
        let mut stream = connect(&self.address)?;
        let closing = stream.try_clone()?;
        to.on_stop(move || drop(closing.shutdown(Shutdown::Read)));
        let mut frame = Vec::new();
        while read_frame(&mut stream, &mut frame)? {
            match postcard::take_from_bytes::<Vec<T>>(&frame) {
                Ok((items, [])) => to.store_block(items)?,
                Ok((_, rest)) => to.reject(letter(&frame, format_args!("{} bytes follow the block", rest.len())))?,
                Err(error) => to.reject(letter(&frame, error))?,
            }
        }
        Ok(())
    }
}

fn letter(frame: &[u8], reason: impl std::fmt::Display) -> DeadLetter {
    let bytes = frame.get(..LETTER_BYTES_MAX).unwrap_or(frame);
    DeadLetter::new(format_args!("a frame of {} bytes is no block: {reason}", frame.len()), bytes)
}

/// Reads one frame into `frame`; `false` at the end of the stream. Memory grows with the bytes that come.
fn read_frame(stream: &mut impl Read, frame: &mut Vec<u8>) -> io::Result<bool> {
    frame.clear();
    let cut_off = || io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended within a frame");
    if stream.take(4).read_to_end(frame)? == 0 {
        return Ok(false);
    }
    let length = frame.as_slice().try_into().map(u32::from_be_bytes).map_err(|_| cut_off())?;
    if length > FRAME_BYTES_MAX {
        let text = format!("a frame of {length} bytes, more than {FRAME_BYTES_MAX}: does the server send frames?");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    frame.clear();
    let read = stream.take(length.into()).read_to_end(frame)?;
    if read < length as usize { Err(cut_off()) } else { Ok(true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_a_length_and_an_end() {
        // behaviour 2.7
        let mut stream: &[u8] = b"\0\0\0\x02ab\0\0\0\0\0\0\0\x03abc";
        let mut frame = Vec::new();
        for expected in ["ab", "", "abc"] {
            assert!(read_frame(&mut stream, &mut frame).unwrap());
            assert_eq!(frame, expected.as_bytes());
        }
        assert!(!read_frame(&mut stream, &mut frame).unwrap());
        for (mut stream, kind) in [
            (&b"\0\0"[..], io::ErrorKind::UnexpectedEof),
            (b"\0\0\0\x04ab", io::ErrorKind::UnexpectedEof),
            (b"GET / HTTP/1.1", io::ErrorKind::InvalidData),
        ] {
            assert_eq!(read_frame(&mut stream, &mut frame).unwrap_err().kind(), kind);
        }
    }
}
