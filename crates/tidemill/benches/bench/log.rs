//! The log of received blocks, against `dd` that writes the same bytes with a sync a block.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use tidemill::streaming::checkpoint::log::{Log, LogKind, LogOptions};
use tidemill::streaming::checkpoint::storage::LocalStorage;

use crate::measured::{Measured, measure};
use crate::socket;

/// A block as receivers cut it at full speed.
const BLOCK_BYTES: usize = 8 << 20;
/// How often the text is written: 256 MiB in all.
const TIMES: usize = 4;

/// A folder on the disk that is built on: `/tmp` may be memory.
pub(crate) fn folder() -> anyhow::Result<tempfile::TempDir> {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("cannot make a folder beside what cargo builds")
}

/// Appends the text block by block, each durable before the next.
pub(crate) fn appended(text: &'static str) -> anyhow::Result<Measured> {
    let folder = folder()?;
    let storage = Arc::new(LocalStorage::open(folder.path().join("checkpoint"))?);
    let log = Log::open(storage, "received", LogOptions::new(LogKind::Received { stream: "bench".into() }))?;
    let append = || {
        let mut bytes = 0;
        for block in (0..TIMES).flat_map(|_| text.as_bytes().chunks_exact(BLOCK_BYTES)) {
            bytes += u64::from(log.append(block)?.length);
        }
        Ok(bytes)
    };
    measure(append, |bytes| *bytes)
}

/// The same with `dd`.
pub(crate) fn by_dd(text: &'static str) -> anyhow::Result<Measured> {
    let folder = folder()?;
    let blocks = text.len() / BLOCK_BYTES;
    let from = written(folder.path(), &text.as_bytes()[..blocks * BLOCK_BYTES], TIMES)?;
    measure(|| dd(&from, &folder.path().join("out")), |bytes| *bytes)
}

/// The longer of a word count from a socket without log and checkpoints, and of `dd` that writes what the log would.
pub(crate) fn without_or_dd(text: &'static str) -> anyhow::Result<Measured> {
    let without = socket::drained(text)?;
    let folder = folder()?;
    let from = written(folder.path(), text.as_bytes(), socket::TIMES as usize)?;
    let by_dd = measure(|| dd(&from, &folder.path().join("out")), |_| without.answer)?;
    Ok(if by_dd.wall > without.wall { by_dd } else { without })
}

/// A file of the text so many times over.
fn written(folder: &Path, text: &[u8], times: usize) -> anyhow::Result<std::path::PathBuf> {
    use std::io::Write as _;
    let path = folder.join("in");
    let mut file = std::fs::File::create(&path)?;
    (0..times).try_for_each(|_| file.write_all(text))?;
    file.sync_all()?; // else its writing falls on what is measured
    Ok(path)
}

/// Copies with a sync a block; the bytes that it wrote.
fn dd(from: &Path, to: &Path) -> anyhow::Result<u64> {
    let arguments = [format!("if={}", from.display()), format!("of={}", to.display()), format!("bs={BLOCK_BYTES}")];
    let status = Command::new("dd").args(arguments).args(["oflag=dsync", "status=none"]).status();
    ensure!(status.context("cannot run dd")?.success(), "dd could not write {}", to.display());
    Ok(std::fs::metadata(to)?.len())
}
