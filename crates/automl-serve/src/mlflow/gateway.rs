//! The way from MLflow's pages to a server of language models, for the few paths that pages need.

use crate::error::ApiError;
use crate::fields::Fields;
use crate::routes::{Routes, get};
use crate::state::App;
use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use ureq::Agent;

pub(super) fn router() -> Routes {
    Routes::new().route(
        "/gateway-proxy",
        get(pass)
            .viewer("The endpoints of the server of language models")
            .post(pass)
            .editor("Ask a language model"),
    )
}

/// Models take their time.
const TIMEOUT: Duration = Duration::from_mins(5);

async fn pass(
    State(app): State<App>,
    method: Method,
    fields: Fields,
) -> Result<Json<Value>, ApiError> {
    let Some(target) = app.gateway.clone() else {
        return Ok(Json(json!({ "endpoints": [] })));
    };
    let path = fields
        .text("gateway_path")?
        .filter(|path| !path.is_empty())
        .ok_or_else(|| {
            ApiError::invalid("Deployments proxy request must specify a gateway_path.")
        })?;
    if !is_known(&method, &path) {
        return Err(ApiError::invalid(format!(
            "Invalid gateway_path: {path} for method: {method}"
        )));
    }
    let url = format!(
        "{}/{}",
        target.trim_end_matches('/'),
        path.trim_matches('/')
    );
    let data = fields.value("json_data").cloned();
    tokio::task::spawn_blocking(move || ask(&method, &url, data))
        .await
        .map_err(|error| ApiError::internal(error.to_string()))?
        .map(Json)
}

/// Whether pages may ask for a path: the list of endpoints, or one endpoint's model.
fn is_known(method: &Method, path: &str) -> bool {
    let path = path.trim_matches('/');
    if method == Method::GET {
        return path == "api/2.0/endpoints";
    }
    let name = path
        .strip_prefix("gateway/")
        .and_then(|rest| rest.strip_suffix("/invocations"));
    name.is_some_and(|name| {
        !name.is_empty() && name != ".." && !name.contains(['/', '?', '#', '%', '\\'])
    })
}

fn ask(method: &Method, url: &str, data: Option<Value>) -> Result<Value, ApiError> {
    let away = |error: ureq::Error| {
        ApiError::new(
            StatusCode::BAD_GATEWAY,
            "TEMPORARILY_UNAVAILABLE",
            format!("Deployments proxy request failed: {error}"),
        )
    };
    let config = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .build();
    let agent = Agent::new_with_config(config);
    let outcome = match (method, data) {
        (&Method::GET, _) => agent.get(url).call(),
        (_, data) => agent
            .post(url)
            .header("content-type", "application/json")
            .send(data.unwrap_or_default().to_string()),
    };
    let mut answer = outcome.map_err(away)?;
    let text = answer.body_mut().read_to_string().map_err(away)?;
    let status = answer.status();
    if status != StatusCode::OK {
        return Err(ApiError::new(
            status,
            "BAD_REQUEST",
            format!(
                "Deployments proxy request failed with error code {}. Error message: {text}",
                status.as_u16()
            ),
        ));
    }
    serde_json::from_str(&text).map_err(|error| {
        ApiError::internal(format!("Deployments proxy answer is not JSON: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_reach_endpoints_and_nothing_else() {
        for (method, path, is_right) in [
            (Method::GET, "api/2.0/endpoints/", true),
            (Method::GET, "hello/world", false),
            (Method::POST, "gateway/chat/invocations", true),
            (Method::POST, "gateway/../invocations", false),
            (Method::POST, "gateway/a/b/invocations", false),
            (Method::POST, "gateway//invocations", false),
            (Method::POST, "gateway/a?b=/invocations", false),
            (Method::POST, "foo/bar/baz", false),
        ] {
            assert_eq!(is_known(&method, path), is_right, "{method} {path}");
        }
    }
}
