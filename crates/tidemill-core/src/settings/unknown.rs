//! Written names without effect: those that nobody knows, with the nearest one ("did you mean"), and those of later.

use super::ignored::{Ignored, ignored};
use super::{Settings, keys};

/// The namespaces in which a name that nobody knows is a mistake; other names belong to the program.
const OURS: [&str; 2] = ["spark.", "tidemill."];

/// Names at least this alike (1 is the same) are offered. Half of a long name is often its namespace, which is alike
/// in all of them; at 0.8 about one letter in five of the rest may be wrong.
const ALIKE: f64 = 0.8;

/// A name among the settings that the engine does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownSetting {
    /// The name as written.
    pub name: String,
    /// The known name that it is nearest to, if one is near.
    pub nearest: Option<&'static str>,
}

/// The names under `spark.` and `tidemill.` that mean nothing to anybody: neither here nor in Spark. A name that
/// Spark knows and that has no effect here is not among them.
pub fn unknown(settings: &Settings) -> Vec<UnknownSetting> {
    let names = settings.iter().map(|(name, _)| name);
    let strange = names.filter(|name| OURS.iter().any(|space| name.starts_with(space)) && !is_known(name));
    strange
        .filter_map(|name| {
            let nearest = nearest(name);
            // A near miss of a setting that works is a mistake even where Spark has many names of that beginning.
            let excused = ignored(name).is_some() && !nearest.is_some_and(|known| is_slip(name, known));
            (!excused).then(|| UnknownSetting { name: name.to_owned(), nearest })
        })
        .collect()
}

/// Tells the user of every written name that has no effect, or none yet.
pub(super) fn warn(settings: &Settings) {
    for UnknownSetting { name, nearest } in unknown(settings) {
        match nearest {
            Some(nearest) => tracing::warn!("there is no setting {name}; did you mean {nearest}?"),
            None => tracing::warn!("there is no setting {name}; it has no effect"),
        }
    }
    for (name, _) in settings.iter().filter(|(name, _)| !is_known(name)) {
        match ignored(name) {
            Some((Ignored::Missing, reason)) => tracing::warn!("{name} has no effect: {reason}"),
            Some((Ignored::Meaningless, reason)) => tracing::debug!("{name} has no effect: {reason}"),
            Some((Ignored::HandedOn, _)) | None => {}
        }
    }
    for (name, because) in without_effect(settings) {
        tracing::warn!("{name} has no effect yet: {because}");
    }
}

/// The written names of settings whose code is not built, with why; not those that are written as what holds anyway.
fn without_effect(settings: &Settings) -> impl Iterator<Item = (&str, &'static str)> {
    settings.iter().filter_map(|(name, written)| {
        let setting = keys::all().find(|setting| setting.name == name || setting.old_names.contains(&name))?;
        let because = setting.no_effect?;
        (!setting.is_default(written)).then_some((name, because))
    })
}

fn known_names() -> impl Iterator<Item = &'static str> {
    keys::all().flat_map(|setting| std::iter::once(setting.name).chain(setting.old_names.iter().copied()))
}

fn is_known(name: &str) -> bool {
    known_names().any(|known| known == name)
}

fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_lowercase();
    let alike =
        known_names().map(|known| (strsim::normalized_damerau_levenshtein(&wanted, &known.to_lowercase()), known));
    alike.filter(|(score, _)| ALIKE <= *score).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// Whether `name` is `known` with the wrong case, or one letter wrong, missing, too many or swapped.
fn is_slip(name: &str, known: &str) -> bool {
    strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_of_what_is_not_built_is_told_unless_it_is_the_default() {
        let settings = Settings::from_pairs([
            ("spark.streaming.unpersist", "false"),
            ("spark.streaming.receiver.writeAheadLog.maxFailures", "3"),
            ("spark.streaming.minRememberDuration", "5s"),
            ("spark.streaming.backpressure.enabled", "False"),
            ("spark.streaming.blockInterval", "50ms"),
        ]);
        let told: Vec<_> = without_effect(&settings).collect();
        let expected = [("spark.streaming.unpersist", "what no batch needs is always dropped")];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_name_that_nobody_knows_gets_the_nearest_that_somebody_does() {
        let cases = [
            ("spark.streaming.blockIntervall", Some(Some("spark.streaming.blockInterval"))),
            ("spark.streaming.backpresure.enable", Some(Some("spark.streaming.backpressure.enabled"))),
            ("spark.default.paralelism", Some(Some("spark.default.parallelism"))),
            ("spark.Default.Parallelism", Some(Some("spark.default.parallelism"))),
            ("tidemill.memory.limits", Some(Some("tidemill.memory.limit"))),
            ("tidemill.nothing.like.it", Some(None)),
            ("spark.flux.capacitor", Some(None)),
            // A slip within a namespace that is otherwise let pass.
            ("spark.hadoop.validateOutputSpec", Some(Some("spark.hadoop.validateOutputSpecs"))),
            ("spark.task.maxFailure", Some(Some("spark.task.maxFailures"))),
            ("spark.default.parallelism", None),
            ("spark.streaming.minRememberDuration", None),
            ("spark.hadoop.fs.s3a.endpoint", None),
            ("spark.driver.memory", None),
            ("my.own.setting", None),
        ];
        for (name, expected) in cases {
            let found = unknown(&Settings::from_pairs([(name, "1")]));
            let expected: Vec<_> =
                expected.into_iter().map(|nearest| UnknownSetting { name: name.to_owned(), nearest }).collect();
            assert_eq!(found, expected, "{name}");
        }
    }
}
