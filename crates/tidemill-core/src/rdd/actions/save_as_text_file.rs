//! `save_as_text_file`: a folder of text files, one a partition.

use std::fmt::{Display, Write as _};

use crate::Cause;
use crate::context::Context;
use crate::environment::Environment;
use crate::error::Error;
use crate::files::compression::Compression;
use crate::files::output::{Attempts, Existing, OutputFolder, REPLACE_PROPERTY, SYNC_PROPERTY};
use crate::files::paths::{self, Place};
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::settings::keys;
use crate::ship::Function;

/// So much text is collected before it is given to the file.
const PIECE_BYTES: usize = 64 << 10;

impl<T: Display + 'static> Rdd<T> {
    /// Writes each element as a line into the folder at `path`, a file `part-00000`, `part-00001`... for each partition:
    /// Spark's `RDD.saveAsTextFile`.
    ///
    /// The folder appears as a whole when all parts are complete, with the empty file `_SUCCESS`. A task that is run twice
    /// leaves one part. Of a job that failed nothing stays; what a program leaves that is killed, beside the folder's place, the
    /// next one that writes there removes.
    ///
    /// `path` may be a URL on [another machine](crate::files::remote), such as `s3://bucket/words` or `hdfs://host/words`. Its
    /// tasks then write to `spark.local.dir`, and the parts are copied when all are complete; in object stores, where no folder
    /// appears as a whole, `_SUCCESS` comes last and goes first.
    ///
    /// Errors: the folder is there already (behaviour 4.64: with `spark.hadoop.validateOutputSpecs=false` its parts are
    /// written over, and a batch of a stream takes the place of what is there); a file cannot be written; the job fails.
    ///
    /// ```
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("words");
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// context.parallelize(["tide", "mill"].map(String::from), 2).save_as_text_file(&path.to_string_lossy())?;
    /// assert_eq!(std::fs::read_to_string(path.join("part-00001"))?, "mill\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn save_as_text_file(&self, path: &str) -> Result<(), Error> {
        self.save_text(Operator::here("save_as_text_file"), path, Compression::Plain, self.existing_output())
    }

    /// [`save_as_text_file`](Rdd::save_as_text_file) with compressed files: `part-00000.gz`...
    #[track_caller]
    pub fn save_as_compressed_text_file(&self, path: &str, compression: Compression) -> Result<(), Error> {
        self.save_text(Operator::here("save_as_compressed_text_file"), path, compression, self.existing_output())
    }

    /// [`save_as_text_file`](Rdd::save_as_text_file) into a folder that may hold an earlier output, which this one replaces:
    /// for what is run again, as a batch of a stream is (behaviour 2.15).
    #[track_caller]
    pub fn overwrite_text_file(&self, path: &str) -> Result<(), Error> {
        self.save_text(Operator::here("overwrite_text_file"), path, Compression::Plain, Existing::Replace)
    }

    fn save_text(
        &self,
        operator: Operator,
        path: &str,
        compression: Compression,
        existing: Existing,
    ) -> Result<(), Error> {
        save_parts(self, &operator, path, (compression, existing), |attempts| {
            self.write_parts(operator.clone(), attempts)
        })
    }

    /// Writes and commits an attempt at each part.
    fn write_parts(&self, operator: Operator, attempts: &Attempts) -> Result<(), Error> {
        let code = Function { env: attempts.clone(), call: () };
        run_job(self, operator, self.all_partitions(), code, |mut drawn, code: &Function<Attempts, ()>| {
            let attempt = u64::from(drawn.cx.attempt());
            let mut file = code.env.start_attempt(drawn.cx.partition(), attempt)?;
            let mut text = String::new();
            let cx = std::sync::Arc::clone(&drawn.cx);
            drawn.for_each_run(|run| {
                cx.check()?;
                for element in run.drain(..) {
                    // Writing to a `String` fails only if `Display` does; then what it wrote so far is the line.
                    let _ = writeln!(text, "{element}");
                    if text.len() >= PIECE_BYTES {
                        file.write(text.as_bytes())?;
                        text.clear();
                    }
                }
                Ok(())
            })?;
            file.write(text.as_bytes())?;
            file.commit()?;
            Ok(())
        })?;
        Ok(())
    }
}

