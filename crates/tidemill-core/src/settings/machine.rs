//! What the machine has: memory and cores, within the limits of the container that the program runs in.

use std::env;
use std::fs;
use std::path::Path;
use std::thread;

/// Taken for the memory where the system does not tell it: small enough to be there on any machine of use.
const UNKNOWN_MEMORY_BYTES: u64 = 2 << 30;

/// Where the control groups of Linux show themselves.
const GROUPS_ROOT: &str = "/sys/fs/cgroup";

/// What a program may use of the machine it runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Bytes of memory: the machine's, or the container's where that is less.
    pub memory_bytes: u64,
    /// How many threads can run at the same time.
    pub cores: usize,
}

/// The columns of a terminal that does not tell how wide it is.
const USUAL_WIDTH: usize = 80;

/// How many columns the terminal has: `$COLUMNS`, else 80.
pub fn terminal_width() -> usize {
    let told = env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse().ok());
    told.filter(|columns| *columns != 0).unwrap_or(USUAL_WIDTH)
}

impl Machine {
    /// Asks the system.
    pub fn detect() -> Machine {
        let installed = fs::read_to_string("/proc/meminfo").ok().and_then(|text| installed_bytes(&text));
        let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let allowed = allowed_bytes(Path::new(GROUPS_ROOT), &group);
        let memory_bytes = installed.into_iter().chain(allowed).min().unwrap_or(UNKNOWN_MEMORY_BYTES);
        Machine { memory_bytes, cores: thread::available_parallelism().map_or(1, usize::from) }
    }
}

/// `MemTotal` of `/proc/meminfo`, which counts in KiB.
fn installed_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The least memory limit of the control groups that the process is in. `group` is `/proc/self/cgroup`: lines of
/// "number:controllers:path", where version 2 has no controllers. A limit of an outer group binds too, and within a
/// container the path may name a folder that only the host sees, so every folder up to the root is asked.
fn allowed_bytes(root: &Path, group: &str) -> Option<u64> {
    let limits = group.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let (top, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            names if names.split(',').any(|name| name == "memory") => (root.join("memory"), "memory.limit_in_bytes"),
            _ => return None,
        };
        let innermost = top.join(path.trim_start_matches('/'));
        let folders = innermost.ancestors().take_while(|folder| folder.starts_with(&top));
        // "max", and the huge number by which version 1 says the same, are no limit.
        let read = |folder: &Path| fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok();
        folders.filter_map(read).filter(|limit| *limit != 0).min()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_total_is_read_in_bytes() {
        let meminfo = "MemTotal:       24595412 kB\nMemFree:        22000000 kB\n";
        assert_eq!(installed_bytes(meminfo), Some(24_595_412 * 1024));
        assert_eq!(installed_bytes("MemFree: 1 kB"), None);
    }

    #[test]
    fn the_least_limit_of_the_groups_around_the_process_counts() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("pod/job");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("memory.max"), "max\n").unwrap();
        assert_eq!(allowed_bytes(root.path(), "0::/pod/job\n"), None);
        fs::write(root.path().join("pod/memory.max"), "1048576\n").unwrap();
        assert_eq!(allowed_bytes(root.path(), "0::/pod/job\n"), Some(1 << 20));
        fs::write(inner.join("memory.max"), "3145728\n").unwrap();
        assert_eq!(allowed_bytes(root.path(), "0::/pod/job\n"), Some(1 << 20), "the outer limit binds too");
        // A path of the host that the container does not see: the container's own root tells.
        fs::write(root.path().join("memory.max"), "2097152\n").unwrap();
        assert_eq!(allowed_bytes(root.path(), "0::/host/only\n"), Some(2 << 20));

        fs::create_dir_all(root.path().join("memory/docker")).unwrap();
        fs::write(root.path().join("memory/docker/memory.limit_in_bytes"), "4096").unwrap();
        assert_eq!(allowed_bytes(root.path(), "5:cpu:/docker\n7:hugetlb,memory:/docker\n"), Some(4096));
        assert_eq!(allowed_bytes(root.path(), "nonsense"), None);
    }

    #[test]
    fn this_machine_has_memory_and_a_core() {
        let machine = Machine::detect();
        assert!(1 << 20 < machine.memory_bytes, "{machine:?}");
        assert!(1 <= machine.cores);
    }
}
