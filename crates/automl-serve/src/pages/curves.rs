//! Histories of metrics as charts: how they are asked for, read and shown.

use super::chart::{LineChart, Point, Series, class, smoothed};
use super::query::Query;
use super::{format, parts};
use automl_store::db::Sql;
use automl_store::tracking::TrackingError;
use automl_store::tracking::curve::{self, Axis, Curve};
use automl_store::tracking::runs::RunInfo;
use maud::{Markup, html};

/// The most smoothing; at 1 a line would never move.
const SMOOTH_MAX: f64 = 0.99;
/// Bins of a chart among many, and of one that has the page to itself.
pub(super) const N_BINS_SMALL: usize = 160;
pub(super) const N_BINS_WIDE: usize = 400;

/// How curves are shown, as the address says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Options {
    pub(super) is_log: bool,
    pub(super) smooth: f64,
    pub(super) axis: Axis,
}

impl Options {
    pub(super) fn of(query: &Query) -> Self {
        let smooth: f64 = query.one("smooth").parse().unwrap_or(0.0);
        Self {
            is_log: query.one("scale") == "log",
            smooth: if smooth.is_finite() {
                smooth.clamp(0.0, SMOOTH_MAX)
            } else {
                0.0
            },
            axis: if query.one("x") == "time" {
                Axis::Time
            } else {
                Axis::Step
            },
        }
    }

    /// The form that changes them; all else in the address stays.
    pub(super) fn form(self, query: &Query, more: &Markup) -> Markup {
        html! {
            form.options method="get" data-submit="change" {
                @for (key, value) in query.others(&["scale", "smooth", "x", "find", "page"]) { input type="hidden" name=(key) value=(value); }
                (more)
                label { "Along" select name="x" {
                    option value="" { "steps" }
                    option value="time" selected[self.axis == Axis::Time] { "time" }
                } }
                label { "Scale" select name="scale" {
                    option value="" { "linear" }
                    option value="log" selected[self.is_log] { "logarithmic" }
                } }
                label { "Smoothing" input type="number" name="smooth" min="0" max=(SMOOTH_MAX) step="0.01" value=(self.smooth); }
                button { "Show" }
            }
        }
    }
}

/// One metric of one run, as it was read.
pub(super) struct Read {
    curve: Curve,
    name: String,
    number: usize,
    start_ms: i64,
}

/// Reads a metric of a run; `name` is what its line is called and `number` is its colour.
pub(super) fn read(
    sql: &mut dyn Sql,
    run: &RunInfo,
    key: &str,
    (name, number): (&str, usize),
    (options, n_bins): (Options, usize),
) -> Result<Read, TrackingError> {
    let curve = curve::of_run(sql, run.number, key, options.axis, n_bins)?;
    let first = curve.bins.first().map_or(0.0, |bin| bin.x) as i64;
    Ok(Read {
        name: name.to_owned(),
        number,
        start_ms: run.start_ms.unwrap_or(first),
        curve,
    })
}

/// Seconds in the unit that suits a span of time, and its name.
pub(super) fn unit(seconds: f64) -> (f64, &'static str) {
    match seconds {
        ..180.0 => (1.0, "seconds"),
        180.0..10_800.0 => (60.0, "minutes"),
        10_800.0..259_200.0 => (3600.0, "hours"),
        _ => (86_400.0, "days"),
    }
}

/// How much room a chart has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Size {
    /// One among many; with the latest value beside its title, if it has one line.
    Small(Option<f64>),
    /// The page to itself.
    Wide,
}

