//! Runs trials on worker threads until a limit ends it.
//!
//! A trial is one job a split. What trial `t` tries, and whether it goes on after its first split, depends only on the
//! trials up to `t - LAG - 1`, all of which have ended by then: so the search is the same at any number of threads, and
//! up to `LAG + 1` trials run side by side. Time enters only through the limit.

mod ending;
mod fitting;
mod forecast;
mod found;
mod past;
mod probe;

pub(crate) use forecast::Forecast;
pub(crate) use found::{Found, Schedule};

use crate::fit::FitRun;
use crate::journal::{self, JournalEntry, NotedConfig, NotedFit};
use crate::latency;
use crate::plan::Plan;
use crate::portfolio::Facts;
use crate::suggest::{BASELINE, Suggester};
use crate::trial::{Failure, Fit, Outcome, Trial, TrialConfig};
use crate::{EngineError, FitOptions, SearchPart};
use automl_core::{Dataset, Threads, Warning, WarningKind};
use forecast::PATIENCE;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How far behind the newest trial the last one is that it knows of.
const LAG: usize = 4;
/// Models of trials that rank below this among those of their learner are let go.
pub(crate) const KEPT_PER_LEARNER: usize = 12;
/// Trials with a first score before a bad first split ends a trial.
const PRUNE_AFTER: usize = 8;
/// So many proposals in a row that would not end in time end the search.
const SKIPPED_MAX: usize = 12;
/// So many failures in a row end the search: what is wrong is not the configuration.
const FAILURES_MAX: usize = 25;
/// So many trials in a row of one learner and recipe that had no model in their share of the time are enough.
const OUT_OF_TIME_MAX: usize = 2;
/// Trials that the time for refits is reckoned for: an ensemble seldom has more members of weight.
const REFITTED: usize = 8;
/// Share of the memory limit that may be in use when a trial starts.
const MEMORY_SHARE: f64 = 0.8;

/// Whether so much of the limit is in use that another fit could pass it.
pub(crate) fn is_full(used: u64, limit: u64) -> bool {
    used as f64 > MEMORY_SHARE * limit as f64
}

/// One fit to do.
#[derive(Clone, Copy)]
struct Job {
    trial: usize,
    split: usize,
    /// Whether it learns from a part of the rows, to see whether more is worth it.
    is_probe: bool,
}

/// A trial under way.
struct Slot {
    config: TrialConfig,
    fits: Vec<Option<Arc<Fit>>>,
    ended: Option<Trial>,
    started: bool,
    /// The loss of its probe, if it had one.
    probe: Option<f64>,
}

#[derive(Default)]
struct State {
    slots: Vec<Slot>,
    queue: VecDeque<Job>,
    n_running: usize,
    /// No further trial starts; those under way go on.
    is_closed: bool,
    /// A limit is reached: what has not begun is given up.
    is_over: bool,
    best_loss: Option<f64>,
    /// Trials that had no model yet when their share of the time was over.
    out_of_time: Vec<String>,
}

struct Search<'a> {
    data: &'a Dataset,
    plan: &'a Plan,
    options: &'a FitOptions,
    run: &'a FitRun<'a>,
    suggester: Suggester,
    forecast: Forecast,
    schedule: Schedule,
    state: Mutex<State>,
    changed: Condvar,
}

/// Fits that may run side by side.
fn n_workers(plan: &Plan, options: &FitOptions) -> usize {
    options.threads.clamp(1, (LAG + 1) * plan.splits.len())
}

/// Threads that each fit of the search uses.
pub(crate) fn threads_per_fit(plan: &Plan, options: &FitOptions) -> usize {
    options.threads / n_workers(plan, options)
}

/// Whether a first model alone takes much more than a trial's share of the time.
pub(crate) fn is_beyond_share(plan: &Plan, options: &FitOptions, first_model_seconds: f64) -> bool {
    let share = plan.fit_seconds_max(options);
    share.is_some_and(|share| first_model_seconds > PATIENCE * share)
}

