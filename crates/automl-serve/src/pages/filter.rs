//! The box that a search is typed into, and what it says of a filter that cannot be read.

use super::query::Query;
use automl_store::filter::FilterError;
use automl_store::tracking::TrackingError;
use maud::{Markup, html};

/// What a filter means: MLflow's grammar, or else a plain word that a name must hold.
pub(super) fn meant(text: &str, name: &str) -> String {
    let text = text.trim();
    let is_of_name = |letter: char| letter.is_alphanumeric() || "-_. ".contains(letter);
    let is_keyword =
        |word: &str| ["like", "ilike", "is", "in", "and"].contains(&word.to_lowercase().as_str());
    let is_plain = !text.is_empty()
        && text.chars().all(is_of_name)
        && !text.split_whitespace().any(is_keyword);
    if is_plain {
        format!("{name} ILIKE '%{text}%'")
    } else {
        text.to_owned()
    }
}

/// What is wrong with a search, apart from errors that are not the reader's.
pub(super) fn complaint(error: TrackingError) -> Result<Complaint, TrackingError> {
    match error {
        TrackingError::Filter(FilterError { text, at, reason }) => Ok(Complaint {
            text: Some((text, at)),
            reason,
        }),
        TrackingError::Invalid(reason) => Ok(Complaint { text: None, reason }),
        other => Err(other),
    }
}

/// What is wrong with a search.
pub(super) struct Complaint {
    /// What was read, and the character at fault, counted from 1.
    text: Option<(String, usize)>,
    reason: String,
}

impl Complaint {
    pub(super) fn show(&self) -> Markup {
        html! {
            div.complaint role="alert" {
                @if let Some((text, at)) = &self.text {
                    @let before: String = text.chars().take(at.saturating_sub(1)).collect();
                    @let after: String = text.chars().skip(at.saturating_sub(1)).collect();
                    pre { (before) mark { @if after.is_empty() { "⌄" } @else { (after) } } }
                    p { "Character " (at) ": " (self.reason) "." }
                } @else { p { (self.reason) } }
            }
        }
    }
}

/// The box, with an example and what it found wrong; other names of the address stay as they are.
pub(super) fn form(query: &Query, example: &str, more: &Markup) -> Markup {
    html! {
        form.search method="get" role="search" {
            @for (key, value) in query.others(&["filter", "page", "view"]) { input type="hidden" name=(key) value=(value); }
            label.hidden for="filter" { "Filter" }
            input id="filter" type="search" name="filter" value=(query.one("filter")) placeholder=(example)
                autocomplete="off" spellcheck="false" aria-keyshortcuts="/";
            (more)
            button { "Search" }
            @if !query.one("filter").is_empty() { a.button.plain href=(query.with(&[("filter", ""), ("page", "")])) { "Clear" } }
        }
    }
}
