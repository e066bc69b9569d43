//! Who made a run, when, from what and where.

use super::super::layout::moment;
use super::super::{format, parts, runs};
use super::N_ROWS;
use automl_store::tracking::KeyValue;
use automl_store::tracking::search::Run;
use maud::{Markup, html};

/// Tags that the facts tell already.
const TOLD: &[&str] = &[
    "mlflow.runName",
    "mlflow.user",
    "mlflow.note.content",
    "mlflow.parentRunId",
    "mlflow.source.name",
    "mlflow.source.type",
    "mlflow.source.git.commit",
    "mlflow.source.git.branch",
    "mlflow.source.git.repoURL",
    "mlflow.source.git.dirty",
    "mlflow.source.git.diff",
];

pub(super) fn facts(run: &Run) -> Markup {
    let info = &run.info;
    let tag = |key: &str| parts::tag(&run.tags, key);
    let user = tag("mlflow.user").unwrap_or(&info.user_id);
    html! {
        dl.facts.card {
            (parts::fact("Started", &moment(info.start_ms)))
            (parts::fact("Ended", &moment(info.end_ms)))
            (parts::fact("Took", &runs::took(run)))
            @if !user.is_empty() { (parts::fact("User", &html! { (user) })) }
            @if let Some(name) = tag("mlflow.source.name") {
                (parts::fact(&format!("Source{}", kind(tag("mlflow.source.type"))), &html! { code { (parts::long(name)) } }))
            }
            @if let Some(commit) = tag("mlflow.source.git.commit") { (parts::fact("Commit", &git(run, commit))) }
            (parts::long_fact("Run id", &info.id))
            (parts::long_fact("Artifacts in", &info.artifact_uri))
        }
        @if let Some(diff) = tag("mlflow.source.git.diff") {
            details { summary { "What was changed since the commit" } pre { (format::clip(diff, 20_000).0) } }
        }
    }
}

fn kind(kind: Option<&str>) -> String {
    match kind {
        None | Some("LOCAL") => String::new(),
        Some(kind) => format!(" ({})", kind.to_lowercase()),
    }
}

fn git(run: &Run, commit: &str) -> Markup {
    let tag = |key: &str| parts::tag(&run.tags, key);
    let is_dirty =
        tag("mlflow.source.git.dirty").is_some_and(|told| told.eq_ignore_ascii_case("true"));
    html! {
        code title=(commit) { (format::clip(commit, 12).0) }
        @if let Some(branch) = tag("mlflow.source.git.branch") { " on " (branch) }
        @if is_dirty { " " span.badge.warn { "with changes" } }
        @if let Some(repository) = tag("mlflow.source.git.repoURL") { br; span.soft { (repository) } }
    }
}

/// What people wrote about the run; as text, whatever it holds.
pub(super) fn note(run: &Run) -> Markup {
    html! {
        @if let Some(note) = parts::tag(&run.tags, "mlflow.note.content") {
            section { h2 { "Notes" } div.note { (format::clip(note, 20_000).0) } }
        }
    }
}

pub(super) fn tags(run: &Run) -> Markup {
    let is_own =
        |tag: &&KeyValue| !tag.key.starts_with("mlflow.") && !tag.key.starts_with("automl.");
    let own: Vec<KeyValue> = run.tags.iter().filter(is_own).cloned().collect();
    let others = run
        .tags
        .iter()
        .filter(|tag| !is_own(tag) && !TOLD.contains(&tag.key.as_str()));
    let others: Vec<KeyValue> = others.cloned().collect();
    html! {
        section {
            h2 { "Tags" }
            @if own.is_empty() { (parts::nothing("No tags were set.")) } @else { (parts::pairs(&own, N_ROWS)) }
            @if !others.is_empty() {
                details { summary { "Tags that programs set" } (parts::pairs(&others, N_ROWS)) }
            }
        }
    }
}
