//! What a fit says on stdout when it is done.

use super::{Finished, next_command};
use crate::commands::leaderboard;
use crate::console::{Console, Format, print_json, print_text};
use crate::progress::Reporter;
use crate::{decisions, distilled, text};
use automl_engine::ImportantColumn;
use serde_json::{Value, json};

/// Models that are shown; `automl leaderboard` shows the others.
const TOP: usize = 10;

/// Prints the result.
pub(super) fn print(
    run: &Finished<'_>,
    run_id: Option<&str>,
    reporter: &Reporter,
    console: Console,
) -> anyhow::Result<()> {
    let outcome = run.outcome;
    let seconds = reporter.clock().seconds();
    match console.format() {
        Format::Json => print_json(&json!({
            "model": run.settings.output,
            "run_id": run_id,
            "target": run.settings.prepare.target,
            "task": run.prepared.dataset.task(),
            "positive_class": run.prepared.dataset.task().positive_class(),
            "metric": outcome.metric,
            "score": outcome.score,
            "nested_score": outcome.nested,
            "threshold": outcome.decision.threshold(),
            "thresholds": decisions::by_class(run.prepared.dataset.task(), &outcome.decision),
            "cost": run.costs(),
            "row_seconds": outcome.row_seconds,
            "distilled": outcome.distilled,
            "n_trials": outcome.n_trials,
            "n_started": outcome.n_started,
            "n_models": outcome.model.n_models(),
            "interrupted": outcome.interrupted,
            "seconds": seconds,
            "importance": importance(run),
            "leaderboard": outcome.leaderboard,
            "warnings": reporter.warnings().list(),
        }))?,
        Format::Text => {
            print_text(&in_words(run, seconds))?;
            if let Some(run_id) = run_id {
                print_text(&format!("run     {run_id}, shown by automl serve\n"))?;
            }
        }
    }
    Ok(())
}

/// Columns and shares, greatest first; null if the model cannot say.
fn importance(run: &Finished<'_>) -> Option<Vec<Value>> {
    let columns = run.importance?.columns.iter();
    let share =
        |column: &ImportantColumn| json!({ "column": column.column, "share": column.share });
    Some(columns.map(share).collect())
}

fn in_words(run: &Finished<'_>, seconds: f64) -> String {
    let outcome = run.outcome;
    let output = run.settings.output.display();
    let table = leaderboard::table(&outcome.leaderboard, TOP);
    let stopped = if outcome.interrupted {
        ", stopped by you"
    } else {
        ""
    };
    let trials = text::trials(outcome.n_trials, outcome.n_started);
    let score = text::score(outcome.score);
    format!(
        "{table}\nscore   {} {score}, {trials} in {}{stopped}\n{}{}{}{}{}model   {output}\nreport  {}\npredict {}\n",
        outcome.metric.name(),
        text::seconds(seconds),
        nested(run),
        threshold(run),
        cost(run),
        small(run),
        speed(run),
        run.settings.output.join("report.html").display(),
        next_command(&run.settings.output),
    )
}

/// The score without what choosing the members added to it, where it is known.
fn nested(run: &Finished<'_>) -> String {
    run.outcome.nested.map_or_else(String::new, |nested| {
        let [score, low, high] = [nested.score, nested.low, nested.high].map(text::score);
        format!(
            "nested  {score} without what choosing members added, 9 times of 10 from {low} to {high}\n"
        )
    })
}

/// What rows that the model has not seen cost.
fn cost(run: &Finished<'_>) -> String {
    run.costs()
        .map_or_else(String::new, |costs| format!("cost    {}\n", costs.words()))
}

/// What the model is beside the ensemble whose place it took.
fn small(run: &Finished<'_>) -> String {
    run.outcome
        .distilled
        .as_ref()
        .map_or_else(String::new, |told| {
            let words = distilled::words(told, run.outcome.metric);
            format!("distill {words}\n")
        })
}

/// How long one row takes, where that was limited.
fn speed(run: &Finished<'_>) -> String {
    run.outcome.row_seconds.map_or_else(String::new, |seconds| {
        format!("speed   {:.0} µs for one row, by median\n", seconds * 1e6)
    })
}

/// From which probability on a class is predicted, where it is not the likeliest.
fn threshold(run: &Finished<'_>) -> String {
    let task = run.prepared.dataset.task();
    let decision = &run.outcome.decision;
    if let Some(thresholds) = decisions::words(task, decision) {
        let metric = run.outcome.metric.name();
        return format!("classes by thresholds, best by {metric}: {thresholds}\n");
    }
    match (decision.threshold(), task.positive_class()) {
        (Some(threshold), Some(class)) => format!(
            "classes '{class}' above a probability of {}, {}; predict --threshold sets another\n",
            text::probability(threshold),
            match run.prepared.costs {
                Some(_) => "where it costs less".to_owned(),
                None => format!("best by {}", run.outcome.metric.name()),
            }
        ),
        _ => String::new(),
    }
}
