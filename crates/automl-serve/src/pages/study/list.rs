//! All studies.

use super::super::layout::{Place, Shell, moment};
use super::super::query::{Query, encoded};
use super::super::{Answer, format, parts};
use crate::state::App;
use automl_store::studies::{self, Study, StudyState};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use axum::extract::State;
use maud::{Markup, html};

/// Studies of a page.
const ROWS_MAX: usize = 100;

pub(in super::super) async fn page(State(app): State<App>, query: Query) -> Answer {
    let read = app.db.read(|sql| studies::list(sql, DEFAULT_WORKSPACE));
    let mut found = read.await.map_err(crate::error::ApiError::from)?;
    found.reverse();
    let (name, state) = (query.one("name").to_lowercase(), query.one("state"));
    found.retain(|study| {
        study.name.to_lowercase().contains(&name)
            && (state.is_empty() || study.state.name() == state)
    });
    let page: usize = query.one("page").parse().unwrap_or(0);
    let from = page.saturating_mul(ROWS_MAX).min(found.len());
    let shown = &found[from..(from + ROWS_MAX).min(found.len())];
    let next = (from + shown.len() < found.len()).then(|| (page + 1).to_string());
    let body = html! {
        div.head { h1 { "Studies" } p.soft { "Searches for good parameters, whatever client made them." } }
        (form(&query))
        @if shown.is_empty() && query.one("name").is_empty() && state.is_empty() { (parts::nothing("No study yet: `automl study create`, POST /api/studies or a client of Optuna makes one.")) }
        @else if shown.is_empty() { (parts::nothing("No study is like this.")) }
        @else { (listed(shown)) }
        (super::super::layout::pager(&query, next.as_deref()))
    };
    Ok(Shell::new("Studies", Place::Studies).show(&body))
}

fn form(query: &Query) -> Markup {
    html! {
        form.search method="get" role="search" {
            label.hidden for="name" { "Name" }
            input id="name" type="search" name="name" value=(query.one("name")) placeholder="part of a name" autocomplete="off" spellcheck="false" aria-keyshortcuts="/";
            label.hidden for="state" { "State" }
            select id="state" name="state" {
                option value="" { "All" }
                @for state in [StudyState::Active, StudyState::Inactive, StudyState::Completed] { option value=(state.name()) selected[query.one("state") == state.name()] { (state.name()) } }
            }
            button { "Search" }
        }
    }
}

fn listed(found: &[Study]) -> Markup {
    html! {
        div.card.scroll { table {
            thead { tr { th { "Name" } th { "State" } th { "Objectives" } th.n { "Trials" } th { "Client" } th { "Made" } } }
            tbody { @for study in found { tr {
                td.main { a href={ "/studies/" (encoded(&study.name)) } { (study.name) } }
                td { (super::state(study.state)) }
                td { (objectives(study)) }
                td.n { (format::count(study.n_trials)) }
                td { (study.protocol) }
                td { (moment(Some(study.created_us / 1000))) }
            } } }
        } }
    }
}

fn objectives(study: &Study) -> String {
    let names: Vec<String> = study
        .objectives
        .iter()
        .map(|own| format::clip(&own.name, 40).0.to_owned())
        .collect();
    names.join(", ")
}
