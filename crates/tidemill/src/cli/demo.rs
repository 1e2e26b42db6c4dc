//! `tidemill demo`: words that come over a socket, counted batch by batch.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::core::settings::{Unit, format_duration, parse_duration};
use crate::core::{SystemClock, Timestamp};
use crate::prelude::*;
use anyhow::{Context as _, ensure};

use super::{Programs, print};
use server::TextServer;

mod server;
mod text;

/// How many words of a batch are shown: as many as Spark's `print` shows.
const SHOWN: usize = 10;

/// Counts the words of a stream, batch by batch.
///
/// Without options it serves a generated text on a free port of this machine, reads it back over a socket and prints the
/// counts of each second until Ctrl-C. With --connect it counts what another server sends, such as your own nc.
#[derive(clap::Args)]
#[command(after_help = "\
Count what you type yourself, in two terminals:
  nc -lk 9999
  tidemill demo --connect localhost:9999

A busier stream, for five batches:
  tidemill demo --interval 500ms --lines-per-second 100000 --batches 5")]
pub(crate) struct Options {
    /// Read lines from a server of yours instead of the generated text
    #[arg(long, value_name = "HOST:PORT", value_parser = address, conflicts_with_all = ["port", "lines_per_second"])]
    connect: Option<(String, u16)>,
    /// Serve the text on this port of 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Time between batches, like 500ms or 2s
    #[arg(long, default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// How many lines of text to send each second
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    lines_per_second: u32,
    /// End after so many batches; without it the demo goes on until Ctrl-C
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    batches: Option<u64>,
    /// Where to run: local, local[N] for N threads, local[*] for all cores
    #[arg(long, default_value = "local[2]")]
    master: String,
}

/// What was counted so far.
#[derive(Clone, Copy, Default)]
struct Totals {
    batches: u64,
    lines: u64,
    words: i64,
}

/// The demo's program, as whoever runs it needs to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct Demo {
    /// The server of the text.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Time between batches.
    pub interval: Duration,
    /// After how many batches it ends; `None`: at Ctrl-C.
    pub batches: Option<u64>,
    /// Where to run.
    pub master: String,
}

/// Runs the demo, where there are programs in their language, and gives the exit code.
pub(super) fn run(options: &Options, programs: Option<&dyn Programs>) -> anyhow::Result<u8> {
    let (host, port) = match &options.connect {
        Some((host, port)) => (host.clone(), *port),
        None => {
            let server = TextServer::bind(options.port)?;
            let port = server.port()?;
            server.serve(Arc::new(SystemClock::new()), options.lines_per_second)?;
            ("127.0.0.1".to_owned(), port)
        }
    };
    print(&welcome(options, &host, port))?;
    if let Some(programs) = programs {
        let Options { interval, batches, master, .. } = options;
        let (interval, batches, master) = (*interval, *batches, master.clone());
        return Ok(programs.demo(&Demo { host, port, interval, batches, master }));
    }
    count(options, &host, port)?;
    Ok(0)
}

/// The demo's program in Rust.
fn count(options: &Options, host: &str, port: u16) -> anyhow::Result<()> {
    let mut settings = Settings::new();
    settings.set("spark.master", &options.master).set("spark.app.name", "tidemill demo");
    let context = Context::new(&settings)?;
    let streaming = StreamingContext::new(&context, options.interval)?;
    let totals = declare(&streaming, host, port, options.batches);
    streaming.start()?;
    let ended = streaming.await_termination();
    streaming.stop(false);
    ended?;
    let totals = *totals.lock().unwrap_or_else(PoisonError::into_inner);
    print(&goodbye(options, totals))
}

/// The stream: what `examples/network_word_count.rs` does, and the totals besides.
fn declare(streaming: &StreamingContext, host: &str, port: u16, batches: Option<u64>) -> Arc<Mutex<Totals>> {
    let lines = streaming.socket_text_stream(host, port);
    let words = lines.flat_map(|line| line.split(' '));
    let counts = words.map(|word| (word, 1_i64)).reduce_by_key(|a, b| a + b);
    counts.print(SHOWN);

    let totals = Arc::new(Mutex::new(Totals::default()));
    let (all, context, lines) = (Arc::clone(&totals), streaming.clone(), lines.clone());
    counts.foreach_rdd(move |counts, time| {
        let words: i64 = counts.collect()?.iter().map(|(_, count)| count).sum();
        let lines = count_lines(&lines, time)?;
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        *all = Totals { batches: all.batches + 1, lines: all.lines + lines, words: all.words + words };
        if batches == Some(all.batches) {
            context.stop(false); // not gracefully: what has arrived since would make one batch more
        }
        Ok(())
    });
    totals
}

fn count_lines(lines: &DStream<Text>, time: Timestamp) -> anyhow::Result<u64> {
    Ok(lines.rdd(time)?.map_or(Ok(0), |lines| lines.count())?)
}

fn welcome(options: &Options, host: &str, port: u16) -> String {
    let interval = format_duration(options.interval);
    let until = match options.batches {
        Some(1) => "Ends after one batch.".to_owned(),
        Some(batches) => format!("Ends after {batches} batches, or at Ctrl-C."),
        None => "Ctrl-C ends it.".to_owned(),
    };
    let source = if options.connect.is_some() {
        format!(
            "Counts the words that the server at {host}:{port} sends. If there is none yet, start one in another\n\
             terminal with `nc -lk {port}`, then type there.\n"
        )
    } else {
        format!(
            "A small server on {host}:{port} sends {} lines a second of made-up text; a stream reads them and counts\n\
             their words. To count your own words: `nc -lk 9999` in another terminal, and here\n\
             `tidemill demo --connect localhost:9999`.\n",
            options.lines_per_second
        )
    };
    format!(
        "Tidemill {} on {}\n\n{source}\nEvery {interval} the gate closes: what came in is a batch, and its counts are printed. {until}\n\n",
        env!("CARGO_PKG_VERSION"),
        options.master
    )
}

fn goodbye(options: &Options, totals: Totals) -> String {
    let Totals { batches, lines, words } = totals;
    let next = if options.connect.is_some() { "" } else { " Next: `tidemill demo --help`." };
    format!("Goodbye: {batches} batches, {lines} lines, {words} words.{next}\n")
}

fn address(text: &str) -> anyhow::Result<(String, u16)> {
    let (host, port) = text.rsplit_once(':').context("write it as HOST:PORT, like localhost:9999")?;
    ensure!(!host.is_empty(), "write a host before the colon, like localhost:9999");
    let port = port.parse().ok().filter(|port| *port > 0);
    Ok((host.to_owned(), port.context("the port is a number from 1 to 65535, as in localhost:9999")?))
}

fn interval(text: &str) -> anyhow::Result<Duration> {
    let interval = parse_duration(text, Unit::Milliseconds).context("write it like 500ms, 2s or 1min")?;
    ensure!(!interval.is_zero() && interval.subsec_nanos() % 1_000_000 == 0, "use whole milliseconds, at least 1ms");
    Ok(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_intervals_are_read_or_explained() {
        assert_eq!(address("localhost:9999").unwrap(), ("localhost".to_owned(), 9999));
        assert_eq!(address("[::1]:9").unwrap(), ("[::1]".to_owned(), 9));
        for wrong in ["localhost", ":9999", "localhost:", "localhost:70000", "localhost:0"] {
            assert!(address(wrong).unwrap_err().to_string().contains("localhost:9999"), "{wrong}");
        }
        assert_eq!(interval("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(interval("2s").unwrap(), Duration::from_secs(2));
        for wrong in ["", "soon", "0s", "10us", "-1s"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
