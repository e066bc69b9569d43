//! Fits of a part of the rows, by which it is seen which trials are worth the time that all rows take.
//!
//! Successive halving (Jamieson and Talwalkar, 2016) with one step, where many fits of all rows would eat the time: a trial first
//! learns from a quarter of the first split's training rows, and goes on if it is among the best third of its learner. Learners are
//! not held against one another: some gain more by further rows than others, and an ensemble lives from their differences. The first
//! of each learner is not probed, so that there is a model soon.

use super::{Job, LAG, Search, Slot, State};
use crate::journal::JournalEntry;
use crate::trial::Outcome;

/// So many probes of a learner are needed to end one.
const PROBES_MIN: usize = 3;

impl Search<'_> {
    /// What a trial begins with.
    pub(super) fn first_job(&self, state: &State, id: usize) -> Job {
        let is_probe = state.slots[id].probe.is_none() && self.is_probed(state, id);
        Job {
            trial: id,
            split: 0,
            is_probe,
        }
    }

    fn is_probed(&self, state: &State, id: usize) -> bool {
        let is_same = |slot: &Slot| slot.config.learner.id == state.slots[id].config.learner.id;
        !self.plan.probe.is_empty() && state.slots[..id].iter().any(is_same)
    }

    /// Books the end of a probe.
    pub(super) fn end_probe(&self, state: &mut State, id: usize, loss: f64) {
        state.slots[id].probe = Some(loss);
        let at_seconds = self.run.clock.seconds();
        let trial = id as u64;
        let journal = self.run.journal;
        journal.note(&JournalEntry::Probed {
            trial,
            loss,
            at_seconds,
        });
        if state.slots[id].ended.is_some() || state.is_over {
            return;
        }
        if is_promising(state, id, loss) {
            let job = self.first_job(state, id);
            state.queue.push_front(job);
        } else {
            self.end(state, id, Outcome::Pruned { loss }, Vec::new());
        }
    }
}

/// Whether a probe is among the best third of those of its learner that it knows of.
pub(super) fn is_promising(state: &State, id: usize, loss: f64) -> bool {
    let learner = state.slots[id].config.learner.id;
    let known = state.slots[..id.saturating_sub(LAG)].iter();
    let same = known.filter(|slot| slot.config.learner.id == learner);
    let mut losses: Vec<f64> = same.filter_map(|slot| slot.probe).collect();
    losses.sort_by(f64::total_cmp);
    losses.len() < PROBES_MIN || loss <= losses[losses.len() / 3]
}
