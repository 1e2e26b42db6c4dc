//! Jobs that must spill where nothing can be written, or what cannot be written.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use super::{Context, Error, Local, Rdd, Text, at, context, says};

/// So little that the jobs here spill.
const LIMIT: (&str, &str) = ("tidemill.memory.shuffle.limit", "64k");

/// In the environment of a process that may write no large files: where it is to spill.
const SMALL_FILES: &str = "TIDEMILL_TEST_SMALL_FILES";

/// A disk of 64 KiB, in memory. Only root may have one, and not in every container.
struct TinyDisk(PathBuf);

impl TinyDisk {
    fn mount(at: &Path) -> Option<TinyDisk> {
        fs::create_dir(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(at).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then(|| TinyDisk(at.into()))
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        // Lazily: a worker may be about to remove its last file.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Pairs that take a few MiB.
fn pairs(context: &Context) -> Rdd<(Text, i64)> {
    let key = |n: i64| Text::from(format!("the key with number {}", n * 7_919 % 30_011));
    context.range(0..30_000, 2).map(move |n| (key(n), n))
}

/// Every kind of spill at `folder` fails, and says what `reason` is.
fn fails(folder: &Path, reason: &str) {
    let folder = folder.to_str().unwrap();
    let context = context(&[LIMIT, ("spark.local.dir", folder)]);
    let check = |error: Error, at: String| {
        let advice = ["set spark.local.dir to", "tidemill.memory.shuffle.limit", folder, reason];
        says(&context, &error, &[&[&*at], &advice[..]].concat());
    };
    let pairs = pairs(&context);
    let (line, sums) = (line!(), pairs.reduce_by_key(|a, b| a + b));
    check(sums.count().unwrap_err(), at("reduce_by_key", file!(), line));
    let (line, dealt) = (line!(), pairs.repartition(3));
    check(dealt.count().unwrap_err(), at("repartition", file!(), line));
    let (line, sorted) = (line!(), pairs.coalesce(1).sort_by_key_into(true, 1).unwrap());
    check(sorted.count().unwrap_err(), at("sort_by_key", file!(), line));
}

#[test]
fn a_folder_that_cannot_be_written_is_named_with_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file");
    fs::write(&file, "").unwrap();
    fails(&file, "(os error");
    if cfg!(target_os = "linux") {
        fails(Path::new("/proc/self"), "(os error"); // where not even root may write
    }
}

#[test]
fn a_folder_that_cannot_be_written_does_no_harm_beside_one_that_can() {
    let folder = tempfile::tempdir().unwrap();
    let (file, good) = (folder.path().join("a file"), folder.path().join("good"));
    fs::write(&file, "").unwrap();
    let context = context(&[LIMIT, ("spark.local.dir", &format!("{},{}", file.display(), good.display()))]);
    assert_eq!(pairs(&context).reduce_by_key(|a, b| a + b).count().unwrap(), 30_000);
    assert!(good.exists(), "it did spill");
}

/// Everybody may limit the files of a process: then a write fails half-way, as on a full disk. The limit stays for the life
/// of a process, so it is that of another one, which runs this very test. Where a real disk can be had it is filled too.
#[test]
fn a_full_disk_is_named_with_its_setting() {
    if let Some(folder) = env::var_os(SMALL_FILES) {
        return fails(Path::new(&folder), "File too large");
    }
    let folder = tempfile::tempdir().unwrap();
    // The limit is in blocks of 512 bytes or of 1024, as the shell likes. The signal that comes with it would end the
    // process; as it is ignored, the write gets an error.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ && ulimit -f 8 && exec \"$0\" \"$@\""]).arg(env::current_exe().unwrap());
    limited.args(["--exact", "spills::a_full_disk_is_named_with_its_setting", "--nocapture"]);
    let output = limited.env(SMALL_FILES, folder.path()).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("test result: ok. 1 passed"), "{said}\n{errors}");
    if let Some(disk) = TinyDisk::mount(&folder.path().join("disk")) {
        fails(&disk.0, "No space left on device");
    }
}

#[test]
fn values_that_cannot_be_written_are_named_with_the_limit() {
    let context = context(&[LIMIT]);
    let locals = context.range(0..60_000, 2).map(|n| (n, Local([n; 4])));
    let check = |error: Error, at: String| {
        says(
            &context,
            &error,
            &[&at, "the memory limit is reached", "Local<[i64; 4]>", "raise tidemill.memory.shuffle"],
        );
    };
    let (line, sums) = (line!(), locals.reduce_by_key(|a, _| a));
    check(sums.count().unwrap_err(), at("reduce_by_key", file!(), line));
    let (line, dealt) = (line!(), locals.repartition(3));
    check(dealt.count().unwrap_err(), at("repartition", file!(), line));
    let (line, sorted) = (line!(), locals.sort_by_key_into(true, 1).unwrap());
    check(sorted.count().unwrap_err(), at("sort_by_key", file!(), line));
}
