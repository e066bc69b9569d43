//! Which trials are better: one order for one or several objectives, with constraints.

use super::{Seen, Study, Trial};
use crate::pareto;

impl Study {
    /// The best complete trials that keep all constraints: one for one objective, the Pareto front for several, in the
    /// order in which they ended.
    pub fn best(&self) -> Vec<&Trial> {
        let feasible: Vec<usize> = (0..self.finished.len())
            .filter(|&at| self.finished[at].is_feasible())
            .collect();
        let losses: Vec<&[f64]> = feasible
            .iter()
            .map(|&at| self.finished[at].losses.as_slice())
            .collect();
        let mut front = pareto::front(&losses);
        if self.objectives.len() == 1 {
            front.truncate(1);
        }
        front
            .into_iter()
            .map(|at| &self.trials[self.order[feasible[at]]])
            .collect()
    }

    /// Positions among the finished trials, best first: feasible ones by losses, then infeasible ones by violation, then
    /// stopped ones, those that got farther first, then failed ones. Among equals the earlier is first.
    ///
    /// Several objectives are ordered by fronts of non-domination, and within a front by what each adds to the
    /// hypervolume, as multi-objective TPE does.
    pub(crate) fn ranked(&self) -> Vec<usize> {
        let mut groups: [Vec<usize>; 4] = Default::default();
        for (at, seen) in self.finished.iter().enumerate() {
            let group = if seen.losses.is_empty() {
                3
            } else if !seen.is_complete {
                2
            } else {
                usize::from(!seen.is_feasible())
            };
            groups[group].push(at);
        }
        let [mut feasible, mut violating, mut stopped, failed] = groups;
        self.sort_by_losses(&mut feasible);
        violating.sort_by(|&a, &b| {
            let violation = |at: usize| self.finished[at].violation();
            violation(a).total_cmp(&violation(b)).then(a.cmp(&b))
        });
        self.sort_by_losses(&mut stopped);
        if stopped.len() > 1 {
            let reached = |at: usize| {
                self.trials[self.order[at]]
                    .curve
                    .last()
                    .map_or(0, |m| m.step)
            };
            stopped.sort_by_key(|&at| std::cmp::Reverse(reached(at)));
        }
        [feasible, violating, stopped, failed].concat()
    }

    fn sort_by_losses(&self, group: &mut Vec<usize>) {
        if self.objectives.len() == 1 {
            let loss = |at: usize| self.finished[at].losses[0];
            group.sort_by(|&a, &b| loss(a).total_cmp(&loss(b)).then(a.cmp(&b)));
            return;
        }
        let losses: Vec<&[f64]> = group
            .iter()
            .map(|&at| self.finished[at].losses.as_slice())
            .collect();
        *group = pareto::order(&losses)
            .into_iter()
            .map(|at| group[at])
            .collect();
    }

    /// The finished trials that are complete and keep all constraints.
    pub(crate) fn feasible(&self) -> impl Iterator<Item = &Seen> {
        self.finished.iter().filter(|seen| seen.is_feasible())
    }
}
