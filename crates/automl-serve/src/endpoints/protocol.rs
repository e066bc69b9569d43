//! What is told of requests that are turned away before their handlers, in the form of the protocol whose path was asked.

use super::error::ScoreError;
use super::{plain, scoring, v2, vertex};
use crate::error::ApiError;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tonic::{Code, Status};

/// Where clients of SageMaker find which error it is.
static AMAZON_ERROR: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// How a path tells what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// As MLflow's tracking server does.
    Tracking,
    /// Our own one of predictions.
    Rows,
    /// Of MLflow's scoring server, and SageMaker.
    Scoring,
    /// The inference protocol over REST.
    Tensors,
    Vertex,
    Grpc,
}

/// Why a request is turned away.
pub(crate) enum Refused {
    Plain(ApiError),
    /// Too many are worked on.
    Crowded,
    /// Requests that are being answered take all the memory that they may.
    Full,
    Score(ScoreError),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Plain(error)
    }
}

impl From<ScoreError> for Refused {
    fn from(error: ScoreError) -> Self {
        Self::Score(error)
    }
}

impl Protocol {
    /// That of a path; what comes over gRPC is known by other marks.
    pub(crate) fn of(path: &str) -> Self {
        let is_below = |start: &str| {
            let rest = path.strip_prefix(start);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if is_below("/v2") {
            return Self::Tensors;
        }
        if is_below("/v1") {
            return Self::Vertex;
        }
        if path == "/invocations" {
            return Self::Scoring;
        }
        let of_endpoint = path.strip_prefix("/endpoints/");
        match of_endpoint.and_then(|rest| rest.split_once('/')) {
            Some((_name, "invocations")) => Self::Scoring,
            Some((_name, "predict" | "feedback")) => Self::Rows,
            _ => Self::Tracking,
        }
    }

    /// The status that is counted, and what is answered.
    pub(crate) fn tell(self, refused: Refused) -> (StatusCode, Response) {
        match (self, refused) {
            (_, Refused::Plain(error)) => (error.status(), self.plain(error)),
            (Self::Tracking, Refused::Crowded) => {
                let error = ApiError::busy();
                (error.status(), error.into_response())
            }
            (Self::Tracking, Refused::Full) => {
                let error = ApiError::full();
                (error.status(), error.into_response())
            }
            (_, Refused::Crowded) => self.score(&ScoreError::Crowded),
            (_, Refused::Full) => self.score(&ScoreError::Full),
            (_, Refused::Score(error)) => self.score(&error),
        }
    }

    fn score(self, error: &ScoreError) -> (StatusCode, Response) {
        let told = match self {
            Self::Tracking | Self::Rows => plain::refusal(error),
            Self::Scoring => scoring::refusal(error),
            Self::Tensors => v2::refusal(error),
            Self::Vertex => vertex::refusal(error),
            Self::Grpc => {
                let code = match error {
                    ScoreError::Full => Code::ResourceExhausted,
                    error => code_of(error.status()),
                };
                let mut status = Status::new(code, error.to_string());
                if let Some(seconds) = error.come_again_s() {
                    status.metadata_mut().insert("retry-after", seconds.into());
                }
                status.into_http()
            }
        };
        (error.status(), told)
    }

    /// An error of others in this form.
    fn plain(self, error: ApiError) -> Response {
        let (status, code, message) = (error.status(), error.code(), error.message());
        let body = match self {
            Self::Tracking | Self::Rows => return error.into_response(),
            Self::Grpc => return grpc(&error),
            Self::Scoring => json!({ "error_code": code, "code": code, "message": message }),
            Self::Tensors => json!({ "error": message }),
            Self::Vertex => json!({ "error": {
                "code": status.as_u16(),
                "message": message,
                "status": name_of(status),
            } }),
        };
        let mut response = told(status, &body);
        let headers = response.headers_mut();
        if let Some((name, value)) = error.header() {
            headers.insert(name, value.clone());
        }
        if self == Self::Scoring {
            headers.insert(&AMAZON_ERROR, HeaderValue::from_static(amazon(status)));
        }
        response
    }
}

fn told(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (status, headers, body.to_string()).into_response()
}

/// An error over gRPC, with the headers that say how to go on.
fn grpc(error: &ApiError) -> Response {
    let mut status = Status::new(code_of(error.status()), error.message());
    if let Some((name, value)) = error.header()
        && *name == header::RETRY_AFTER
        && let Ok(text) = value.to_str()
        && let Ok(value) = text.parse()
    {
        status.metadata_mut().insert("retry-after", value);
    }
    status.into_http()
}

fn code_of(status: StatusCode) -> Code {
    match status {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => Code::DeadlineExceeded,
        status if status.is_server_error() => Code::Internal,
        _ => Code::InvalidArgument,
    }
}

/// The names of Google's services.
fn name_of(status: StatusCode) -> &'static str {
    match code_of(status) {
        Code::Unauthenticated => "UNAUTHENTICATED",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::Unavailable => "UNAVAILABLE",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::Internal => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// The names of SageMaker's.
fn amazon(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "AccessDeniedException",
        StatusCode::TOO_MANY_REQUESTS => "ThrottlingException",
        StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
        status if status.is_server_error() => "InternalFailure",
        _ => "ValidationError",
    }
}
