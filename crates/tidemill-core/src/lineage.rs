//! Lineage nodes: what an RDD is made of, and the walks over them.
//!
//! A node is immutable and knows how to compute each of its partitions from its dependencies. All walks are loops with a
//! visited set, and dropping is a loop too: lineages have diamonds, and they grow long.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::exchange::MapSide;
use crate::layout::Layout;
use crate::rdd::Storage;
use crate::runs::{BoxRuns, Runs};
use crate::ship::{Encoder, NotShippable};
use crate::task::TaskContext;
use crate::{RddId, Stop};

mod concat;

pub use concat::{Arrangement, Concat};

/// An operator as the user wrote it: its name and the source line of the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The method's name, as `reduce_by_key`.
    pub name: Cow<'static, str>,
    /// The source file of the call.
    pub file: Cow<'static, str>,
    /// Its line.
    pub line: u32,
}

impl Operator {
    /// The operator called `name`, called where the caller of the caller is, or as [`called_by`], [`called_at`] and
    /// [`called_as`] say.
    #[track_caller]
    pub fn here(name: &'static str) -> Operator {
        if let Some(operator) = CALLED_BY.with_borrow(Option::clone) {
            return operator;
        }
        let name = CALLED_AS.get().unwrap_or(name);
        // Not `unwrap_or_else(Location::caller)`: that would be called from the standard library.
        let at = match CALLED_AT.get() {
            Some(at) => at,
            None => Location::caller(),
        };
        Operator { name: name.into(), file: at.file().into(), line: at.line() }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.name, self.file, self.line)
    }
}

thread_local! {
    static CALLED_AT: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
    static CALLED_AS: Cell<Option<&'static str>> = const { Cell::new(None) };
    static CALLED_BY: RefCell<Option<Operator>> = const { RefCell::new(None) };
}

/// Lets the operators and actions that `work` calls count as the call `operator`: how programs in another language, whose
/// lines Rust cannot know, are named. What is called so within such a call counts as the inner one.
///
/// ```
/// use tidemill_core::lineage::{Operator, called_by};
///
/// let context = tidemill_core::Context::local(1)?;
/// let call = Operator { name: "parallelize".into(), file: "app.py".into(), line: 12 };
/// let numbers = called_by(call, || context.range(0..3, 1));
/// assert_eq!(numbers.operator().to_string(), "parallelize at app.py:12");
/// # Ok::<(), tidemill_core::Error>(())
/// ```
pub fn called_by<R>(operator: Operator, work: impl FnOnce() -> R) -> R {
    struct Restore(Option<Operator>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CALLED_BY.set(self.0.take());
        }
    }
    let _restore = Restore(CALLED_BY.replace(Some(operator)));
    work()
}

/// Where a call was made, kept for what is done on its behalf later: a stream's operators call RDD operators anew for every
/// batch.
#[derive(Clone, Debug)]
pub struct CallSite(Site);

#[derive(Clone, Debug)]
enum Site {
    /// A line of Rust.
    Line(&'static Location<'static>),
    /// A line of a program in another language.
    Other(Operator),
}

impl CallSite {
    /// The call of the caller, or the one that [`called_by`] or [`called_at`] says.
    #[track_caller]
    pub fn here() -> CallSite {
        if let Some(operator) = CALLED_BY.with_borrow(Option::clone) {
            return CallSite(Site::Other(operator));
        }
        CallSite(Site::Line(match CALLED_AT.get() {
            Some(at) => at,
            None => Location::caller(),
        }))
    }

    /// Lets the operators and actions that `work` calls count as this call.
    ///
    /// ```
    /// use tidemill_core::lineage::{CallSite, Operator, called_by};
    ///
    /// let call = Operator { name: "textFileStream".into(), file: "app.py".into(), line: 12 };
    /// let site = called_by(call.clone(), CallSite::here);
    /// assert_eq!(site.on_behalf(|| Operator::here("text_file")), call);
    /// ```
    pub fn on_behalf<R>(&self, work: impl FnOnce() -> R) -> R {
        match &self.0 {
            Site::Line(location) => called_at(location, work),
            Site::Other(operator) => called_by(operator.clone(), work),
        }
    }
}

/// Lets the operators and actions that `work` calls count as called at `location`: how a stream's operators, which call
/// RDD operators anew for every batch, name the line that the user wrote (Spark's call site).
pub fn called_at<R>(location: &'static Location<'static>, work: impl FnOnce() -> R) -> R {
    struct Restore(Option<&'static Location<'static>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CALLED_AT.set(self.0);
        }
    }
    let _restore = Restore(CALLED_AT.replace(Some(location)));
    work()
}

