//! `Slot`: what a trace has found out of one place in a type so far.

use super::Shape;

/// One place in a type.
#[derive(Debug, Default)]
pub(super) enum Slot {
    /// Not reached yet.
    #[default]
    New,
    /// Reached, and its type has not said what it is.
    Begun(&'static str),
    Plain(&'static str),
    /// A type around this place.
    Again(&'static str),
    /// All of its parts are read at once.
    Parts(Kind, Vec<Slot>),
    /// An enum: one variant is read at a time.
    Choice(&'static str, Vec<Variant>),
}

/// What has parts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Optional,
    Sequence,
    Map,
    Tuple,
    TupleStruct(&'static str),
    Struct(&'static str, &'static [&'static str]),
}

/// A variant of an enum.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) name: &'static str,
    pub(super) slot: Slot,
    pub(super) is_tried: bool,
    /// Whether a value of it could be made.
    pub(super) fits: bool,
}

impl Slot {
    /// The parts, as those of `kind`.
    pub(super) fn parts(&mut self, kind: Kind, count: usize) -> &mut [Slot] {
        if !matches!(self, Slot::Parts(..)) {
            *self = Slot::Parts(kind, std::iter::repeat_with(Slot::default).take(count).collect());
        }
        match self {
            Slot::Parts(_, parts) => parts,
            _ => &mut [],
        }
    }

    /// The variants of an enum.
    pub(super) fn variants(&mut self, name: &'static str, names: &'static [&'static str]) -> &mut [Variant] {
        if !matches!(self, Slot::Choice(..)) {
            let variant = |name: &&'static str| Variant { name, slot: Slot::New, is_tried: false, fits: false };
            *self = Slot::Choice(name, names.iter().map(variant).collect());
        }
        match self {
            Slot::Choice(_, variants) => variants,
            _ => &mut [],
        }
    }

    /// Whether another run finds out more.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Slot::Parts(_, parts) => parts.iter().any(Slot::is_open),
            Slot::Choice(_, variants) => variants.iter().any(Variant::is_open),
            _ => false,
        }
    }

    pub(super) fn into_shape(self) -> Shape {
        let (kind, parts) = match self {
            Slot::New => return Shape::Unknown,
            Slot::Begun(name) => return Shape::Opaque(name.into()),
            Slot::Plain(kind) => return Shape::plain(kind),
            Slot::Again(name) => return Shape::Again(name.into()),
            Slot::Choice(name, variants) => {
                let variant = |variant: Variant| (variant.name.to_string(), variant.slot.into_shape());
                return Shape::Enum(name.into(), variants.into_iter().map(variant).collect());
            }
            Slot::Parts(kind, parts) => (kind, parts),
        };
        let mut parts = parts.into_iter().map(Slot::into_shape);
        let mut next = || Box::new(parts.next().unwrap_or(Shape::Unknown));
        match kind {
            Kind::Optional => Shape::Optional(next()),
            Kind::Sequence => Shape::Sequence(next()),
            Kind::Map => Shape::Map(next(), next()),
            Kind::Tuple => Shape::Tuple(parts.collect()),
            Kind::TupleStruct(name) => Shape::TupleStruct(name.into(), parts.collect()),
            Kind::Struct(name, names) => {
                let names = names.iter().map(|name| (*name).to_string());
                Shape::Struct(name.into(), names.zip(parts).collect())
            }
        }
    }
}

impl Variant {
    fn is_open(&self) -> bool {
        !self.is_tried || self.slot.is_open()
    }

    /// The variant to read next: one that may tell something new, else one of which a value can be made.
    pub(super) fn next_of(variants: &[Variant]) -> usize {
        let open = variants.iter().position(Variant::is_open);
        open.or_else(|| variants.iter().position(|variant| variant.fits)).unwrap_or(0)
    }
}
