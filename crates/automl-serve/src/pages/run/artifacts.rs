//! The files of a run: a tree, and what the chosen one holds.

use super::super::query::{Query, encoded, href};
use super::super::{Answer, PageError, files, format, parts, preview};
use super::{parent, shell, top, whole};
use crate::state::App;
use automl_store::artifacts::Entry;
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::tracking::runs::get;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use maud::{Markup, html};

/// Entries of a folder that are shown.
const N_ENTRIES: usize = 500;

/// What HTML that was logged may do in its frame: show itself.
const SANDBOX: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

pub(in super::super) async fn page(
    State(app): State<App>,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    let read = move |sql: &mut dyn automl_store::db::Sql| {
        let (run, experiment) = whole(sql, &id)?;
        let parent = parent(sql, &run)?;
        Ok::<_, TrackingError>((run, experiment, parent))
    };
    let (run, experiment, parent) = app.db.read(read).await?;
    let address = format!("/runs/{}", encoded(&run.info.id));
    let wanted = Wanted {
        tree: format!("{address}/artifacts"),
        raw: format!(
            "/get-artifact{}",
            href(
                [
                    ("run_uuid", run.info.id.as_str()),
                    ("path", query.one("path"))
                ]
                .into_iter()
            )
        ),
        frame: Some(format!(
            "{address}/html{}",
            href([("path", query.one("path"))].into_iter())
        )),
        path: query.one("path").to_owned(),
    };
    let body = html! {
        (top(&run, &experiment, parent.as_ref(), "artifacts"))
        (browser(&app, &run.info.artifact_uri, &wanted).await?)
    };
    Ok(shell(&run, &experiment, &body))
}

/// A file of a tree that is looked at.
pub(in super::super) struct Wanted {
    /// The address of the tree.
    pub(in super::super) tree: String,
    /// The address of the file itself.
    pub(in super::super) raw: String,
    /// The address at which HTML can be framed, if there is one.
    pub(in super::super) frame: Option<String>,
    /// The file or folder below the root; empty for the root.
    pub(in super::super) path: String,
}

/// The tree below an artifact URI, open as far as the wanted path, and what is there.
pub(in super::super) async fn browser(
    app: &App,
    uri: &str,
    wanted: &Wanted,
) -> Result<Markup, PageError> {
    let parts: Vec<&str> = wanted
        .path
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let path = parts.join("/");
    let mut levels: Vec<(String, Vec<Entry>)> =
        vec![(String::new(), files::list(app, uri, "").await?)];
    let mut chosen = None;
    for (index, part) in parts.iter().enumerate() {
        let found = levels
            .last()
            .and_then(|(_, entries)| entries.iter().find(|entry| entry.name == *part));
        let Some(found) = found else {
            return Err(PageError::missing(format!("No artifact is at '{path}'")));
        };
        chosen = found.n_bytes;
        if chosen.is_none() {
            let folder = parts[..=index].join("/");
            let entries = files::list(app, uri, &folder).await?;
            levels.push((folder, entries));
        }
    }
    let shown = match chosen {
        Some(n_bytes) => file(app, uri, &path, n_bytes, wanted).await?,
        None => folder(levels.last().map_or(&[], |(_, entries)| entries)),
    };
    Ok(html! {
        div.files {
            nav.tree.card aria-label="Artifacts" { (tree(&levels, 0, &path, wanted)) }
            div.shown { (shown) }
        }
    })
}

fn folder(entries: &[Entry]) -> Markup {
    let n_files = entries
        .iter()
        .filter(|entry| entry.n_bytes.is_some())
        .count();
    html! {
        @if entries.is_empty() { (parts::nothing("No artifacts were logged.")) }
        @else { p.nothing { (format::counted(n_files as i64, "file")) " and " (format::counted((entries.len() - n_files) as i64, "folder")) " here. Choose one to look into it." } }
    }
}

