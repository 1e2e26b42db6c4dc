//! `into_vec`: all elements, in the driver, of an RDD that nobody uses again.

use crate::Element;
use crate::error::Error;
use crate::lineage::Operator;
use crate::rdd::Rdd;
use crate::rdd::actions::collect::flatten;
use crate::rdd::actions::run_last_job;
use crate::ship::Function;

impl<T: 'static> Rdd<T> {
    /// [`collect`](Rdd::collect) for the last use of an RDD: what its shuffles wrote is moved instead of being cloned,
    /// where no other handle leads to it. Spark has no counterpart.
    ///
    /// Handles on the RDDs that it was made of count too, those in the middle of a chain of calls as well, which Rust
    /// drops at the end of the statement.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let words = context.parallelize(["tide", "mill", "tide"].map(String::from), 2);
    /// let by_length = words.key_by(|word| word.len()).group_by_key();
    /// assert_eq!(by_length.into_vec()?, [(4, vec!["tide".to_string(), "mill".into(), "tide".into()])]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn into_vec(self) -> Result<Vec<T>, Error>
    where
        T: Element,
    {
        let (code, partitions) = (Function { env: (), call: () }, self.all_partitions());
        Ok(flatten(run_last_job(self, Operator::here("into_vec"), partitions, code, |drawn, _| drawn.all())?))
    }
}
