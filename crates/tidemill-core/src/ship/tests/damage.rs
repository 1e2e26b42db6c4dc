//! Bytes that nobody wrote: an error each, never a crash.

use super::*;

/// Any lineage with several kinds of nodes and values.
fn sample(context: &Context) -> Vec<u8> {
    let words = context.parallelize(["tide", "mill", "tide"].map(Text::from), 2);
    let offsets = words.map_with(("offset".to_string(), vec![3_i64, -4]), |(_, offsets), word| (word, offsets[0]));
    encoded(&offsets.reduce_by_key(|a, b| a + b).filter(|(word, _)| !word.is_empty())).unwrap()
}

/// The same for a map side, which holds more kinds of values.
fn sample_side(context: &Context) -> Vec<u8> {
    let words = context.parallelize(["tide", "mill", "tide"].map(Text::from), 2).map_with(7_i64, |n, word| (word, *n));
    let mut out = Encoder::default();
    let reduced = words.reduce_by_key(|a, b| a + b);
    for dependency in reduced.node().dependencies() {
        if let Dependency::Shuffle(side) = dependency {
            side.encode(&mut out).unwrap();
        }
    }
    out.finish().unwrap()
}

fn sealed(wires: &[Wire]) -> Vec<u8> {
    seal::seal(|bytes| append(bytes, wires)).unwrap()
}

fn decode_nodes(bytes: &[u8]) -> Result<Arc<dyn Node<(Text, i64)>>, ShipError> {
    Decoder::decode(bytes)
}

fn decode_side(bytes: &[u8]) -> Result<Arc<dyn MapSide>, ShipError> {
    Decoder::decode(bytes)
}

#[test]
fn every_byte_is_under_the_seal() {
    let context = context();
    let bytes = sample(&context);
    assert!(decode_nodes(&bytes).is_ok());
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        let refused = decode_nodes(&changed).err().unwrap();
        let expected = if at < 8 { matches!(refused, ShipError::Build { .. }) } else { refused == ShipError::Damaged };
        assert!(expected, "byte {at}: {refused}");
    }
    for end in 0..bytes.len() {
        assert_eq!(decode_nodes(&bytes[..end]).err(), Some(ShipError::Damaged), "{end} bytes");
    }
}

#[test]
fn another_build_is_refused_before_anything_is_decoded() {
    let mut bytes = sample(&context());
    let ours = build_id().unwrap();
    bytes[..8].copy_from_slice(&(ours ^ 1).to_le_bytes());
    assert_eq!(decode_nodes(&bytes).err(), Some(ShipError::Build { theirs: ours ^ 1, ours }));
}

#[test]
fn a_wrong_pairing_is_an_error() {
    let context = context();
    let bytes = sample(&context);
    for at in 0..wires(&bytes).len() {
        let mut changed = wires(&bytes);
        changed[at].made ^= 1;
        assert!(matches!(decode_nodes(&sealed(&changed)), Err(ShipError::Type { .. })), "entry {at}");
        // The code of one entry with the values of another.
        let mut changed = wires(&bytes);
        changed[at].code = changed[(at + 1) % changed.len()].code;
        assert!(matches!(decode_nodes(&sealed(&changed)), Err(ShipError::Type { .. })), "entry {at}");
    }
    // Another element type than the reader wants, and no entry at all.
    assert!(matches!(Decoder::decode::<Arc<dyn Node<i64>>>(&bytes), Err(ShipError::Type { .. })));
    assert!(matches!(decode_nodes(&sealed(&[])), Err(ShipError::Type { .. })));
}

#[test]
fn a_place_outside_the_program_is_not_called() {
    let context = context();
    let bytes = sample(&context);
    for code in [0, i64::MAX, i64::MIN, -(anchor() as i64), bytes.as_ptr() as i64 - anchor() as i64] {
        let mut changed = wires(&bytes);
        changed[0].code = code;
        assert_eq!(decode_nodes(&sealed(&changed)).err(), Some(ShipError::Code), "{code:x}");
    }
}

#[test]
fn a_parent_that_was_not_written_is_named() {
    let context = context();
    let mapped = context.parallelize(0..3_i64, 1).map(|x| x + 1);
    let refused = mapped.node().encode(&mut Encoder::default()).unwrap_err().to_string();
    assert!(refused.starts_with("map at ") && refused.contains("RDD 0 was not written"), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// What no seal could catch: values that are changed under a right seal decode to other values or to an error.
    #[test]
    fn changed_values_never_crash(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..4),
        side in any::<bool>(),
    ) {
        let context = context();
        let mut wires = wires(&if side { sample_side(&context) } else { sample(&context) });
        for (entry, byte, value) in changes {
            let entry = entry.index(wires.len());
            let bytes = &mut wires[entry].value.0;
            let byte = byte.index(bytes.len());
            bytes[byte] = value;
        }
        let bytes = sealed(&wires);
        let _ = if side { decode_side(&bytes).map(drop) } else { decode_nodes(&bytes).map(drop) };
    }

    #[test]
    fn truncated_values_never_crash(entry in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>()) {
        let context = context();
        let mut wires = wires(&sample_side(&context));
        let entry = entry.index(wires.len());
        let bytes = &mut wires[entry].value.0;
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(matches!(decode_side(&sealed(&wires)), Err(ShipError::Value(_))));
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), ours in any::<bool>()) {
        let table = if ours { seal::seal(|seal| Ok([seal, bytes].concat())).unwrap() } else { bytes };
        prop_assert!(decode_nodes(&table).is_err());
    }

    /// A map output from elsewhere.
    #[test]
    fn any_map_output_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = MapOutput::decode(&bytes);
    }
}
