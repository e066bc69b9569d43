//! The body and the headers of a request for predictions.

use super::error::ScoreError;
use super::live::Wish;
use super::score::Asked;
use crate::access::{Held, Room, Stop};
use crate::fields::BODY_MAX;
use crate::observe::RequestId;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Uri, header};
use http_body_util::{BodyExt, Limited};

/// Names the deployment that shall answer.
pub(crate) static DEPLOYMENT: HeaderName = HeaderName::from_static("x-endpoint-deployment");
/// What decides between deployments: equal keys meet the same.
pub(crate) static KEY: HeaderName = HeaderName::from_static("x-endpoint-key");
/// Milliseconds after which nobody waits for the answer any more.
static PATIENCE: HeaderName = HeaderName::from_static("x-request-timeout-ms");
/// SageMaker's names of the same.
static VARIANT: HeaderName = HeaderName::from_static("x-amzn-sagemaker-target-variant");
/// The id of a request, which decides where there is no key.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request whose body has come.
pub(crate) struct Ask {
    pub(crate) headers: HeaderMap,
    pub(crate) uri: Uri,
    pub(crate) body: Bytes,
    held: Option<Held>,
    id: Option<RequestId>,
}

impl Ask {
    /// Waits for the body, which has bounds in length; the guard bounds its memory and its time.
    pub(crate) async fn whole(request: Request) -> Result<Self, ScoreError> {
        let (mut parts, body) = request.into_parts();
        let encoding = text(&parts.headers, &header::CONTENT_ENCODING);
        if let Some(found) = encoding.filter(|found| !found.eq_ignore_ascii_case("identity")) {
            let found = found.to_owned();
            return Err(ScoreError::Compressed { found });
        }
        let length = text(&parts.headers, &header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.parse::<u64>().ok());
        if length.is_some_and(|length| length > BODY_MAX as u64) {
            return Err(ScoreError::TooLong { limit: BODY_MAX });
        }
        let body = Limited::new(body, BODY_MAX).collect().await;
        let body = body.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                return ScoreError::TooLong { limit: BODY_MAX };
            }
            match Stop::of(&*error) {
                Some(Stop::Full) => ScoreError::Full,
                Some(Stop::Crowded) => ScoreError::Crowded,
                Some(Stop::Late) => ScoreError::Late,
                None => ScoreError::Broken {
                    reason: error.to_string(),
                },
            }
        })?;
        Ok(Self {
            held: parts.extensions.remove(),
            id: parts.extensions.remove(),
            headers: parts.headers,
            uri: parts.uri,
            body: body.to_bytes(),
        })
    }

    /// Where memory is taken from for what the body becomes.
    pub(crate) fn room(&self) -> Room {
        self.held.as_ref().map(Held::room).unwrap_or_default()
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        text(&self.headers, name)
    }

    /// What kind the body is said to be, without parameters and as it is spelled.
    pub(crate) fn kind(&self) -> &str {
        let kind = self.header(&header::CONTENT_TYPE).unwrap_or_default();
        kind.split_once(';').map_or(kind, |(kind, _)| kind).trim()
    }

    /// Whether the body is JSON, or nothing is said of it.
    pub(crate) fn is_json(&self) -> bool {
        let kind = self.kind();
        kind.is_empty() || kind.eq_ignore_ascii_case("application/json")
    }

    /// That the body is JSON, or that nothing is said of it.
    pub(crate) fn check_json(&self) -> Result<(), ScoreError> {
        if self.is_json() {
            return Ok(());
        }
        Err(ScoreError::ContentKind {
            found: self.kind().to_owned(),
            wanted: "application/json",
        })
    }

    /// What is known before the body is read.
    ///
    /// # Errors
    /// If the time that it gives is no number.
    pub(crate) fn asked<'a>(&'a self, endpoint: &'a str) -> Result<Asked<'a>, ScoreError> {
        Ok(Asked {
            endpoint,
            wish: wish(&self.headers),
            n_bytes: self.body.len(),
            held: self.held.clone(),
            id: self.id.clone(),
            patience_ms: patience_ms(&self.headers)?,
        })
    }
}

/// Who shall answer.
pub(super) fn wish(headers: &HeaderMap) -> Wish<'_> {
    let said = |name: &HeaderName| text(headers, name);
    Wish {
        deployment: said(&DEPLOYMENT).or_else(|| said(&VARIANT)),
        key: said(&KEY).or_else(|| said(&REQUEST_ID)),
    }
}

/// How long whoever asks waits, if that is said.
///
/// # Errors
/// If it is no number.
pub(super) fn patience_ms(headers: &HeaderMap) -> Result<Option<u64>, ScoreError> {
    let odd = |text| {
        ScoreError::form(format!(
            "{PATIENCE} is no whole number of milliseconds: {text}"
        ))
    };
    let said = text(headers, &PATIENCE);
    said.map(|text| text.parse().map_err(|_odd| odd(text)))
        .transpose()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let value = std::str::from_utf8(headers.get(name)?.as_bytes()).ok()?;
    Some(value).filter(|value| !value.is_empty())
}
