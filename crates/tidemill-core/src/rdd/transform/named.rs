//! `named`: a name of the user's for an RDD.

use super::mark::Mark;
use crate::rdd::Rdd;

impl<T: 'static> Rdd<T> {
    /// The same elements under a name, which `to_debug_string` shows: Spark's `RDD.setName`. It is the returned RDD that is
    /// called so; what is made of it has no name.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let squares = context.parallelize(1..=3, 2).map(|x| x * x).named("squares");
    /// assert_eq!(squares.name(), Some("squares"));
    /// assert!(squares.to_debug_string().starts_with("(2) squares named[2] at "));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn named(&self, name: impl Into<String>) -> Rdd<T> {
        self.marked("named", Mark::Name(name.into()))
    }

    /// What [`named`](Rdd::named) called it: Spark's `RDD.name`.
    pub fn name(&self) -> Option<&str> {
        self.node().name()
    }
}
