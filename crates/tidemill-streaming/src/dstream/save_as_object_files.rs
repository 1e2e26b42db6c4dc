//! `save_as_object_files`: a folder of files for each batch, with the records as they are in memory.

use tidemill_core::Element;

use crate::dstream::{DStream, FolderNames};

impl<T: Element> DStream<T> {
    /// Writes each batch, empty ones too, into a folder `prefix-<milliseconds>.suffix` that
    /// [`Context::object_file`](tidemill_core::Context::object_file) reads: Spark's `DStream.saveAsObjectFiles`. Names,
    /// order and errors are those of [`save_as_text_files`](DStream::save_as_text_files) (behaviour 2.15).
    ///
    /// ```text
    /// batch of 1000 ms: [(1, 2.5)]  ->  out-1000/part-00000, part-00001, _SUCCESS
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let test = TestContext::new();
    /// let (feed, readings) = test.input();
    /// readings.save_as_object_files(&folder.path().join("out").to_string_lossy(), "");
    /// feed.push([(1, 2.5)]);
    /// test.tick()?;
    /// let read = test.context().object_file::<(i32, f64)>(&folder.path().join("out-1000").to_string_lossy())?;
    /// assert_eq!(read.collect()?, [(1, 2.5)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn save_as_object_files(&self, prefix: &str, suffix: &str) {
        self.save_as_object_files_named(FolderNames::new(prefix, suffix));
    }

    /// [`save_as_object_files`](DStream::save_as_object_files) into folders with other names.
    ///
    /// ```no_run
    /// use tidemill_streaming::dstream::FolderNames;
    ///
    /// # fn example(readings: tidemill_streaming::DStream<(i32, f64)>) {
    /// readings.save_as_object_files_named(FolderNames::as_pyspark("out", None));
    /// # }
    /// ```
    #[track_caller]
    pub fn save_as_object_files_named(&self, names: FolderNames) {
        self.output("save_as_object_files", move |rdd, time| Ok(rdd.overwrite_object_file(&names.of(time))?));
    }
}
