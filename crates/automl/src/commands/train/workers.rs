//! Who computes a training, and what the user is told of that.

use super::together;
use crate::cli::TrainArgs;
use crate::progress::Reporter;
use automl_collective::Place;
use automl_core::Collective;
use automl_neural::Device;
use automl_neural::config::TrainConfig;
use automl_neural::train::TrainerParams;

/// Those that compute.
pub(super) struct Workers<'a> {
    pub(super) ranks: &'a dyn Collective,
    /// Threads of a rank.
    pub(super) threads: usize,
    pub(super) device: Device,
}

impl Workers<'_> {
    /// Tells of what is not as on any laptop.
    pub(super) fn say_where(&self, args: &TrainArgs, place: Option<&Place>, reporter: &Reporter) {
        let ranks = self.ranks;
        if ranks.size() > 1 {
            let (size, transport) = (ranks.size(), ranks.transport());
            reporter.note(&format!("{size} ranks, joined by {transport}"));
        }
        if let Some(told) = place.and_then(|place| together::idle_restarts(args, place.launcher)) {
            reporter.note(&told);
        }
        match self.device {
            // A program that was not built for GPUs is not expected to look for them.
            Device::Cpu if args.device == "auto" && cfg!(feature = "cuda") => {
                reporter.note("no NVIDIA GPU was found: trains on the CPU");
            }
            Device::Cpu => {}
            #[cfg(feature = "cuda")]
            device => reporter.note(&format!("trains on {device}")),
        }
    }

    /// Tells of threads that will have nothing to compute. A training that goes on must keep its shards, so it is not told.
    pub(super) fn say_who_idles(&self, config: &TrainConfig, reporter: &Reporter) {
        // The rows of a batch that are left to the training are not known yet.
        if self.device == Device::Cpu && !config.auto.batch_size {
            let n_workers = self.ranks.size() * self.threads;
            if let Some(told) = idle(&config.trainer, n_workers) {
                reporter.note(&told);
            }
        }
    }
}

/// That a step has fewer shards than there are threads of all ranks, and what would give each of them one.
fn idle(trainer: &TrainerParams, n_workers: usize) -> Option<String> {
    let n_rows = trainer.batch_size.saturating_mul(trainer.accumulate);
    let n_shards = n_rows.div_ceil(trainer.shard_rows);
    let n_workers = n_workers as u64;
    if n_shards >= n_workers {
        return None;
    }
    // Whole shards, so that there are no fewer than workers.
    let advice = match n_rows / n_workers {
        0 => format!("trainer.batch_size of {n_workers} or more, with trainer.shard_rows: 1,"),
        shard_rows => format!("trainer.shard_rows: {shard_rows}"),
    };
    Some(format!(
        "a step of {n_rows} rows is cut into {n_shards} for the {n_workers} threads of all ranks, so that some have nothing \
         to do; {advice} would use all (and sum in another order, which is another network)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trainer(batch_size: u64, accumulate: u64, shard_rows: u64) -> TrainerParams {
        TrainerParams {
            batch_size,
            accumulate,
            shard_rows,
            ..TrainerParams::default()
        }
    }

    #[test]
    fn threads_without_a_shard_are_told_of_with_shards_that_use_all() {
        assert_eq!(idle(&TrainerParams::default(), 2), None);
        assert_eq!(idle(&trainer(256, 4, 128), 8), None);
        let told = idle(&TrainerParams::default(), 8).expect("there are two shards");
        assert!(
            told.contains("256 rows is cut into 2 for the 8 threads")
                && told.contains("trainer.shard_rows: 32 would use all"),
            "{told}"
        );
        for n_workers in 3..=256_usize {
            let told = idle(&TrainerParams::default(), n_workers).expect("there are two shards");
            let said = told
                .split("trainer.shard_rows: ")
                .nth(1)
                .expect("it is said");
            let said = said.split(' ').next().and_then(|word| word.parse().ok());
            let with = trainer(256, 1, said.expect("it is a number"));
            assert_eq!(idle(&with, n_workers), None, "{n_workers}");
        }
        let told = idle(&trainer(2, 1, 128), 4).expect("there is one shard");
        assert!(told.contains("trainer.batch_size of 4 or more"), "{told}");
    }
}
