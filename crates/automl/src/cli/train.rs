//! The arguments of `automl train`.

use super::RecordArgs;
use crate::console::Format;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of a command line, each read by name"
)]
#[command(after_help = "\
Examples:
  automl train adult.yaml                                       train what the file says
  automl train adult.yaml --set trainer.epochs=20 --output m    with other values
  automl train base.yaml tabm.yaml                              a file over another
  automl train adult.yaml --resume                              go on after an end, to the same result
  automl train adult.yaml --ranks 4                             with four processes, to the same losses
  mpirun -n 4 automl train adult.yaml                           by MPI, on as many machines as it is told
  automl train --print-config > mine.yaml                       every key with its default and what it does

A file names at least the data and the target:
  data: {path: adult.csv, target: income}
  model: {type: tabm, width: 256}
  trainer: {epochs: 50}")]
pub(crate) struct TrainArgs {
    /// Files that say what is trained, YAML or JSON; later ones count before earlier ones
    #[arg(required_unless_present_any = ["print_config", "print_schema"])]
    pub(crate) config: Vec<PathBuf>,
    /// A value over the files, such as trainer.epochs=20; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Directory to write the model to; checkpoints and TensorBoard files of the training stand beside it in DIR.run
    #[arg(long, short, value_name = "DIR", default_value = "automl-model")]
    pub(crate) output: PathBuf,
    /// Put the new model in the place of one that is there, and remove what an earlier training left beside it
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Go on from the last checkpoint; from the start if there is none
    #[arg(long, conflicts_with = "overwrite")]
    pub(crate) resume: bool,
    /// What computes: auto (a GPU if there is one and this program was built for it), cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: String,
    /// Threads to use [default: all cores]; the result does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Processes of this machine that train together: every batch is shared out among them. On many machines, start the
    /// same command by mpirun or srun instead, or see `automl launch`
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) ranks: u16,
    /// With --ranks, how often all start again from the last checkpoint when one of them dies [default: 3]
    #[arg(long, value_name = "N")]
    pub(crate) max_restarts: Option<u32>,
    /// Print the configuration with every key, its documentation and its value, and train nothing
    #[arg(long)]
    pub(crate) print_config: bool,
    /// Print the JSON Schema of configurations, for editors, and train nothing
    #[arg(long, conflicts_with = "print_config")]
    pub(crate) print_schema: bool,
    /// How to print results and progress
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
}
