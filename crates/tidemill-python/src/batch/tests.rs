//! Batches against naive readings of the same bytes.

use proptest::prelude::*;
use tidemill_core::TextBlock;

use super::*;
use crate::portable_hash::{Algorithm, bucket};

fn lines_of(batches: &[PyBatch]) -> Vec<String> {
    let lines = |batch: &PyBatch| {
        let text = String::from_utf8(batch.payload.as_ref().to_vec()).unwrap();
        let mut lines: Vec<String> = text.split('\n').map(String::from).collect();
        if lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    };
    batches.iter().flat_map(lines).collect()
}

fn batches_of(text: &str) -> Vec<PyBatch> {
    of_text(TextBlock::new(text.into()).unwrap()).collect()
}

#[test]
fn lines_are_those_of_the_block() {
    for text in ["", "a", "a\n", "\n", "\n\na", "a\r\nb\rc\n", "\r", "a\r\r\nb"] {
        let block = TextBlock::new(text.into()).unwrap();
        let expected: Vec<String> = block.lines().map(|line| line.as_str().to_string()).collect();
        assert_eq!(lines_of(&batches_of(text)), expected, "{text:?}");
        let counted: usize = batches_of(text).iter().map(PyBatch::records).sum();
        assert_eq!(counted, expected.len(), "{text:?}");
    }
}

#[test]
fn long_text_is_cut_at_line_ends_without_a_copy() {
    let text = "a line of some length\n".repeat(40_000);
    let batches = batches_of(&text);
    assert_eq!(lines_of(&batches).len(), 40_000);
    assert!(batches.len() > 3 && batches.iter().all(|batch| batch.payload.len() <= TEXT_RUN_BYTES));
    assert!(batches.iter().all(|batch| matches!(batch.payload, Payload::Text(..))));
    let endless = "x".repeat(2 * TEXT_RUN_BYTES);
    let one = batches_of(&format!("{endless}\ny\n"));
    assert_eq!(lines_of(&one), [endless, "y".into()]);
}

#[test]
fn batches_travel() {
    for batch in [of_bytes(&[vec![1], vec![]]), batches_of("tide\nmill").remove(0), of_texts("a\n", "b\n\0")] {
        let bytes = postcard::to_stdvec(&batch).unwrap();
        assert_eq!(postcard::from_bytes::<PyBatch>(&bytes).unwrap(), batch);
        assert_eq!(tidemill_core::weight::owned(&batch), batch.payload.len() as u64, "it weighs what it holds");
    }
}

#[test]
fn sides_stand_behind_their_heads() {
    let (left, right) = (of_bytes(&[vec![7], vec![8]]), batches_of("a\nb\nc").remove(0));
    let both = product(&left, &right);
    assert_eq!((both.format, both.count), (Format::Product, 6));
    let bytes = both.payload.as_ref();
    assert_eq!(bytes[..6], [2, 0, 2, 0, 0, 0]);
    assert_eq!(bytes[6..14], (left.payload.len() as u64).to_le_bytes());
    assert_eq!(bytes[14..14 + left.payload.len()], *left.payload.as_ref());
    assert_eq!(bytes.len(), 28 + left.payload.len() + right.payload.len());
    assert_eq!(zipped(&left, &left).count, 2);
}

#[test]
fn columns_are_read_as_they_were_written() {
    let values = [b"tide".to_vec(), Vec::new(), b"\n\0".to_vec()];
    let batch = of_bytes(&values);
    let columns = batch.columns().unwrap().unwrap();
    assert!(columns.second.is_none());
    let read: Vec<&[u8]> = columns.first.values().unwrap().slices().unwrap().collect();
    assert_eq!(read, [&b"tide"[..], b"", b"\n\0"]);
    let pair = of_texts("file:/a", "one\ntwo\0");
    let columns = pair.columns().unwrap().unwrap();
    let kinds = (columns.first.kind, columns.second.map(|column| column.kind));
    assert_eq!(kinds, (b's', Some(b'p')), "text with both ends in it is pickled");
    assert!(columns.second.unwrap().values().unwrap().slices().is_none());
}

#[test]
fn collected_pairs_are_a_batch_of_theirs() {
    let mut writer = PairWriter::new(b'z', b'y');
    let pairs: [(&[u8], &[u8]); 3] = [(b"a\nb", b"1"), (b"", b""), (b"c", b"\0\n")];
    pairs.iter().for_each(|(key, value)| writer.push(key, value));
    let batch = writer.take();
    assert!(writer.is_empty() && batch.count == 3);
    let columns = batch.columns().unwrap().unwrap();
    let keys = columns.first.values().unwrap().slices().unwrap();
    let values = columns.second.unwrap().values().unwrap().slices().unwrap();
    assert_eq!(keys.zip(values).collect::<Vec<_>>(), pairs);
}

#[test]
fn damage_is_told() {
    let whole = of_bytes(&[vec![1, 2], vec![3]]).payload;
    let whole = whole.as_ref();
    let cases: [(&[u8], usize); 5] =
        [(&[], 2), (&[9], 2), (&whole[..whole.len() - 1], 2), (whole, 3), (&whole[..5], 2)];
    for (bytes, count) in cases {
        let read = Columns::parse(bytes, count).and_then(|columns| columns.first.values().map(drop));
        assert!(read.is_err(), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn noise_is_never_read_out_of_bounds(bytes in prop::collection::vec(any::<u8>(), 0..80), count in 0_usize..12) {
        if let Ok(columns) = Columns::parse(&bytes, count) {
            for column in std::iter::once(columns.first).chain(columns.second) {
                if let Some(slices) = column.values().ok().and_then(Values::slices) {
                    prop_assert_eq!(slices.count(), count);
                }
            }
        }
    }

    #[test]
    fn buckets_of_columns_are_those_of_the_values(words in prop::collection::vec("[^\n\0]{0,6}", 1..20)) {
        let mut writer = PairWriter::new(b's', b'n');
        words.iter().for_each(|word| writer.push(word.as_bytes(), b""));
        let batch = writer.take();
        let keys = batch.columns().unwrap().unwrap().first.values().unwrap().slices().unwrap();
        for (key, word) in keys.zip(&words) {
            let hash = Algorithm::Sip13.of_column(b's', key).unwrap();
            prop_assert_eq!(bucket(hash, 7), bucket(Algorithm::Sip13.text(word), 7));
        }
    }
}
