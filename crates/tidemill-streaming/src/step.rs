//! `step!`: marks where a program is on the way from one durable state to the next.
//!
//! Each is a span of `tracing` at level `TRACE` with the target [`STEPS`], which costs nothing where nobody listens. Tests
//! that kill programs listen, to know what they hit.

/// The target of these spans.
pub(crate) const STEPS: &str = "tidemill::step";

/// Enters a step: it lasts as long as what this returns.
macro_rules! step {
    ($name:literal) => {
        tracing::trace_span!(target: $crate::step::STEPS, $name).entered()
    };
    ($name:literal, $time:expr) => {
        tracing::trace_span!(target: $crate::step::STEPS, $name, time = $time.millis()).entered()
    };
}

pub(crate) use step;
