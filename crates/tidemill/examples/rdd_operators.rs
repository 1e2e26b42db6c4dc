//! A tour of what RDDs can do, over a text that you have: the licence of this repository.
//!
//! Run with: `cargo run --example rdd_operators` or, over a text of your own,
//! `cargo run --example rdd_operators -- path/to/text`
//!
//! An RDD is an immutable collection in partitions. Transformations (`map`, `reduce_by_key`) only describe a new one;
//! nothing is computed until an action (`count`, `collect`) asks for a result.

use tidemill::prelude::*;

fn main() -> anyhow::Result<()> {
    let licence = concat!(env!("CARGO_MANIFEST_DIR"), "/../../LICENSE");
    let path = std::env::args().nth(1).unwrap_or_else(|| licence.into());
    let context = Context::local(2)?;

    // A file becomes an RDD of its lines, here in at least two partitions.
    let lines = context.text_file(&path, 2)?;
    println!("{} lines in {} partitions; the first: {}", lines.count()?, lines.num_partitions(), lines.first()?.trim());

    narrow(&lines)?;
    let counts = by_key(&lines)?;
    two_rdds(&context, &counts)?;
    Ok(())
}

/// Operators that look at one element at a time: they run one after the other in one pass, with nothing in between.
fn narrow(lines: &Rdd<Text>) -> anyhow::Result<()> {
    let long = lines.filter(|line| line.len() > 70);
    println!("{} lines are longer than 70 bytes", long.count()?);

    let words = lines.flat_map(|line| line.split_whitespace());
    let stats = words.map(|word| word.len() as f64).stats()?;
    println!("{} words, {:.1} bytes each, the longest has {}", stats.count(), stats.mean(), stats.max());

    // A partition as a whole, where something is made once for many elements.
    let sizes = lines.map_partitions_with_index(|partition, lines| [(partition, lines.count())]);
    println!("lines of each partition: {:?}", sizes.collect()?);
    Ok(())
}

/// Operators on pairs: what has one key comes together in one partition. This is a shuffle, the expensive step.
fn by_key(lines: &Rdd<Text>) -> anyhow::Result<Rdd<(Text, i64)>> {
    let words = lines.flat_map(|line| line.split_whitespace());
    let counts = words.map(|word| (word, 1)).reduce_by_key(|a, b| a + b);

    // Swapped, pairs order by count; `top` brings only the greatest to the program.
    let most = counts.map(|(word, count)| (count, word)).top(3)?;
    println!("most frequent: {most:?}");

    // A key may be anything that can be hashed; `aggregate_by_key` makes something else of the values: here the number
    // of different words of each length, and how often they occur.
    let lengths = counts.map(|(word, count)| (word.len(), count));
    let by_length =
        lengths.aggregate_by_key((0, 0), |(words, sum), count| (words + 1, sum + count), |a, b| (a.0 + b.0, a.1 + b.1));
    let shortest = by_length.sort_by(|(length, _)| *length, true, 2)?.take(3)?;
    println!("(length, (different words, occurrences)): {shortest:?}");
    Ok(counts)
}

/// Operators on two RDDs.
fn two_rdds(context: &Context, counts: &Rdd<(Text, i64)>) -> anyhow::Result<()> {
    let wanted = ["License", "Work", "tide"].map(|word| (Text::from(word), ()));
    let wanted = context.parallelize(wanted, 1);

    // A join pairs the values of a key that both have; what only one has is left out.
    let mut found: Vec<(Text, i64)> = wanted.join(counts).map(|(word, ((), count))| (word, count)).collect()?;
    found.sort();
    println!("found: {found:?}");
    println!("missing: {:?}", wanted.subtract_by_key(counts).map(|(word, ())| word).collect()?);

    let words = counts.map(|(word, _)| word);
    let both = words.union(&wanted.map(|(word, ())| word));
    println!("{} words with the wanted ones, {} distinct", both.count()?, both.distinct().count()?);
    Ok(())
}
