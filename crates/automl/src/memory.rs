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

/// The limit for a fit that was given none: most of what is free now, or of what the container may use if that is less.
pub(crate) fn default_limit() -> Option<u64> {
    let free = kib_line(Path::new("/proc/meminfo"), "MemAvailable:");
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let allowed = cgroup_limit(Path::new("/sys/fs/cgroup"), &own);
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

/// The least limit of the control groups that hold this process, in bytes; none if none is set.
///
/// `own` is what `/proc/self/cgroup` says: lines such as `0::/a/b` (version 2) or `9:memory:/a/b` (version 1). Limits
/// of all groups above count too. In a container the paths may be those outside, so the roots are always looked at.
fn cgroup_limit(root: &Path, own: &str) -> Option<u64> {
    let mut files = Vec::new();
    for line in own.lines().chain(["0::/", "1:memory:/"]) {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (top, file) = if controllers.is_empty() {
            (root.to_owned(), "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            (root.join("memory"), "memory.limit_in_bytes")
        } else {
            continue;
        };
        for group in Path::new(group.trim_start_matches('/')).ancestors() {
            files.push(top.join(group).join(file));
        }
    }
    let limits = files.iter().filter_map(|file| {
        // Version 2 says `max` where there is no limit.
        std::fs::read_to_string(file).ok()?.trim().parse().ok()
    });
    limits.min()
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
    fn the_least_limit_of_all_groups_around_counts() {
        let desk = tempfile::tempdir().unwrap();
        let root = desk.path();
        let own = "9:cpu,memory:/pod/app\n3:cpuset:/x\n0::/pod/app\n";
        assert_eq!(cgroup_limit(root, own), None);
        let write = |file: &str, text: &str| {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("pod/app/memory.max", "max\n");
        assert_eq!(cgroup_limit(root, own), None);
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(cgroup_limit(root, own), Some(9_223_372_036_854_771_712));
        write("pod/memory.max", "3000\n");
        assert_eq!(cgroup_limit(root, own), Some(3000));
        write("memory/pod/app/memory.limit_in_bytes", "2000\n");
        assert_eq!(cgroup_limit(root, own), Some(2000));
        write("memory.max", "1000\n");
        assert_eq!(cgroup_limit(root, ""), Some(1000));
    }
}
