//! What is wrong with a job that is to be launched.

use automl_core::Coded;
use std::path::PathBuf;

/// A job that cannot be written or handed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    #[error("{ranks} ranks cannot be dealt evenly to {nodes} machines")]
    Uneven { ranks: u32, nodes: u32 },
    #[error("'{name}' cannot be the name of a job of Kubernetes")]
    Name { name: String },
    #[error("'{memory}' is not a size of memory")]
    Memory { memory: String },
    #[error("cannot read the configuration: {}", .path.display())]
    Config {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("two configurations are called '{name}'")]
    SameFile { name: String },
    #[error("a TrainJob has no {option}: its runtime says it")]
    OfRuntime {
        option: &'static str,
        /// Where the runtime says it.
        key: &'static str,
    },
    #[error("there is no program '{program}' to hand the job in with")]
    NoProgram { program: &'static str },
    #[error("{program} refused the job: {said}")]
    Refused { program: &'static str, said: String },
}

impl Coded for LaunchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Uneven { .. } => "launch-uneven",
            Self::Name { .. } => "launch-name",
            Self::Memory { .. } => "launch-memory",
            Self::Config { .. } | Self::SameFile { .. } => "launch-config",
            Self::OfRuntime { .. } => "launch-of-runtime",
            Self::NoProgram { .. } => "launch-no-program",
            Self::Refused { .. } => "launch-refused",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Uneven { nodes, .. } => format!("give --ranks a multiple of {nodes}"),
            Self::Name { .. } => {
                "say --name with up to 52 small letters, digits and dashes, a letter first"
                    .to_owned()
            }
            Self::Memory { .. } => "write a number and K, M, G or T, such as 8G".to_owned(),
            Self::OfRuntime { option, key } => format!(
                "leave {option} out and set {key} in the runtime that --runtime names, or take --kind job, which has it"
            ),
            Self::NoProgram { program } => {
                format!("leave --submit out, and hand the file in where {program} is")
            }
            Self::SameFile { .. } => "give the files names of their own".to_owned(),
            Self::Config { .. } | Self::Refused { .. } => return None,
        };
        Some(hint)
    }
}
