//! The range test: which learning rate makes the loss fall steepest (Smith, 2017).
//!
//! A copy of the network takes a short run of steps of its optimiser, each at a rate that is a little higher than the one
//! before, until the loss has risen far above its least. Losses are smoothed by a window about each step, which moves
//! nothing, and the rate is taken in whose neighbourhood they fall most by a step of the logarithm of the rate. Everything is
//! a function of data, settings and seed. The copy is thrown away.
//!
//! # Cost
//! At most a hundred steps of the training.

use super::trainer::{StepReport, Watch, layout_of};
use super::{Job, ScheduleKind, TrainError, TrainSettings, TrainState, Trainer};
use burn::tensor::backend::AutodiffBackend;

/// The first and the last rate.
const RATES: [f64; 2] = [1e-6, 1.0];
/// Steps from the one to the other.
const STEPS: usize = 100;
/// Steps on each side that smooth a loss; nearer ones count more.
const HALF_WINDOW: usize = 5;
/// Steps on each side between which a fall is measured.
const HALF_SLOPE: usize = 2;
/// How often its least the loss must be to have run away.
const RUN_AWAY: f64 = 4.0;

/// The rate of a step, evenly from one end to the other on a scale of logarithms.
fn rate(step: usize) -> f64 {
    let [first, last] = RATES;
    first * (last / first).powf(step as f64 / (STEPS - 1) as f64)
}

/// The learning rate at which the loss falls steepest, and how many steps it took to find it.
pub(super) fn range_test<B: AutodiffBackend, J: Job<B>>(
    trainer: &Trainer<'_>,
    job: &J,
    device: &B::Device,
    (network, on_device): (J::Network, bool),
) -> Result<(f64, u64), TrainError> {
    let settings = settings(trainer.settings);
    let trainer = Trainer {
        settings: &settings,
        // Other orders than those of the training, whose first batches would be learned from twice.
        seed: trainer.seed.named("range_test"),
        ..*trainer
    };
    let layout = layout_of(job, &network);
    let kind = settings.optimizer.r#type;
    let state = TrainState::new(layout.read(&network), kind, false);
    let mut run = trainer.begin(job, device, (network, layout, state), on_device);
    run.write_network();
    run.shuffle();
    let mut losses = Losses::default();
    for step in 0..STEPS {
        if trainer.budget.is_over() {
            return Err(TrainError::Cancelled);
        }
        if run.state.progress.cursor == run.steps_per_epoch() {
            run.state.progress.epoch += 1;
            run.state.progress.cursor = 0;
            run.shuffle();
        }
        run.state.progress.plateau = rate(step);
        let stepped = run.step(&mut losses);
        match stepped.and_then(|()| run.settle(&mut losses)) {
            Err(TrainError::NotFinite { .. }) => break,
            other => other?,
        }
        if losses.have_run_away() {
            break;
        }
    }
    let n_steps = losses.0.len() as u64;
    let found = steepest(&losses.0).ok_or(TrainError::RangeTest { n_steps })?;
    Ok((rounded(rate(found)), n_steps))
}

/// The settings of the copy: a constant rate, which each step sets anew.
fn settings(settings: &TrainSettings) -> TrainSettings {
    let mut settings = settings.clone();
    settings.optimizer.learning_rate = 1.0;
    settings.schedule.r#type = ScheduleKind::Constant;
    settings.schedule.warmup_steps = 0;
    settings.trainer.ema_decay = 0.0;
    // What falls towards the end of a training is as at its beginning.
    settings.trainer.epochs = u64::from(u32::MAX);
    settings
}

/// What steps lost.
#[derive(Default)]
struct Losses(Vec<f64>);

impl Losses {
    /// Whether the mean of the last few is far above the least of such means.
    fn have_run_away(&self) -> bool {
        let means = self.0.windows(HALF_WINDOW);
        let means = means.map(|losses| losses.iter().sum::<f64>() / HALF_WINDOW as f64);
        let means: Vec<f64> = means.collect();
        let least = means.iter().copied().fold(f64::INFINITY, f64::min);
        means.last().is_some_and(|&last| last > RUN_AWAY * least)
    }
}

impl Watch for Losses {
    fn step(&mut self, report: &StepReport) -> Result<(), TrainError> {
        self.0.push(report.loss);
        Ok(())
    }
}

/// The step about which smoothed losses fall most; none if they fall nowhere.
fn steepest(losses: &[f64]) -> Option<usize> {
    let smoothed: Vec<f64> = (0..losses.len()).map(|at| smoothed(losses, at)).collect();
    let falls = HALF_SLOPE..smoothed.len().saturating_sub(HALF_SLOPE);
    let falls = falls.map(|at| (at, smoothed[at - HALF_SLOPE] - smoothed[at + HALF_SLOPE]));
    let most = falls.max_by(|a, b| a.1.total_cmp(&b.1))?;
    (most.1 > 0.0).then_some(most.0)
}

/// The mean of the losses about a step, the nearer the weightier.
fn smoothed(losses: &[f64], at: usize) -> f64 {
    let first = at.saturating_sub(HALF_WINDOW);
    let end = (at + HALF_WINDOW + 1).min(losses.len());
    let (mut sum, mut total) = (0.0, 0.0);
    for (place, loss) in losses.iter().enumerate().take(end).skip(first) {
        let weight = (HALF_WINDOW + 1 - place.abs_diff(at)) as f64;
        sum += weight * loss;
        total += weight;
    }
    sum / total
}

/// Two digits: the test tells no more.
fn rounded(rate: f64) -> f64 {
    format!("{rate:.1e}").parse().unwrap_or(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_rise_by_the_same_factor_from_one_end_to_the_other() {
        assert!((rate(0) - RATES[0]).abs() < 1e-18);
        assert!((rate(STEPS - 1) - RATES[1]).abs() < 1e-12);
        let factor = rate(1) / rate(0);
        assert!((rate(51) / rate(50) - factor).abs() < 1e-9);
        assert_eq!(rounded(0.004_321), 0.0043);
    }

    #[test]
    fn the_steepest_place_of_a_slide_is_its_middle_whatever_shakes() {
        let shake = |at: usize| if at.is_multiple_of(2) { 0.05 } else { -0.05 };
        let slide = |at: usize| 1.0 / (1.0 + ((at as f64 - 60.0) / 5.0).exp()) + shake(at);
        let losses: Vec<f64> = (0..100).map(slide).collect();
        let found = steepest(&losses).expect("it falls");
        assert!(found.abs_diff(60) <= 2, "{found}");
    }

    #[test]
    fn losses_that_rise_all_the_way_have_no_steepest_fall() {
        let losses: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(steepest(&losses), None);
        assert_eq!(steepest(&[]), None);
        assert_eq!(steepest(&[1.0]), None);
    }
}
