//! How much each parameter matters, by both measures, at a cost that stays small however many trials there are.

use super::{Parameter, Row};
use automl_core::Seed;
use automl_store::studies::Direction;
use automl_tune::Space;
use automl_tune::importance::{Evidence, Importance, fanova, ped_anova};

/// The share of trials that PED-ANOVA takes for the best.
const BEST_SHARE: f64 = 0.1;
/// Trials that are looked at; of more, evenly spaced ones.
const TRIALS_MAX: usize = 2000;
/// Trials times parameters that a forest of [`N_TREES`] learns from; beyond, trials are thinned further.
const FOREST_MAX: usize = 12_000;
const N_TREES: usize = 48;
/// How far beyond the best nine tenths a loss counts, in their span; what is worse counts as that.
const REACH: f64 = 2.0;
/// Trials without which nothing can be told.
const TRIALS_MIN: usize = 4;

/// How much a parameter matters for an objective, as shares of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Weight {
    /// The parameter.
    pub parameter: String,
    /// How the best tenth of its values differs from all.
    pub ped_anova: f64,
    /// How much of a forest's variance it explains alone.
    pub fanova: f64,
}

/// All parameters, those that matter most first; without shares while too few trials are complete.
pub(super) fn weights(
    parameters: &[Parameter],
    rows: &[Row],
    objective: usize,
    direction: Direction,
) -> Vec<Weight> {
    // A domain that no space takes, such as one of no numbers, cannot be measured; it stands last.
    let space = Space::new(parameters.iter().filter_map(|own| {
        let one = automl_tune::Parameter::new(own.name.clone(), own.domain.clone());
        Space::new([one.clone()]).is_ok().then_some(one)
    }));
    let sign = match direction {
        Direction::Minimize => 1.0,
        Direction::Maximize => -1.0,
    };
    let scored: Vec<_> = rows
        .iter()
        .filter(|row| row.is_scored())
        .map(|row| (&row.params, sign * row.values[objective]))
        .filter(|(_, loss)| loss.is_finite())
        .collect();
    let (mut by_best, mut by_variance) = (Vec::new(), Vec::new());
    if let (Ok(space), true) = (&space, scored.len() >= TRIALS_MIN) {
        let evidence = Evidence::new(space, thinned(&scored, TRIALS_MAX));
        by_best = ped_anova(&evidence, BEST_SHARE);
        let n_max = (FOREST_MAX / parameters.len().max(1)).clamp(200, TRIALS_MAX);
        let limit = limit(scored.iter().map(|(_, loss)| *loss).collect());
        let tamed = thinned(&scored, n_max).map(|(params, loss)| (params, loss.min(limit)));
        let evidence = Evidence::new(space, tamed);
        by_variance = fanova(&evidence, N_TREES, Seed(0));
    }
    let share = |shares: &[Importance], name: &str| {
        let own = shares.iter().find(|own| own.parameter == name);
        own.map_or(0.0, |own| own.share)
    };
    let mut weights: Vec<Weight> = parameters
        .iter()
        .map(|own| Weight {
            parameter: own.name.clone(),
            ped_anova: share(&by_best, &own.name),
            fanova: share(&by_variance, &own.name),
        })
        .collect();
    let both = |weight: &Weight| weight.ped_anova + weight.fanova;
    weights.sort_by(|a, b| both(b).total_cmp(&both(a)));
    weights
}

/// The greatest loss that is taken as it is: variance would speak of a few wild values alone.
fn limit(mut losses: Vec<f64>) -> f64 {
    losses.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * losses.len().saturating_sub(1) as f64;
        losses.get(place as usize).copied().unwrap_or(0.0)
    };
    let (best, near) = (at(0.0), at(0.9));
    if near > best {
        near + REACH * (near - best)
    } else {
        f64::INFINITY
    }
}

/// At most `n_max`, evenly spaced in time.
fn thinned<T: Copy>(all: &[T], n_max: usize) -> impl Iterator<Item = T> {
    let n = all.len().min(n_max);
    (0..n).map(move |at| all[at * all.len() / n.max(1)])
}
