//! What trials measured on the way, as curves.

use super::super::chart::{Scale, length};
use super::super::{format, parts};
use super::plane::{Axis, WIDE, fifth, grid, shades};
use super::view::View;
use crate::insight::{Insight, Row};
use automl_store::studies::TrialState;
use maud::{Markup, html};
use std::fmt::Write as _;

/// Curves that are drawn: those of the best trials, and evenly spaced others.
const CURVES_MAX: usize = 80;
/// Points of a curve; of more, evenly spaced ones with the last.
const POINTS_MAX: usize = 80;
/// The share of all measured numbers that the scale holds at its worse end.
const SHOWN_SHARE: f64 = 0.95;
const LOG_SPAN: f64 = 50.0;

pub(super) fn section(insight: &Insight, view: &View) -> Markup {
    let drawn = drawn(insight);
    let n_curves = curved(insight).count();
    html! {
        @if n_curves > 0 { section id="curves" {
            h2 { "What trials measured on the way" }
            @if drawn.is_empty() { (parts::nothing("No trial measured finite numbers.")) }
            @else { figure.panel.wide {
                div.scroll { (chart(insight, &drawn, view)) }
                p.soft.small {
                    "Complete trials from the worst to the best " (shades()) ", "
                    span.key.t-pruned {} "pruned, " span.key.t-running {} "running."
                    @if n_curves > drawn.len() { " " (drawn.len()) " of " (format::counted(n_curves as i64, "curve")) "." }
                }
            } }
        } }
    }
}

fn curved(insight: &Insight) -> impl Iterator<Item = (usize, &Row)> {
    let all = insight.rows.iter().enumerate();
    all.filter(|(_, row)| !row.curve.is_empty())
}

/// Positions and classes of the trials whose curves are drawn, the best last.
fn drawn(insight: &Insight) -> Vec<(usize, &'static str)> {
    let has_curve = |at: &usize| {
        let curve = &insight.rows[*at].curve;
        curve.iter().any(|(_, value)| value.is_finite())
    };
    let ranked: Vec<usize> = super::ranked(insight, 0)
        .into_iter()
        .map(|(at, _)| at)
        .collect();
    let ranked: Vec<usize> = ranked.into_iter().filter(has_curve).collect();
    let mut is_ranked = vec![false; insight.rows.len()];
    for &at in &ranked {
        is_ranked[at] = true;
    }
    let others: Vec<usize> = curved(insight)
        .map(|(at, _)| at)
        .filter(|at| !is_ranked[*at] && has_curve(at))
        .collect();
    let n = ranked.len();
    let n_others = others.len().min(CURVES_MAX / 2);
    let places: Vec<usize> = (0..n).collect();
    let best = super::drawn(&places, CURVES_MAX - n_others);
    let class = |at: usize| match insight.rows[at].state {
        TrialState::Pruned => "t-pruned",
        TrialState::Running | TrialState::Stopping => "t-running",
        _ => "t-failed",
    };
    let others = (0..n_others).map(|at| others[at * others.len() / n_others]);
    let others = others.map(|at| (at, class(at)));
    others
        .chain(
            best.into_iter()
                .rev()
                .map(|place| (ranked[place], fifth(n - 1 - place, n))),
        )
        .collect()
}

fn chart(insight: &Insight, drawn: &[(usize, &'static str)], view: &View) -> Markup {
    let curves: Vec<Vec<(i64, f64)>> = drawn
        .iter()
        .map(|(at, _)| thinned(&insight.rows[*at].curve))
        .collect();
    let (low, high, is_log) = range(insight, &curves, view.is_log);
    let steps = curves.iter().flatten().map(|(step, _)| *step as f64);
    let x = Axis::Numbers(Scale::over(steps, false, 0.01, WIDE.across()));
    let y = Axis::Numbers(Scale::over(
        [low, high].into_iter(),
        is_log,
        0.05,
        WIDE.up(),
    ));
    let name = &insight.objectives[0].name;
    html! {
        svg.plot viewBox=(WIDE.view_box()) role="img" aria-label=(format!("{name} by step of {} trials", drawn.len())) {
            (grid(&WIDE, &x, &y, ["step", name]))
            @for ((at, class), curve) in drawn.iter().zip(&curves) {
                @let number = insight.rows[*at].number;
                @match curve.as_slice() {
                    [(step, value)] => circle.dot.(class) cx=(length(x.place(*step as f64))) cy=(length(y.place(*value))) r="2.6" { title { "trial " (number) } },
                    curve => path.curve.(class) d=(path(curve, &x, &y)) { title { "trial " (number) } },
                }
            }
        }
    }
}

/// Finite points of a curve, at most so many.
fn thinned(curve: &[(i64, f64)]) -> Vec<(i64, f64)> {
    let finite = curve.iter().filter(|(_, value)| value.is_finite());
    let finite: Vec<(i64, f64)> = finite.copied().collect();
    let n = finite.len().min(POINTS_MAX);
    (1..=n)
        .map(|at| finite[at * finite.len() / n - 1])
        .collect()
}

/// Between which numbers curves are shown: their first steps may be far worse than all that follows.
fn range(insight: &Insight, curves: &[Vec<(i64, f64)>], is_log: Option<bool>) -> (f64, f64, bool) {
    let values = curves.iter().flatten();
    let mut losses: Vec<f64> = values.map(|(_, value)| insight.loss(0, *value)).collect();
    losses.sort_by(f64::total_cmp);
    let (Some(best), Some(worst)) = (losses.first(), losses.last()) else {
        return (0.0, 1.0, false);
    };
    let near = losses[((losses.len() - 1) as f64 * SHOWN_SHARE) as usize];
    let limit = if near > *best { near } else { *worst };
    let (a, b) = (insight.loss(0, *best), insight.loss(0, limit));
    let (low, high) = (a.min(b), a.max(b));
    let is_positive = low > 0.0;
    let is_log = is_positive && is_log.unwrap_or(high / low > LOG_SPAN);
    (low, high, is_log)
}

fn path(curve: &[(i64, f64)], x: &Axis, y: &Axis) -> String {
    let mut path = String::with_capacity(curve.len() * 12);
    for (at, (step, value)) in curve.iter().enumerate() {
        let letter = if at == 0 { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        write!(
            path,
            "{letter}{:.1} {:.1}",
            x.place(*step as f64),
            y.place(*value)
        )
        .ok();
    }
    path
}
