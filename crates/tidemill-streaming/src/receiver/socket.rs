//! TCP connections of receivers, and the receiver of lines (behaviour 1.12).

use std::io::{self, BufRead, BufReader, Read};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::receiver::ReceiverError;
use crate::receiver::life::{Life, Work};
use crate::receiver::records::LAST_BYTES_MAX;
use crate::receiver::text::{LineEnds, TextReceived};

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How many bytes are looked at to find how many may be read, where a rate limits the lines.
const PEEK_BYTES: usize = 64 << 10;

/// Receives lines from `host:port`.
pub(crate) struct SocketText {
    pub(crate) address: String,
    pub(crate) received: Arc<TextReceived>,
}

impl Work for SocketText {
    fn run(&self, life: &Arc<Life>) -> Result<(), ReceiverError> {
        let stream = connect(&self.address)?;
        let closing = stream.try_clone()?;
        // What has arrived is still read; an error says that it is closed already.
        life.on_stop(move || drop(closing.shutdown(Shutdown::Read)));
        tracing::info!(address = self.address, "Connected.");
        let (mut last_bytes, mut ends, mut peeked) = (0, LineEnds::default(), Vec::new());
        // Waits for bytes without the lock, which a cut of the batch clock may need meanwhile, and without memory.
        while stream.peek(&mut [0])? > 0 && last_bytes < LAST_BYTES_MAX {
            let most = match life.await_tokens() {
                None => u64::MAX,
                Some(lines) => {
                    peeked.resize(PEEK_BYTES, 0);
                    let count = stream.peek(&mut peeked)?;
                    ends.clone().until(peeked.get(..count).unwrap_or_default(), lines)
                }
            };
            if !self.received.make_room(&|| life.is_ended()) {
                self.received.make_room_at_end();
            }
            let read = self.received.read_from(&mut (&stream).take(most))?;
            if most < u64::MAX {
                life.take_tokens(ends.count(peeked.get(..read).unwrap_or_default()));
            }
            last_bytes += if life.is_stopped() { read as u64 } else { 0 };
        }
        Ok(())
    }

    fn run_is_over(&self) {
        self.received.end_of_stream();
    }

    fn surely_returns(&self) -> bool {
        true
    }
}

/// Tries each address of a name, as `localhost` may be known by two.
pub(crate) fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let failed = |error: io::Error| {
        let text = format!("cannot connect to {address}: {error}; is a server listening there?");
        io::Error::new(error.kind(), text)
    };
    for address in address.to_socket_addrs().map_err(failed)? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

/// What the converter of a socket stream reads from. An error of it ends the receiver's run, once the converter has ended,
/// even if the converter took it for the end of the stream.
pub struct Connection {
    reader: BufReader<TcpStream>,
    failure: Failure,
}

/// The error with which a connection broke, if it did.
pub(crate) type Failure = Arc<Mutex<Option<io::Error>>>;

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> (Connection, Failure) {
        let failure = Failure::default();
        (Connection { reader: BufReader::new(stream), failure: Arc::clone(&failure) }, failure)
    }
}

/// Keeps the error for the receiver: converters often take any error for the end.
fn kept<T>(failure: &Failure, result: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &result
        && error.kind() != io::ErrorKind::Interrupted
    {
        let copy = io::Error::new(error.kind(), error.to_string());
        *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
    }
    result
}

impl Read for Connection {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        kept(&self.failure, self.reader.read(into))
    }
}

impl BufRead for Connection {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        kept(&self.failure, self.reader.fill_buf())
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}
