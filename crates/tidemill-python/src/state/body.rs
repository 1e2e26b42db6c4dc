//! `Body`: batches of a version as the driver keeps them, in memory or in a file.

use std::sync::Arc;

use tidemill_core::environment::Environment;
use tidemill_core::memory::{Grant, Memory, Pool};
use tidemill_core::shard::{PIECE_BYTES, Version, decode, encode};
use tidemill_core::spill::{SpillDir, SpillReader, SpillWriter, Spilled};
use tidemill_core::{Cause, Runs, Stop};

use crate::batch::PyBatch;
use crate::state::seal::SEAL_BYTES;

/// A batch, and what it is to a worker.
pub(super) type Part = (u32, PyBatch);

/// The part is of all of a state, and no change of it.
pub(super) const WHOLE: u32 = 2;

/// With less in memory nothing goes to disk: there would be a file for every few keys.
pub(super) const LEAST_LEAVING_BYTES: u64 = 64 << 10;

/// The frames of a file hold about so much. Most batches are larger, and then each is a frame.
const FRAME_BYTES: usize = 64 << 10;

/// Beside its payload a batch takes no more in postcard: four numbers of 32 bits and a length.
const ENCODED_MOST_BYTES: usize = 32;

/// Batches that do not change. Cloning it clones pointers; a file goes with the last clone, and the last that reads it.
#[derive(Clone)]
pub(crate) struct Body {
    place: Place,
    is_whole: bool,
    bytes: u64,
    records: u64,
}

#[derive(Clone)]
enum Place {
    Memory(Arc<Vec<Part>>),
    /// So many parts of a file, behind others.
    File {
        file: Arc<Spilled<Part>>,
        skipped: u64,
        parts: usize,
    },
}

impl Body {
    /// These batches, in memory.
    pub(super) fn new(parts: Vec<Part>) -> Body {
        let bytes = parts.iter().map(|(_, batch)| batch.payload.len() as u64).sum();
        let records = parts.iter().map(|(_, batch)| u64::from(batch.count)).sum();
        let is_whole = matches!(parts.first(), Some((WHOLE, _)));
        Body { place: Place::Memory(Arc::new(parts)), is_whole, bytes, records }
    }

    /// All of a state.
    pub(super) fn whole(batches: Vec<PyBatch>) -> Body {
        Body { is_whole: true, ..Body::new(batches.into_iter().map(|batch| (WHOLE, batch)).collect()) }
    }

    /// Whether it is all of a state.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The bytes of the batches, wherever they are.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// How many batches there are.
    pub(super) fn len(&self) -> usize {
        match &self.place {
            Place::Memory(parts) => parts.len(),
            Place::File { parts, .. } => *parts,
        }
    }

    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self.place, Place::Memory(_))
    }

    /// Whether it is the same, in the same place in memory.
    pub(super) fn is(&self, other: &Body) -> bool {
        matches!((&self.place, &other.place), (Place::Memory(one), Place::Memory(two)) if Arc::ptr_eq(one, two))
    }

    /// The batches from the first on.
    ///
    /// # Errors
    /// Those of opening the file.
    pub(super) fn read(&self) -> Result<Reading, Cause> {
        Ok(match &self.place {
            Place::Memory(parts) => Reading::Memory(Arc::clone(parts), 0),
            Place::File { file, skipped, parts } => {
                let mut reader = file.read()?;
                for _ in 0..*skipped {
                    reader.next_record()?;
                }
                Reading::File(Box::new(reader), *parts)
            }
        })
    }

    /// All of it, as checkpoints keep what a step has changed: a vector in postcard. On disk it is read a batch at a time.
    ///
    /// # Errors
    /// Those of reading it.
    pub(super) fn encode(&self) -> Result<Vec<u8>, Cause> {
        let bytes = encode(&self.len(), self.room())?;
        self.read()?.try_fold(bytes, |bytes, part| encode(&part?, bytes))
    }

    /// The batches alone, in pieces of a snapshot: each is the version, and then a vector in postcard. On disk they are read
    /// as the pieces are drawn.
    ///
    /// # Errors
    /// As for [`encode`](Body::encode).
    pub(super) fn pieces(
        &self,
        version: Version,
    ) -> Result<impl Iterator<Item = Result<Vec<u8>, Cause>> + Send + use<>, Cause> {
        let mut batches = self.read()?.fuse();
        let mut is_first = true;
        Ok(std::iter::from_fn(move || {
            let piece = next_piece(&mut batches, version, std::mem::take(&mut is_first));
            piece.transpose()
        }))
    }

    /// Room for all of it in postcard, and for a seal.
    fn room(&self) -> Vec<u8> {
        Vec::with_capacity(self.bytes as usize + ENCODED_MOST_BYTES * (self.len() + 1) + SEAL_BYTES)
    }

    /// The other way round.
    ///
    /// # Errors
    /// The bytes are no such vector.
    pub(super) fn decode(bytes: &[u8]) -> Result<Body, Cause> {
        decode(bytes).map(|(parts, _)| Body::new(parts))
    }

    /// Writes bodies to one file; returns them as they are then, in their order. Those that are in files are written again.
    ///
    /// # Errors
    /// Those of the file.
    pub(super) fn to_file(bodies: &[Body], dir: &SpillDir) -> Result<Vec<Body>, Cause> {
        let mut writer = SpillWriter::create(dir, FRAME_BYTES)?;
        for body in bodies {
            for part in body.read()? {
                writer.push(&part?)?;
            }
        }
        let file = Arc::new(writer.finish()?);
        let mut skipped = 0;
        let written = bodies.iter().map(|body| {
            let place = Place::File { file: Arc::clone(&file), skipped, parts: body.len() };
            skipped += body.len() as u64;
            Body { place, ..*body }
        });
        Ok(written.collect())
    }
}

