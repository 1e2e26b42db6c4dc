//! Stand-in.
use crate::lineage::Operator;
use crate::scheduler::Outcome;
use crate::task::*;
use crate::*;
#[allow(missing_docs)]
pub struct Event;
#[allow(missing_docs)]
impl Event {
    pub fn job_started(_: u64, _: &Operator, _: &Properties, _: usize) -> Event {
        Event
    }
    pub fn task_started(_: Task, _: u32) -> Event {
        Event
    }
    pub fn task_ended(_: Task, _: Option<&Stop>) -> Event {
        Event
    }
    pub fn stage_submitted(_: u64, _: u64, _: &str, _: u32) -> Event {
        Event
    }
    pub fn stage_completed(_: u64, _: bool) -> Event {
        Event
    }
    pub fn job_ended(_: u64, _: &Outcome) -> Event {
        Event
    }
    pub fn thread_replaced(_: &str) -> Event {
        Event
    }
}
#[allow(missing_docs)]
#[derive(Clone)]
pub struct EventBus;
#[allow(missing_docs)]
impl EventBus {
    pub fn new() -> Self {
        EventBus
    }
    pub fn post(&self, _: impl FnOnce() -> Event) {}
    pub fn stop(&self) {}
}
