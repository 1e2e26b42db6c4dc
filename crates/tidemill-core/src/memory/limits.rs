//! What may be taken: the pools, their ceilings and floors, and the bytes that are nobody's floor.

/// What memory is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pool {
    /// Blocks that receivers brought in and no batch has used up.
    Received,
    /// Partitions of persisted RDDs, and broadcast values.
    Stored,
    /// Tables and sorters of running tasks, and the blocks that go from map tasks to reduce tasks.
    Shuffle,
    /// Keyed state.
    State,
    /// Results of jobs on their way to the driver.
    Results,
    /// What processes beside this one are expected to take.
    Workers,
}

impl Pool {
    /// Every pool, in the order of the account.
    pub const ALL: [Pool; 6] = [Pool::Received, Pool::Stored, Pool::Shuffle, Pool::State, Pool::Results, Pool::Workers];

    /// The setting that limits the pool.
    pub fn setting(self) -> &'static str {
        match self {
            Pool::Received => "tidemill.memory.received.limit",
            Pool::Stored => "tidemill.memory.stored.limit",
            Pool::Shuffle => "tidemill.memory.shuffle.limit",
            Pool::State => "tidemill.memory.state.limit",
            Pool::Results => "tidemill.memory.results.limit",
            Pool::Workers => "tidemill.memory.workers.limit",
        }
    }
}

/// The most bytes that may be taken, by each pool and by all of them, and what is kept for each. The default sets no
/// limit and keeps nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// By all pools together.
    pub total: u64,
    /// By [`Pool::Received`].
    pub received: u64,
    /// By [`Pool::Stored`].
    pub stored: u64,
    /// By [`Pool::Shuffle`].
    pub shuffle: u64,
    /// By [`Pool::State`].
    pub state: u64,
    /// By [`Pool::Results`].
    pub results: u64,
    /// By [`Pool::Workers`].
    pub workers: u64,
    /// What each pool may always take.
    pub floors: MemoryFloors,
}

/// The bytes of each pool that the others cannot take. Of a floor above its pool's ceiling only that much counts; floors
/// that are more than the total in sum leave nothing to share, and may pass it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryFloors {
    /// Of [`Pool::Received`].
    pub received: u64,
    /// Of [`Pool::Stored`].
    pub stored: u64,
    /// Of [`Pool::Shuffle`].
    pub shuffle: u64,
    /// Of [`Pool::State`].
    pub state: u64,
    /// Of [`Pool::Results`].
    pub results: u64,
    /// Of [`Pool::Workers`].
    pub workers: u64,
}

impl MemoryLimits {
    /// What means "no limit": half of what can be counted, so that no sum of it and a request overflows.
    pub const NONE: u64 = u64::MAX / 2;

    /// Limits that only the sum of all pools has.
    pub fn of_total(total: u64) -> MemoryLimits {
        MemoryLimits { total, ..MemoryLimits::default() }
    }

    /// The ceiling of a pool.
    pub fn ceiling(&self, pool: Pool) -> u64 {
        match pool {
            Pool::Received => self.received,
            Pool::Stored => self.stored,
            Pool::Shuffle => self.shuffle,
            Pool::State => self.state,
            Pool::Results => self.results,
            Pool::Workers => self.workers,
        }
    }

    /// What others leave to a pool, whatever they hold: its floor, which its ceiling bounds.
    pub fn floor(&self, pool: Pool) -> u64 {
        self.floors.of(pool).min(self.ceiling(pool))
    }

    /// The rest of the total, which is nobody's floor: for whoever asks first.
    pub fn shared(&self) -> u64 {
        Pool::ALL.iter().fold(self.total, |rest, pool| rest.saturating_sub(self.floor(*pool)))
    }

    /// The most that a pool gets where others take nothing: its ceiling, or its floor and all of the rest.
    pub fn most(&self, pool: Pool) -> u64 {
        self.ceiling(pool).min(self.floor(pool).saturating_add(self.shared()))
    }
}

impl MemoryFloors {
    /// The floor of a pool, as it was set.
    pub fn of(&self, pool: Pool) -> u64 {
        match pool {
            Pool::Received => self.received,
            Pool::Stored => self.stored,
            Pool::Shuffle => self.shuffle,
            Pool::State => self.state,
            Pool::Results => self.results,
            Pool::Workers => self.workers,
        }
    }

    /// The floor of a pool, to be set.
    pub fn of_mut(&mut self, pool: Pool) -> &mut u64 {
        match pool {
            Pool::Received => &mut self.received,
            Pool::Stored => &mut self.stored,
            Pool::Shuffle => &mut self.shuffle,
            Pool::State => &mut self.state,
            Pool::Results => &mut self.results,
            Pool::Workers => &mut self.workers,
        }
    }
}

impl Default for MemoryLimits {
    fn default() -> Self {
        let none = MemoryLimits::NONE;
        MemoryLimits {
            total: none,
            received: none,
            stored: none,
            shuffle: none,
            state: none,
            results: none,
            workers: none,
            floors: MemoryFloors::default(),
        }
    }
}
