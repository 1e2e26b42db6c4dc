//! Object stores: how their URLs are opened, and their objects as files of an output.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;

use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, ObjectStoreScheme, PutMultipartOptions, PutPayload};
use tidemill_core::files::remote::RemoteFiles;
use tidemill_core::{Cause, Settings};
use url::Url;

use super::options::options;
use super::{Runtime, read_up_to, without_user};

/// The schemes of the URLs that can be opened.
pub(super) const SCHEMES: [&str; 8] = ["s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss"];
/// What stands in messages about URLs that are none.
pub(crate) const EXAMPLE: &str =
    "give a URL such as s3://bucket/path, gs://bucket/path or az://container/path, or a local directory";
/// Where machines in the cloud are asked for credentials if none are set.
const INSTANCE_METADATA: &str = "169.254.169.254";
/// Larger files are uploaded in pieces, which are at least so long: the least that S3 takes. Each copy holds one in memory.
const PIECE_BYTES: u64 = 5 << 20;
/// Stores take no more pieces than this.
const PIECES_MAX: u64 = 10_000;

/// An object store behind a URL.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The path of the URL.
    pub(crate) prefix: Path,
    /// The URL as messages show it.
    pub(crate) location: String,
}

/// Why a URL cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{location}: {text}")]
pub(crate) struct Unusable {
    /// The URL, without secrets.
    pub(crate) location: String,
    pub(crate) text: String,
}

impl Unusable {
    fn new(location: &str, text: impl Into<String>) -> Unusable {
        Unusable { location: location.into(), text: text.into() }
    }
}

/// Opens a URL. Nothing is asked of the store yet.
pub(crate) fn open(location: &str, settings: &Settings) -> Result<Opened, Unusable> {
    let no_url = |error| Unusable::new(without_user(location), format!("{error}; {EXAMPLE}"));
    let url = Url::parse(location).map_err(no_url)?;
    let shown = without_secrets(&url);
    let has_user = !url.username().is_empty() && !names_container(&url);
    if has_user || url.password().is_some() || url.query().is_some() {
        let text = "a location holds no credentials, which would get into logs; give them by the environment";
        return Err(Unusable::new(&shown, text));
    }
    match ObjectStoreScheme::parse(&url) {
        Ok((ObjectStoreScheme::Memory | ObjectStoreScheme::Local | ObjectStoreScheme::Http, _)) | Err(_) => {
            return Err(Unusable::new(&shown, format!("no object store; {EXAMPLE}")));
        }
        Ok(_) => {}
    }
    install_tls();
    let opened = object_store::parse_url_opts(&url, options(std::env::vars_os(), settings));
    let (store, prefix) = opened.map_err(|error| Unusable::new(&shown, format!("{error}; {EXAMPLE}")))?;
    Ok(Opened { store: store.into(), prefix, location: shown })
}

/// The objects of one bucket as files of outputs.
pub(super) fn open_files(root: &str, settings: &Settings) -> Result<Arc<dyn RemoteFiles>, Cause> {
    let opened = open(root, settings).map_err(|error| Cause::Invalid(error.to_string()))?;
    let files = ObjectFiles::on(opened.store, opened.location);
    Ok(Arc::new(files.map_err(|error| Cause::file("start a thread for", root, error))?))
}

/// Objects as files. Folders are no more than the first parts of names.
struct ObjectFiles {
    store: Arc<dyn ObjectStore>,
    location: String,
    runtime: Runtime,
}

impl ObjectFiles {
    fn on(store: Arc<dyn ObjectStore>, location: String) -> io::Result<ObjectFiles> {
        Ok(ObjectFiles { store, location, runtime: Runtime::start()? })
    }

    /// Makes a request and waits for its answer.
    fn ask<T, F>(&self, request: impl FnOnce(Arc<dyn ObjectStore>) -> F) -> io::Result<T>
    where
        T: Send + 'static,
        F: Future<Output = object_store::Result<T>> + Send + 'static,
    {
        self.runtime.run(request(Arc::clone(&self.store)))?.map_err(failed)
    }

