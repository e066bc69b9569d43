//! Who made a run, when, from what and where.

use super::super::layout::moment;
use super::super::query::encoded;
use super::super::{format, parts, runs};
use super::N_ROWS;
use automl_store::spool::{ERROR_CODE_TAG, ERROR_MESSAGE_TAG};
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
    "automl.command",
    "automl.directory",
    "automl.git.dirty",
    ERROR_CODE_TAG,
    ERROR_MESSAGE_TAG,
];

/// Characters that are shown of an error.
const ERROR_LENGTH: usize = 5000;

/// Tags that tell what a run ran on, and what each is called.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("automl.version", "automl"),
    ("automl.os", "System"),
    ("automl.cpu", "Processor"),
    ("automl.cores", "Cores"),
    ("automl.memory", "Memory"),
    ("automl.gpu", "GPU"),
    ("automl.container", "Container"),
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
            @if let Some(command) = tag("automl.command") { (parts::long_fact("Command", command)) }
            @if let Some(directory) = tag("automl.directory") { (parts::long_fact("In directory", directory)) }
            @if let Some(commit) = tag("mlflow.source.git.commit") { (parts::fact("Commit", &git(run, commit))) }
            (parts::fact("Lineage", &html! { a href=(format!("/lineage?of={}", encoded(&info.id))) { "where it came from, what became of it" } }))
            (parts::long_fact("Run id", &info.id))
            (parts::long_fact("Artifacts in", &info.artifact_uri))
        }
        @if ENVIRONMENT.iter().any(|(key, _)| tag(key).is_some()) {
            details {
                summary { "What it ran on" }
                dl.facts.card { @for (key, name) in ENVIRONMENT { @if let Some(value) = tag(key) { (parts::fact(name, &html! { (value) })) } } }
            }
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
    let is_dirty = tag("automl.git.dirty").is_some_and(|told| told.eq_ignore_ascii_case("true"));
    html! {
        code title=(commit) { (format::clip(commit, 12).0) }
        @if let Some(branch) = tag("mlflow.source.git.branch") { " on " (branch) }
        @if is_dirty { " " span.badge.warn { "with changes" } }
        @if let Some(repository) = tag("mlflow.source.git.repoURL") { br; span.soft { (repository) } }
    }
}

/// Why it failed; as text, whatever it holds.
pub(super) fn error(run: &Run) -> Markup {
    html! {
        @if let Some(message) = parts::tag(&run.tags, ERROR_MESSAGE_TAG) {
            section {
                h2 { "Error" }
                div.note { @if let Some(code) = parts::tag(&run.tags, ERROR_CODE_TAG) { code { (code) } " " } (format::clip(message, ERROR_LENGTH).0) }
            }
        }
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

fn is_told(key: &str) -> bool {
    TOLD.contains(&key) || ENVIRONMENT.iter().any(|(known, _)| *known == key)
}

pub(super) fn tags(run: &Run) -> Markup {
    let is_own =
        |tag: &&KeyValue| !tag.key.starts_with("mlflow.") && !tag.key.starts_with("automl.");
    let own: Vec<KeyValue> = run.tags.iter().filter(is_own).cloned().collect();
    let others = run
        .tags
        .iter()
        .filter(|tag| !is_own(tag) && !is_told(&tag.key));
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
