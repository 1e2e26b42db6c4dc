//! The page of settings, made from the table.

use std::fmt::Write;

use super::{Bounds, DefaultValue, Kind, Setting, Settings, Unit, keys};

const OPENING: &str = "\
# Settings

Every name that the engine knows, with what holds when it is not set. Names that begin with `spark.` are Spark's and
mean what they mean there; `tidemill.` names are our own. Sizes are written `64k`, `512m`, `1g`; lengths of time
`200ms`, `2s`, `1min`, `1h`; a number without a unit is bytes or what the table says. A value that is not allowed stops
the program at its start; a name that nobody knows is warned of. What a setting marked *no effect yet* is for is not
built: its value is checked, and a program that writes another than the default is warned. One marked *refused* stops
the program: it asks for what the engine cannot do.

This page is made from the table in the source: `UPDATE_DOCS=1 cargo test -p tidemill-core settings`.
";

impl Settings {
    /// The page `docs/settings.md`: every setting, in Markdown.
    pub fn document() -> String {
        let mut page = OPENING.to_owned();
        for (title, settings) in keys::GROUPS {
            let _ = write!(
                page,
                "\n## {title}\n\n| setting | kind | default | what it does |\n| --- | --- | --- | --- |\n"
            );
            for setting in settings {
                page.push_str(&row(setting));
            }
        }
        page
    }
}

/// The sort of value, with what bounds it.
fn kind(setting: &Setting) -> String {
    let kind = match (setting.kind, setting.plain, setting.bounds) {
        (_, _, Bounds::OneOf(_)) | (Kind::Choice { .. }, _, _) => return setting.allowed(),
        (kind, Unit::Mebibytes, _) => format!("{} (plain number: m)", kind.title()),
        (kind, Unit::Milliseconds, _) => format!("{} (plain number: ms)", kind.title()),
        (kind, Unit::Seconds, _) => format!("{} (plain number: s)", kind.title()),
        (kind, Unit::None | Unit::Bytes, _) => kind.title().to_owned(),
    };
    match setting.bounds.words(setting.kind) {
        Some(bounds) => format!("{kind}, {bounds}"),
        None => kind,
    }
}

fn row(setting: &Setting) -> String {
    let default = match setting.default {
        DefaultValue::Written(text) => format!("`{}`", text.replace('|', "\\|")), // which ends a cell
        DefaultValue::Absent(words) => words.to_owned(),
    };
    let mark = if setting.no_effect.is_some() { "*No effect yet.* " } else { "" };
    let mut doc = format!("{mark}{}", setting.doc.trim());
    if let Some(because) = setting.refused {
        let _ = write!(doc, " *Refused*: {because}.");
    }
    if let Some(names) = (!setting.old_names.is_empty()).then(|| setting.old_names.join("`, `")) {
        let _ = write!(doc, " Also read as `{names}`.");
    }
    let row = format!("| `{}` | {} | {default} | {doc} |\n", setting.name, kind(setting));
    // A doc comment's lines are joined as they stand, each with the space after its slashes.
    row.replace("  ", " ")
}
