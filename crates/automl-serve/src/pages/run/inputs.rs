//! The data and models that a run read, and the models that it made.

use super::super::query::encoded;
use super::super::{format, parts, signature};
use super::{Found, Link};
use automl_store::tracking::inputs::{CONTEXT_TAG, DatasetInput};
use automl_store::tracking::search::Run;
use maud::{Markup, html};

/// Characters of a schema or a profile that cannot be shown as a table.
const TEXT_MAX: usize = 20_000;

pub(super) fn datasets(run: &Run) -> Markup {
    html! {
        @if !run.datasets.is_empty() {
            section {
                h2 { "Data" }
                @for input in &run.datasets { (dataset(input)) }
            }
        }
    }
}

fn dataset(input: &DatasetInput) -> Markup {
    let data = &input.dataset;
    let context = parts::tag(&input.tags, CONTEXT_TAG);
    html! {
        div.card.dataset {
            h3 { (data.name) @if let Some(context) = context { span.badge { (context) } } }
            p.soft { "digest " code { (data.digest) } " · " (data.source_type) }
            div.soft { "from " (parts::long(&source(&data.source))) }
            (parts::chips(input.tags.iter().filter(|tag| tag.key != CONTEXT_TAG)))
            @if let Some(profile) = data.profile.as_deref() { (profile_of(profile)) }
            @if let Some(schema) = data.schema.as_deref() {
                details { summary { "Schema" } (signature::schema(schema).unwrap_or_else(|| html! { pre { (format::clip(schema, TEXT_MAX).0) } })) }
            }
        }
    }
}

/// Where data came from: its address, if the source is the JSON that MLflow writes around it.
fn source(text: &str) -> String {
    let value: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let known = value.as_ref().and_then(|value| {
        ["uri", "url", "path"]
            .iter()
            .find_map(|key| value.get(key)?.as_str())
    });
    known.unwrap_or(text).to_owned()
}

/// A profile of few numbers stands in a line.
fn profile_of(text: &str) -> Markup {
    let numbers: Option<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_str(text).ok();
    html! {
        @if let Some(numbers) = numbers.filter(|numbers| numbers.len() <= 8 && numbers.values().all(serde_json::Value::is_number)) {
            p { @for (index, (name, number)) in numbers.iter().enumerate() {
                @if index > 0 { " · " }
                (name) " " b { (number.as_i64().map_or_else(|| number.to_string(), format::count)) }
            } }
        } @else {
            details { summary { "Profile" } pre { (format::clip(text, TEXT_MAX).0) } }
        }
    }
}

pub(super) fn models(found: &Found) -> Markup {
    let is_any =
        !found.models_in.is_empty() || !found.models_out.is_empty() || !found.versions.is_empty();
    html! {
        @if is_any {
            section {
                h2 { "Models" }
                div.card.scroll { table {
                    thead { tr { th { "Model" } th { "How" } th { "Kind" } th.n { "Step" } th { "State" } } }
                    tbody {
                        @for link in &found.models_in { (line(link, "read")) }
                        @for link in &found.models_out { (line(link, "made")) }
                        @for version in &found.versions {
                            tr {
                                td.main { a href=(format!("/models/{}/{}", encoded(&version.name), version.version)) { (version.name) " " span.soft { "version " (version.version) } } }
                                td { "registered" }
                                td { (parts::chips(version.tags.iter())) }
                                td.n {}
                                td { @for alias in &version.aliases { span.badge { "@" (alias) } } @if version.stage != "None" { span.badge { (version.stage) } } }
                            }
                        }
                    }
                } }
            }
        }
    }
}

fn line(link: &Link, how: &str) -> Markup {
    html! {
        tr {
            @match &link.model {
                Some(model) => {
                    td.main { a href={ "/logged-models/" (encoded(&model.id)) } { (model.name) } }
                    td { (how) }
                    td { (model.model_type.as_deref().unwrap_or_default()) }
                    td.n { (link.step) }
                    td { (super::super::logged_model::state(model)) }
                }
                None => {
                    td.main { code { (link.id) } }
                    td { (how) }
                    td {}
                    td.n { (link.step) }
                    td { "deleted" }
                }
            }
        }
    }
}
