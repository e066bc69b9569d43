//! Conditions, forbidden clauses and constraints, resolved from names to coordinates.

use super::SpaceSpec;
use super::axis::Axis;
use super::condition::{Condition, Linear};
use super::error::SpaceError;
use automl_core::{ParamValue, nearest};

/// Coordinates that differ by less are of one value.
const SAME: f64 = 1e-9;

/// A condition on coordinates.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Test {
    parameter: usize,
    /// Coordinates of the values; empty for all.
    among: Vec<f64>,
    low: f64,
    high: f64,
}

impl Test {
    /// Whether it holds; never for a parameter that is not active.
    pub(crate) fn holds(&self, at: &[f64]) -> bool {
        let own = at[self.parameter];
        let is_among =
            self.among.is_empty() || self.among.iter().any(|value| (value - own).abs() < SAME);
        is_among && own >= self.low - SAME && own <= self.high + SAME
    }
}

/// What no point may be.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Clauses {
    forbidden: Vec<Vec<Test>>,
    sums: Vec<(Vec<(usize, f64)>, f64)>,
}

impl Clauses {
    pub(crate) fn is_empty(&self) -> bool {
        self.forbidden.is_empty() && self.sums.is_empty()
    }

    pub(crate) fn allow(&self, axes: &[Axis], at: &[f64]) -> bool {
        !self.forbidden.iter().any(|tests| are_met(tests, at))
            && self.sums.iter().all(|sum| is_kept(sum, axes, at))
    }
}

impl Clauses {
    /// How far coordinates are from being allowed: of each sum the square of what is too much, as a share of how far the sum can
    /// go, with a margin that is to be kept in such shares; and one for each combination that is forbidden.
    pub(crate) fn violation(&self, axes: &[Axis], at: &[f64], margin: f64) -> f64 {
        let excess = |(terms, at_most): &(Vec<(usize, f64)>, f64)| {
            let (mut sum, mut span) = (0.0, 0.0);
            for &(j, factor) in terms {
                let ends = axes[j].number(0.0).zip(axes[j].number(1.0));
                span += ends.map_or(0.0, |(low, high)| (factor * (high - low)).abs());
                if !at[j].is_nan() {
                    sum += factor * axes[j].number(at[j]).unwrap_or(0.0);
                }
            }
            ((sum - at_most) / f64::max(span, f64::MIN_POSITIVE) + margin)
                .max(0.0)
                .powi(2)
        };
        let n_forbidden = self.forbidden.iter().filter(|tests| are_met(tests, at));
        self.sums.iter().map(excess).sum::<f64>() + n_forbidden.count() as f64
    }

    /// The names of the parameters in the first clause that refuses the coordinates, and what the clause is.
    pub(crate) fn broken(&self, spec: &SpaceSpec, axes: &[Axis], at: &[f64]) -> Option<String> {
        let names = |places: Vec<usize>| -> String {
            let names = places.iter().map(|&j| spec.parameters[j].name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        let forbidden = self.forbidden.iter().find(|tests| are_met(tests, at));
        if let Some(tests) = forbidden {
            let places = tests.iter().map(|test| test.parameter).collect();
            return Some(format!("the forbidden combination of {}", names(places)));
        }
        let sum = self.sums.iter().find(|sum| !is_kept(sum, axes, at));
        sum.map(|(terms, at_most)| {
            let places = terms.iter().map(|(j, _)| *j).collect();
            format!("the constraint of {} to at most {at_most}", names(places))
        })
    }
}

fn are_met(tests: &[Test], at: &[f64]) -> bool {
    tests.iter().all(|test| test.holds(at))
}

fn is_kept((terms, at_most): &(Vec<(usize, f64)>, f64), axes: &[Axis], at: &[f64]) -> bool {
    let active = terms.iter().filter(|(j, _)| !at[*j].is_nan());
    let values = active.map(|&(j, factor)| (factor, axes[j].number(at[j]).unwrap_or(0.0)));
    let (sum, size) = values.fold((0.0, at_most.abs()), |(sum, size): (f64, f64), (f, v)| {
        (sum + f * v, size + (f * v).abs())
    });
    sum <= at_most + 1e-12 * size
}

/// The conditions of each parameter and the clauses of the space.
pub(crate) fn compile(
    spec: &SpaceSpec,
    axes: &[Axis],
) -> Result<(Vec<Vec<Test>>, Clauses), SpaceError> {
    let mut when = Vec::with_capacity(axes.len());
    for (j, parameter) in spec.parameters.iter().enumerate() {
        let mut tests = Vec::with_capacity(parameter.when.len());
        for condition in &parameter.when {
            let test = resolve(spec, axes, &parameter.name, condition)?;
            if test.parameter >= j {
                return Err(SpaceError::LaterParameter {
                    owner: parameter.name.clone(),
                    name: condition.parameter.clone(),
                });
            }
            tests.push(test);
        }
        when.push(tests);
    }
    let mut clauses = Clauses::default();
    for forbidden in &spec.forbidden {
        let tests = forbidden.all.iter();
        let tests: Result<_, _> = tests
            .map(|condition| resolve(spec, axes, "forbidden", condition))
            .collect();
        clauses.forbidden.push(tests?);
    }
    for linear in &spec.constraints {
        clauses.sums.push(resolve_sum(spec, axes, linear)?);
    }
    Ok((when, clauses))
}

fn find(spec: &SpaceSpec, owner: &str, name: &str) -> Result<usize, SpaceError> {
    let names = || spec.parameters.iter().map(|known| known.name.as_str());
    names()
        .position(|known| known == name)
        .ok_or_else(|| SpaceError::UnknownParameter {
            owner: owner.to_owned(),
            name: name.to_owned(),
            near: nearest(name, names()),
        })
}

fn resolve(
    spec: &SpaceSpec,
    axes: &[Axis],
    owner: &str,
    condition: &Condition,
) -> Result<Test, SpaceError> {
    let parameter = find(spec, owner, &condition.parameter)?;
    let axis = &axes[parameter];
    let unknown = |value: String| SpaceError::UnknownValue {
        owner: owner.to_owned(),
        name: condition.parameter.clone(),
        value,
    };
    let among: Result<Vec<f64>, SpaceError> = condition
        .values
        .iter()
        .map(|value| {
            axis.coordinate(value)
                .ok_or_else(|| unknown(value.to_string()))
        })
        .collect();
    let bound = |value: Option<f64>, open: f64| match value {
        None => Ok(open),
        Some(value) => axis
            .nearest(&ParamValue::Float(value))
            .ok_or_else(|| unknown(value.to_string())),
    };
    Ok(Test {
        parameter,
        among: among?,
        low: bound(condition.at_least, f64::NEG_INFINITY)?,
        high: bound(condition.at_most, f64::INFINITY)?,
    })
}

fn resolve_sum(
    spec: &SpaceSpec,
    axes: &[Axis],
    linear: &Linear,
) -> Result<(Vec<(usize, f64)>, f64), SpaceError> {
    let mut terms = Vec::with_capacity(linear.terms.len());
    for (name, &factor) in &linear.terms {
        let j = find(spec, "constraints", name)?;
        if axes[j].number(0.5).is_none() {
            return Err(SpaceError::NotNumeric { name: name.clone() });
        }
        terms.push((j, factor));
    }
    Ok((terms, linear.at_most))
}
