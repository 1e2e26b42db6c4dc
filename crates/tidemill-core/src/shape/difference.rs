//! What has changed between two shapes, in words.

use super::Shape;

/// What was kept has another shape than what the program declares.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "what was kept does not fit the program: {difference}. Kept is {kept}, declared is {declared}. Declare it as it was, or \
     convert it with `migrate`"
)]
pub struct OtherShape {
    /// The first thing that differs, in words.
    pub difference: String,
    /// The shape of what was kept.
    pub kept: Shape,
    /// The shape of what the program declares.
    pub declared: Shape,
}

impl OtherShape {
    /// The first difference between entries that were kept, a key and a state each, and those that are declared; none if
    /// these can be read as those.
    pub fn of_entries(kept: &Shape, declared: &Shape) -> Option<OtherShape> {
        let difference = match (kept, declared) {
            (Shape::Tuple(old), Shape::Tuple(new)) if old.len() == 2 && new.len() == 2 => {
                let mut parts = ["the key", "the state"].into_iter().zip(old.iter().zip(new));
                parts.find_map(|(place, (old, new))| difference(place, old, new))
            }
            _ => difference("an entry", kept, declared),
        };
        difference.map(|difference| OtherShape { difference, kept: kept.clone(), declared: declared.clone() })
    }
}

/// The first thing in which `new`, the program's shape, differs from `old`, the checkpoint's, so that it cannot read what
/// was kept; `None` if it can. `place` says what they are the shapes of.
///
/// Names of types may differ, and an enum may have more variants at its end. All else must be equal: names of fields too,
/// or two fields of one type could change places unseen.
pub fn difference(place: &str, old: &Shape, new: &Shape) -> Option<String> {
    match (old, new) {
        (Shape::Optional(old), Shape::Optional(new)) => difference(&format!("the value in {place}"), old, new),
        (Shape::Sequence(old), Shape::Sequence(new)) => difference(&format!("each element of {place}"), old, new),
        (Shape::Map(old_key, old), Shape::Map(new_key, new)) => {
            let keys = difference(&format!("each key of {place}"), old_key, new_key);
            keys.or_else(|| difference(&format!("each value of {place}"), old, new))
        }
        (Shape::Tuple(old), Shape::Tuple(new)) => parts(place, old, new),
        (Shape::TupleStruct(_, old), Shape::TupleStruct(name, new)) => parts(&format!("struct `{name}`"), old, new),
        (Shape::Struct(_, old), Shape::Struct(name, new)) => names(&format!("struct `{name}`"), "field", old, new)
            .or_else(|| {
                let mut both = old.iter().zip(new);
                both.find_map(|((field, old), (_, new))| {
                    difference(&format!("field `{field}` of struct `{name}`"), old, new)
                })
            }),
        (Shape::Enum(_, old), Shape::Enum(name, new)) => {
            let known = new.get(..old.len()).unwrap_or(new);
            names(&format!("enum `{name}`"), "variant", old, known).or_else(|| {
                let mut both = old.iter().zip(new);
                both.find_map(|((variant, old), (_, new))| {
                    difference(&format!("variant `{variant}` of enum `{name}`"), old, new)
                })
            })
        }
        (Shape::Again(_), Shape::Again(_)) => None,
        (old, new) if old == new => None,
        (old, new) => Some(format!("{place} is {} in the checkpoint and {} in the program", short(old), short(new))),
    }
}

fn parts(place: &str, old: &[Shape], new: &[Shape]) -> Option<String> {
    if old.len() != new.len() {
        let (old, new) = (old.len(), new.len());
        return Some(format!("{place} has {old} parts in the checkpoint and {new} in the program"));
    }
    let mut both = old.iter().zip(new).enumerate();
    both.find_map(|(number, (old, new))| difference(&format!("part {number} of {place}"), old, new))
}

/// The first name that is not where it was.
fn names(of: &str, what: &str, old: &[(String, Shape)], new: &[(String, Shape)]) -> Option<String> {
    let is_in = |name: &str, all: &[(String, Shape)]| all.iter().any(|(other, _)| other == name);
    for number in 0..old.len().max(new.len()) {
        let name = |all: &[(String, Shape)]| all.get(number).map(|(name, _)| name.clone());
        let (old_name, new_name) = (name(old), name(new));
        if old_name == new_name {
            continue;
        }
        if let Some(gone) = old_name.as_ref().filter(|name| !is_in(name, new)) {
            return Some(format!("{what} `{gone}` of {of} is in the checkpoint and not in the program"));
        }
        if let Some(added) = new_name.as_ref().filter(|name| !is_in(name, old)) {
            return Some(format!("{what} `{added}` of {of} is in the program and not in the checkpoint"));
        }
        let (old_name, new_name) = (old_name.unwrap_or_default(), new_name.unwrap_or_default());
        return Some(format!(
            "{what} {number} of {of} is `{old_name}` in the checkpoint and `{new_name}` in the program"
        ));
    }
    None
}

/// A shape in a few words.
fn short(shape: &Shape) -> String {
    match shape {
        Shape::Optional(inner) => format!("optional {}", short(inner)),
        Shape::Sequence(inner) => format!("a sequence of {}", short(inner)),
        Shape::Map(key, value) => format!("a map of {} to {}", short(key), short(value)),
        Shape::Struct(name, _) | Shape::TupleStruct(name, _) | Shape::Again(name) => format!("struct `{name}`"),
        Shape::Enum(name, _) => format!("enum `{name}`"),
        Shape::Tuple(parts) if parts.is_empty() => "nothing".into(),
        Shape::Opaque(name) => format!("`{name}`, which does not show its shape"),
        shape => shape.to_string(),
    }
}
