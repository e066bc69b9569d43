//! Runs side by side: what differs, how their metrics came about, and which params go with which results.

use super::chart::{Column as Across, Parallel, class};
use super::curves::{self, Options, Read};
use super::layout::{Place, Shell, moment};
use super::query::{Query, encoded};
use super::table::{self, Choice};
use super::{Answer, PageError, format, parts, runs};
use crate::state::App;
use automl_store::db::Sql;
use automl_store::tracking::experiments::{self, DEFAULT_WORKSPACE, Experiment};
use automl_store::tracking::runs::get;
use automl_store::tracking::search::{Run, whole};
use automl_store::tracking::{TrackingError, curve};
use axum::extract::State;
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

/// Runs that are compared at once.
const N_RUNS: usize = 100;
/// Runs whose histories are drawn.
const N_DRAWN: usize = 24;
/// Charts of histories.
const N_CHARTS: usize = 12;
/// Runs from which parallel axes tell something.
const N_PARALLEL_MIN: usize = 4;
/// Params among parallel axes.
const N_AXES: usize = 8;
/// Lines of params and of metrics, each.
const N_LINES: usize = 300;
/// Points that all lines of a chart have together.
const N_BINS_ALL: usize = 1000;

struct Found {
    runs: Vec<Run>,
    /// The experiment that all are of, if they are of one.
    experiment: Option<Experiment>,
    /// Metrics with the histories of the runs that have one.
    charts: Vec<(String, Vec<Read>)>,
    n_charts: usize,
}

pub(super) async fn page(State(app): State<App>, query: Query) -> Answer {
    let mut ids: Vec<String> = Vec::new();
    for id in query.all("run") {
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    if ids.len() > N_RUNS {
        return Err(PageError::invalid(format!(
            "{} runs are too many to compare at once; choose up to {N_RUNS}",
            ids.len()
        )));
    }
    let options = Options::of(&query);
    let find = query.one("find").to_lowercase();
    let found = app
        .db
        .read(move |sql| read(sql, &ids, options, &find))
        .await?;
    let is_short = query.one("differences") == "only";
    let body = html! {
        div.head {
            h1 { "Compare " (format::counted(found.runs.len() as i64, "run")) }
        }
        @if found.runs.is_empty() { (parts::nothing("Choose runs on the page of an experiment, and compare them here.")) }
        @else {
            (parallel(&found.runs, &query))
            (charts(&found, &query, options))
            (side_by_side(&found.runs, &query, is_short))
        }
    };
    let shell = Shell::new("Compare", Place::Experiments).below("Experiments", "/");
    let shell = match &found.experiment {
        Some(experiment) => {
            shell.below(&experiment.name, format!("/experiments/{}", experiment.id))
        }
        None => shell,
    };
    let is_live = found.runs.iter().any(|run| run.info.status == "RUNNING");
    Ok(shell.live(is_live).show(&body))
}

fn read(
    sql: &mut dyn Sql,
    ids: &[String],
    options: Options,
    find: &str,
) -> Result<Found, TrackingError> {
    let mut infos = Vec::with_capacity(ids.len());
    for id in ids {
        infos.push(get(sql, DEFAULT_WORKSPACE, id)?);
    }
    let runs = whole(sql, infos)?;
    let mut keys: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, run) in runs.iter().take(N_DRAWN).enumerate() {
        for key in curve::keys(sql, run.info.number)? {
            if key.to_lowercase().contains(find) {
                keys.entry(key).or_default().push(number);
            }
        }
    }
    let n_charts = keys.len();
    let mut keys: Vec<_> = keys.into_iter().collect();
    keys.sort_by_key(|(key, numbers)| {
        (key.starts_with("system/"), std::cmp::Reverse(numbers.len()))
    });
    let mut charts = Vec::new();
    for (key, numbers) in keys.into_iter().take(N_CHARTS) {
        let n_bins = (N_BINS_ALL / numbers.len()).clamp(40, curves::N_BINS_SMALL);
        let mut reads = Vec::with_capacity(numbers.len());
        for number in numbers {
            let info = &runs[number].info;
            reads.push(curves::read(
                sql,
                info,
                &key,
                (&info.name, number),
                (options, n_bins),
            )?);
        }
        charts.push((key, reads));
    }
    let ids: BTreeSet<i64> = runs.iter().map(|run| run.info.experiment_id).collect();
    let only = ids.first().filter(|_| ids.len() == 1);
    let experiment = only
        .map(|id| experiments::get(sql, DEFAULT_WORKSPACE, *id))
        .transpose()?;
    Ok(Found {
        runs,
        experiment,
        charts,
        n_charts,
    })
}

