//! The metrics of a study: objectives, which are made better, and safety metrics, which must keep a threshold.

use super::refused::Refused;
use super::wire;
use automl_tune::{Direction, Objective};

/// A metric that must keep a threshold: above it if more is better, below it if less is.
#[derive(Debug, Clone, PartialEq)]
struct Safety {
    name: String,
    direction: Direction,
    threshold: f64,
}

impl Safety {
    /// By how much a value is beyond the threshold; between the ends of all numbers, where the difference is none, the
    /// greatest.
    fn excess(&self, value: f64) -> f64 {
        let excess = self.direction.loss(value) - self.direction.loss(self.threshold);
        excess.clamp(f64::MIN, f64::MAX)
    }

    /// The value with this excess.
    fn value(&self, excess: f64) -> f64 {
        match self.direction {
            Direction::Minimize => self.threshold + excess,
            Direction::Maximize => self.threshold - excess,
        }
    }
}

/// What the trials of a study measure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Metrics {
    pub(super) objectives: Vec<Objective>,
    safety: Vec<Safety>,
}

/// How a trial came out: a value for each objective, and by how much each safety metric is beyond its threshold.
pub(super) type Outcome = (Vec<f64>, Vec<f64>);

impl Metrics {
    pub(super) fn of(specs: &[wire::MetricSpec]) -> Result<Self, Refused> {
        let (mut objectives, mut safety) = (Vec::new(), Vec::new());
        for (at, spec) in specs.iter().enumerate() {
            let fault = |reason| Refused::Metric {
                name: spec.metric_id.clone(),
                reason,
            };
            if specs[..at]
                .iter()
                .any(|own| own.metric_id == spec.metric_id)
            {
                return Err(fault("appears twice"));
            }
            let name = spec.metric_id.clone();
            let direction = match spec.goal() {
                wire::Goal::Maximize => Direction::Maximize,
                wire::Goal::Minimize => Direction::Minimize,
                wire::Goal::Unspecified => return Err(fault("has no goal")),
            };
            let Some(config) = &spec.safety_config else {
                objectives.push(Objective { name, direction });
                continue;
            };
            let share = config.desired_min_safe_trials_fraction.unwrap_or_default();
            if share != 0.0 {
                return Err(fault(
                    "wants a share of safe trials, which no sampler here aims at; drop desired_min_safe_trials_fraction",
                ));
            }
            let threshold = config.safety_threshold;
            if !threshold.is_finite() {
                return Err(fault("has a threshold that is not finite"));
            }
            safety.push(Safety {
                name,
                direction,
                threshold,
            });
        }
        Ok(Self { objectives, safety })
    }

    /// The value of each objective; nothing if one is missing or not finite.
    pub(super) fn figures(&self, measured: &wire::Measurement) -> Option<Vec<f64>> {
        let objectives = self.objectives.iter();
        objectives.map(|own| value(measured, &own.name)).collect()
    }

    /// How a trial with this last measurement came out; nothing if a metric is missing or not finite.
    pub(super) fn outcome(&self, measured: &wire::Measurement) -> Option<Outcome> {
        let safety = self.safety.iter();
        let excesses = safety.map(|own| value(measured, &own.name).map(|value| own.excess(value)));
        Some((self.figures(measured)?, excesses.collect::<Option<_>>()?))
    }

    /// A measurement of these figures, which were not told by a client of Vizier.
    pub(super) fn measurement(&self, figures: &[f64], excesses: &[f64]) -> wire::Measurement {
        let metric = |(name, value): (&str, f64)| wire::Metric {
            metric_id: name.to_owned(),
            value,
        };
        let objectives = self.objectives.iter().zip(figures);
        let safety = self.safety.iter().zip(excesses);
        let objectives = objectives.map(|(own, &value)| (own.name.as_str(), value));
        let safety = safety.map(|(own, &excess)| (own.name.as_str(), own.value(excess)));
        wire::Measurement {
            elapsed_duration: None,
            step_count: 0,
            metrics: objectives.chain(safety).map(metric).collect(),
        }
    }
}

/// The finite value of a metric; told twice, the later counts.
fn value(measured: &wire::Measurement, name: &str) -> Option<f64> {
    let told = measured.metrics.iter().rev();
    let value = told.into_iter().find(|metric| metric.metric_id == name)?;
    Some(value.value).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, goal: wire::Goal, threshold: Option<f64>) -> wire::MetricSpec {
        wire::MetricSpec {
            metric_id: name.into(),
            goal: goal.into(),
            safety_config: threshold.map(|safety_threshold| wire::SafetyConfig {
                safety_threshold,
                desired_min_safe_trials_fraction: None,
            }),
        }
    }

    #[test]
    fn a_safety_metric_is_a_constraint() {
        let metrics = Metrics::of(&[
            spec("loss", wire::Goal::Minimize, None),
            spec("recall", wire::Goal::Maximize, Some(0.5)),
            spec("heat", wire::Goal::Minimize, Some(80.0)),
        ]);
        let metrics = metrics.unwrap();
        let told = metrics.measurement(&[0.25], &[0.125, -10.0]);
        let values: Vec<f64> = told.metrics.iter().map(|metric| metric.value).collect();
        assert_eq!(values, [0.25, 0.375, 70.0]);
        assert_eq!(
            metrics.outcome(&told),
            Some((vec![0.25], vec![0.125, -10.0]))
        );
        let mut odd = told.clone();
        odd.metrics[2].value = f64::NAN;
        assert_eq!(metrics.figures(&odd), Some(vec![0.25]));
        assert_eq!(metrics.outcome(&odd), None);
    }

    #[test]
    fn an_excess_is_a_number_however_far_a_value_is_from_its_threshold() {
        let metrics = Metrics::of(&[
            spec("loss", wire::Goal::Minimize, None),
            spec("heat", wire::Goal::Minimize, Some(f64::MIN)),
        ]);
        let told = |name: &str, value| wire::Metric {
            metric_id: name.into(),
            value,
        };
        let measured = wire::Measurement {
            elapsed_duration: None,
            step_count: 0,
            metrics: vec![told("loss", 1.0), told("heat", f64::MAX)],
        };
        let outcome = metrics.unwrap().outcome(&measured);
        assert_eq!(outcome, Some((vec![1.0], vec![f64::MAX])));
    }
}
