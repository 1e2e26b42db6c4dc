//! The settings of memory as resolved: ceilings and floors in bytes, which go together.

use std::collections::HashMap;

use super::config::read;
use super::{AnyValue, ByteSize, Portion, SettingError, SettingKey, keys};
use crate::memory::{MemoryFloors, MemoryLimits, Pool};

/// The part of the memory that results may take unless somebody says otherwise.
const RESULTS_DEFAULT: Portion = Portion::Percent(25);

/// The part of the memory that is kept for each pool of data that every job or stream needs to go on, unless somebody says
/// otherwise: enough to work with, little enough not to be missed by the others.
const FLOOR_DEFAULT: Portion = Portion::Percent(5);

/// The pools with their floors' settings, and what is kept where nothing is written.
const FLOORS: [(Pool, SettingKey<Option<Portion>>, Option<Portion>); Pool::ALL.len()] = [
    (Pool::Received, keys::MEMORY_RECEIVED_FLOOR, Some(FLOOR_DEFAULT)),
    (Pool::Stored, keys::MEMORY_STORED_FLOOR, None),
    (Pool::Shuffle, keys::MEMORY_SHUFFLE_FLOOR, Some(FLOOR_DEFAULT)),
    (Pool::State, keys::MEMORY_STATE_FLOOR, Some(FLOOR_DEFAULT)),
    (Pool::Results, keys::MEMORY_RESULTS_FLOOR, Some(FLOOR_DEFAULT)),
    (Pool::Workers, keys::MEMORY_WORKERS_FLOOR, None),
];

type Values = HashMap<&'static str, AnyValue>;

/// What the settings make of a machine with so much memory.
pub(super) fn memory_limits(values: &Values, machine_bytes: u64) -> Result<MemoryLimits, SettingError> {
    let total = read(values, keys::MEMORY_LIMIT).of(machine_bytes);
    let part = |name: &'static str, portion: Portion| within(name, portion.of(total), keys::MEMORY_LIMIT.name(), total);
    let results = match (read(values, keys::MEMORY_RESULTS_LIMIT), read(values, keys::MAX_RESULT_SIZE)) {
        (Some(portion), _) => part(keys::MEMORY_RESULTS_LIMIT.name(), portion)?,
        // Spark's own setting is written for another machine as often as not; it never stops the program.
        (None, Some(size)) if size.bytes() == 0 => total,
        (None, Some(size)) => size.bytes().min(total),
        (None, None) => RESULTS_DEFAULT.of(total),
    };
    let of = |key: SettingKey<Portion>| part(key.name(), read(values, key));
    let mut limits = MemoryLimits {
        received: of(keys::MEMORY_RECEIVED_LIMIT)?,
        stored: of(keys::MEMORY_STORED_LIMIT)?,
        shuffle: of(keys::MEMORY_SHUFFLE_LIMIT)?,
        state: of(keys::MEMORY_STATE_LIMIT)?,
        results,
        ..MemoryLimits::of_total(total)
    };
    limits.workers = total;
    limits.floors = floors(values, &limits)?;
    Ok(limits)
}

/// The floors that are written, and of those that are not what the others leave.
fn floors(values: &Values, limits: &MemoryLimits) -> Result<MemoryFloors, SettingError> {
    let mut floors = MemoryFloors::default();
    for (pool, key, _) in FLOORS {
        let Some(portion) = read(values, key) else { continue };
        let ceiling = limits.ceiling(pool);
        let whole = if ceiling == limits.total { keys::MEMORY_LIMIT.name() } else { pool.setting() };
        *floors.of_mut(pool) = within(key.name(), portion.of(limits.total), whole, ceiling)?;
    }
    let sum = |floors: &MemoryFloors| FLOORS.iter().fold(0_u64, |sum, (pool, ..)| sum.saturating_add(floors.of(*pool)));
    if sum(&floors) > limits.total {
        return Err(too_many(&floors, sum(&floors), limits.total));
    }
    // Written for another machine as often as not, like all that is Spark's: it takes what it gets.
    let storage = read(values, keys::STORAGE_FRACTION).map(|part| (limits.total as f64 * part) as u64);
    for (pool, key, default) in FLOORS {
        let wanted = match (pool, default) {
            _ if read(values, key).is_some() => continue,
            (Pool::Stored, _) => storage.unwrap_or(0),
            (_, default) => default.map_or(0, |portion| portion.of(limits.total)),
        };
        *floors.of_mut(pool) = wanted.min(limits.ceiling(pool)).min(limits.total - sum(&floors));
    }
    Ok(floors)
}

/// `bytes`, the value of `name`, unless it is more than `most`, that of `whole`.
fn within(name: &'static str, bytes: u64, whole: &str, most: u64) -> Result<u64, SettingError> {
    if bytes <= most {
        return Ok(bytes);
    }
    Err(SettingError::Together {
        name,
        given: ByteSize::new(bytes).to_string(),
        rule: format!("{whole} is {}, of which it is a part", ByteSize::new(most)),
        try_this: format!("make it at most that, or set {whole} higher"),
    })
}

/// The error for floors that do not fit side by side; it names the largest.
fn too_many(floors: &MemoryFloors, sum: u64, total: u64) -> SettingError {
    let largest = FLOORS.iter().max_by_key(|(pool, ..)| floors.of(*pool));
    let (name, bytes) = largest.map_or(("", 0), |(pool, key, _)| (key.name(), floors.of(*pool)));
    let others = FLOORS.iter().filter(|(pool, key, _)| floors.of(*pool) > 0 && key.name() != name);
    let others: Vec<&str> = others.map(|(_, key, _)| key.name()).collect();
    let whole = keys::MEMORY_LIMIT.name();
    SettingError::Together {
        name,
        given: ByteSize::new(bytes).to_string(),
        rule: format!(
            "with {} that makes {} of the {} of {whole}",
            others.join(", "),
            ByteSize::new(sum),
            ByteSize::new(total)
        ),
        try_this: format!("make one of them smaller, or set {whole} higher"),
    }
}
