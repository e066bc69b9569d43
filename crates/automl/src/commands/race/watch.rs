//! Time and memory of this process.

use crate::memory::cpu_seconds;
use anyhow::Context as _;
use automl_core::Clock;
use serde_json::{Value, json};

/// Wall time, and the CPU time of all threads, which a busy machine does not stretch.
pub(super) struct Watch(Clock, f64);

impl Watch {
    pub(super) fn start() -> Self {
        let cpu = cpu_seconds();
        Self(Clock::start(), cpu)
    }

    pub(super) fn read(&self) -> Value {
        let seconds = self.0.seconds();
        json!({ "seconds": seconds, "cpu_seconds": cpu_seconds() - self.1 })
    }
}

/// The peak of the process's memory beyond what it held when this was made.
pub(super) struct Peak {
    held_mib: f64,
}

impl Peak {
    /// Starts anew from what is held now.
    pub(super) fn start() -> anyhow::Result<Self> {
        std::fs::write("/proc/self/clear_refs", "5")
            .context("Linux alone tells peaks of memory")?;
        let held_mib = status_mib("VmRSS:")?;
        Ok(Self { held_mib })
    }

    pub(super) fn mib(&self) -> anyhow::Result<f64> {
        Ok(status_mib("VmHWM:")? - self.held_mib)
    }
}

fn status_mib(field: &str) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with(field));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(number.context("no such size")?.parse::<f64>()? / 1024.0)
}
