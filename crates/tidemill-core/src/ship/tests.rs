//! The table itself: what is written, in which order, what is refused.

use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::exchange::partition::Partition;
use crate::exchange::scatter::Scatter;
use crate::exchange::{Exchange, MapOutput, MapSide, Shuffled};
use crate::layout::{Layout, Partitioner};
use crate::lineage::{Dependency, Parent};
use crate::runs::{BoxRuns, Runs};
use crate::stage::cut;
use crate::task::{JobId, StageId, Task, TaskContext};
use crate::{Context, Local, Rdd, Stop, Text, TextBlock};

mod damage;
mod travel;

/// A node with two parents, as a union has: the elements of the one, then of the other. Counts how often it is asked for
/// its dependencies.
struct Both {
    meta: Meta,
    first: Parent<i64>,
    second: Parent<i64>,
    asked: Arc<Mutex<usize>>,
}

fn both(first: &Rdd<i64>, second: &Rdd<i64>, asked: &Arc<Mutex<usize>>) -> Rdd<i64> {
    let (a, b) = (first.meta(), second.meta());
    let meta = Meta { depth: a.depth.max(b.depth) + 1, ..first.context().meta("both", a.partitions, None) };
    let node = Both { meta, first: first.parent(), second: second.parent(), asked: Arc::clone(asked) };
    Rdd::new(first.context(), Arc::new(node))
}

impl Lineage for Both {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        *self.asked.lock().unwrap() += 1;
        vec![self.first.narrow(), self.second.narrow()]
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        out.node::<Self>(decode_both, &self.meta, &[self.first.id(), self.second.id()], &())
    }
}

fn decode_both(decoder: &mut Decoder) -> Result<Decoded, ShipError> {
    let (meta, parents, ()): (Meta, Vec<u32>, ()) = decoder.value::<Both, _>()?;
    let parent = |at: usize| Ok(Parent::new(decoder.parent(parents.get(at).copied().unwrap_or(u32::MAX))?));
    let node: Arc<dyn Node<i64>> =
        Arc::new(Both { meta, first: parent(0)?, second: parent(1)?, asked: Arc::default() });
    Ok(Box::new(node))
}

impl Node<i64> for Both {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<i64>, Stop> {
        let first = self.first.compute(partition, cx, self.meta.depth)?;
        let second = self.second.compute(partition, cx, self.meta.depth)?;
        Ok(Box::new(OneThenOther([first, second])))
    }
}

struct OneThenOther([BoxRuns<i64>; 2]);

impl Runs<i64> for OneThenOther {
    fn next(&mut self, into: &mut Vec<i64>) -> Result<bool, Stop> {
        Ok(self.0[0].next(into)? || self.0[1].next(into)?)
    }
}

fn encoded<T>(rdd: &Rdd<T>) -> Result<Vec<u8>, NotShippable> {
    let mut out = Encoder::default();
    out.lineage(Arc::clone(rdd.node()) as Arc<dyn Lineage>)?;
    out.finish()
}

fn wires(sealed: &[u8]) -> Vec<Wire> {
    postcard::from_bytes(seal::open(sealed).unwrap()).unwrap()
}

fn context() -> Context {
    Context::local(1).unwrap()
}

/// The elements of a node, a list a partition.
fn computed<T: Element>(node: &Arc<dyn Node<T>>, context: &Context) -> Vec<Vec<T>> {
    let compute = |partition: usize| {
        let cx = task(context, partition);
        let mut runs = Arc::clone(node).compute(partition, &cx).unwrap();
        let (mut run, mut all) = (Vec::new(), Vec::new());
        while runs.next(&mut run).unwrap() {
            all.append(&mut run);
        }
        all
    };
    (0..node.meta().partitions).map(compute).collect()
}

fn task(context: &Context, partition: usize) -> Arc<TaskContext> {
    let task = Task { job: JobId(0), stage: StageId(0), partition: partition as u32, attempt: 0 };
    Arc::new(TaskContext::new(task, partition, Arc::clone(context.environment()), Arc::default()))
}

#[test]
fn a_diamond_is_written_once_and_parents_come_first() {
    let (context, asked) = (context(), Arc::default());
    let source = context.parallelize(0..6_i64, 2);
    let (left, right) = (source.map(|x| x + 1), source.filter(|x| x % 2 == 0));
    let top = both(&both(&left, &right, &asked), &left, &asked);
    let bytes = encoded(&top).unwrap();
    let wires = wires(&bytes);
    let order: Vec<(u64, Vec<u32>)> = wires
        .iter()
        .map(|wire| postcard::take_from_bytes::<(Meta, Vec<u32>)>(&wire.value.0).unwrap().0)
        .map(|(meta, parents)| (meta.id.0, parents))
        .collect();
    assert_eq!(order.len(), 5, "source, left, right, both, top: {order:?}");
    for (place, (_, parents)) in order.iter().enumerate() {
        assert!(parents.iter().all(|parent| (*parent as usize) < place), "{order:?}");
    }
    assert_eq!(order.last().unwrap().0, top.id().0);
    let node = Decoder::decode::<Arc<dyn Node<i64>>>(&bytes).unwrap();
    assert_eq!(computed(&node, &context), computed(top.node(), &context));
    assert_eq!(computed(&node, &context)[0], [1, 2, 3, 0, 2, 1, 2, 3]);
}

