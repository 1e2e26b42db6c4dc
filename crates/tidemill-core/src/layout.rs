//! Layouts: how keys lie in partitions, as data that can be compared.
//!
//! Two RDDs with one layout have equal keys in equal partitions, so they join, cogroup and union without a shuffle
//! (behaviour 3.24).

use std::any::Any;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::hash::{HashSeed, bucket};
use crate::ship::{Decoder, Encoder, NotShippable, ShipError};
use crate::{Cause, Element, Key};

mod range;

pub use range::RangePartitioner;

/// Assigns keys to partitions: Spark's `Partitioner`. It is plain data; two equal ones are one layout.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidemill_core::layout::Partitioner;
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct EvenOdd;
/// impl Partitioner<i64> for EvenOdd {
///     fn partitions(&self) -> usize {
///         2
///     }
///     fn partition(&self, key: &i64) -> usize {
///         key.rem_euclid(2) as usize
///     }
/// }
/// assert_eq!(EvenOdd.partition(&7), 1);
/// ```
pub trait Partitioner<K>: Element {
    /// How many partitions there are; at least 1.
    fn partitions(&self) -> usize;
    /// The partition of a key, below [`partitions`](Partitioner::partitions); any other answer fails the job.
    fn partition(&self, key: &K) -> usize;
}

/// A partitioner whose own type is forgotten.
pub(crate) trait AnyPartitioner<K>: Send + Sync + 'static {
    fn partition(&self, key: &K) -> usize;
    /// The name of its type.
    fn name(&self) -> &'static str;
    fn encode(&self, out: &mut Encoder) -> Result<u32, NotShippable>;
}

struct Held<K, P>(P, PhantomData<fn(K)>);

impl<K: 'static, P: Partitioner<K>> AnyPartitioner<K> for Held<K, P> {
    fn partition(&self, key: &K) -> usize {
        self.0.partition(key)
    }

    fn name(&self) -> &'static str {
        std::any::type_name::<P>()
    }

    fn encode(&self, out: &mut Encoder) -> Result<u32, NotShippable> {
        out.entry::<Self>(
            |decoder| {
                let held: Arc<dyn AnyPartitioner<K>> = Arc::new(Held::<K, P>(decoder.value::<Self, P>()?, PhantomData));
                Ok(Box::new(held))
            },
            &self.0,
        )
    }
}

/// How keys lie in the partitions of an RDD.
#[derive(Clone)]
pub struct Layout {
    kind: &'static str,
    parameters: Arc<[u8]>,
    partitions: usize,
    /// `Route<K>` for the RDD's key type.
    route: Arc<dyn Any + Send + Sync>,
}

impl Layout {
    /// Keys lie by their hash.
    pub fn hash<K: Key>(seed: HashSeed, partitions: usize) -> Layout {
        let route = Route::<K>::Hash { seed, partitions };
        let parameters = seed.seed().to_le_bytes().into();
        Layout { kind: "hash", parameters, partitions, route: Arc::new(route) }
    }

    /// Keys lie as `partitioner` says. An error says that it cannot be encoded.
    pub fn custom<K: 'static, P: Partitioner<K>>(partitioner: P) -> Result<Layout, NotShippable> {
        let parameters = postcard::to_stdvec(&partitioner).map_err(|e| NotShippable::value(e.to_string()))?.into();
        let partitions = partitioner.partitions();
        let route = Route::<K>::By { partitioner: Arc::new(Held(partitioner, PhantomData)), partitions };
        Ok(Layout { kind: std::any::type_name::<P>(), parameters, partitions, route: Arc::new(route) })
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> usize {
        self.partitions
    }

    /// The partitioner of a layout that was made by [`custom`](Layout::custom) of a `P`.
    pub fn partitioner<P: Element>(&self) -> Option<P> {
        if self.kind == std::any::type_name::<P>() { postcard::from_bytes(&self.parameters).ok() } else { None }
    }

    /// Gives the partition of a key, if keys of type `K` lie by this layout. A partitioner may answer with one that is none.
    pub fn place<K: Hash + 'static>(&self) -> Option<impl Fn(&K) -> usize + use<K>> {
        let route = self.route::<K>()?;
        Some(move |key: &K| route.partition(key))
    }

    /// The way of a key to its partition, if keys of type `K` lie by this layout.
    pub(crate) fn route<K: 'static>(&self) -> Option<Route<K>> {
        self.route.downcast_ref::<Route<K>>().cloned()
    }
}

impl PartialEq for Layout {
    fn eq(&self, other: &Layout) -> bool {
        (self.kind, self.partitions) == (other.kind, other.partitions) && self.parameters == other.parameters
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} partitions", self.kind, self.partitions)
    }
}

/// The way of a key of type `K` to its partition.
pub(crate) enum Route<K> {
    Hash { seed: HashSeed, partitions: usize },
    By { partitioner: Arc<dyn AnyPartitioner<K>>, partitions: usize },
}

impl<K> Clone for Route<K> {
    fn clone(&self) -> Self {
        match self {
            Route::Hash { seed, partitions } => Route::Hash { seed: *seed, partitions: *partitions },
            Route::By { partitioner, partitions } => {
                Route::By { partitioner: Arc::clone(partitioner), partitions: *partitions }
            }
        }
    }
}

/// A [`Route`] as it travels; the place is that of the partitioner in the encoded table.
#[derive(Serialize, Deserialize)]
pub(crate) enum RouteWire {
    Hash { seed: u64, partitions: usize },
    By { place: u32, partitions: usize },
}

impl<K: Hash + 'static> Route<K> {
    /// The partition of `key`, as the partitioner says: it may be [`out_of_range`](Route::out_of_range).
    #[inline]
    pub(crate) fn partition(&self, key: &K) -> usize {
        match self {
            Route::Hash { seed, partitions } => bucket(seed.hash(key), *partitions),
            Route::By { partitioner, .. } => partitioner.partition(key),
        }
    }

    /// The partition of a key whose hash is known already.
    #[inline]
    pub(crate) fn partition_hashed(&self, hash: u64, key: &K) -> usize {
        match self {
            Route::Hash { partitions, .. } => bucket(hash, *partitions),
            Route::By { .. } => self.partition(key),
        }
    }

    /// The failure where the partition of `key` is none.
    #[cold]
    pub(crate) fn out_of_range(&self, key: &K) -> Cause {
        let (name, partitions) = match self {
            Route::Hash { partitions, .. } => ("hash", partitions),
            Route::By { partitioner, partitions } => (partitioner.name(), partitions),
        };
        Cause::Invalid(format!(
            "the partitioner {name} has {partitions} partitions and put a key into number {}: make its `partition` \
             answer less than its `partitions`",
            self.partition(key)
        ))
    }

    pub(crate) fn encode(&self, out: &mut Encoder) -> Result<RouteWire, NotShippable> {
        Ok(match self {
            Route::Hash { seed, partitions } => RouteWire::Hash { seed: seed.seed(), partitions: *partitions },
            Route::By { partitioner, partitions } => {
                RouteWire::By { place: partitioner.encode(out)?, partitions: *partitions }
            }
        })
    }

    pub(crate) fn decode(wire: RouteWire, decoder: &Decoder) -> Result<Self, ShipError> {
        Ok(match wire {
            RouteWire::Hash { seed, partitions } => Route::Hash { seed: HashSeed::new(seed), partitions },
            RouteWire::By { place, partitions } => {
                Route::By { partitioner: decoder.entry::<Arc<dyn AnyPartitioner<K>>>(place)?, partitions }
            }
        })
    }
}
