//! The page of an experiment: its runs, children below their parents.

use super::layout::{Place, Shell, moment, pager};
use super::query::{Query, encoded};
use super::table::{Choice, Column, Kind, best, heading, metric, value};
use super::{PageError, experiments, filter, format, parts};
use crate::state::App;
use automl_store::db::Sql;
use automl_store::tracking::experiments::{DEFAULT_WORKSPACE, Experiment, get, id_of};
use automl_store::tracking::overview;
use automl_store::tracking::search::{self, Run, Search};
use automl_store::tracking::{TrackingError, View, now_ms};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::collections::BTreeSet;

const N_RUNS: usize = 50;
const N_RUNS_MAX: usize = 500;
/// Children shown below their parent; its own page has all.
const N_CHILDREN: usize = 50;
/// Children are counted up to here.
const N_COUNTED: usize = 100;
/// How far down a tree is shown.
const DEPTH_MAX: usize = 8;

/// A run in the table.
pub(super) struct Row {
    pub(super) run: Run,
    /// How many parents stand above it here.
    depth: usize,
    n_children: usize,
    is_open: bool,
    /// Whether it has more children than are shown.
    has_more: bool,
}

/// What the page is made of.
struct Found {
    experiment: Experiment,
    rows: Vec<Row>,
    n_runs: i64,
    next: Option<String>,
    complaint: Option<filter::Complaint>,
}

