//! The receiver of a TCP socket: connects, reads, and connects again (behaviour 1.12).

use std::io;
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::environment::Environment;
use tidemill_core::service::Service;
use tidemill_core::{Clock, Wake};

use crate::receiver::text::TextReceived;

/// What is still read after `stop`: no more than this has arrived by then, as systems bound the buffers of sockets. A
/// sender that goes on cannot hold up the stop.
const LAST_BYTES_MAX: usize = 8 << 20;
/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Receives from `host:port` until it is stopped.
pub(crate) struct SocketReceiver {
    address: String,
    restart_delay: Duration,
    received: Arc<TextReceived>,
    environment: Arc<Environment>,
    clock: Arc<dyn Clock>,
    /// Ends waits between attempts.
    wake: Wake,
    stopped: AtomicBool,
    /// The open connection, to be shut down by `stop`.
    connection: Mutex<Option<TcpStream>>,
}

impl SocketReceiver {
    pub(crate) fn new(
        address: String,
        restart_delay: Duration,
        received: Arc<TextReceived>,
        environment: Arc<Environment>,
        clock: Arc<dyn Clock>,
    ) -> SocketReceiver {
        SocketReceiver {
            address,
            restart_delay,
            received,
            environment,
            clock,
            wake: Wake::new(),
            stopped: AtomicBool::new(false),
            connection: Mutex::default(),
        }
    }
}

impl Service for SocketReceiver {
    fn name(&self) -> String {
        "tidemill-receiver".into()
    }

    /// Ends the connection once what has arrived is read.
    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.wake.stop();
        self.environment.memory.wake();
        if let Some(connection) = &*self.connection() {
            let _ = connection.shutdown(Shutdown::Read); // an error says that it is closed already
        }
    }

    fn run(&self) {
        while !self.is_stopped() {
            match self.receive() {
                Ok(()) if self.is_stopped() => {}
                Ok(()) => tracing::info!(address = self.address, "The sender closed the connection; connecting again."),
                Err(_) if self.is_stopped() => {}
                Err(error) => {
                    let seconds = self.restart_delay.as_secs_f64();
                    tracing::warn!(address = self.address, %error, "No connection; trying again in {seconds} s. Is a server listening there?");
                }
            }
            self.received.end_of_stream();
            *self.connection() = None; // the sender sees the end now, not at the next attempt
            if !self.is_stopped() {
                self.clock.wait_until(self.clock.now() + self.restart_delay, &self.wake);
            }
        }
    }
}

impl SocketReceiver {
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn receive(&self) -> io::Result<()> {
        let mut stream = connect(&self.address)?;
        *self.connection() = Some(stream.try_clone()?);
        if self.is_stopped() {
            stream.shutdown(Shutdown::Read)?; // the stop came before there was a connection to shut down
        }
        tracing::info!(address = self.address, "Connected.");
        let cancelled = || self.is_stopped();
        let mut last_bytes = 0;
        // Waits for bytes without the lock, which a cut of the batch clock may need meanwhile, and without memory.
        while stream.peek(&mut [0])? > 0 && last_bytes < LAST_BYTES_MAX {
            let stopped = !self.received.make_room(&cancelled);
            if stopped {
                self.received.make_room_at_end();
            }
            let read = self.received.read_from(&mut stream)?;
            last_bytes += if stopped { read } else { 0 };
        }
        Ok(())
    }

    fn connection(&self) -> MutexGuard<'_, Option<TcpStream>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tries each address of a name, as `localhost` may be known by two.
fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
