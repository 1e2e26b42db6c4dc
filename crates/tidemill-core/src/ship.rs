//! A lineage for another process of the same binary: nodes as data, functions by their place in the program.
//!
//! A closure that captures nothing has size zero: its type is all there is to it, so a node that names its own decode
//! function (monomorphised for that closure) says everything. The function is named by its distance from a `static` of
//! this crate, which address randomisation does not change. Captured values travel as data (`map_with`).
//!
//! The two `unsafe` expressions of the crate stand here, each with its argument.
#![allow(unsafe_code)]

use std::any::{Any, type_name};
use std::collections::HashMap;
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::lineage::{Lineage, Meta, Node, Operator};
use crate::{Element, RddId};

/// One entry of an encoded lineage.
#[derive(Serialize, Deserialize)]
struct Wire {
    /// Distance of the decode function from [`ANCHOR`].
    code: i64,
    /// Hash of the name of what the function makes: a wrong pairing is an error, never a wild call.
    made: u64,
    /// Postcard bytes of its parameters.
    value: Vec<u8>,
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
        Ok(self.place_of(id))
    }

    /// Adds the entry of a node of type `N`, which `decode` makes from `(meta, parents, value)`.
    pub fn node<N: 'static>(
        &mut self,
        decode: Decode,
        meta: &Meta,
        parents: &[RddId],
        value: &impl Serialize,
    ) -> Result<(), NotShippable> {
        let parents: Vec<u32> = parents.iter().map(|parent| self.place_of(*parent)).collect();
        let at = self.entry::<N>(decode, &(meta, parents, value)).map_err(|e| e.at(&meta.operator))?;
        self.nodes.insert(meta.id, at);
        Ok(())
    }

    /// Adds an entry that `decode` makes from `value`; `M` is its type, by which decoding checks it. Returns its place.
    pub fn entry<M: 'static>(&mut self, decode: Decode, value: &impl Serialize) -> Result<u32, NotShippable> {
        let value = postcard::to_stdvec(value).map_err(|e| NotShippable::value(e.to_string()))?;
        self.wires.push(Wire { code: distance(decode), made: name_hash::<M>(), value });
        Ok(self.wires.len() as u32 - 1)
    }

    /// The whole table, as bytes.
    pub fn finish(self) -> Result<Vec<u8>, NotShippable> {
        postcard::to_stdvec(&self.wires).map_err(|e| NotShippable::value(e.to_string()))
    }

    fn place_of(&self, id: RddId) -> u32 {
        self.nodes.get(&id).copied().unwrap_or(u32::MAX)
    }
}

/// Reads what an [`Encoder`] wrote, in a process of the same build.
pub struct Decoder {
    made: Vec<Decoded>,
    current: Wire,
}

impl Decoder {
    /// Decodes the whole table and returns its last entry, which must be an `M`.
    pub fn decode<M: Clone + 'static>(bytes: &[u8]) -> Result<M, ShipError> {
        let wires: Vec<Wire> = postcard::from_bytes(bytes).map_err(|e| ShipError::Value(e.to_string()))?;
        let mut decoder = Decoder { made: Vec::new(), current: Wire { code: 0, made: 0, value: Vec::new() } };
        for wire in wires {
            decoder.current = wire;
            // SAFETY: both processes run the same build (their build ids are compared before a byte is exchanged), so the
            // place `code` bytes from `ANCHOR` is the `Decode` function that `distance` was given in the other process.
            let decode: Decode = unsafe {
                std::mem::transmute::<*const (), Decode>(anchor().wrapping_offset(decoder.current.code as isize).cast())
            };
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
        postcard::from_bytes(&self.current.value).map_err(|e| ShipError::Value(e.to_string()))
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
        postcard::to_stdvec(&self.env).map_err(|e| NotShippable::value(e.to_string()))
    }

    fn unpack(bytes: &[u8]) -> Result<Self, ShipError> {
        let env = postcard::from_bytes(bytes).map_err(|e| ShipError::Value(e.to_string()))?;
        Ok(Function { env, call: conjure()? })
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
/// A closure that captures only zero-sized `Copy` values passes too; they are as good as nothing.
pub const fn captures_nothing<F>() -> bool {
    size_of::<F>() == 0 && !std::mem::needs_drop::<F>()
}

/// A function of type `F`, from its type alone.
pub fn conjure<F>() -> Result<F, ShipError> {
    if !captures_nothing::<F>() {
        return Err(ShipError::Type { expected: type_name::<F>() });
    }
    // SAFETY: `F` has no bytes and no drop glue, and it is inhabited: the decode function that asks for it was named by an
    // encoder that held a value of type `F`.
    Ok(unsafe { MaybeUninit::<F>::uninit().assume_init() })
}

/// Identifies this build of this binary; two processes that differ in it must not exchange lineages.
pub fn build_id() -> std::io::Result<u64> {
    static ID: OnceLock<u64> = OnceLock::new();
    if let Some(id) = ID.get() {
        return Ok(*id);
    }
    let program = std::fs::read("/proc/self/exe")?;
    Ok(*ID.get_or_init(|| (program.len() as u64) << 32 | u64::from(crc32fast::hash(&program))))
}

/// Why a lineage cannot leave its process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct NotShippable {
    why: String,
    operator: Option<String>,
}

impl fmt::Display for NotShippable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.operator {
            Some(operator) => write!(f, "{operator}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl NotShippable {
    /// A closure captures variables, which a function found by its type cannot carry.
    pub fn closure() -> NotShippable {
        let why = "its closure captures variables and cannot leave this process; \
                   pass what it needs explicitly, as in `map_with(value, |value, x| ..)`";
        NotShippable { why: why.into(), operator: None }
    }

    /// A value cannot be encoded; `why` says what is wrong with it.
    pub fn value(why: impl Into<String>) -> NotShippable {
        NotShippable { why: format!("a value cannot be encoded: {}", why.into()), operator: None }
    }

    /// The same, said of an operator, unless one is named already.
    pub fn at(mut self, operator: &Operator) -> NotShippable {
        self.operator.get_or_insert_with(|| operator.to_string());
        self
    }
}

/// Why an encoded lineage cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ShipError {
    /// An entry is of another type than its reader expects.
    #[error("an entry of the lineage is not a {expected}: was it written by another build?")]
    Type {
        /// The Rust name of the type.
        expected: &'static str,
    },
    /// Parameters cannot be decoded.
    #[error("parameters of the lineage cannot be decoded: {0}")]
    Value(String),
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
