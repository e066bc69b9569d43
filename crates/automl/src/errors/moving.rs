//! What can be wrong with event files, TensorBoard, imports, backups and what is to be collected.

use automl_core::Coded;
use std::path::PathBuf;
use std::process::ExitStatus;

/// What can be wrong with event files, TensorBoard, imports, backups and what is to be collected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MovingError {
    #[error("there are no event files below {}", .path.display())]
    NoEvents { path: PathBuf },
    #[error("no program 'tensorboard' is on PATH")]
    NoTensorBoard,
    #[error("TensorBoard ended by itself, {status}")]
    TensorBoardFailed { status: ExitStatus },
    #[error("'{name}' has no event files: {}", .path.display())]
    RunWithoutEvents { name: String, path: PathBuf },
    #[error("no run has the id '{id}', and no directory that name")]
    RunMissing { id: String },
    #[error("its artifacts are not on this machine: {uri}")]
    ArtifactsElsewhere { uri: String },
    #[error("a backup is put back into a directory, not into {place}")]
    RestoreElsewhere { place: String },
    #[error("no artifacts are there: {}", .path.display())]
    NoArtifacts { path: PathBuf },
    #[error("{n_failed} of {n_all} could not be imported")]
    ImportIncomplete { n_failed: u64, n_all: u64 },
}

impl Coded for MovingError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoEvents { .. } => "events-none",
            Self::NoTensorBoard => "tensorboard-absent",
            Self::TensorBoardFailed { .. } => "tensorboard-failed",
            Self::RunWithoutEvents { .. } => "tensorboard-no-events",
            Self::RunMissing { .. } => "record-missing",
            Self::ArtifactsElsewhere { .. } => "tensorboard-elsewhere",
            Self::RestoreElsewhere { .. } => "restore-elsewhere",
            Self::NoArtifacts { .. } => "artifacts-none",
            Self::ImportIncomplete { .. } => "import-incomplete",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoEvents { .. } => {
                "give the folder that the writer logged to; its files are named events.out.tfevents.…"
            }
            Self::NoTensorBoard => {
                "install it with `pip install tensorboard`, in an environment that is active here"
            }
            Self::TensorBoardFailed { .. } => {
                "it says why above; a port that is taken is changed by --port"
            }
            Self::RunWithoutEvents { .. } => {
                "log its event files as artifacts of the run, or name another run"
            }
            Self::RunMissing { .. } => "name its workspace with --workspace",
            Self::ArtifactsElsewhere { .. } => {
                "download them, and give the directory instead of the run"
            }
            Self::RestoreElsewhere { .. } => "leave --artifacts out, or name a directory",
            Self::NoArtifacts { .. } => "give the --artifacts that `automl serve` was given",
            Self::ImportIncomplete { .. } => {
                "mend what is told above and call it again; what was imported is left alone"
            }
        };
        Some(hint.into())
    }
}
