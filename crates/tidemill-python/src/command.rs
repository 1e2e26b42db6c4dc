//! The command line for the package's script: the library's own, and programs that Python runs.

use std::cell::RefCell;
use std::ffi::OsString;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tidemill::cli::{self, Demo, Program, Programs, Submission};

/// What runs programs: a Python object with `run` and `shell`.
struct InPython<'py> {
    programs: Bound<'py, PyAny>,
    /// What a call of it raised, SystemExit included; the caller of `main` gets it.
    raised: RefCell<Option<PyErr>>,
}

impl InPython<'_> {
    /// The exit code of a call; an exception is kept, and the code is then nobody's.
    fn code(&self, called: PyResult<u8>) -> u8 {
        called.unwrap_or_else(|error| {
            *self.raised.borrow_mut() = Some(error);
            1
        })
    }
}

impl Programs for InPython<'_> {
    fn run(&self, program: &Program) -> u8 {
        let call = || {
            let options = options(self.programs.py(), &program.submission)?;
            options.set_item("program", program.file.as_os_str())?;
            options.set_item("arguments", &program.arguments)?;
            self.programs.call_method1("run", (options,))?.extract()
        };
        self.code(call())
    }

    fn shell(&self, submission: &Submission) -> u8 {
        let call = || self.programs.call_method1("shell", (options(self.programs.py(), submission)?,))?.extract();
        self.code(call())
    }

    fn demo(&self, demo: &Demo) -> u8 {
        let Demo { host, port, interval, batches, master } = demo;
        let call = || {
            let options = options(self.programs.py(), &Submission::default())?;
            options.get_item("settings")?.map_or(Ok(()), |settings| settings.set_item("spark.master", master))?;
            let arguments = [host.clone(), port.to_string(), interval.as_secs_f64().to_string()];
            options.set_item(
                "arguments",
                arguments.into_iter().chain(batches.map(|it| it.to_string())).collect::<Vec<_>>(),
            )?;
            self.programs.call_method1("demo", (options,))?.extract()
        };
        self.code(call())
    }
}

/// Does what the words of a command line say, and gives the exit code; `programs` runs Python programs. What a program
/// raises comes out of here.
#[pyfunction]
pub(crate) fn main(arguments: Vec<OsString>, programs: Bound<'_, PyAny>) -> PyResult<u8> {
    let programs = InPython { programs, raised: RefCell::new(None) };
    let code = cli::main(arguments, Some(&programs));
    programs.raised.into_inner().map_or(Ok(code), Err)
}

/// What the words of `PYSPARK_SUBMIT_ARGS` come to. Raises ValueError for words that make no sense.
#[pyfunction]
pub(crate) fn submit_options(py: Python<'_>, words: Vec<OsString>) -> PyResult<Bound<'_, PyDict>> {
    options(py, &cli::submission(words).map_err(PyValueError::new_err)?)
}

fn options<'py>(py: Python<'py>, submission: &Submission) -> PyResult<Bound<'py, PyDict>> {
    let settings = PyDict::new(py);
    for (key, value) in submission.settings.iter() {
        settings.set_item(key, value)?;
    }
    let options = PyDict::new(py);
    options.set_item("settings", settings)?;
    options.set_item("py_files", &submission.py_files)?;
    options.set_item("files", &submission.files)?;
    options.set_item("archives", &submission.archives)?;
    Ok(options)
}
