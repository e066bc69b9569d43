//! What was planned from the data's shape and the limits, beside what came of it: validation, time, learners.

use super::Page;
use crate::text;
use automl_core::{LearnerSpec, size_text};
use automl_engine::{FitOptions, Phases, PlannedTrial, Preview, registry};
use maud::{Markup, html};
use std::collections::BTreeSet;

pub(super) fn section(page: &Page<'_>) -> Markup {
    let Some(plan) = page.plan else {
        return Markup::default();
    };
    let [train, valid] = plan.rows_per_fit.map(|n| text::count(n as u64));
    let fits = text::counted(plan.fits_per_trial as u64, "fit");
    let probe = plan.rows_per_probe.map_or_else(String::new, |n| {
        let n = text::count(n as u64);
        format!(
            "; one that is not the first of its learner begins with {n}, to go on if it does well"
        )
    });
    html! {
        section id="plan" {
            h2 { "Plan" }
            p.soft { "What was planned from the shape of the data and the limits, before the first trial, and what came of it." }
            dl.card.facts {
                dt { "Validation" } dd { (plan.validation) ", " (fits) " a trial, each learning from " (train) " rows and scored on " (valid) (probe) }
                dt { "Members" } dd { (members_of(plan)) }
                dt { "Trials" } dd { (trials(plan, page.options)) }
                dt { "Memory" } dd { (memory(plan)) }
                dt { "Threads" } dd { (page.options.threads) }
                @if !page.options.without.is_empty() { dt { "Left out" } dd { (without(page.options)) } }
            }
            @if let Some(phases) = plan.phases { (time(page, phases)) }
            (learners(page, plan))
        }
    }
}

/// What a member of the ensemble will be.
pub(crate) fn members_of(plan: &Preview) -> &'static str {
    match (plan.refit, plan.thins_bags) {
        (true, _) => "each fitted again on all rows",
        (false, false) => "each the mean of its fold models",
        (false, true) => "each the mean of its fold models, as many as a row has time for",
    }
}

fn memory(plan: &Preview) -> String {
    let needed = size_text(plan.memory_bytes);
    let limit = plan.memory_limit.map_or_else(String::new, |limit| {
        format!(", {} are allowed", size_text(limit))
    });
    format!("about {needed} for the table, its encodings and predictions{limit}")
}

/// How many trials, of what.
fn trials(plan: &Preview, options: &FitOptions) -> String {
    let fixed = text::counted(plan.trials.len() as u64, "fixed configuration");
    let most = match (options.max_trials, options.time_limit) {
        (Some(max), Some(_)) => {
            let max = text::count(max);
            format!("{max} at most, or as many as there is time for")
        }
        (Some(max), None) => text::count(max),
        (None, _) => "as many as there is time for".to_owned(),
    };
    if plan.tuned.is_empty() {
        return format!("{most}, of {fixed}");
    }
    let titles: Vec<&str> = plan.tuned.iter().map(|id| title(id)).collect();
    let tuned = titles.join(", ");
    format!("{most}: {fixed} first; then the best of these are tuned: {tuned}")
}

fn title(id: &'static str) -> &'static str {
    registry::learner(id).map_or(id, |learner| learner.title)
}

fn without(options: &FitOptions) -> String {
    let name = |part| {
        let value = serde_json::to_value(part);
        value
            .ok()
            .and_then(|value| Some(value.as_str()?.to_owned()))
    };
    let parts: Vec<String> = options.without.iter().filter_map(name).collect();
    parts.join(", ")
}

/// Seconds that each phase was to have, and those that it took.
fn time(page: &Page<'_>, phases: Phases) -> Markup {
    let ends = [
        (
            "ensemble",
            "choice of members",
            Some(phases.ensemble_seconds),
        ),
        ("refit", "fits on all rows", Some(phases.refit_seconds)),
        ("distill", "distillation", phases.distill_seconds),
        ("explain", "explanations", Some(phases.explain_seconds)),
        ("write", "writing", Some(phases.limit_seconds)),
    ];
    let mut from = phases.search_seconds;
    let mut rows = vec![("reading and search", from, page.course.begin_of("ensemble"))];
    for (phase, name, end) in ends {
        let Some(end) = end else { continue };
        let kept = (end - from).max(0.0);
        from = end;
        // This page is made while the model is written: what that takes is not known yet.
        let took = (page.course.seconds_of(phase, page.seconds)).filter(|_| phase != "write");
        // Where members are not fitted again, no time is kept for it.
        if kept >= 0.05 || took.is_some() {
            rows.push((name, kept, took));
        }
    }
    let took = |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), text::seconds);
    html! {
        h3 { "Time: " (text::seconds(phases.limit_seconds)) " in all" }
        div.card.narrow { table {
            thead { tr { th { "phase" } th.n { "kept for it" } th.n { "took" } } }
            tbody { @for (name, kept, seconds) in rows { tr {
                td { (name) } td.n { (text::seconds(kept)) } td.n { (took(seconds)) }
            } } }
        } }
    }
}

