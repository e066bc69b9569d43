//! The files of the pages themselves: in the binary, under addresses that change with their content.

use super::error::PageError;
use automl_store::hex_sha256;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;

/// A file of the pages.
pub(super) struct Asset {
    name: &'static str,
    mime: &'static str,
    text: &'static str,
    hash: LazyLock<String>,
}

macro_rules! asset {
    ($name:literal, $mime:literal) => {
        Asset {
            name: $name,
            mime: $mime,
            text: include_str!(concat!("assets/", $name)),
            hash: LazyLock::new(|| {
                let mut hash = hex_sha256(include_bytes!(concat!("assets/", $name)));
                hash.truncate(12);
                hash
            }),
        }
    };
}

pub(super) static STYLE: Asset = asset!("studio.css", "text/css; charset=utf-8");
pub(super) static SCRIPT: Asset = asset!("studio.js", "text/javascript; charset=utf-8");
pub(super) static ICON: Asset = asset!("icon.svg", "image/svg+xml");

impl Asset {
    /// What it holds.
    pub(super) fn text(&self) -> &'static str {
        self.text
    }

    pub(super) fn address(&self) -> String {
        format!("/assets/{}/{}", *self.hash, self.name)
    }
}

/// Sends a file; its address says what it holds, so that it may be kept for ever.
pub(super) async fn send(
    Path((hash, name)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let asset = [&STYLE, &SCRIPT, &ICON]
        .into_iter()
        .find(|asset| asset.name == name && *asset.hash == hash)
        .ok_or_else(|| PageError::missing(format!("No file '{name}' of this version")))?;
    let headers = [
        (header::CONTENT_TYPE, asset.mime),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, asset.text).into_response())
}
