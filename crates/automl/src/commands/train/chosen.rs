//! What a training chose for itself, as the user, the record and the printed configuration are told of it.

use super::learn::{Around, Ready};
use super::plan::Plan;
use crate::cli::TrainArgs;
use crate::commands::{start_threads, thread_count};
use crate::console::Console;
use crate::memory;
use crate::progress::Reporter;
use automl_core::{Budget, Clock, MemoryLimit, Solo};
use automl_neural::config::{Family, TrainConfig};
use automl_neural::train::{Chosen, TrainError, Watch};
use serde_json::{Value, json};

/// One line for each thing that was chosen.
pub(super) fn lines(chosen: &Chosen) -> Vec<String> {
    let how = match chosen.range_steps {
        Some(n) => format!("by a range test of {n} steps"),
        None => "as it is published for this network and target".to_owned(),
    };
    let rate = chosen.learning_rate;
    let rows = chosen.batch_size;
    let rate = rate.map(|rate| format!("optimizer.learning_rate: {rate}, chosen {how}"));
    let rows = rows.map(|n| format!("trainer.batch_size: {n}, chosen by the number of rows"));
    rows.into_iter().chain(rate).collect()
}

/// What was chosen, under its keys, as the record keeps it.
pub(super) fn values(chosen: &Chosen) -> Value {
    json!({
        "optimizer": { "learning_rate": chosen.learning_rate },
        "trainer": { "batch_size": chosen.batch_size },
    })
}

/// A configuration without the keys that are left to the training, as the record keeps it before they are chosen.
pub(super) fn without_open_keys(config: &TrainConfig) -> Value {
    let mut value = config.to_value();
    if config.auto.learning_rate {
        value["optimizer"]["learning_rate"] = Value::Null;
    }
    if config.auto.batch_size {
        value["trainer"]["batch_size"] = Value::Null;
    }
    value
}

/// The memory that a batch may take part of, where its size is left to the training.
pub(super) fn memory_limit(config: &TrainConfig) -> MemoryLimit {
    let is_open = config.auto.batch_size;
    MemoryLimit(is_open.then(memory::default_limit).flatten())
}

/// Ends a training once everything is chosen.
#[derive(Default)]
struct Asking {
    chosen: Option<Chosen>,
}

impl Watch for Asking {
    fn chosen(&mut self, chosen: &Chosen) -> Result<(), TrainError> {
        self.chosen = Some(*chosen);
        Err(TrainError::Cancelled)
    }
}

/// The configuration with what a training of it would choose, if it names data and leaves anything open.
///
/// # Errors
/// The data cannot be read or learned from.
pub(super) fn settled(
    mut args: TrainArgs,
    mut config: TrainConfig,
    console: Console,
) -> anyhow::Result<TrainConfig> {
    let is_network = config.model.family() != Family::Command;
    if !is_network || !config.auto.any() || config.data.path.is_empty() {
        return Ok(config);
    }
    // Nothing is written, so no model is in the way.
    args.overwrite = true;
    let threads = start_threads(thread_count(args.threads))?;
    let device = super::device::named(&args.device, None)?;
    let reporter = Reporter::silent(console, Clock::start());
    let plan = Plan::new(args, config.clone(), &reporter)?;
    let budget = Budget {
        memory: memory_limit(&config),
        ..Budget::unlimited()
    };
    let around = Around {
        threads: &threads,
        budget: &budget,
        from: None,
        ranks: &Solo,
        device,
    };
    let mut asking = Asking::default();
    let ended = Ready::new(&plan, around).and_then(|ready| ready.train(&mut asking));
    match (asking.chosen, ended) {
        (Some(chosen), _) => config.settle(&chosen),
        (None, ended) => drop(ended?),
    }
    Ok(config)
}
