//! The arguments of `automl serve`.

use super::{AccessArgs, PlaceArgs};
use crate::console::Format;
use crate::units;
use automl_serve::SourcePattern;
use automl_serve::endpoints::ServedPath;
use clap::Args;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl serve
  automl serve --port 5000 --workspace /srv/team
  automl serve --workspace postgres://automl@db/automl --artifacts s3://bucket/prefix
  automl serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem   asks who calls; see `automl users --help`

Credentials and endpoints of object stores come from the environment: AWS_*, GOOGLE_* or AZURE_*.
Then, in Python: mlflow.set_tracking_uri(\"http://127.0.0.1:8080\")
and in a browser: http://127.0.0.1:8080")]
pub(crate) struct ServeArgs {
    /// Address to serve at
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// Port to serve at; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// The artifacts were moved to where --artifacts says, from where the record remembers them
    #[arg(long, requires = "artifacts")]
    pub(crate) artifacts_moved: bool,
    /// Server of language models that pages reach through this one
    #[arg(long, value_name = "URL", env = "MLFLOW_DEPLOYMENTS_TARGET")]
    pub(crate) deployments_target: Option<String>,
    /// Let webhooks lead to plain HTTP and to addresses that are not public, as in a network of your own
    #[arg(long, env = "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS")]
    pub(crate) webhooks_to_private: bool,
    /// What must be found in the source of each version of a model that clients register, as a regular expression [default: all
    /// sources are taken]
    #[arg(
        long,
        value_name = "REGEX",
        env = "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX"
    )]
    pub(crate) version_sources: Option<SourcePattern>,
    /// URI that new experiments put their artifacts below, where clients write by themselves [default: through this server]
    #[arg(long, value_name = "URI")]
    pub(crate) default_artifact_root: Option<String>,
    /// Memory that models of endpoints may take together, by the size of their weights, such as 2GiB; the least recently used
    /// go when it is not enough [default: no bound]
    #[arg(long, value_name = "SIZE", value_parser = units::bytes)]
    pub(crate) models_memory: Option<u64>,
    /// What predicting together requests that wait for a slow model may take: they are taken as many at a time
    #[arg(long, value_name = "DURATION", default_value = "20ms", value_parser = units::duration)]
    pub(crate) batch_latency: Duration,
    /// Age at which files of requests and truths that were kept of endpoints are removed, such as 30d [default: never]
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) captures_age: Option<Duration>,
    /// Bytes of such files of one endpoint, such as 10GiB, beyond which the oldest are removed [default: no bound]
    #[arg(long, value_name = "SIZE", value_parser = units::bytes)]
    pub(crate) captures_size: Option<u64>,
    /// Folder whose folders are endpoints: each a model directory, or numbered ones of which the greatest answers; followed
    #[arg(long, value_name = "DIR")]
    pub(crate) model_repository: Option<PathBuf>,
    /// Endpoint that also answers at /ping and /invocations, as containers of SageMaker and Vertex AI do
    #[arg(long, value_name = "NAME")]
    pub(crate) root_endpoint: Option<String>,
    /// A path that tells, by GET, what /ping does, such as what AIP_HEALTH_ROUTE says in containers of Vertex AI
    #[arg(long, value_name = "PATH", requires = "root_endpoint")]
    pub(crate) health_path: Option<ServedPath>,
    /// A path that predicts, by POST, as /invocations does, such as what AIP_PREDICT_ROUTE says there
    #[arg(long, value_name = "PATH", requires = "root_endpoint")]
    pub(crate) predict_path: Option<ServedPath>,
    /// Folder, or address in an object store (s3://BUCKET/KEY), below which jobs that predict tables may read and write; repeatable
    /// [default: there are no such jobs]
    #[arg(long, value_name = "PLACE", conflicts_with = "only_endpoints")]
    pub(crate) data_dir: Vec<String>,
    /// Jobs that predict tables at once; others wait
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) batch_jobs: u16,
    /// Threads of each such job [default: half of the cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) batch_threads: Option<u16>,
    /// Time after which a running trial of Optuna's client has failed if nothing was asked or told of it, such as 10m: longer than
    /// a trial computes between two calls [default: a trial whose worker is gone runs for ever]
    #[arg(long, value_name = "DURATION", value_parser = units::duration, conflicts_with = "only_endpoints")]
    pub(crate) optuna_trial_timeout: Option<Duration>,
    /// Serve nothing but predictions, health and metrics: no tracking, no pages, no changes
    #[arg(long)]
    pub(crate) only_endpoints: bool,
    /// Memory that requests may take together while they are answered, estimated as eight times their bodies; others are told to
    /// come again (503)
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = units::bytes)]
    pub(crate) requests_memory: u64,
    /// How the start is told: text or json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}
