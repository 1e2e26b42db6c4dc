//! Counts words into a SQLite database, each batch exactly once.
//!
//! Run with: `cargo run --release --example sqlite_sink -- localhost 9999 /tmp/words.db`
//! and in another terminal `nc -lk 9999`; then look with `sqlite3 /tmp/words.db 'select * from words'`. Ctrl-C ends it.

use std::time::Duration;

use rusqlite::{Connection, params};
use tidemill::prelude::*;
use tidemill::streaming::once::{Part, Transaction, once};

/// A transaction that takes notes of what is done.
struct Sqlite<'a>(rusqlite::Transaction<'a>);

impl Transaction for Sqlite<'_> {
    type Error = rusqlite::Error;

    fn note(&mut self, part: &Part) -> rusqlite::Result<bool> {
        let note = "insert or ignore into tidemill_done values (?1, ?2, ?3)";
        let noted = self.0.execute(note, params![part.output, part.batch.millis() as i64, part.partition as i64])?;
        Ok(noted == 1)
    }

    fn commit(self) -> rusqlite::Result<()> {
        self.0.commit()
    }
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or_else(|| "localhost".into());
    let port = arguments.next().map_or(Ok(9999), |port| port.parse())?;
    let file = arguments.next().unwrap_or_else(|| "words.db".into());
    Connection::open(&file)?.execute_batch(
        "create table if not exists words (word text primary key, count integer not null);
         create table if not exists tidemill_done (name text, batch integer, part integer, primary key (name, batch, part));",
    )?;

    let context = Context::local(2)?;
    let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    let words = streaming.socket_text_stream(&host, port).flat_map(|line| line.split(' '));
    let counts = words.map(|word| (word, 1_i64)).reduce_by_key(|a, b| a + b);
    counts.foreach_rdd(move |counts, time| {
        let counts = counts.collect()?;
        // A batch may be run again after a failure. That it is done goes into the same transaction as its counts, so that what
        // was counted before is not counted again. (In tasks, `Part::current` says what the task has to do.)
        let mut database = Connection::open(&file)?;
        once(Sqlite(database.transaction()?), &Part::whole("words", time), |to| {
            let mut insert =
                to.0.prepare("insert into words values (?1, ?2) on conflict do update set count = count + ?2")?;
            counts.iter().try_for_each(|(word, count)| insert.execute(params![word.as_str(), count]).map(drop))
        })?;
        println!("{time} is in the database.");
        Ok(())
    });

    streaming.start()?;
    streaming.await_termination()?;
    Ok(())
}
