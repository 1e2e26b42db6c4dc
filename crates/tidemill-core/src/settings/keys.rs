//! The table of settings: every name that means something here, with its type, default and description.

mod core;
mod memory;
mod monitoring;
mod python;
mod streaming;

pub use core::*;
pub use memory::*;
pub use monitoring::*;
pub use python::*;
pub use streaming::*;

use super::Setting;

/// The groups of the table, in the order of the page.
pub(super) const GROUPS: [(&str, &[&Setting]); 5] = [
    ("Core", core::TABLE),
    ("Memory", memory::TABLE),
    ("Streaming", streaming::TABLE),
    ("Monitoring", monitoring::TABLE),
    ("Python", python::TABLE),
];

/// Every entry of the table.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    GROUPS.iter().flat_map(|(_, settings)| settings.iter().copied())
}

/// Declares keys, each with its entry, and the `TABLE` of all of them: an entry cannot be left out of the table.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $key:ident: $type:ty = $name:literal $(, $method:ident($argument:expr))*;
    )+) => {
        $(
            $(#[doc = $doc])+
            pub const $key: SettingKey<$type> = SettingKey {
                setting: &Setting::of::<$type>($name, concat!($($doc),+))$(.$method($argument))*.complete(),
                value: std::marker::PhantomData,
            };
        )+
        pub(super) const TABLE: &[&Setting] = &[$($key.setting()),+];
    };
}
use settings;
