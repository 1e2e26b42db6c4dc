//! HDFS, by its own protocol: no JVM, no gateway.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;

use hdfs_native::{Client, ClientBuilder, HdfsError, WriteOptions};
use tidemill_core::files::remote::RemoteFiles;
use tidemill_core::{Cause, Settings};

use super::{Runtime, read_up_to};

pub(super) const SCHEME: &str = "hdfs";
/// What Hadoop's settings begin with in Spark's.
const HADOOP: &str = "spark.hadoop.";
/// How often a name node is tried again that does not answer, each time after a longer while.
const ATTEMPTS: &str = "dfs.client.failover.max.attempts";
/// Where there is only one name node, so that an error comes within half a minute: there is none to change to.
const ATTEMPTS_ALONE: &str = "4";
/// So much is read and written at a time; each copy holds it in memory.
const PIECE_BYTES: u64 = 1 << 20;
/// The mode of folders that are made, before the masks of the name node: Hadoop's own.
const FOLDER_MODE: u32 = 0o755;

/// The files of the HDFS at `root`: `hdfs://host:port`, `hdfs://service`, or `hdfs://` for the one that is configured. Nothing
/// is asked of it yet.
pub(super) fn open_files(root: &str, settings: &Settings) -> Result<Arc<dyn RemoteFiles>, Cause> {
    let runtime = Runtime::start().map_err(|error| Cause::file("start a thread for", root, error))?;
    let mut builder = ClientBuilder::new().with_config(options(root, settings)).with_io_runtime(runtime.handle());
    if authority(root).is_some() {
        builder = builder.with_url(root);
    }
    let client = builder.build().map_err(|error| {
        let text = failed(error).to_string();
        Cause::Invalid(format!(
            "{root} cannot be reached: {text}; give a URL such as hdfs://host:8020/path, or name the folder of core-site.xml and \
             hdfs-site.xml in HADOOP_CONF_DIR"
        ))
    })?;
    Ok(Arc::new(HdfsFiles { client, location: root.into(), runtime }))
}

fn authority(root: &str) -> Option<&str> {
    root.split_once("://").map(|(_, authority)| authority).filter(|authority| !authority.is_empty())
}

/// Hadoop's settings of the program; they win over files of `HADOOP_CONF_DIR`.
fn options(root: &str, settings: &Settings) -> Vec<(String, String)> {
    let hadoop = |(name, value): (&str, &str)| Some((name.strip_prefix(HADOOP)?.to_owned(), value.to_owned()));
    let mut options: Vec<(String, String)> = settings.iter().filter_map(hadoop).collect();
    let is_alone = authority(root).is_some_and(|authority| authority.contains(':'));
    if is_alone && !options.iter().any(|(name, _)| name == ATTEMPTS) {
        options.push((ATTEMPTS.into(), ATTEMPTS_ALONE.into()));
    }
    options
}

struct HdfsFiles {
    client: Client,
    location: String,
    runtime: Runtime,
}

impl HdfsFiles {
    /// Makes a request and waits for its answer.
    fn ask<T, F>(&self, request: impl FnOnce(Client) -> F) -> io::Result<T>
    where
        T: Send + 'static,
        F: Future<Output = hdfs_native::Result<T>> + Send + 'static,
    {
        self.runtime.run(request(self.client.clone()))?.map_err(failed)
    }
}

impl RemoteFiles for HdfsFiles {
    fn has_folders(&self) -> bool {
        true
    }

    fn list(&self, folder: &str) -> io::Result<Option<Vec<String>>> {
        let folder = absolute(folder);
        let listed = self.ask(|client| async move {
            match client.get_file_info(&folder).await? {
                found if found.isdir => client.list_status(&folder, false).await.map(Some),
                _ => Ok(None),
            }
        });
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        match listed {
            Ok(Some(listed)) => Ok(Some(listed.iter().map(|it| name(&it.path)).collect())),
            Ok(None) => Err(io::ErrorKind::NotADirectory.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn put(&self, path: &str, file: &mut File) -> io::Result<()> {
        let path = absolute(path);
        let options = WriteOptions::default().overwrite(true).create_parent(true);
        let mut writer = self.ask(|client| async move { client.create(&path, options).await })?;
        loop {
            let piece = read_up_to(file, PIECE_BYTES)?;
            if piece.is_empty() {
                return self.ask(|_| async move { writer.close().await });
            }
            writer = self.ask(|_| async move { writer.write_bytes(piece.into()).await.map(|_| writer) })?;
        }
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let path = absolute(path);
        self.ask(|client| async move { client.delete(&path, true).await.map(drop) })
    }

    fn rename_folder(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (absolute(from), absolute(to));
        self.ask(|client| async move {
            if let Some((above, _)) = to.rsplit_once('/').filter(|(above, _)| !above.is_empty()) {
                client.mkdirs(above, FOLDER_MODE, true).await?;
            }
            client.rename(&from, &to, false).await
        })
    }
}

impl fmt::Debug for HdfsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HdfsFiles").field(&self.location).finish()
    }
}

fn absolute(path: &str) -> String {
    format!("/{path}")
}

/// The name node sends the stack of its Java threads with each error: only the first line is for people.
fn failed(error: HdfsError) -> io::Error {
    let kind = match &error {
        HdfsError::FileNotFound(_) => io::ErrorKind::NotFound,
        HdfsError::AlreadyExists(_) => io::ErrorKind::AlreadyExists,
        HdfsError::IOError(error) => error.kind(),
        HdfsError::RPCError(class, _) | HdfsError::FatalRPCError(class, _) => kind_of(class),
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error.to_string().lines().next().unwrap_or_default().trim().to_owned())
}

/// The kind of a Java exception, by the name of its class.
fn kind_of(class: &str) -> io::ErrorKind {
    match class.rsplit('.').next().unwrap_or_default() {
        "FileNotFoundException" => io::ErrorKind::NotFound,
        "FileAlreadyExistsException" => io::ErrorKind::AlreadyExists,
        "AccessControlException" => io::ErrorKind::PermissionDenied,
        "DSQuotaExceededException" | "NSQuotaExceededException" | "QuotaByStorageTypeExceededException" => {
            io::ErrorKind::QuotaExceeded
        }
        "ParentNotDirectoryException" => io::ErrorKind::NotADirectory,
        "SafeModeException" => io::ErrorKind::ReadOnlyFilesystem,
        _ => io::ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests;
