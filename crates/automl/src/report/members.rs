//! What the model is made of: the members by weight, each with the parameters that are not at their defaults.

use super::{Page, is_member, shares};
use automl_core::{ParamMap, ParamValue};
use automl_engine::{LeaderboardRow, registry};
use maud::{Markup, html};

pub(super) fn section(page: &Page<'_>) -> Markup {
    let mut members: Vec<&LeaderboardRow> = page
        .leaderboard
        .rows
        .iter()
        .filter(|row| is_member(row))
        .collect();
    members.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    html! {
        section id="members" {
            h2 { @if page.distilled.is_some() { "The ensemble is made of" } @else { "The model is made of" } }
            (shares("model", members.iter().map(|row| (row.name.as_str(), row.weight))))
            @for row in &members { (member(row)) }
        }
    }
}

fn member(row: &LeaderboardRow) -> Markup {
    let (changed, default) = by_default(row);
    html! {
        details {
            summary { (row.name) @if !row.recipe.is_empty() { ", recipe " (row.recipe) } }
            @if changed.is_empty() {
                p.soft { "All parameters are at their defaults." }
            } @else {
                pre { (lines(&changed)) }
            }
            @if !row.learned.is_empty() {
                p.soft { "Found while fitting, the mean over the folds:" }
                pre { (lines(&row.learned)) }
            }
            @if !default.is_empty() {
                details {
                    summary { "parameters at their defaults" }
                    pre { (lines(&default)) }
                }
            }
        }
    }
}

/// Parameters that differ from their defaults, and those that do not.
pub(super) fn by_default(row: &LeaderboardRow) -> (ParamMap, ParamMap) {
    let specs = registry::learner(&row.learner).map_or(&[][..], |learner| learner.params);
    let is_default = |name: &String, value: &ParamValue| {
        let spec = specs.iter().find(|spec| spec.name == name);
        spec.is_some_and(|spec| (spec.default)() == *value)
    };
    let (default, changed) =
        (row.params.clone().into_iter()).partition(|(name, value)| is_default(name, value));
    (changed, default)
}

fn lines(params: &ParamMap) -> String {
    let lines: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.join("\n")
}
