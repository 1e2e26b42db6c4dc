//! Counts words into a SQLite database, each batch exactly once.
//!
//! Run with: `cargo run --release --example sqlite_sink -- localhost 9999 /tmp/words.db`
//! and in another terminal `nc -lk 9999`; then look with `sqlite3 /tmp/words.db 'select * from words'`. Ctrl-C ends it.

use std::time::Duration;

use rusqlite::{Connection, params};
use tidemill::prelude::*;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or_else(|| "localhost".into());
    let port = arguments.next().map_or(Ok(9999), |port| port.parse())?;
    let file = arguments.next().unwrap_or_else(|| "words.db".into());
    Connection::open(&file)?.execute_batch(
        "create table if not exists words (word text primary key, count integer not null);
         create table if not exists batches (time integer primary key);",
    )?;

    let context = Context::local(2)?;
    let streaming = StreamingContext::new(&context, Duration::from_secs(1))?;
    let words = streaming.socket_text_stream(&host, port).flat_map(|line| line.split(' '));
    let counts = words.map(|word| (word, 1_i64)).reduce_by_key(|a, b| a + b);
    counts.foreach_rdd(move |counts, time| {
        let counts = counts.collect()?;
        // A batch may be run again after a failure. Its time goes into the same transaction as its counts, so that what
        // was counted before is not counted again.
        let mut database = Connection::open(&file)?;
        let transaction = database.transaction()?;
        if transaction.execute("insert or ignore into batches values (?1)", params![time.millis() as i64])? == 0 {
            return Ok(());
        }
        for (word, count) in counts {
            transaction.execute(
                "insert into words values (?1, ?2) on conflict do update set count = count + ?2",
                params![word.as_str(), count],
            )?;
        }
        transaction.commit()?;
        println!("{time} is in the database.");
        Ok(())
    });

    streaming.start()?;
    streaming.await_termination()?;
    Ok(())
}
