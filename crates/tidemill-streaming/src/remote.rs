//! Files on other machines: object stores (S3, Google Cloud Storage, Azure) and HDFS.
//!
//! Outputs are saved there (`save_as_text_files("s3://bucket/words", "")`), and [checkpoints](crate::checkpoint) can be kept in
//! object stores.
//!
//! | URL | cargo feature | reached by |
//! |---|---|---|
//! | `s3://`, `s3a://` | `object-store` | `AWS_*` of the environment, Hadoop's `spark.hadoop.fs.s3a.*` |
//! | `gs://` | `object-store` | `GOOGLE_*` |
//! | `az://`, `azure://`, `adl://`, `abfs://`, `abfss://` | `object-store` | `AZURE_*` |
//! | `hdfs://` | `hdfs` | `HADOOP_CONF_DIR` or `HADOOP_HOME`, `spark.hadoop.dfs.*`, `HADOOP_USER_NAME`, Kerberos tickets |
//!
//! The libraries speak async Rust. Their requests run on a thread of their own for each bucket or HDFS, for which the caller
//! waits, so no runtime reaches any other code.

#[cfg(any(feature = "object-store", feature = "hdfs"))]
use std::{
    fs::File,
    io::{self, Read},
    sync::Arc,
};

use tidemill_core::Context;

#[cfg(feature = "hdfs")]
mod hdfs;
#[cfg(feature = "object-store")]
pub(crate) mod objects;
#[cfg(feature = "object-store")]
mod options;
#[cfg(any(feature = "object-store", feature = "hdfs"))]
mod runtime;

#[cfg(any(feature = "object-store", feature = "hdfs"))]
pub(crate) use runtime::Runtime;

/// Lets the jobs of `context` save to other machines, as far as this build can. A
/// [`StreamingContext`](crate::StreamingContext) does so when it is made; programs without one call it themselves.
///
/// Nothing is asked of any machine before something is saved there. A scheme that somebody else has
/// [registered](tidemill_core::files::remote::RemoteFileSystems::register) stays theirs.
///
/// ```
/// let context = tidemill_core::Context::local(2)?;
/// tidemill_streaming::remote::register(&context);
/// # if cfg!(feature = "object-store") {
/// assert!(context.environment().remote.knows("s3"));
/// # }
/// # Ok::<(), tidemill_core::Error>(())
/// ```
pub fn register(context: &Context) {
    let remote = &context.environment().remote;
    #[cfg(feature = "object-store")]
    for scheme in objects::SCHEMES.into_iter().filter(|scheme| !remote.knows(scheme)) {
        let settings = context.config().written().clone();
        remote.register(scheme, Arc::new(move |root| objects::open_files(root, &settings)));
    }
    #[cfg(feature = "hdfs")]
    if !remote.knows(hdfs::SCHEME) {
        let settings = context.config().written().clone();
        remote.register(hdfs::SCHEME, Arc::new(move |root| hdfs::open_files(root, &settings)));
    }
    #[cfg(not(any(feature = "object-store", feature = "hdfs")))]
    let _ = remote;
}

/// What is no URL as messages show it: whatever stands before an `@` may be a secret.
pub(crate) fn without_user(location: &str) -> &str {
    location.rsplit_once('@').map_or(location, |(_, rest)| rest)
}

/// The next bytes of a file, so many at most; none at its end.
#[cfg(any(feature = "object-store", feature = "hdfs"))]
fn read_up_to(file: &mut File, bytes: u64) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    file.take(bytes).read_to_end(&mut piece)?;
    Ok(piece)
}