fn charts(found: &Found, query: &Query, options: Options) -> Markup {
    let find = html! { label { "Find" input type="search" name="find" value=(query.one("find")) placeholder="part of a metric" aria-keyshortcuts="/"; } };
    html! {
        @if found.n_charts > 0 || !query.one("find").is_empty() {
            section {
                h2 { "Histories" }
                (options.form(query, &find))
                div.panels.large { @for (key, reads) in &found.charts { (curves::panel(key, None, reads, options, curves::Size::Small(None))) } }
                @if found.n_charts > found.charts.len() { p.soft { "The first " (found.charts.len()) " of " (found.n_charts) " metrics; find others by their name." } }
                @if found.runs.len() > N_DRAWN { p.soft { "Drawn are the first " (N_DRAWN) " runs." } }
            }
        }
    }
}

/// Params across parallel axes to one metric.
fn parallel(all: &[Run], query: &Query) -> Markup {
    let runs: Vec<&Run> = all.iter().collect();
    let choice = Choice::of(&runs);
    let metrics: Vec<&String> = choice
        .metrics
        .iter()
        .filter(|key| {
            all.iter()
                .filter(|run| table::metric(run, key).is_some_and(f64::is_finite))
                .count()
                >= N_PARALLEL_MIN
        })
        .collect();
    let asked = query.one("metric");
    let told = format::main_metric(metrics.iter().map(|key| key.as_str())).map(|(key, _)| key);
    let named = |name: &str| metrics.iter().find(|key| key.as_str() == name);
    let metric = named(asked).or(told.and_then(named)).or(metrics.first());
    let (Some(metric), true) = (metric, choice.is_any_differing()) else {
        return html! {};
    };
    let params = choice.differing().take(N_AXES).map(|key| Across {
        name: key.to_owned(),
        values: all
            .iter()
            .map(|run| table::value(run, &table::Column::Param(key.to_owned())))
            .collect(),
    });
    let result = Across {
        name: (*metric).clone(),
        values: all
            .iter()
            .map(|run| table::metric(run, metric).map(|value| value.to_string()))
            .collect(),
    };
    let columns: Vec<Across> = params.chain([result]).collect();
    let names: Vec<(String, String)> = all
        .iter()
        .map(|run| {
            (
                run.info.name.clone(),
                format!("/runs/{}", encoded(&run.info.id)),
            )
        })
        .collect();
    html! {
        section {
            h2 { "Params and " (metric) }
            @if metrics.len() > 1 {
                form.options method="get" data-submit="change" {
                    @for (key, value) in query.others(&["metric"]) { input type="hidden" name=(key) value=(value); }
                    label { "Metric" select name="metric" { @for key in &metrics { option value=(key) selected[key == metric] { (key) } } } }
                    button { "Show" }
                }
            }
            div.card.scroll { (Parallel { columns: &columns, runs: &names }.svg()) }
            p.soft.small {
                "Each line is a run; from the least to the greatest " (metric) " "
                svg.shades viewBox="0 0 60 6" aria-hidden="true" { @for shade in 0..5 { path class=(format!("q{shade}")) d=(format!("M{} 3h10", shade * 12)) {} } }
            }
        }
    }
}

/// A line of the table: a name, and what each run has.
struct Line {
    name: String,
    values: Vec<Option<String>>,
    /// The run that is best by it, where that is known.
    best: Vec<bool>,
}

impl Line {
    fn is_same(&self) -> bool {
        self.values.windows(2).all(|pair| pair[0] == pair[1])
    }
}