pub(super) async fn page(
    State(app): State<App>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response, PageError> {
    let id = id_of(&id)?;
    let wish = query.clone();
    let found = app.db.read(move |sql| read(sql, id, &wish)).await?;
    let status = if found.complaint.is_some() {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    };
    let experiment = &found.experiment;
    let body = html! {
        (head(&found))
        (filter::form(&query, "a run's name, or a filter: metrics.loss < 0.3 AND params.depth = '6'", &experiments::view(&query)))
        @if let Some(complaint) = &found.complaint { (complaint.show()) }
        @else if found.rows.is_empty() { (parts::nothing(if query.one("filter").is_empty() { "No runs yet." } else { "No run is like this." })) }
        @else { (listed(&found.rows, &query)) }
        (pager(&query, found.next.as_deref()))
    };
    let is_live = found
        .rows
        .iter()
        .any(|row| row.run.info.status == "RUNNING")
        && query.one("page").is_empty();
    let shell = Shell::new(&experiment.name, Place::Experiments)
        .below("Experiments", "/")
        .live(is_live);
    Ok((status, shell.show(&body)).into_response())
}

fn head(found: &Found) -> Markup {
    let experiment = &found.experiment;
    html! {
        div.head {
            h1 { (experiment.name) @if experiment.stage == "deleted" { span.badge { "deleted" } } }
            p.soft {
                (format::counted(found.n_runs, "run")) " · created " (moment(Some(experiment.created_ms)))
                " · id " code { (experiment.id) } " · artifacts in " code { (experiment.artifact_location) }
            }
            (parts::chips(experiment.tags.iter().filter(|tag| !tag.key.starts_with("mlflow."))))
        }
        @if let Some(note) = experiments::note(experiment) { div.note { (parts::long(note)) } }
    }
}

fn read(sql: &mut dyn Sql, id: i64, query: &Query) -> Result<Found, TrackingError> {
    let experiment = get(sql, DEFAULT_WORKSPACE, id)?;
    let n_runs = overview::activity(sql, &[id])?
        .get(&id)
        .map_or(0, |activity| activity.n_runs);
    let is_deleted = query.one("view") == "deleted";
    let asked = filter::meant(query.one("filter"), "run_name");
    // A search looks at all runs; without one, children stand below their parents.
    let is_tree = asked.is_empty() && !is_deleted;
    let wish = Search {
        experiment_ids: vec![id],
        view: if is_deleted {
            View::DeletedOnly
        } else {
            View::ActiveOnly
        },
        filter: asked,
        order_by: query.all("order_by").map(str::to_owned).collect(),
        n_max: query.number("n", N_RUNS, N_RUNS_MAX),
        page_token: Some(query.one("page").to_owned()),
    };
    let found = if is_tree {
        search::roots(sql, DEFAULT_WORKSPACE, &wish)
    } else {
        search::search(sql, DEFAULT_WORKSPACE, &wish)
    };
    let (found, next, complaint) = match found {
        Ok(found) => (found.items, found.next, None),
        Err(error) => (Vec::new(), None, Some(filter::complaint(error)?)),
    };
    let open: BTreeSet<&str> = query.all("open").collect();
    let mut rows = Vec::new();
    put_rows(sql, &mut rows, found, 0, &open)?;
    Ok(Found {
        experiment,
        rows,
        n_runs,
        next,
        complaint,
    })
}

/// Puts runs into the table, and below each that is open its children.
fn put_rows(
    sql: &mut dyn Sql,
    rows: &mut Vec<Row>,
    runs: Vec<Run>,
    depth: usize,
    open: &BTreeSet<&str>,
) -> Result<(), TrackingError> {
    let ids: Vec<&str> = runs.iter().map(|run| run.info.id.as_str()).collect();
    let counts = overview::child_counts(sql, &ids, N_COUNTED)?;
    for run in runs {
        let id = run.info.id.clone();
        let n_children = counts.get(&id).copied().unwrap_or(0);
        let is_above = rows.iter().any(|row| row.run.info.id == id);
        let is_open =
            n_children > 0 && open.contains(id.as_str()) && depth < DEPTH_MAX && !is_above;
        rows.push(Row {
            run,
            depth,
            n_children,
            is_open,
            has_more: false,
        });
        if is_open {
            let place = rows.len() - 1;
            let children = overview::children(sql, DEFAULT_WORKSPACE, &id, N_CHILDREN, None)?;
            rows[place].has_more = children.next.is_some();
            let children = search::whole(sql, children.items)?;
            put_rows(sql, rows, children, depth + 1, open)?;
        }
    }
    Ok(())
}

/// Runs as rows that nothing stands below.
pub(super) fn flat(sql: &mut dyn Sql, runs: Vec<Run>) -> Result<Vec<Row>, TrackingError> {
    let mut rows = Vec::new();
    put_rows(sql, &mut rows, runs, 0, &BTreeSet::new())?;
    Ok(rows)
}

/// The table, with a choice of columns and of runs to compare.
pub(super) fn listed(rows: &[Row], query: &Query) -> Markup {
    let runs: Vec<&Run> = rows.iter().map(|row| &row.run).collect();
    let choice = Choice::of(&runs);
    let columns = choice.columns(query);
    let marks: Vec<Option<f64>> = columns
        .iter()
        .map(|column| match column {
            Column::Metric(key) => best(&runs, key),
            Column::Param(_) => None,
        })
        .collect();
    let (n_metrics, n_params) = (
        columns
            .iter()
            .filter(|column| matches!(column, Column::Metric(_)))
            .count(),
        columns
            .iter()
            .filter(|column| matches!(column, Column::Param(_)))
            .count(),
    );
    let is_metric = |column: &Column| matches!(column, Column::Metric(_));
    let is_grouped = !columns.is_empty() && columns.is_sorted_by_key(|column| !is_metric(column));
    html! {
        div.tools {
            form id="pick" action="/compare" method="get" { button data-pick="run" { "Compare the chosen" } }
            (picker(&choice, &columns, query))
        }
        div.card.scroll { table.runs {
            thead {
                @if is_grouped { tr.groups {
                    td colspan="7" {}
                    @if n_metrics > 0 { th colspan=(n_metrics) scope="colgroup" { "Metrics" } }
                    @if n_params > 0 { th colspan=(n_params) scope="colgroup" { "Params" } }
                } }
                tr {
                    th.pick { span.hidden { "Compare" } }
                    (heading(query, "Run", "run_name", Kind::Text))
                    (heading(query, "Status", "status", Kind::Text))
                    (heading(query, "Started", "start_time", Kind::Time))
                    th { "Took" }
                    (heading(query, "User", "user_id", Kind::Text))
                    th { "Source" }
                    @for column in &columns {
                        (heading(query, column.key(), &column.order_key(), if matches!(column, Column::Metric(_)) { Kind::Number } else { Kind::Text }))
                    }
                }
            }
            tbody { @for row in rows { (line(row, &columns, &marks, query)) } }
        } }
    }
}

fn line(row: &Row, columns: &[Column], marks: &[Option<f64>], query: &Query) -> Markup {
    let info = &row.run.info;
    let address = format!("/runs/{}", encoded(&info.id));
    html! {
        tr.child[row.depth > 0] {
            td.pick { input type="checkbox" name="run" value=(info.id) form="pick" aria-label=(format!("Compare {}", info.name)); }
            td class={ "main in" (row.depth.min(DEPTH_MAX)) } {
                @if row.n_children > 0 { (toggle(row, query)) } @else { span.leaf {} }
                a href=(address) { (info.name) }
                @if row.has_more { " " a.soft href={ (address) "#children" } { "all children" } }
            }
            td { (parts::status(&info.status)) }
            td { (moment(info.start_ms)) }
            td { (took(&row.run)) }
            td { (info.user_id) }
            td { (source(&row.run)) }
            @for (column, mark) in columns.iter().zip(marks) { (cell(&row.run, column, *mark)) }
        }
    }
}

fn cell(run: &Run, column: &Column, mark: Option<f64>) -> Markup {
    let is_metric = matches!(column, Column::Metric(_));
    let is_best = mark.is_some() && metric(run, column.key()) == mark;
    html! {
        @match value(run, column) {
            Some(value) => {
                @let (short, is_cut) = format::clip(&value, 40);
                td.value.n[is_metric].best[is_best] title=[is_cut.then(|| format::clip(&value, 400).0)] { (short) @if is_cut { "…" } }
            }
            None => td.none.n[is_metric] { "–" },
        }
    }
}

fn toggle(row: &Row, query: &Query) -> Markup {
    let id = &row.run.info.id;
    let address = if row.is_open {
        query.without("open", id)
    } else {
        query.and("open", id)
    };
    let count = if row.n_children < N_COUNTED {
        row.n_children.to_string()
    } else {
        format!("{N_COUNTED}+")
    };
    let verb = if row.is_open { "Hide" } else { "Show" };
    html! {
        a.toggle href=(address) aria-expanded=(row.is_open.to_string()) aria-label=(format!("{verb} {count} children of {}", row.run.info.name)) {
            span aria-hidden="true" { @if row.is_open { "▾" } @else { "▸" } } (count)
        }
    }
}

/// How long a run took, or has been going on.
pub(super) fn took(run: &Run) -> Markup {
    let end = match (run.info.end_ms, run.info.status.as_str()) {
        (Some(end), _) => Some(end),
        (None, "RUNNING") => Some(now_ms()),
        _ => None,
    };
    html! {
        @if let (Some(start), Some(end)) = (run.info.start_ms, end) { (format::duration(end - start)) } @else { span.none { "–" } }
    }
}

/// What a run was started from: the file, and the commit if one is known.
fn source(run: &Run) -> Markup {
    let name = parts::tag(&run.tags, "mlflow.source.name");
    let commit = parts::tag(&run.tags, "mlflow.source.git.commit");
    html! {
        @if let Some(name) = name {
            @let short = name.rsplit(['/', '\\']).next().unwrap_or(name);
            span.source title=(name) { (format::clip(short, 30).0) }
        }
        @if let Some(commit) = commit { " " code.soft title=(commit) { (format::clip(commit, 7).0) } }
    }
}

fn picker(choice: &Choice, columns: &[Column], query: &Query) -> Markup {
    let group = |title: &str, all: Vec<Column>| {
        html! {
            @if !all.is_empty() { fieldset {
                legend { (title) }
                @for column in &all { label { input type="checkbox" name="col" value=(column.name()) checked[columns.contains(column)]; (column.key()) } }
            } }
        }
    };
    html! {
        details.picker {
            summary.button { "Columns" }
            form method="get" {
                @for (key, value) in query.others(&["col"]) { input type="hidden" name=(key) value=(value); }
                div.choices {
                    (group("Metrics", choice.metrics.iter().take(300).cloned().map(Column::Metric).collect()))
                    (group("Params", choice.params.iter().take(300).cloned().map(Column::Param).collect()))
                }
                p { button { "Show these" } " " a.button.plain href=(query.with(&[("col", "")])) { "Those that differ" } }
            }
        }
    }
}
