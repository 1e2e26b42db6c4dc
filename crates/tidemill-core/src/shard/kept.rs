//! State that outlives the process: `Keeper` is told what changes, `KeptShards` are loaded from what it has kept.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use crate::environment::Environment;
use crate::error::Error;
use crate::lineage::Operator;
use crate::shape::{OtherShape, Shape};
use crate::shard::{Delta, Gathered, Gathering, Kept, Pieces, Shard, Shards, Version};
use crate::ship::Bytes;
use crate::{Cause, Stop};

/// What became of state that was kept when it was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// It is as it was: later changes fit to what was kept.
    AsKept,
    /// Entries were converted, or lie in other partitions now.
    Changed,
}

/// Is told of each new version of an operator's state, in order. It must not block for longer than a hand-over takes.
pub trait Keeper: Send + Sync {
    /// All shards have stepped; `deltas` has what each did, by partition. A step from a version before the last one told of
    /// takes the place of what was told of the later ones.
    fn stepped(&self, from: Version, to: Version, deltas: Vec<Delta>);

    /// A first state was put in place of all there was.
    fn seeded(&self, version: Version);

    /// The oldest version that it still has to read: the shards forget none from there on.
    fn needs(&self) -> Option<Version> {
        None
    }
}

/// All shards of one stateful operator, whatever their type, to whoever keeps them.
pub trait KeptShards: Send + Sync {
    /// The operator.
    fn operator(&self) -> &Operator;

    /// How many shards there are.
    fn partitions(&self) -> usize;

    /// What they share with all else in the process.
    fn environment(&self) -> &Arc<Environment>;

    /// The version that they are at.
    fn version(&self) -> Version;

    /// The shape of their entries.
    fn shape(&self) -> Shape;

    /// Tells `keeper` of each step from now on, with what changes in it; `None` ends that.
    fn keep(&self, keeper: Option<Arc<dyn Keeper>>);

    /// All of a version of one shard: see [`Shard::snapshot`].
    ///
    /// # Errors
    /// The version is not kept, or there is no such partition. Of a piece: the version is not kept any more, or values
    /// cannot be encoded.
    fn snapshot(&self, partition: usize, version: Version) -> Result<Pieces<'static, Error>, Error>;

    /// Puts what was kept, of each partition there was, in place of all there is. `shape` is that of the entries in it. What
    /// was kept is read shard by shard, and twice where entries are converted or dealt anew.
    ///
    /// # Errors
    /// Those of reading it; the entries have another shape than these and nothing converts them; the bytes are no such
    /// state; the partitions end at different versions. Nothing is to be relied on then, until something else is loaded.
    fn load(&self, shape: &Shape, kept: &[&dyn Kept]) -> Result<Loaded, Error>;
}

impl<S: Shard> KeptShards for Shards<S> {
    fn operator(&self) -> &Operator {
        &self.resident.operator
    }

    fn partitions(&self) -> usize {
        self.resident.parts.len()
    }

    fn environment(&self) -> &Arc<Environment> {
        &self.resident.environment
    }

    fn version(&self) -> Version {
        Shards::version(self)
    }

    fn shape(&self) -> Shape {
        Shape::of::<S::Entry>()
    }

    fn keep(&self, keeper: Option<Arc<dyn Keeper>>) {
        self.resident.state().keeper = keeper;
    }

    fn snapshot(&self, partition: usize, version: Version) -> Result<Pieces<'static, Error>, Error> {
        let part = self.resident.part(partition);
        let pieces = part.and_then(|part| Arc::clone(&part.shard).snapshot(version));
        let (shards, pieces) = (self.clone(), pieces.map_err(|stop| self.stopped(stop))?);
        Ok(Box::new(pieces.map(move |piece| piece.map_err(|stop| shards.stopped(stop)))))
    }

    fn load(&self, shape: &Shape, kept: &[&dyn Kept]) -> Result<Loaded, Error> {
        let _turn = self.resident.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let resident = &self.resident;
        let fits = OtherShape::of_entries(shape, &self.shape()).is_none() && kept.len() == resident.parts.len();
        let loaded = match fits && self.load_each(kept)? {
            true => Loaded::AsKept,
            false => {
                let dealt = self.dealt(shape, kept).map_err(|stop| self.stopped(stop))?;
                let dealt: Vec<&dyn Kept> = dealt.iter().map(|dealt| dealt as &dyn Kept).collect();
                self.load_each(&dealt)?;
                Loaded::Changed
            }
        };
        let versions: BTreeSet<Version> = resident.parts.iter().map(|part| part.shard.version()).collect();
        if versions.len() > 1 {
            let text = "the partitions of the loaded state end at different versions";
            return Err(self.error(Cause::Invalid(text.into())));
        }
        resident.remove_emitted(|_| true);
        resident.state().version = versions.first().copied().unwrap_or_default();
        Ok(loaded)
    }
}

impl<S: Shard> Shards<S> {
    /// Loads each shard from what was kept of its partition; `false` if keys lie in others now.
    fn load_each(&self, kept: &[&dyn Kept]) -> Result<bool, Error> {
        let resident = &self.resident;
        let mut is_placed = true;
        for (partition, (part, kept)) in resident.parts.iter().zip(kept).enumerate() {
            part.shard.load(*kept).map_err(|stop| self.stopped(stop))?;
            part.shard.make_room();
            part.gate().done = None;
            if let Some(layout) = &resident.layout {
                is_placed &= part.shard.is_placed(layout, partition).map_err(|stop| self.stopped(stop))?;
            }
        }
        Ok(is_placed)
    }

    /// What was kept, converted and brought to where its keys lie now.
    fn dealt(&self, shape: &Shape, kept: &[&dyn Kept]) -> Result<Vec<Gathered<Bytes>>, Stop> {
        let resident = &self.resident;
        let mut gathering = Gathering::new(&resident.environment, resident.parts.len());
        let mut take = |partition, piece: Vec<u8>| {
            let bytes = piece.len() as u64;
            Ok(gathering.push(partition, Bytes(piece), bytes)?)
        };
        resident.part(0)?.shard.rewrite(shape, kept, resident.layout.as_ref(), &mut take)?;
        Ok(gathering.finish())
    }
}
