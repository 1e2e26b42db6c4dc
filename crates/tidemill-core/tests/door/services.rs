//! Services that run in the other process, and those that cannot.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tidemill_core::service::{Service, encode_as_data};
use tidemill_core::ship::{Encoder, NotShippable};

use crate::lineages::in_another_process;

/// Says over a socket in which process it runs, and hangs up at its end.
#[derive(Serialize, Deserialize)]
struct Calling {
    at: PathBuf,
    #[serde(skip)]
    stopped: Mutex<Option<UnixStream>>,
}

impl Service for Calling {
    fn name(&self) -> String {
        "calling".into()
    }

    fn run(&self) {
        let mut line = UnixStream::connect(&self.at).unwrap();
        let at_end = line.try_clone().unwrap();
        *self.stopped.lock().unwrap() = Some(at_end);
        writeln!(line, "{}", std::process::id()).unwrap();
        let _ = line.read(&mut [0]); // until it is stopped
    }

    fn stop(&self) {
        if let Some(line) = self.stopped.lock().unwrap().take() {
            line.shutdown(std::net::Shutdown::Both).unwrap();
        }
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        encode_as_data(self, out)
    }
}

pub(crate) fn services_start_and_stop_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("called");
    let listener = UnixListener::bind(&at).unwrap();
    let (context, _) = in_another_process();
    let calling = || Arc::new(Calling { at: at.clone(), stopped: Mutex::default() });
    for (home, is_here) in [(Some("the executor"), false), (None, true)] {
        let handle = context.start_service(calling(), home).unwrap();
        let mut lines = BufReader::new(listener.accept().unwrap().0).lines();
        let process: u32 = lines.next().unwrap().unwrap().parse().unwrap();
        assert_eq!(process == std::process::id(), is_here, "{home:?}");
        assert_eq!(context.range(0..5, 2).count().unwrap(), 5, "tasks run beside it");
        handle.stop();
        assert!(lines.next().is_none(), "it has ended, and with it its connection");
        handle.stop();
    }
}

struct Unmoved;

impl Service for Unmoved {
    fn name(&self) -> String {
        "unmoved".into()
    }

    fn run(&self) {}

    fn stop(&self) {}
}

pub(crate) fn services_that_say_nothing_else_stay() {
    let (context, _) = in_another_process();
    let Err(refused) = context.start_service(Arc::new(Unmoved), Some("the executor")) else { panic!("it started") };
    let expected = "the service unmoved runs in the driver only; \
                    where it has to run elsewhere, its `Service::encode` must say how";
    assert_eq!(refused.to_string(), expected);
    context.start_service(Arc::new(Unmoved), None).unwrap().stop();
}
