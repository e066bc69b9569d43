//! The points to choose from: parameters, when each is active, and what no point may be.
//!
//! Inside the crate a point is a slice of coordinates, one a parameter in order: numbers and orders in `[0, 1]` on their
//! scale, categories as codes, and not a number where the parameter is not active.

mod anchor;
mod axis;
mod clauses;
mod condition;
mod error;
mod parameter;
mod raw;
#[cfg(test)]
mod tests;

pub(crate) use axis::Axis;
pub use condition::{Condition, Forbidden, Linear};
pub use error::SpaceError;
pub use parameter::{Domain, Parameter, Prior, Scale};

use crate::uniform::Draws;
use automl_core::{ParamMap, ParamSpec, ParamValue};
use clauses::{Clauses, Test};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Draws before a point that satisfies the clauses is given up.
const TRIES: usize = 500;

/// A checked search space; may have no parameter, which leaves one point.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "SpaceSpec", into = "SpaceSpec")]
pub struct Space {
    spec: SpaceSpec,
    axes: Vec<Axis>,
    /// When each parameter is active: all of these hold.
    when: Vec<Vec<Test>>,
    clauses: Clauses,
    /// Parameters by name, for points, whose keys are sorted.
    by_name: Vec<usize>,
    /// A point that satisfies all clauses.
    anchor: Vec<f64>,
}

/// A search space as it is written.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpaceSpec {
    /// The parameters; those that conditions look at come before those that have the conditions.
    pub parameters: Vec<Parameter>,
    /// Combinations that no point may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<Forbidden>,
    /// Sums that every point must keep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Linear>,
}

impl TryFrom<SpaceSpec> for Space {
    type Error = SpaceError;

    fn try_from(spec: SpaceSpec) -> Result<Self, SpaceError> {
        let mut axes = Vec::with_capacity(spec.parameters.len());
        for (at, parameter) in spec.parameters.iter().enumerate() {
            let name = || parameter.name.clone();
            if parameter.name.is_empty() {
                return Err(SpaceError::Nameless);
            }
            if spec.parameters[..at]
                .iter()
                .any(|known| known.name == parameter.name)
            {
                return Err(SpaceError::Duplicate { name: name() });
            }
            let fault = |(reason, hint)| SpaceError::Domain {
                name: name(),
                reason,
                hint,
            };
            let axis =
                Axis::new(parameter.domain.clone(), parameter.prior.clone()).map_err(fault)?;
            if let Some(default) = &parameter.default
                && axis.coordinate(default).is_none()
            {
                return Err(fault((
                    "has a default outside its domain",
                    "give one of its values as the default",
                )));
            }
            axes.push(axis);
        }
        let (when, clauses) = clauses::compile(&spec, &axes)?;
        let mut by_name: Vec<usize> = (0..axes.len()).collect();
        by_name.sort_by(|&a, &b| spec.parameters[a].name.cmp(&spec.parameters[b].name));
        let mut space = Self {
            spec,
            axes,
            when,
            clauses,
            by_name,
            anchor: Vec::new(),
        };
        space.anchor = space.find_anchor()?;
        Ok(space)
    }
}

impl From<Space> for SpaceSpec {
    fn from(space: Space) -> Self {
        space.spec
    }
}

impl Space {
    /// A space of these parameters without clauses.
    pub fn new(parameters: impl IntoIterator<Item = Parameter>) -> Result<Self, SpaceError> {
        Self::try_from(SpaceSpec {
            parameters: parameters.into_iter().collect(),
            ..SpaceSpec::default()
        })
    }

    /// The declared parameters that are searched, in their search domains.
    pub fn of_params(specs: &[ParamSpec]) -> Result<Self, SpaceError> {
        Self::new(
            specs
                .iter()
                .filter_map(|spec| Some(Parameter::new(spec.name, spec.search?))),
        )
    }

    /// The space as it was written.
    pub fn spec(&self) -> &SpaceSpec {
        &self.spec
    }