#[test]
fn a_lineage_of_ten_thousand_nodes_needs_little_stack_and_linear_work() {
    let work = || {
        let (context, asked) = (context(), Arc::<Mutex<usize>>::default());
        let sizes = [1_000, 10_000].map(|nodes| {
            *asked.lock().unwrap() = 0;
            let mut rdd = context.parallelize([1_i64], 1);
            for _ in 0..nodes / 2 {
                rdd = both(&rdd, &rdd, &asked).filter(|x| *x > 0);
            }
            let bytes = encoded(&rdd).unwrap();
            assert_eq!(wires(&bytes).len(), nodes + 1);
            assert_eq!(*asked.lock().unwrap(), nodes / 2, "each node is asked once, with all its paths");
            let node = Decoder::decode::<Arc<dyn Node<i64>>>(&bytes).unwrap();
            assert_eq!(node.meta().depth, nodes as u32);
            bytes.len()
        });
        assert!(sizes[1] < 11 * sizes[0], "{sizes:?}");
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_function_is_made_of_its_type_alone_or_not_at_all() {
    let factor = context().default_parallelism() as i64;
    let (plain, capturing) = (|x: i64| x * 2, move |x: i64| x * factor);
    fn again<F: Fn(i64) -> i64>(_: &F) -> Result<F, ShipError> {
        conjure::<F>()
    }
    assert_eq!(again(&plain).map(|f| f(21)), Ok(42));
    assert_eq!(again(&i64::abs).map(|f| f(-1)), Ok(1));
    assert!(matches!(again(&capturing).map(|f| f(1)), Err(ShipError::Type { .. })));
    // A pointer to a function has a size: the function is not in the type.
    assert!(again(&(i64::abs as fn(i64) -> i64)).is_err());
}

#[test]
fn what_counts_as_capturing_nothing() {
    #[derive(Clone, Copy)]
    struct Token;
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {}
    }
    fn of<F>(_: &F) -> bool {
        captures_nothing::<F>()
    }
    let (token, guard, number) = (Token, Guard, 7_u8);
    assert!(of(&|| 1));
    assert!(of(&move || std::mem::size_of_val(&token)), "a token of size zero is as good as nothing");
    assert!(!of(&move || std::mem::size_of_val(&guard)), "what is dropped is not made from nothing");
    assert!(!of(&move || number));
}

#[test]
fn a_capturing_closure_is_named_with_its_line() {
    let context = context();
    let factor = context.default_parallelism() as i64;
    let line = line!() + 1;
    let mapped = context.parallelize(0..3_i64, 1).map(move |x| x * factor);
    let expected = format!(
        "map at {}:{line}: its closure captures variables and cannot leave this process; \
         pass what it needs explicitly, as in `map_with(value, |value, x| ..)`",
        file!()
    );
    assert_eq!(encoded(&mapped.filter(|x| *x > 0)).unwrap_err().to_string(), expected);
}

#[test]
fn a_value_that_refuses_is_named_by_its_type() {
    #[derive(Clone)]
    struct Handle;
    let context = context();
    let refused = encoded(&context.parallelize([Local(Handle)], 1)).unwrap_err().to_string();
    assert!(refused.starts_with("parallelize at "), "{refused}");
    assert!(refused.contains("Local<") && refused.contains("Handle>]"), "{refused}");
    assert!(refused.ends_with("cannot leave its process"), "{refused}");
    let with_env = context.parallelize([1], 1).map_with(Local(Handle), |_, x| x);
    let refused = encoded(&with_env).unwrap_err().to_string();
    assert!(refused.starts_with("map_with at ") && refused.contains("Handle>"), "{refused}");
}

#[test]
fn a_destroyed_broadcast_does_not_travel() {
    // behaviour 3.14
    let context = context();
    let words = context.broadcast(vec![1, 2]);
    let kept = context.parallelize([1, 2], 1).filter_with(words.clone(), |words, x| words.contains(x));
    assert!(encoded(&kept).is_ok());
    words.destroy();
    let refused = encoded(&kept).unwrap_err().to_string();
    assert!(refused.starts_with("filter_with at ") && refused.contains("Broadcast<"), "{refused}");
    let used = kept.count().unwrap_err().to_string();
    assert!(used.contains("Attempted to use Broadcast(0) after it was destroyed"), "{used}");
    assert_eq!(words.len(), 2, "the driver still has it");
}
