//! What earlier processes did, taken up before the search goes on.
//!
//! A trial that had ended is put back as it was. One that was under way keeps the fits that it had and is given the others;
//! one that had been skipped for want of time is tried if there is time now.

use super::ending::best_of_learners;
use super::probe::is_promising;
use super::{Job, Search, Slot, State};
use crate::FitOptions;
use crate::encode::{Rows, encode};
use crate::journal::{self, JournalEntry, NotedFit};
use crate::trial::{Fit, Outcome, Trial, TrialConfig};
use automl_core::{Budget, FitContext, MemoryLimit, Threads, Warning, WarningKind};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A trial that ran when so many processes in a row died before they had done anything is what they died of.
const DEATHS_MAX: usize = 3;

/// One trial as the journal tells of it.
struct Past {
    config: TrialConfig,
    is_skipped: bool,
    fits: BTreeMap<usize, NotedFit>,
    probe: Option<f64>,
    ended: Option<Trial>,
}

/// A fit to load: trial, split, and what was noted of it.
type Wanted<'a> = (usize, usize, &'a NotedFit);

/// What the journal tells, with the fits that could be read back, of each trial by split.
pub(super) struct Recalled {
    pasts: Vec<Past>,
    loaded: Vec<BTreeMap<usize, Arc<Fit>>>,
}

impl Search<'_> {
    /// Reads what the journal tells.
    pub(super) fn recall(&self, state: &mut State) -> Recalled {
        let pasts = self.read(state, self.run.past);
        for past in &pasts {
            state.slots.push(Slot {
                config: past.config.clone(),
                fits: self.plan.splits.iter().map(|_| None).collect(),
                ended: None,
                started: !past.is_skipped,
                probe: past.probe,
            });
        }
        let loaded = self.load(&wanted(&pasts, self.options), &pasts);
        Recalled { pasts, loaded }
    }

    /// Goes on with it.
    pub(super) fn take_up(&self, state: &mut State, recalled: Recalled) {
        let fatal = fatal(self.run.past);
        for (id, mut past) in recalled.pasts.into_iter().enumerate() {
            let fits = &recalled.loaded[id];
            if let Some(mut trial) = past.ended.take() {
                if fits.len() == self.plan.splits.len() {
                    trial.fits = fits.values().cloned().collect();
                }
                state.slots[id].ended = Some(trial);
                continue;
            }
            for (&split, fit) in fits {
                state.slots[id].fits[split] = Some(fit.clone());
            }
            if past.is_skipped {
                self.try_now(state, id);
            } else if fatal.contains(&(id as u64)) {
                let reason = format!("{DEATHS_MAX} processes in a row ended while it ran");
                self.end(state, id, Outcome::Failed { reason }, Vec::new());
            } else {
                self.go_on(state, id);
            }
        }
    }

    /// Every trial that the journal tells of, in order of its number; events of those that ended are told again.
    fn read(&self, state: &mut State, entries: &[JournalEntry]) -> Vec<Past> {
        let mut pasts: Vec<Past> = Vec::new();
        for entry in entries {
            match entry {
                JournalEntry::Begun { trial, config } | JournalEntry::Skipped { trial, config } => {
                    let Some(config) = config.config() else { break };
                    let past = Past {
                        config,
                        is_skipped: matches!(entry, JournalEntry::Skipped { .. }),
                        fits: BTreeMap::new(),
                        probe: None,
                        ended: None,
                    };
                    let (id, n_known) = (*trial as usize, pasts.len());
                    match pasts.get_mut(id) {
                        Some(known) => *known = past,
                        None if id == n_known => pasts.push(past),
                        None => break,
                    }
                }
                JournalEntry::Fitted {
                    trial, split, fit, ..
                } if *split < self.plan.splits.len() => {
                    if let Some(past) = pasts.get_mut(*trial as usize) {
                        past.fits.insert(*split, fit.clone());
                    }
                }
                JournalEntry::Probed { trial, loss, .. } => {
                    if let Some(past) = pasts.get_mut(*trial as usize) {
                        past.probe = Some(*loss);
                    }
                }
                JournalEntry::Ended {
                    trial, at_seconds, ..
                } => {
                    if let Some(past) = pasts.get_mut(*trial as usize) {
                        let ended = entry.trial(&past.config);
                        if let Some(ended) = &ended {
                            self.tell(state, ended, *at_seconds);
                        }
                        past.ended = ended;
                    }
                }
                _ => {}
            }
        }
        pasts
    }

    /// The fits that are wanted and whole, by trial and split.
    fn load(&self, wanted: &[Wanted<'_>], pasts: &[Past]) -> Vec<BTreeMap<usize, Arc<Fit>>> {
        let found: Mutex<Vec<BTreeMap<usize, Arc<Fit>>>> =
            Mutex::new(pasts.iter().map(|_| BTreeMap::new()).collect());
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.options.threads.clamp(1, wanted.len().max(1)) {
                scope.spawn(|| {
                    while let Some(&wanted) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let (id, split, _) = wanted;
                        let fit = self.restore(wanted, &pasts[id].config);
                        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                        found[id].extend(fit.map(|fit| (split, Arc::new(fit))));
                    }
                });
            }
        });
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let n_missing = wanted.len() - found.iter().map(BTreeMap::len).sum::<usize>();
        if n_missing > 0 {
            self.warn_of_lost(n_missing);
        }
        found
    }

    fn restore(&self, wanted: Wanted<'_>, config: &TrialConfig) -> Option<Fit> {
        let (id, index, noted) = wanted;
        let artifact = self.run.journal.restore(&journal::name(id as u64, index))?;
        let split = &self.plan.splits[index];
        let (model, predictions) = journal::restored(&artifact, split.valid.len()).ok()?;
        // No deadline, and no end by the user: what was encoded in time once is wanted whole, or a model that is worse than that of
        // the earlier process would take its place.
        let ctx = FitContext {
            seed: self.options.seed,
            threads: Threads::one(),
            budget: Budget {
                memory: MemoryLimit(self.options.memory_limit),
                ..Budget::unlimited()
            },
            warnings: self.run.warnings,
        };
        let rows = Rows::Split {
            index,
            train: &split.train,
        };
        let encoded = encode(&ctx, self.options.seed, self.data, config, rows).ok()?;
        Some(Fit {
            model: Arc::from(model),
            recipe: encoded.recipe.clone(),
            ceiling: noted.ceiling,
            predictions,
            score: noted.score,
            learned: noted.learned.clone(),
            seconds: noted.seconds,
            is_partial: noted.is_partial,
        })
    }

    fn warn_of_lost(&self, n_fits: usize) {
        let fits = if n_fits == 1 { "fit" } else { "fits" };
        let message = format!(
            "{n_fits} {fits} of the search that goes on cannot be read back: trials that had ended keep their scores but not their models, others are fitted again"
        );
        let none = Vec::<String>::new();
        let warning = Warning::new(WarningKind::TrialFailed, none, message);
        self.run.warnings.push(warning);
    }

    /// Queues what a trial that was under way still lacks.
    fn go_on(&self, state: &mut State, id: usize) {
        let fits = &state.slots[id].fits;
        let missing = (0..fits.len()).filter(|&split| fits[split].is_none());
        let missing: Vec<usize> = missing.collect();
        if missing.first() == Some(&0) {
            return match state.slots[id].probe {
                Some(loss) if !is_promising(state, id, loss) => {
                    self.end(state, id, Outcome::Pruned { loss }, Vec::new());
                }
                _ => {
                    let job = self.first_job(state, id);
                    state.queue.push_back(job);
                }
            };
        }
        for &split in &missing {
            state.queue.push_back(Job {
                trial: id,
                split,
                is_probe: false,
            });
        }
        if missing.is_empty() {
            self.end_if_whole(state, id);
        }
    }

    /// Begins a trial that there was no time for, if there is some now.
    fn try_now(&self, state: &mut State, id: usize) {
        let config = state.slots[id].config.clone();
        if self.fits_time(state, &config) {
            self.begin(state, id);
        } else {
            self.skip(state, id);
        }
    }
}

