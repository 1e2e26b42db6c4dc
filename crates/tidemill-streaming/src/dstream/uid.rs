//! `uid`: the name under which a checkpoint knows an operator.

use tidemill_core::lineage::Operator;

use crate::context::State;
use crate::dstream::DStream;
use crate::error::Error;

impl<T: 'static> DStream<T> {
    /// Gives the operator that made this stream an id of its own, so that a later version of the program finds its state or
    /// its input in the checkpoint, wherever it stands by then. Spark has no counterpart: there a checkpoint cannot be read by
    /// changed code (behaviour 6.23).
    ///
    /// It is for sources, windows and stateful operators; others have nothing in a checkpoint. Without it the id follows from
    /// the graph: adding stateless operators changes none, but two alike operators are told apart by their order only.
    ///
    /// ```
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// let test = TestContext::new();
    /// let (_, words) = test.input::<(String, u64)>();
    /// let counts = words
    ///     .update_state_by_key(|new, sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()))
    ///     .uid("word-counts")?;
    /// # let _ = counts;
    /// # Ok::<(), tidemill_streaming::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unchangeable`] after the start. Two operators with one id are an error of the start.
    #[track_caller]
    pub fn uid(&self, id: &str) -> Result<DStream<T>, Error> {
        if self.context().is_some_and(|context| context.state() != State::Initialized) {
            return Err(Error::Unchangeable { operator: Operator::here("uid"), what: "the id" });
        }
        self.node().set_uid(id);
        Ok(self.clone())
    }
}
