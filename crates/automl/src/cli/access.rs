//! What is typed about who may do what: users, tokens, the audit log, and how `serve` asks.

use super::AskArgs;
use crate::units;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Reads
    Viewer,
    /// Reads and writes
    Editor,
    /// Reads, writes, and says who else may
    Admin,
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  automl users add ada --role admin                                a user who has tokens only
  echo \"$PASSWORD\" | automl users add bob --role editor --password-stdin
  automl users role bob viewer
  automl users list")]
pub(crate) enum UsersVerb {
    /// Add a user
    #[command(after_help = "\
Examples:
  automl users add ada --role admin
  echo \"$PASSWORD\" | automl users add bob --role editor --password-stdin")]
    Add {
        name: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: RoleArg,
        /// Read a password from the first line of stdin; without one the user has tokens only
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Show all users
    #[command(after_help = "\
Examples:
  automl users list
  automl users list --format json")]
    List {
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Remove a user with their tokens
    #[command(after_help = "\
Examples:
  automl users remove bob")]
    Remove {
        name: String,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Give a user another role
    #[command(after_help = "\
Examples:
  automl users role bob viewer")]
    Role {
        name: String,
        #[arg(value_enum)]
        role: RoleArg,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Give a user another password, or none
    #[command(after_help = "\
Examples:
  echo \"$PASSWORD\" | automl users password bob --password-stdin
  automl users password bob --none             tokens only from now on")]
    Password {
        name: String,
        /// Read it from the first line of stdin
        #[arg(long, required_unless_present = "none", conflicts_with = "none")]
        password_stdin: bool,
        /// Take it away: the user has tokens only
        #[arg(long)]
        none: bool,
        #[command(flatten)]
        ask: AskArgs,
    },
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  automl tokens create ada --expires 90d
  automl tokens create bot --requests-per-second 50 --artifact-bytes-per-day 10GB
  automl tokens list
  automl tokens revoke automl_1a2b3c4d

Then, where MLflow's client runs: export MLFLOW_TRACKING_TOKEN=automl_…")]
pub(crate) enum TokensVerb {
    /// Make a token for a user; it is shown once
    #[command(after_help = "\
Examples:
  automl tokens create ada --expires 90d
  automl tokens create bot --requests-per-second 50 --artifact-bytes-per-day 10GB")]
    Create {
        user: String,
        /// After which time it ends by itself, such as 90d [default: never]
        #[arg(long, value_name = "TIME", value_parser = units::duration)]
        expires: Option<Duration>,
        /// Requests a second that it is good for, in the long run [default: any number]
        #[arg(long, value_name = "N", value_parser = units::rate)]
        requests_per_second: Option<f64>,
        /// Requests at once after a pause [default: twice those of a second]
        #[arg(long, value_name = "N", value_parser = units::rate, requires = "requests_per_second")]
        burst: Option<f64>,
        /// Bytes of artifacts up and down in a day of UTC, such as 10GB [default: any number]
        #[arg(long, value_name = "SIZE", value_parser = units::bytes)]
        artifact_bytes_per_day: Option<u64>,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Show tokens by their start
    #[command(after_help = "\
Examples:
  automl tokens list
  automl tokens list ada")]
    List {
        /// Of this user alone
        user: Option<String>,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// End a token; servers refuse it within a second
    #[command(after_help = "\
Examples:
  automl tokens revoke automl_1a2b3c4d")]
    Revoke {
        /// Its start, as list shows it
        token: String,
        #[command(flatten)]
        ask: AskArgs,
    },
}

impl UsersVerb {
    /// Where, and how to print.
    pub(crate) fn ask(&self) -> &AskArgs {
        match self {
            Self::Add { ask, .. }
            | Self::List { ask }
            | Self::Remove { ask, .. }
            | Self::Role { ask, .. }
            | Self::Password { ask, .. } => ask,
        }
    }
}

impl TokensVerb {
    /// Where, and how to print.
    pub(crate) fn ask(&self) -> &AskArgs {
        match self {
            Self::Create { ask, .. } | Self::List { ask, .. } | Self::Revoke { ask, .. } => ask,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl audit --since 24h
  automl audit --user ada --format json | jq '.entries[] | select(.status == 403)'")]
pub(crate) struct AuditArgs {
    /// How far to look back, such as 24h or 7d [default: to the start]
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub(crate) since: Option<Duration>,
    /// What this user did
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// How many entries to show at most, the newest
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) top: u32,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Access {
    On,
    Off,
}

/// Who may ask a server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessArgs {
    /// Whether to ask who calls [default: off on loopback, on elsewhere]
    #[arg(long, value_enum)]
    pub(crate) access: Option<Access>,
    /// Serve on an address that other machines reach and ask nobody who calls
    #[arg(long, conflicts_with = "access")]
    pub(crate) without_access_control: bool,
    /// Names by which browsers may reach this server, besides localhost; a comma list
    #[arg(long, value_name = "HOSTS", value_delimiter = ',')]
    pub(crate) allowed_hosts: Vec<String>,
    /// Certificate to serve HTTPS with, and those that vouch for it, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Key of the certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// OpenID Connect issuer whose tokens are taken as well
    #[arg(long, value_name = "URL", requires = "oidc_audience")]
    pub(crate) oidc_issuer: Option<String>,
    /// What the issuer's tokens must be meant for
    #[arg(long, value_name = "AUDIENCE", requires = "oidc_issuer")]
    pub(crate) oidc_audience: Option<String>,
    /// Claim that names the role, as viewer or automl-viewer and so on; dots lead inside, as realm_access.roles
    #[arg(long, value_name = "CLAIM", default_value = "roles")]
    pub(crate) oidc_role_claim: String,
}
