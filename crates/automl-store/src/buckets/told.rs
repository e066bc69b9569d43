//! What went wrong with an object store, told without what nobody else should see.

use crate::artifacts::ArtifactError;
use crate::error::StoreError;
use automl_core::Coded;
use std::error::Error;

/// Characters of what a store says, at most.
const SAID_MAX: usize = 300;
/// Where the clients of the clouds ask for the roles of a machine when nothing else says who asks.
const MACHINES: [&str; 4] = [
    "169.254.169.254",
    "169.254.170.2",
    "metadata.google.internal",
    "fd00:ec2::254",
];

/// What can be wrong with a bucket and its objects.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum BucketError {
    #[error("this cannot be used as an address in an object store, {reason}: {url}")]
    Address { url: String, reason: String },
    #[error("a password is in the address of an object store: {url}")]
    Password { url: String },
    #[error("there is no such bucket: {url}")]
    NoBucket { url: String },
    #[error("no such object: {url}")]
    Missing { url: String },
    #[error("nothing says who asks the object store, and this machine has no role in it: {url}")]
    NoCredentials { url: String },
    #[error("the object store refused {url}: {reason}")]
    Refused { url: String, reason: String },
    #[error("the object store is away, {reason}: {url}")]
    Away { url: String, reason: String },
    #[error("the object was changed while it was read: {url}")]
    Changed { url: String },
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Disk(#[from] StoreError),
}

impl Coded for BucketError {
    fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } | Self::Password { .. } => "bucket-address",
            Self::NoBucket { .. } => "bucket-missing",
            Self::Missing { .. } => "data-not-found",
            Self::NoCredentials { .. } => "bucket-credentials",
            Self::Refused { .. } => "bucket-refused",
            Self::Away { .. } => "bucket-away",
            Self::Changed { .. } => "batch-table-changed",
            Self::Stopped => "interrupted",
            Self::Disk(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Address { .. } => {
                "addresses are like s3://BUCKET/KEY, gs://BUCKET/KEY or az://CONTAINER/KEY; settings come from AWS_*, GOOGLE_* or AZURE_* in the environment".into()
            }
            Self::Password { .. } => {
                "leave it out, and say who asks by AWS_*, GOOGLE_* or AZURE_* in the environment".into()
            }
            Self::NoBucket { .. } => {
                "check its name, and AWS_ENDPOINT_URL and AWS_REGION (or those of the other clouds) in the environment".into()
            }
            Self::Missing { .. } => "check its name".into(),
            Self::NoCredentials { .. } => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY".into()
            }
            Self::Refused { .. } => {
                "check that who AWS_*, GOOGLE_* or AZURE_* of the environment name may do that".into()
            }
            Self::Away { .. } => {
                "check that it can be reached from here, and try again".into()
            }
            Self::Changed { .. } => "try again when nothing writes to it".into(),
            Self::Stopped => return None,
            Self::Disk(error) => return error.hint(),
        })
    }
}

/// Why a connection cannot be made of the options.
pub(super) fn of_options(error: &ArtifactError) -> String {
    match error {
        ArtifactError::Location { reason, .. } => clean(reason),
        other => other.to_string(),
    }
}

/// An error of the store, told of the object at `url`.
pub(super) fn told(bucket: &str, url: &str, error: &object_store::Error) -> BucketError {
    use object_store::Error as Of;
    let (whole, said) = (error.to_string(), innermost(error));
    let url = url.to_owned();
    if said.contains("NoSuchBucket") || said.contains("ContainerNotFound") {
        let url = bucket.to_owned();
        return BucketError::NoBucket { url };
    }
    let is_of_machine = MACHINES.iter().any(|host| whole.contains(host));
    match error {
        Of::NotFound { .. } => BucketError::Missing { url },
        Of::Precondition { .. } | Of::NotModified { .. } => BucketError::Changed { url },
        Of::InvalidPath { .. } => BucketError::Address {
            url,
            reason: clean(&said),
        },
        _ if is_of_machine => BucketError::NoCredentials { url },
        Of::PermissionDenied { .. }
        | Of::Unauthenticated { .. }
        | Of::NotSupported { .. }
        | Of::NotImplemented { .. }
        | Of::UnknownConfigurationKey { .. } => BucketError::Refused {
            url,
            reason: clean(&said),
        },
        // Listings do not tell them apart.
        _ if status(&said).is_some_and(|status| (300..500).contains(&status)) => {
            BucketError::Refused {
                url,
                reason: clean(&said),
            }
        }
        _ => BucketError::Away {
            url,
            reason: clean(&said),
        },
    }
}

/// What the first cause of an error says: those above it only repeat it, with the request.
fn innermost(error: &object_store::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// The status of an answer.
fn status(said: &str) -> Option<u16> {
    let (_, rest) = said.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

/// The text without what may be secret: the rest of what a store says beside its code and message, and queries of addresses.
fn clean(said: &str) -> String {
    let within = |name: &str| {
        let (_, rest) = said.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(text.trim().to_owned())
    };
    let text = match (within("Code"), within("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => {
            let text = said
                .split_once("status code: ")
                .map_or(said, |(_, text)| text);
            let plain = |word: &str| match word.split_once('?') {
                Some((address, _)) if address.contains("://") => address.to_owned(),
                _ => word.to_owned(),
            };
            let words: Vec<String> = text.split_whitespace().map(plain).collect();
            words.join(" ").trim_end_matches([':', ' ']).to_owned()
        }
    };
    // A store may say much in one message.
    let first = text.lines().next().unwrap_or_default();
    first.chars().take(SAID_MAX).collect()
}
