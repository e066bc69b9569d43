//! An objective along each parameter by itself.

use super::super::chart::Scale;
use super::super::format;
use super::plane::{Axis, Dot, FIFTHS, PANEL, dots, fifth, grid, shades};
use super::spread::Spread;
use super::view::View;
use crate::insight::Insight;
use maud::{Markup, html};

/// Parameters that have a chart, those that matter most.
const PANELS_MAX: usize = 12;
/// Trials that are drawn in each.
const DRAWN_MAX: usize = 420;
/// How much of its place the dots of a choice are spread over.
const JITTER: f64 = 0.56;

pub(super) fn section(insight: &Insight, objective: usize, view: &View) -> Markup {
    let name = &insight.objectives[objective].name;
    let ranked = super::ranked(insight, objective);
    let parameters: Vec<usize> = insight
        .by_weight(objective)
        .into_iter()
        .take(PANELS_MAX)
        .collect();
    if ranked.len() < 2 || parameters.is_empty() {
        return html! {};
    }
    let order: Vec<usize> = ranked.iter().map(|(at, _)| *at).collect();
    let shown = super::drawn(&order, DRAWN_MAX);
    html! {
        section id=[(objective == view.objectives[0]).then_some("slices")] {
            h2 { (name) " along each parameter" }
            div.panels { @for &j in &parameters { (panel(insight, objective, j, &shown, view)) } }
            p.soft.small {
                "Each dot is a trial, from the earliest to the latest " (shades())
                @if insight.parameters.len() > parameters.len() { ". The " (parameters.len()) " parameters that matter most of " (insight.parameters.len()) }
                @if ranked.len() > DRAWN_MAX { ". " (DRAWN_MAX) " of " (format::count(ranked.len() as i64)) " trials, the best among them" }
                "."
            }
        }
    }
}

fn panel(insight: &Insight, objective: usize, j: usize, shown: &[usize], view: &View) -> Markup {
    let parameter = &insight.parameters[j];
    let spread = Spread::of(insight, objective, view.is_log);
    let x = Axis::of(&parameter.along, 0.03, PANEL.across());
    let values = [spread.low, spread.high].into_iter();
    let y = Axis::Numbers(Scale::over(values, spread.is_log, 0.06, PANEL.up()));
    let name = &insight.objectives[objective].name;
    let n = insight.rows.len();
    let all: Vec<Dot> = shown
        .iter()
        .filter_map(|&at| Some((at, insight.rows[at].at[j]?)))
        .map(|(at, own)| {
            let row = &insight.rows[at];
            let value = row.values[objective];
            Dot {
                at: (x.place(own) + jitter(row.number) * x.band(), y.place(value)),
                class: fifth(at, n),
                title: format!(
                    "trial {}: {} {}, {name} {}",
                    row.number,
                    parameter.name,
                    row.params
                        .get(&parameter.name)
                        .map_or_else(String::new, told),
                    format::number(value)
                ),
            }
        })
        .collect();
    let n_absent = shown.len() - all.len();
    html! {
        figure.panel {
            figcaption { span title=(parameter.name) { (parameter.name) } }
            svg.plot viewBox=(PANEL.view_box()) role="img" aria-label=(format!("{name} along {}, {} trials", parameter.name, all.len())) {
                (grid(&PANEL, &x, &y, ["", ""]))
                (dots(&all, &FIFTHS))
            }
            @if n_absent > 0 { p.soft.small { "absent in " (format::counted(n_absent as i64, "trial")) } }
        }
    }
}

/// A number as in a table, all else as it is.
fn told(value: &automl_core::ParamValue) -> String {
    match value {
        automl_core::ParamValue::Float(number) => format::number(*number),
        other => other.to_string(),
    }
}

/// A share from -½ to ½ of the spread, the same for a trial wherever it is drawn: multiples of the golden ratio fill evenly.
pub(super) fn jitter(number: i64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    ((number as f64 * GOLDEN).fract() - 0.5) * JITTER
}