/// Lets the operators and actions that `work` calls have one name: how an operator that is made of several is told as the
/// one that the user wrote (Spark's `withScope`). Of two names the outer one holds.
pub fn called_as<R>(name: &'static str, work: impl FnOnce() -> R) -> R {
    struct Restore(Option<&'static str>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CALLED_AS.set(self.0);
        }
    }
    let outer = CALLED_AS.get();
    CALLED_AS.set(outer.or(Some(name)));
    let _restore = Restore(outer);
    work()
}

/// What every node knows of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Meta {
    /// Its id within the context.
    pub id: RddId,
    /// The call that made it.
    pub operator: Operator,
    /// How many partitions it has; fixed when it is built.
    pub partitions: usize,
    /// How its keys lie in its partitions, where that is known. It does not travel: only a driver asks.
    #[serde(skip)]
    pub layout: Option<Layout>,
    /// How many narrow nodes stand between it and the nearest source or shuffle.
    pub depth: u32,
}

/// The untyped side of a node: what stages, schedulers and encoders see.
pub trait Lineage: Send + Sync + 'static {
    /// What it knows of itself.
    fn meta(&self) -> &Meta;
    /// What its partitions are computed from.
    fn dependencies(&self) -> Vec<Dependency>;
    /// Names of executors that hold what the node itself reads for a partition, best first; see [`homes`].
    fn homes(&self, _partition: usize) -> Vec<String> {
        Vec::new()
    }
    /// The first partition that a partition is computed from within its task: it is best computed where that is.
    fn first_input(&self, _partition: usize) -> Option<(Arc<dyn Lineage>, usize)> {
        None
    }
    /// Whether all its partitions together draw each partition of its parents, and each bucket of its shuffles, at most
    /// once. Where it says so wrongly shuffles are written twice.
    fn draws_once(&self) -> bool {
        false
    }
    /// Whether all its partitions must be computed at once, each in a task of its own.
    fn is_barrier(&self) -> bool {
        false
    }
    /// What the user calls it, where it was made by `named`.
    fn name(&self) -> Option<&str> {
        None
    }
    /// What it keeps of its partitions, where it was made by `persist`.
    fn storage(&self) -> Option<&Storage> {
        None
    }
    /// The folder of its files, where it was made by `checkpoint`.
    fn checkpoint_folder(&self) -> Option<&Path> {
        None
    }
    /// The files that it made are to go with its last handle, where it was made by `checkpoint`.
    fn release_checkpoint(&self) {}
    /// Whether it was made by `local_checkpoint`.
    fn is_locally_checkpointed(&self) -> bool {
        false
    }
    /// Writes the node for another process; its narrow parents are already written.
    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable>;
}

/// A node with elements of type `T`.
pub trait Node<T>: Lineage {
    /// The elements of one partition. The runs own their node and context, so that they may outlive this call.
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<T>, Stop>;

    /// The node as one that only strings partitions together, which its readers take apart.
    fn as_concat(&self) -> Option<&Concat<T>> {
        None
    }
}

/// What a node reads.
pub enum Dependency {
    /// Partitions of another node, computed within the same task.
    Narrow(Arc<dyn Lineage>),
    /// What the tasks of another stage wrote.
    Shuffle(Arc<dyn MapSide>),
}

/// The nodes that `node` reads within its own stage.
pub fn narrow_parents(node: &dyn Lineage) -> Vec<Arc<dyn Lineage>> {
    let narrow = |dependency| match dependency {
        Dependency::Narrow(parent) => Some(parent),
        Dependency::Shuffle(_) => None,
    };
    node.dependencies().into_iter().filter_map(narrow).collect()
}

/// Where a partition of `node` is best computed: names of executors that hold its input, best first.
pub fn homes(node: Arc<dyn Lineage>, partition: usize) -> Vec<String> {
    let mut next = Some((node, partition));
    while let Some((node, partition)) = next {
        let homes = node.homes(partition);
        if !homes.is_empty() {
            return homes;
        }
        next = node.first_input(partition);
    }
    Vec::new()
}

/// Visits `root` and every node that it reads within its stage, each once; returns the shuffles that these nodes read.
pub fn walk_stage(root: Arc<dyn Lineage>, mut visit: impl FnMut(&dyn Lineage)) -> Vec<Arc<dyn MapSide>> {
    let (mut seen, mut shuffles, mut open) = (HashSet::from([root.meta().id]), Vec::new(), vec![root]);
    while let Some(node) = open.pop() {
        visit(&*node);
        for dependency in node.dependencies() {
            match dependency {
                Dependency::Narrow(parent) if seen.insert(parent.meta().id) => open.push(parent),
                Dependency::Narrow(_) => {}
                Dependency::Shuffle(side) => shuffles.push(side),
            }
        }
    }
    shuffles
}

