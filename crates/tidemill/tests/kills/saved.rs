//! What `save_as_text_files` has written, looked at after each kill: a folder is there as a whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::programs::Place;

/// The folders that were seen, by batch, with the ids in them.
#[derive(Default)]
pub(crate) struct Saved {
    folders: BTreeMap<u64, BTreeMap<String, String>>,
}

impl Saved {
    /// Looks at all folders. One that was seen before must be as it was.
    pub(crate) fn look(&mut self, place: &Place) {
        let entries = fs::read_dir(place.saved()).into_iter().flatten().map(Result::unwrap);
        let mut found = BTreeMap::new();
        for entry in entries {
            let name = entry.file_name().into_string().unwrap();
            if name.starts_with(['_', '.']) {
                continue; // what readers skip
            }
            let time = name.strip_prefix("ids-").and_then(|name| name.strip_suffix(".txt")).unwrap();
            found.insert(time.parse().unwrap(), files(&entry.path()));
        }
        for (time, files) in &found {
            assert!(files.contains_key("_SUCCESS"), "the folder of {time} is not whole: {:?}", files.keys());
            let before = self.folders.get(time).unwrap_or(files);
            assert_eq!(before, files, "the folder of {time} has changed");
        }
        let gone: Vec<_> = self.folders.keys().filter(|time| !found.contains_key(time)).collect();
        assert!(gone.is_empty(), "folders of {gone:?} are gone");
        self.folders = found;
    }

    /// The ids of each batch, sorted; at the end nothing else must be there.
    pub(crate) fn ids(&self, place: &Place) -> BTreeMap<u64, Vec<u64>> {
        let names = fs::read_dir(place.saved()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let left: Vec<String> = names.filter(|name| name.starts_with(['_', '.'])).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        let ids = |files: &BTreeMap<String, String>| {
            let mut ids: Vec<u64> =
                files.values().flat_map(|text| text.lines()).map(|id| id.parse().unwrap()).collect();
            ids.sort();
            ids
        };
        self.folders.iter().map(|(time, files)| (*time, ids(files))).collect()
    }
}

/// The files of a folder, with what they say.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|it| (it.file_name().into_string().unwrap(), fs::read_to_string(it.path()).unwrap())).collect()
}
