//! One request to a lane's worker: the input goes out as there is room, the answer comes in as it is made.

use tidemill_core::Stop;
use tidemill_core::task::TaskContext;

use super::super::connection::Connection;
use super::super::frames::{Head, LAST, Order, Reply};
use super::super::link::Filled;
use super::super::running::talking;
use super::{Input, Output, Request};
use crate::pool::{Frame, Payload, WorkerError, WorkerFailure};

/// Input is drawn until so much of it waits to leave: what is on disk is in memory a piece at a time.
const WAITING_BYTES: usize = 256 << 10;

/// What the function added to accumulators, or how it failed; an error where the worker is of no use any more.
pub(super) fn answer(
    worker: &mut Connection,
    request: Request<'_>,
    cx: Option<&TaskContext>,
    output: &mut Output<'_>,
) -> Result<Result<Option<Vec<u8>>, WorkerFailure>, Stop> {
    let mut sending = Sending::begin(worker, request)?;
    loop {
        cx.map_or(Ok(()), TaskContext::check)?;
        sending.go_on(worker)?;
        // It may be gone: what it said before is read first.
        let _ = worker.link.flush();
        while let Some((head, payload)) = worker.link.take()? {
            let Head { format, bucket, count, .. } = head;
            match head.reply() {
                Some(Reply::Out) => output(Frame { format, bucket, count, payload: Payload::Owned(payload) })?,
                Some(Reply::Done) => {
                    sending.end(worker);
                    return Ok(Ok(Some(payload).filter(|updates| !updates.is_empty())));
                }
                Some(Reply::Fail) => {
                    let failure = WorkerFailure::parse(&payload);
                    sending.end(worker);
                    // What it had to drain may still be on its way.
                    while failure.is_some() && !worker.link.is_flushed() {
                        worker.wait()?;
                        worker.link.flush().map_err(talking)?;
                    }
                    return failure.map(Err).ok_or(WorkerError::Garbled("a failure without text".into()).into());
                }
                None => return Err(WorkerError::Garbled(format!("a frame of kind {}", head.kind)).into()),
            }
        }
        match worker.link.fill().map_err(talking)? {
            Filled::Nothing if sending.has_more() && worker.link.is_flushed() => {}
            Filled::Some => {}
            Filled::Nothing => worker.wait()?,
            Filled::End => return Err(worker.why_gone().into()),
        }
    }
}

/// What is left of a request's input.
struct Sending<'a> {
    id: u32,
    next: Option<Frame>,
    input: Input<'a>,
}

impl<'a> Sending<'a> {
    /// Queues the request itself.
    fn begin(worker: &mut Connection, request: Request<'a>) -> Result<Sending<'a>, Stop> {
        let Request { what, payload, work, mut input } = request;
        let next = input.next().transpose()?;
        let id = work.map_or(0, |work| worker.define(work));
        let flags = if next.is_none() { LAST } else { 0 };
        let state = Head { flags, bucket: what, ..Head::order(Order::State, id) };
        worker.link.queue(state, Payload::Owned(payload));
        let mut sending = Sending { id, next, input };
        sending.draw(worker)?;
        Ok(sending)
    }

    /// Queues what comes next, once all before it has left.
    ///
    /// # Errors
    /// Those of the input. The worker has half of it then, and is of no use.
    fn go_on(&mut self, worker: &mut Connection) -> Result<(), Stop> {
        if worker.link.is_flushed() { self.draw(worker) } else { Ok(()) }
    }

    fn draw(&mut self, worker: &mut Connection) -> Result<(), Stop> {
        let mut waiting = 0;
        while waiting < WAITING_BYTES
            && let Some(Frame { format, bucket, count, payload }) = self.next.take()
        {
            waiting += payload.as_ref().len();
            self.next = self.input.next().transpose()?;
            let flags = if self.next.is_none() { LAST } else { 0 };
            worker.link.queue(Head { flags, format, count, bucket, ..Head::order(Order::Run, self.id) }, payload);
        }
        Ok(())
    }

    fn has_more(&self) -> bool {
        self.next.is_some()
    }

    /// The worker wants no more: the input ends here.
    fn end(&mut self, worker: &mut Connection) {
        if self.next.take().is_some() {
            worker.link.queue(Head { flags: LAST, ..Head::order(Order::Run, self.id) }, Payload::EMPTY);
        }
    }
}
