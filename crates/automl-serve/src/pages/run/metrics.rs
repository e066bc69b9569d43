//! The metrics of a run: the latest values, and charts of how they came about.

use super::super::curves::{self, N_BINS_SMALL, N_BINS_WIDE, Options, Read, Size};
use super::super::layout::pager;
use super::super::query::{Query, encoded, href};
use super::super::{Answer, format, parts, table};
use super::{Found, N_ROWS, parent, shell, top, whole};
use crate::state::App;
use automl_store::db::Sql;
use automl_store::tracking::log::Metric;
use automl_store::tracking::search::Run;
use automl_store::tracking::{TrackingError, curve};
use axum::extract::{Path, State};
use maud::{Markup, html};

/// Charts on a page.
const N_CHARTS: usize = 24;
/// Lines of one chart.
const N_LINES: usize = 20;

/// On the first page of a run: a few charts, if it has histories.
pub(super) fn section(found: &Found) -> Markup {
    let run = &found.run;
    let address = format!("/runs/{}/metrics", encoded(&run.info.id));
    let options = Options::of(&Query::default());
    html! {
        @if !found.charts.is_empty() {
            section {
                h2 { "Charts" }
                div.panels { @for (key, read) in &found.charts {
                    @let own = format!("{address}{}", href([("key", key.as_str())].into_iter()));
                    (curves::panel(key, Some(&own), std::slice::from_ref(read), options, Size::Small(table::metric(run, key))))
                } }
                @if found.curve_keys.len() > found.charts.len() {
                    p { a href=(address) { "All " (format::count(found.curve_keys.len() as i64)) " charts" } }
                }
            }
        }
    }
}

/// The latest values of metrics; each leads to its chart.
pub(super) fn latest(metrics: &[Metric], address: &str, n_max: usize) -> Markup {
    html! {
        div.card.scroll.low { table.latest {
            thead { tr { th { "Metric" } th.n { "Latest" } th.n { "Step" } } }
            tbody { @for metric in metrics.iter().take(n_max) { tr {
                th scope="row" { a href=(format!("{address}{}", href([("key", metric.key.as_str())].into_iter()))) { (metric.key) } }
                td.n { (format::number(metric.value)) }
                td.n { (format::count(metric.step)) }
            } } }
        } }
        @if metrics.len() > n_max { p.soft { a href=(format!("{address}?latest=all")) { "All " (format::count(metrics.len() as i64)) " latest values" } } }
    }
}

/// What the page of metrics is made of.
struct Shown {
    run: Run,
    experiment: automl_store::tracking::experiments::Experiment,
    parent: Option<(String, String)>,
    /// One chart with all its lines, or else many with one each.
    wide: Vec<Read>,
    charts: Vec<(String, Read)>,
    n_found: usize,
    next: Option<String>,
    keys: Vec<String>,
}

pub(in super::super) async fn page(
    State(app): State<App>,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    let wish = query.clone();
    let shown = app.db.read(move |sql| read(sql, &id, &wish)).await?;
    let options = Options::of(&query);
    let address = format!("/runs/{}/metrics", encoded(&shown.run.info.id));
    let find = html! {
        @if query.one("key").is_empty() {
            label { "Find" input type="search" name="find" value=(query.one("find")) placeholder="part of a name" aria-keyshortcuts="/"; }
        }
    };
    let body = html! {
        (top(&shown.run, &shown.experiment, shown.parent.as_ref(), "metrics"))
        (options.form(&query, &find))
        @if !query.one("key").is_empty() { (one_chart(&shown, &query, options)) }
        @else if shown.n_found == 0 { (parts::nothing("No metric with a history is like this; the latest values are below.")) }
        @else {
            p.soft { (format::counted(shown.n_found as i64, "metric")) " with a history" }
            (grid(&shown, &query, options))
            (pager(&query, shown.next.as_deref()))
        }
        @if query.one("key").is_empty() && !shown.run.metrics.is_empty() {
            section { h2 { "Latest values" } (latest(&shown.run.metrics, &address, if query.one("latest") == "all" { usize::MAX } else { N_ROWS })) }
        }
    };
    Ok(shell(&shown.run, &shown.experiment, &body))
}

fn read(sql: &mut dyn Sql, id: &str, query: &Query) -> Result<Shown, TrackingError> {
    let (run, experiment) = whole(sql, id)?;
    let parent = parent(sql, &run)?;
    let options = Options::of(query);
    let keys = curve::keys(sql, run.info.number)?;
    let asked: Vec<&str> = query.all("key").take(N_LINES).collect();
    let mut wide = Vec::new();
    for (number, key) in asked.iter().enumerate() {
        wide.push(curves::read(
            sql,
            &run.info,
            key,
            (key, number),
            (options, N_BINS_WIDE),
        )?);
    }
    let part = query.one("find").to_lowercase();
    let mut like: Vec<&String> = keys
        .iter()
        .filter(|key| key.to_lowercase().contains(&part))
        .collect();
    like.sort_by_key(|key| (key.starts_with("system/"), group(key)));
    let n_found = like.len();
    let begin = query.one("page").parse().unwrap_or(0_usize);
    let mut charts = Vec::new();
    if asked.is_empty() {
        for key in like.iter().skip(begin).take(N_CHARTS) {
            let read = curves::read(sql, &run.info, key, (key, 0), (options, N_BINS_SMALL))?;
            charts.push(((*key).clone(), read));
        }
    }
    let next = (n_found > begin.saturating_add(N_CHARTS)).then(|| (begin + N_CHARTS).to_string());
    Ok(Shown {
        run,
        experiment,
        parent,
        wide,
        charts,
        n_found,
        next,
        keys,
    })
}

/// What stands before the first slash of a name.
fn group(key: &str) -> &str {
    key.split_once('/').map_or("", |(group, _)| group)
}

fn grid(shown: &Shown, query: &Query, options: Options) -> Markup {
    html! {
        @for chunk in shown.charts.chunk_by(|(a, _), (b, _)| group(a) == group(b)) {
            section {
                @let name = group(&chunk[0].0);
                @if !name.is_empty() { h2 { (name) } }
                div.panels { @for (key, read) in chunk {
                    (curves::panel(key, Some(&query.with(&[("key", key), ("find", ""), ("page", "")])), std::slice::from_ref(read), options, Size::Small(table::metric(&shown.run, key))))
                } }
            }
        }
    }
}

fn one_chart(shown: &Shown, query: &Query, options: Options) -> Markup {
    let asked: Vec<&str> = query.all("key").take(N_LINES).collect();
    let others = shown
        .keys
        .iter()
        .filter(|key| !asked.contains(&key.as_str()));
    html! {
        (curves::panel(&asked.join(", "), None, &shown.wide, options, Size::Wide))
        p.keys {
            @for key in &asked { a.chip.on href=(query.without("key", key)) title="Take away" { (key) " ×" } }
            a.button.plain href=(query.with(&[("key", "")])) { "All charts" }
        }
        (curves::table(&shown.wide))
        details.add {
            summary { "Add a line" }
            p.keys { @for key in others.take(500) { a.chip href=(query.and("key", key)) { (key) } } }
        }
    }
}
