//! What a lane's worker keeps, as the driver counts it, and what of it goes where that is too much.

/// The tables of one worker. Who has the lane brings them up to date.
#[derive(Default)]
pub(super) struct Tables {
    tables: Vec<Table>,
    /// Counts the uses.
    uses: u64,
}

struct Table {
    name: u64,
    is_there: bool,
    /// What it takes up, about; 0 while it is not there.
    bytes: u64,
    /// The counts of uses when it was used last, and the time before.
    last_use: u64,
    use_before: u64,
}

impl Tables {
    pub(super) fn has(&self, name: u64) -> bool {
        self.tables.iter().any(|table| table.name == name && table.is_there)
    }

    /// It is there, and was used.
    pub(super) fn used(&mut self, name: u64, bytes: u64) {
        let uses = self.uses;
        let at = self.tables.iter().position(|table| table.name == name).unwrap_or_else(|| {
            self.tables.push(Table { name, is_there: true, bytes, last_use: 0, use_before: 0 });
            self.tables.len() - 1
        });
        let Some(table) = self.tables.get_mut(at) else { return };
        (table.bytes, table.is_there) = (bytes, true);
        // Uses of one table without another between them are one.
        if table.last_use < uses || uses == 0 {
            self.uses += 1;
            (table.use_before, table.last_use) = (table.last_use, self.uses);
        }
    }

    /// It is not there until it is used again.
    pub(super) fn gone(&mut self, name: u64) {
        if let Some(table) = self.tables.iter_mut().find(|table| table.name == name) {
            (table.bytes, table.is_there) = (0, false);
        }
    }

    /// There will be none of this name any more.
    pub(super) fn forget(&mut self, name: u64) {
        self.tables.retain(|table| table.name != name);
    }

    /// What should go so that `name`, which is used now, may take `more` bytes than it does and all are within `limit`; the
    /// table itself does not count as what could go.
    ///
    /// Streams use every table once a batch, one after the other, so what was used last is needed last and goes first: if
    /// what was used longest ago went, each would have gone just before it is needed. What was not used since the use of
    /// `name` before this one is out of this round, and goes before all others.
    pub(super) fn surplus(&self, name: u64, more: u64, limit: u64) -> Option<u64> {
        let all = self.tables.iter().fold(more, |sum, table| sum.saturating_add(table.bytes));
        if all <= limit {
            return None;
        }
        let own = self.tables.iter().find(|table| table.name == name);
        let round = own.map_or(0, |own| if own.last_use == self.uses { own.use_before } else { own.last_use });
        let others = || self.tables.iter().filter(|table| table.is_there && table.name != name);
        let quiet = others().filter(|table| table.last_use < round).min_by_key(|table| table.last_use);
        quiet.or_else(|| others().max_by_key(|table| table.last_use)).map(|table| table.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uses a table of 10 bytes as the state does; returns what went for it.
    fn uses(tables: &mut Tables, name: u64, limit: u64) -> Vec<u64> {
        let mut gone = Vec::new();
        let more = if tables.has(name) { 0 } else { 10 };
        while let Some(other) = tables.surplus(name, more, limit) {
            tables.gone(other);
            gone.push(other);
        }
        tables.used(name, 10);
        gone
    }

    #[test]
    fn nothing_goes_while_all_fit() {
        let mut tables = Tables::default();
        for name in [1, 2, 3, 1, 2, 3] {
            assert_eq!(uses(&mut tables, name, 30), [0; 0], "{name}");
        }
        tables.used(2, 25);
        assert_eq!(tables.surplus(2, 0, 45), None);
        assert!(tables.surplus(2, 1, 45).is_some());
    }

    #[test]
    fn what_is_used_in_turn_is_mostly_there() {
        let (mut tables, mut loads) = (Tables::default(), 0);
        for _ in 0..100 {
            for name in 0..10 {
                loads += u32::from(!tables.has(name));
                uses(&mut tables, name, 80);
                assert!((0..10).filter(|name| tables.has(*name)).count() <= 8);
            }
        }
        assert!(loads < 350, "{loads} of 1000, of which 200 cannot be there");
    }

    #[test]
    fn what_nobody_uses_any_more_goes_first() {
        let mut tables = Tables::default();
        for name in [7, 8, 1, 2, 3] {
            uses(&mut tables, name, 50);
        }
        let later = [1, 2, 3, 4, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5];
        let gone: Vec<u64> = later.into_iter().flat_map(|name| uses(&mut tables, name, 50)).collect();
        assert_eq!(gone, [3, 7, 4, 8], "4 and 5 were not known, and what was used last went for them");
    }

    #[test]
    fn one_that_is_too_large_is_alone() {
        let mut tables = Tables::default();
        for name in [1, 2, 3] {
            uses(&mut tables, name, 30);
        }
        let mut gone = Vec::new();
        while let Some(other) = tables.surplus(2, 1000, 30) {
            tables.gone(other);
            gone.push(other);
        }
        gone.sort_unstable();
        assert_eq!(gone, [1, 3]);
        tables.forget(2);
        assert!(!tables.has(2));
    }
}
