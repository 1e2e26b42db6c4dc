//! Settings as resolved: `Config`, every setting parsed and checked once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::memory::memory_limits;
use super::{AnyValue, ByteSize, Machine, Setting, SettingError, SettingKey, SettingValue, Settings};
use super::{format_duration, keys, unknown};
use crate::Master;
use crate::memory::{MemoryLimits, Pool};

/// What the settings mean on this machine. Made once, passed to whoever needs it; a clone is cheap.
#[derive(Clone, Debug)]
pub struct Config {
    resolved: Arc<Resolved>,
}

#[derive(Debug)]
struct Resolved {
    written: Settings,
    values: HashMap<&'static str, AnyValue>,
    machine: Machine,
    master: Master,
    memory: MemoryLimits,
    hash_seed: u64,
}

impl Config {
    /// Parses and checks every setting for the machine that the program runs on, and warns of names that have no
    /// effect.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be used as written.
    pub fn resolve(settings: &Settings) -> Result<Config, SettingError> {
        Config::resolve_on(settings, Machine::detect())
    }

    /// Like [`Config::resolve`], for a machine of your choice.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be used as written.
    pub fn resolve_on(settings: &Settings, machine: Machine) -> Result<Config, SettingError> {
        unknown::warn(settings);
        let mut values = HashMap::new();
        for setting in keys::all() {
            values.insert(setting.name, value_of(setting, settings)?);
        }
        let master = Master::parse(&read(&values, keys::MASTER), machine.cores)?;
        let memory = memory_limits(&values, machine.memory_bytes)?;
        check_together(&values, &memory)?;
        let hash_seed = read(&values, keys::HASH_SEED).number();
        let resolved = Resolved { written: settings.clone(), values, machine, master, memory, hash_seed };
        Ok(Config { resolved: Arc::new(resolved) })
    }

    /// The value of a setting.
    pub fn get<T: SettingValue>(&self, key: SettingKey<T>) -> T {
        read(&self.resolved.values, key)
    }

    /// The settings as the user wrote them.
    pub fn written(&self) -> &Settings {
        &self.resolved.written
    }

    /// Where the program runs.
    pub fn master(&self) -> Master {
        self.resolved.master
    }

    /// What the machine has.
    pub fn machine(&self) -> Machine {
        self.resolved.machine
    }

    /// The ceilings and floors of the account of memory. No ceiling is above the total, and they may overlap; no floor is
    /// above its ceiling, and all together are not above the total.
    pub fn memory(&self) -> MemoryLimits {
        self.resolved.memory
    }

    /// What the hash of keys starts from; a random one is drawn once a `Config`.
    pub fn hash_seed(&self) -> u64 {
        self.resolved.hash_seed
    }

    /// How many partitions a shuffle makes when the program gives no number: `spark.default.parallelism`, else the
    /// threads of the master.
    pub fn default_parallelism(&self) -> usize {
        self.get(keys::DEFAULT_PARALLELISM).unwrap_or(self.resolved.master.threads)
    }

    /// How often a task may fail before its job does: `F` of `local[N,F]`, else `spark.task.maxFailures`, else 1.
    pub fn task_max_failures(&self) -> u32 {
        self.resolved.master.max_failures.or(self.get(keys::TASK_MAX_FAILURES)).unwrap_or(1)
    }

    /// The folders for spilled and stored data: those of `spark.local.dir`, else the system's one.
    pub fn local_dirs(&self) -> Vec<PathBuf> {
        let written = self.get(keys::LOCAL_DIR).unwrap_or_default();
        let dirs: Vec<PathBuf> =
            written.split(',').map(str::trim).filter(|dir| !dir.is_empty()).map(PathBuf::from).collect();
        if dirs.is_empty() { vec![std::env::temp_dir()] } else { dirs }
    }
}

/// The value of `setting`: what is written under its name, else under an old one, else the default.
fn value_of(setting: &'static Setting, settings: &Settings) -> Result<AnyValue, SettingError> {
    if let Some(text) = settings.get(setting.name) {
        return setting.read(text);
    }
    match setting.old_names.iter().find_map(|old_name| settings.get(old_name)) {
        Some(text) => setting.read(text),
        None => setting.read_default(),
    }
}

#[expect(clippy::expect_used, reason = "every key is in the table, which was read with the key's own type")]
pub(super) fn read<T: SettingValue>(values: &HashMap<&'static str, AnyValue>, key: SettingKey<T>) -> T {
    let value = values.get(key.name()).expect("every setting of the table has a value");
    value.downcast_ref::<T>().expect("the value has the type of its key").clone()
}

/// The rules between settings that are each fine.
fn check_together(values: &HashMap<&'static str, AnyValue>, memory: &MemoryLimits) -> Result<(), SettingError> {
    let (heartbeat, timeout) = (read(values, keys::HEARTBEAT_INTERVAL), read(values, keys::NETWORK_TIMEOUT));
    if timeout <= heartbeat {
        return Err(SettingError::Together {
            name: keys::HEARTBEAT_INTERVAL.name(),
            given: format_duration(heartbeat),
            rule: format!(
                "{} is {}, before which it must come",
                keys::NETWORK_TIMEOUT.name(),
                format_duration(timeout)
            ),
            try_this: "make it a tenth of that".to_owned(),
        });
    }
    let (block, received) = (read(values, keys::RECEIVER_BLOCK_SIZE), memory.most(Pool::Received));
    if received < block.bytes() {
        let in_the_way = if memory.received < block.bytes() {
            format!("set {} higher", keys::MEMORY_RECEIVED_LIMIT.name())
        } else {
            "the floors of other data".to_owned()
        };
        return Err(SettingError::Together {
            name: keys::RECEIVER_BLOCK_SIZE.name(),
            given: block.to_string(),
            rule: format!("all received blocks together may take {}", ByteSize::new(received)),
            try_this: format!("make it smaller, or {in_the_way}"),
        });
    }
    Ok(())
}
