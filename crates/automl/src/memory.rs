//! How much memory the process holds and may still take, where the system tells (Linux).

use std::path::Path;

/// Share of the free memory that a fit may use when no limit is given.
const SHARE_OF_FREE: f64 = 0.8;

/// Bytes of physical memory that this process holds.
pub(crate) fn in_use() -> Option<u64> {
    kib_line(Path::new("/proc/self/status"), "VmRSS:")
}

/// Seconds that the threads of this process ran.
pub(crate) fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The limit for a fit that was given none: most of what is free now, or of what its container may still take if that is less.
pub(crate) fn default_limit() -> Option<u64> {
    let free = kib_line(Path::new("/proc/meminfo"), "MemAvailable:");
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let allowed = cgroup_free(Path::new("/sys/fs/cgroup"), &own);
    let least = free.into_iter().chain(allowed).min()?;
    Some((least as f64 * SHARE_OF_FREE) as u64)
}

/// The value of a line such as `VmRSS:  1234 kB`, in bytes.
fn kib_line(file: &Path, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The files that tell of a control group's memory: its limit, what it holds, and in the statistics the names of what it can drop.
struct Files {
    limit: &'static str,
    held: &'static str,
    droppable: [&'static str; 2],
}

const VERSION_1: Files = Files {
    limit: "memory.limit_in_bytes",
    held: "memory.usage_in_bytes",
    droppable: ["total_inactive_file", "total_active_file"],
};
const VERSION_2: Files = Files {
    limit: "memory.max",
    held: "memory.current",
    droppable: ["inactive_file", "active_file"],
};

/// The least that the control groups that hold this process leave it, in bytes; none if none has a limit.
///
/// `own` is what `/proc/self/cgroup` says: lines such as `0::/a/b` (version 2) or `9:memory:/a/b` (version 1). Limits
/// of all groups above count too. In a container the paths may be those outside, so the roots are always looked at.
fn cgroup_free(root: &Path, own: &str) -> Option<u64> {
    let mut groups = Vec::new();
    for line in own.lines().chain(["0::/", "1:memory:/"]) {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (top, files) = if controllers.is_empty() {
            (root.to_owned(), VERSION_2)
        } else if controllers.split(',').any(|name| name == "memory") {
            (root.join("memory"), VERSION_1)
        } else {
            continue;
        };
        for group in Path::new(group.trim_start_matches('/')).ancestors() {
            groups.extend(free_of(&top.join(group), &files));
        }
    }
    groups.into_iter().min()
}

/// What the limit of one group leaves; none without a limit, which version 2 calls `max`. Pages of files, those read more than
/// once too, are no hindrance: they are dropped when memory is wanted.
fn free_of(group: &Path, files: &Files) -> Option<u64> {
    let number = |file: &str| -> Option<u64> {
        let text = std::fs::read_to_string(group.join(file)).ok()?;
        text.trim().parse().ok()
    };
    let limit = number(files.limit)?;
    let statistics = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let droppable = statistics.lines().filter_map(|line| {
        let (name, value) = line.split_once(' ')?;
        let value: u64 = value.trim().parse().ok()?;
        files.droppable.contains(&name).then_some(value)
    });
    let held = number(files.held).unwrap_or(0);
    Some(limit.saturating_sub(held.saturating_sub(droppable.sum())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_holds_some_memory_and_less_than_the_machine() {
        let used = in_use().unwrap();
        assert!(used > 1 << 20, "{used}");
        assert!(default_limit().unwrap() > 1 << 20);
    }

    #[test]
    fn a_file_that_is_not_there_tells_nothing() {
        assert_eq!(kib_line(Path::new("/proc/no-such-file"), "VmRSS:"), None);
    }

    #[test]
    fn what_a_group_holds_already_is_not_free() {
        let desk = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = desk.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("memory.max", "4000\n");
        write("memory.current", "3500\n");
        assert_eq!(cgroup_free(desk.path(), ""), Some(500));
        write("memory.stat", "anon 3000\ninactive_file 400\n");
        assert_eq!(cgroup_free(desk.path(), ""), Some(900));
        write(
            "memory.stat",
            "inactive_file 400\nactive_file 300\nslab 9\n",
        );
        assert_eq!(cgroup_free(desk.path(), ""), Some(1200));
        write("memory/memory.limit_in_bytes", "1000\n");
        write("memory/memory.usage_in_bytes", "800\n");
        write("memory/memory.stat", "cache 1\ntotal_inactive_file 100\n");
        assert_eq!(cgroup_free(desk.path(), ""), Some(300));
        let statistics = "active_file 7\ntotal_inactive_file 100\ntotal_active_file 50\n";
        write("memory/memory.stat", statistics);
        assert_eq!(cgroup_free(desk.path(), ""), Some(350));
        write("memory.current", "9000\n");
        assert_eq!(cgroup_free(desk.path(), ""), Some(0));
    }

    #[test]
    fn the_least_limit_of_all_groups_around_counts() {
        let desk = tempfile::tempdir().unwrap();
        let root = desk.path();
        let own = "9:cpu,memory:/pod/app\n3:cpuset:/x\n0::/pod/app\n";
        assert_eq!(cgroup_free(root, own), None);
        let write = |file: &str, text: &str| {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("pod/app/memory.max", "max\n");
        assert_eq!(cgroup_free(root, own), None);
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(cgroup_free(root, own), Some(9_223_372_036_854_771_712));
        write("pod/memory.max", "3000\n");
        assert_eq!(cgroup_free(root, own), Some(3000));
        write("memory/pod/app/memory.limit_in_bytes", "2000\n");
        assert_eq!(cgroup_free(root, own), Some(2000));
        write("memory.max", "1000\n");
        assert_eq!(cgroup_free(root, ""), Some(1000));
    }
}
