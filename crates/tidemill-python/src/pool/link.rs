//! The driver's end of a worker's socket: frames out as far as there is room, frames in as far as they came.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};
use tidemill_core::text::PADDING;

use super::frames::{HEAD_BYTES, Head};
use super::{Payload, WorkerError};

/// So many bytes are read at a time; longer payloads are read straight to their place.
const BUFFER_BYTES: usize = 64 << 10;
/// So many pieces go into one system call: a definition, a task and its first run are six.
const PIECES_MAX: usize = 16;

/// One side of a stream socket.
pub(super) struct Link {
    socket: OwnedFd,
    outgoing: VecDeque<Piece>,
    /// How many bytes of the first piece have left.
    left: usize,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// A frame whose payload is longer than the buffer, and how much of it is there.
    partial: Option<(Head, Vec<u8>, usize)>,
}

enum Piece {
    Head([u8; HEAD_BYTES]),
    Payload(Payload),
}

/// What reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    Some,
    /// Nothing is there now.
    Nothing,
    /// The other side has closed.
    End,
}

impl Link {
    pub(super) fn new(socket: OwnedFd) -> Link {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Link { socket, outgoing: VecDeque::new(), left: 0, buffer, start: 0, end: 0, partial: None }
    }

    /// Puts a frame behind those that wait to leave.
    pub(super) fn queue(&mut self, head: Head, payload: Payload) {
        let length = payload.as_ref().len();
        self.outgoing.push_back(Piece::Head(Head { length: length as u64, ..head }.to_bytes()));
        if length > 0 {
            self.outgoing.push_back(Piece::Payload(payload));
        }
    }

    /// Whether all that was queued has left.
    pub(super) fn is_flushed(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// Sends what there is room for.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            let pieces: [IoSlice<'_>; PIECES_MAX] = std::array::from_fn(|index| {
                let bytes = self.outgoing.get(index).map(Piece::bytes).unwrap_or_default();
                let skip = if index == 0 { self.left } else { 0 };
                IoSlice::new(bytes.get(skip..).unwrap_or_default())
            });
            let count = self.outgoing.len().min(PIECES_MAX);
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match sendmsg(&self.socket, &pieces[..count], &mut SendAncillaryBuffer::default(), flags) {
                Ok(sent) => self.sent(sent),
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn sent(&mut self, mut bytes: usize) {
        while let Some(piece) = self.outgoing.front() {
            let rest = piece.bytes().len() - self.left;
            if bytes < rest {
                self.left += bytes;
                return;
            }
            bytes -= rest;
            self.left = 0;
            self.outgoing.pop_front();
        }
    }

    /// A frame that is here already.
    ///
    /// # Errors
    /// What is here is no frame.
    pub(super) fn take(&mut self) -> Result<Option<(Head, Vec<u8>)>, WorkerError> {
        if let Some((head, payload, filled)) = self.partial.take() {
            if filled == payload.len() {
                return Ok(Some((head, payload)));
            }
            self.partial = Some((head, payload, filled));
            return Ok(None);
        }
        let Some(head) = Head::parse(&self.buffer[self.start..self.end]) else { return Ok(None) };
        self.start += HEAD_BYTES;
        let length = usize::try_from(head.length).unwrap_or(usize::MAX);
        let here = length.min(self.end - self.start);
        let mut payload = Vec::new();
        // A block of text wants room behind it.
        let room = if length == 0 { 0 } else { length.saturating_add(PADDING) };
        if payload.try_reserve_exact(room).is_err() {
            return Err(WorkerError::Garbled(format!("a frame of {length} bytes, for which there is no memory")));
        }
        payload.extend_from_slice(&self.buffer[self.start..self.start + here]);
        self.start += here;
        if here == length {
            return Ok(Some((head, payload)));
        }
        payload.resize(length, 0);
        self.partial = Some((head, payload, here));
        Ok(None)
    }

    /// Reads what is there.
    pub(super) fn fill(&mut self) -> io::Result<Filled> {
        let place = match &mut self.partial {
            Some((_, payload, filled)) => &mut payload[*filled..],
            None => {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
                &mut self.buffer[self.end..]
            }
        };
        let count = match recv(&self.socket, place, RecvFlags::DONTWAIT) {
            Ok((0, _)) | Err(Errno::CONNRESET) => return Ok(Filled::End),
            Ok((count, _)) => count,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(Filled::Nothing),
            Err(error) => return Err(error.into()),
        };
        match &mut self.partial {
            Some((_, _, filled)) => *filled += count,
            None => self.end += count,
        }
        Ok(Filled::Some)
    }

    /// Waits until there is something to read, or room to send what is queued; whether there is within `most_ms`.
    pub(super) fn wait(&self, most_ms: u32) -> io::Result<bool> {
        let flags = if self.is_flushed() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let timeout = Timespec { tv_sec: i64::from(most_ms / 1000), tv_nsec: i64::from(most_ms % 1000) * 1_000_000 };
        match poll(&mut [PollFd::new(&self.socket, flags)], Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Head(bytes) => bytes,
            Piece::Payload(payload) => payload.as_ref(),
        }
    }
}
