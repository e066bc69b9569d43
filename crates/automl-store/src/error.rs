//! Why something could not be stored or read back.

use automl_core::{Coded, is_out_of_space};
use std::io;
use std::path::{Path, PathBuf};

/// Why something could not be stored or read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Nothing is at the path.
    #[error("no model at {}", path.display())]
    NotFound {
        /// The path asked for.
        path: PathBuf,
        /// Names beside it that look like it, best first.
        near: Vec<String>,
    },
    /// A model that MLflow's client logged.
    #[error("a model in MLflow's format, which Python alone can load; import its ONNX, or the file of LightGBM or XGBoost, by `automl models import`: {}", path.display())]
    Foreign {
        /// Where it is.
        path: PathBuf,
    },
    /// Something is at the path, but it is not a model directory.
    #[error("not a model directory, {reason}: {}", path.display())]
    NotAModel {
        /// The path asked for.
        path: PathBuf,
        /// What it is instead.
        reason: &'static str,
    },
    /// The model was written by a later version of this program.
    #[error("the model has format {found}, this version reads up to {supported}: {}", path.display())]
    NewerFormat {
        /// The model directory.
        path: PathBuf,
        /// Its format version.
        found: u64,
        /// The newest format version known here.
        supported: u32,
    },
    /// A file of the model is not what was written.
    #[error("damaged, {reason}: {}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refused to read or write.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// `read`, `write`, `create`, `replace` or `look into`.
        operation: &'static str,
        /// What it was to be done to.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A directory is needed where a file is.
    #[error("this is a file, not a directory to write into: {}", path.display())]
    NotADirectory {
        /// The file.
        path: PathBuf,
    },
    /// Something is at the path that must not be replaced.
    #[error("already exists, {reason}: {}", path.display())]
    Exists {
        /// The path asked for.
        path: PathBuf,
        /// What is there.
        reason: String,
        /// Whether leave to overwrite would have been enough.
        is_replaceable: bool,
    },
    /// Another process works on it.
    #[error("another process works on it: {}", path.display())]
    InUse {
        /// What is in use.
        path: PathBuf,
    },
    /// What was to be written could not be read back, so it was not written.
    #[error("cannot be stored, {reason}: {name}")]
    Contents {
        /// The part: a file's name, an array's name or a field of the manifest.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// Puts an operation and a path to an answer of the system.
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            operation,
            path: path.to_owned(),
            source,
        }
    }

    /// Whether something that was to be worked on was not there.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }

    pub(crate) fn contents(name: &str, reason: impl Into<String>) -> Self {
        Self::Contents {
            name: name.to_owned(),
            reason: reason.into(),
        }
    }
}

impl Coded for StoreError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "store-not-found",
            Self::NotAModel { .. } => "store-not-a-model",
            Self::Foreign { .. } => "store-foreign-model",
            Self::NewerFormat { .. } => "store-newer-format",
            Self::Damaged { .. } => "store-damaged",
            Self::Io { source, .. } if is_out_of_space(source.kind()) => "output-full",
            Self::Io { .. } => "store-io",
            Self::NotADirectory { .. } => "store-not-a-directory",
            Self::Exists { .. } => "store-exists",
            Self::InUse { .. } => "store-in-use",
            Self::Contents { .. } => "store-contents",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { near, .. } if near.is_empty() => {
                Some("give the directory that `automl fit … --output DIR` wrote".into())
            }
            Self::NotFound { near, .. } => Some(format!("did you mean {}?", near.join(" or "))),
            Self::NotAModel { .. } => {
                Some("give the directory that `automl fit … --output DIR` wrote".into())
            }
            Self::NewerFormat { .. } => {
                Some("upgrade automl, or fit the model again with this version".into())
            }
            Self::Damaged { .. } => {
                Some("restore the model directory from a copy, or fit the model again".into())
            }
            Self::Exists { is_replaceable, .. } => Some(if *is_replaceable {
                "replace it with --overwrite, or choose another directory".into()
            } else {
                "choose another directory, or move away what is there".into()
            }),
            Self::Io {
                operation: "read",
                source,
                ..
            } if source.kind() != io::ErrorKind::PermissionDenied => None,
            Self::Io { source, .. } => Some(io_hint(source.kind()).into()),
            Self::NotADirectory { .. } => {
                Some("choose a place that is not below a file, or move the file away".into())
            }
            Self::InUse { .. } => {
                Some("let it end or stop it, or choose another directory for the output".into())
            }
            Self::Foreign { .. } | Self::Contents { .. } => None,
        }
    }
}

fn io_hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        kind if is_out_of_space(kind) => {
            "the disk is full; free some space or choose a directory on another disk"
        }
        io::ErrorKind::PermissionDenied => {
            "check who owns it and who may read it and write to it, or choose another place"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "the disk is read-only; choose a directory on another disk"
        }
        _ => "choose a place where files can be made",
    }
}
