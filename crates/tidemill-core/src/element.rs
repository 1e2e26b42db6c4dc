//! What values must be able to do before they may be kept or sent: `Element` and `Key`.

use std::hash::Hash;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that may be kept or may leave its process: collected, shuffled, persisted, broadcast.
///
/// Implemented for every type that is `Clone + Send + Sync`, can be written and read by serde and borrows nothing.
/// Values inside a chain of narrow operators need none of this. In a local run nothing is ever serialised.
///
/// A type that serde does not know cannot be collected:
///
/// ```compile_fail,E0277
/// #[derive(Clone)]
/// struct Reading(f64);
/// let context = tidemill_core::Context::local(1)?;
/// context.parallelize([1.5], 1).map(Reading).collect()?;
/// # Ok::<(), tidemill_core::Error>(())
/// ```
///
/// but it may stand in the middle of a chain, and [`Local`] lets it be collected:
///
/// ```
/// # use tidemill_core::Local;
/// #[derive(Clone)]
/// struct Reading(f64);
/// let context = tidemill_core::Context::local(1)?;
/// let readings = context.parallelize([1.5], 1).map(Reading);
/// assert_eq!(readings.map(|reading| reading.0).collect()?, [1.5]);
/// assert_eq!(readings.map(Local).collect()?[0].0.0, 1.5);
/// # Ok::<(), tidemill_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an RDD element here: it must be `Clone + Send + Sync + 'static` and known to serde",
    note = "derive Clone, serde::Serialize and serde::Deserialize for it",
    note = "or wrap it in `tidemill::Local<_>` if it never leaves this process"
)]
pub trait Element: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {}
impl<T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static> Element for T {}

/// An [`Element`] that records can be grouped by.
///
/// A number with a fraction is none:
///
/// ```compile_fail,E0277
/// let context = tidemill_core::Context::local(1)?;
/// context.parallelize([(1.5, 1)], 1).reduce_by_key(|a, b| a + b);
/// # Ok::<(), tidemill_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key: it must be an RDD element with `Hash` and `Eq`",
    note = "derive Clone, Hash, PartialEq, Eq, serde::Serialize and serde::Deserialize for it"
)]
pub trait Key: Element + Hash + Eq {}
impl<K: Element + Hash + Eq> Key for K {}

/// Makes an [`Element`] of a value that serde does not know and that never leaves this process.
///
/// Encoding one (a spill to disk, another process) fails with an error that names the type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Local<T>(
    /// The value itself.
    pub T,
);

impl<T> Serialize for Local<T> {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(format_args!("Local<{}> cannot leave its process", std::any::type_name::<T>())))
    }
}

impl<'de, T> Deserialize<'de> for Local<T> {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom(format_args!("Local<{}> is never written", std::any::type_name::<T>())))
    }
}
