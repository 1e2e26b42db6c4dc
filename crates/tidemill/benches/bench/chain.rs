//! Eight cheap operators on integers: what passing a run from operator to operator costs.

use anyhow::ensure;

use crate::engine::context;
use crate::measured::{Measured, measure};

/// Elements of a round.
const ELEMENTS: i64 = 40_000_000;
/// Operators in the chain.
pub(crate) const OPERATORS: u32 = 8;

/// Time of an element and operator.
pub(crate) fn eight_operators() -> anyhow::Result<Measured> {
    let chain = context(1)?
        .range(0..ELEMENTS, 1)
        .map(|x| x.wrapping_mul(3))
        .filter(|x| x & 7 != 0)
        .map(|x| x ^ 0x55)
        .map(|x| x.wrapping_add(11))
        .map(|x| x.wrapping_mul(3))
        .filter(|x| x & 7 != 0)
        .map(|x| x ^ 0x55)
        .map(|x| x.wrapping_add(11));
    let mut measured = measure(|| Ok(chain.count()?), |count| *count)?;
    ensure!(measured.answer > 0, "the chain kept nothing");
    measured.wall /= ELEMENTS as u32 / 1_000 * OPERATORS; // of a thousand elements, so that a Duration can tell it
    measured.cpu = std::time::Duration::ZERO;
    Ok(measured)
}
