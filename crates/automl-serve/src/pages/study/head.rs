//! What a study is and what came of it, in words and figures.

use super::super::format;
use super::super::parts;
use crate::insight::{Insight, Weight};
use automl_store::studies::{Direction, TrialState};
use maud::{Markup, html};

/// Trials of a front that are listed at the top.
const FRONT_MAX: usize = 12;
/// Parameters whose importance is listed.
const WEIGHTS_MAX: usize = 15;

/// The state of a trial, as a dot and a word.
pub(super) fn state(state: TrialState) -> Markup {
    let name = state.name();
    html! { span class={ "status t-" (name) } { span.dot aria-hidden="true" {} (name) } }
}

pub(super) fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Minimize => "less is better",
        Direction::Maximize => "more is better",
    }
}

/// How many trials there are in each state.
fn states(insight: &Insight) -> Markup {
    let states = insight.states();
    let n = insight.rows.len();
    html! {
        div.states {
            svg.share viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
                @for (at, (name, count)) in states.iter().enumerate() {
                    @let before: usize = states[..at].iter().map(|(_, n)| n).sum();
                    rect class={ "t-" (name) } x=(percent(before, n)) y="0" width=(percent(*count, n)) height="6" {}
                }
            }
            ul.legend { @for (name, count) in &states {
                li { span.status.{ "t-" (name) } { span.dot aria-hidden="true" {} (format::count(*count as i64)) " " (name) } }
            } }
        }
    }
}

/// A share in hundredths of a drawing.
fn percent(part: usize, of: usize) -> String {
    format!("{:.2}", 100.0 * part as f64 / of.max(1) as f64)
}

/// The first lines: what, how many, how long.
pub(super) fn facts(insight: &Insight) -> Markup {
    let n = insight.rows.len();
    let mean_ms = mean_ms(insight);
    let mut clients: Vec<&str> = insight
        .rows
        .iter()
        .filter_map(|row| row.client.as_deref())
        .collect();
    clients.sort_unstable();
    clients.dedup();
    let objectives: Vec<String> = insight
        .objectives
        .iter()
        .map(|own| format!("{} ({})", own.name, direction(own.direction)))
        .collect();
    html! {
        dl.card.facts {
            (parts::fact("Objectives", &html! { (objectives.join(", ")) }))
            (parts::fact("Trials", &html! { (format::count(n as i64)) @if n > 0 { (states(insight)) } }))
            (parts::fact("Parameters", &html! { (format::count(insight.parameters.len() as i64)) }))
            (parts::fact("Took", &html! { @match insight.duration_us() { Some(us) => (format::duration(us / 1000)), None => span.none { "–" } } }))
            @if let Some(ms) = mean_ms { (parts::fact("A trial takes", &html! { (format::duration(ms)) })) }
            @if !clients.is_empty() { (parts::fact("Workers", &html! { (format::count(clients.len() as i64)) })) }
            @for (name, value) in &insight.method { (parts::fact(name, &html! { (value) })) }
            (parts::fact("Made", &html! { (format::moment(insight.study.created_us / 1000)) }))
        }
    }
}

/// The mean time of trials that ended with a value.
fn mean_ms(insight: &Insight) -> Option<i64> {
    let took: Vec<i64> = insight
        .rows
        .iter()
        .filter(|row| row.state == TrialState::Complete)
        .filter_map(|row| Some(row.took_us()? / 1000))
        .collect();
    let n = i64::try_from(took.len()).ok().filter(|n| *n > 0)?;
    Some(took.iter().sum::<i64>() / n)
}

/// The best trial, or the front, with parameters to copy.
pub(super) fn best(insight: &Insight) -> Markup {
    let rows: Vec<_> = insight.best.iter().map(|&at| &insight.rows[at]).collect();
    let [first, ..] = rows.as_slice() else {
        return html! { section id="best" { h2 { "Best trial" } (parts::nothing("No trial is complete yet.")) } };
    };
    html! {
        section id="best" {
            @if insight.objectives.len() == 1 {
                h2 { "Best trial" }
                p.headline { b { (format::number(first.values[0])) } " " (insight.objectives[0].name) " " span.soft { "in trial " (first.number) } }
                pre.low { (lines_of(&first.params)) }
            } @else {
                h2 { "Best trials: " (format::counted(rows.len() as i64, "trial")) " that no other beats in all objectives" }
                div.card.scroll.low { table {
                    thead { tr { th.n { "Trial" } @for own in &insight.objectives { th.n { (own.name) } } th { "Parameters" } } }
                    tbody { @for row in rows.iter().take(FRONT_MAX) { tr {
                        td.n { (row.number) }
                        @for value in &row.values { td.n { (format::number(*value)) } }
                        td.wrap { code { (text_of(&row.params)) } }
                    } } }
                } }
                @if rows.len() > FRONT_MAX { p.soft { "The first " (FRONT_MAX) " by " (insight.objectives[0].name) "." } }
            }
        }
    }
}

/// Parameters as JSON, one a line.
fn lines_of(params: &automl_core::ParamMap) -> String {
    // Maps of plain values can always be written.
    serde_json::to_string_pretty(params).unwrap_or_else(|_odd| text_of(params))
}

/// Parameters as JSON in one line.
fn text_of(params: &automl_core::ParamMap) -> String {
    let pairs: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{}: {}", serde_json::json!(name), serde_json::json!(value)))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

/// How much each parameter matters.
pub(super) fn importance(insight: &Insight, objectives: &[usize]) -> Markup {
    html! {
        section id="importance" {
            h2 { "What matters" }
            @if insight.parameters.is_empty() { (parts::nothing("No trial has a parameter.")) }
            @for &k in objectives { (weights(insight, k)) }
            @if !insight.parameters.is_empty() {
                p.soft.small { "By the best: how the values of the best tenth of trials differ from all (PED-ANOVA). By variance: what a parameter alone explains of a forest that learnt the objective (fANOVA)." }
            }
        }
    }
}

fn weights(insight: &Insight, objective: usize) -> Markup {
    let weights = &insight.weights[objective];
    let is_told = weights
        .iter()
        .any(|one| one.ped_anova > 0.0 || one.fanova > 0.0);
    html! {
        @if objectives_are_named(insight) { h3 { (insight.objectives[objective].name) } }
        @if is_told {
            div.card.scroll { table.weights {
                thead { tr { th { "Parameter" } th { "By the best" } th { "By variance" } } }
                tbody { @for one in weights.iter().take(WEIGHTS_MAX) { (weight(one)) } }
            } }
            @if weights.len() > WEIGHTS_MAX { p.soft { "and " (format::counted((weights.len() - WEIGHTS_MAX) as i64, "parameter")) " that matter less" } }
        } @else if !weights.is_empty() {
            (parts::nothing("Nothing differs yet: that needs a few complete trials with different values."))
        }
    }
}

fn objectives_are_named(insight: &Insight) -> bool {
    insight.objectives.len() > 1
}

fn weight(one: &Weight) -> Markup {
    html! {
        tr {
            th scope="row" title=(one.parameter) { (super::plane::short(&one.parameter, 28)) }
            (bar(one.ped_anova, "s0"))
            (bar(one.fanova, "s2"))
        }
    }
}

fn bar(share: f64, class: &str) -> Markup {
    html! {
        td.portion {
            svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" { rect.track width="100" height="8" rx="2" {} rect class=(class) width=(format!("{:.2}", 100.0 * share)) height="8" rx="2" {} }
            span { (format!("{:.1} %", 100.0 * share)) }
        }
    }
}
