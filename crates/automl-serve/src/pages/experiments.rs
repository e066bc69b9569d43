//! The first page: all experiments.

use super::layout::{Place, Shell, moment, pager};
use super::query::Query;
use super::table::{Kind, heading};
use super::{PageError, filter, format, parts};
use crate::state::App;
use automl_store::db::Sql;
use automl_store::tracking::experiments::{self, DEFAULT_WORKSPACE, Experiment, Search};
use automl_store::tracking::overview::{self, Activity};
use automl_store::tracking::{TrackingError, View};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

const N_EXPERIMENTS: usize = 50;
/// Runs whose metrics tell what an experiment is after.
const N_LOOKED_AT: usize = 20;
/// Runs among which the best is looked for.
const N_COMPARED: usize = 1000;

/// An experiment, with what goes on in it.
struct Row {
    experiment: Experiment,
    activity: Activity,
    best: Option<Best>,
}

struct Best {
    key: String,
    value: f64,
    run_id: String,
}

pub(super) async fn page(State(app): State<App>, query: Query) -> Result<Response, PageError> {
    let wish = Search {
        view: if query.one("view") == "deleted" {
            View::DeletedOnly
        } else {
            View::ActiveOnly
        },
        filter: filter::meant(query.one("filter"), "name"),
        order_by: query.all("order_by").map(str::to_owned).collect(),
        n_max: N_EXPERIMENTS,
        page_token: Some(query.one("page").to_owned()),
    };
    let found = app
        .db
        .read(move |sql| {
            let found = experiments::search(sql, DEFAULT_WORKSPACE, &wish)?;
            Ok::<_, TrackingError>((rows(sql, found.items)?, found.next))
        })
        .await;
    let (found, complaint) = match found {
        Ok(found) => (found, None),
        Err(error) => ((Vec::new(), None), Some(filter::complaint(error)?)),
    };
    let (rows, next) = found;
    let body = html! {
        div.head { h1 { "Experiments" } }
        (filter::form(&query, "a name, or a filter: name LIKE 'churn%' AND tags.team = 'risk'", &view(&query)))
        @if let Some(complaint) = &complaint { (complaint.show()) }
        @else if rows.is_empty() { (parts::nothing("No experiment is like this.")) }
        @else { (listed(&rows, &query)) }
        (pager(&query, next.as_deref()))
    };
    let page = Shell::new("Experiments", Place::Experiments).show(&body);
    let status = if complaint.is_some() {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    };
    Ok((status, page).into_response())
}

/// Whether what was deleted is looked at.
pub(super) fn view(query: &Query) -> Markup {
    html! {
        label.hidden for="view" { "Which" }
        select id="view" name="view" {
            option value="" { "Active" }
            option value="deleted" selected[query.one("view") == "deleted"] { "Deleted" }
        }
    }
}

fn rows(sql: &mut dyn Sql, found: Vec<Experiment>) -> Result<Vec<Row>, TrackingError> {
    let ids: Vec<i64> = found.iter().map(|experiment| experiment.id).collect();
    let activity = overview::activity(sql, &ids)?;
    let mut rows = Vec::with_capacity(found.len());
    for experiment in found {
        let activity = activity.get(&experiment.id).copied().unwrap_or_default();
        let best = if activity.n_runs > 0 {
            best(sql, &experiment)?
        } else {
            None
        };
        rows.push(Row {
            experiment,
            activity,
            best,
        });
    }
    Ok(rows)
}

/// The metric that the experiment says is its main one, or else one whose name tells which way is better.
fn best(sql: &mut dyn Sql, experiment: &Experiment) -> Result<Option<Best>, TrackingError> {
    let named = parts::tag(&experiment.tags, "mlflow.experiment.primaryMetric.name");
    let (key, is_greater_better) = if let Some(key) = named {
        let told = parts::tag(
            &experiment.tags,
            "mlflow.experiment.primaryMetric.greaterIsBetter",
        );
        let is_greater = told.map(|told| told.eq_ignore_ascii_case("true"));
        (
            key.to_owned(),
            is_greater
                .or(format::is_greater_better(key))
                .unwrap_or(true),
        )
    } else {
        let keys = overview::metric_keys(sql, experiment.id, N_LOOKED_AT)?;
        let Some((key, is_greater)) = format::main_metric(keys.iter().map(String::as_str)) else {
            return Ok(None);
        };
        (key.to_owned(), is_greater)
    };
    let found = overview::best(sql, experiment.id, &key, is_greater_better, N_COMPARED)?;
    Ok(found.map(|(value, run_id)| Best { key, value, run_id }))
}

fn listed(rows: &[Row], query: &Query) -> Markup {
    html! {
        div.card.scroll { table {
            thead { tr {
                (heading(query, "Name", "name", Kind::Text))
                th.n { "Runs" }
                th { "Last run" }
                th { "Best metric" }
                (heading(query, "Created", "creation_time", Kind::Time))
                (heading(query, "Updated", "last_update_time", Kind::Time))
                th { "Tags" }
            } }
            tbody { @for row in rows { tr {
                td.main { a href={ "/experiments/" (row.experiment.id) } { (row.experiment.name) } }
                td.n { (format::count(row.activity.n_runs)) }
                td { (moment(row.activity.last_start_ms)) }
                td title=[row.best.as_ref().map(|best| format!("best {} of the latest {} runs", best.key, format::count(N_COMPARED as i64)))] {
                    @if let Some(best) = &row.best {
                        a.figure href={ "/runs/" (best.run_id) } { (format::number(best.value)) } " " span.soft { (best.key) }
                    } @else { span.none { "–" } }
                }
                td { (moment(Some(row.experiment.created_ms))) }
                td { (moment(Some(row.experiment.updated_ms))) }
                td { (parts::chips(row.experiment.tags.iter().filter(|tag| !tag.key.starts_with("mlflow.")))) }
            } } }
        } }
    }
}

/// The notes of an experiment, if it has some.
pub(super) fn note(experiment: &Experiment) -> Option<&str> {
    parts::tag(&experiment.tags, "mlflow.note.content")
}