/// The fits that the search needs again: those of trials under way, and those of each learner's best trials.
fn wanted<'a>(pasts: &'a [Past], options: &FitOptions) -> Vec<Wanted<'a>> {
    let ended = pasts.iter().filter_map(|past| past.ended.as_ref());
    let best = best_of_learners(ended, options);
    let is_wanted =
        |&(id, past): &(usize, &Past)| past.ended.is_none() || best.contains(&(id as u64));
    let fits = |(id, past): (usize, &'a Past)| {
        let fits = past.fits.iter();
        fits.map(move |(&split, noted)| (id, split, noted))
    };
    let pasts = pasts.iter().enumerate().filter(is_wanted);
    pasts.flat_map(fits).collect()
}

/// Trials that ran when the last [`DEATHS_MAX`] processes died, if none of these had done anything before.
fn fatal(entries: &[JournalEntry]) -> Vec<u64> {
    let is_opened = |entry: &JournalEntry| matches!(entry, JournalEntry::Opened { .. });
    let is_fruit = |entry: &JournalEntry| {
        !matches!(
            entry,
            JournalEntry::Begun { .. }
                | JournalEntry::Skipped { .. }
                | JournalEntry::Running { .. }
        )
    };
    let processes: Vec<&[JournalEntry]> = entries.split(is_opened).skip(1).collect();
    let last = processes.iter().rev().take(DEATHS_MAX);
    let n_fruitless = last.take_while(|notes| !notes.iter().any(is_fruit)).count();
    if n_fruitless < DEATHS_MAX {
        return Vec::new();
    }
    let ran = |notes: &&[JournalEntry], id: u64| {
        let mut notes = notes.iter();
        notes.any(|entry| matches!(entry, JournalEntry::Running { trial, .. } if *trial == id))
    };
    let mut ids: Vec<u64> = entries
        .iter()
        .filter_map(|entry| match entry {
            JournalEntry::Running { trial, .. } => Some(*trial),
            _ => None,
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let last = &processes[processes.len() - DEATHS_MAX..];
    ids.retain(|&id| last.iter().all(|notes| ran(notes, id)));
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::PlannedFor;

    fn opened() -> JournalEntry {
        let planned_for = PlannedFor {
            time_limit_seconds: None,
            max_trials: Some(9),
            threads: 2,
        };
        JournalEntry::Opened {
            planned_for,
            at_seconds: 0.0,
        }
    }

    fn running(trial: u64) -> JournalEntry {
        JournalEntry::Running { trial, split: 0 }
    }

    #[test]
    fn what_three_processes_in_a_row_died_of_is_found() {
        let twice = [opened(), running(4), opened(), running(4)];
        assert_eq!(fatal(&twice), [0_u64; 0]);
        let thrice = [&twice[..], &[opened(), running(4), running(5)]].concat();
        assert_eq!(fatal(&thrice), [4], "trial 5 ran in one of the three alone");
    }

    #[test]
    fn processes_that_came_on_died_of_something_else() {
        let closed = JournalEntry::Closed { at_seconds: 1.0 };
        let notes = [
            opened(),
            running(4),
            opened(),
            running(4),
            closed,
            opened(),
            running(4),
        ];
        assert_eq!(fatal(&notes), [0_u64; 0]);
    }
}
