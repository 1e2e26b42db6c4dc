//! `History`: which versions of a state its log and its snapshots hold, and how one is made of them.

use std::collections::{BTreeMap, VecDeque};

use tidemill_core::Version;
use tidemill_core::shape::Shape;

use super::record::{Entry, Line, parse};
use super::snapshot::Manifest;
use crate::checkpoint::log::{Damage, Position, scan};
use crate::checkpoint::storage::{Storage, StorageError};

/// A step in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stepped {
    pub(super) line: Line,
    pub(super) from: Version,
    pub(super) to: Version,
    pub(super) position: Position,
}

/// What a log holds.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) steps: Vec<Stepped>,
    /// What the steps from there on are of.
    heads: Vec<(Position, Shape, u32)>,
    damage: Vec<Damage>,
}

/// A way to a version: what it starts from, and the steps since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way<'a> {
    /// None for the empty state that every operator begins with.
    pub(super) base: Option<&'a Manifest>,
    /// From the oldest to the newest.
    pub(super) steps: Vec<Stepped>,
}

/// What was kept up to some version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept<'a> {
    pub(super) version: Version,
    /// All ways to it, those with the newest snapshots first.
    pub(super) ways: Vec<Way<'a>>,
}

impl History {
    /// Reads the log in `folder`.
    pub(super) fn read(storage: &dyn Storage, folder: &str) -> Result<History, StorageError> {
        let mut history = History::default();
        let scan = scan(storage, folder, &mut |position, record| {
            match parse(record) {
                Ok((Entry::Head { shape, partitions }, _)) => history.heads.push((position, shape, partitions)),
                Ok((Entry::Step { line, from, to }, _)) => history.steps.push(Stepped { line, from, to, position }),
                Err(cause) => {
                    let (segment, offset, text) = (position.segment, position.offset, cause.to_string());
                    history.damage.push(Damage { segment, offset, text });
                }
            }
            Ok(())
        })?;
        history.damage.extend(scan.damage);
        history.damage.sort_by_key(|damage| (damage.segment, damage.offset));
        Ok(history)
    }

    /// The shape and the number of partitions of the steps at a position.
    pub(super) fn head(&self, position: Position) -> Option<(&Shape, u32)> {
        let before = self.heads.iter().take_while(|(at, ..)| *at <= position);
        before.last().map(|(_, shape, partitions)| (shape, *partitions))
    }

    /// The newest line of all.
    pub(super) fn last_line(&self, manifests: &[Manifest]) -> Line {
        self.lines(manifests).into_values().next_back().unwrap_or(Line::NONE)
    }

    /// The newest version up to `at_most` that holds, and the ways to it; none if there is no such version. A version that was
    /// told of and never durable, because a snapshot was missing that it rests on, has no way.
    pub(super) fn newest<'a>(&self, manifests: &'a [Manifest], at_most: Version) -> Option<Kept<'a>> {
        let lines = self.lines(manifests);
        let steps = self.steps.iter().filter(|step| step.to <= at_most && holds(&lines, step.line, step.to));
        let steps: BTreeMap<Version, Stepped> = steps.map(|step| (step.to, *step)).collect();
        let mut bases: Vec<&Manifest> = manifests.iter().collect();
        bases.retain(|base| base.version <= at_most && holds(&lines, base.line, base.version));
        bases.sort_by_key(|base| std::cmp::Reverse((base.version, base.line.number)));
        let version = steps.keys().next_back().copied().max(bases.first().map(|base| base.version))?;
        let mut ways: Vec<Way<'a>> = bases.iter().filter_map(|base| way(&steps, Some(base), version)).collect();
        ways.extend(way(&steps, None, version));
        Some(Kept { version, ways })
    }

    /// The newest version that can be made. After a crash there may be newer ones that never were durable.
    pub(super) fn newest_whole(&self, manifests: &[Manifest]) -> Option<Version> {
        let mut at_most = Version(u64::MAX);
        loop {
            let kept = self.newest(manifests, at_most)?;
            if !kept.ways.is_empty() {
                return Some(kept.version);
            }
            at_most = Version(kept.version.0.checked_sub(1)?);
        }
    }

    /// Damage behind which versions between `reached` and `at_most` may be lost.
    pub(super) fn lost(&self, reached: Version, at_most: Version) -> Option<&Damage> {
        if at_most <= reached {
            return None;
        }
        let behind = |step: &Stepped| (step.position.segment, step.position.offset);
        let last = self.steps.iter().filter(|step| step.to <= reached).map(behind).max();
        self.damage.iter().find(|damage| {
            let at = (damage.segment, damage.offset);
            let next = self.steps.iter().find(|step| behind(step) > at);
            last.is_none_or(|last| at > last) && next.is_none_or(|next| next.from > reached)
        })
    }

    /// What of the log cannot be read.
    pub(super) fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The newest version in each segment, oldest first.
    pub(super) fn segments(&self) -> VecDeque<(u64, Version)> {
        let mut segments: BTreeMap<u64, Version> = BTreeMap::new();
        for step in &self.steps {
            let newest = segments.entry(step.position.segment).or_default();
            *newest = step.to.max(*newest);
        }
        segments.into_iter().collect()
    }

    fn lines(&self, manifests: &[Manifest]) -> BTreeMap<u64, Line> {
        let of_steps = self.steps.iter().map(|step| step.line);
        of_steps.chain(manifests.iter().map(|manifest| manifest.line)).map(|line| (line.number, line)).collect()
    }
}

/// Whether no later line has gone back behind a version of `line`.
fn holds(lines: &BTreeMap<u64, Line>, line: Line, version: Version) -> bool {
    lines.range(line.number + 1..).all(|(_, later)| later.began >= version)
}

/// The steps from `base` to `version`.
fn way<'a>(steps: &BTreeMap<Version, Stepped>, base: Option<&'a Manifest>, version: Version) -> Option<Way<'a>> {
    let (mut at, mut back) = (version, Vec::new());
    let (start, root) = base.map_or((Version::START, 0), |base| (base.version, base.line.root));
    while at > start {
        // Steps of another root are of other partitions, or another shape.
        let step = steps.get(&at).filter(|step| step.line.root == root)?;
        back.push(*step);
        at = step.from;
    }
    back.reverse();
    (at == start).then_some(Way { base, steps: back })
}
