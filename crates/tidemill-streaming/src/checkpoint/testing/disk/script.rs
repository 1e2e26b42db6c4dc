//! What is to fail, and when.

use std::io;
use std::ops::RangeInclusive;

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no space left. A write is done by half.
    Full,
    /// The disk has become read-only.
    ReadOnly,
    /// The disk reports an error. After a failed sync, what it was to make durable never is.
    Broken,
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Fault::Full => io::ErrorKind::StorageFull.into(),
            Fault::ReadOnly => io::ErrorKind::ReadOnlyFilesystem.into(),
            Fault::Broken => io::Error::other("the simulated disk is broken"),
        }
    }
}

/// What everything says once the machine crashed.
pub(super) fn crashed() -> io::Error {
    io::Error::other("the simulated machine has crashed")
}

/// Counts operations, and knows which are to fail.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub crash_at: Option<u64>,
    pub faults: Vec<(RangeInclusive<u64>, Fault)>,
    history: Vec<String>,
    is_crashed: bool,
}

impl Script {
    pub(super) fn operate(&mut self, name: String) -> io::Result<()> {
        if self.is_crashed {
            return Err(crashed());
        }
        self.history.push(name);
        let operation = self.operations();
        if self.crash_at.is_some_and(|at| operation >= at) {
            self.is_crashed = true;
            return Err(crashed());
        }
        let fault = self.faults.iter().find(|(operations, _)| operations.contains(&operation));
        fault.map_or(Ok(()), |(_, fault)| Err(fault.error()))
    }

    pub(super) fn heal(&mut self) {
        self.faults.clear();
        self.crash_at = None;
    }

    pub(super) fn operations(&self) -> u64 {
        self.history.len() as u64
    }

    pub(super) fn history(&self) -> &[String] {
        &self.history
    }

    pub(super) fn is_crashed(&self) -> bool {
        self.is_crashed
    }
}
