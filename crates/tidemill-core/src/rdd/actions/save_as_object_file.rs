//! `save_as_object_file` and `object_file`: elements in files, as they are in memory.

use super::save_as_text_file::save_parts;
use crate::context::Context;
use crate::error::Error;
use crate::files::checksummed;
use crate::files::compression::Compression;
use crate::files::output::{Attempts, Existing, write_failure};
use crate::files::paths;
use crate::lineage::Operator;
use crate::rdd::{Rdd, run_job};
use crate::runs::run_len;
use crate::ship::Function;
use crate::{Cause, Element};

impl<T: Element> Rdd<T> {
    /// Writes the elements into the folder at `path`, a file `part-00000`, `part-00001`... for each partition, in the
    /// format of checkpoints: Spark's `RDD.saveAsObjectFile`. [`Context::object_file`] reads them.
    ///
    /// The parts appear as those of [`save_as_text_file`](Rdd::save_as_text_file) do, under the same settings.
    ///
    /// ```
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("numbers");
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// context.parallelize([(1, 2.5), (2, 0.5)], 2).save_as_object_file(&path.to_string_lossy())?;
    /// let read = context.object_file::<(i32, f64)>(&path.to_string_lossy())?;
    /// assert_eq!(read.glom().collect()?, [[(1, 2.5)], [(2, 0.5)]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn save_as_object_file(&self, path: &str) -> Result<(), Error> {
        self.save_objects(Operator::here("save_as_object_file"), path, self.existing_output())
    }

    /// [`save_as_object_file`](Rdd::save_as_object_file) into a folder that may hold an earlier output, which this one
    /// replaces: for what is run again, as a batch of a stream is (behaviour 2.15).
    #[track_caller]
    pub fn overwrite_object_file(&self, path: &str) -> Result<(), Error> {
        self.save_objects(Operator::here("overwrite_object_file"), path, Existing::Replace)
    }

    fn save_objects(&self, operator: Operator, path: &str, existing: Existing) -> Result<(), Error> {
        save_parts(self, &operator, path, (Compression::Plain, existing), |attempts| {
            self.write_objects(operator.clone(), attempts)
        })
    }

    /// Writes and commits an attempt at each part.
    fn write_objects(&self, operator: Operator, attempts: &Attempts) -> Result<(), Error> {
        let code = Function { env: attempts.clone(), call: () };
        run_job(self, operator, self.all_partitions(), code, |mut drawn, code: &Function<Attempts, ()>| {
            let file = code.env.start_attempt(drawn.cx.partition(), u64::from(drawn.cx.attempt()))?;
            let (path, cx) = (file.path().to_path_buf(), std::sync::Arc::clone(&drawn.cx));
            let failed = |error| write_failure("write", &path, error);
            let mut frames = checksummed::frames(file, std::any::type_name::<T>()).map_err(failed)?;
            drawn.for_each_run(|run| {
                cx.check()?;
                for elements in run.chunks(run_len::<T>()) {
                    let frame = postcard::to_stdvec(elements).map_err(|e| Cause::codec::<T>("encode", e))?;
                    frames.write(&frame).map_err(failed)?;
                }
                Ok(())
            })?;
            frames.finish().map_err(failed)?.commit()?;
            Ok(())
        })?;
        Ok(())
    }
}

impl Context {
    /// The elements that [`save_as_object_file`](Rdd::save_as_object_file) wrote, a partition a part: Spark's
    /// `SparkContext.objectFile`. They must have been written with the same type.
    #[track_caller]
    pub fn object_file<T: Element>(&self, path: &str) -> Result<Rdd<T>, Error> {
        let operator = Operator::here("object_file");
        self.read_folder("object_file", paths::local(path).map_err(|cause| Error::driver(&operator, cause))?)
    }
}
