//! `Draft`: the copies on which a step runs the user's code, and `Change`, what comes of them.

use std::borrow::Cow;
use std::mem::needs_drop;
use std::sync::Arc;

use serde::Serialize;

use crate::memory::{Grant, Pool};
use crate::shard::slots::Slots;
use crate::shard::table::{BOX, Entry, Found, Op, Pin};
use crate::shard::weights::Weights;
use crate::shard::{Delta, Version, encode};
use crate::ship::Bytes;
use crate::spill::BlobReader;
use crate::text::detached;
use crate::{Cause, Element, Key, Stop, run_len};

/// The keys that a step touches, in the order in which it came to them, with copies of their states. Each key is hashed
/// once.
///
/// Keys are known by their places here, which count up from 0. Dropping a draft changes nothing.
pub struct Draft<K, S> {
    pin: Pin<K, S>,
    from: Version,
    to: Version,
    slots: Slots,
    keys: Vec<Touched<K, S>>,
    reader: BlobReader,
    key_weights: Weights,
    state_weights: Weights,
    /// What keys and states own outside their places.
    owned: u64,
    grant: Grant,
    touches_used_before: Option<Version>,
}

struct Touched<K, S> {
    hash: u64,
    key: K,
    state: Option<S>,
    origin: Origin,
    is_changed: bool,
}

/// What the table has of a key.
#[derive(Clone, Copy)]
enum Origin {
    Entry(u32),
    /// An entry that is on disk.
    Away(u32),
    Tombstone(u32),
    Nothing,
}

impl Origin {
    /// That of an entry, which was read from disk or not.
    fn of(place: u32, is_away: bool) -> Origin {
        if is_away { Origin::Away(place) } else { Origin::Entry(place) }
    }
}

/// What a step will change in a table: the new values, ready to be swapped in.
pub struct Change<K, S> {
    pub(super) from: Version,
    pub(super) to: Version,
    pub(super) turns_back: u64,
    pub(super) moves: u64,
    pub(super) changed: Vec<Changed<K, S>>,
    pub(super) added: Vec<Added<K, S>>,
    /// What committing leaves over, to be dropped without the lock.
    pub(super) gone: Vec<Box<Entry<K, S>>>,
    pub(super) touches_used_before: Option<Version>,
    _grant: Grant,
    _pin: Pin<K, S>,
}

/// An entry that is there, and what becomes of it.
pub(super) struct Changed<K, S> {
    pub(super) place: u32,
    pub(super) to: To<K, S>,
}

pub(super) enum To<K, S> {
    /// It gets this state, which has this weight.
    State(S, u32),
    /// It was on disk, and is this from now on.
    Entry(Box<Entry<K, S>>),
    Removed,
    /// It keeps its state, and counts as used.
    Touched,
}

/// A new entry.
pub(super) struct Added<K, S> {
    pub(super) hash: u64,
    pub(super) key: K,
    pub(super) state: S,
    pub(super) key_weight: u32,
    pub(super) state_weight: u32,
    /// Where the table has the tombstone of the key.
    pub(super) tombstone: Option<u32>,
}

impl<K: Key, S: Element> Draft<K, S> {
    pub(super) fn new(pin: Pin<K, S>, from: Version, to: Version) -> Draft<K, S> {
        let grant = pin.table().memory.grant(Pool::State);
        let (slots, keys, key_weights, state_weights) = Default::default();
        let (reader, owned, touches_used_before) = (BlobReader::new(), 0, None);
        Draft { pin, from, to, slots, keys, reader, key_weights, state_weights, owned, grant, touches_used_before }
    }

    /// How many keys it has touched.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it has touched no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Touches every key that has a state, in the order in which they came to the table.
    ///
    /// # Errors
    /// As for [`touch`](Self::touch).
    pub fn touch_all(&mut self) -> Result<(), Stop> {
        let mut next = Some(0);
        while let Some(place) = next {
            let mut found = Vec::new();
            let inner = self.pin.at(self.from)?;
            next = inner.visit(place, run_len::<(K, S)>(), &mut self.reader, |place, hash, key, state| {
                found.push(copied(place, hash, key, state));
            })?;
            drop(inner);
            self.add_found(found)?;
        }
        Ok(())
    }

    /// Touches the keys of `run`, which it empties; appends to `touched` the place of each record's key, and its value.
    ///
    /// # Errors
    /// [`Stop::Cancelled`] if the table has left the version that the step starts from; [`Cause::Invalid`] if state takes
    /// more memory than it may and cannot go to disk; those of reading what is on disk.
    pub fn touch<V>(&mut self, run: &mut Vec<(K, V)>, touched: &mut Vec<(usize, V)>) -> Result<(), Stop> {
        let (first, seed) = (self.keys.len(), self.pin.table().seed);
        for (key, value) in run.drain(..) {
            let hash = seed.hash(&key);
            let keys = &self.keys;
            let known = self.slots.find(hash, |place| keys.get(place).is_some_and(|touched| touched.key == key));
            let place = known.unwrap_or_else(|| self.add(hash, key, None, Origin::Nothing));
            touched.push((place, value));
        }
        let inner = self.pin.at(self.from)?;
        for touched in &mut self.keys[first..] {
            touched.origin = match inner.find(touched.hash, &touched.key, &mut self.reader)? {
                Found::Entry(place, state) => {
                    let origin = Origin::of(place, matches!(state, Cow::Owned(_)));
                    touched.state = Some(state.into_owned());
                    origin
                }
                Found::Tombstone(place) => Origin::Tombstone(place),
                Found::Nothing => Origin::Nothing,
            };
        }
        drop(inner);
        self.account(first)
    }