/// Runs the search to its limit.
///
/// # Errors
/// None: failures are trials that failed.
pub(crate) fn run(
    data: &Dataset,
    plan: &Plan,
    options: &FitOptions,
    run: &FitRun<'_>,
) -> Result<Found, EngineError> {
    let facts = Facts::of(data);
    let n_workers = n_workers(plan, options);
    let n_threads = options.threads / n_workers;
    let mut search = Search {
        data,
        plan,
        options,
        run,
        suggester: Suggester::new(data, &facts, plan, options)?,
        forecast: Forecast::new(data, plan, &facts, n_threads),
        schedule: Schedule::new(plan, options),
        state: Mutex::default(),
        changed: Condvar::new(),
    };
    let threads = Threads::new(n_threads).unwrap_or_else(|_| Threads::one());
    let recalled = search.recall(&mut search.lock());
    if !run.past.is_empty() {
        // Reading it took its time: what is left after it has its ending all the same.
        search.schedule = Schedule::new(plan, options).from(run.clock.seconds());
    }
    search.take_up(&mut search.lock(), recalled);
    std::thread::scope(|scope| {
        for _ in 0..n_workers {
            scope.spawn(|| search.work(&threads));
        }
    });
    let at_seconds = run.clock.seconds();
    run.journal.note(&JournalEntry::Closed { at_seconds });
    let mut state = search.lock();
    let schedule = search.schedule.after(search.search_end(&state));
    let state = std::mem::take(&mut *state);
    search.warn_of_out_of_time(&state.out_of_time);
    let n_started = state.slots.iter().filter(|slot| slot.started).count();
    let trials = state
        .slots
        .into_iter()
        .filter_map(|slot| slot.ended)
        .collect();
    Ok(Found {
        trials,
        n_started,
        schedule,
    })
}

