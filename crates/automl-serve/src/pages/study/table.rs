//! The trials themselves, page by page.

use super::super::layout::moment;
use super::super::{format, parts};
use super::head;
use super::view::{Order, View};
use crate::insight::{Insight, Row, STATES};
use automl_core::ParamValue;
use maud::{Markup, html};
use std::cmp::Reverse;

/// Trials of a page, and of a report.
const ROWS_MAX: usize = 100;
/// Parameters that have a column, those that matter most.
const COLUMNS_MAX: usize = 12;

pub(super) fn section(insight: &Insight, view: &View) -> Markup {
    let objective = view.objectives[0];
    let mut columns: Vec<usize> = insight
        .by_weight(objective)
        .into_iter()
        .take(COLUMNS_MAX)
        .collect();
    columns.sort_unstable();
    let wanted = wanted(insight, view);
    let from = view.page.saturating_mul(ROWS_MAX).min(wanted.len());
    let shown: Vec<&Row> = wanted[from..].iter().take(ROWS_MAX).copied().collect();
    let is_last = from + shown.len() >= wanted.len();
    html! {
        section id="trials" {
            h2 { "Trials" }
            (form(view))
            @if shown.is_empty() { (parts::nothing("No trial is like this.")) }
            @else {
                div.card.scroll { (table(insight, &columns, &shown, view.query.is_none())) }
                p.soft.small {
                    (format::count(from as i64 + 1)) "–" (format::count((from + shown.len()) as i64)) " of " (format::counted(wanted.len() as i64, "trial"))
                    @if insight.parameters.len() > columns.len() { ", with the " (columns.len()) " parameters that matter most of " (insight.parameters.len()) }
                    ". All of it: " code { "automl study export" } "."
                }
            }
            @if let Some(query) = &view.query { @if view.page > 0 || !is_last {
                nav.pager aria-label="Pages" {
                    @if view.page > 0 { a.button href={ (query.with(&[("page", "")])) "#trials" } { "First page" } }
                    @if !is_last { a.button rel="next" href={ (query.with(&[("page", &(view.page + 1).to_string())])) "#trials" } { "Next page" } }
                }
            } }
        }
    }
}

fn form(view: &View) -> Markup {
    let Some(query) = &view.query else {
        return html! {};
    };
    html! {
        form.options method="get" action="#trials" {
            @for (key, value) in query.others(&["state", "order", "page"]) { input type="hidden" name=(key) value=(value); }
            label { "State" select name="state" {
                option value="" { "all" }
                @for state in STATES { option value=(state.name()) selected[view.state == Some(state)] { (state.name()) } }
            } }
            label { "Order" select name="order" {
                option value="" { "best first" }
                option value="latest" selected[view.order == Order::Latest] { "latest first" }
                option value="first" selected[view.order == Order::First] { "first first" }
            } }
            button { "Show" }
        }
    }
}

/// The trials in the order that the reader wants.
fn wanted<'a>(insight: &'a Insight, view: &View) -> Vec<&'a Row> {
    let objective = view.objectives[0];
    let is_wanted = |row: &&Row| view.state.is_none_or(|state| row.state == state);
    let mut rows: Vec<&Row> = insight.rows.iter().filter(is_wanted).collect();
    match view.order {
        Order::First => {}
        Order::Latest => rows.reverse(),
        Order::Best => {
            let loss = |row: &Row| match row.values.get(objective) {
                Some(value) if !value.is_nan() => insight.loss(objective, *value),
                _ => f64::INFINITY,
            };
            rows.sort_by(|a, b| {
                let is_later = |row: &Row| !row.is_scored();
                (is_later(a).cmp(&is_later(b)))
                    .then(loss(a).total_cmp(&loss(b)))
                    .then(Reverse(a.state.name()).cmp(&Reverse(b.state.name())))
                    .then(a.number.cmp(&b.number))
            });
        }
    }
    rows
}

fn table(insight: &Insight, columns: &[usize], rows: &[&Row], is_file: bool) -> Markup {
    let has_client = rows.iter().any(|row| row.client.is_some());
    let has_note = rows.iter().any(|row| row.note.is_some());
    let best: Vec<i64> = insight.best().map(|(number, ..)| number).collect();
    html! {
        table {
            thead { tr {
                th.n { "Trial" } th { "State" }
                @for own in &insight.objectives { th.n title=(own.name) { (own.name) } }
                @for &j in columns { @let name = &insight.parameters[j].name; th title=(name) { (name) } }
                th.n { "Took" } th { "Started" }
                @if has_client { th { "Worker" } }
                @if has_note { th { "Note" } }
            } }
            tbody { @for row in rows { tr {
                td.n { (row.number) }
                td { (head::state(row.state)) }
                @for k in 0..insight.objectives.len() {
                    td.n.best[best.contains(&row.number)] { @match row.values.get(k) { Some(value) => (format::number(*value)), None => span.none { "–" } } }
                }
                @for &j in columns { (value(row.params.get(&insight.parameters[j].name))) }
                td.n { @match row.took_us() { Some(us) => (format::duration(us / 1000)), None => span.none { "–" } } }
                td { (started(row, is_file)) }
                @if has_client { td.value { (row.client.as_deref().unwrap_or_default()) } }
                @if has_note { td.value { (row.note.as_deref().unwrap_or_default()) } }
            } } }
        }
    }
}

/// When a trial began: in a page how long ago, in a file the moment itself.
fn started(row: &Row, is_file: bool) -> Markup {
    let ms = row.started_us.map(|us| us / 1000);
    match ms.filter(|_| is_file) {
        Some(ms) => html! { (format::moment(ms)) },
        None => moment(ms),
    }
}

fn value(value: Option<&ParamValue>) -> Markup {
    html! {
        @match value {
            Some(ParamValue::Float(number)) => td title=(number) { (format::number(*number)) },
            Some(other) => { @let text = other.to_string(); td.value title=[(text.len() > 24).then(|| format::clip(&text, 400).0)] { (format::clip(&text, 60).0) } },
            None => td.none { "–" },
        }
    }
}
