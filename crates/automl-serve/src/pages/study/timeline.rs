//! When trials ran, worker by worker.

use super::super::chart::{Scale, length};
use super::super::format;
use super::plane::{Axis, Frame, short};
use crate::insight::{Insight, Row};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Rows of the chart; workers beyond are counted.
const LANES_MAX: usize = 24;
/// Bars narrower than this are drawn as one with their neighbours of the same state.
const NARROW: f64 = 1.2;
const LANE: f64 = 22.0;
/// Room for the names of workers, and for numbers.
const LEFT: (f64, f64) = (130.0, 36.0);

/// A bar: when it begins and ends, and what it stands for.
struct Bar {
    from: i64,
    to: i64,
    state: &'static str,
    first: i64,
    n: usize,
}

pub(super) fn section(insight: &Insight) -> Markup {
    let now_us = insight
        .rows
        .iter()
        .filter_map(|row| row.ended_us.max(row.started_us))
        .max();
    let first_us = insight.rows.iter().filter_map(|row| row.started_us).min();
    let (Some(now_us), Some(first_us)) = (now_us, first_us) else {
        return html! {};
    };
    let (lanes, is_by_client) = lanes(insight, now_us);
    let n_lanes = lanes.len();
    html! {
        section id="timeline" {
            h2 { "When trials ran" }
            figure.panel.wide {
                div.scroll { (chart(lanes, is_by_client, first_us, now_us)) }
                ul.legend { @for (name, n) in insight.states() { li { span.status.{ "t-" (name) } { span.dot aria-hidden="true" {} (format::count(n as i64)) " " (name) } } } }
                p.soft.small {
                    @if is_by_client { "A row is a worker" } @else { "Workers are not known: trials that ran at the same time stand below one another" }
                    @if n_lanes > LANES_MAX { ". The first " (LANES_MAX) " of " (n_lanes) " rows" }
                    ". It begins at " (format::moment(first_us / 1000)) "."
                }
            }
        }
    }
}

/// Bars by row: of each worker, or packed where trials do not name theirs.
fn lanes(insight: &Insight, now_us: i64) -> (Vec<(String, Vec<Bar>)>, bool) {
    let mut started: Vec<(&Row, i64, i64)> = insight
        .rows
        .iter()
        .filter_map(|row| {
            let from = row.started_us?;
            Some((row, from, row.ended_us.unwrap_or(now_us).max(from)))
        })
        .collect();
    started.sort_by_key(|(row, from, _)| (*from, row.number));
    let bar = |row: &Row, from: i64, to: i64| Bar {
        from,
        to,
        state: row.state.name(),
        first: row.number,
        n: 1,
    };
    if started.iter().any(|(row, ..)| row.client.is_some()) {
        let mut lanes: BTreeMap<String, Vec<Bar>> = BTreeMap::new();
        for (row, from, to) in started {
            let name = row.client.clone().unwrap_or_else(|| "unknown".to_owned());
            lanes.entry(name).or_default().push(bar(row, from, to));
        }
        return (lanes.into_iter().collect(), true);
    }
    let mut lanes: Vec<(String, Vec<Bar>)> = Vec::new();
    for (row, from, to) in started {
        let is_free =
            |(_, bars): &&mut (String, Vec<Bar>)| bars.last().is_none_or(|last| last.to <= from);
        let own = bar(row, from, to);
        match lanes.iter_mut().find(is_free) {
            Some((_, bars)) => bars.push(own),
            None => lanes.push((format!("{}", lanes.len() + 1), vec![own])),
        }
    }
    (lanes, false)
}

fn chart(lanes: Vec<(String, Vec<Bar>)>, is_by_client: bool, first_us: i64, now_us: i64) -> Markup {
    let n = lanes.len().min(LANES_MAX);
    let frame = Frame {
        width: 1100.0,
        height: 40.0 + LANE * n as f64,
        left: if is_by_client { LEFT.0 } else { LEFT.1 },
        right: 16.0,
        top: 6.0,
        bottom: 34.0,
        n_ticks: 8,
    };
    let seconds = |us: i64| (us - first_us) as f64 / 1e6;
    let (per_unit, unit) = super::super::curves::unit(seconds(now_us));
    let ends = [0.0, (seconds(now_us) / per_unit).max(1e-6)].into_iter();
    let x = Axis::Numbers(Scale::over(ends, false, 0.0, frame.across()));
    let place = |us: i64| x.place(seconds(us) / per_unit);
    let (left, right) = frame.across();
    let (floor, _) = frame.up();
    html! {
        svg.plot.timeline viewBox=(frame.view_box()) role="img" aria-label=(format!("Trials over {} rows of time", lanes.len())) {
            @for (at, text) in x.ticks(frame.n_ticks, true) {
                line.grid x1=(length(at)) x2=(length(at)) y1=(frame.top) y2=(floor) {}
                text x=(length(at)) y=(floor + 15.0) text-anchor="middle" { (text) }
            }
            text.along x=(right) y=(frame.height - 3.0) text-anchor="end" { (unit) }
            @for (row, (name, bars)) in lanes.into_iter().take(LANES_MAX).enumerate() {
                @let top = frame.top + LANE * row as f64;
                text x=(left - 8.0) y=(length(top + LANE * 0.66)) text-anchor="end" { (short(&name, 18)) title { (name) } }
                @for bar in joined(bars, &place) {
                    rect class={ "t-" (bar.state) } x=(length(place(bar.from))) y=(length(top + 3.0)) rx="2"
                        width=(length((place(bar.to) - place(bar.from)).max(NARROW))) height=(LANE - 6.0) {
                        title { @if bar.n == 1 { "trial " (bar.first) } @else { (bar.n) " trials from " (bar.first) } ", " (bar.state) ", " (format::duration((bar.to - bar.from) / 1000)) }
                    }
                }
            }
        }
    }
}

/// Bars with narrow neighbours of the same state in one, so that thousands of trials are as many shapes as can be seen.
fn joined(bars: Vec<Bar>, place: &impl Fn(i64) -> f64) -> Vec<Bar> {
    let mut joined: Vec<Bar> = Vec::new();
    for bar in bars {
        let is_narrow = place(bar.to) - place(bar.from) < 2.0 * NARROW;
        match joined.last_mut() {
            Some(last)
                if is_narrow
                    && last.state == bar.state
                    && place(bar.from) - place(last.to) < NARROW =>
            {
                last.to = last.to.max(bar.to);
                last.n += bar.n;
            }
            _ => joined.push(bar),
        }
    }
    joined
}
