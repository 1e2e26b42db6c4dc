//! Folders of states: a name that every storage takes for an operator's id, which may hold any character.

use tidemill_core::HashSeed;

/// All states lie in here.
pub(crate) const STATES: &str = "state";
/// A folder's name is at most about as long: well below what file systems take.
const NAME_BYTES_MAX: usize = 180;

/// The folder of the state of `operator`. Letters, digits, `_` and `-` stand as they are, and dots but for a first one; `=`
/// and two hex digits stand for any other byte. Long names are cut, and end in a hash of the id.
pub(super) fn folder_of(operator: &str) -> String {
    format!("{STATES}/{}", name_of(operator))
}

/// The id as the name of a folder.
pub(crate) fn name_of(operator: &str) -> String {
    let mut name = String::new();
    for (at, byte) in operator.bytes().enumerate() {
        if name.len() >= NAME_BYTES_MAX {
            let hash = HashSeed::default().hash(&operator.to_string());
            return format!("{name}=-{hash:016x}");
        }
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            b'.' if at > 0 => name.push('.'),
            byte => name.push_str(&format!("={byte:02x}")),
        }
    }
    if operator.is_empty() { "=".to_owned() } else { name }
}

/// The folder of its deltas.
pub(super) fn deltas_in(folder: &str) -> String {
    format!("{folder}/deltas")
}

/// The folder of its snapshots.
pub(super) fn snapshots_in(folder: &str) -> String {
    format!("{folder}/snapshots")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::storage::check_name;

    #[test]
    fn every_id_has_a_folder_of_its_own() {
        let long = "x".repeat(5_000);
        let longer = "x".repeat(5_001);
        let ids =
            ["a", "a b", "a=20b", "", ".", "..", ".a", "a/b", "A\\b", "ä", "\n", "map_with_state@1", &long, &longer];
        let mut folders: Vec<String> = ids.iter().map(|id| folder_of(id)).collect();
        for folder in &folders {
            check_name(folder).unwrap();
            assert_eq!(folder.split('/').count(), 2, "{folder}");
        }
        assert_eq!(&folders[..3], ["state/a", "state/a=20b", "state/a=3d20b"]);
        folders.sort();
        folders.dedup();
        assert_eq!(folders.len(), ids.len());
    }
}
