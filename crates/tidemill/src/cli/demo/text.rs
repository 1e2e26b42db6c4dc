//! Made-up text: sentences about a mill, the same in every run.

const WHO: [&str; 8] =
    ["the miller", "the tide", "the moon", "a heron", "the gate", "the wheel", "a barge", "the pond"];
const DOES: [&str; 8] = ["waits for", "turns with", "fills", "follows", "opens for", "watches", "leaves", "carries"];
const WHOM: [&str; 8] =
    ["the tide", "the mill", "the grain", "the stream", "the moon", "the flour", "the pond", "the morning"];
/// Half the sentences say nothing of when.
const WHEN: [&str; 4] = ["", "", " at dawn", " at every tide"];

/// Sentences without end.
pub(super) struct Sentences {
    /// The state of a linear congruential generator: it need not be good, only small.
    state: u64,
}

impl Default for Sentences {
    fn default() -> Sentences {
        Sentences { state: 1 }
    }
}

impl Sentences {
    /// Appends a sentence and a line end.
    pub(super) fn push_line(&mut self, out: &mut String) {
        let (who, does, whom, when) = (self.one_of(&WHO), self.one_of(&DOES), self.one_of(&WHOM), self.one_of(&WHEN));
        for part in [who, " ", does, " ", whom, when, "\n"] {
            out.push_str(part);
        }
    }

    fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        // Knuth's constants for 64 bits; the upper bits are the random ones.
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (self.state >> 33) as usize % words.len().max(1);
        words.get(at).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_lines_that_vary_and_repeat() {
        let mut text = String::new();
        let mut sentences = Sentences::default();
        (0..1000).for_each(|_| sentences.push_line(&mut text));
        assert_eq!((text.lines().count(), text.ends_with('\n')), (1000, true));
        assert!(text.lines().all(|line| (4..=9).contains(&line.split(' ').count())), "{text:.300}");
        let distinct: std::collections::HashSet<&str> = text.lines().collect();
        assert!(distinct.len() > 100, "{} sentences", distinct.len());
    }
}
