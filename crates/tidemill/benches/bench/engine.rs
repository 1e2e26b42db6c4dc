//! The word count on the engine, from blocks in memory.

use std::sync::OnceLock;

use tidemill::prelude::*;

use crate::by_hand::answer;
use crate::measured::{Measured, measure};

/// A text as the engine holds it: one block for each partition.
pub(crate) struct Blocks(Vec<TextBlock>);

impl Blocks {
    /// Cuts `text` at line ends into `parts` blocks of about one size.
    pub(crate) fn of(text: &'static str, parts: usize) -> anyhow::Result<Blocks> {
        let mut blocks = Vec::new();
        let mut rest = text;
        for left in (1..=parts).rev() {
            let goal = rest.len() / left;
            let end =
                rest.as_bytes().iter().skip(goal).position(|b| *b == b'\n').map_or(rest.len(), |at| goal + at + 1);
            let (block, after) = rest.split_at(end);
            blocks.push(TextBlock::new(block.to_string())?);
            rest = after;
        }
        Ok(Blocks(blocks))
    }
}

/// Counts the words of blocks with `threads` threads, the text `times` times over.
pub(crate) fn word_count(threads: usize, blocks: &Blocks) -> anyhow::Result<Measured> {
    let context = context(threads)?;
    let partitions = blocks.0.len();
    let source = context.parallelize(blocks.0.clone(), partitions);
    let count = || {
        let words = source.lines().flat_map(|line| line.split(' '));
        Ok(words.map(|word| (word, 1_i64)).reduce_by_key(|a, b| a + b).collect()?)
    };
    measure(count, |pairs| answer(pairs))
}

/// A context that lives as long as the benchmark.
pub(crate) fn context(threads: usize) -> anyhow::Result<&'static Context> {
    static ONE: OnceLock<Context> = OnceLock::new();
    static TWO: OnceLock<Context> = OnceLock::new();
    let cell = if threads == 1 { &ONE } else { &TWO };
    if cell.get().is_none() {
        let made = Context::local(threads)?;
        return Ok(cell.get_or_init(|| made));
    }
    cell.get().ok_or_else(|| anyhow::anyhow!("the context was not made"))
}
