//! `to_debug_string`: a lineage as text.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

use crate::lineage::{Dependency, Lineage, Operator};
use crate::rdd::{Rdd, Storage};

impl<T: 'static> Rdd<T> {
    /// Its lineage as text, children first: Spark's `RDD.toDebugString`. A node stands with its id and the call that made
    /// it; each stage begins with its number of partitions, and is indented below the shuffle that reads it.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let text = context.parallelize(1..=3, 2).map(|x| (x % 2, x)).reduce_by_key_into(|a, b| a + b, 1).to_debug_string();
    /// assert!(text.starts_with("(1) reduce_by_key[2] at "));
    /// assert!(text.contains("\n +-(2) map[1] at ") && text.contains("\n    |  parallelize[0] at "));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    pub fn to_debug_string(&self) -> String {
        let mut lines = String::new();
        let mut seen = HashSet::new();
        // A loop, not a recursion: lineages grow long.
        let mut open =
            vec![Line { node: Arc::clone(self.node()) as Arc<dyn Lineage>, indent: String::new(), lead: Lead::Root }];
        while let Some(line) = open.pop() {
            let first = seen.insert(line.node.meta().id);
            line.write(&mut lines, first);
            if first {
                let below = line.indent_below();
                let line_of = |dependency| match dependency {
                    Dependency::Narrow(node) => Line { node, indent: below.clone(), lead: Lead::Narrow },
                    Dependency::Shuffle(side) => {
                        Line { node: side.lineage(), indent: below.clone(), lead: Lead::Shuffle }
                    }
                };
                open.extend(line.node.dependencies().into_iter().rev().map(line_of));
            }
        }
        lines
    }
}

struct Line {
    node: Arc<dyn Lineage>,
    /// What stands before its lead.
    indent: String,
    lead: Lead,
}

#[derive(Clone, Copy, PartialEq)]
enum Lead {
    Root,
    Narrow,
    Shuffle,
}

impl Line {
    fn write(&self, out: &mut String, first: bool) {
        let meta = self.node.meta();
        let lead = match self.lead {
            Lead::Root => format!("({})", meta.partitions),
            Lead::Narrow => "| ".to_string(),
            Lead::Shuffle => format!("+-({})", meta.partitions),
        };
        let (operator, id) = (&meta.operator, meta.id.0);
        let start = if out.is_empty() { "" } else { "\n " };
        let name = self.node.name().map(|name| format!("{name} ")).unwrap_or_default();
        let Operator { name: call, file, line } = operator;
        let written = write!(out, "{start}{}{lead} {name}{call}[{id}] at {file}:{line}", self.indent);
        let storage = self
            .node
            .storage()
            .filter(|storage| storage.rdd() == meta.id)
            .map(Storage::level)
            .filter(|level| level.keeps());
        let written = written.and_then(|()| storage.map_or(Ok(()), |level| write!(out, " [{level}]")));
        let written = written.and_then(|()| if first { Ok(()) } else { out.write_str(" (as above)") });
        debug_assert!(written.is_ok(), "a String takes any text");
    }

    /// What stands before the lines of its parents.
    fn indent_below(&self) -> String {
        if self.lead == Lead::Shuffle { format!("{}   ", self.indent) } else { self.indent.clone() }
    }
}
