//! The points to choose from, and their coordinates: each number dimension as `[0, 1]`, each choice as a code.

use crate::uniform::Draws;
use automl_core::{Coded, Domain, ParamMap, ParamSpec, ParamValue};
use rand::Rng;
use std::borrow::Cow;

/// One parameter to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// Its name in the points.
    pub name: String,
    /// The values it may take.
    pub domain: Domain,
}

/// Named dimensions in a fixed order; may be empty, which leaves one point.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Space {
    dimensions: Vec<Dimension>,
}

/// Why dimensions do not make a space.
#[derive(Debug, Clone, PartialEq)]
pub enum SpaceError {
    /// Two dimensions share one name.
    Duplicate {
        /// The name.
        name: String,
    },
    /// A dimension has no value, a bound that is not finite, or a log scale that reaches zero.
    Domain {
        /// The dimension.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl std::fmt::Display for SpaceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Duplicate { name } => write!(f, "dimension '{name}' appears twice"),
            Self::Domain { name, reason } => write!(f, "dimension '{name}' {reason}"),
        }
    }
}

impl std::error::Error for SpaceError {}

impl Coded for SpaceError {
    fn code(&self) -> &'static str {
        match self {
            Self::Duplicate { .. } => "space-dimension-duplicate",
            Self::Domain { .. } => "space-domain-invalid",
        }
    }
}

impl Space {
    /// A space of these dimensions.
    pub fn new<S: Into<String>>(
        dimensions: impl IntoIterator<Item = (S, Domain)>,
    ) -> Result<Self, SpaceError> {
        let mut space = Self::default();
        for (name, domain) in dimensions {
            let name = name.into();
            if space.dimensions.iter().any(|known| known.name == name) {
                return Err(SpaceError::Duplicate { name });
            }
            if let Some(reason) = fault(&domain) {
                return Err(SpaceError::Domain { name, reason });
            }
            space.dimensions.push(Dimension { name, domain });
        }
        Ok(space)
    }

    /// The parameters that are searched, in their search domains.
    pub fn of_params(specs: &[ParamSpec]) -> Result<Self, SpaceError> {
        Self::new(
            specs
                .iter()
                .filter_map(|spec| Some((spec.name, spec.search?))),
        )
    }

    /// The dimensions in order.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// Number of dimensions.
    pub fn n_dimensions(&self) -> usize {
        self.dimensions.len()
    }

    /// Whether `point` has a value in its domain for every dimension; other values are not looked at.
    pub fn contains(&self, point: &ParamMap) -> bool {
        self.dimensions.iter().all(|dimension| {
            point
                .get(&dimension.name)
                .is_some_and(|value| dimension.domain.coerce(value).is_some())
        })
    }

    /// How many points there are; `None` if more than can be counted.
    pub fn n_points(&self) -> Option<u64> {
        self.dimensions
            .iter()
            .try_fold(1_u64, |product, dimension| {
                product.checked_mul(n_values(&dimension.domain)?)
            })
    }

    /// The coordinate of each dimension: in `[0, 1]` for numbers, the code for choices; `None` where the point has no
    /// value in the domain.
    pub(crate) fn coordinates(&self, point: &ParamMap) -> Vec<Option<f64>> {
        self.dimensions
            .iter()
            .map(|dimension| coordinate(&dimension.domain, point.get(&dimension.name)?))
            .collect()
    }

    /// The point of these coordinates.
    pub(crate) fn point(&self, coordinates: &[f64]) -> ParamMap {
        self.dimensions
            .iter()
            .zip(coordinates)
            .map(|(dimension, &at)| (dimension.name.clone(), value_at(&dimension.domain, at)))
            .collect()
    }

    /// Coordinates of a point drawn evenly.
    pub(crate) fn draw<R: Rng>(&self, draws: &mut Draws<R>) -> Vec<f64> {
        self.dimensions
            .iter()
            .map(|dimension| match n_choices(&dimension.domain) {
                Some(n) => draws.below(n) as f64,
                None => draws.unit(),
            })
            .collect()
    }

