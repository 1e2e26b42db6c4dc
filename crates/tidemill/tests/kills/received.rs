//! A reader of its own of the receivers' logs: what is in them must come out.

use std::collections::BTreeSet;
use std::path::Path;

use tidemill::streaming::checkpoint::log::scan;
use tidemill::streaming::checkpoint::storage::{LocalStorage, Storage};

/// The ids in all blocks of text that the logs of receivers in `checkpoint` hold.
pub(crate) fn logged_ids(checkpoint: &Path) -> Vec<u64> {
    let Ok(storage) = LocalStorage::read_only(checkpoint) else { return Vec::new() };
    let names = storage.list("").unwrap().into_iter().map(|listed| listed.name);
    let folders = names.filter(|name| name.contains("/received/"));
    let folders: BTreeSet<String> = folders.filter_map(|name| Some(name.rsplit_once('/')?.0.to_owned())).collect();
    let mut ids = Vec::new();
    for folder in folders {
        let found = scan(&storage, &folder, &mut |_, block| {
            let ids_of = text_of(block).lines().map(|line| line.split(' ').next().unwrap().parse::<u64>().unwrap());
            ids.extend(ids_of);
            Ok(())
        });
        let damage = found.unwrap().damage;
        assert!(damage.is_empty(), "a kill damages nothing: {damage:?}");
    }
    ids
}

/// A block is a version, a sort, three numbers of variable length, and the text. Each segment begins with a record that says
/// of which type the rest is.
fn text_of(block: &[u8]) -> &str {
    let rest = match block {
        [1, 1, rest @ ..] => rest,
        [1, 5, ..] => return "",
        _ => panic!("a block of another version or sort: {:?}", &block[..2]),
    };
    let text = (0..3).fold(rest, |rest, _| {
        let end = rest.iter().position(|byte| byte & 0x80 == 0).unwrap();
        &rest[end + 1..]
    });
    std::str::from_utf8(text).unwrap()
}
