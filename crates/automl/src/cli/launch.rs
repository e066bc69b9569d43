//! The arguments of `automl launch`.

use crate::console::Format;
use crate::units;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  automl launch slurm adult.yaml --nodes 2 --ranks 8 --time 4h > job.sbatch
  automl launch kubernetes adult.yaml --nodes 2 --image registry/automl --volume data:/data --folder /data > job.yaml")]
pub(crate) enum LaunchVerb {
    /// Write a batch script for Slurm
    Slurm(SlurmArgs),
    /// Write a manifest for Kubernetes
    Kubernetes(KubernetesArgs),
}

/// What runs, and how many of it.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// Configuration files of the training
    #[arg(required = true, value_name = "CONFIG")]
    pub(crate) config: Vec<PathBuf>,
    /// Machines
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) nodes: u32,
    /// Ranks on all machines together [default: one a machine]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) ranks: Option<u32>,
    /// Cores of a rank
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) cores: u32,
    /// Memory of a rank, such as 8G
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// GPUs of a rank, which trains on one of them: asked for, and `--device cuda` said to the ranks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) gpus: Option<u32>,
    /// How often all ranks start again from the last checkpoint when one of them dies [default: 3; of a TrainJob its
    /// runtime says it]
    #[arg(long, value_name = "N")]
    pub(crate) max_restarts: Option<u32>,
    /// What the job is called [default: the name of the configuration]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Program of the ranks
    #[arg(long, value_name = "PATH", default_value = "automl")]
    pub(crate) program: String,
    /// Options of `automl train` for every rank, after --
    #[arg(last = true, value_name = "OPTIONS")]
    pub(crate) options: Vec<String>,
    /// File to write to [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Hand it in, too
    #[arg(long)]
    pub(crate) submit: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl launch slurm adult.yaml --nodes 2 --ranks 8 --time 4h > job.sbatch
  automl launch slurm adult.yaml --nodes 2 --ranks 8 --gpus 1 --partition gpu --submit -- --output models/adult

The script starts the ranks with srun; they find one another at the first machine. Slurm tells them a minute before the time
is up, so that they write a checkpoint, and the same script goes on from it.")]
pub(crate) struct SlurmArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// Time after which Slurm ends the job
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) time: Option<Duration>,
    /// Partition to run in
    #[arg(long, value_name = "NAME")]
    pub(crate) partition: Option<String>,
    /// Account to run for
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl launch kubernetes adult.yaml --image registry/automl:1 --ranks 4 --volume data:/data --folder /data > job.yaml
  automl launch kubernetes adult.yaml --image registry/automl:1 --ranks 4 --gpus 1 --volume data:/data --folder /data --submit
  automl launch kubernetes adult.yaml --image registry/automl:1 --ranks 4 --kind train-job --volume data:/data -- --output /data/m

The configuration travels in the manifest; data, checkpoints and the model are on volumes that all ranks see. A TrainJob is of
Kubeflow Trainer 2.2 or later; its runtime says the folder, the restarts and the time that pods get to end.")]
pub(crate) struct KubernetesArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// Image that holds the program
    #[arg(long)]
    pub(crate) image: String,
    /// What to make
    #[arg(long, value_enum, default_value_t)]
    pub(crate) kind: ManifestKind,
    /// Namespace to run in
    #[arg(long)]
    pub(crate) namespace: Option<String>,
    /// A persistent volume claim and where ranks see it; repeatable
    #[arg(long, value_name = "CLAIM:/PATH", value_parser = volume)]
    pub(crate) volume: Vec<(String, String)>,
    /// Folder that the ranks run in; of a TrainJob its runtime says it
    #[arg(long, value_name = "/PATH")]
    pub(crate) folder: Option<String>,
    /// The runtime of a TrainJob
    #[arg(long, value_name = "NAME", default_value = "torch-distributed")]
    pub(crate) runtime: String,
}

/// What Kubernetes runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ManifestKind {
    /// An Indexed Job, which every cluster knows
    #[default]
    Job,
    /// A TrainJob of Kubeflow's trainer
    TrainJob,
}

fn volume(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((claim, path)) if !claim.is_empty() && path.starts_with('/') => {
            Ok((claim.to_owned(), path.to_owned()))
        }
        _ => Err(format!(
            "'{text}' is not a claim and a path such as data:/data"
        )),
    }
}
