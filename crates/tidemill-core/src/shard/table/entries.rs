//! `Entries`: the entries of a table by place, each in memory or on disk.
//!
//! They stand in chunks. One whose entries are all in memory holds them side by side. In the others each entry has a box, or
//! is away: then no more is here of it than where it is on disk, when it was changed last, and whether it has a state. What
//! is away stays so until a step changes it.

use std::sync::Arc;

use super::Version;
use crate::spill::{Blob, BlobFile};

/// How many entries a chunk has: few enough that nobody waits long while one goes to disk.
pub(super) const CHUNK: usize = 1024;

/// What a box takes beside its contents.
pub(in crate::shard) const BOX: usize = 16;

pub(super) struct Entries<K, S> {
    /// All but the last are full.
    chunks: Vec<Chunk<K, S>>,
    len: usize,
    /// How many of them are in boxes.
    boxed: usize,
}

enum Chunk<K, S> {
    Here(Vec<Entry<K, S>>),
    Mixed(Vec<Slot<K, S>>),
}

/// A key with its state.
pub(in crate::shard) struct Entry<K, S> {
    pub(in crate::shard) key: K,
    /// `None` for a tombstone.
    pub(in crate::shard) state: Option<S>,
    /// The version in which it was changed last, or touched last where touches are tracked.
    pub(in crate::shard) changed: Version,
    pub(in crate::shard) key_weight: u32,
    pub(in crate::shard) state_weight: u32,
}

/// The place of an entry in a chunk of which something is on disk.
pub(super) enum Slot<K, S> {
    Here(Box<Entry<K, S>>),
    Away(Away),
}

/// An entry on disk. Its fields stand side by side, as a blob among them would not, so that no bytes lie between.
pub(super) struct Away {
    pub(super) changed: Version,
    pub(super) file: Arc<BlobFile>,
    pub(super) at: u32,
    /// Whether it still has the state that is on disk; if not it is a tombstone.
    pub(super) is_live: bool,
}

/// An entry that was taken out.
pub(super) enum Item<K, S> {
    Plain(Entry<K, S>),
    Slot(Slot<K, S>),
}

