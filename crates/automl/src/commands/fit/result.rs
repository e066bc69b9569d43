//! What a fit says on stdout when it is done.

use super::Finished;
use crate::commands::leaderboard;
use crate::console::{Console, Format, print_json, print_text};
use crate::progress::Reporter;
use crate::text;
use serde_json::json;

/// Models that are shown; `automl leaderboard` shows the others.
const TOP: usize = 10;

/// Prints the result.
pub(super) fn print(
    run: &Finished<'_>,
    reporter: &Reporter,
    console: Console,
) -> anyhow::Result<()> {
    let outcome = run.outcome;
    let seconds = reporter.clock().seconds();
    match console.format() {
        Format::Json => print_json(&json!({
            "model": run.settings.output,
            "target": run.settings.prepare.target,
            "task": run.prepared.dataset.task(),
            "metric": outcome.metric,
            "score": outcome.score,
            "n_trials": outcome.n_trials,
            "n_models": outcome.model.n_models(),
            "interrupted": outcome.interrupted,
            "seconds": seconds,
            "leaderboard": outcome.leaderboard,
            "warnings": reporter.warnings().list(),
        }))?,
        Format::Text => print_text(&in_words(run, seconds))?,
    }
    Ok(())
}

fn in_words(run: &Finished<'_>, seconds: f64) -> String {
    let outcome = run.outcome;
    let output = run.settings.output.display();
    let quoted = text::shell_word(&output.to_string());
    let table = leaderboard::table(&outcome.leaderboard, TOP);
    let stopped = if outcome.interrupted {
        ", stopped by the user"
    } else {
        ""
    };
    let trials = text::counted(outcome.n_trials, "trial");
    let score = text::score(outcome.score);
    format!(
        "{table}\nscore   {} {score} after {trials} in {}{stopped}\nmodel   {output}\nreport  {}\npredict automl predict {quoted} DATA --output predictions.csv\n",
        outcome.metric.name(),
        text::seconds(seconds),
        run.settings.output.join("report.html").display(),
    )
}
