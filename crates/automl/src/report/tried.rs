//! What was tried: every scored model, best first, with the parameters that are not at their defaults.

use super::{MAX_MODELS, Page, members};
use crate::text;
use automl_core::ParamValue;
use automl_core::metrics::Metric;
use automl_engine::LeaderboardRow;
use maud::{Markup, html};

pub(super) fn section(page: &Page<'_>) -> Markup {
    let rows = &page.leaderboard.rows;
    let shown = &rows[..rows.len().min(MAX_MODELS)];
    let lengths = bar_lengths(page.metric, shown);
    html! {
        section id="tried" {
            h2 { "What was tried" }
            p.soft { (counts(page)) }
            div.card {
                table.tried {
                    thead { tr {
                        th.n { "#" } th { "model" } th.n { (page.metric.title()) }
                        @if page.costs.is_some() { th.n { "mean cost" } }
                        th { "" } th.n { "spread of folds" } th.n { "fit time" }
                    } }
                    tbody {
                        @for (row, length) in shown.iter().zip(lengths) {
                            tr.top[row.trial.is_none()] {
                                td.n { (row.rank) }
                                td { (name(row)) }
                                td.n { (text::score(row.score)) }
                                @if page.costs.is_some() { td.n { (row.mean_cost.map_or_else(String::new, text::score)) } }
                                td.track { span.bar style=(format!("width:{length:.1}%")) {} }
                                td.n { (spread(&row.fold_scores)) }
                                td.n { (text::seconds(row.fit_seconds)) }
                            }
                        }
                    }
                }
            }
            p.soft { "The fuller its bar, the nearer a model is to the best. The fit time of the ensemble is the sum over its members. Below a name are the recipe and the parameters that are not at their defaults." }
            @if rows.len() > shown.len() {
                p.soft { "and " (text::counted((rows.len() - shown.len()) as u64, "more model")) " in leaderboard.json" }
            }
        }
    }
}

/// The model and, but for the ensemble, what it was given.
fn name(row: &LeaderboardRow) -> Markup {
    let title =
        html! { (row.name) @if row.is_partial { span.soft { " (cut short by the limit)" } } };
    if row.trial.is_none() {
        return title;
    }
    let changed = members::by_default(row).0;
    html! {
        details {
            summary { (title) }
            p.soft {
                @if !row.recipe.is_empty() { "recipe " (row.recipe) "; " }
                @if changed.is_empty() { "all parameters at their defaults" }
                @for (place, (name, value)) in changed.iter().enumerate() {
                    @if place > 0 { ", " }
                    (name) " " (short(value))
                }
            }
        }
    }
}

/// Four digits of a number, which tell enough of it.
fn short(value: &ParamValue) -> String {
    match value {
        ParamValue::Float(number) => {
            let rounded: f64 = format!("{number:.3e}").parse().unwrap_or(*number);
            rounded.to_string()
        }
        other => other.to_string(),
    }
}

/// How many trials came to what.
fn counts(page: &Page<'_>) -> String {
    let n_scored = page.trials.len() as u64;
    let [n_failed, n_late] = page.course.n_failed();
    let n_given_up = page.n_started.saturating_sub(n_scored + n_failed + n_late);
    let parts = [
        (
            n_given_up,
            "given up after the first split, or not done when the search ended",
        ),
        (n_late, "without a model in the time that was theirs"),
        (n_failed, "failed"),
    ];
    let parts = parts.iter().filter(|(n, _)| *n > 0);
    let parts: Vec<String> = parts
        .map(|(n, what)| format!("{} {what}", text::count(*n)))
        .collect();
    let others = match parts.as_slice() {
        [] => String::new(),
        parts => format!("; {}", parts.join(", ")),
    };
    format!("{}{others}.", text::trials(n_scored, page.n_started))
}

/// Where each model stands between the best (a full bar) and the worst but for the last few, which a baseline often is.
fn bar_lengths(metric: Metric, rows: &[LeaderboardRow]) -> Vec<f64> {
    const FULL_SHARE: f64 = 0.8;
    let losses: Vec<f64> = rows.iter().map(|row| metric.loss(row.score)).collect();
    let mut finite: Vec<f64> = losses
        .iter()
        .copied()
        .filter(|loss| loss.is_finite())
        .collect();
    finite.sort_unstable_by(f64::total_cmp);
    let best = finite.first().copied().unwrap_or(0.0);
    let worst = finite
        .get((finite.len() as f64 * FULL_SHARE) as usize)
        .or(finite.last())
        .copied()
        .unwrap_or(0.0);
    let span = if worst > best { worst - best } else { 1.0 };
    let length = |loss: &f64| 100.0 - 96.0 * ((loss - best) / span).clamp(0.0, 1.0);
    losses
        .iter()
        .map(|loss| if loss.is_finite() { length(loss) } else { 0.0 })
        .collect()
}

fn spread(fold_scores: &[f64]) -> String {
    if fold_scores.len() < 2 {
        return "–".into();
    }
    let mean = fold_scores.iter().sum::<f64>() / fold_scores.len() as f64;
    let squares: f64 = fold_scores.iter().map(|score| (score - mean).powi(2)).sum();
    format!(
        "± {}",
        text::score((squares / (fold_scores.len() - 1) as f64).sqrt())
    )
}
