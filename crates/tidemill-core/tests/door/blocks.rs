//! A block service on a Unix socket: answers with buckets of what the store of its process keeps.

use std::collections::HashMap;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tempfile::TempDir;
use tidemill_core::environment::Environment;
use tidemill_core::exchange::{BucketId, Fetch};
use tidemill_core::ship::Bytes;

use crate::wire::{receive, send};

/// What was asked for, in order.
pub(crate) type Asked = Arc<Mutex<Vec<BucketId>>>;

pub(crate) struct BlockService {
    folder: TempDir,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl BlockService {
    pub(crate) fn start(environment: &Arc<Environment>, asked: Asked) -> io::Result<BlockService> {
        let (folder, stopped) = (tempfile::tempdir()?, Arc::new(AtomicBool::new(false)));
        let listener = UnixListener::bind(folder.path().join(SOCKET))?;
        let (environment, is_over) = (Arc::clone(environment), Arc::clone(&stopped));
        let thread = std::thread::spawn(move || {
            for client in listener.incoming() {
                let (environment, asked) = (Arc::clone(&environment), Arc::clone(&asked));
                match client {
                    Ok(client) if !is_over.load(Ordering::SeqCst) => {
                        std::thread::spawn(move || answer(&client, &environment, &asked));
                    }
                    _ => return,
                }
            }
        });
        Ok(BlockService { folder, stopped, thread: Some(thread) })
    }

    /// The name by which executors reach it.
    pub(crate) fn home(&self) -> String {
        self.folder.path().join(SOCKET).to_string_lossy().into_owned()
    }
}

impl Drop for BlockService {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = UnixStream::connect(self.folder.path().join(SOCKET)); // so that it looks
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

const SOCKET: &str = "blocks";

fn answer(mut client: &UnixStream, environment: &Environment, asked: &Asked) -> io::Result<()> {
    while let Some(bucket) = receive::<BucketId>(&mut client)? {
        asked.lock().unwrap().push(bucket);
        let bytes = environment.store.encoded_bucket(bucket).map_err(|stop| io::Error::other(stop.to_string()))?;
        send(&mut client, &bytes.map(Bytes))?;
    }
    Ok(())
}

/// Asks block services, each over a connection that is kept.
#[derive(Default)]
pub(crate) struct BlockClient {
    connections: Mutex<HashMap<String, UnixStream>>,
}

impl Fetch for BlockClient {
    fn fetch(&self, home: &str, bucket: BucketId) -> io::Result<Option<Vec<u8>>> {
        let mut connections = self.connections.lock().unwrap();
        let mut connection: &UnixStream = match connections.get(home) {
            Some(known) => known,
            None => connections.entry(home.into()).or_insert(UnixStream::connect(Path::new(home))?),
        };
        send(&mut connection, &bucket)?;
        let answer: Option<Option<Bytes>> = receive(&mut connection)?;
        let answer = answer.ok_or_else(|| io::Error::other("the block service hung up"))?;
        Ok(answer.map(|Bytes(bytes)| bytes))
    }
}
