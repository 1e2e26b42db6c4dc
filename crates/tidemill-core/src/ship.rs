//! A lineage for another process of the same binary: nodes as data, functions by their place in the program.
//!
//! A closure that captures nothing has size zero: its type is all there is to it, so a node that names its own decode
//! function (monomorphised for that closure) says everything. The function is named by its distance from a `static` of
//! this crate, which address randomisation does not change. Captured values travel as data (`map_with`).
//!
//! **Trust.** To decode a lineage is to call functions that its writer chose. Accept lineages only from a peer with this
//! [`build_id`], over a channel that authenticates it. What then still goes wrong by accident is refused before anything
//! is called: every table carries the build id of its writer and a checksum, a place must lie in the code of this program,
//! and each decode function checks by a hash of the type's name that it is the one that was meant. None of this stops a
//! peer that means harm.
//!
//! The two `unsafe` expressions of the crate stand here, each with its argument.
#![allow(unsafe_code)]

use std::any::{Any, type_name};
use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::lineage::{Lineage, Meta, Node};
use crate::{Element, RddId};

mod build;
mod bytes;
mod error;
mod seal;

pub use build::{build_id, check_build};
pub use bytes::Bytes;
pub use error::{NotShippable, ShipError};

/// One entry of an encoded lineage.
#[derive(Serialize, Deserialize)]
struct Wire {
    /// Distance of the decode function from [`ANCHOR`].
    code: i64,
    /// Hash of the name of what the function makes: a wrong pairing is an error.
    made: u64,
    /// Postcard bytes of its parameters.
    value: Bytes,
}

/// Makes one entry of a lineage from its parameters and the entries before it.
pub type Decode = fn(&mut Decoder) -> Result<Decoded, ShipError>;

/// What a decode function makes: an `Arc<dyn Node<T>>`, a side of a stage, a partitioner.
pub type Decoded = Box<dyn Any + Send + Sync>;

/// Writes a lineage as a table of entries, each node once, parents before children.
#[derive(Default)]
pub struct Encoder {
    wires: Vec<Wire>,
    nodes: HashMap<RddId, u32>,
}

impl Encoder {
    /// Encodes `node` and all that it reads within its stage. A loop, not a recursion: lineages grow long.
    pub fn lineage(&mut self, node: Arc<dyn Lineage>) -> Result<u32, NotShippable> {
        let id = node.meta().id;
        let mut open = vec![(node, false)];
        while let Some((node, parents_done)) = open.pop() {
            if self.nodes.contains_key(&node.meta().id) {
                continue;
            }
            if parents_done {
                node.encode(self)?;
                continue;
            }
            let parents = crate::lineage::narrow_parents(&*node);
            open.push((node, true));
            open.extend(parents.into_iter().map(|parent| (parent, false)));
        }
        self.place_of(id)
    }

    /// Adds the entry of a node of type `N`, which `decode` makes from `(meta, parents, value)`. The parents are written
    /// already: [`lineage`](Encoder::lineage) sees to it.
    pub fn node<N: 'static>(
        &mut self,
        decode: Decode,
        meta: &Meta,
        parents: &[RddId],
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), NotShippable> {
        let mut write = || {
            let parents = parents.iter().map(|parent| self.place_of(*parent)).collect::<Result<Vec<u32>, _>>()?;
            let bytes = append(Vec::new(), &(meta, parents))?;
            self.add::<N>(decode, append(bytes, value)?)
        };
        let at = write().map_err(|e| e.at(&meta.operator))?;
        self.nodes.insert(meta.id, at);
        Ok(())
    }

    /// Adds an entry that `decode` makes from `value`; `M` is its type, by which decoding checks it. Returns its place.
    pub fn entry<M: 'static>(
        &mut self,
        decode: Decode,
        value: &(impl Serialize + ?Sized),
    ) -> Result<u32, NotShippable> {
        self.add::<M>(decode, append(Vec::new(), value)?)
    }

    /// The whole table as bytes, with the build id of this program and a checksum.
    pub fn finish(self) -> Result<Vec<u8>, NotShippable> {
        seal::seal(|sealed| append(sealed, &self.wires))
    }

    fn add<M: 'static>(&mut self, decode: Decode, value: Vec<u8>) -> Result<u32, NotShippable> {
        if !build::holds_code(decode as usize) {
            return Err(NotShippable::because(
                "its code lies in a library that was loaded beside the program; link it into the program",
            ));
        }
        self.wires.push(Wire { code: distance(decode), made: name_hash::<M>(), value: Bytes(value) });
        Ok(self.wires.len() as u32 - 1)
    }

    fn place_of(&self, id: RddId) -> Result<u32, NotShippable> {
        let place = self.nodes.get(&id).copied();
        place.ok_or_else(|| NotShippable::because(format!("RDD {} was not written; is it a narrow parent?", id.0)))
    }
}

/// Encodes `value` behind `bytes`; an error names the type.
fn append<V: Serialize + ?Sized>(bytes: Vec<u8>, value: &V) -> Result<Vec<u8>, NotShippable> {
    postcard::to_extend(value, bytes).map_err(|e| NotShippable::codec::<V>(&e))
}

/// Decodes a `V` that takes up all of `bytes`; an error names the type.
fn whole<V: DeserializeOwned>(bytes: &[u8]) -> Result<V, ShipError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(ShipError::Value(format!("a {}: there are more bytes than it needs", type_name::<V>()))),
        Err(error) => Err(ShipError::codec::<V>(&error)),
    }
}

