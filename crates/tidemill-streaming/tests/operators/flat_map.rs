//! `flat_map`: each record becomes any number of others.

use tidemill_core::Text;
use tidemill_streaming::testing::check;

#[test]
fn all_that_an_iterator_yields_is_there() {
    // behaviour 1.24
    let batches = [vec![0, 1, 3], vec![], vec![0]];
    check(batches.clone(), |s| s.flat_map(|n| 0..n), [vec![0, 0, 1, 2], vec![], vec![]]);
    check(batches.clone(), |s| s.flat_map(|n| (n > 0).then_some(n)), [vec![1, 3], vec![], vec![]]);
    check(
        batches.clone(),
        |s| s.flat_map_with(2, |times, n| vec![n; *times]),
        [vec![0, 0, 1, 1, 3, 3], vec![], vec![0, 0]],
    );
    check(
        batches,
        |s| s.flat_map_into(|n, out| (0..n).for_each(|i| out.emit(i * 10))),
        [vec![0, 0, 10, 20], vec![], vec![]],
    );
}

#[test]
fn words_are_cut_from_lines() {
    // behaviour 1.24
    let texts = |words: &[&str]| words.iter().map(|word| Text::from(*word)).collect::<Vec<_>>();
    check(
        [texts(&["to be", "or not", ""]), texts(&["to be"])],
        |lines| lines.flat_map(|line| line.split(' ')),
        [texts(&["to", "be", "or", "not", ""]), texts(&["to", "be"])],
    );
}