    /// Touches the keys that were not touched since `before` and not by this step; returns their places. Those touched
    /// longest ago come first, of one version in the order of the table. For a table that tracks touches; the step must
    /// remove these keys.
    ///
    /// # Errors
    /// As for [`touch`](Self::touch).
    pub fn touch_untouched_since(&mut self, before: Version) -> Result<std::ops::Range<usize>, Stop> {
        let first = self.keys.len();
        let untouched = self.pin.at(self.from)?.untouched_since(before);
        for places in untouched.chunks(run_len::<(K, S)>()) {
            let mut found = Vec::new();
            let inner = self.pin.at(self.from)?;
            for place in places {
                inner.visit(*place as usize, 1, &mut self.reader, |place, hash, key, state| {
                    found.push(copied(place, hash, key, state));
                })?;
            }
            drop(inner);
            found.retain(|(_, hash, key, _)| {
                self.slots
                    .find(*hash, |place| self.keys.get(place).is_some_and(|touched| touched.key == *key))
                    .is_none()
            });
            self.add_found(found)?;
        }
        self.touches_used_before = Some(before);
        Ok(first..self.keys.len())
    }

    /// A key that was touched.
    pub fn key(&self, place: usize) -> &K {
        &self.keys[place].key
    }

    /// Its state, as the step has left it so far.
    pub fn state(&self, place: usize) -> Option<&S> {
        self.keys[place].state.as_ref()
    }

    /// Takes its state out, to be put back by [`put_back`](Self::put_back) or [`set`](Self::set).
    pub fn take(&mut self, place: usize) -> Option<S> {
        self.keys[place].state.take()
    }

    /// Puts back the state that was taken out and has not changed.
    pub fn put_back(&mut self, place: usize, state: Option<S>) {
        self.keys[place].state = state;
    }

    /// Gives a key its new state; none removes it.
    pub fn set(&mut self, place: usize, state: Option<S>) {
        let touched = &mut self.keys[place];
        touched.state = state;
        touched.is_changed = true;
    }

    /// What the step changes, detached from all input, and how that is told: with the change itself if `durable`. Then a state
    /// that is set and encodes as before counts as not changed.
    ///
    /// # Errors
    /// The change is to be kept and cannot be encoded; as for [`touch`](Self::touch).
    pub fn finish(mut self, durable: bool) -> Result<(Change<K, S>, Delta), Stop> {
        if durable {
            self.find_unchanged()?;
        }
        let (turns_back, moves, tracks) = (self.pin.turns_back(), self.pin.moves(), self.pin.table().tracks_touches);
        let Draft { pin, from, to, keys, mut grant, touches_used_before, .. } = self;
        let (mut changed, mut added) = (Vec::new(), Vec::new());
        let (mut key_weights, mut state_weights) = (Weights::default(), Weights::default());
        let (mut count, mut owned) = (0, 0);
        let mut kept = durable.then(Vec::new);
        for Touched { hash, key, state, origin, is_changed } in keys {
            match (origin, state) {
                (Origin::Entry(place) | Origin::Away(place), _) if !is_changed => {
                    if tracks {
                        keep(&mut kept, || Op::<_, &S>::Touched(&key))?;
                        changed.push(Changed { place, to: To::Touched });
                    }
                    continue;
                }
                (Origin::Entry(place), Some(state)) => {
                    keep(&mut kept, || Op::State(&key, &state))?;
                    let state = detach(state);
                    let weight = state_weights.of(&state);
                    owned += u64::from(weight);
                    changed.push(Changed { place, to: To::State(state, weight) });
                }
                (Origin::Away(place), Some(state)) => {
                    keep(&mut kept, || Op::State(&key, &state))?;
                    let (key, state) = (detach(key), detach(state));
                    let (key_weight, state_weight) = (key_weights.of(&key), state_weights.of(&state));
                    let entry = Entry { key, state: Some(state), changed: to, key_weight, state_weight };
                    owned += entry.weight() + (size_of::<Entry<K, S>>() + BOX) as u64;
                    changed.push(Changed { place, to: To::Entry(Box::new(entry)) });
                }
                (Origin::Entry(place) | Origin::Away(place), None) => {
                    keep(&mut kept, || Op::<_, &S>::Removed(&key))?;
                    changed.push(Changed { place, to: To::Removed });
                }
                (Origin::Tombstone(_) | Origin::Nothing, None) => continue,
                (origin, Some(state)) => {
                    keep(&mut kept, || Op::State(&key, &state))?;
                    let tombstone = if let Origin::Tombstone(place) = origin { Some(place) } else { None };
                    let (key, state) = (detach(key), detach(state));
                    let (key_weight, state_weight) = (key_weights.of(&key), state_weights.of(&state));
                    owned += u64::from(key_weight) + u64::from(state_weight);
                    added.push(Added { hash, key, state, key_weight, state_weight, tombstone });
                }
            }
            count += 1;
        }
        owned += (size_of_val(changed.as_slice()) + size_of_val(added.as_slice())) as u64;
        grant.shrink_to(owned);
        let delta = Delta { from, to, changed: count, change: kept.map(|bytes| Arc::new(Bytes(bytes))) };
        let change = Change {
            from,
            to,
            turns_back,
            moves,
            changed,
            added,
            gone: Vec::new(),
            touches_used_before,
            _grant: grant,
            _pin: pin,
        };
        Ok((change, delta))
    }

