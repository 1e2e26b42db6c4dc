//! The house rules as tests: what a reviewer would otherwise have to say again and again.
//!
//! `cargo test -p tidemill --test house` runs them alone. STYLE.md gives the reason for each rule; a finding names the
//! file, the line and what to do instead. Every rule has a small test of its own that shows it can fail.
#![allow(clippy::expect_used, reason = "a house test that cannot read the tree has to stop")]

mod behaviour;
mod guarantees;
mod layering;
mod links;
mod prose;
mod python;
mod settings;
mod source;
mod tidy;
mod tree;

/// Fails the calling test with everything that a rule found, one finding a line.
#[track_caller]
fn assert_none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule} ({} findings)\n  {}\n", findings.len(), findings.join("\n  "));
}
