//! Where a program runs, as its master says: `local`, `local[4]`, `local[*]`, `local[4,3]`.

use std::fmt;

/// The forms of a master that this build runs.
const ACCEPTED: &str = "local, local[N], local[*], local[N,F] or local[*,F] \
                        (N threads, F tries for each task, both 1 or more)";

/// The most threads that a master may ask for. Each is a thread of the system, so a number with a zero too many would
/// otherwise take the machine down.
pub const THREADS_MOST: usize = 4096;

/// A master that was parsed: so many threads in this process (Spark's master URL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Master {
    /// How many tasks run at the same time, 1 or more.
    pub threads: usize,
    /// How often a task may fail before its job does, if the master says so.
    pub max_failures: Option<u32>,
}

/// A master that this build does not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MasterError {
    /// A cluster of Tidemill's own.
    #[error("cannot run on \"{given}\": the cluster backend is not part of this build; try {nearest}")]
    Cluster {
        /// The master as written.
        given: String,
        /// The local master that comes nearest.
        nearest: String,
    },
    /// A cluster of another kind.
    #[error("cannot run on \"{given}\": {system} is not supported; try {nearest}")]
    Foreign {
        /// The master as written.
        given: String,
        /// The name of the system.
        system: &'static str,
        /// The local master that comes nearest.
        nearest: String,
    },
    /// No master at all.
    #[error("\"{given}\" is no master: it must be {ACCEPTED}; try {nearest}")]
    Malformed {
        /// The master as written.
        given: String,
        /// The local master that comes nearest.
        nearest: String,
    },
}

impl Master {
    /// Reads a master; `cores` is what `*` stands for.
    ///
    /// # Errors
    ///
    /// A [`MasterError`] that says what is accepted and the nearest form of it.
    ///
    /// ```
    /// use tidemill_core::Master;
    ///
    /// assert_eq!(Master::parse("local[2,3]", 8)?, Master { threads: 2, max_failures: Some(3) });
    /// assert_eq!(Master::parse("local[*]", 8)?.threads, 8);
    /// # Ok::<(), tidemill_core::MasterError>(())
    /// ```
    pub fn parse(text: &str, cores: usize) -> Result<Master, MasterError> {
        local(text.trim(), cores.max(1)).ok_or_else(|| refuse(text))
    }
}

/// As a master is written.
impl fmt::Display for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max_failures {
            Some(max_failures) => write!(f, "local[{},{max_failures}]", self.threads),
            None => write!(f, "local[{}]", self.threads),
        }
    }
}

fn local(text: &str, cores: usize) -> Option<Master> {
    let rest = text.strip_prefix("local")?;
    if rest.is_empty() {
        return Some(Master { threads: 1, max_failures: None });
    }
    let inside = rest.strip_prefix('[')?.strip_suffix(']')?;
    let (threads, max_failures) = match inside.split_once(',') {
        Some((threads, max_failures)) => (threads.trim(), Some(positive::<u32>(max_failures.trim())?)),
        None => (inside.trim(), None),
    };
    let threads = if threads == "*" { cores } else { positive(threads)? };
    (threads <= THREADS_MOST).then_some(Master { threads, max_failures })
}

/// A number of one or more, in digits alone.
fn positive<N: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Option<N> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number: &N| digits && N::from(1) <= *number)
}

fn refuse(text: &str) -> MasterError {
    let given = text.to_owned();
    let nearest = nearest(text);
    let starts = |start: &str| text.trim().starts_with(start);
    if starts("local-cluster") || starts("tidemill://") {
        return MasterError::Cluster { given, nearest };
    }
    let systems =
        [("spark://", "Spark's own cluster"), ("yarn", "YARN"), ("k8s://", "Kubernetes"), ("mesos://", "Mesos")];
    match systems.iter().find(|(start, _)| starts(start)) {
        Some((_, system)) => MasterError::Foreign { given, system, nearest },
        None => MasterError::Malformed { given, nearest },
    }
}

/// The local master with the first two numbers of the text, as far as they can be used: `local(4)` and `local-4` are
/// `local[4]`. An address has numbers too, but they are not meant so.
fn nearest(text: &str) -> String {
    let is_local = text.trim().to_ascii_lowercase().starts_with("local");
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let threads = numbers.next().filter(|_| is_local).and_then(positive::<usize>);
    let Some(threads) = threads.filter(|threads| *threads <= THREADS_MOST) else {
        return "local[*]".to_owned();
    };
    // The second number of local-cluster[N,cores,memory] is no number of tries.
    let max_failures = numbers.next().and_then(positive::<u32>).filter(|_| !text.contains("cluster"));
    Master { threads, max_failures }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_masters_are_read() {
        // behaviour 4.54, 4.57
        for (text, threads, max_failures) in [
            ("local", 1, None),
            ("local[4]", 4, None),
            (" local[ 4 ] ", 4, None),
            ("local[*]", 8, None),
            ("local[4,3]", 4, Some(3)),
            ("local[4, 3]", 4, Some(3)),
            ("local[*,2]", 8, Some(2)),
            ("local[4096]", 4096, None),
        ] {
            assert_eq!(Master::parse(text, 8), Ok(Master { threads, max_failures }), "{text}");
        }
        assert_eq!(Master::parse("local[*]", 0).unwrap().threads, 1);
    }

    #[test]
    fn a_printed_master_reads_back() {
        for text in ["local[4]", "local[4,3]"] {
            assert_eq!(Master::parse(text, 8).unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_masters_are_refused_with_the_nearest_form() {
        for (text, kind, nearest) in [
            ("local-cluster[2,1,1024]", "the cluster backend is not part of this build", "local[2]"),
            ("tidemill://host:7077", "the cluster backend is not part of this build", "local[*]"),
            ("spark://host:7077", "Spark's own cluster is not supported", "local[*]"),
            ("yarn", "YARN is not supported", "local[*]"),
            ("k8s://https://host:443", "Kubernetes is not supported", "local[*]"),
            ("mesos://host:5050", "Mesos is not supported", "local[*]"),
            ("", "is no master: it must be local, local[N]", "local[*]"),
            ("local[0]", "is no master", "local[*]"),
            ("local[-2]", "is no master", "local[2]"),
            ("local[+2]", "is no master", "local[2]"),
            ("local[]", "is no master", "local[*]"),
            ("local[4", "is no master", "local[4]"),
            ("local(4)", "is no master", "local[4]"),
            ("Local[4]", "is no master", "local[4]"),
            ("local[4,0]", "is no master", "local[4]"),
            ("local[4,3,2]", "is no master", "local[4,3]"),
            ("local[100000]", "is no master", "local[*]"),
            ("locally", "is no master", "local[*]"),
            ("cheese", "is no master", "local[*]"),
        ] {
            let message = Master::parse(text, 8).unwrap_err().to_string();
            assert!(message.contains(kind), "{text}: {message}");
            assert!(message.contains(&format!("\"{text}\"")), "{text}: {message}");
            assert!(message.ends_with(&format!("; try {nearest}")), "{text}: {message}");
        }
    }
}
