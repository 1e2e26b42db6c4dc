//! Which build of which program this is, and where its code lies in memory.
//!
//! Both are asked of the object that holds this crate: the program itself, or a shared library such as a Python extension,
//! whose code moves apart from the program's.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::ShipError;

/// Identifies this build of this program: the length of its file and a checksum of it. Two processes that differ in it must
/// not exchange lineages. The file is read once in a process, when a lineage first travels.
///
/// # Errors
/// Those of reading the program's file.
pub fn build_id() -> io::Result<u64> {
    static ID: OnceLock<u64> = OnceLock::new();
    if let Some(id) = ID.get() {
        return Ok(*id);
    }
    let id = checksum(File::open(file_of(image()))?)?;
    Ok(*ID.get_or_init(|| id))
}

/// Refuses a peer whose [`build_id`] is `theirs` unless it runs this very build: what both ends of a connection check
/// before anything else.
pub fn check_build(theirs: u64) -> Result<(), ShipError> {
    let ours = build_id().map_err(|error| ShipError::NoBuild(error.to_string()))?;
    if theirs == ours { Ok(()) } else { Err(ShipError::Build { theirs, ours }) }
}

/// Whether code of this program, or of the library that holds this crate, lies at `address`. Where the system does not say
/// what lies where, all addresses pass.
pub(super) fn holds_code(address: usize) -> bool {
    image().is_none_or(|image| image.code.iter().any(|range| range.contains(&address)))
}

/// The object that holds this crate.
#[derive(Debug, PartialEq)]
struct Image {
    path: PathBuf,
    code: Vec<Range<usize>>,
}

fn image() -> Option<&'static Image> {
    static IMAGE: OnceLock<Option<Image>> = OnceLock::new();
    let find = || find_image(&fs::read_to_string(MAPS).ok()?, image as fn() -> _ as usize);
    IMAGE.get_or_init(find).as_ref()
}

/// Linux tells here what lies where in this process; elsewhere the file is missing.
const MAPS: &str = "/proc/self/maps";

/// The program's file, even after another one took its place.
const PROGRAM: &str = "/proc/self/exe";

/// The object whose code lies at `address`, by lines as `55d0-55f0 r-xp 00001000 08:01 1234   /usr/bin/mill`.
fn find_image(maps: &str, address: usize) -> Option<Image> {
    let code: Vec<(Range<usize>, &str)> = maps.lines().filter_map(code_range).collect();
    let (_, path) = code.iter().find(|(range, _)| range.contains(&address))?;
    let ranges = code.iter().filter(|(_, other)| other == path).map(|(range, _)| range.clone());
    Some(Image { path: PathBuf::from(path), code: ranges.collect() })
}

/// The addresses and the file of a line, if it is about a file's code.
fn code_range(line: &str) -> Option<(Range<usize>, &str)> {
    let (addresses, rest) = line.split_once(' ')?;
    let (start, end) = addresses.split_once('-')?;
    let path = rest.find('/').map(|at| &rest[at..])?;
    let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
    rest.get(2..3).is_some_and(|executable| executable == "x").then_some((range, path))
}

fn file_of(image: Option<&Image>) -> PathBuf {
    let program = fs::read_link(PROGRAM).ok();
    match image {
        Some(image) if program.as_ref() != Some(&image.path) => image.path.clone(),
        _ if program.is_some() => PathBuf::from(PROGRAM),
        _ => std::env::current_exe().unwrap_or_else(|_| PathBuf::from(PROGRAM)),
    }
}

/// How much of the file is read at a time.
const PIECE_BYTES: usize = 256 << 10;

fn checksum(mut file: impl Read) -> io::Result<u64> {
    let (mut crc, mut length) = (crc32fast::Hasher::new(), 0_u64);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(length << 32 | u64::from(crc.finalize())),
            Ok(read) => {
                crc.update(piece.get(..read).unwrap_or_default());
                length += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
5500-5600 r--p 00000000 08:01 12 /srv/my mill
5600-5700 r-xp 00001000 08:01 12 /srv/my mill
5700-5800 rw-p 00002000 08:01 12 /srv/my mill
5800-5900 r-xp 00003000 08:01 12 /srv/my mill
7000-7100 r-xp 00000000 08:01 13 /lib/libm.so (deleted)
7100-7200 r-xp 00000000 00:00 0 [vdso]
";

    #[test]
    fn the_object_of_an_address_is_found() {
        let mill = Image { path: "/srv/my mill".into(), code: vec![0x5600..0x5700, 0x5800..0x5900] };
        assert_eq!(find_image(SAMPLE, 0x5610), Some(mill));
        assert_eq!(find_image(SAMPLE, 0x7000).map(|image| image.path), Some("/lib/libm.so (deleted)".into()));
        for outside in [0x5500, 0x5700, 0x6000, 0x7150] {
            assert_eq!(find_image(SAMPLE, outside), None, "{outside:x}");
        }
    }

    #[test]
    fn this_program_is_one_image_and_one_build() {
        assert!(holds_code(this_program_is_one_image_and_one_build as fn() as usize));
        if image().is_some() {
            assert!(!holds_code(0) && !holds_code(SAMPLE.as_ptr() as usize));
        }
        let id = build_id().unwrap();
        assert_eq!(id, build_id().unwrap());
        assert_eq!(id, checksum(File::open(std::env::current_exe().unwrap()).unwrap()).unwrap());
        assert_eq!(check_build(id), Ok(()));
        let refused = check_build(id ^ 1).unwrap_err().to_string();
        assert!(refused.ends_with("start the driver and all executors from one and the same file"), "{refused}");
    }

    #[test]
    fn files_of_one_length_differ_by_their_bytes() {
        assert_eq!(checksum(&b"tide"[..]).unwrap() >> 32, 4);
        assert_ne!(checksum(&b"tide"[..]).unwrap(), checksum(&b"time"[..]).unwrap());
    }
}
