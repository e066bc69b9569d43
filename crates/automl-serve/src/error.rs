//! Errors as clients see them: `{"error_code": …, "message": …}` under a status.

use automl_store::db::DbError;
use automl_store::tracking::{ErrorCode, TrackingError};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// What a request is answered with when it cannot be met.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// A header that tells how to go on.
    header: Option<(HeaderName, HeaderValue)>,
}

impl ApiError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", message)
    }

    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What went wrong, for programs.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// A header that tells how to go on.
    pub(crate) fn header(&self) -> Option<&(HeaderName, HeaderValue)> {
        self.header.as_ref()
    }

    /// What went wrong, for people.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn into_parts(self) -> (StatusCode, &'static str, String) {
        (self.status, self.code, self.message)
    }

    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            header: None,
        }
    }

    fn with(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.header = Some((name, value.into()));
        self
    }

    /// It is not known who asks.
    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message).with(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"mlflow\""),
        )
    }

    /// Whoever asks may not.
    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
    }

    /// It is asked too often; `wait` in seconds.
    pub(crate) fn too_many(message: impl std::fmt::Display, wait: f64) -> Self {
        let seconds = wait.ceil().clamp(1.0, 86_400.0) as u64;
        let message = format!("{message}; ask again in {seconds} s");
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "REQUEST_LIMIT_EXCEEDED",
            message,
        )
        .with(header::RETRY_AFTER, seconds)
    }

    /// The body did not come in time.
    pub(crate) fn late() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "INVALID_PARAMETER_VALUE",
            "the body did not come in time",
        )
    }

    /// More is asked at once than can be answered.
    pub(crate) fn busy() -> Self {
        Self::away("too many requests at once")
    }

    /// Requests that are being answered take all the memory that they may.
    pub(crate) fn full() -> Self {
        Self::away("requests that are being answered take all the memory that they may")
    }

    /// Something that this needs is not there now; the client is to try again.
    pub(crate) fn away(told: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "TEMPORARILY_UNAVAILABLE",
            told,
        )
        .with(header::RETRY_AFTER, 1_u64)
    }

    /// The bytes that are asked for are not in a file of so many.
    pub(crate) fn beyond(message: impl Into<String>, n_bytes: u64) -> Self {
        let refused = Self::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "INVALID_PARAMETER_VALUE",
            message,
        );
        match HeaderValue::try_from(format!("bytes */{n_bytes}")) {
            Ok(range) => refused.with(header::CONTENT_RANGE, range),
            Err(_never) => refused,
        }
    }

    /// The body has more bytes than are read.
    pub(crate) fn too_long(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "INVALID_PARAMETER_VALUE",
            format!("the body has more than {limit} bytes"),
        )
    }
}

impl From<TrackingError> for ApiError {
    fn from(error: TrackingError) -> Self {
        let (status, code) = match error.code() {
            ErrorCode::InvalidParameterValue => {
                (StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE")
            }
            ErrorCode::ResourceDoesNotExist => (StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST"),
            ErrorCode::ResourceAlreadyExists => {
                (StatusCode::BAD_REQUEST, "RESOURCE_ALREADY_EXISTS")
            }
            ErrorCode::InvalidState => (StatusCode::INTERNAL_SERVER_ERROR, "INVALID_STATE"),
            ErrorCode::TemporarilyUnavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE")
            }
            ErrorCode::ResourceExhausted => {
                (StatusCode::INSUFFICIENT_STORAGE, "RESOURCE_EXHAUSTED")
            }
            ErrorCode::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        TrackingError::from(error).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::error!(code = self.code, message = self.message, "a request failed");
        }
        let body = json!({ "error_code": self.code, "message": self.message }).to_string();
        let headers = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (self.status, headers, body).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
