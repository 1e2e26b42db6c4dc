//! What feeds the programs while they live and die, and what of it has to come out.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use tidemill::core::{Clock, SystemClock, Wake, Woken};

use crate::killer::Random;
use crate::programs::Place;
use crate::sources::LINE_BYTES;

/// How a program is fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Files are moved into its folder.
    Files,
    /// Files grow.
    Growing(&'static [&'static str]),
    /// Lines come over a connection. What is in its log comes out.
    Socket,
    /// Blocks come over a connection, and are acknowledged. What is acknowledged comes out.
    Acknowledged,
}

/// What was sent.
#[derive(Default)]
pub(crate) struct Sent {
    /// The next id.
    pub(crate) next: u64,
    /// What has to come out.
    pub(crate) owed: BTreeSet<u64>,
    /// What was sent over the connection that there is.
    connection: Vec<u64>,
}

impl Sent {
    fn ids(&mut self, count: u64) -> Vec<u64> {
        let first = self.next;
        self.next += count;
        (first..self.next).collect()
    }
}

/// A thread that feeds. It goes on until it is ended.
pub(crate) struct Feed {
    kind: Kind,
    pub(crate) port: u16,
    sent: Arc<Mutex<Sent>>,
    ends: Wake,
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    pub(crate) fn start(kind: Kind, place: &Place, seed: u64) -> Feed {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sent, ends) = (Arc::new(Mutex::new(Sent::default())), Wake::new());
        let mut feeder = Feeder {
            sent: Arc::clone(&sent),
            ends: ends.clone(),
            clock: SystemClock::new(),
            random: Random::new(seed),
        };
        let place = place.clone();
        let work = move || match kind {
            Kind::Files => feeder.files(&place),
            Kind::Growing(names) => feeder.growing(&place, names),
            Kind::Socket => feeder.connections(&listener, Feeder::lines),
            Kind::Acknowledged => feeder.connections(&listener, Feeder::blocks),
        };
        Feed { kind, port, sent, ends, thread: Some(std::thread::spawn(work)) }
    }

    pub(crate) fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap()
    }

    /// Ends it, while the program lives.
    pub(crate) fn end(&mut self) {
        self.ends.stop();
        if matches!(self.kind, Kind::Socket | Kind::Acknowledged) {
            let _ = TcpStream::connect(("127.0.0.1", self.port)); // it may wait for a connection
        }
        self.thread.take().unwrap().join().unwrap();
        let sent = &mut *self.sent();
        sent.owed.extend(sent.connection.drain(..));
    }
}

struct Feeder {
    sent: Arc<Mutex<Sent>>,
    ends: Wake,
    clock: SystemClock,
    random: Random,
}

impl Feeder {
    /// Waits for so many milliseconds at most; `false` at the end.
    fn pause(&mut self, most: u64) -> bool {
        let time = Duration::from_micros(self.random.below(most * 1000));
        self.clock.wait_until(self.clock.now() + time, &self.ends) != Woken::Stopped
    }

    fn files(&mut self, place: &Place) {
        while self.pause(120) {
            if !place.folder.join("raw.out").exists() {
                continue; // files that are there before the stream begins are not its own
            }
            let ids = self.sent.lock().unwrap().ids(1 + self.random.below(30));
            let text: String = ids.iter().map(|id| format!("{id}\n")).collect();
            let name = ids[0].to_string();
            let written = place.folder.join("written");
            fs::write(&written, text).unwrap();
            fs::rename(&written, place.incoming().join(name)).unwrap();
            self.sent.lock().unwrap().owed.extend(ids);
        }
    }

    fn growing(&mut self, place: &Place, names: &[&str]) {
        while self.pause(20) {
            let name = names[self.random.below(names.len() as u64) as usize];
            let ids = self.sent.lock().unwrap().ids(1 + self.random.below(10));
            let text: String = ids.iter().map(|id| format!("{id:>0$}\n", LINE_BYTES as usize - 1)).collect();
            let mut file = OpenOptions::new().create(true).append(true).open(place.folder.join(name)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            self.sent.lock().unwrap().owed.extend(ids);
        }
    }

    /// Serves one connection after the other: the next comes when the driver was started again.
    fn connections(&mut self, listener: &TcpListener, serve: fn(&mut Feeder, TcpStream)) {
        while !self.ends.is_stopped() {
            let (connection, _) = listener.accept().unwrap();
            self.sent.lock().unwrap().connection.clear(); // what became of it nobody knows
            serve(self, connection);
        }
    }

    fn lines(&mut self, mut connection: TcpStream) {
        while self.pause(15) {
            let ids = self.sent.lock().unwrap().ids(self.random.below(20));
            let text: String = ids.iter().map(|id| format!("{id}\n")).collect();
            if connection.write_all(text.as_bytes()).is_err() {
                return;
            }
            self.sent.lock().unwrap().connection.extend(ids);
        }
    }

    fn blocks(&mut self, mut connection: TcpStream) {
        let mut answers = BufReader::new(connection.try_clone().unwrap()).lines();
        while self.pause(15) {
            let ids = self.sent.lock().unwrap().ids(1 + self.random.below(20));
            let text: Vec<String> = ids.iter().map(u64::to_string).collect();
            if writeln!(connection, "{}", text.join(" ")).is_err() {
                return;
            }
            let Some(Ok(_)) = answers.next() else { return };
            self.sent.lock().unwrap().owed.extend(ids);
        }
    }
}
