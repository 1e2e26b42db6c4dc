//! Damage of all kinds: what disks do, what other programs do, and what nobody would think of.

use crate::checkpoint::testing::Random;

/// Numbers at which code goes wrong.
const EDGES: [u64; 9] = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, u64::MAX];
/// The most that one change adds.
const ADDED_BYTES_MAX: u64 = 64;

/// One of the examples, damaged in one to eight places.
pub(super) fn mutate(examples: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = pick(examples, random).to_vec();
    for _ in 0..=random.below(8) {
        damage(&mut bytes, examples, random);
    }
    bytes
}

fn pick<'a>(examples: &'a [Vec<u8>], random: &mut Random) -> &'a [u8] {
    examples.get(random.below(examples.len() as u64) as usize).map_or(&[], Vec::as_slice)
}

fn damage(bytes: &mut Vec<u8>, examples: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() as u64 + 1) as usize;
    let length = (random.below(ADDED_BYTES_MAX) as usize).min(bytes.len() - at);
    match random.below(9) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..at + length)),
        2 => bytes[at..at + length].fill(0),
        3 => {
            let added: Vec<u8> = (0..random.below(ADDED_BYTES_MAX)).map(|_| random.number() as u8).collect();
            drop(bytes.splice(at..at, added));
        }
        4 => {
            // A part twice.
            let part = bytes[at..at + length].to_vec();
            drop(bytes.splice(at..at, part));
        }
        5 => {
            // The end of another file.
            let other = pick(examples, random);
            let from = random.below(other.len() as u64 + 1) as usize;
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        6 => {
            let edge = EDGES[random.below(EDGES.len() as u64) as usize].to_le_bytes();
            let width = [1, 2, 4, 8][random.below(4) as usize].min(bytes.len() - at);
            bytes[at..at + width].copy_from_slice(&edge[..width]);
        }
        7 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.number() as u8;
            }
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}
