//! Every kind of code there and back, within one process: exchanges, partitioners, functions, values.

use serde::{Deserialize, Serialize};

use super::*;
use crate::exchange::combine::Combiner;

/// Runs `rdd` from its encoded stages, with map outputs that were bytes in between.
fn travelled<T: Element>(rdd: &Rdd<T>) -> Vec<Vec<T>> {
    let context = rdd.context();
    let (plan, sides) = cut(Arc::clone(rdd.node()) as Arc<dyn Lineage>, |_| false);
    for stage in plan.map_stages {
        let mut out = Encoder::default();
        sides[&stage.shuffle].encode(&mut out).unwrap();
        let side = Decoder::decode::<Arc<dyn MapSide>>(&out.finish().unwrap()).unwrap();
        assert_eq!(side.operator(), sides[&stage.shuffle].operator());
        for partition in 0..stage.tasks {
            let output = side.run(&task(context, partition as usize)).unwrap();
            let bytes = output.encode().unwrap();
            let received = MapOutput::decode(&bytes).unwrap();
            assert_eq!(received.encode().unwrap(), bytes, "passed on as it came");
            context.environment().store.put_map_output(received);
        }
    }
    computed(&Decoder::decode::<Arc<dyn Node<T>>>(&encoded(rdd).unwrap()).unwrap(), context)
}

fn assert_travels<T: Element + PartialEq + std::fmt::Debug>(rdd: &Rdd<T>) {
    let here = rdd.glom().collect().unwrap();
    assert_eq!(travelled(rdd), here);
    assert!(here.iter().flatten().count() > 0);
}

#[derive(Clone, Serialize, Deserialize)]
struct Modulo(i64);

impl Partitioner<i64> for Modulo {
    fn partitions(&self) -> usize {
        self.0 as usize
    }

    fn partition(&self, key: &i64) -> usize {
        key.rem_euclid(self.0) as usize
    }
}

/// The sum of the values of a key, as a combiner of one's own.
struct Sum;

impl Code for Sum {
    fn pack(&self) -> Result<Vec<u8>, NotShippable> {
        Ok(Vec::new())
    }

    fn unpack(_: &[u8]) -> Result<Self, ShipError> {
        Ok(Sum)
    }
}

impl Combiner<i64> for Sum {
    type Combined = i64;

    fn create(&self, value: i64) -> i64 {
        value
    }

    fn merge_value(&self, combined: i64, value: i64) -> i64 {
        combined + value
    }

    fn merge(&self, earlier: i64, later: i64) -> i64 {
        earlier + later
    }
}

fn pairs(context: &Context) -> Rdd<(i64, i64)> {
    context.parallelize(0..100_i64, 3).map(|x| (x % 7, x))
}

fn shuffled<X: Exchange>(rdd: &Rdd<X::In>, layout: Option<Layout>, exchange: X) -> Rdd<X::Out> {
    let context = rdd.context();
    let partitions = layout.as_ref().map_or(2, Layout::partitions);
    let (meta, shuffle) = (context.meta("shuffled", partitions, layout), context.next_shuffle());
    let node = Shuffled::new(meta, shuffle, Arc::clone(rdd.node()), exchange, context.environment());
    Rdd::new(context, Arc::new(node))
}

#[test]
fn aggregations_travel_with_their_functions() {
    let context = context();
    assert_travels(&pairs(&context).reduce_by_key(|a, b| a * 31 + b));
    assert_travels(&pairs(&context).combine_by_key(
        |v| (v, 1),
        |(sum, n), v| (sum + v, n + 1),
        |(s, n), (t, m)| (s + t, n + m),
    ));
    // Two stages, and one that combines in place.
    let twice = pairs(&context).reduce_by_key_into(|a, b| a + b, 4).map(|(k, v)| (v % 3, k));
    assert_travels(&twice.reduce_by_key_into(|a, b| a + b, 2).reduce_by_key(|a, _| a));
}

#[test]
fn custom_partitioners_travel() {
    let context = context();
    let layout = Layout::custom::<i64, _>(Modulo(3)).unwrap();
    let combined = pairs(&context).combined("sum", layout.clone(), Sum);
    assert_eq!(travelled(&combined)[1].iter().map(|(k, _)| *k).collect::<Vec<_>>(), [1, 4]);
    assert_travels(&combined);
    let route = layout.route().unwrap();
    assert_travels(&shuffled(&pairs(&context), Some(layout), Partition { route, values: Default::default() }));
}

#[test]
fn elements_without_a_key_travel() {
    let context = context();
    assert_travels(&shuffled(&context.parallelize(0..50_i64, 3), None, Scatter { elements: Default::default() }));
}

#[test]
fn values_beside_a_function_travel() {
    let context = context();
    let offset = 5_i64;
    let primes = context.broadcast(vec![2_i64, 3, 5, 7]);
    let source = context.parallelize(0..10_i64, 2).map_with(offset, |offset, x| x + offset);
    assert_travels(&source.filter_with(primes.clone(), |primes, x| primes.contains(x)));
    assert_travels(&source.flat_map_with((offset, "x".to_string()), |(n, text), x| [format!("{text}{}", x + n)]));
    assert_travels(&source.map_partitions_with(2_usize, |n, elements| elements.take(*n).collect::<Vec<_>>()));
}

#[test]
fn text_travels() {
    let context = context();
    let block = TextBlock::new("to be or not to be\nthat is the longest of all questions\n".to_string()).unwrap();
    let words = context.parallelize([block.clone(), block], 2).lines().flat_map(|line| line.split(' '));
    assert_travels(&words);
    assert_travels(&words.map(|word| (word, 1_i64)).reduce_by_key(|a, b| a + b));
    assert_travels(&words.map(|word: Text| word.len()).glom());
}
