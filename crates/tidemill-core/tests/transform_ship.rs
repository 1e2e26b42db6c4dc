//! Operators with more than one parent, and sources, as they come out of another process: decoded from their bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io;
use std::sync::Arc;

use tidemill_core::lineage::{Lineage, Node};
use tidemill_core::rdd::PartSource;
use tidemill_core::ship::{Decoder, Encoder};
use tidemill_core::{Context, Element, Rdd};

/// The same RDD, made of its bytes alone.
fn shipped<T: Element>(rdd: &Rdd<T>) -> Rdd<T> {
    let mut encoder = Encoder::default();
    encoder.lineage(Arc::clone(rdd.node()) as Arc<dyn Lineage>).unwrap();
    let bytes = encoder.finish().unwrap();
    let node = Decoder::decode::<Arc<dyn Node<T>>>(&bytes).unwrap();
    assert_eq!(
        (node.meta().id, node.meta().partitions, node.meta().depth),
        (rdd.id(), rdd.num_partitions(), depth(rdd))
    );
    Rdd::new(rdd.context(), node)
}

fn depth<T: 'static>(rdd: &Rdd<T>) -> u32 {
    rdd.node().meta().depth
}

#[track_caller]
fn check<T: Element + PartialEq + std::fmt::Debug>(rdd: Rdd<T>) {
    assert_eq!(shipped(&rdd).glom().collect().unwrap(), rdd.glom().collect().unwrap());
}

#[test]
fn operators_travel() {
    let context = Context::local(2).unwrap();
    let (five, six) = (context.range(0..5, 2), context.range_by(12, 0, -2, 3).unwrap());
    check(five.clone());
    check(six.clone());
    check(context.empty::<i64>());
    check(five.union(&six).union(&five).union(&five.map(|x| -x)).coalesce(4));
    check(five.cartesian(&six));
    check(five.map(|x| x * x).zip(&five).unwrap());
    check(five.union(&six).zip_with_index().unwrap());
    check(six.zip_with_unique_id());
    check(six.sample(false, 0.5, 3).unwrap());
    check(six.sample(true, 1.5, 3).unwrap());
    check(six.random_split(&[1.0, 2.0], 3).unwrap().swap_remove(1));
    check(six.pipe(&["cat"], &[]));
    check(six.key_by(|x| x % 4));
    check(six.try_filter(|x| u8::try_from(*x).map(|x| x > 4)));
    check(six.try_flat_map(|x| u8::try_from(x).map(|x| 0..x)));
    check(five.barrier().map_partitions(|elements| elements));
    assert_eq!(shipped(&five.named("five")).name(), Some("five"));
}

/// A barrier is one in the process that it comes to, too.
#[test]
fn barriers_travel() {
    let context = Context::local(2).unwrap();
    let three = shipped(&context.range(0..5, 3).barrier().map_partitions(|elements| elements));
    assert!(three.count().unwrap_err().to_string().contains("3 tasks must start together"));
}

#[test]
fn file_sources_travel() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "tide\nmill\n").unwrap();
    std::fs::write(folder.path().join("b"), "sea\n..").unwrap();
    let path = folder.path().to_string_lossy().into_owned();
    let context = Context::local(2).unwrap();
    check(context.text_file(&path, 4).unwrap());
    check(context.whole_text_files(&path, 2).unwrap());
    check(context.binary_files(&path, 2).unwrap());
    check(context.binary_records(&path, 2).unwrap());
    check(context.text_at("lines", folder.path()).unwrap());
    check(context.records_at("records", folder.path(), 3).unwrap());
}

/// Counts up to a limit of its own.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Count {
    limit: u32,
}

impl PartSource for Count {
    type Part = (u32, u32);
    type Item = u32;
    type Error = std::io::Error;

    fn read(&self, (from, until): (u32, u32)) -> io::Result<impl Iterator<Item = io::Result<u32>> + 'static> {
        if from > self.limit {
            return Err(io::Error::other("it does not begin"));
        }
        let limit = self.limit;
        Ok((from..until)
            .map(move |x| if x < limit { Ok(x) } else { Err(io::Error::other(format!("{x} is too much"))) }))
    }
}

#[test]
fn sources_of_ones_own_travel() {
    let context = Context::local(2).unwrap();
    let count = |parts| context.read_parts("count", &Count { limit: 5000 }, parts);
    check(count(vec![(0, 3), (7, 7), (2, 5000)]));
    check(count(vec![]));
    for (part, why) in [((5001, 5002), "it does not begin"), ((0, 5001), "5000 is too much")] {
        let error = shipped(&count(vec![part])).count().unwrap_err().to_string();
        assert!(error.contains("failed: count at ") && error.contains(why), "{error}");
    }
}

/// An alongside union keeps its arrangement, though layouts do not travel.
#[test]
fn unions_of_one_layout_travel() {
    let context = Context::local(2).unwrap();
    let one = context.range(0..9, 2).map(|x| (x % 3, x)).reduce_by_key_into(|a, b| a + b, 2);
    check(context.range(0..2, 1).map(|x| (x, x)).union(&context.range(0..2, 1).map(|x| (x, x))));
    let both = one.union(&one);
    both.count().unwrap(); // so that the shuffle is written, which the decoded node only reads
    check(both);
}
