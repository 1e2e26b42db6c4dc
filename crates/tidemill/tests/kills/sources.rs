//! Sources of these programs: a file that only grows, and a receiver that acknowledges.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidemill::prelude::*;

/// Each record is a line of so many bytes.
pub(crate) const LINE_BYTES: u64 = 12;

/// A file that only grows: the number of a line is its offset.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Growing(pub(crate) PathBuf);

impl DirectSource for Growing {
    type Partition = String;
    type Item = u64;
    type Error = io::Error;

    fn latest(&self) -> io::Result<Offsets<String>> {
        let bytes = std::fs::metadata(&self.0).map_or(0, |it| it.len());
        Ok([("lines".to_owned(), bytes / LINE_BYTES)].into())
    }

    fn read(&self, range: OffsetRange<String>) -> io::Result<impl Iterator<Item = io::Result<u64>> + 'static> {
        if range.is_empty() {
            return Ok(numbers(None));
        }
        let mut file = File::open(&self.0)?;
        file.seek(SeekFrom::Start(range.from * LINE_BYTES))?;
        Ok(numbers(Some(file.take(range.len() * LINE_BYTES))))
    }
}

fn numbers(part: Option<io::Take<File>>) -> impl Iterator<Item = io::Result<u64>> + 'static {
    let lines = part.into_iter().flat_map(|part| BufReader::new(part).lines());
    lines.map(|line| line?.trim().parse().map_err(io::Error::other))
}

/// Connects to a port, stores what comes as one block a line, and then tells the sender so.
pub(crate) struct Acknowledging(pub(crate) u16);

impl Receiver for Acknowledging {
    type Item = u64;

    fn run(&self, to: &Supervisor<u64>) -> Result<(), ReceiverError> {
        let connection = TcpStream::connect(("127.0.0.1", self.0))?;
        let closes = connection.try_clone()?;
        to.on_stop(move || drop(closes.shutdown(std::net::Shutdown::Both)));
        let mut acknowledges = connection.try_clone()?;
        for line in BufReader::new(connection).lines() {
            let ids: Result<Vec<u64>, _> = line?.split(' ').map(str::parse).collect();
            to.store_block(ids?)?;
            acknowledges.write_all(b"stored\n")?;
        }
        Err("the sender has closed the connection".into())
    }
}
