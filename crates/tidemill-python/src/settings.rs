//! Settings, as the Python package asks for them before there is an engine.

use pyo3::prelude::*;
use tidemill_core::settings::{DefaultValue, Setting, Settings, keys};

/// Names and texts of settings.
type Pairs = Vec<(String, String)>;

/// Every setting that the engine knows: its name, its default as it would be written (or in words), what it does.
#[pyfunction]
pub(crate) fn default_settings() -> Vec<(&'static str, &'static str, &'static str)> {
    let default = |setting: &'static Setting| match setting.default {
        DefaultValue::Written(text) | DefaultValue::Absent(text) => text,
    };
    keys::all().map(|setting| (setting.name, default(setting), setting.doc.trim())).collect()
}

/// Those of `settings` that a checkpoint may hold, sorted: no secrets, no credentials.
#[pyfunction]
pub(crate) fn kept_settings(settings: Pairs) -> Pairs {
    owned(Settings::from_pairs(settings).redacted().kept())
}

/// `settings` as they may be shown, sorted: the values of secrets are hidden.
#[pyfunction]
pub(crate) fn shown_settings(settings: Pairs) -> Pairs {
    owned(Settings::from_pairs(settings).redacted().iter())
}

fn owned<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Pairs {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