impl Search<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One worker: takes jobs until there are none and will be none.
    fn work(&self, threads: &Threads) {
        let mut state = self.lock();
        loop {
            if !state.is_over && self.is_limit_reached(&state) {
                state.is_over = true;
                state.is_closed = true;
                state.queue.clear();
            }
            if let Some(job) = state.queue.pop_front() {
                state.n_running += 1;
                let config = state.slots[job.trial].config.clone();
                drop(state);
                let (trial, split) = (job.trial as u64, job.split);
                let journal = self.run.journal;
                journal.note(&JournalEntry::Running { trial, split });
                let fit = self.fit(job, &config, threads).map(Arc::new);
                // Before it is booked: a trial must not be noted as ended while one of its models is not kept.
                if let Ok(fit) = &fit
                    && !job.is_probe
                    && self.is_worth_keeping(job, fit)
                {
                    self.keep(job, fit);
                }
                state = self.lock();
                state.n_running -= 1;
                self.settle(&mut state, job, fit);
                self.changed.notify_all();
            } else if !state.is_closed && self.start_trial(&mut state) {
                self.changed.notify_all();
            } else if state.n_running == 0 {
                // Nothing runs, nothing waits and nothing may start: a closed search never may.
                self.changed.notify_all();
                return;
            } else {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Whether the trial has other splits to run after this one, its first, unless it is hopeless.
    fn goes_on_after(&self, job: Job) -> bool {
        job.split == 0 && self.plan.splits.len() > 1
    }

    /// Whether a later process may want a fit: not if its trial ends with it, the first, as most trials of a long search do, or has
    /// ended without it.
    fn is_worth_keeping(&self, job: Job, fit: &Fit) -> bool {
        let state = self.lock();
        let is_last = self.goes_on_after(job) && self.is_hopeless(&state, job.trial, fit);
        !is_last && state.slots[job.trial].ended.is_none()
    }

    /// Keeps a fit for a later process.
    fn keep(&self, job: Job, fit: &Fit) {
        let trial = job.trial as u64;
        let journal = self.run.journal;
        journal.keep(&journal::name(trial, job.split), &|| journal::kept(fit));
        journal.note(&JournalEntry::Fitted {
            trial,
            split: job.split,
            fit: NotedFit::of(fit),
            at_seconds: self.run.clock.seconds(),
        });
    }

    /// Whether a limit ends the search. However short the limit, the constant baseline is fitted first, so that there is
    /// a model to return.
    fn is_limit_reached(&self, state: &State) -> bool {
        if self.run.cancel.is_cancelled() {
            return true;
        }
        let waits_for_baseline = self.suggester.begins_with_baseline()
            && state.slots.first().is_none_or(|slot| slot.ended.is_none());
        !waits_for_baseline && (self.time_is_over(state) || self.is_out_of_memory())
    }

    fn time_is_over(&self, state: &State) -> bool {
        let end = self.search_end(state);
        end.is_some_and(|end| self.run.clock.seconds() >= end)
    }

    /// When the search ends, in seconds on the run's clock: later than planned where fitting the best trials again will take
    /// less than was kept for it.
    fn search_end(&self, state: &State) -> Option<f64> {
        let planned = self.schedule.search?;
        if !self.plan.validation.refit {
            return Some(planned);
        }
        self.schedule.search_given(self.refit_seconds(state))
    }

    /// Seconds that fitting the best trials again on all rows takes, judged by their fits; `None` while there are none.
    fn refit_seconds(&self, state: &State) -> Option<f64> {
        let ended = state.slots.iter().filter_map(|slot| slot.ended.as_ref());
        let scored = ended.filter(|trial| !trial.fits.is_empty());
        let mut best: Vec<(f64, f64)> = scored
            .filter_map(|trial| {
                let seconds = trial.seconds / trial.fits.len() as f64;
                Some((
                    trial.scored_loss()?,
                    seconds * self.plan.refit_growth(self.data),
                ))
            })
            .collect();
        best.sort_by(|a, b| a.0.total_cmp(&b.0));
        best.truncate(REFITTED);
        let longest = best.iter().map(|(_, seconds)| *seconds).reduce(f64::max)?;
        let sum: f64 = best.iter().map(|(_, seconds)| seconds).sum();
        Some(longest.max(sum / self.options.threads.max(1) as f64))
    }

    /// Whether memory is so full that another fit could pass the limit; says so once.
    fn is_out_of_memory(&self) -> bool {
        let (Some(limit), Some(used)) = (self.options.memory_limit, (self.run.memory_in_use)())
        else {
            return false;
        };
        let is_full = is_full(used, limit);
        if is_full {
            let message = format!(
                "the search ended early: {} MiB of the {} MiB allowed are in use",
                used >> 20,
                limit >> 20
            );
            let none = Vec::<String>::new();
            let warning = Warning::new(WarningKind::BudgetReached, none, message);
            self.run.warnings.push(warning);
        }
        is_full
    }

    fn may_start(&self, state: &State) -> bool {
        let within = self
            .options
            .max_trials
            .is_none_or(|max| (state.slots.len() as u64) < max);
        let knows_enough = state
            .slots
            .iter()
            .rev()
            .skip(LAG)
            .all(|slot| slot.ended.is_some());
        let has_failed = |slot: &Slot| {
            let outcome = slot.ended.as_ref().map(|trial| &trial.outcome);
            slot.started && matches!(outcome, Some(Outcome::Failed { .. }))
        };
        let n_failed = state
            .slots
            .iter()
            .rev()
            .take_while(|slot| has_failed(slot))
            .count();
        let in_time = state.slots.is_empty() || !self.time_is_over(state);
        !state.is_closed && in_time && within && knows_enough && n_failed < FAILURES_MAX
    }

    /// Queues the first split of a new trial, if there may be one now.
    fn start_trial(&self, state: &mut State) -> bool {
        if !self.may_start(state) {
            return false;
        }
        let id = state.slots.len();
        let known: Vec<&Trial> = state.slots[..id.saturating_sub(LAG)]
            .iter()
            .filter_map(|slot| slot.ended.as_ref())
            .collect();
        let pending: Vec<&TrialConfig> = state.slots[id.saturating_sub(LAG)..]
            .iter()
            .map(|slot| &slot.config)
            .collect();
        let cost_weight = self.cost_weight();
        let suggester = &self.suggester;
        let Some(config) = suggester.suggest(id as u64, &known, &pending, cost_weight) else {
            state.is_closed = true;
            return false;
        };
        let is_skipped = !self.fits_time(state, &config) && state.best_loss.is_some();
        let skipped = state.slots.iter().rev().take_while(|slot| !slot.started);
        let n_skipped = skipped.count();
        state.slots.push(Slot {
            config,
            fits: self.plan.splits.iter().map(|_| None).collect(),
            ended: None,
            started: false,
            probe: None,
        });
        if is_skipped {
            state.is_closed = n_skipped >= SKIPPED_MAX;
            self.skip(state, id);
        } else {
            self.begin(state, id);
        }
        true
    }

    /// How much it counts what a trial will take: as much as of the time is left, and nothing without a limit on it, since what
    /// trials took depends on the machine.
    fn cost_weight(&self) -> f64 {
        if self.options.is_without(SearchPart::Costs) {
            return 0.0;
        }
        let left = |end: f64| ((end - self.run.clock.seconds()) / end).clamp(0.0, 1.0);
        self.schedule.search_end().map_or(0.0, left)
    }

    /// Queues the first fit of a trial.
    fn begin(&self, state: &mut State, id: usize) {
        let slot = &mut state.slots[id];
        slot.started = true;
        let (trial, config) = (id as u64, NotedConfig::of(&slot.config));
        self.run
            .journal
            .note(&JournalEntry::Begun { trial, config });
        state.queue.push_back(self.first_job(state, id));
    }

    /// Ends a trial that would not end in time before it has begun.
    fn skip(&self, state: &mut State, id: usize) {
        let (trial, config) = (id as u64, NotedConfig::of(&state.slots[id].config));
        self.run
            .journal
            .note(&JournalEntry::Skipped { trial, config });
        let reason = "it would not end within the time limit".to_owned();
        self.end(state, id, Outcome::Failed { reason }, Vec::new());
    }

    /// Whether there is time for another trial of this learner: for what its first model takes at least, and for what
    /// its trials have taken so far.
    fn fits_time(&self, state: &State, config: &TrialConfig) -> bool {
        let Some(end) = self.search_end(state) else {
            return true;
        };
        let first_model = self.forecast.first_model_seconds(config);
        let is_too_late = self.run.clock.seconds() + first_model > end;
        if is_too_late || self.is_unfair(state, first_model) || is_never_in_time(state, config) {
            return false;
        }
        let same =
            |trial: &&Trial| trial.config.learner.id == config.learner.id && !trial.fits.is_empty();
        let (mut seconds, mut n_fits) = (0.0, 0);
        for trial in state
            .slots
            .iter()
            .filter_map(|slot| slot.ended.as_ref())
            .filter(same)
        {
            seconds += trial.seconds;
            n_fits += trial.fits.len();
        }
        if n_fits == 0 {
            return true;
        }
        let waves = self.plan.splits.len().div_ceil(self.options.threads.max(1));
        self.run.clock.seconds() + 0.7 * seconds / n_fits as f64 * waves as f64 <= end
    }

    /// Whether a first model alone would take much more than a trial's share, while there is one that is more than a
    /// constant already.
    fn is_unfair(&self, state: &State, first_model_seconds: f64) -> bool {
        let is_long = is_beyond_share(self.plan, self.options, first_model_seconds);
        let ended = state.slots.iter().filter_map(|slot| slot.ended.as_ref());
        let mut scored = ended.filter(|trial| trial.scored_loss().is_some());
        is_long && scored.any(|trial| trial.config.learner.id != BASELINE)
    }

    /// Books the end of a job; queues the trial's other splits after the first, or ends the trial after the last.
    fn settle(&self, state: &mut State, job: Job, fit: Result<Arc<Fit>, Failure>) {
        let slot = &mut state.slots[job.trial];
        let fit = match fit {
            Ok(fit) => fit,
            Err(failure) => {
                let outcome = match failure {
                    Failure::OutOfTime => Outcome::OutOfTime,
                    Failure::Failed(reason) => Outcome::Failed { reason },
                };
                if slot.ended.is_none() {
                    self.end(state, job.trial, outcome, Vec::new());
                }
                return;
            }
        };
        if job.is_probe {
            let loss = self.plan.metric.loss(fit.score);
            return self.end_probe(state, job.trial, loss);
        }
        slot.fits[job.split] = Some(fit.clone());
        if slot.ended.is_some() {
            return;
        }
        if self.goes_on_after(job) {
            if self.is_hopeless(state, job.trial, &fit) {
                let loss = self.plan.metric.loss(fit.score);
                let fits = &mut state.slots[job.trial].fits;
                let fits = fits.iter_mut().filter_map(Option::take).collect();
                self.end(state, job.trial, Outcome::Pruned { loss }, fits);
                return;
            }
            if !state.is_over {
                // Splits of a trial under way come before the first split of a new one.
                let fits = &state.slots[job.trial].fits;
                let missing = (1..fits.len()).filter(|&split| fits[split].is_none());
                for split in missing.rev() {
                    state.queue.push_front(Job { split, ..job });
                }
            }
        }
        self.end_if_whole(state, job.trial);
    }

    /// Ends a trial whose splits are all done.
    fn end_if_whole(&self, state: &mut State, id: usize) {
        let fits = &mut state.slots[id].fits;
        if fits.iter().any(Option::is_none) {
            return;
        }
        let fits: Vec<Arc<Fit>> = fits.iter_mut().filter_map(Option::take).collect();
        let losses = fits.iter().map(|fit| self.plan.metric.loss(fit.score));
        let loss = losses.sum::<f64>() / fits.len() as f64;
        let outcome = if loss.is_finite() {
            Outcome::Scored { loss }
        } else {
            // Finite scores may still add up to more than a number holds.
            let reason = format!("its mean score is {}", self.plan.metric.loss(loss));
            Outcome::Failed { reason }
        };
        self.end(state, id, outcome, fits);
    }

    /// Whether a first split is worse than the best quarter of those that earlier trials had; where rows are to be quick, of those
    /// that are if it is.
    fn is_hopeless(&self, state: &State, id: usize, fit: &Fit) -> bool {
        if self.suggester.is_fixed(id as u64) {
            return false;
        }
        let loss = self.plan.metric.loss(fit.score);
        let is_slow = |row_work| latency::is_too_slow(row_work, self.options);
        let is_quick = !is_slow(Some(fit.row_work()));
        let first = |slot: &Slot| {
            let trial = slot.ended.as_ref()?;
            let is_compared = !(is_quick && is_slow(trial.row_work));
            let first = trial.fold_scores.first().filter(|_| is_compared);
            first.map(|&score| self.plan.metric.loss(score))
        };
        let mut losses: Vec<f64> = state.slots[..id.saturating_sub(LAG)]
            .iter()
            .filter_map(first)
            .collect();
        losses.sort_by(f64::total_cmp);
        losses.len() >= PRUNE_AFTER && loss > losses[losses.len() / 4]
    }
}

/// Whether the last trials of this learner and recipe had no model when their share of the time was over.
fn is_never_in_time(state: &State, config: &TrialConfig) -> bool {
    let is_same = |slot: &&Slot| {
        let (learner, recipe) = (slot.config.learner.id, slot.config.recipe);
        slot.started && learner == config.learner.id && recipe == config.recipe
    };
    let ended = state.slots.iter().rev().filter(is_same);
    let ended = ended.filter_map(|slot| slot.ended.as_ref());
    let n_cut = ended
        .take_while(|trial| trial.outcome == Outcome::OutOfTime)
        .count();
    n_cut >= OUT_OF_TIME_MAX
}