fn tree(levels: &[(String, Vec<Entry>)], level: usize, chosen: &str, wanted: &Wanted) -> Markup {
    let Some((folder, entries)) = levels.get(level) else {
        return html! {};
    };
    let open = levels.get(level + 1).map(|(folder, _)| folder.as_str());
    html! {
        ul {
            @for entry in entries.iter().take(N_ENTRIES) {
                @let path = if folder.is_empty() { entry.name.clone() } else { format!("{folder}/{}", entry.name) };
                li {
                    a href={ (wanted.tree) (href([("path", path.as_str())].into_iter())) } aria-current=[(path == chosen).then_some("true")] {
                        @match entry.n_bytes {
                            Some(n_bytes) => { span.name { (entry.name) } span.soft { (format::bytes(n_bytes)) } }
                            None => { span.name { (if open == Some(path.as_str()) { "▾ " } else { "▸ " }) (entry.name) "/" } }
                        }
                    }
                    @if open == Some(path.as_str()) { (tree(levels, level + 1, chosen, wanted)) }
                }
            }
        }
        @if entries.len() > N_ENTRIES { p.soft { "and " (format::count((entries.len() - N_ENTRIES) as i64)) " more" } }
    }
}

async fn file(
    app: &App,
    uri: &str,
    path: &str,
    n_bytes: u64,
    wanted: &Wanted,
) -> Result<Markup, PageError> {
    let kind = preview::Kind::of(path);
    let text = if kind.is_read() {
        let (bytes, n_bytes) = files::head(app, uri, path, preview::BYTES_MAX).await?;
        preview::text(kind, &bytes, n_bytes)
    } else {
        None
    };
    Ok(html! {
        div.file-head {
            h2 { (path) }
            span.soft { (format::bytes(n_bytes)) }
            a.button href=(wanted.raw) download { "Download" }
        }
        @match (kind, &wanted.frame, text) {
            (preview::Kind::Picture, _, _) => { a.picture href=(wanted.raw) { img src=(wanted.raw) alt=(path); } }
            (preview::Kind::Page, Some(frame), _) => {
                iframe.card sandbox="" src=(frame) title=(path) loading="lazy" {}
                p.soft { "Without its scripts; download it to see all of it." }
            }
            (_, _, Some(text)) => (text),
            _ => p.nothing { "This kind of file is not shown here." },
        }
    })
}

/// The first entries of a folder, for the page of the run.
pub(super) fn listed(run_id: &str, folder: &str, entries: &[Entry]) -> Markup {
    let address = format!("/runs/{}/artifacts", encoded(run_id));
    html! {
        @if entries.is_empty() { (parts::nothing("No artifacts were logged.")) }
        @else {
            ul.card.entries { @for entry in entries.iter().take(N_ENTRIES) {
                @let path = if folder.is_empty() { entry.name.clone() } else { format!("{folder}/{}", entry.name) };
                li { a href={ (address) (href([("path", path.as_str())].into_iter())) } {
                    span.name { (entry.name) @if entry.n_bytes.is_none() { "/" } }
                    @if let Some(n_bytes) = entry.n_bytes { span.soft { (format::bytes(n_bytes)) } }
                } }
            } }
            @if entries.len() > N_ENTRIES { p.soft { "and " (format::count((entries.len() - N_ENTRIES) as i64)) " more" } }
        }
    }
}

/// HTML that was logged, under a policy that lets it neither run, fetch, nor count as a page of this server.
pub(in super::super) async fn html_artifact(
    State(app): State<App>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response, PageError> {
    let run = app
        .db
        .read(move |sql| get(sql, DEFAULT_WORKSPACE, &id))
        .await?;
    let path = query.one("path");
    if preview::Kind::of(path) != preview::Kind::Page {
        return Err(PageError::invalid("Only HTML is shown in a frame"));
    }
    let mut response = files::download(&app, &run.artifact_uri, path, &HeaderMap::new()).await?;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(SANDBOX),
    );
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("inline"),
    );
    Ok(response)
}
