//! Trials that run elsewhere: what they are waited for, and what is said of them.

use super::client;
use super::shared::Shared;
use crate::commands::record::time;
use automl_serve::tuning::TuneError;
use automl_store::studies::{Trial, TrialState};

/// Trials that are named one by one.
const NAMED: usize = 5;

/// Trials of the study that others hold.
pub(super) fn held(shared: &Shared<'_>) -> Result<Vec<Trial>, TuneError> {
    let mut found = Vec::new();
    for state in [TrialState::Running, TrialState::Stopping] {
        found.extend(shared.patiently(|| shared.keeper.trials(&shared.study, Some(state)))?);
    }
    found.retain(|trial| !trial.client.as_deref().is_some_and(client::is_own));
    found.sort_by_key(|trial| trial.number);
    Ok(found)
}

/// `trial 2 by process 4711 on host since 2026-05-01 12:30; trial 3 by …`.
pub(super) fn in_words(held: &[Trial]) -> String {
    let mut each: Vec<String> = held.iter().take(NAMED).map(one).collect();
    if held.len() > NAMED {
        each.push(format!("and {} more", held.len() - NAMED));
    }
    each.join("; ")
}

fn one(trial: &Trial) -> String {
    let by = match trial.client.as_deref() {
        Some(name) => format!(" by {}", client::in_words(name)),
        None => String::new(),
    };
    let since = match trial.started_us {
        Some(at_us) => format!(" since {} UTC", time(at_us / 1000)),
        None => String::new(),
    };
    format!("trial {}{by}{since}", trial.number)
}

#[cfg(test)]
mod tests {
    use super::client;

    #[test]
    fn a_worker_is_named_as_people_know_it() {
        assert_eq!(
            client::in_words("desk:0a1b2c3d:4711:99:0"),
            "process 4711 on desk"
        );
        assert_eq!(client::in_words("notebook 3"), "'notebook 3'");
        let own = client::of_worker(2);
        assert!(client::is_own(&own));
        assert!(!client::is_own("desk:0a1b2c3d:4711:99:0"));
        let process = format!("process {} on ", std::process::id());
        assert!(client::in_words(&own).starts_with(&process));
    }
}
