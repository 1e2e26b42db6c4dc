//! How long a change in the word count example takes to build.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::measured::{Measured, measure};

/// The example that is changed.
const EXAMPLE: &str = "network_word_count";

/// Builds the example once, so that all else is built, then again after a change in it; the second build counts.
pub(crate) fn after_a_change(profile: &str) -> anyhow::Result<Measured> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(EXAMPLE).with_extension("rs");
    let text = std::fs::read(&source).with_context(|| format!("cannot read {}", source.display()))?;
    build(profile)?;
    std::fs::write(&source, text)?; // the same text, but newer: cargo builds it again
    measure(|| build(profile), |()| 0)
}

fn build(profile: &str) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--quiet", "-p", "tidemill", "--example", EXAMPLE, "--profile", profile];
    let status = Command::new(cargo).args(arguments).stdout(Stdio::null()).status().context("cannot start cargo")?;
    ensure!(status.success(), "cargo build failed");
    Ok(())
}