    /// Whether `point` has the values of one of the others in every dimension.
    pub(crate) fn is_among<'a>(
        &self,
        point: &ParamMap,
        mut others: impl Iterator<Item = &'a ParamMap>,
    ) -> bool {
        others.any(|other| {
            self.dimensions.iter().all(|dimension| {
                let value = |map: &ParamMap| dimension.domain.coerce(map.get(&dimension.name)?);
                value(point) == value(other)
            })
        })
    }
}

fn fault(domain: &Domain) -> Option<&'static str> {
    match *domain {
        Domain::Float { low, high, .. } if !(low.is_finite() && high.is_finite()) => {
            Some("has a bound that is not finite")
        }
        Domain::Float { low, high, .. } if low > high => {
            Some("has its least value above its greatest")
        }
        Domain::Int { low, high, .. } if low > high => {
            Some("has its least value above its greatest")
        }
        Domain::Float { low, log: true, .. } if low <= 0.0 => {
            Some("has a log scale that reaches zero")
        }
        Domain::Int { low, log: true, .. } if low <= 0 => Some("has a log scale that reaches zero"),
        Domain::Choice([]) => Some("has no choice"),
        Domain::Text => Some("has no list of values"),
        _ => None,
    }
}

/// Number of codes of a dimension without an order; `None` for numbers.
pub(crate) fn n_choices(domain: &Domain) -> Option<usize> {
    match domain {
        Domain::Bool => Some(2),
        Domain::Choice(names) => Some(names.len()),
        _ => None,
    }
}

fn n_values(domain: &Domain) -> Option<u64> {
    match *domain {
        Domain::Float { low, high, .. } => (low == high).then_some(1),
        Domain::Int { low, high, .. } => high.abs_diff(low).checked_add(1),
        Domain::Bool => Some(2),
        Domain::Choice(names) => Some(names.len() as u64),
        Domain::Text => None,
    }
}

/// The ends of a number dimension on its own scale; whole numbers own half a step to each side.
fn ends(domain: &Domain) -> (f64, f64, bool) {
    match *domain {
        Domain::Float {
            low,
            high,
            log: true,
        } => (low.ln(), high.ln(), true),
        Domain::Float {
            low,
            high,
            log: false,
        } => (low, high, false),
        Domain::Int {
            low,
            high,
            log: true,
        } => ((low as f64 - 0.5).ln(), (high as f64 + 0.5).ln(), true),
        Domain::Int {
            low,
            high,
            log: false,
        } => (low as f64 - 0.5, high as f64 + 0.5, false),
        Domain::Bool | Domain::Choice(_) | Domain::Text => (0.0, 1.0, false),
    }
}

fn coordinate(domain: &Domain, value: &ParamValue) -> Option<f64> {
    let value = domain.coerce(value)?;
    match (domain, &value) {
        (Domain::Bool, ParamValue::Bool(flag)) => Some(f64::from(u8::from(*flag))),
        (Domain::Choice(names), ParamValue::Text(text)) => names
            .iter()
            .position(|name| name == text)
            .map(|code| code as f64),
        _ => {
            let number = value.as_f64()?;
            let (low, high, is_log) = ends(domain);
            let at = if is_log { number.ln() } else { number };
            // Halves keep the difference of two huge bounds finite.
            let width = high / 2.0 - low / 2.0;
            Some(if width > 0.0 {
                ((at / 2.0 - low / 2.0) / width).clamp(0.0, 1.0)
            } else {
                0.5
            })
        }
    }
}

fn value_at(domain: &Domain, at: f64) -> ParamValue {
    let (first, last, is_log) = ends(domain);
    let on_scale = first * (1.0 - at) + last * at;
    let number = if is_log { on_scale.exp() } else { on_scale };
    match *domain {
        Domain::Float { low, high, .. } => ParamValue::Float(number.clamp(low, high)),
        Domain::Int { low, high, .. } => ParamValue::Int((number.round() as i64).clamp(low, high)),
        Domain::Bool => ParamValue::Bool(at >= 0.5),
        Domain::Text => ParamValue::Text(Cow::Borrowed("")),
        Domain::Choice(names) => {
            ParamValue::Text(Cow::Borrowed(names[(at as usize).min(names.len() - 1)]))
        }
    }
}
