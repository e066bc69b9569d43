//! A study as a page and as a file: both are made of the same sections, each a function from figures to markup.

mod contours;
mod front;
mod head;
mod history;
mod learning;
mod list;
mod parallel;
mod plane;
mod report;
mod slices;
mod spread;
mod table;
mod timeline;
mod view;

pub(super) use list::page as all;
pub(crate) use report::render;

use super::Answer;
use super::layout::{Place, Shell};
use super::query::Query;
use crate::error::ApiError;
use crate::insight::Insight;
use crate::state::App;
use automl_store::studies::StudyState;
use axum::extract::{Path, State};
use maud::{Markup, html};
use view::View;

/// A study.
pub(super) async fn page(State(app): State<App>, Path(name): Path<String>, query: Query) -> Answer {
    let insight = app.insights.of(&app.db, name).await?;
    // Drawing thousands of trials takes too long for a thread that runs futures.
    let drawn = tokio::task::spawn_blocking(move || {
        let view = View::of(&insight, &query);
        let study = &insight.study;
        let is_live = study.state == StudyState::Active
            && insight.rows.iter().any(|row| !row.state.is_finished());
        let markup = html! {
            div.head { h1 { (study.name) (state(study.state)) } }
            (body(&insight, &view))
        };
        Shell::new(&study.name, Place::Studies)
            .below("Studies", "/studies")
            .live(is_live)
            .show(&markup)
    });
    drawn
        .await
        .map_err(|error| ApiError::internal(error.to_string()).into())
}

/// Whether a study goes on, as a badge.
fn state(state: StudyState) -> Markup {
    let class = match state {
        StudyState::Active => "badge good",
        StudyState::Inactive => "badge warn",
        StudyState::Completed => "badge",
    };
    html! { span class=(class) { (state.name()) } }
}

/// All sections.
fn body(insight: &Insight, view: &View) -> Markup {
    html! {
        (head::facts(insight))
        (contents(insight))
        @if insight.rows.is_empty() { (super::parts::nothing("No trial was asked for yet.")) }
        @else {
            div.columns.summary { (head::best(insight)) (head::importance(insight, &view.objectives)) }
            (front::section(insight, view))
            (view.form(insight))
            @for &k in &view.objectives {
                (history::section(insight, k, view))
                (parallel::section(insight, k, view))
                (slices::section(insight, k, view))
                (contours::section(insight, k, view))
                (parallel::nothing(insight, k))
            }
            @if view.query.is_none() && insight.objectives.len() > view.objectives.len() {
                p.soft { "Shown are the first " (view.objectives.len()) " of " (insight.objectives.len()) " objectives; the studio shows each." }
            }
            (learning::section(insight, view))
            (timeline::section(insight))
            (table::section(insight, view))
        }
    }
}

/// Links to the sections.
fn contents(insight: &Insight) -> Markup {
    let sections = [
        ("history", "Search", true),
        ("front", "Front", insight.objectives.len() > 1),
        ("parallel", "Parameters", insight.scored(0).len() > 1),
        ("timeline", "Time", true),
        ("trials", "Trials", true),
    ];
    html! {
        @if !insight.rows.is_empty() {
            nav.keys.contents aria-label="Sections" { @for (id, title, is_there) in sections { @if is_there { a.chip href={ "#" (id) } { (title) } } } }
        }
    }
}

/// Positions and values of trials that may be the best, best first.
fn ranked(insight: &Insight, objective: usize) -> Vec<(usize, f64)> {
    let mut scored = insight.scored(objective);
    scored.sort_by(|a, b| {
        let loss = |(_, value): &(usize, f64)| insight.loss(objective, *value);
        loss(a).total_cmp(&loss(b)).then(a.0.cmp(&b.0))
    });
    scored
}

/// At most `n_max` of an order: a third from its beginning, and evenly spaced ones of the rest.
fn drawn(order: &[usize], n_max: usize) -> Vec<usize> {
    if order.len() <= n_max {
        return order.to_vec();
    }
    let (first, rest) = order.split_at(n_max / 3);
    let n_rest = n_max - first.len();
    let evenly = (0..n_rest).map(|at| rest[at * rest.len() / n_rest]);
    first.iter().copied().chain(evenly).collect()
}