/// The next piece of a snapshot; none where no batch is left, but for a first piece.
fn next_piece(
    batches: &mut impl Iterator<Item = Result<Part, Cause>>,
    version: Version,
    is_first: bool,
) -> Result<Option<Vec<u8>>, Cause> {
    let (mut count, mut bytes) = (0usize, Vec::new());
    while bytes.len() < PIECE_BYTES
        && let Some(part) = batches.next()
    {
        bytes = encode(&part?.1, bytes)?;
        count += 1;
    }
    if count == 0 && !is_first {
        return Ok(None);
    }
    let mut piece = encode(&(version, count), Vec::with_capacity(bytes.len() + ENCODED_MOST_BYTES + SEAL_BYTES))?;
    piece.extend_from_slice(&bytes);
    Ok(Some(piece))
}

/// Batches that come one after the other and become a body: in memory, or in a file from when memory is short.
pub(super) struct Gathering<'a> {
    environment: &'a Environment,
    here: Vec<Part>,
    grant: Grant,
    file: Option<SpillWriter<Part>>,
    /// All parts, here and in the file.
    parts: usize,
    is_whole: bool,
    bytes: u64,
    records: u64,
    /// The disk did not take what was here, so all of it stays.
    stays: bool,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(environment: &'a Environment) -> Gathering<'a> {
        let grant = environment.memory.grant(Pool::State);
        let (here, file) = (Vec::new(), None);
        Gathering { environment, here, grant, file, parts: 0, is_whole: false, bytes: 0, records: 0, stays: false }
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// Those of the file, once there is one.
    pub(super) fn push(&mut self, part: Part) -> Result<(), Cause> {
        self.is_whole |= self.parts == 0 && part.0 == WHOLE;
        self.parts += 1;
        self.bytes += part.1.payload.len() as u64;
        self.records += u64::from(part.1.count);
        if let Some(file) = &mut self.file {
            return file.push(&part);
        }
        self.grant.grow_past(part.1.payload.len() as u64);
        self.here.push(part);
        if !self.stays && self.bytes >= LEAST_LEAVING_BYTES && is_past(&self.environment.memory) {
            self.leave();
        }
        Ok(())
    }

    /// Adds a batch of all of a state.
    ///
    /// # Errors
    /// As for [`push`](Gathering::push).
    pub(super) fn push_whole(&mut self, batch: PyBatch) -> Result<(), Cause> {
        self.push((WHOLE, batch))
    }

    /// Begins a file with what is here. Where that fails whoever keeps the body will try again.
    fn leave(&mut self) {
        let written = SpillWriter::create(&self.environment.spill, FRAME_BYTES).and_then(|mut file| {
            self.here.iter().try_for_each(|part| file.push(part))?;
            Ok(file)
        });
        let Ok(file) = written else {
            self.stays = true;
            return;
        };
        self.file = Some(file);
        self.here = Vec::new();
        self.grant.shrink_to(0);
    }

    /// The body.
    ///
    /// # Errors
    /// Those of the file.
    pub(super) fn finish(self) -> Result<Body, Cause> {
        let Gathering { here, file, parts, is_whole, bytes, records, .. } = self;
        let place = match file {
            None => Place::Memory(Arc::new(here)),
            Some(file) => Place::File { file: Arc::new(file.finish()?), skipped: 0, parts },
        };
        Ok(Body { place, is_whole, bytes, records })
    }

    /// The body, which is all of a state even if it has no batches.
    ///
    /// # Errors
    /// Those of the file.
    pub(super) fn finish_whole(self) -> Result<Body, Cause> {
        Ok(Body { is_whole: true, ..self.finish()? })
    }
}

/// Whether state takes more memory than it may: by itself, or with what others take and above its own floor.
pub(super) fn is_past(memory: &Memory) -> bool {
    let limits = memory.limits();
    let others_want_it = memory.used_in_total() > limits.total && memory.used(Pool::State) > limits.floor(Pool::State);
    memory.is_past(Pool::State) || others_want_it
}

/// Reads a body, one batch at a time.
pub(super) enum Reading {
    /// The next one stands there.
    Memory(Arc<Vec<Part>>, usize),
    /// So many are left.
    File(Box<SpillReader<Part>>, usize),
}

impl Iterator for Reading {
    type Item = Result<Part, Cause>;

    fn next(&mut self) -> Option<Result<Part, Cause>> {
        match self {
            Reading::Memory(parts, at) => {
                *at += 1;
                parts.get(*at - 1).cloned().map(Ok)
            }
            Reading::File(_, 0) => None,
            Reading::File(reader, left) => {
                *left -= 1;
                reader.next_record().transpose()
            }
        }
    }
}

impl Runs<PyBatch> for Reading {
    /// One batch a run.
    fn next(&mut self, into: &mut Vec<PyBatch>) -> Result<bool, Stop> {
        let part = Iterator::next(self).transpose()?;
        let is_there = part.is_some();
        into.extend(part.map(|(_, batch)| batch));
        Ok(is_there)
    }
}
