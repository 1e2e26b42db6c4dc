//! Sinks: each attempt at a batch is written down beside those before, and a table that takes each part once.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use serde::Serialize;
use tidemill::prelude::*;
use tidemill::streaming::once::{Part, Transaction, once};

use crate::programs::Place;

/// What ends an attempt that was written as a whole.
const END: &str = "\t.";
/// Longer than another transaction ever takes.
const BUSY: Duration = Duration::from_secs(60);

/// Adds each attempt at a batch to the file of that name: a line with the time, and the sorted records.
pub(crate) fn keep<T: Element + Serialize + Ord>(stream: &DStream<T>, place: &Place, name: &str) {
    let path = place.folder.join(format!("{name}.out"));
    stream.foreach_rdd(move |rdd, time| {
        let mut records = rdd.collect()?;
        records.sort();
        // It begins with the end of the line: the one before may have been cut off by a kill.
        let line = format!("\n{}\t{}{END}", time.millis(), serde_json::to_string(&records)?);
        OpenOptions::new().create(true).append(true).open(&path)?.write_all(line.as_bytes())?;
        Ok(())
    });
}

/// The batches that such a sink got, by time, and how many of them it got more than once: all attempts must be the same.
pub(crate) fn kept(place: &Place, name: &str) -> (BTreeMap<u64, String>, usize) {
    let text = std::fs::read_to_string(place.folder.join(format!("{name}.out"))).unwrap_or_default();
    let (mut batches, mut again) = (BTreeMap::<u64, (String, usize)>::new(), 0);
    for line in text.lines().filter_map(|line| line.strip_suffix(END)) {
        let (time, records) = line.split_once('\t').unwrap();
        let (first, attempts) = batches.entry(time.parse().unwrap()).or_insert_with(|| (records.to_owned(), 0));
        assert_eq!(first, records, "{name}: two attempts at the batch of {time} differ");
        *attempts += 1;
        again += usize::from(*attempts == 2);
    }
    (batches.into_iter().map(|(time, (records, _))| (time, records)).collect(), again)
}

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

fn open(place: &Place) -> rusqlite::Result<Connection> {
    let connection = Connection::open(place.folder.join("ids.db"))?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

fn insert(place: &Place, part: &Part, mut ids: impl Iterator<Item = u64>) -> rusqlite::Result<()> {
    let mut connection = open(place)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    once(Sqlite(transaction), part, |to| {
        let mut insert = to.0.prepare("insert into ids values (?1, ?2)")?;
        ids.try_for_each(|id| insert.execute((part.batch.millis() as i64, id as i64)).map(drop))
    })?;
    Ok(())
}

fn make_tables(place: &Place) {
    let tables = "create table if not exists ids (batch integer, id integer);
        create table if not exists tidemill_done (name text, batch integer, part integer, primary key (name, batch, part));";
    open(place).unwrap().execute_batch(tables).unwrap();
}

/// Puts the ids into a table, once, each task in a transaction of its own.
pub(crate) fn insert_parts(ids: &DStream<u64>, place: &Place) {
    make_tables(place);
    let place = place.clone();
    ids.foreach_rdd(move |rdd, _| {
        let place = place.clone();
        rdd.try_foreach_partition(move |ids| insert(&place, &Part::current("ids").unwrap(), ids))?;
        Ok(())
    });
}

/// Puts the ids into a table, once, each batch in one transaction.
pub(crate) fn insert_batches(ids: &DStream<u64>, place: &Place) {
    make_tables(place);
    let place = place.clone();
    ids.foreach_rdd(move |rdd, time| Ok(insert(&place, &Part::whole("ids", time), rdd.collect()?.into_iter())?));
}

/// The ids of each batch in the table, sorted.
pub(crate) fn inserted(place: &Place) -> BTreeMap<u64, Vec<u64>> {
    let connection = open(place).unwrap();
    let mut select = connection.prepare("select batch, id from ids order by batch, id").unwrap();
    let rows = select.query_map((), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).unwrap();
    let mut batches = BTreeMap::<u64, Vec<u64>>::new();
    for (batch, id) in rows.map(Result::unwrap) {
        batches.entry(batch as u64).or_default().push(id as u64);
    }
    batches
}
