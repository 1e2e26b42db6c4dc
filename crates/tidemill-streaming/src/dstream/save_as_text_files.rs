//! `save_as_text_files`: a folder of text files for each batch.

use std::fmt::Display;

use crate::dstream::{DStream, FolderNames};

impl<T: Display + 'static> DStream<T> {
    /// Writes each batch, empty ones too, into a folder `prefix-<milliseconds>.suffix`, a line a record and a file a
    /// partition: Spark's `DStream.saveAsTextFiles`. An empty prefix or suffix is left out (behaviour 2.15). The prefix is a path
    /// or the URL of [another machine](crate::remote).
    ///
    /// The files appear when all of them are complete, and last of all `_SUCCESS`. A batch that is run again replaces what
    /// it wrote before. A batch that cannot be written is an error of that batch; later ones go on.
    ///
    /// ```text
    /// batch of 1000 ms: ["to", "be"]  ->  out-1000.txt/part-00000, part-00001, _SUCCESS
    /// batch of 2000 ms: []            ->  out-2000.txt/part-00000, part-00001, _SUCCESS
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let test = TestContext::new();
    /// let (feed, words) = test.input();
    /// words.save_as_text_files(&folder.path().join("out").to_string_lossy(), "txt");
    /// feed.push(["to", "be"].map(String::from));
    /// test.tick()?;
    /// assert_eq!(std::fs::read_to_string(folder.path().join("out-1000.txt/part-00001"))?, "be\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn save_as_text_files(&self, prefix: &str, suffix: &str) {
        self.save_as_text_files_named(FolderNames::new(prefix, suffix));
    }

    /// [`save_as_text_files`](DStream::save_as_text_files) into folders with other names, as PySpark's (behaviour 1.42).
    ///
    /// ```no_run
    /// use tidemill_streaming::dstream::FolderNames;
    ///
    /// # fn example(words: tidemill_streaming::DStream<tidemill_core::Text>) {
    /// words.save_as_text_files_named(FolderNames::as_pyspark("out", None));
    /// # }
    /// ```
    #[track_caller]
    pub fn save_as_text_files_named(&self, names: FolderNames) {
        self.output("save_as_text_files", move |rdd, time| Ok(rdd.overwrite_text_file(&names.of(time))?));
    }
}
