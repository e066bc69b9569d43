//! What a page says that cannot be shown.

use super::layout::{Place, Shell};
use crate::error::ApiError;
use automl_store::db::DbError;
use automl_store::studies::StudiesError;
use automl_store::tracking::TrackingError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;

/// A page that says why there is no other.
#[derive(Debug)]
pub(super) struct PageError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl PageError {
    pub(super) fn missing(message: impl Into<String>) -> Self {
        ApiError::missing(message).into()
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        ApiError::invalid(message).into()
    }

    /// Whether what was asked for is not there.
    pub(super) fn is_missing(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// What is wrong, in words.
    pub(super) fn told(&self) -> &str {
        &self.message
    }

    pub(super) fn slow() -> Self {
        Self {
            status: StatusCode::GATEWAY_TIMEOUT,
            code: "PAGE_TIMEOUT",
            message: "This page took too long. Ask for less: a filter, fewer runs, fewer metrics."
                .into(),
        }
    }
}

impl From<ApiError> for PageError {
    fn from(error: ApiError) -> Self {
        let (status, code, message) = error.into_parts();
        Self {
            status,
            code,
            message,
        }
    }
}

impl From<TrackingError> for PageError {
    fn from(error: TrackingError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<DbError> for PageError {
    fn from(error: DbError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<StudiesError> for PageError {
    fn from(error: StudiesError) -> Self {
        ApiError::from(error).into()
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::error!(code = self.code, message = self.message, "a page failed");
        }
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = html! {
            section.oops {
                p.status { (self.status.as_u16()) }
                h1 { (title) }
                p { (self.message) }
                p.soft { code { (self.code) } " · " a href="/" { "All experiments" } " · " a href="/models" { "All models" } }
            }
        };
        let mut response = Shell::new(title, Place::Elsewhere)
            .show(&body)
            .into_response();
        *response.status_mut() = self.status;
        response
    }
}
