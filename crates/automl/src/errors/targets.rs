//! What is wrong where several targets are named, or a model of several is given.

use automl_core::Coded;
use std::path::PathBuf;

/// What is wrong where several targets are named, or a model of several is given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetsError {
    /// A verb or a protocol takes the model of one target.
    #[error(
        "the model predicts several targets ({}), one is wanted: {}",
        targets.join(", "),
        dir.display()
    )]
    Several {
        targets: Vec<String>,
        dir: PathBuf,
        /// The model of the first, below the directory.
        first: String,
    },
    /// A target is named twice.
    #[error("the target '{name}' is named twice")]
    Twice { name: String },
    /// An option is of one target.
    #[error("{option} is for one target, and there are several: {}", targets.join(", "))]
    Option {
        option: &'static str,
        targets: Vec<String>,
    },
    /// Two columns of predictions would have one name.
    #[error("two columns of predictions of {} would be called '{column}'", targets.join(", "))]
    Alike {
        column: String,
        targets: Vec<String>,
    },
    /// The user stopped it before each target had a model.
    #[error(
        "stopped at target '{target}', with models of {n_done} of {n_targets} targets; no model was written"
    )]
    Stopped {
        target: String,
        n_done: usize,
        n_targets: usize,
        is_kept: bool,
    },
    /// What a directory says of its targets is not what is below it.
    #[error("'manifest.json' of the model cannot be read: {reason}")]
    Parts { reason: String },
}

impl Coded for TargetsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Several { .. } => "model-several-targets",
            Self::Twice { .. } => "fit-target-twice",
            Self::Option { .. } => "usage-option",
            Self::Alike { .. } => "fit-targets-alike",
            Self::Stopped { .. } => "interrupted",
            Self::Parts { .. } => "artifact-part-invalid",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Several { dir, first, .. } => format!(
                "each target has a model of its own: name one, such as {}",
                dir.join(first).display()
            ),
            Self::Twice { .. } => "name each target once".into(),
            Self::Option { option, .. } => {
                format!("leave {option} out, or take the targets one by one")
            }
            Self::Alike { .. } => "rename a target or a class, or fit them apart".into(),
            Self::Stopped { is_kept: true, .. } => "go on with it by --resume".into(),
            Self::Stopped { is_kept: false, .. } => {
                "without --no-journal a fit that is stopped can be gone on with".into()
            }
            Self::Parts { .. } => "fit the model again or restore the file".into(),
        })
    }
}