    fn put_in_pieces(&self, path: Path, file: &mut File, length: u64) -> io::Result<()> {
        let begin = |store: Arc<dyn ObjectStore>| async move {
            store.put_multipart_opts(&path, PutMultipartOptions::default()).await
        };
        let mut upload: Box<dyn MultipartUpload> = self.ask(begin)?;
        let uploaded = self.put_pieces(&mut *upload, file, length);
        // Pieces of an upload that is neither completed nor given up are kept, and paid for.
        let end = |mut upload: Box<dyn MultipartUpload>, gives_up: bool| async move {
            if gives_up { upload.abort().await } else { upload.complete().await.map(drop) }
        };
        match uploaded {
            Ok(()) => self.ask(|_| end(upload, false)),
            Err(error) => {
                if let Err(error) = self.ask(|_| end(upload, true)) {
                    tracing::warn!(%error, store = self.location, "What was uploaded of a file could not be removed.");
                }
                Err(error)
            }
        }
    }

    fn put_pieces(&self, upload: &mut dyn MultipartUpload, file: &mut File, length: u64) -> io::Result<()> {
        let piece_bytes = PIECE_BYTES.max(length.div_ceil(PIECES_MAX));
        loop {
            let piece = read_up_to(file, piece_bytes)?;
            if piece.is_empty() {
                return Ok(());
            }
            let put = upload.put_part(PutPayload::from(piece));
            self.ask(|_| put)?;
        }
    }
}

impl RemoteFiles for ObjectFiles {
    fn has_folders(&self) -> bool {
        false
    }

    fn list(&self, folder: &str) -> io::Result<Option<Vec<String>>> {
        let path = parsed(folder)?;
        let below = path.clone();
        let found = self.ask(|store| async move { store.list_with_delimiter(Some(&below)).await })?;
        let objects = found.objects.iter().map(|it| &it.location);
        // A folder's own name is an object where a program has made one to stand for it.
        let names = objects.chain(&found.common_prefixes).filter(|it| **it != path).filter_map(Path::filename);
        let names: Vec<String> = names.map(str::to_owned).collect();
        if !names.is_empty() {
            return Ok(Some(names));
        }
        if folder.is_empty() {
            return Ok(None);
        }
        match self.ask(|store| async move { store.head(&path).await }) {
            Ok(found) if found.size > 0 => Err(io::ErrorKind::NotADirectory.into()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(None),
        }
    }

    fn put(&self, path: &str, file: &mut File) -> io::Result<()> {
        let (path, length) = (parsed(path)?, file.metadata()?.len());
        if length > PIECE_BYTES {
            return self.put_in_pieces(path, file, length);
        }
        let payload = PutPayload::from(read_up_to(file, PIECE_BYTES)?);
        self.ask(|store| async move { store.put(&path, payload).await.map(drop) })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let path = parsed(path)?;
        match self.ask(|store| async move { store.delete(&path).await }) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    fn rename_folder(&self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl fmt::Debug for ObjectFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectFiles").field(&self.location).finish()
    }
}

fn parsed(path: &str) -> io::Result<Path> {
    Path::parse(path).map_err(|error| io::Error::new(io::ErrorKind::InvalidFilename, error.to_string()))
}

/// What an error means, in the words of a local file system.
pub(crate) fn failed(error: object_store::Error) -> io::Error {
    use object_store::Error::{AlreadyExists, NotFound, PermissionDenied, Precondition, Unauthenticated};
    let kind = match &error {
        NotFound { .. } => io::ErrorKind::NotFound,
        AlreadyExists { .. } | Precondition { .. } => io::ErrorKind::AlreadyExists,
        PermissionDenied { .. } | Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, text_of(&error))
}

/// What an error says, and what to do where nobody would guess it.
fn text_of(error: &object_store::Error) -> String {
    let text = error.to_string();
    if !text.contains(INSTANCE_METADATA) {
        return text;
    }
    format!(
        "no credentials are set, and this machine gives none; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what stands for \
         them at GOOGLE_ and AZURE_ ({text})"
    )
}

/// The library's TLS is used without the choice of a cryptography provider; another one that the program chose stays.
fn install_tls() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default(); // Another thread may have been first.
    }
}

/// Whether it is one of Azure's own URLs, where the container stands in the place of a user.
fn names_container(url: &Url) -> bool {
    url.scheme().starts_with("abfs")
}

/// The URL as messages show it.
fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // These fail for URLs that can have neither.
    if !names_container(&url) {
        let _ = url.set_username("");
    }
    let _ = url.set_password(None);
    url.to_string()
}

#[cfg(test)]
mod tests;
