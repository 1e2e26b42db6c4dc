//! Slots: how many tasks run at a time, and whose turn it is.

use std::collections::HashMap;
use std::hash::Hash;

use crate::task::{JobId, Task};

/// Whose task gets a free slot: `spark.scheduler.mode` (behaviour 4.62).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchedulingMode {
    /// The earliest job's.
    #[default]
    Fifo,
    /// The task of the pool, and in it of the job, that has the fewest running.
    Fair,
}

/// The slots, and who holds them.
pub(super) struct Slots {
    total: usize,
    taken: usize,
    mode: SchedulingMode,
    /// The pool that each running task counts for; kept under fair scheduling only, as the counts below.
    holders: HashMap<Task, String>,
    pools: HashMap<String, u32>,
    jobs: HashMap<JobId, u32>,
}

impl Slots {
    pub(super) fn new(total: usize, mode: SchedulingMode) -> Slots {
        Slots { total, taken: 0, mode, holders: HashMap::new(), pools: HashMap::new(), jobs: HashMap::new() }
    }

    pub(super) fn total(&self) -> usize {
        self.total
    }

    pub(super) fn available(&self) -> usize {
        self.total - self.taken
    }

    pub(super) fn take(&mut self, task: Task, pool: &str) {
        self.taken += 1;
        if self.mode == SchedulingMode::Fair {
            *self.pools.entry(pool.to_string()).or_default() += 1;
            *self.jobs.entry(task.job).or_default() += 1;
            self.holders.insert(task, pool.to_string());
        }
    }

    pub(super) fn free(&mut self, task: Task) {
        self.taken -= 1;
        if let Some(pool) = self.holders.remove(&task) {
            count_down(&mut self.pools, &pool);
            count_down(&mut self.jobs, &task.job);
        }
    }

    /// The smaller, the sooner.
    pub(super) fn rank(&self, pool: &str, job: JobId) -> (u32, u32, JobId) {
        match self.mode {
            SchedulingMode::Fifo => (0, 0, job),
            SchedulingMode::Fair => {
                let of_pool = self.pools.get(pool).copied().unwrap_or(0);
                (of_pool, self.jobs.get(&job).copied().unwrap_or(0), job)
            }
        }
    }
}

/// Takes one off a count; a count of none is not kept.
fn count_down<K: Eq + Hash>(counts: &mut HashMap<K, u32>, key: &K) {
    let Some(count) = counts.get_mut(key) else { return };
    *count -= 1;
    if *count == 0 {
        counts.remove(key);
    }
}