impl<T: AsRef<[u8]> + 'static> Rdd<T> {
    /// Writes the bytes of the elements one after the other, as they are, by the rules of
    /// [`save_as_text_file`](Rdd::save_as_text_file): for those who make lines themselves.
    ///
    /// ```
    /// use tidemill_core::files::compression::Compression;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("words");
    /// let context = tidemill_core::Context::local(2)?;
    /// let blocks = context.parallelize([b"tide\nand\n".to_vec(), b"mill\n".to_vec()], 2);
    /// blocks.save_bytes(&path.to_string_lossy(), Compression::Plain)?;
    /// assert_eq!(std::fs::read_to_string(path.join("part-00000"))?, "tide\nand\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn save_bytes(&self, path: &str, compression: Compression) -> Result<(), Error> {
        self.save_bytes_as(Operator::here("save_bytes"), path, compression, self.existing_output())
    }

    /// [`save_bytes`](Rdd::save_bytes) into a folder that may hold an earlier output, which this one replaces: for what is
    /// run again, as a batch of a stream is (behaviour 2.15).
    #[track_caller]
    pub fn overwrite_bytes(&self, path: &str, compression: Compression) -> Result<(), Error> {
        self.save_bytes_as(Operator::here("overwrite_bytes"), path, compression, Existing::Replace)
    }

    fn save_bytes_as(
        &self,
        operator: Operator,
        path: &str,
        compression: Compression,
        existing: Existing,
    ) -> Result<(), Error> {
        save_parts(self, &operator, path, (compression, existing), |attempts| {
            let code = Function { env: attempts.clone(), call: () };
            let all = self.all_partitions();
            run_job(self, operator.clone(), all, code, |mut drawn, code: &Function<Attempts, ()>| {
                let mut file = code.env.start_attempt(drawn.cx.partition(), u64::from(drawn.cx.attempt()))?;
                let cx = std::sync::Arc::clone(&drawn.cx);
                drawn.for_each_run(|run| {
                    cx.check()?;
                    run.drain(..).try_for_each(|bytes| Ok(file.write(bytes.as_ref())?))
                })?;
                file.commit()?;
                Ok(())
            })?;
            Ok(())
        })
    }
}

impl<T: 'static> Rdd<T> {
    /// What is to become of an output folder that is there already.
    pub(super) fn existing_output(&self) -> Existing {
        if is_true(self.context(), REPLACE_PROPERTY) {
            return Existing::Replace;
        }
        if self.context().config().get(keys::VALIDATE_OUTPUT_SPECS) { Existing::Refuse } else { Existing::WriteOver }
    }
}

/// Has `write` write an attempt at each part of `rdd`, and commits them, or removes them where that fails.
pub(super) fn save_parts<T: 'static>(
    rdd: &Rdd<T>,
    operator: &Operator,
    path: &str,
    (compression, existing): (Compression, Existing),
    write: impl FnOnce(&Attempts) -> Result<(), Error>,
) -> Result<(), Error> {
    let sync = is_true(rdd.context(), SYNC_PROPERTY);
    let folder = output_folder(rdd.context().environment(), path, compression, existing);
    let folder = folder.map_err(|cause| Error::driver(operator, cause))?.synced(sync);
    let written = write(folder.attempts())
        .and_then(|()| folder.commit(rdd.num_partitions()).map_err(|cause| Error::driver(operator, cause)));
    if written.is_err()
        && let Err(error) = folder.abort()
    {
        // The failure that led here is the one to be returned.
        tracing::warn!(%error, folder = folder.uri(), "What a failed job wrote could not be removed.");
    }
    written
}

fn is_true(context: &Context, property: &str) -> bool {
    context.local_property(property).is_some_and(|value| value == "true")
}

fn output_folder(
    environment: &Environment,
    path: &str,
    compression: Compression,
    existing: Existing,
) -> Result<OutputFolder, Cause> {
    match paths::place(path)? {
        Place::Local(path) => OutputFolder::create(&path, compression, existing),
        Place::Remote(path) => {
            let files = environment.remote.open(&path)?;
            OutputFolder::create_remote(files, &path, environment.spill.create_folder()?, compression, existing)
        }
    }
}