/// The operator of the node `id` in the stage of `root`: whose code ran when a task failed
/// ([`TaskContext::entered`]).
pub fn operator_of(root: Arc<dyn Lineage>, id: RddId) -> Option<Operator> {
    let mut found = None;
    walk_stage(root, |node| {
        if node.meta().id == id {
            found = Some(node.meta().operator.clone());
        }
    });
    found
}

/// A node's hold on its parent. The last holder of a long lineage drops it in a loop.
pub struct Parent<T: 'static> {
    node: Option<Arc<dyn Node<T>>>, // `None` only while it is dropped
    id: RddId,
}

impl<T: 'static> Parent<T> {
    /// Holds `node`.
    pub fn new(node: Arc<dyn Node<T>>) -> Parent<T> {
        Parent { id: node.meta().id, node: Some(node) }
    }

    /// The parent's id.
    pub fn id(&self) -> RddId {
        self.id
    }

    /// The parent.
    #[expect(clippy::expect_used, reason = "the node is taken out only by `drop`")]
    pub fn node(&self) -> &Arc<dyn Node<T>> {
        self.node.as_ref().expect("a parent that is not being dropped")
    }

    /// The parent as a dependency.
    pub fn narrow(&self) -> Dependency {
        Dependency::Narrow(Arc::clone(self.node()) as Arc<dyn Lineage>)
    }

    /// Computes a partition of the parent for a child at `depth`; every 64 nodes on a stack of its own.
    pub fn compute(&self, partition: usize, cx: &Arc<TaskContext>, depth: u32) -> Result<BoxRuns<T>, Stop> {
        let (mut node, mut partition) = (Arc::clone(self.node()), partition);
        while let Some(only) = node.as_concat().and_then(|concat| concat.only_piece(partition)) {
            (node, partition) = only;
        }
        compute_below(node, partition, cx, depth)
    }
}

impl<T: 'static> Clone for Parent<T> {
    fn clone(&self) -> Self {
        Parent { node: self.node.clone(), id: self.id }
    }
}

/// Computes a partition of `node` for a reader at `depth`. Depths grow from node to reader, but may skip some (a reader of
/// two nodes is deeper than the deeper one), so what counts is that a multiple of [`SEGMENT`] lies between them.
fn compute_below<T: 'static>(
    node: Arc<dyn Node<T>>,
    partition: usize,
    cx: &Arc<TaskContext>,
    depth: u32,
) -> Result<BoxRuns<T>, Stop> {
    if depth == 0 || depth / SEGMENT == node.meta().depth / SEGMENT {
        return node.compute(partition, cx);
    }
    let runs = on_deep_stack(|| node.compute(partition, cx))?;
    Ok(Box::new(DeepRuns { runs: Some(runs) }))
}

impl<T: 'static> Drop for Parent<T> {
    fn drop(&mut self) {
        if let Some(node) = self.node.take()
            && Arc::strong_count(&node) == 1
        {
            drop_in_loop(node);
        }
    }
}

/// After so many nodes in a chain, the next ones run on a further piece of stack.
const SEGMENT: u32 = 64;
/// A node of a chain needs less than 4 KiB of stack in a debug build.
const SEGMENT_STACK: usize = SEGMENT as usize * (4 << 10);
const _: () = assert!(SEGMENT_STACK * 4 <= DEEP_STACK);
const DEEP_STACK: usize = 4 << 20;

fn on_deep_stack<R>(work: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(SEGMENT_STACK + (64 << 10), DEEP_STACK, work)
}

/// The runs of a parent that is pulled, and dropped, with enough stack below it.
struct DeepRuns<T> {
    runs: Option<BoxRuns<T>>,
}

impl<T> Runs<T> for DeepRuns<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        on_deep_stack(|| self.runs.as_mut().map_or(Ok(false), |runs| runs.next(into)))
    }
}

impl<T> Drop for DeepRuns<T> {
    fn drop(&mut self) {
        on_deep_stack(|| self.runs = None);
    }
}

thread_local! {
    /// Nodes that wait to be dropped by the outermost drop of this thread; `None` where no drop is going on.
    static DROPPED: RefCell<Option<Vec<Arc<dyn Lineage>>>> = const { RefCell::new(None) };
}

fn drop_in_loop(node: Arc<dyn Lineage>) {
    let outermost = DROPPED.with_borrow_mut(|waiting| match waiting {
        Some(waiting) => {
            waiting.push(Arc::clone(&node));
            false
        }
        None => {
            *waiting = Some(Vec::new());
            true
        }
    });
    drop(node);
    if outermost {
        while let Some(next) = DROPPED.with_borrow_mut(|waiting| waiting.as_mut().and_then(Vec::pop)) {
            drop(next);
        }
        DROPPED.set(None);
    }
}