    /// The parameters in order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.spec.parameters
    }

    /// Number of parameters.
    pub fn n_dimensions(&self) -> usize {
        self.axes.len()
    }

    /// How many points there are; `None` if more than can be counted or if conditions or clauses leave some out.
    pub fn n_points(&self) -> Option<u64> {
        if self.is_conditional() || !self.clauses.is_empty() {
            return None;
        }
        self.axes
            .iter()
            .try_fold(1_u64, |product, axis| product.checked_mul(axis.n_values()?))
    }

    /// Whether any parameter has a condition.
    pub fn is_conditional(&self) -> bool {
        self.when.iter().any(|tests| !tests.is_empty())
    }

    /// Whether `point` has a value in its domain for exactly the parameters that are active in it, and keeps all
    /// clauses. Values under names that the space does not have are not looked at.
    pub fn contains(&self, point: &ParamMap) -> bool {
        self.coordinates(point).is_ok_and(|at| self.is_allowed(&at))
    }

    /// `value` as the parameter at this position writes it, such as an int for a float; `None` if it is outside.
    pub fn coerce(&self, parameter: usize, value: &ParamValue) -> Option<ParamValue> {
        let axis = &self.axes[parameter];
        axis.coordinate(value).map(|at| match axis.domain() {
            // What the user wrote, without a rounding through the coordinate.
            Domain::Float { step: None, .. } => value
                .as_f64()
                .map_or_else(|| axis.value(at), ParamValue::Float),
            _ => axis.value(at),
        })
    }

    /// The point with which a search begins that knows nothing: each parameter at its default, or in the middle if it has none. `None` if no
    /// parameter has a default or the clauses forbid the point.
    pub fn default_point(&self) -> Option<ParamMap> {
        self.first().map(|(_, point)| point)
    }

    /// [`Space::default_point`] with its coordinates.
    pub(crate) fn first(&self) -> Option<(Vec<f64>, ParamMap)> {
        let has_default = |parameter: &Parameter| parameter.default.is_some();
        if !self.spec.parameters.iter().any(has_default) {
            return None;
        }
        let at = self.adapted(&ParamMap::new())?;
        let mut point = self.point(&at);
        for (j, parameter) in self.spec.parameters.iter().enumerate() {
            let default = parameter.default.as_ref();
            let written = default.and_then(|value| self.coerce(j, value));
            if let Some((value, written)) = point.get_mut(&parameter.name).zip(written) {
                *value = written;
            }
        }
        Some((at, point))
    }

    /// The names of the parameters that `point` has a value of the right kind for, wherever it lies.
    pub fn shared_with(&self, point: &ParamMap) -> Vec<&str> {
        let named = self.spec.parameters.iter().zip(&self.axes);
        let is_shared = |parameter: &Parameter, axis: &Axis| {
            let value = point.get(&parameter.name);
            value.is_some_and(|value| axis.is_of_kind(value))
        };
        named
            .filter(|(parameter, axis)| is_shared(parameter, axis))
            .map(|(parameter, _)| parameter.name.as_str())
            .collect()
    }

    /// The coordinates of a point of another space: values are matched by name and kind, and what is missing is the
    /// default or the middle. `None` if a value is outside its domain or the clauses forbid the point.
    pub(crate) fn adapted(&self, point: &ParamMap) -> Option<Vec<f64>> {
        self.placed(point).filter(|at| self.is_allowed(at))
    }

    /// The same, whatever the clauses say.
    fn placed(&self, point: &ParamMap) -> Option<Vec<f64>> {
        let mut at = vec![f64::NAN; self.axes.len()];
        for (j, (parameter, axis)) in self.spec.parameters.iter().zip(&self.axes).enumerate() {
            if !self.is_active(j, &at) {
                continue;
            }
            let told = point.get(&parameter.name);
            at[j] = if let Some(value) = told.filter(|value| axis.is_of_kind(value)) {
                axis.coordinate(value)?
            } else {
                let default = parameter.default.as_ref();
                let default = default.and_then(|value| axis.coordinate(value));
                default.unwrap_or_else(|| axis.at_share(0.5))
            };
        }
        Some(at)
    }

    pub(crate) fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Parameters under the same conditions, in order of their first; those that are looked at come before those that
    /// look, since a parameter of a group is active exactly when its first is.
    pub(crate) fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for j in 0..self.axes.len() {
            match groups
                .iter_mut()
                .find(|group| self.when[group[0]] == self.when[j])
            {
                Some(group) => group.push(j),
                None => groups.push(vec![j]),
            }
        }
        groups
    }

    /// The coordinates of `point`, or the position of the first parameter that is missing, too much or outside.
    pub(crate) fn coordinates(&self, point: &ParamMap) -> Result<Vec<f64>, usize> {
        let mut at = vec![f64::NAN; self.axes.len()];
        let mut is_given = vec![false; self.axes.len()];
        let mut entries = point.iter().peekable();
        for &j in &self.by_name {
            let name = &self.spec.parameters[j].name;
            while entries.next_if(|(key, _)| *key < name).is_some() {}
            if let Some((_, value)) = entries.next_if(|(key, _)| *key == name) {
                at[j] = self.axes[j].coordinate(value).ok_or(j)?;
                is_given[j] = true;
            }
        }
        for (j, is_given) in is_given.into_iter().enumerate() {
            if self.is_active(j, &at) != is_given {
                return Err(j);
            }
        }
        Ok(at)
    }

    /// The point of these coordinates.
    pub(crate) fn point(&self, at: &[f64]) -> ParamMap {
        let active = self.spec.parameters.iter().zip(&self.axes).zip(at);
        active
            .filter(|(_, at)| !at.is_nan())
            .map(|((parameter, axis), &at)| (parameter.name.clone(), axis.value(at)))
            .collect()
    }

    /// Whether parameter `j` is active, given the coordinates of those before it.
    pub(crate) fn is_active(&self, j: usize, at: &[f64]) -> bool {
        self.when[j].iter().all(|test| test.holds(at))
    }

    /// Whether the clauses allow the coordinates.
    pub(crate) fn is_allowed(&self, at: &[f64]) -> bool {
        self.clauses.allow(&self.axes, at)
    }

    /// Whether any clause could refuse a point.
    pub(crate) fn has_clauses(&self) -> bool {
        !self.clauses.is_empty()
    }

    /// Moves every active coordinate to the value it stands for, draws those that are missing and drops those that are
    /// not active.
    pub(crate) fn settle<R: Rng>(&self, at: &mut [f64], draws: &mut Draws<R>) {
        for j in 0..self.axes.len() {
            at[j] = if !self.is_active(j, at) {
                f64::NAN
            } else if at[j].is_nan() {
                self.axes[j].draw(draws)
            } else {
                self.axes[j].snap(at[j])
            };
        }
    }

    /// Coordinates drawn from the user's beliefs that the clauses allow.
    pub(crate) fn draw<R: Rng>(&self, draws: &mut Draws<R>) -> Vec<f64> {
        let mut at = self.draw_any(draws);
        for _ in 0..TRIES {
            if self.is_allowed(&at) {
                return at;
            }
            at = self.draw_any(draws);
        }
        self.about_anchor(draws)
    }

    /// The point of a Sobol or other even sequence at `shares`, one of each parameter; `None` if a clause refuses it.
    pub(crate) fn at_shares(&self, shares: &[f64]) -> Option<Vec<f64>> {
        let mut at = vec![f64::NAN; self.axes.len()];
        for j in 0..self.axes.len() {
            if self.is_active(j, &at) {
                at[j] = self.axes[j].at_share(shares[j]);
            }
        }
        self.is_allowed(&at).then_some(at)
    }

    /// Log density of the user's beliefs at the coordinates, against even ones.
    pub(crate) fn log_belief(&self, at: &[f64]) -> f64 {
        let active = self.axes.iter().zip(at).filter(|(_, at)| !at.is_nan());
        active.map(|(axis, &at)| axis.log_belief(at)).sum()
    }

    /// Whether the user has said a belief about any parameter.
    pub(crate) fn has_beliefs(&self) -> bool {
        self.axes.iter().any(|axis| axis.prior().is_some())
    }

    fn draw_any<R: Rng>(&self, draws: &mut Draws<R>) -> Vec<f64> {
        let mut at = vec![f64::NAN; self.axes.len()];
        self.settle(&mut at, draws);
        at
    }
}
