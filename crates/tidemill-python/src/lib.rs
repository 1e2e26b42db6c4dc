//! The extension module `tidemill._engine`: the engine, as the Python package sees it.

use pyo3::prelude::*;

pub mod pool;

/// The module that Python imports.
#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
