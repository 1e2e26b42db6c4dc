//! A small server of text: lines at a steady pace, to one reader at a time.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::core::{Clock, Wake};
use anyhow::{Context, anyhow};

use super::text::Sentences;

/// How many times a second lines are sent: often enough to look steady, seldom enough to cost nothing.
const SENDS_PER_SECOND: u32 = 10;

/// A server that is bound to its port and serves nobody yet.
pub(super) struct TextServer(TcpListener);

impl TextServer {
    /// Takes a port of 127.0.0.1; 0 is any free one.
    pub(super) fn bind(port: u16) -> anyhow::Result<TextServer> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(TextServer).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => anyhow!(
                "port {port} is in use by another program; choose another with `--port`, or leave `--port` out and a free \
                 one is taken (to count what the program on port {port} sends: `--connect localhost:{port}`)"
            ),
            ErrorKind::PermissionDenied => {
                anyhow!("port {port} may not be taken by this user; choose one above 1023, or leave `--port` out")
            }
            _ => anyhow!("port {port} cannot be taken: {error}"),
        })
    }

    /// The port it took.
    pub(super) fn port(&self) -> anyhow::Result<u16> {
        Ok(self.0.local_addr().context("the server's own address cannot be read")?.port())
    }

    /// Sends text to whoever connects, one after the other, on a thread that ends with the process.
    pub(super) fn serve(self, clock: Arc<dyn Clock>, lines_per_second: u32) -> anyhow::Result<()> {
        let work = move || {
            let mut sentences = Sentences::default();
            for reader in self.0.incoming().flatten() {
                // An error says that the reader has gone.
                let _ = send(reader, &mut sentences, &*clock, lines_per_second);
            }
        };
        let thread = std::thread::Builder::new().name("demo-server".into()).spawn(work);
        thread.context("the server's thread could not be started")?;
        Ok(())
    }
}

fn send(mut reader: TcpStream, text: &mut Sentences, clock: &dyn Clock, lines_per_second: u32) -> std::io::Result<()> {
    let (wake, pause) = (Wake::new(), Duration::from_secs(1) / SENDS_PER_SECOND);
    let mut owed = 0; // in parts of a line, as many to a line as there are sends a second
    let mut lines = String::new();
    let mut next = clock.now();
    loop {
        owed += lines_per_second;
        lines.clear();
        (0..owed / SENDS_PER_SECOND).for_each(|_| text.push_line(&mut lines));
        owed %= SENDS_PER_SECOND;
        reader.write_all(lines.as_bytes())?;
        // Not the time it ought to be: after a sleep of the machine nobody wants all the text of the night.
        next = clock.now().max(next + pause);
        clock.wait_until(next, &wake);
    }
}