/// A chart of curves under its title, which leads to `address`; with a legend if there are several.
pub(super) fn panel(
    title: &str,
    address: Option<&str>,
    reads: &[Read],
    options: Options,
    size: Size,
) -> Markup {
    let is_wide = size == Size::Wide;
    // A metric without steps can only stand along time; then all do.
    let is_time = reads.iter().any(|read| read.curve.axis == Axis::Time);
    let seconds = |read: &Read, x: f64| (x - read.start_ms as f64) / 1000.0;
    let shown = || {
        reads
            .iter()
            .filter(|read| !is_time || read.curve.axis == Axis::Time)
    };
    let ends = shown().flat_map(|read| read.curve.bins.iter().map(|bin| seconds(read, bin.x)));
    let (per_unit, unit) = unit(ends.fold(0.0, f64::max));
    let series: Vec<Series> = shown()
        .map(|read| {
            let point = |bin: &curve::Bin| Point {
                x: if is_time {
                    seconds(read, bin.x) / per_unit
                } else {
                    bin.x
                },
                y: bin.mean,
                low: bin.low,
                high: bin.high,
            };
            let points: Vec<Point> = read.curve.bins.iter().map(point).collect();
            let is_smooth = options.smooth > 0.0 && points.len() > 2;
            Series {
                name: read.name.clone(),
                number: read.number,
                raw: if is_smooth {
                    points.clone()
                } else {
                    Vec::new()
                },
                points: if is_smooth {
                    smoothed(&points, options.smooth)
                } else {
                    points
                },
            }
        })
        .collect();
    let chart = LineChart {
        title,
        x_title: if is_time { unit } else { "step" },
        is_log: options.is_log,
        is_wide,
        series: &series,
    };
    html! {
        figure.panel.wide[is_wide] {
            figcaption {
                @if let Some(address) = address { a href=(address) title=(title) { (title) } } @else { span title=(title) { (title) } }
                @if let Size::Small(Some(latest)) = size { b title="latest" { (format::number(latest)) } }
            }
            @if series.iter().all(|one| one.points.is_empty()) { p.nothing { "No number to draw." } }
            @else { div.scroll { (chart.svg()) } }
            @if reads.len() > 1 { (legend(&series)) }
            @for note in notes(reads, &chart) { p.soft.small { (note) } }
        }
    }
}

fn legend(series: &[Series]) -> Markup {
    html! {
        ul.legend { @for one in series {
            li title=(one.name) {
                svg.swatch viewBox="0 0 18 6" aria-hidden="true" { path class={ "line " (class(one.number)) } d="M0 3L18 3" {} }
                (one.name)
            }
        } }
    }
}

/// What a drawing does not show.
fn notes(reads: &[Read], chart: &LineChart<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let n_points: i64 = reads.iter().map(|read| read.curve.n_points).sum();
    let n_not_finite: i64 = reads.iter().map(|read| read.curve.n_not_finite).sum();
    let n_bins: usize = reads.iter().map(|read| read.curve.bins.len()).sum();
    if n_points - n_not_finite > n_bins as i64 {
        notes.push(format!(
            "{} points, drawn as means with their range in the shade",
            format::count(n_points - n_not_finite)
        ));
    }
    if n_not_finite > 0 {
        notes.push(format!(
            "{} NaN or infinite, not drawn",
            format::counted(n_not_finite, "value")
        ));
    }
    let n_left_out = chart.n_left_out();
    if n_left_out > 0 {
        notes.push(format!(
            "{} not above zero, which powers of ten have no place for",
            format::counted(n_left_out as i64, "point")
        ));
    }
    notes
}

/// The points of a chart as numbers.
pub(super) fn table(reads: &[Read]) -> Markup {
    html! {
        details {
            summary { "The same as numbers" }
            @for read in reads {
                h3 { (read.name) }
                @if read.curve.bins.is_empty() { (parts::nothing("No number was logged.")) }
                @else { div.card.scroll.low { table {
                    thead { tr { th.n { (if read.curve.axis == Axis::Time { "seconds" } else { "step" }) } th.n { "mean" } th.n { "least" } th.n { "greatest" } th.n { "points" } } }
                    tbody { @for bin in &read.curve.bins { tr {
                        td.n { (format::number(if read.curve.axis == Axis::Time { (bin.x - read.start_ms as f64) / 1000.0 } else { bin.x })) }
                        td.n { (format::number(bin.mean)) } td.n { (format::number(bin.low)) } td.n { (format::number(bin.high)) }
                        td.n { (format::count(bin.n_points)) }
                    } } }
                } } }
            }
        }
    }
}