/// Every learner that could do the task: what was planned of it, what came of it, and why not where nothing did.
fn learners(page: &Page<'_>, plan: &Preview) -> Markup {
    let task = page.manifest.task.kind();
    let is_planned = |spec: &&&LearnerSpec| {
        let planned = plan.trials.iter().any(|trial| trial.learner == spec.id);
        planned || takes_part(page, spec) || spec.capabilities.tasks.contains(&task)
    };
    html! {
        h3 { "Learners" }
        div.card { table.learners {
            thead { tr { th { "learner" } th { "recipes" } th.n { "planned" } th.n { "scored" } th.n { "best " (page.metric.title()) } th { "" } } }
            tbody { @for spec in registry::LEARNERS.iter().filter(is_planned) {
                (learner(page, plan, spec))
            } }
        } }
        p.soft { "A recipe is how columns are encoded for a learner. Planned are its fixed configurations, scored its trials, those of the tuning among them." }
    }
}

fn learner(page: &Page<'_>, plan: &Preview, spec: &LearnerSpec) -> Markup {
    let planned = plan.trials.iter().filter(|trial| trial.learner == spec.id);
    let planned: Vec<&PlannedTrial> = planned.collect();
    let rows = page.leaderboard.rows.iter();
    let scored = rows.filter(|row| row.trial.is_some() && row.learner == spec.id);
    // Best first.
    let best = scored.clone().map(|row| row.score).next();
    let n_scored = scored.clone().count();
    let mut recipes: BTreeSet<&str> = planned.iter().map(|trial| trial.recipe).collect();
    recipes.extend(scored.map(|row| row.recipe.as_str()));
    let recipes: Vec<&str> = recipes.into_iter().collect();
    html! {
        tr {
            td { (spec.title) }
            td { (recipes.join(", ")) }
            td.n { (planned.len()) }
            td.n { (n_scored) }
            td.n { (best.map_or_else(|| "–".to_owned(), text::score)) }
            td.soft { (note(page, spec, &planned, n_scored)) }
        }
    }
}

fn takes_part(page: &Page<'_>, spec: &LearnerSpec) -> bool {
    page.learners.iter().any(|learner| learner.id == spec.id)
}

/// Why a learner has no score, or that some of its trials have none.
fn note(page: &Page<'_>, spec: &LearnerSpec, planned: &[&PlannedTrial], n_scored: usize) -> String {
    let options = page.options;
    if !takes_part(page, spec) {
        let is_named = |names: &[String]| names.iter().any(|name| name == spec.id);
        return if is_named(&options.exclude) {
            "left out by --exclude"
        } else if !options.include.is_empty() && !is_named(&options.include) {
            "left out by --include"
        } else {
            "does not take part"
        }
        .to_owned();
    }
    let n_failed = page.course.n_failed_of(spec.id);
    let n_slow = planned.iter().filter(|trial| trial.is_too_slow).count();
    match (n_scored, n_failed) {
        (0, 0) if n_slow > 0 && n_slow == planned.len() => {
            "left out: its first model would take too long".to_owned()
        }
        (0, 0) if planned.is_empty() => unplanned(page),
        (0, 0) => "not done when the search ended, or not begun".to_owned(),
        (_, 0) => String::new(),
        (_, n) => format!("{} without a model", text::counted(n, "trial")),
    }
}

/// Why a learner that takes part has no fixed configuration.
fn unplanned(page: &Page<'_>) -> String {
    let n_planned = page.plan.map_or(0, |plan| plan.trials.len() as u64);
    match page.options.max_trials {
        Some(max) if max <= n_planned => format!("not among the first {max}"),
        _ => "none is planned for a table like this".to_owned(),
    }
}
