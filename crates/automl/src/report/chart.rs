//! Scores over time as a drawing: a dot for each trial and the best so far as a line of steps.

use super::TrialPoint;
use crate::text;
use automl_core::metrics::Metric;
use maud::{Markup, html};
use std::fmt::Write as _;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 44.0;
/// Trials worse than this share of all are drawn at the rim, so that a few bad ones do not flatten the rest.
const SHOWN_SHARE: f64 = 0.75;
const N_TICKS: usize = 4;

/// What is drawn; at least one trial.
pub(super) struct ScoreChart<'a> {
    pub(super) metric: Metric,
    pub(super) trials: &'a [TrialPoint],
}

/// From seconds and scores to points of the drawing.
struct Scales {
    seconds: f64,
    low: f64,
    high: f64,
}

impl Scales {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * seconds / self.seconds
    }

    fn y(&self, score: f64) -> f64 {
        let share = ((score - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
    }

    fn holds(&self, score: f64) -> bool {
        score >= self.low && score <= self.high
    }
}

impl ScoreChart<'_> {
    /// The drawing.
    pub(super) fn svg(&self) -> Markup {
        let scales = self.scales();
        let n_outside = self
            .trials
            .iter()
            .filter(|trial| !scales.holds(trial.score))
            .count() as u64;
        html! {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label="Score of each trial over time" {
                @for tick in ticks(scales.low, scales.high) {
                    line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(point(scales.y(tick))) y2=(point(scales.y(tick))) {}
                    text x=(LEFT - 8.0) y=(point(scales.y(tick) + 4.0)) text-anchor="end" { (text::score(tick)) }
                }
                @for tick in ticks(0.0, scales.seconds) {
                    text x=(point(scales.x(tick))) y=(HEIGHT - BOTTOM + 18.0) text-anchor="middle" { (text::seconds(tick)) }
                }
                text x=((LEFT + WIDTH - RIGHT) / 2.0) y=(HEIGHT - 8.0) text-anchor="middle" { "time since the start" }
                text x=(14.0) y=(HEIGHT / 2.0) text-anchor="middle" transform=(format!("rotate(-90 14 {})", HEIGHT / 2.0)) {
                    (self.metric.title())
                }
                @for trial in self.trials {
                    circle.dot.out[!scales.holds(trial.score)] cx=(point(scales.x(trial.at_seconds))) cy=(point(scales.y(trial.score))) r="4" {
                        title { (trial.name) ": " (text::score(trial.score)) " after " (text::seconds(trial.at_seconds)) }
                    }
                }
                path.best d=(self.best_line(&scales)) {}
            }
            p.soft {
                "Each dot is a model; the line is the best so far."
                @if n_outside > 0 { " " (text::counted(n_outside, "model")) " outside the scale stand at its rim, dashed." }
            }
        }
    }

    fn scales(&self) -> Scales {
        let mut losses: Vec<f64> = self
            .trials
            .iter()
            .map(|trial| self.metric.loss(trial.score))
            .filter(|l| l.is_finite())
            .collect();
        losses.sort_unstable_by(f64::total_cmp);
        let best = losses.first().copied().unwrap_or(0.0);
        let last = (losses.len() as f64 * SHOWN_SHARE) as usize;
        let worst = losses.get(last).or(losses.last()).copied().unwrap_or(1.0);
        let span = if worst > best {
            worst - best
        } else {
            best.abs().max(1e-9)
        };
        let (near, far) = (best - 0.06 * span, worst + 0.06 * span);
        let (low, high) = if self.metric.higher_is_better() {
            (-far, -near)
        } else {
            (near, far)
        };
        let seconds = self
            .trials
            .iter()
            .map(|trial| trial.at_seconds)
            .fold(1e-3, f64::max);
        Scales { seconds, low, high }
    }

    fn best_line(&self, scales: &Scales) -> String {
        let mut path = String::new();
        let mut best: Option<f64> = None;
        for trial in self.trials {
            if best.is_some_and(|best| !self.metric.is_better(trial.score, best)) {
                continue;
            }
            let (x, y) = (scales.x(trial.at_seconds), scales.y(trial.score));
            // Writing to a string cannot fail.
            match best {
                None => write!(path, "M{x:.1} {y:.1}").ok(),
                Some(_) => write!(path, "H{x:.1}V{y:.1}").ok(),
            };
            best = Some(trial.score);
        }
        write!(path, "H{:.1}", WIDTH - RIGHT).ok();
        path
    }
}

fn point(value: f64) -> String {
    format!("{value:.1}")
}

/// Round numbers inside a range, some four of them.
pub(super) fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / N_TICKS as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}
