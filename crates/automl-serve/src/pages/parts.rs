//! Small pieces that several pages are made of.

use super::format;
use automl_store::tracking::KeyValue;
use maud::{Markup, html};

/// Characters of a value in a table.
const VALUE_MAX: usize = 160;
/// Characters of a value at all; what is longer is read by the API.
const WHOLE_MAX: usize = 4000;

/// A sentence in place of an empty list.
pub(super) fn nothing(sentence: &str) -> Markup {
    html! { p.nothing { (sentence) } }
}

/// The state of a run, as a dot and a word.
pub(super) fn status(status: &str) -> Markup {
    let (class, word) = match status {
        "RUNNING" => ("running", "Running"),
        "SCHEDULED" => ("scheduled", "Scheduled"),
        "FINISHED" => ("finished", "Finished"),
        "FAILED" => ("failed", "Failed"),
        "KILLED" => ("killed", "Killed"),
        other => ("", other),
    };
    html! { span class={ "status " (class) } { span.dot aria-hidden="true" {} (word) } }
}

/// A text that may be long: its beginning, and the rest behind a click.
pub(super) fn long(text: &str) -> Markup {
    let (short, is_cut) = format::clip(text, VALUE_MAX);
    let (whole, is_whole_cut) = format::clip(text, WHOLE_MAX);
    html! {
        @if is_cut {
            details.long {
                summary { (short) "…" }
                pre { (whole) @if is_whole_cut { "…" } }
                @if is_whole_cut { p.soft { "Shown are the first " (WHOLE_MAX) " characters." } }
            }
        } @else { (text) }
    }
}

/// Keys with their values, as a table of two columns.
pub(super) fn pairs(pairs: &[KeyValue], n_max: usize) -> Markup {
    html! {
        div.card.scroll.low { table.pairs { tbody {
            @for pair in pairs.iter().take(n_max) { tr { th scope="row" { (pair.key) } td { (long(&pair.value)) } } }
        } } }
        @if pairs.len() > n_max { p.soft { "and " (format::count((pairs.len() - n_max) as i64)) " more" } }
    }
}

/// Tags in a row.
pub(super) fn chips<'a>(tags: impl Iterator<Item = &'a KeyValue>) -> Markup {
    const N_CHIPS: usize = 6;
    let tags: Vec<&KeyValue> = tags.take(N_CHIPS).collect();
    html! {
        span.chips { @for tag in tags {
            @let (value, is_cut) = format::clip(&tag.value, 30);
            span.chip title=(format!("{}: {}", tag.key, format::clip(&tag.value, 300).0)) {
                (tag.key) @if !value.is_empty() { " " b { (value) @if is_cut { "…" } } }
            }
        } }
    }
}

/// One fact of a list: its name and what it is.
pub(super) fn fact(name: &str, what: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (what) } } }
}

/// A fact that takes more room, such as an address.
pub(super) fn long_fact(name: &str, what: &str) -> Markup {
    html! { div.wide { dt { (name) } dd { code { (what) } } } }
}

/// The value of a tag that is not empty.
pub(super) fn tag<'a>(tags: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = tags.iter().find(|tag| tag.key == key)?;
    Some(found.value.as_str()).filter(|value| !value.trim().is_empty())
}
