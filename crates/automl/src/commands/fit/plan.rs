//! `automl fit --plan-only`: what a fit would do.

use super::{Begun, options, prepare, search_run, several, warn_of_leaks};
use crate::commands::Status;
use crate::console::{Format, print_json, print_text};
use crate::text::{self, Align};
use automl_core::{CancelToken, NoEvents, ParamMap, ParamValue, size_text};
use automl_engine::{NoJournal, PlannedTrial, Preview, preview};
use serde_json::json;

/// Plans and prints the plan; of several targets the plan of each, in its share of the time.
pub(super) fn run(begun: &Begun, targets: &[String]) -> anyhow::Result<Status> {
    let (reporter, console) = (&begun.reporter, begun.console);
    several::check_options(&begun.settings, targets)?;
    let mut plans = Vec::new();
    for number in 0..targets.len() {
        let mut settings = several::of_target(&begun.settings, targets, number);
        let n_targets = targets.len() as u32;
        settings.fit.time_limit = settings.fit.time_limit.map(|limit| limit / n_targets);
        let prepared = prepare(&settings, &begun.loaded, reporter.warnings())?;
        reporter.show_warnings();
        warn_of_leaks(&settings, &prepared, reporter);
        let run = search_run(
            &prepared,
            reporter,
            &NoEvents,
            CancelToken::default(),
            (&NoJournal, &[]),
        );
        let plan = preview(&prepared.dataset, &options(&settings, &prepared), &run)?;
        plans.push((&targets[number], plan));
    }
    reporter.finish();
    match (console.format(), plans.as_slice()) {
        (Format::Json, [(_, plan)]) => print_json(plan)?,
        (Format::Text, [(_, plan)]) => print_text(&in_words(plan))?,
        (Format::Json, plans) => {
            let plan =
                |(target, plan): &(&String, Preview)| json!({ "target": target, "plan": plan });
            print_json(&json!({ "targets": plans.iter().map(plan).collect::<Vec<_>>() }))?;
        }
        (Format::Text, plans) => {
            for (target, plan) in plans {
                print_text(&format!("target  {target}\n{}\n", in_words(plan)))?;
            }
        }
    }
    Ok(Status::Done)
}

fn in_words(plan: &Preview) -> String {
    let [train, valid] = plan.rows_per_fit;
    let members = match (plan.refit, plan.thins_bags) {
        (true, _) => "each fitted again on all rows",
        (false, false) => "each the mean of its fold models",
        (false, true) => "each the mean of its fold models, as many as a row has time for",
    };
    let rows = format!(
        "{} rows, {} features; a fit learns from {} rows and is scored on {}",
        text::count(plan.n_rows as u64),
        text::count(plan.n_features as u64),
        text::count(train as u64),
        text::count(valid as u64)
    );
    let fits = text::counted(plan.fits_per_trial as u64, "fit");
    let memory = format!(
        "about {} for the table, its encodings and predictions{}",
        size_text(plan.memory_bytes),
        plan.memory_limit.map_or_else(String::new, |limit| format!(
            ", {} are allowed",
            size_text(limit)
        ))
    );
    let facts = text::facts(&[
        ("task", format!("{}, metric {}", plan.task, plan.metric)),
        ("data", rows),
        ("scores", format!("{}, {fits} a trial", plan.validation)),
        ("members", members.to_owned()),
        ("time", time(plan)),
        ("memory", memory),
    ]);
    let heading = [
        ("#", Align::Right),
        ("learner", Align::Left),
        ("recipe", Align::Left),
        ("target", Align::Left),
        ("first model", Align::Right),
        ("a fit at most", Align::Right),
        ("memory", Align::Right),
        ("parameters", Align::Left),
    ];
    let rows: Vec<Vec<String>> = plan.trials.iter().map(row).collect();
    format!("{facts}\n{}\n{}", text::table(&heading, &rows), then(plan))
}

fn time(plan: &Preview) -> String {
    plan.phases.map_or_else(String::new, |phases| {
        let distill = phases.distill_seconds.map_or_else(String::new, |end| {
            format!("distillation until {}, ", text::seconds(end))
        });
        format!(
            "search until {}, ensemble until {}, refit until {}, {distill}explanations until {}, all within {}",
            text::seconds(phases.search_seconds),
            text::seconds(phases.ensemble_seconds),
            text::seconds(phases.refit_seconds),
            text::seconds(phases.explain_seconds),
            text::seconds(phases.limit_seconds)
        )
    })
}

fn row(trial: &PlannedTrial) -> Vec<String> {
    let least = if trial.is_too_slow {
        "too long".to_owned()
    } else if trial.first_model_seconds < 0.05 {
        "< 0.1s".to_owned()
    } else {
        format!("> {}", text::seconds(trial.first_model_seconds))
    };
    vec![
        trial.trial.to_string(),
        trial.learner.to_owned(),
        trial.recipe.to_owned(),
        trial.target_map.to_owned(),
        least,
        trial
            .fit_seconds_max
            .map_or_else(String::new, text::seconds),
        size_text(trial.memory_bytes),
        parameters(&trial.params),
    ]
}

/// The parameters that differ between the configurations of a plan, in short; `--format json` has all.
fn parameters(params: &ParamMap) -> String {
    const SHOWN: [&str; 4] = ["learning_rate", "max_leaves", "n_trees", "c"];
    let shown = SHOWN.iter().filter_map(|name| {
        let value = match params.get(*name)? {
            ParamValue::Float(value) => format!("{value}"),
            ParamValue::Int(value) => value.to_string(),
            _ => return None,
        };
        Some(format!("{name} {value}"))
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn then(plan: &Preview) -> String {
    if plan.tuned.is_empty() {
        return "the search ends with these\n".to_owned();
    }
    format!(
        "then, in the time or trials that are left, the best of these are tuned: {}\nevery fit learns from all its training rows; when it has a first model and its memory are rough forecasts\n",
        plan.tuned.join(", ")
    )
}
