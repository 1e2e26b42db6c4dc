//! `once`: outputs that happen exactly once, by a note in the transaction that makes them.
//!
//! An output sees each batch at least once (behaviour 6.9): a batch is run again after a crash, and a task is tried again.
//! Where the target has transactions, "this part is done" goes into the same one as the data, so that whoever comes later finds
//! it and writes nothing.

use tidemill_core::{TaskContext, Timestamp};

/// The property by which jobs and tasks know their batch, under Spark's name: milliseconds since 1970.
pub(crate) const BATCH_TIME_PROPERTY: &str = "spark.streaming.internal.batchTime";

/// What is done once: a partition of an output in a batch.
///
/// A batch that is run again has the same partitions as long as the program makes the same number of them; where that may
/// change from one start to the next (`spark.default.parallelism`), write the batch as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// What is done. Each output of a program needs its own.
    pub output: String,
    /// The time of the batch.
    pub batch: Timestamp,
    /// The partition; 0 where the batch is written as a whole.
    pub partition: usize,
}

impl Part {
    /// A batch as a whole, for an output that is written by the driver.
    pub fn whole(output: impl Into<String>, batch: Timestamp) -> Part {
        Part { output: output.into(), batch, partition: 0 }
    }

    /// What the running task writes: its partition of its batch. None outside the tasks of a batch.
    pub fn current(output: impl Into<String>) -> Option<Part> {
        let partition = TaskContext::current()?.partition();
        Some(Part { output: output.into(), batch: batch_time()?, partition })
    }
}

/// The time of the batch to which the running task belongs; none outside the tasks of outputs.
///
/// ```
/// use tidemill_streaming::once::batch_time;
/// use tidemill_streaming::testing::TestContext;
///
/// let test = TestContext::new();
/// let (feed, numbers) = test.input();
/// numbers.foreach_rdd(|rdd, time| {
///     rdd.foreach_partition(move |_| assert_eq!(batch_time(), Some(time)))?;
///     Ok(())
/// });
/// feed.push([1, 2]);
/// test.tick()?;
/// assert_eq!(batch_time(), None);
/// # Ok::<(), tidemill_streaming::Error>(())
/// ```
pub fn batch_time() -> Option<Timestamp> {
    let task = TaskContext::current()?;
    task.local_property(BATCH_TIME_PROPERTY)?.parse().ok().map(Timestamp::from_millis)
}

/// A transaction of the system that an output writes to. Dropped without a [`commit`](Transaction::commit), it leaves nothing.
///
/// The notes are best rows of a table whose primary key is the part. Python's `once` calls it `tidemill_done`, with the columns
/// `name`, `batch` (in milliseconds) and `part`. Rows of batches that will not come again may be deleted: those that are older
/// than all of [`Checkpoint::unfinished`](crate::Checkpoint::unfinished).
pub trait Transaction: Sized {
    /// Why it fails.
    type Error;

    /// Notes in this transaction that `part` is done; `false` if that was noted before.
    ///
    /// While another transaction that is not over has noted the same part, this waits for its end, or fails: a unique key
    /// does that in most databases.
    ///
    /// # Errors
    /// Whatever keeps it from being noted.
    fn note(&mut self, part: &Part) -> Result<bool, Self::Error>;

    /// Makes all that was written in it last, with the note.
    ///
    /// # Errors
    /// Nothing of it was written. Where it is not known whether it was, the next attempt finds out.
    fn commit(self) -> Result<(), Self::Error>;
}