fn lines(all: &[Run]) -> [(&'static str, Vec<Line>); 3] {
    let keys = |of: fn(&Run) -> Vec<&str>| -> BTreeSet<String> {
        all.iter().flat_map(of).map(str::to_owned).collect()
    };
    let params = keys(|run| run.params.iter().map(|param| param.key.as_str()).collect());
    let metrics = keys(|run| {
        run.metrics
            .iter()
            .map(|metric| metric.key.as_str())
            .collect()
    });
    let tags = keys(|run| {
        run.tags
            .iter()
            .map(|tag| tag.key.as_str())
            .filter(|key| !key.starts_with("mlflow."))
            .collect()
    });
    let runs: Vec<&Run> = all.iter().collect();
    let param = |key: String| {
        let column = table::Column::Param(key.clone());
        Line {
            values: all.iter().map(|run| table::value(run, &column)).collect(),
            name: key,
            best: Vec::new(),
        }
    };
    let metric = |key: String| {
        let best = table::best(&runs, &key);
        Line {
            values: all
                .iter()
                .map(|run| table::metric(run, &key).map(format::number))
                .collect(),
            best: all
                .iter()
                .map(|run| best.is_some() && table::metric(run, &key) == best)
                .collect(),
            name: key,
        }
    };
    let tag = |key: String| {
        let value = |run: &Run| {
            run.tags
                .iter()
                .find(|tag| tag.key == key)
                .map(|tag| tag.value.clone())
        };
        Line {
            values: all.iter().map(value).collect(),
            name: key,
            best: Vec::new(),
        }
    };
    [
        ("Metrics", metrics.into_iter().map(metric).collect()),
        ("Params", params.into_iter().map(param).collect()),
        ("Tags", tags.into_iter().map(tag).collect()),
    ]
}

fn side_by_side(all: &[Run], query: &Query, is_short: bool) -> Markup {
    html! {
        section {
            h2 { "Side by side" }
            p { @if is_short { a.button href=(query.with(&[("differences", "")])) { "Show all" } } @else { a.button href=(query.with(&[("differences", "only")])) { "Show differences only" } } }
            div.card.scroll { table.compare {
                thead { tr {
                    th { "Run" }
                    @for (number, run) in all.iter().enumerate() { th scope="col" {
                        svg.swatch viewBox="0 0 18 6" aria-hidden="true" { path class={ "line " (class(number)) } d="M0 3L18 3" {} }
                        a href={ "/runs/" (encoded(&run.info.id)) } { (run.info.name) }
                        a.plain.take href=(query.without("run", &run.info.id)) title="Take away" aria-label=(format!("Take {} away", run.info.name)) { "×" }
                    } }
                } }
                tbody {
                    tr { th scope="row" { "Status" } @for run in all { td { (parts::status(&run.info.status)) } } }
                    tr { th scope="row" { "Started" } @for run in all { td { (moment(run.info.start_ms)) } } }
                    tr { th scope="row" { "Took" } @for run in all { td { (runs::took(run)) } } }
                    tr { th scope="row" { "User" } @for run in all { td { (run.info.user_id) } } }
                }
                @for (title, lines) in lines(all) {
                    @let shown: Vec<&Line> = lines.iter().filter(|line| !(is_short && line.is_same())).collect();
                    @if !shown.is_empty() { tbody {
                        tr.groups { th colspan=(all.len() + 1) scope="rowgroup" { (title) } }
                        @for line in shown.iter().take(N_LINES) { (row(line)) }
                        @if shown.len() > N_LINES { tr { td colspan=(all.len() + 1) { "and " (shown.len() - N_LINES) " more" } } }
                    } }
                }
            } }
        }
    }
}

fn row(line: &Line) -> Markup {
    let is_same = line.is_same();
    html! {
        tr.differs[!is_same] {
            th scope="row" { (line.name) @if !is_same { span.hidden { " (differs)" } } }
            @for (number, value) in line.values.iter().enumerate() {
                @match value {
                    Some(value) => {
                        @let (short, is_cut) = format::clip(value, 60);
                        td.best[line.best.get(number).copied().unwrap_or(false)] title=[is_cut.then(|| format::clip(value, 400).0)] { (short) @if is_cut { "…" } }
                    }
                    None => td.none { "–" },
                }
            }
        }
    }
}
