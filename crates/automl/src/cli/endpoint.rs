//! The arguments of `automl endpoint`.

use super::AskArgs;
use crate::units;
use clap::{Args, Subcommand};

/// Requests that an endpoint answers at once where nothing is said.
pub(crate) const AT_ONCE: u32 = 64;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  automl endpoint create churn
  automl endpoint deploy churn churn@champion
  automl endpoint status churn
  automl serve                                 then: POST /endpoints/churn/predict")]
pub(crate) enum EndpointVerb {
    /// Make an endpoint
    Create(EndpointCreateArgs),
    /// Say how many requests an endpoint answers at once
    Update(EndpointUpdateArgs),
    /// List endpoints
    List(EndpointListArgs),
    /// Put a version of a model behind an endpoint
    Deploy(EndpointDeployArgs),
    /// Say which percents of the requests deployments answer
    Traffic(EndpointTrafficArgs),
    /// Keep a part of the requests with their answers, as Parquet in the workspace
    Capture(EndpointCaptureArgs),
    /// Keep what turned out to be true of rows that were predicted
    Feedback(EndpointFeedbackArgs),
    /// Let one deployment answer all requests
    Promote(EndpointDeploymentArgs),
    /// Take the last change back
    Rollback(EndpointChangeArgs),
    /// Take a deployment away
    Undeploy(EndpointUndeployArgs),
    /// Show an endpoint, its deployments and its changes
    Status(EndpointNameArgs),
    /// Delete an endpoint
    Delete(EndpointDeleteArgs),
}

impl EndpointVerb {
    pub(crate) fn ask(&self) -> &AskArgs {
        match self {
            Self::Create(args) => &args.ask,
            Self::Update(args) => &args.ask,
            Self::List(args) => &args.ask,
            Self::Deploy(args) => &args.ask,
            Self::Traffic(args) => &args.ask,
            Self::Capture(args) => &args.ask,
            Self::Feedback(args) => &args.ask,
            Self::Promote(args) => &args.ask,
            Self::Undeploy(args) => &args.ask,
            Self::Rollback(args) => &args.ask,
            Self::Status(args) => &args.ask,
            Self::Delete(args) => &args.ask,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl endpoint create churn
  automl endpoint deploy churn churn@champion
  automl serve                                 then: POST /endpoints/churn/predict")]
pub(crate) struct EndpointCreateArgs {
    /// Name of the endpoint: letters, digits, '.', '_' and '-'
    pub(crate) name: String,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Requests that it answers at once; others are told to come again (429)
    #[arg(long, value_name = "N", default_value_t = AT_ONCE, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) max_at_once: u32,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl endpoint update churn --max-at-once 256 --note 'more callers'

A server that runs on the workspace does so within a second; requests that it answers already end as they began.")]
pub(crate) struct EndpointUpdateArgs {
    /// Name of the endpoint
    pub(crate) name: String,
    /// Requests that it answers at once; others are told to come again (429)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) max_at_once: u32,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl endpoint list
  automl endpoint list --format json")]
pub(crate) struct EndpointListArgs {
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl endpoint status churn
  automl endpoint status churn --format json")]
pub(crate) struct EndpointNameArgs {
    /// Name of the endpoint
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl endpoint deploy churn churn/3              the first answers all requests
  automl endpoint deploy churn churn/4 --traffic 10 the others share the rest as before
  automl endpoint deploy churn churn/5 --shadow     sees all requests and answers none
  automl endpoint deploy churn churn@champion       follows the alias

A deployment is called v3, or champion after an alias, unless --as says otherwise. A server that runs on the workspace serves
it within a second, once the model is read and has predicted.")]
pub(crate) struct EndpointDeployArgs {
    /// Name of the endpoint
    pub(crate) endpoint: String,
    /// Version, as NAME/3, NAME@ALIAS to follow it, or NAME for the newest
    pub(crate) model: String,
    /// Percents of the requests that it answers [default: all for the first deployment, none for others]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) traffic: Option<u32>,
    /// Let it see all requests and answer none
    #[arg(long, conflicts_with = "traffic")]
    pub(crate) shadow: bool,
    /// Batches of waiting requests that it predicts at once [default: as many as the server has cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) replicas: Option<u32>,
    /// What the deployment is called
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Also one that takes other columns, or predicts something else, than those that answer
    #[arg(long)]
    pub(crate) allow_signature_change: bool,
    /// Where the artifacts of the workspace are: a directory, s3://, gs:// or az:// [default: where the record says]
    #[arg(long, value_name = "PLACE")]
    pub(crate) artifacts: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl endpoint traffic churn v3=90,v4=10")]
pub(crate) struct EndpointTrafficArgs {
    /// Name of the endpoint
    pub(crate) endpoint: String,
    /// Deployments with their percents, which add up to 100
    #[arg(required = true, value_name = "NAME=PERCENT", value_delimiter = ',', value_parser = units::percent)]
    pub(crate) shares: Vec<(String, u32)>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl endpoint capture churn --rate 0.1                       one request in ten
  automl endpoint capture churn --rate 1 --redact email,phone    all, without what is private
  automl endpoint capture churn --off
  automl endpoint capture churn                                  what is kept, and where")]
pub(crate) struct EndpointCaptureArgs {
    /// Name of the endpoint
    pub(crate) endpoint: String,
    /// The part of the requests that is kept, above 0 and up to 1
    #[arg(long, value_name = "PART")]
    pub(crate) rate: Option<f64>,
    /// Columns that are kept [default: all]
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', requires = "rate")]
    pub(crate) fields: Vec<String>,
    /// Columns of which only is kept whether there was a value
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', requires = "rate")]
    pub(crate) redact: Vec<String>,
    /// Keep nothing any more; what was kept stays
    #[arg(long, conflicts_with = "rate")]
    pub(crate) off: bool,
    /// Where the artifacts of the workspace are: a directory, s3://, gs:// or az:// [default: where the record says]
    #[arg(long, value_name = "PLACE")]
    pub(crate) artifacts: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl endpoint feedback churn truths.csv    with columns request_id and truth, and row where requests had several")]
pub(crate) struct EndpointFeedbackArgs {
    /// Name of the endpoint
    pub(crate) endpoint: String,
    /// Table with columns request_id (x-request-id of the answer), truth, and perhaps row, counted from 0
    pub(crate) data: String,
    /// Where the artifacts of the workspace are: a directory, s3://, gs:// or az:// [default: where the record says]
    #[arg(long, value_name = "PLACE")]
    pub(crate) artifacts: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl endpoint promote churn v4 --note 'better on new customers'")]
pub(crate) struct EndpointDeploymentArgs {
    /// Name of the endpoint
    pub(crate) endpoint: String,
    /// Name of the deployment, such as v3
    pub(crate) deployment: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl endpoint undeploy churn v3
  automl endpoint undeploy churn v4 --force     though it is the last that answers")]
pub(crate) struct EndpointUndeployArgs {
    /// Name of the endpoint
    pub(crate) endpoint: String,
    /// Name of the deployment, such as v3
    pub(crate) deployment: String,
    /// Also the last that answers, after which the endpoint answers nobody
    #[arg(long)]
    pub(crate) force: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl endpoint rollback churn --note 'too many errors'")]
pub(crate) struct EndpointChangeArgs {
    /// Name of the endpoint
    pub(crate) endpoint: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl endpoint delete churn
  automl endpoint delete churn --force          with its deployments")]
pub(crate) struct EndpointDeleteArgs {
    /// Name of the endpoint
    pub(crate) name: String,
    /// Also one that has deployments
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}
