//! Names of Spark that are no mistake to write but that the engine itself does nothing with, and why.

/// Why a setting of Spark's does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ignored {
    /// It tunes something that this engine does not have; the program runs as it would without it.
    Meaningless,
    /// It asks for something that this build does not do; the user is told so.
    Missing,
    /// It is handed on to a library, which knows what it means.
    HandedOn,
}

use Ignored::{HandedOn, Meaningless, Missing};

/// Beginnings of names, each ending at a dot or whole, with the reason. The longest that fits decides.
const IGNORED: &[(&str, Ignored, &str)] = &[
    ("spark.acls", Meaningless, "access lists of Spark's own server"),
    ("spark.admin", Meaningless, "access lists of Spark's own server"),
    ("spark.app", Meaningless, "set by Spark itself"),
    ("spark.blockManager", Meaningless, "ports of the JVM's block service"),
    ("spark.broadcast", Meaningless, "a broadcast is one shared value here"),
    ("spark.checkpoint", Meaningless, "RDDs are checkpointed in one way"),
    ("spark.cleaner", Meaningless, "what nobody refers to is dropped at once, without a cleaner"),
    ("spark.driver", Meaningless, "the driver is the program itself; see tidemill.memory.limit"),
    ("spark.dynamicAllocation", Missing, "executors come with the cluster backend"),
    ("spark.eventLog", Meaningless, "details of Spark's log format"),
    ("spark.excludeOnFailure", Meaningless, "executors come with the cluster backend"),
    ("spark.executor", Meaningless, "there is no JVM to size; see tidemill.memory.limit"),
    ("spark.executorEnv", Missing, "tasks run in the environment of the program"),
    ("spark.files", Missing, "files are not shipped: a local program reads them where they are"),
    ("spark.hadoop", HandedOn, "options of file systems on other machines"),
    ("spark.history", Meaningless, "settings of Spark's history server"),
    ("spark.hive", Meaningless, "there is no Hive"),
    ("spark.io.compression", Meaningless, "block sizes of the JVM's codecs"),
    ("spark.io.encryption", Missing, "files in spark.local.dir are not encrypted"),
    ("spark.jars", Meaningless, "there is no JVM to load them"),
    ("spark.kryo", Meaningless, "values are not serialised by Java"),
    ("spark.kryoserializer", Meaningless, "values are not serialised by Java"),
    ("spark.kubernetes", Meaningless, "this build runs on one machine"),
    ("spark.locality", Meaningless, "on one machine all data is near"),
    ("spark.memory", Meaningless, "the heap of the JVM; see tidemill.memory.limit"),
    ("spark.mesos", Meaningless, "this build runs on one machine"),
    ("spark.metrics", Meaningless, "metrics of the JVM's library"),
    ("spark.network", Meaningless, "the JVM's network stack"),
    ("spark.port", Meaningless, "ports of the JVM's services"),
    ("spark.pyspark", Meaningless, "the Python that runs the program runs its functions"),
    ("spark.python", Meaningless, "details of the JVM's Python workers"),
    ("spark.r", Meaningless, "there is no R"),
    ("spark.rdd", Meaningless, "details of the JVM's RDDs"),
    ("spark.redaction", Missing, "one pattern hides all: spark.redaction.regex"),
    ("spark.repl", Meaningless, "there is no Scala shell"),
    ("spark.reducer", Meaningless, "shuffles are read within the process"),
    ("spark.rpc", Meaningless, "the JVM's network stack"),
    ("spark.scheduler", Meaningless, "details of Spark's scheduling"),
    ("spark.scheduler.allocation.file", Missing, "pools all have weight 1"),
    ("spark.serializer", Meaningless, "values are not serialised by Java"),
    ("spark.shuffle", Meaningless, "shuffles work in one way; see tidemill.memory.shuffle.limit"),
    ("spark.speculation", Missing, "no task runs twice at the same time"),
    ("spark.sql", Meaningless, "settings of Spark SQL"),
    ("spark.ssl", Missing, "servers bind to loopback without TLS"),
    ("spark.standalone", Meaningless, "settings of Spark's own cluster"),
    ("spark.storage", Meaningless, "the store has one size; see tidemill.memory.stored.limit"),
    ("spark.streaming.clock", Missing, "the clock is given in code"),
    ("spark.streaming.dynamicAllocation", Missing, "executors come with the cluster backend"),
    ("spark.streaming.kafka", Missing, "the Kafka source is not part of this build"),
    ("spark.streaming.kinesis", Missing, "the Kinesis source is not part of this build"),
    ("spark.streaming.manualClock", Missing, "the clock is given in code"),
    ("spark.streaming.sessionByKey", Meaningless, "state is kept in another form"),
    ("spark.submit", Meaningless, "details of spark-submit"),
    ("spark.task", Meaningless, "a task takes one slot"),
    ("spark.ui", Meaningless, "details of Spark's pages"),
    ("spark.unsafe", Meaningless, "the JVM's memory"),
    ("spark.user", Meaningless, "access lists of Spark's own server"),
    ("spark.worker", Meaningless, "settings of Spark's own cluster"),
    ("spark.yarn", Meaningless, "this build runs on one machine"),
];

/// Why `name` does nothing, if it is known to.
pub(super) fn ignored(name: &str) -> Option<(Ignored, &'static str)> {
    let fits = |start: &str| name.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let entries = IGNORED.iter().filter(|(start, _, _)| fits(start));
    entries.max_by_key(|(start, _, _)| start.len()).map(|(_, ignored, reason)| (*ignored, *reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_meaning_here_are_known_with_their_reason() {
        for (name, expected) in [
            ("spark.executor.extraJavaOptions", Some(Meaningless)),
            ("spark.driver.memory", Some(Meaningless)),
            ("spark.serializer", Some(Meaningless)),
            ("spark.cleaner.periodicGC.interval", Some(Meaningless)), // 4.60
            ("spark.locality.wait", Some(Meaningless)),               // 4.56
            ("spark.speculation", Some(Missing)),                     // 4.59
            ("spark.speculation.quantile", Some(Missing)),
            ("spark.scheduler.allocation.file", Some(Missing)),
            ("spark.streaming.kafka.maxRatePerPartition", Some(Missing)), // 4.35
            ("spark.hadoop.fs.s3a.endpoint", Some(HandedOn)),
            ("spark.serializers", None),
            ("spark.streaming.blockIntervall", None),
        ] {
            assert_eq!(ignored(name).map(|(ignored, _)| ignored), expected, "{name}");
        }
    }
}