/// Has `write` write `part` in `transaction`, with a note that it is done, and commits; where it was done before, nothing is
/// written. Returns whether it was written now.
///
/// Of two attempts at a time one waits at the note for the other: it finds the part done, or, where the other failed, does it.
///
/// ```
/// use rusqlite::Connection;
/// use tidemill_core::Timestamp;
/// use tidemill_streaming::once::{Part, Transaction, once};
///
/// struct Sqlite<'a>(rusqlite::Transaction<'a>);
///
/// impl Transaction for Sqlite<'_> {
///     type Error = rusqlite::Error;
///
///     fn note(&mut self, part: &Part) -> rusqlite::Result<bool> {
///         let note = "insert or ignore into tidemill_done values (?1, ?2, ?3)";
///         Ok(self.0.execute(note, (&part.output, part.batch.millis() as i64, part.partition as i64))? == 1)
///     }
///
///     fn commit(self) -> rusqlite::Result<()> {
///         self.0.commit()
///     }
/// }
///
/// let mut database = Connection::open_in_memory()?;
/// database.execute_batch(
///     "create table words (word text);
///      create table tidemill_done (name text, batch integer, part integer, primary key (name, batch, part));",
/// )?;
/// let part = Part::whole("words", Timestamp::from_millis(1000));
/// for attempt in 0..2 {
///     let transaction = Sqlite(database.transaction()?);
///     let is_new = once(transaction, &part, |to| to.0.execute("insert into words values ('tide')", ()).map(drop))?;
///     assert_eq!(is_new, attempt == 0);
/// }
/// assert_eq!(database.query_row("select count(*) from words", (), |row| row.get::<_, i64>(0))?, 1);
/// # Ok::<(), rusqlite::Error>(())
/// ```
///
/// # Errors
/// Those of the transaction, and of `write`: nothing of it is there then.
pub fn once<T: Transaction, E: From<T::Error>>(
    mut transaction: T,
    part: &Part,
    write: impl FnOnce(&mut T) -> Result<(), E>,
) -> Result<bool, E> {
    // Before anything is written: whoever is second does nothing for nothing, and waits here.
    if !transaction.note(part)? {
        return Ok(false);
    }
    write(&mut transaction)?;
    transaction.commit()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::sync::{Barrier, Mutex};
    use std::time::Duration;

    use rusqlite::{Connection, TransactionBehavior};

    use super::*;
    use crate::testing::TestContext;

    struct Sqlite<'a>(rusqlite::Transaction<'a>);

    impl Transaction for Sqlite<'_> {
        type Error = rusqlite::Error;

        fn note(&mut self, part: &Part) -> rusqlite::Result<bool> {
            let note = "insert or ignore into tidemill_done values (?1, ?2, ?3)";
            Ok(self.0.execute(note, (&part.output, part.batch.millis() as i64, part.partition as i64))? == 1)
        }

        fn commit(self) -> rusqlite::Result<()> {
            self.0.commit()
        }
    }

    /// A database of this test, for several connections.
    struct Database(tempfile::TempDir);

    impl Database {
        fn new() -> Database {
            let database = Database(tempfile::tempdir().unwrap());
            let tables = "create table numbers (number integer);
                 create table tidemill_done (name text, batch integer, part integer, primary key (name, batch, part));";
            database.open().execute_batch(tables).unwrap();
            database
        }

        fn open(&self) -> Connection {
            let connection = Connection::open(self.0.path().join("numbers.db")).unwrap();
            connection.busy_timeout(Duration::from_secs(60)).unwrap();
            connection
        }

        fn numbers(&self) -> Vec<i64> {
            let connection = self.open();
            let mut select = connection.prepare("select number from numbers order by number").unwrap();
            select.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        }

        fn write(&self, part: &Part, number: i64, behavior: TransactionBehavior) -> rusqlite::Result<bool> {
            let mut connection = self.open();
            let transaction = Sqlite(connection.transaction_with_behavior(behavior)?);
            once(transaction, part, |to| to.0.execute("insert into numbers values (?1)", (number,)).map(drop))
        }
    }

    #[test]
    fn what_fails_leaves_no_note() {
        let (database, part) = (Database::new(), Part::whole("numbers", Timestamp::from_millis(7)));
        let mut connection = database.open();
        let failed = once(Sqlite(connection.transaction().unwrap()), &part, |to| {
            to.0.execute("insert into numbers values (1)", ()).unwrap();
            Err(rusqlite::Error::InvalidQuery)
        });
        assert!(failed.is_err());
        assert_eq!(database.numbers(), [0_i64; 0]);
        let kinds = [TransactionBehavior::Deferred, TransactionBehavior::Immediate];
        assert_eq!(kinds.map(|kind| database.write(&part, 2, kind).unwrap()), [true, false]);
        let others = [
            Part { output: "others".into(), ..part.clone() },
            Part { batch: Timestamp::from_millis(8), ..part.clone() },
            Part { partition: 1, ..part },
        ];
        assert!(others.iter().all(|other| database.write(other, 3, TransactionBehavior::Immediate).unwrap()));
        assert_eq!(database.numbers(), [2, 3, 3, 3]);
    }

    #[test]
    fn attempts_at_the_same_time_write_once() {
        let database = Database::new();
        for batch in 0..20 {
            let (part, barrier) = (Part::whole("numbers", Timestamp::from_millis(batch)), Barrier::new(4));
            let written = Mutex::new(0);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        barrier.wait();
                        let is_new = database.write(&part, batch as i64, TransactionBehavior::Immediate).unwrap();
                        *written.lock().unwrap() += usize::from(is_new);
                    });
                }
            });
            assert_eq!(written.into_inner().unwrap(), 1);
        }
        assert_eq!(database.numbers(), (0..20).collect::<Vec<i64>>());
    }

    #[test]
    fn tasks_know_their_part() {
        let test = TestContext::new();
        let (feed, numbers) = test.input::<u64>();
        let (sender, parts) = sync_channel(10);
        numbers.foreach_rdd(move |rdd, _| {
            let sender = sender.clone();
            rdd.foreach_partition(move |_| sender.send(Part::current("numbers")).unwrap())?;
            Ok(())
        });
        feed.push([1, 2]);
        test.tick().unwrap();
        let mut parts: Vec<_> = parts.try_iter().flatten().collect();
        parts.sort();
        let part = |partition| Part { partition, ..Part::whole("numbers", test.time(1)) };
        assert_eq!(parts, [part(0), part(1)]);
        assert_eq!(Part::current("numbers"), None);
    }
}
