//! The extension module `tidemill._engine`: the engine, as the Python package sees it.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tidemill_core::lineage::Meta;
use tidemill_core::ship::NotShippable;

pub mod batch;
mod command;
pub mod chain;
pub mod context;
pub mod engine;
pub mod error;
pub mod layout;
pub mod pairs;
pub mod pool;
pub mod portable_hash;
pub mod rdd;
mod settings;
pub mod shuffle;
pub mod source;
mod start;
pub mod state;
pub mod status;
pub mod streaming;
mod waiting;
mod works;

/// The module that Python imports.
#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("EngineError", module.py().get_type::<error::EngineError>())?;
    module.add_class::<context::PyContext>()?;
    module.add_class::<rdd::PyRdd>()?;
    module.add_class::<rdd::PyRddIterator>()?;
    module.add_class::<status::PyStatus>()?;
    module.add_class::<streaming::PyStreamingContext>()?;
    module.add_class::<streaming::PyStream>()?;
    module.add_class::<streaming::PyFeed>()?;
    module.add_class::<streaming::PyCheckpoint>()?;
    module.add_function(wrap_pyfunction!(portable_hash::portable_hash, module)?)?;
    module.add_function(wrap_pyfunction!(settings::default_settings, module)?)?;
    module.add_function(wrap_pyfunction!(settings::kept_settings, module)?)?;
    module.add_function(wrap_pyfunction!(settings::shown_settings, module)?)?;
    module.add_function(wrap_pyfunction!(command::main, module)?)?;
    module.add_function(wrap_pyfunction!(command::submit_options, module)?)?;
    module.add_function(wrap_pyfunction!(streaming::refusal, module)?)?;
    module.add_function(wrap_pyfunction!(set_log_level, module)?)?;
    Ok(())
}

/// Sets how much the engine's log tells.
#[pyfunction]
fn set_log_level(level: &str) -> PyResult<()> {
    tidemill_core::set_log_level(level).map_err(|unknown| PyValueError::new_err(unknown.to_string()))
}

/// Why a node of this crate cannot be computed in another process.
fn not_shippable(meta: &Meta) -> NotShippable {
    NotShippable::because("RDDs of Python programs are computed in the driver's process and its workers")
        .at(&meta.operator)
}
