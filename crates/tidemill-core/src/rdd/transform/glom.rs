//! `glom`: each partition as one element.

use crate::Stop;
use crate::rdd::{Input, Keeps, Rdd};
use crate::runs::Runs;
use crate::ship::Function;

impl<T: 'static> Rdd<T> {
    /// Makes of each partition one list of its elements, an empty one of an empty partition: Spark's `RDD.glom`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.parallelize([1, 2], 4).glom().collect()?, [vec![], vec![1], vec![], vec![2]]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn glom(&self) -> Rdd<Vec<T>> {
        self.narrow("glom", Keeps::Nothing, Function { env: (), call: () }, |input, _| Ok(Box::new(Glom(Some(input)))))
    }
}

struct Glom<T>(Option<Input<T>>);

impl<T> Runs<Vec<T>> for Glom<T> {
    fn next(&mut self, into: &mut Vec<Vec<T>>) -> Result<bool, Stop> {
        let Some(mut input) = self.0.take() else { return Ok(false) };
        let (mut all, mut run) = (Vec::new(), Vec::new());
        while input.next(&mut run)? {
            all.append(&mut run);
        }
        into.push(all);
        Ok(true)
    }
}
