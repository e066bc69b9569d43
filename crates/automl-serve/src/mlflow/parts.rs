//! Large artifacts in parts, and addresses at which they are read past the protocol.
//!
//! Where the store signs addresses, clients talk to it. Where it is a folder, they talk to this server, below `/signed`:
//! an address there is good for one part or one file until it expires, by a signature of the workspace, and asks for
//! nothing else of its holder.

use super::artifacts::safe_path;
use crate::access::Peer;
use crate::artifacts::{on_files, send, store_part};
use crate::error::ApiError;
use crate::fields::{Fields, absent, wrong};
use crate::routes::{Routes, get, post, put};
use crate::state::App;
use automl_store::artifacts::{SECONDS_SIGNED, Wanted};
use automl_store::tracking::now_ms;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

pub(super) fn router() -> Routes {
    Routes::new()
        .route(
            "/mpu/create/{*path}",
            post(create).editor("Begin an artifact in parts"),
        )
        .route(
            "/mpu/complete/{*path}",
            post(complete).editor("Make an artifact of its parts"),
        )
        .route(
            "/mpu/abort/{*path}",
            post(abort).editor("Give up an artifact in parts"),
        )
        .route(
            "/presigned/{*path}",
            get(presigned).viewer("A signed address of an artifact"),
        )
        .route(
            "/signed/part/{id}/{number}",
            put(part)
                .open("Write a part, at the address that was signed for it")
                .streamed(),
        )
        .route(
            "/signed/file/{*path}",
            get(file)
                .open("Read an artifact, at the address that was signed for it")
                .streamed(),
        )
}

type Answer = Result<Json<Value>, ApiError>;

/// The file that a request is about: the folder is in its path, the name at the end of the client's own path.
fn target(folder: &str, fields: &Fields) -> Result<String, ApiError> {
    let local = fields.required("path")?;
    let name = local.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = safe_path(name)?;
    if name.is_empty() {
        return Err(ApiError::invalid("Invalid path"));
    }
    Ok(format!("{}/{name}", safe_path(folder)?.trim_matches('/')))
}

/// What this server is called by the client that asks; a proxy in front says how it was asked itself.
fn base(headers: &HeaderMap, peer: Option<&Peer>) -> Result<String, ApiError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("x-forwarded-host").or_else(|| text(header::HOST.as_str()));
    let host = host.ok_or_else(|| ApiError::invalid("the request has no Host header"))?;
    let own = if peer.is_some_and(|peer| peer.has_tls) {
        "https"
    } else {
        "http"
    };
    let scheme = text("x-forwarded-proto").unwrap_or(own);
    Ok(format!("{scheme}://{host}/api/2.0/mlflow-artifacts/signed"))
}

/// The query that makes an address good.
fn signed(app: &App, what: &str) -> String {
    let until = now_ms() / 1000 + SECONDS_SIGNED;
    format!(
        "expires={until}&signature={}",
        app.signatures.sign(what, until)
    )
}

/// Refuses an address that was not given out, or too long ago.
fn check(app: &App, what: &str, query: Option<String>) -> Result<(), ApiError> {
    let fields = Fields::of_query(&query.unwrap_or_default());
    let until = fields.int("expires")?.unwrap_or_default();
    let signature = fields.text("signature")?.unwrap_or_default();
    if until < now_ms() / 1000 || !app.signatures.is_of(what, until, &signature) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "PERMISSION_DENIED",
            "this address is not signed by this server, or has expired",
        ));
    }
    Ok(())
}

async fn create(
    State(app): State<App>,
    Path(folder): Path<String>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    fields: Fields,
) -> Answer {
    let path = target(&folder, &fields)?;
    let n_parts = usize::try_from(fields.int("num_parts")?.unwrap_or(1)).unwrap_or(0);
    let base = base(&headers, peer.as_deref())?;
    let store = app.artifacts.clone();
    let upload = on_files(move || store.begin_parts(&path, n_parts)).await?;
    let own = |number: usize| {
        let what = format!("part/{}/{number}", upload.id);
        format!("{base}/{what}?{}", signed(&app, &what))
    };
    let credential = |number: usize| {
        let url = upload.urls.get(number - 1).cloned();
        json!({ "url": url.unwrap_or_else(|| own(number)), "part_number": number, "headers": {} })
    };
    let credentials: Vec<Value> = (1..=n_parts).map(credential).collect();
    Ok(Json(
        json!({ "upload_id": upload.id, "credentials": credentials }),
    ))
}

async fn part(
    State(app): State<App>,
    Path((id, number)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, ApiError> {
    check(&app, &format!("part/{id}/{number}"), query)?;
    let number = number
        .parse()
        .map_err(|_not_a_number| wrong("part_number", &Value::from(number)))?;
    let tag = store_part(&app.artifacts, id, number, body).await?;
    Ok(([(header::ETAG, format!("\"{tag}\""))], ()).into_response())
}

async fn complete(State(app): State<App>, Path(folder): Path<String>, fields: Fields) -> Answer {
    let path = target(&folder, &fields)?;
    let id = fields.required("upload_id")?;
    let parts = fields.objects("parts", |part| {
        let number = part
            .int("part_number")?
            .ok_or_else(|| absent("part_number"))?;
        let number = usize::try_from(number)
            .map_err(|_negative| wrong("part_number", &Value::from(number)))?;
        Ok((number, part.text("etag")?.unwrap_or_default()))
    })?;
    let (store, whole) = (app.artifacts.clone(), path.clone());
    on_files(move || store.complete_parts(&whole, &id, &parts)).await?;
    app.event_files.at(&path);
    Ok(Json(json!({})))
}

async fn abort(State(app): State<App>, Path(folder): Path<String>, fields: Fields) -> Answer {
    let path = target(&folder, &fields)?;
    let id = fields.required("upload_id")?;
    let store = app.artifacts.clone();
    on_files(move || store.abort_parts(&path, &id)).await?;
    Ok(Json(json!({})))
}

async fn presigned(
    State(app): State<App>,
    Path(path): Path<String>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Answer {
    let path = safe_path(&path)?;
    let (store, wanted) = (app.artifacts.clone(), path.clone());
    let found = on_files(move || {
        let signed = store.signed_url(&wanted)?;
        let n_bytes = match &signed {
            Some((_, n_bytes)) => *n_bytes,
            None => store.read(&wanted, Wanted::Whole)?.n_bytes,
        };
        Ok((signed.map(|(url, _)| url), n_bytes))
    });
    let (url, n_bytes) = found.await?;
    let url = if let Some(url) = url {
        url
    } else {
        let what = format!("file/{path}");
        let place = percent_encoded(&what);
        format!(
            "{}/{place}?{}",
            base(&headers, peer.as_deref())?,
            signed(&app, &what)
        )
    };
    Ok(Json(
        json!({ "url": url, "headers": {}, "file_size": n_bytes }),
    ))
}

async fn file(
    State(app): State<App>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    check(&app, &format!("file/{path}"), query)?;
    send(&app.artifacts, safe_path(&path)?, &headers).await
}

/// A path as it stands in an address.
fn percent_encoded(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let codes = path.bytes().map(|byte| match byte {
        byte if is_plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    codes.collect()
}
