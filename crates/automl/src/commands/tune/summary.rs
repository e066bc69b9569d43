//! What is said of a study when its workers are done.

use super::elsewhere;
use super::shared::Shared;
use super::show::Counts;
use crate::commands::study::pairs;
use crate::console::{Console, Format, print_json, print_text};
use crate::text;
use automl_store::studies::Trial;
use serde_json::{Value, json};

/// Trials of a front that are shown.
const TOP: usize = 10;

/// What came of the study by now, whoever ran its trials.
pub(super) struct Found {
    pub(super) counts: Counts,
    /// Trials that others still run.
    pub(super) held: Vec<Trial>,
    best: Vec<Value>,
}

/// Looks at what came of the study.
pub(super) fn find(shared: &Shared<'_>) -> anyhow::Result<Found> {
    let best = shared.patiently(|| shared.keeper.best(&shared.study))?;
    let held = elsewhere::held(shared)?;
    let counts = counted(shared)?;
    Ok(Found { counts, held, best })
}

/// Prints the result.
pub(super) fn print(
    shared: &Shared<'_>,
    found: &Found,
    run_id: Option<&str>,
    console: Console,
) -> anyhow::Result<()> {
    let Found { counts, held, best } = found;
    let seconds = shared.clock.seconds();
    if console.format() == Format::Json {
        print_json(&json!({
            "study": shared.study.name,
            "n_trials": counts.n_ended(),
            "n_complete": counts.complete,
            "n_pruned": counts.pruned,
            "n_failed": counts.failed,
            "n_running_elsewhere": held.len(),
            "best": best,
            "folder": shared.folder,
            "seconds": seconds,
            "run_id": run_id,
        }))?;
        return Ok(());
    }
    let mut facts = vec![
        ("study", shared.study.name.clone()),
        (
            "trials",
            format!("{} in {}", counts.in_words(), text::seconds(seconds)),
        ),
    ];
    if !held.is_empty() {
        facts.push(("elsewhere", elsewhere::in_words(held)));
    }
    let lines: Vec<String> = best.iter().take(TOP).map(one).collect();
    let heading = if best.len() > 1 { "front" } else { "best" };
    facts.extend(lines.into_iter().map(|line| (heading, line)));
    if best.len() > TOP {
        facts.push(("", format!("and {} more", best.len() - TOP)));
    }
    facts.push(("logs", shared.folder.display().to_string()));
    if let Some(run_id) = run_id {
        facts.push(("run", format!("{run_id}, shown by automl serve")));
    }
    Ok(print_text(&text::facts(&facts))?)
}

/// How the trials of the study ended, whoever ran them.
fn counted(shared: &Shared<'_>) -> anyhow::Result<Counts> {
    let trials = shared.patiently(|| shared.keeper.trials(&shared.study, None))?;
    let mut counts = Counts::default();
    for trial in &trials {
        counts.count(trial.state);
    }
    Ok(counts)
}

/// `trial 7: loss=0.31, rate=0.1 kind=tree`; parameters are not rounded, as somebody will set them.
fn one(trial: &Value) -> String {
    let values = pairs(&trial["values"], true);
    let params = pairs(&trial["params"], false);
    format!("trial {}: {values}, with {params}", trial["number"])
}