    /// Finds the states that were set and are as they were: functions that see all keys set all of them.
    fn find_unchanged(&mut self) -> Result<(), Stop> {
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for touched in self.keys.chunks_mut(run_len::<(K, S)>()) {
            let inner = self.pin.at(self.from)?;
            for touched in touched.iter_mut().filter(|touched| touched.is_changed) {
                let (Origin::Entry(place) | Origin::Away(place)) = touched.origin else { continue };
                let before = inner.state(place, &mut self.reader)?;
                let (Some(before), Some(state)) = (before, &touched.state) else { continue };
                (old, new) = (reencoded(&*before, old)?, reencoded(state, new)?);
                touched.is_changed = old != new;
            }
        }
        Ok(())
    }

    fn add(&mut self, hash: u64, key: K, state: Option<S>, origin: Origin) -> usize {
        let place = self.keys.len();
        self.keys.push(Touched { hash, key, state, origin, is_changed: false });
        if place < self.slots.capacity() {
            self.slots.insert(hash, place);
        } else {
            let hashes = self.keys.iter().map(|touched| touched.hash).enumerate();
            self.slots.rebuild(self.keys.len(), hashes.map(|(place, hash)| (hash, place)));
        }
        place
    }

    fn add_found(&mut self, found: Vec<(Origin, u64, K, S)>) -> Result<(), Stop> {
        let first = self.keys.len();
        for (origin, hash, key, state) in found {
            self.add(hash, key, Some(state), origin);
        }
        self.account(first)
    }

    /// Counts the keys from `first` on to the account; an error where state takes more than it may and cannot go to disk.
    fn account(&mut self, first: usize) -> Result<(), Stop> {
        for touched in &self.keys[first..] {
            self.owned += u64::from(self.key_weights.of(&touched.key));
            self.owned += touched.state.as_ref().map_or(0, |state| u64::from(self.state_weights.of(state)));
        }
        let bytes = self.slots.bytes() + (self.keys.capacity() * size_of::<Touched<K, S>>()) as u64 + self.owned;
        let more = bytes.saturating_sub(self.grant.bytes());
        if more == 0 || self.grant.try_grow(more) {
            return Ok(());
        }
        // Past the limits, if need be: others make room then, and so does the table once the step is made.
        self.grant.grow_past(more);
        let memory = &self.pin.table().memory;
        let (used, limit) = (memory.used(Pool::State), memory.ceiling(Pool::State));
        if used <= limit {
            return Ok(());
        }
        let Some(cause) = self.pin.table().failure() else { return Ok(()) };
        let text = format!(
            "state takes {used} bytes, at most {limit} may be, and it cannot go to disk ({cause}): raise {}, drop keys \
             that are of no use any more, or remember fewer batches",
            Pool::State.setting()
        );
        Err(Cause::Invalid(text).into())
    }
}

/// An entry of the table as a draft takes it. What was on disk is a copy already.
fn copied<K: Clone, S: Clone>(place: u32, hash: u64, key: Cow<'_, K>, state: Cow<'_, S>) -> (Origin, u64, K, S) {
    let origin = Origin::of(place, matches!(state, Cow::Owned(_)));
    (origin, hash, key.into_owned(), state.into_owned())
}

/// The value in postcard, in the place of what was in `bytes`.
fn reencoded<T: Serialize>(value: &T, mut bytes: Vec<u8>) -> Result<Vec<u8>, Cause> {
    bytes.clear();
    encode(value, bytes)
}

/// Appends an operation to what is kept of the change, if it is kept.
fn keep<T: Serialize>(kept: &mut Option<Vec<u8>>, op: impl FnOnce() -> T) -> Result<(), Cause> {
    if let Some(bytes) = kept {
        *bytes = encode(&op(), std::mem::take(bytes))?;
    }
    Ok(())
}

/// The value with its texts in blocks of their own, so that it keeps no input alive; copies what it has to.
pub fn detach<T: Element>(value: T) -> T {
    if needs_drop::<T>() { detached(|| value.clone()) } else { value }
}
