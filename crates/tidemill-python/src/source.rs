//! Sources: RDDs of batches that the driver hands in, and of what files hold.

use std::sync::Arc;

use tidemill_core::lineage::{Dependency, Lineage, Meta, Node, Parent};
use tidemill_core::runs::VecRuns;
use tidemill_core::ship::{Encoder, NotShippable};
use tidemill_core::{BoxRuns, Cause, Context, Error, Rdd, Runs, Stop, TaskContext, Text};

use crate::batch::{self, PyBatch};
use crate::not_shippable;

/// An RDD of the given batches, some for each partition: what `parallelize` sends.
#[track_caller]
pub fn given(context: &Context, partitions: Vec<Vec<PyBatch>>) -> Rdd<PyBatch> {
    let meta = context.meta("rows", partitions.len(), None);
    Rdd::new(context, Arc::new(Given { meta, partitions }))
}

/// The lines of text files, in batches of text.
///
/// # Errors
/// Those of [`Context::text_blocks`].
#[track_caller]
pub fn text_file(context: &Context, paths: &str, least: Option<usize>) -> Result<Rdd<PyBatch>, Error> {
    Ok(of_blocks(&context.text_blocks(paths, least)?))
}

/// The lines of blocks of text, in batches of text.
#[track_caller]
pub fn of_blocks(blocks: &Rdd<tidemill_core::TextBlock>) -> Rdd<PyBatch> {
    batched(blocks, |run, batches| batches.extend(run.drain(..).flat_map(batch::of_text)))
}

/// Each file as a pair of its path and its text.
///
/// # Errors
/// Those of [`Context::whole_text_files`].
#[track_caller]
pub fn whole_text_files(context: &Context, paths: &str, least: Option<usize>) -> Result<Rdd<PyBatch>, Error> {
    let files = context.whole_text_files(paths, least)?;
    Ok(batched(&files, |run: &mut Vec<(Text, Text)>, batches| {
        batches.extend(run.drain(..).map(|(path, text)| batch::of_texts(path.as_str(), text.as_str())));
    }))
}

/// Each file as a pair of its path and its bytes.
///
/// # Errors
/// Those of [`Context::binary_files`].
#[track_caller]
pub fn binary_files(context: &Context, paths: &str, least: Option<usize>) -> Result<Rdd<PyBatch>, Error> {
    let files = context.binary_files(paths, least)?;
    Ok(batched(&files, |run: &mut Vec<(Text, Vec<u8>)>, batches| {
        batches.extend(run.drain(..).map(|(path, bytes)| batch::of_text_and_bytes(path.as_str(), bytes)));
    }))
}

/// The records of a number of bytes in files.
///
/// # Errors
/// Those of [`Context::binary_records`].
#[track_caller]
pub fn binary_records(context: &Context, paths: &str, record_bytes: u64) -> Result<Rdd<PyBatch>, Error> {
    Ok(of_records(&context.binary_records(paths, record_bytes)?))
}

/// Byte strings, a batch a run.
#[track_caller]
pub fn of_records(records: &Rdd<Vec<u8>>) -> Rdd<PyBatch> {
    batched(records, |run, batches| {
        batches.push(batch::of_bytes(run));
        run.clear();
    })
}

/// What the driver handed in.
struct Given {
    meta: Meta,
    partitions: Vec<Vec<PyBatch>>,
}

impl Lineage for Given {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        Vec::new()
    }

    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        Err(not_shippable(&self.meta))
    }
}

impl Node<PyBatch> for Given {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<PyBatch>, Stop> {
        cx.check()?;
        let batches = self.partitions.get(partition);
        let batches = batches.ok_or_else(|| Cause::Invalid(format!("there is no partition {partition}")))?;
        Ok(Box::new(VecRuns::new(batches.clone())))
    }
}

/// Makes batches of a run, which it empties.
type MakeBatches<T> = fn(&mut Vec<T>, &mut Vec<PyBatch>);

/// Each run of `parent` as the batches that `make` makes of it.
#[track_caller]
fn batched<T: 'static>(parent: &Rdd<T>, make: MakeBatches<T>) -> Rdd<PyBatch> {
    let (context, node) = (parent.context(), parent.node());
    let (partitions, depth) = (parent.num_partitions(), node.meta().depth + 1);
    let meta = Meta { depth, ..context.meta("batches", partitions, None) };
    Rdd::new(context, Arc::new(Batched { meta, parent: Parent::new(Arc::clone(node)), make }))
}

struct Batched<T: 'static> {
    meta: Meta,
    parent: Parent<T>,
    make: MakeBatches<T>,
}

impl<T: 'static> Lineage for Batched<T> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        vec![self.parent.narrow()]
    }

    fn first_input(&self, partition: usize) -> Option<(Arc<dyn Lineage>, usize)> {
        Some((Arc::clone(self.parent.node()) as Arc<dyn Lineage>, partition))
    }

    fn draws_once(&self) -> bool {
        true
    }

    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        Err(not_shippable(&self.meta))
    }
}

impl<T: 'static> Node<PyBatch> for Batched<T> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<PyBatch>, Stop> {
        let runs = self.parent.compute(partition, cx, self.meta.depth)?;
        Ok(Box::new(BatchedRuns { runs, run: Vec::new(), make: self.make }))
    }
}

struct BatchedRuns<T> {
    runs: BoxRuns<T>,
    run: Vec<T>,
    make: MakeBatches<T>,
}

impl<T> Runs<PyBatch> for BatchedRuns<T> {
    fn next(&mut self, into: &mut Vec<PyBatch>) -> Result<bool, Stop> {
        let before = into.len();
        while into.len() == before {
            if !self.runs.next(&mut self.run)? {
                return Ok(false);
            }
            (self.make)(&mut self.run, into);
        }
        Ok(true)
    }
}