pub(super) enum View<'a, K, S> {
    Here(&'a Entry<K, S>),
    Away(&'a Away),
}

pub(super) enum ViewMut<'a, K, S> {
    Here(&'a mut Entry<K, S>),
    Away(&'a mut Away),
}

impl<K, S> Entries<K, S> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many chunks there are.
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<View<'_, K, S>> {
        match self.chunks.get(place / CHUNK)? {
            Chunk::Here(entries) => entries.get(place % CHUNK).map(View::Here),
            Chunk::Mixed(slots) => slots.get(place % CHUNK).map(|slot| match slot {
                Slot::Here(entry) => View::Here(entry),
                Slot::Away(away) => View::Away(away),
            }),
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: usize) -> Option<ViewMut<'_, K, S>> {
        match self.chunks.get_mut(place / CHUNK)? {
            Chunk::Here(entries) => entries.get_mut(place % CHUNK).map(ViewMut::Here),
            Chunk::Mixed(slots) => slots.get_mut(place % CHUNK).map(|slot| match slot {
                Slot::Here(entry) => ViewMut::Here(entry),
                Slot::Away(away) => ViewMut::Away(away),
            }),
        }
    }

    /// All of them, by place.
    pub(super) fn iter(&self) -> impl Iterator<Item = View<'_, K, S>> {
        (0..self.len).filter_map(|place| self.get(place))
    }

    /// The bytes that they take up, without what those that are here own.
    pub(super) fn bytes(&self) -> u64 {
        let chunk = |chunk: &Chunk<K, S>| match chunk {
            Chunk::Here(entries) => entries.capacity() * size_of::<Entry<K, S>>(),
            Chunk::Mixed(slots) => slots.capacity() * size_of::<Slot<K, S>>(),
        };
        let chunks: usize = self.chunks.iter().map(chunk).sum();
        let boxes = self.boxed * (size_of::<Entry<K, S>>() + BOX);
        (self.chunks.capacity() * size_of::<Chunk<K, S>>() + chunks + boxes) as u64
    }

    /// Appends an entry.
    pub(super) fn push(&mut self, entry: Entry<K, S>) {
        self.make_room();
        self.len += 1;
        match self.chunks.last_mut() {
            Some(Chunk::Mixed(slots)) => {
                slots.push(Slot::Here(Box::new(entry)));
                self.boxed += 1;
            }
            Some(Chunk::Here(entries)) => entries.push(entry),
            None => {}
        }
    }

    /// Appends an entry as it was taken out.
    pub(super) fn push_item(&mut self, item: Item<K, S>) {
        let slot = match item {
            Item::Plain(entry) => return self.push(entry),
            Item::Slot(slot) => slot,
        };
        self.make_room();
        self.len += 1;
        self.boxed += usize::from(matches!(slot, Slot::Here(_)));
        let last = self.chunks.len().saturating_sub(1);
        if let Some(slots) = self.mixed(last) {
            slots.push(slot);
        }
    }

    /// Puts an entry where another is; returns that.
    pub(super) fn replace(&mut self, place: usize, slot: Slot<K, S>) -> Option<Slot<K, S>> {
        let comes = usize::from(matches!(slot, Slot::Here(_)));
        let old = self.mixed(place / CHUNK)?.get_mut(place % CHUNK)?;
        let old = std::mem::replace(old, slot);
        self.boxed = self.boxed + comes - usize::from(matches!(old, Slot::Here(_)));
        Some(old)
    }

    /// Says where entries of a chunk, by their places in it and in order, are on disk. Appends those to `gone` that were here.
    pub(super) fn move_away(&mut self, chunk: usize, moved: Vec<(usize, Blob)>, gone: &mut Vec<Item<K, S>>) {
        let away = |changed, Blob { file, at }, is_live| Slot::Away(Away { changed, file, at, is_live });
        match self.chunks.get_mut(chunk) {
            Some(Chunk::Here(entries)) => {
                let (mut moved, mut slots) = (moved.into_iter().peekable(), Vec::with_capacity(entries.len()));
                for (at, entry) in entries.drain(..).enumerate() {
                    if let Some((_, blob)) = moved.next_if(|(moved, _)| *moved == at) {
                        slots.push(away(entry.changed, blob, true));
                        gone.push(Item::Plain(entry));
                    } else {
                        slots.push(Slot::Here(Box::new(entry)));
                        self.boxed += 1;
                    }
                }
                self.chunks[chunk] = Chunk::Mixed(slots);
            }
            Some(Chunk::Mixed(slots)) => {
                for (at, blob) in moved {
                    let Some(slot) = slots.get_mut(at) else { continue };
                    let (changed, is_live) = match slot {
                        Slot::Here(entry) => (entry.changed, true),
                        Slot::Away(away) => (away.changed, away.is_live),
                    };
                    let old = std::mem::replace(slot, away(changed, blob, is_live));
                    if let Slot::Here(_) = old {
                        self.boxed -= 1;
                        gone.push(Item::Slot(old));
                    }
                }
            }
            None => {}
        }
    }

    /// Takes out all from `len` on, in any order.
    pub(super) fn split_off(&mut self, len: usize) -> Vec<Item<K, S>> {
        let mut gone = Vec::with_capacity(self.len.saturating_sub(len));
        while self.len > len {
            let first = self.chunks.len().saturating_sub(1) * CHUNK;
            let kept = len.saturating_sub(first);
            match self.chunks.last_mut() {
                Some(Chunk::Here(entries)) => gone.extend(entries.drain(kept..).map(Item::Plain)),
                Some(Chunk::Mixed(slots)) => {
                    self.boxed -= slots[kept..].iter().filter(|slot| matches!(slot, Slot::Here(_))).count();
                    gone.extend(slots.drain(kept..).map(Item::Slot));
                }
                None => {}
            }
            if kept == 0 {
                self.chunks.pop();
            }
            self.len = first + kept;
        }
        gone
    }

    /// All of them, taken out in order.
    pub(super) fn into_items(self) -> impl Iterator<Item = Item<K, S>> {
        self.chunks.into_iter().flat_map(|chunk| -> Vec<Item<K, S>> {
            match chunk {
                Chunk::Here(entries) => entries.into_iter().map(Item::Plain).collect(),
                Chunk::Mixed(slots) => slots.into_iter().map(Item::Slot).collect(),
            }
        })
    }

    /// Sees to it that the last chunk has room for one more.
    fn make_room(&mut self) {
        if self.len == self.chunks.len() * CHUNK {
            self.chunks.push(Chunk::Here(Vec::new()));
        }
    }

    /// The slots of a chunk, each entry of which gets a box if it has none.
    fn mixed(&mut self, chunk: usize) -> Option<&mut Vec<Slot<K, S>>> {
        let chunk = self.chunks.get_mut(chunk)?;
        if let Chunk::Here(entries) = chunk {
            self.boxed += entries.len();
            let boxes = std::mem::take(entries).into_iter().map(|entry| Slot::Here(Box::new(entry)));
            *chunk = Chunk::Mixed(boxes.collect());
        }
        match chunk {
            Chunk::Mixed(slots) => Some(slots),
            Chunk::Here(_) => None,
        }
    }
}

impl<K, S> Default for Entries<K, S> {
    fn default() -> Self {
        Entries { chunks: Vec::new(), len: 0, boxed: 0 }
    }
}

impl<K, S> Entry<K, S> {
    /// What it owns outside its place.
    pub(in crate::shard) fn weight(&self) -> u64 {
        u64::from(self.key_weight) + u64::from(self.state_weight)
    }
}

impl<K, S> View<'_, K, S> {
    pub(super) fn changed(&self) -> Version {
        match self {
            View::Here(entry) => entry.changed,
            View::Away(away) => away.changed,
        }
    }

    /// Whether it has a state.
    pub(super) fn is_live(&self) -> bool {
        match self {
            View::Here(entry) => entry.state.is_some(),
            View::Away(away) => away.is_live,
        }
    }
}

impl<K, S> ViewMut<'_, K, S> {
    pub(super) fn changed(&mut self) -> &mut Version {
        match self {
            ViewMut::Here(entry) => &mut entry.changed,
            ViewMut::Away(away) => &mut away.changed,
        }
    }
}

impl<K, S> Item<K, S> {
    pub(super) fn view(&self) -> View<'_, K, S> {
        match self {
            Item::Plain(entry) => View::Here(entry),
            Item::Slot(Slot::Here(entry)) => View::Here(entry),
            Item::Slot(Slot::Away(away)) => View::Away(away),
        }
    }

    /// What it owns in memory, outside its place.
    pub(super) fn weight(&self) -> u64 {
        match self.view() {
            View::Here(entry) => entry.weight(),
            View::Away(_) => 0,
        }
    }
}
