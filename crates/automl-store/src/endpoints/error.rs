//! What can be wrong with a change of an endpoint.

use crate::db::DbError;
use crate::registry::files::FilesError;
use crate::tracking::TrackingError;
use automl_core::Coded;
use std::path::PathBuf;

/// A request that cannot be met; nothing is then changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum EndpointError {
    #[error("there is no endpoint '{name}'")]
    Missing { name: String, near: Vec<String> },
    #[error("an endpoint '{name}' exists already")]
    Exists { name: String },
    #[error("endpoint '{endpoint}' has no deployment '{name}'")]
    DeploymentMissing {
        endpoint: String,
        name: String,
        near: Vec<String>,
    },
    #[error("endpoint '{endpoint}' has a deployment '{name}' already")]
    DeploymentExists { endpoint: String, name: String },
    #[error("the shares of requests add up to {sum} %, not to 100 %")]
    Shares { sum: u32 },
    #[error("deployment '{name}' answers {share} % of the requests, which nobody would")]
    StillAnswers { name: String, share: u32 },
    #[error("'{name}' is the last that answers at endpoint '{endpoint}'; nobody would")]
    WouldSilence { endpoint: String, name: String },
    #[error("endpoint '{endpoint}' has {n_deployments} deployments, which would be lost")]
    WouldLose {
        endpoint: String,
        n_deployments: usize,
    },
    #[error("endpoint '{endpoint}' had no other deployments before")]
    NoEarlier { endpoint: String },
    #[error("what endpoint '{endpoint}' had in revision {revision} is not there any more")]
    Gone { endpoint: String, revision: i64 },
    #[error("{version} does not take and give what '{deployment}' of endpoint '{endpoint}' does: {}", .differences.join("; "))]
    Misfit {
        endpoint: String,
        deployment: String,
        version: String,
        differences: Vec<String>,
    },
    #[error("{version} cannot answer: {reason}")]
    Unable { version: String, reason: String },
    #[error("no model of the endpoint takes a column '{name}'")]
    ColumnUnknown { name: String, near: Vec<String> },
    #[error("{field} is not usable: {reason}")]
    Invalid { field: &'static str, reason: String },
    #[error("the folder of models cannot be listed: {reason}")]
    Folder { reason: String },
    #[error("the record has an endpoint '{endpoint}', and so has the folder {}", .folder.display())]
    FolderExists { endpoint: String, folder: PathBuf },
    #[error("endpoint '{endpoint}' is what the folder {} holds", .folder.display())]
    OfFolder { endpoint: String, folder: PathBuf },
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Record(#[from] TrackingError),
}

impl EndpointError {
    pub(super) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            reason: reason.into(),
        }
    }
}

impl From<DbError> for EndpointError {
    fn from(error: DbError) -> Self {
        Self::Record(error.into())
    }
}

impl Coded for EndpointError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "endpoint-missing",
            Self::Exists { .. } => "endpoint-exists",
            Self::DeploymentMissing { .. } => "endpoint-deployment-missing",
            Self::DeploymentExists { .. } => "endpoint-deployment-exists",
            Self::Shares { .. } => "endpoint-shares",
            Self::StillAnswers { .. } => "endpoint-still-answers",
            Self::WouldSilence { .. } => "endpoint-would-silence",
            Self::WouldLose { .. } => "endpoint-would-lose",
            Self::NoEarlier { .. } => "endpoint-no-earlier",
            Self::Gone { .. } => "endpoint-gone",
            Self::Misfit { .. } => "endpoint-signature",
            Self::Unable { .. } => "endpoint-model-unable",
            Self::ColumnUnknown { .. } => "endpoint-column-unknown",
            Self::Invalid { .. } => "endpoint-invalid",
            Self::Folder { .. } => "endpoint-folder",
            Self::FolderExists { .. } => "endpoint-folder-exists",
            Self::OfFolder { .. } => "endpoint-of-folder",
            Self::Files(error) => error.code(),
            Self::Record(error) => Coded::code(error),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { near, .. }
            | Self::DeploymentMissing { near, .. }
            | Self::ColumnUnknown { near, .. }
                if !near.is_empty() =>
            {
                Some(format!("did you mean {}?", near.join(" or ")))
            }
            Self::Missing { .. } => Some("make it with `automl endpoint create NAME`".into()),
            Self::DeploymentMissing { endpoint, .. } => Some(format!(
                "`automl endpoint status {endpoint}` lists its deployments"
            )),
            Self::ColumnUnknown { .. } => Some(
                "deploy a model first, or name columns as `automl models show` lists them".into(),
            ),
            Self::Exists { .. } => Some("deploy to it, or choose another name".into()),
            Self::DeploymentExists { .. } => Some(
                "change its share of requests, take it away first, or deploy under another name (--as)"
                    .into(),
            ),
            Self::Shares { .. } => {
                Some("name all that shall answer, such as v3=90,v4=10; others get nothing".into())
            }
            Self::StillAnswers { .. } => {
                Some("give its requests to another deployment first, by traffic or promote".into())
            }
            Self::WouldSilence { .. } => {
                Some("say --force to take it away all the same, or deploy another first".into())
            }
            Self::Misfit { .. } => Some(
                "deploy it to another endpoint, or say --allow-signature-change if callers know"
                    .into(),
            ),
            Self::WouldLose { .. } => Some("say --force to delete it all the same".into()),
            Self::Gone { .. } => Some("deploy what shall answer anew".into()),
            Self::FolderExists { .. } => {
                Some("rename the folder, or delete that endpoint: automl endpoint delete".into())
            }
            Self::OfFolder { .. } => Some(
                "change what lies there: a model directory, or numbered ones of which the greatest answers"
                    .into(),
            ),
            Self::Files(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::NoEarlier { .. }
            | Self::Invalid { .. }
            | Self::Unable { .. }
            | Self::Folder { .. } => None,
        }
    }
}
