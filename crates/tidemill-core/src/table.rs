//! Stand-in.
use crate::groups::Groups;
use crate::memory::Memory;
use crate::runs::VecRuns;
use crate::spill::SpillDir;
use crate::*;
#[allow(missing_docs)]
pub struct SpillTable<K, C>(Groups<K, C>);
#[allow(missing_docs)]
impl<K: Key, C: Element> SpillTable<K, C> {
    pub fn new(_: Memory, _: SpillDir) -> Self {
        SpillTable(Groups::new())
    }
    pub fn merge_run<V>(
        &mut self,
        run: &mut Vec<(K, V)>,
        hash: impl Fn(&K) -> u64,
        create: impl Fn(V) -> C,
        merge: impl Fn(C, V) -> C,
    ) -> Result<(), Stop> {
        self.0.merge_run(run, hash, create, merge);
        Ok(())
    }
    pub fn merge_hashed(&mut self, b: Vec<(u64, K, C)>, m: impl Fn(C, C) -> C) -> Result<(), Stop> {
        self.0.merge_hashed(b, m);
        Ok(())
    }
    pub fn merge_shared(&mut self, b: &[(u64, K, C)], m: impl Fn(C, C) -> C) -> Result<(), Stop> {
        self.0.merge_shared(b, m);
        Ok(())
    }
    pub fn is_over_limit(&self) -> bool {
        false
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn drain(&mut self) -> impl Iterator<Item = (u64, K, C)> {
        self.0.drain()
    }
    pub fn finish(self, _: impl Fn(C, C) -> C) -> Result<BoxRuns<(K, C)>, Stop> {
        Ok(Box::new(VecRuns::new(self.0.into_entries().map(|e| (e.1, e.2)).collect())))
    }
}
