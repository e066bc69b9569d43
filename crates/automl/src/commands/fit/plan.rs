//! `automl fit --plan-only`: what a fit would do.

use super::{Begun, options, prepare, search_run, several, test_table, warn_of_leaks};
use crate::commands::Status;
use crate::console::{Format, print_json, print_text};
use crate::report;
use crate::text::{self, Align};
use automl_core::{CancelToken, NoEvents, size_text};
use automl_engine::{LEARNERS, NoJournal, PlannedTrial, Preview, preview};
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
        if number == 0 {
            test_table::compare(begun, &prepared.schema)?;
        }
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
        ("members", report::members_of(plan).to_owned()),
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
        parameters(trial),
    ]
}

/// The parameters that are not as their learner has them, but for the trees that boosting may grow; `--format json` has all.
fn parameters(trial: &PlannedTrial) -> String {
    let specs = LEARNERS.iter().find(|spec| spec.id == trial.learner);
    let specs = specs.map_or(&[][..], |spec| spec.params);
    let shown = specs.iter().filter(|spec| spec.name != "n_trees");
    let shown = shown.filter_map(|spec| {
        let value = trial.params.get(spec.name)?;
        (*value != (spec.default)()).then(|| format!("{} {value}", spec.name))
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn then(plan: &Preview) -> String {
    if plan.tuned.is_empty() {
        return "the search ends with these\n".to_owned();
    }
    let learns = plan.rows_per_probe.map_or_else(
        || "every fit learns from all its training rows".to_owned(),
        |n_rows| {
            format!(
                "a trial that is not the first of its learner learns from {} rows first, and from all its training rows if it is among the best third",
                text::count(n_rows as u64)
            )
        },
    );
    format!(
        "then, in the time or trials that are left, the best of these are tuned: {}\n{learns}; when a fit has a first model and its memory are rough forecasts\n",
        plan.tuned.join(", ")
    )
}
