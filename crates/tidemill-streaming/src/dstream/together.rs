//! What holds for operators on several streams: one context, one slide, and an RDD from each.

use std::time::Duration;

use tidemill_core::lineage::Operator;
use tidemill_core::{Rdd, Timestamp};

use crate::context::WeakContext;
use crate::dstream::DStream;
use crate::error::Error;

/// Checks that all streams are of `context` and have their RDDs at the same times; these are the streams without their
/// types: context and slide of each.
pub(crate) fn check_together(
    operator: &Operator,
    context: &WeakContext,
    streams: &[(&WeakContext, Duration)],
) -> Result<(), Error> {
    let Some((_, slide)) = streams.first() else {
        return Err(Error::NoStreams { operator: operator.clone() });
    };
    if streams.iter().any(|(other, _)| !context.is(other)) {
        return Err(Error::DifferentContexts { operator: operator.clone() });
    }
    if streams.iter().any(|(_, other)| slide != other) {
        let slides = streams.iter().map(|(_, slide)| *slide).collect();
        return Err(Error::DifferentSlides { operator: operator.clone(), slides });
    }
    Ok(())
}

/// The RDD of `time`, which `operator` cannot do without.
pub(crate) fn needed<T: 'static>(stream: &DStream<T>, time: Timestamp, operator: &Operator) -> Result<Rdd<T>, Error> {
    let missing = || Error::MissingRdd { time, operator: operator.clone(), parent: stream.operator().clone() };
    stream.rdd(time)?.ok_or_else(missing)
}

#[cfg(test)]
mod tests;
