//! `text_file_stream`, `binary_records_stream` and `file_stream`: what users call.

use std::path::Path;
use std::sync::Arc;

use tidemill_core::lineage::Operator;
use tidemill_core::{Cause, Context, Rdd, Text, TextBlock};

use crate::context::StreamingContext;
use crate::dead_letter::{DeadLetter, OnError, Parsed};
use crate::dstream::DStream;
use crate::input::Input;
use crate::input::files::listing::Folders;
use crate::input::files::{FileInput, FileOptions, Files, refuse_hidden};

impl StreamingContext {
    /// The lines of files that appear in a folder: Spark's `textFileStream` (behaviour 1.13).
    ///
    /// `directory` is a path, or a pattern that stands for several folders. A batch takes what lies right in them and was
    /// modified after the stream was made and up to the batch's time, unless it was taken within the last
    /// `spark.streaming.fileStream.minRememberDuration` already (behaviour 1.14). So a file must appear as a whole: write
    /// it elsewhere on the same disk and move it in; what is added to it later is never read. A file that is moved in
    /// keeps its time, and an old one is never taken. Systems stamp files with a clock that lags a few milliseconds, so one
    /// that is written right after the stream was made may count as older than it, too. A folder inside the folder is read as one file, one level deep. A
    /// folder that is missing gives empty batches and one warning.
    ///
    /// | batch | new in the folder | out |
    /// | --- | --- | --- |
    /// | 1 | `a` with two lines | both lines, in a partition |
    /// | 2 | | no partitions |
    /// | 3 | `b`, `c` | the lines of the older file, then those of the other |
    ///
    /// Names that begin with a dot are left out. One that begins with `_` fails its batch, as in Spark; so does a file that
    /// vanishes before it is read. Lines end with `\n`, `\r\n` or a lone `\r`; malformed UTF-8 becomes U+FFFD.
    ///
    /// # Errors
    /// A malformed pattern, and a file system that this build cannot read, are errors of `start`.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// let test = TestContext::new();
    /// let folder = tempfile::tempdir()?;
    /// let lines = test.streaming().text_file_stream(&folder.path().to_string_lossy());
    /// let seen = test.collect(&lines.map(|line| line.to_string()));
    ///
    /// let path = folder.path().join("words.txt");
    /// std::fs::write(&path, "tide\nmill\n")?;
    /// // The clock of this test stands at 1970, and so must the file.
    /// std::fs::File::options().write(true).open(&path)?.set_modified(UNIX_EPOCH + Duration::from_millis(900))?;
    /// test.tick()?;
    /// test.tick()?;
    /// assert_eq!(seen.values(), [vec!["tide".to_string(), "mill".to_string()], vec![]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn text_file_stream(&self, directory: &str) -> DStream<Text> {
        let operator = Operator::here("text_file_stream");
        let read = move |context: &Context, path: &Path| {
            refuse_hidden(&operator, path)?;
            context.text_at("text_file_stream", path)
        };
        self.files("text_file_stream", Folders::new(directory), FileOptions::new(), read).1
    }

    /// The records, all of `record_bytes` bytes, of files that appear in a folder: Spark's `binaryRecordsStream`
    /// (behaviour 1.15). Files are taken as by [`text_file_stream`](StreamingContext::text_file_stream).
    ///
    /// | batch | new in the folder | out, with 2 bytes a record |
    /// | --- | --- | --- |
    /// | 1 | `a` with 1 2 3 4 | \[1, 2\], \[3, 4\] |
    /// | 2 | `b` with 5 6 7 | the batch fails |
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// let test = TestContext::new();
    /// let folder = tempfile::tempdir()?;
    /// let seen = test.collect(&test.streaming().binary_records_stream(&folder.path().to_string_lossy(), 2));
    ///
    /// let path = folder.path().join("records");
    /// std::fs::write(&path, [1, 2, 3, 4])?;
    /// std::fs::File::options().write(true).open(&path)?.set_modified(UNIX_EPOCH + Duration::from_millis(900))?;
    /// test.tick()?;
    /// assert_eq!(seen.values(), [[vec![1, 2], vec![3, 4]]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn binary_records_stream(&self, directory: &str, record_bytes: u64) -> DStream<Vec<u8>> {
        self.binary_records_stream_with(directory, record_bytes, OnError::Fail).records().clone()
    }

    /// [`binary_records_stream`](StreamingContext::binary_records_stream) that does with a partial record at the end of a
    /// file as `on_error` says.
    #[track_caller]
    pub fn binary_records_stream_with(&self, directory: &str, record_bytes: u64, on_error: OnError) -> Parsed<Vec<u8>> {
        let name = "binary_records_stream";
        let operator = Operator::here(name);
        let read = move |context: &Context, path: &Path| {
            refuse_hidden(&operator, path)?;
            let shown = path.display().to_string();
            let whole = move |(shown, record_bytes): &(String, u64), record: Vec<u8>| {
                if record.len() as u64 == *record_bytes {
                    Ok(record)
                } else {
                    Err(partial(shown, *record_bytes, record))
                }
            };
            Ok(context.records_at(name, path, record_bytes)?.map_with((shown, record_bytes), whole))
        };
        let none = || Cause::Invalid("the record length of binary_records_stream must be at least 1 byte".into());
        let folders = if record_bytes == 0 { Err(none()) } else { Folders::new(directory) };
        let (input, pieces) = self.files(name, folders, FileOptions::new(), read);
        Parsed::kept(&pieces, name, &input.name(), on_error)
    }

    /// What `read` makes of each file that appears in a folder, a file after the other: Spark's `fileStream` (behaviour
    /// 2.8). `read` is called in the driver, when the batch is run, with the path of the file; an error of it loses the
    /// batch. Files are taken as by [`text_file_stream`](StreamingContext::text_file_stream), but for what `options` say.
    ///
    /// | batch | new in the folder | out |
    /// | --- | --- | --- |
    /// | 1 | `a`, `b` | `read(a)` and `read(b)`, as their union |
    /// | 2 | | no partitions |
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use tidemill_streaming::FileOptions;
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// let test = TestContext::new();
    /// let folder = tempfile::tempdir()?;
    /// let only_csv = FileOptions::new().filter(|path| path.extension().is_some_and(|end| end == "csv"));
    /// let rows = test.streaming().file_stream(&folder.path().to_string_lossy(), only_csv, |context, path| {
    ///     Ok(context.text_at("rows", path)?.map(|line| line.split(',').count()))
    /// });
    /// let seen = test.collect(&rows);
    ///
    /// for name in ["a.csv", "a.txt"] {
    ///     let path = folder.path().join(name);
    ///     std::fs::write(&path, "1,2,3\n")?;
    ///     std::fs::File::options().write(true).open(&path)?.set_modified(UNIX_EPOCH + Duration::from_millis(900))?;
    /// }
    /// test.tick()?;
    /// assert_eq!(seen.values(), [[3]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn file_stream<T, F>(&self, directory: &str, options: FileOptions, read: F) -> DStream<T>
    where
        T: 'static,
        F: Fn(&Context, &Path) -> Result<Rdd<T>, tidemill_core::Error> + Send + Sync + 'static,
    {
        self.files("file_stream", Folders::new(directory), options, read).1
    }

    /// The blocks of text that [`text_file_stream`](StreamingContext::text_file_stream) takes its lines from, for operators
    /// on blocks.
    #[track_caller]
    pub fn text_file_blocks(&self, directory: &str) -> DStream<TextBlock> {
        let operator = Operator::here("text_file_blocks");
        let read = move |context: &Context, path: &Path| {
            refuse_hidden(&operator, path)?;
            context.text_blocks_at("text_file_blocks", path)
        };
        self.files("text_file_blocks", Folders::new(directory), FileOptions::new(), read).1
    }

    #[track_caller]
    fn files<T, F>(
        &self,
        name: &'static str,
        folders: Result<Folders, Cause>,
        options: FileOptions,
        read: F,
    ) -> (Arc<FileInput>, DStream<T>)
    where
        T: 'static,
        F: Fn(&Context, &Path) -> Result<Rdd<T>, tidemill_core::Error> + Send + Sync + 'static,
    {
        let operator = Operator::here(name);
        let input = self.add_input(|id| Arc::new(FileInput::new(self, id, operator, folders, options)));
        let stream = self.stream(name, Files { input: Arc::clone(&input), read });
        (input, stream)
    }
}

fn partial(file: &str, record_bytes: u64, record: Vec<u8>) -> DeadLetter {
    let reason = format!(
        "the last record of {file} is partial, {} bytes of {record_bytes}; check the record length, or whether the file was \
         cut off or is still being written",
        record.len()
    );
    DeadLetter::new(reason, record)
}
