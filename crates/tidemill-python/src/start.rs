//! What workers are started with, from what the Python side says.

use std::path::PathBuf;

use pyo3::conversion::FromPyObjectOwned;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::pool::{Interpreter, PoolSettings};
use crate::portable_hash::algorithm;

/// A text whose hash tells whether two interpreters place keys alike.
const PROBE: &str = "tidemill";

/// The settings of the pool whose workers run `python`; `init` is what `tidemill.context` fills in.
///
/// # Errors
/// Something in `init` is of another type than it ought to be.
pub(crate) fn pool_settings(py: Python<'_>, python: String, init: &Bound<'_, PyDict>) -> PyResult<PoolSettings> {
    let version = py.version_info();
    let hash = algorithm(py)?.text(PROBE);
    Ok(PoolSettings {
        python: PathBuf::from(python),
        package: package_folder(py)?,
        sys_path: of(init, "sys_path")?,
        cwd: PathBuf::from(of::<String>(init, "cwd")?),
        environment: of(init, "environment")?,
        broadcasts: PathBuf::from(of::<String>(init, "broadcasts")?),
        files: PathBuf::from(of::<String>(init, "files")?),
        // The settings say:
        scratch: Vec::new(),
        pyspark_alias: of(init, "pyspark_alias")?,
        memory: 0,
        hard_memory: 0,
        warm: 0,
        expected: Some(Interpreter { version: (u32::from(version.major), u32::from(version.minor)), hash }),
    })
}

/// The entry of `init`, or an empty value where it has none.
fn of<'py, T: Default + FromPyObjectOwned<'py>>(init: &Bound<'py, PyDict>, key: &str) -> PyResult<T> {
    match init.get_item(key)? {
        Some(value) => value.extract().map_err(Into::into),
        None => Ok(T::default()),
    }
}

/// The folder in which the package lies that this module belongs to.
fn package_folder(py: Python<'_>) -> PyResult<PathBuf> {
    let path: Vec<String> = py.import("tidemill")?.getattr("__path__")?.extract()?;
    let package = path.into_iter().next().map(PathBuf::from).unwrap_or_default();
    Ok(package.parent().map(PathBuf::from).unwrap_or_default())
}