/// Reads what an [`Encoder`] wrote, in a process of the same build.
pub struct Decoder {
    made: Vec<Decoded>,
    current: Wire,
}

impl Decoder {
    /// Decodes the whole table and returns its last entry, which must be an `M`: an `Arc<dyn MapSide>`,
    /// `Arc<dyn ResultSide>` or `Arc<dyn Node<T>>`. For whose tables, see [the module](self).
    ///
    /// # Errors
    /// [`ShipError::Build`] and [`ShipError::Damaged`] before anything is decoded; the others name what does not fit.
    pub fn decode<M: Clone + 'static>(bytes: &[u8]) -> Result<M, ShipError> {
        let wires: Vec<Wire> = whole(seal::open(bytes)?)?;
        let mut decoder = Decoder { made: Vec::new(), current: Wire { code: 0, made: 0, value: Bytes::default() } };
        for wire in wires {
            let place = anchor().wrapping_offset(wire.code as isize);
            if !build::holds_code(place as usize) {
                return Err(ShipError::Code);
            }
            decoder.current = wire;
            // SAFETY: the table carries the build id of this very program and is unchanged, so the place `code` bytes from
            // `ANCHOR` is the `Decode` function that `distance` was given in the other process.
            let decode: Decode = unsafe { std::mem::transmute::<*const (), Decode>(place.cast()) };
            let made = decode(&mut decoder)?;
            decoder.made.push(made);
        }
        let last = decoder.made.len().saturating_sub(1) as u32;
        decoder.entry::<M>(last)
    }

    /// The parameters of the entry at hand, which is being made as an `M`.
    pub fn value<M: 'static, V: DeserializeOwned>(&self) -> Result<V, ShipError> {
        if self.current.made != name_hash::<M>() {
            return Err(ShipError::Type { expected: type_name::<M>() });
        }
        whole(&self.current.value.0)
    }

    /// The node at a place of the table.
    pub fn parent<T: 'static>(&self, at: u32) -> Result<Arc<dyn Node<T>>, ShipError> {
        self.entry::<Arc<dyn Node<T>>>(at)
    }

    /// Any entry made earlier.
    pub fn entry<M: Clone + 'static>(&self, at: u32) -> Result<M, ShipError> {
        let made = self.made.get(at as usize).and_then(|made| made.downcast_ref::<M>());
        made.cloned().ok_or(ShipError::Type { expected: type_name::<M>() })
    }
}

/// The functions and captured values of a node, able to travel or to say why not.
pub trait Code: Sized + Send + Sync + 'static {
    /// The captured values as bytes.
    fn pack(&self) -> Result<Vec<u8>, NotShippable>;
    /// The other way round.
    fn unpack(bytes: &[u8]) -> Result<Self, ShipError>;
}

/// A user's function with the values that it is given beside its element.
pub struct Function<E, F> {
    /// What `..._with` was given; `()` otherwise.
    pub env: E,
    /// The function.
    pub call: F,
}

impl<E: Element, F: Send + Sync + 'static> Code for Function<E, F> {
    fn pack(&self) -> Result<Vec<u8>, NotShippable> {
        if !captures_nothing::<F>() {
            return Err(NotShippable::closure());
        }
        append(Vec::new(), &self.env)
    }

    fn unpack(bytes: &[u8]) -> Result<Self, ShipError> {
        Ok(Function { env: whole(bytes)?, call: conjure()? })
    }
}

/// Code that the driver keeps too, to merge what tasks made.
impl<C: Code> Code for Arc<C> {
    fn pack(&self) -> Result<Vec<u8>, NotShippable> {
        (**self).pack()
    }

    fn unpack(bytes: &[u8]) -> Result<Self, ShipError> {
        C::unpack(bytes).map(Arc::new)
    }
}

/// Whether `F` is a function or closure without captured values: then its type is all there is to it.
///
/// A closure passes too that captures only values of size zero without a `Drop` of their own, as a token that proves
/// something: another process makes it anew from its type, so do not let such a token prove what holds in one process
/// alone.
pub const fn captures_nothing<F>() -> bool {
    size_of::<F>() == 0 && !std::mem::needs_drop::<F>()
}

/// A function of type `F`, from its type alone.
#[expect(clippy::uninit_assumed_init, reason = "there is nothing to initialise in a type without bytes")]
pub(crate) fn conjure<F>() -> Result<F, ShipError> {
    if !captures_nothing::<F>() {
        return Err(ShipError::Type { expected: type_name::<F>() });
    }
    // SAFETY: `F` has no bytes and no drop glue, and it is inhabited: the decode function that asks for it was named by an
    // encoder that held a value of type `F`.
    Ok(unsafe { MaybeUninit::<F>::uninit().assume_init() })
}

/// What distances count from. A static, because it has one address; a small function has one in each codegen unit.
static ANCHOR: AtomicU8 = AtomicU8::new(0);

fn anchor() -> *const u8 {
    (&raw const ANCHOR).cast()
}

fn distance(decode: Decode) -> i64 {
    (decode as *const () as usize).wrapping_sub(anchor() as usize) as i64
}

fn name_hash<M>() -> u64 {
    type_name::<M>()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests;
