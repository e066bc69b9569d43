//! How much memory the process holds and the machine has left, where the system tells (Linux).

use std::path::Path;

/// Share of the machine's free memory that a fit may use when no limit is given.
const SHARE_OF_AVAILABLE: f64 = 0.8;

/// Bytes of physical memory that this process holds.
pub(crate) fn in_use() -> Option<u64> {
    kib_line(Path::new("/proc/self/status"), "VmRSS:")
}

/// The limit for a fit that was given none: most of what is free now.
pub(crate) fn default_limit() -> Option<u64> {
    let available = kib_line(Path::new("/proc/meminfo"), "MemAvailable:")?;
    Some((available as f64 * SHARE_OF_AVAILABLE) as u64)
}

/// The value of a line such as `VmRSS:  1234 kB`, in bytes.
fn kib_line(file: &Path, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
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
}
