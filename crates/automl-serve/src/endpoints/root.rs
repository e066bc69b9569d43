//! The endpoint that also answers at the root of the server, as containers do, and at paths that whoever starts one says.

use axum::Router;
use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{Method, Uri};
use axum::middleware::map_request;
use std::str::FromStr;

/// Where the endpoint of the root says whether it would answer, and predicts.
pub(super) const PING: &str = "/ping";
pub(super) const INVOCATIONS: &str = "/invocations";

/// The endpoint that also answers at `/ping` and `/invocations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootEndpoint {
    /// What it is called.
    pub name: String,
    /// A path that is asked, by GET, in the place of `/ping` as well.
    pub health: Option<ServedPath>,
    /// A path that is asked, by POST, in the place of `/invocations` as well.
    pub predict: Option<ServedPath>,
}

impl From<&str> for RootEndpoint {
    fn from(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            health: None,
            predict: None,
        }
    }
}

/// The path of a request, without a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedPath(String);

/// Why a text is no path of a request.
#[derive(Debug, thiserror::Error)]
#[error(
    "'{path}' is no path of requests: one begins with a slash and has letters, digits and -._~:@/ alone, such as /v1/models/churn:predict"
)]
pub struct ServedPathError {
    path: String,
}

impl FromStr for ServedPath {
    type Err = ServedPathError;

    fn from_str(text: &str) -> Result<Self, ServedPathError> {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@/".contains(&byte);
        let is_within = |part: &str| part != "." && part != "..";
        if text.starts_with('/') && text.bytes().all(is_known) && text.split('/').all(is_within) {
            return Ok(Self(text.to_owned()));
        }
        let path = text.to_owned();
        Err(ServedPathError { path })
    }
}

impl RootEndpoint {
    /// Which path of its own a request means, if it is another.
    fn meant(&self, method: &Method, path: &str) -> Option<&'static str> {
        let is = |said: &Option<ServedPath>| said.as_ref().is_some_and(|said| said.0 == path);
        match *method {
            Method::GET | Method::HEAD if is(&self.health) => Some(PING),
            Method::POST if is(&self.predict) => Some(INVOCATIONS),
            _ => None,
        }
    }
}

/// The same routes, of which those of the root answer at the paths that are said, too. Whatever else answers there does not any
/// more: who starts the server knows what it is asked.
pub(crate) fn reached(router: Router, root: Option<&RootEndpoint>) -> Router {
    let moved = root.filter(|root| root.health.is_some() || root.predict.is_some());
    let Some(root) = moved.cloned() else {
        return router;
    };
    let meant = move |mut request: Request| {
        if let Some(path) = root.meant(request.method(), request.uri().path())
            && let Some(uri) = with_path(request.uri(), path)
        {
            *request.uri_mut() = uri;
        }
        std::future::ready(request)
    };
    Router::new()
        .fallback_service(router)
        .layer(map_request(meant))
}

/// The same address with another path.
fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let whole = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    parts.path_and_query = Some(whole.ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_that_requests_can_have() {
        for path in ["/", "/health", "/v1/endpoints/12/deployedModels/3:predict"] {
            assert_eq!(path.parse::<ServedPath>().unwrap(), ServedPath(path.into()));
        }
        for odd in [
            "", "health", "/a b", "/a?b=c", "/{name}", "/a/../b", "/a#b", "/%2e", "/\u{e9}",
        ] {
            let told = odd.parse::<ServedPath>().unwrap_err().to_string();
            assert!(
                told.starts_with(&format!("'{odd}' is no path of requests")),
                "{told}"
            );
        }
    }

    #[test]
    fn a_query_stays_where_it_is() {
        let uri: Uri = "http://h/a/b?probabilities=true".parse().unwrap();
        let moved = with_path(&uri, INVOCATIONS).unwrap();
        assert_eq!(moved, "http://h/invocations?probabilities=true");
    }
}
