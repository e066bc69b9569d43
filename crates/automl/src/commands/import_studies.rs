//! `automl import optuna` and `automl import vizier`: studies copied into the workspace.

use super::Status;
use super::import::{Bar, Opened, ended};
use crate::cli::StudiesArgs;
use crate::console::{Console, Format, print_json, print_line, print_text};
use crate::interrupt::Interrupt;
use crate::text::{count, counted};
use automl_core::Coded;
use automl_store::moving::{StudiesOutcome, StudySource, import_studies};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use serde_json::json;

pub(super) fn run(
    source: &mut dyn StudySource,
    args: &StudiesArgs,
    console: Console,
) -> anyhow::Result<Status> {
    let Opened { record, .. } = &Opened::of(&args.place, args.dry_run)?;
    let interrupt = Interrupt::listen(console, || {})?;
    let mut bar = Bar::new(console, interrupt.token());
    let outcome = import_studies(
        source,
        &record.db,
        DEFAULT_WORKSPACE,
        args.study.as_deref(),
        args.dry_run,
        &mut bar,
    );
    bar.end();
    let outcome = outcome?;
    tell(&outcome, args.dry_run, console)?;
    ended(outcome.failures.len(), outcome.n_all, &interrupt)
}

fn tell(outcome: &StudiesOutcome, is_dry: bool, console: Console) -> anyhow::Result<()> {
    for (name, error) in &outcome.failures {
        match console.format() {
            Format::Json => print_line(
                &json!({ "event": "failure", "what": format!("study {name}"), "code": error.code(), "message": error.to_string() })
                    .to_string(),
            ),
            Format::Text => print_line(&format!("study {name}: {error}")),
        }
    }
    let counts = outcome.counts;
    if console.format() == Format::Json {
        return print_json(&json!({
            "dry_run": is_dry,
            "n_studies": counts.n_studies,
            "n_trials": counts.n_trials,
            "n_ended": counts.n_ended,
            "n_there_already": counts.n_there,
            "n_failed": outcome.failures.len(),
        }));
    }
    let verb = if is_dry { "would import" } else { "imported" };
    let told = [
        ("ended since", counts.n_ended),
        ("there already", counts.n_there),
    ];
    let told = told.into_iter().filter(|(_, n)| *n > 0);
    let told: Vec<String> = told
        .map(|(what, n)| format!("{what}: {}\n", counted(n, "trial")))
        .collect();
    let studies = match counts.n_studies {
        1 => "1 study".to_owned(),
        n => format!("{} studies", count(n)),
    };
    let trials = counted(counts.n_trials, "trial");
    Ok(print_text(&format!(
        "{verb} {studies}, {trials}\n{}",
        told.concat()
    ))?)
}
