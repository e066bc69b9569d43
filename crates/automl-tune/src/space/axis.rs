//! A domain as one coordinate: numbers and orders as `[0, 1]`, categories as codes.

use super::parameter::{Domain, Prior, Scale};
use crate::math::normal_cdf;
use crate::uniform::Draws;
use automl_core::ParamValue;
use rand::Rng;

/// A domain prepared for samplers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    domain: Domain,
    /// Number of values; `None` for a continuum.
    n_values: Option<u64>,
    is_code: bool,
    /// The ends of a number on its own scale; whole numbers own half a step to each side.
    first: f64,
    last: f64,
    prior: Option<Prior>,
}

/// What is wrong with a domain and what to do about it.
type Fault = (&'static str, &'static str);

impl Axis {
    pub(crate) fn new(domain: Domain, prior: Option<Prior>) -> Result<Self, Fault> {
        check(&domain)?;
        let (first, last) = ends(&domain);
        let axis = Self {
            n_values: n_values(&domain),
            is_code: matches!(domain, Domain::Categorical { .. }),
            domain,
            first,
            last,
            prior,
        };
        axis.check_prior()?;
        Ok(axis)
    }

    fn check_prior(&self) -> Result<(), Fault> {
        match &self.prior {
            None => Ok(()),
            Some(Prior::Peak { at, width }) => {
                let value = ParamValue::Float(*at);
                if self.is_code || matches!(self.domain, Domain::Ordinal { .. }) {
                    Err(("has a peak but no numbers", "give 'weights' instead"))
                } else if !(*width > 0.0 && width.is_finite()) {
                    Err(("has a peak without width", "give a width above zero"))
                } else if self.nearest(&value).is_none() {
                    Err((
                        "has its peak outside its domain",
                        "move 'at' between the bounds",
                    ))
                } else {
                    Ok(())
                }
            }
            Some(Prior::Weights(weights)) => {
                let is_valid = weights.iter().all(|&w| w >= 0.0 && w.is_finite())
                    && weights.iter().sum::<f64>() > 0.0;
                let has_list =
                    !matches!(self.domain, Domain::Float { .. } | Domain::Integer { .. });
                if !has_list {
                    Err(("has weights but no list of values", "give a 'peak' instead"))
                } else if !is_valid || self.n_values != Some(weights.len() as u64) {
                    Err((
                        "has weights that do not fit its values",
                        "give one weight of at least zero for each value",
                    ))
                } else {
                    Ok(())
                }
            }
        }
    }

    pub(crate) fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Number of codes of an axis without an order.
    pub(crate) fn n_codes(&self) -> Option<usize> {
        if self.is_code {
            self.n_values.map(|n| n as usize)
        } else {
            None
        }
    }

    /// Number of values; `None` for a continuum.
    pub(crate) fn n_values(&self) -> Option<u64> {
        self.n_values
    }

    pub(crate) fn prior(&self) -> Option<&Prior> {
        self.prior.as_ref()
    }

    /// The coordinate of `value`; `None` if it is not in the domain.
    pub(crate) fn coordinate(&self, value: &ParamValue) -> Option<f64> {
        match &self.domain {
            Domain::Float {
                low, high, step, ..
            } => {
                let number = value.as_f64().filter(|n| n >= low && n <= high)?;
                match step {
                    None => Some(self.scaled(number)),
                    Some(step) => {
                        let index = ((number - low) / step).round();
                        let is_near = (low + index * step - number).abs() <= 1e-6 * step;
                        is_near.then(|| self.centre(index))
                    }
                }
            }
            Domain::Integer {
                low, high, step, ..
            } => {
                let number = value.as_i64().filter(|n| n >= low && n <= high)?;
                let is_step = (number - low) % step == 0;
                is_step.then(|| self.of_whole(number))
            }
            Domain::Discrete { values } => {
                let number = value.as_f64()?;
                let scale = values.iter().fold(0.0, |max: f64, v| max.max(v.abs()));
                let index = values
                    .iter()
                    .position(|v| (v - number).abs() <= 1e-9 * scale.max(f64::MIN_POSITIVE))?;
                Some(self.centre(index as f64))
            }
            Domain::Ordinal { values } => {
                let index = values.iter().position(|known| is_same(known, value))?;
                Some(self.centre(index as f64))
            }
            Domain::Categorical { values } => values
                .iter()
                .position(|known| is_same(known, value))
                .map(|code| code as f64),
        }
    }

    /// Whether `value` is of the kind that the domain has: a number, or like one of the values that it lists.
    pub(crate) fn is_of_kind(&self, value: &ParamValue) -> bool {
        let is_alike = |known: &ParamValue| match (known, value) {
            (ParamValue::Text(_), ParamValue::Text(_))
            | (ParamValue::Bool(_), ParamValue::Bool(_)) => true,
            (known, value) => known.as_f64().is_some() && value.as_f64().is_some(),
        };
        match &self.domain {
            Domain::Float { .. } | Domain::Integer { .. } | Domain::Discrete { .. } => {
                value.as_f64().is_some()
            }
            Domain::Ordinal { values } | Domain::Categorical { values } => {
                values.iter().any(is_alike)
            }
        }
    }

    /// The coordinate of the value of the domain nearest to a number; `None` without numbers or outside.
    pub(crate) fn nearest(&self, value: &ParamValue) -> Option<f64> {
        let number = value.as_f64()?;
        match &self.domain {
            Domain::Float { low, high, .. } if number >= *low && number <= *high => {
                Some(self.snap(self.scaled(number)))
            }
            Domain::Integer { low, high, .. }
                if number >= *low as f64 && number <= *high as f64 =>
            {
                Some(self.snap(self.scaled(number)))
            }
            Domain::Discrete { values } => {
                let distance = |index: &usize| (values[*index] - number).abs();
                (0..values.len())
                    .min_by(|a, b| distance(a).total_cmp(&distance(b)))
                    .map(|index| self.centre(index as f64))
            }
            _ => None,
        }
    }

    /// The value at a coordinate, in the domain whatever the coordinate.
    pub(crate) fn value(&self, at: f64) -> ParamValue {
        match &self.domain {
            Domain::Float { .. } | Domain::Discrete { .. } => {
                ParamValue::Float(self.number(at).unwrap_or(0.0))
            }
            Domain::Integer { .. } => ParamValue::Int(self.whole(at)),
            Domain::Ordinal { values } => values[self.index(at)].clone(),
            Domain::Categorical { values } => values[(at as usize).min(values.len() - 1)].clone(),
        }
    }

    /// The number at a coordinate; `None` for values that are no numbers.
    pub(crate) fn number(&self, at: f64) -> Option<f64> {
        match &self.domain {
            Domain::Float {
                low, high, step, ..
            } => Some(match step {
                None => self.unscaled(at).clamp(*low, *high),
                Some(step) => (low + self.index(at) as f64 * step).min(*high),
            }),
            Domain::Integer { .. } => Some(self.whole(at) as f64),
            Domain::Discrete { values } => Some(values[self.index(at)]),
            _ => None,
        }
    }

    /// The coordinate of the value that a coordinate stands for: the middle of its step.
    pub(crate) fn snap(&self, at: f64) -> f64 {
        match &self.domain {
            Domain::Categorical { values } => at.floor().clamp(0.0, values.len() as f64 - 1.0),
            Domain::Float { step: None, .. } => at.clamp(0.0, 1.0),
            Domain::Integer { .. } => self.of_whole(self.whole(at)),
            _ => self.centre(self.index(at) as f64),
        }
    }

    /// The coordinate of a value by its rank, from 0 for the first; only where values can be counted.
    pub(crate) fn nth(&self, rank: u64) -> f64 {
        match self.domain {
            Domain::Categorical { .. } => rank as f64,
            Domain::Integer { low, step, .. } => {
                self.of_whole(low.saturating_add_unsigned(rank.saturating_mul(step.unsigned_abs())))
            }
            _ => self.centre(rank as f64),
        }
    }

    /// The rank of the value that a coordinate stands for.
    pub(crate) fn rank(&self, at: f64) -> u64 {
        match self.domain {
            Domain::Categorical { .. } => at.max(0.0) as u64,
            Domain::Integer { low, step, .. } => self.whole(at).abs_diff(low) / step.unsigned_abs(),
            _ => self.index(at) as u64,
        }
    }

    /// The coordinates between which all stand for the same value of an order as this one; of a log scale they are not equally far
    /// apart.
    pub(crate) fn cell(&self, at: f64) -> (f64, f64) {
        if matches!(self.domain, Domain::Integer { .. }) && self.scale() != Scale::Linear {
            let number = self.whole(at) as f64;
            return (self.scaled(number - 0.5), self.scaled(number + 0.5));
        }
        let n = self.n_values.unwrap_or(1) as f64;
        let rank = self.rank(at) as f64;
        (rank / n, (rank + 1.0) / n)
    }

    /// How far it is at most from a coordinate's value to one of its neighbours; nothing in a continuum.
    pub(crate) fn spacing(&self, at: f64) -> f64 {
        let Some(n) = self.n_values else {
            return 0.0;
        };
        if self.scale() == Scale::Linear {
            return 1.0 / n as f64;
        }
        let rank = self.rank(at);
        let own = self.nth(rank);
        let below = rank.checked_sub(1).map_or(0.0, |rank| own - self.nth(rank));
        let above = if rank + 1 < n {
            self.nth(rank + 1) - own
        } else {
            0.0
        };
        f64::max(below, above)
    }

    /// A coordinate drawn from the user's belief, evenly if there is none.
    pub(crate) fn draw<R: Rng>(&self, draws: &mut Draws<R>) -> f64 {
        let at = match (&self.prior, self.n_values) {
            (Some(Prior::Weights(weights)), _) if self.is_code => draws.weighted(weights) as f64,
            (Some(Prior::Weights(weights)), _) => self.centre(draws.weighted(weights) as f64),
            (Some(Prior::Peak { at, width }), _) => {
                let mean = self.nearest(&ParamValue::Float(*at)).unwrap_or(0.5);
                draws.normal_in_unit(mean, *width)
            }
            (None, Some(n)) if self.is_code => draws.below(n as usize) as f64,
            (None, _) => draws.unit(),
        };
        self.snap(at)
    }

    /// The coordinate below which the belief puts a share `u`; a code for categories.
    pub(crate) fn at_share(&self, u: f64) -> f64 {
        match (&self.prior, self.n_codes()) {
            (Some(Prior::Weights(weights)), _) => {
                let mut rest = u * weights.iter().sum::<f64>();
                let index = weights.iter().position(|weight| {
                    rest -= weight;
                    rest < 0.0
                });
                let index = index.unwrap_or(weights.len() - 1) as f64;
                if self.is_code {
                    index
                } else {
                    self.centre(index)
                }
            }
            (Some(Prior::Peak { at, width }), _) => {
                let mean = self.nearest(&ParamValue::Float(*at)).unwrap_or(0.5);
                self.snap(cut_normal_quantile(u, mean, *width))
            }
            (None, Some(n)) => ((u * n as f64) as usize).min(n - 1) as f64,
            (None, None) => self.snap(u),
        }
    }

    /// The coordinate at which the belief is highest; the middle if there is none.
    pub(crate) fn peak(&self) -> f64 {
        match &self.prior {
            None => 0.5,
            Some(Prior::Peak { at, .. }) => self.nearest(&ParamValue::Float(*at)).unwrap_or(0.5),
            Some(Prior::Weights(weights)) => {
                let places = (0..weights.len()).rev();
                let best = places.max_by(|&a, &b| weights[a].total_cmp(&weights[b]));
                self.nth(best.unwrap_or(0) as u64)
            }
        }
    }

    /// Log density of the belief at a coordinate, against the even one.
    pub(crate) fn log_belief(&self, at: f64) -> f64 {
        match &self.prior {
            None => 0.0,
            Some(Prior::Weights(weights)) => {
                let index = if self.is_code {
                    at as usize
                } else {
                    self.index(at)
                };
                let share = weights[index.min(weights.len() - 1)] / weights.iter().sum::<f64>();
                (share * weights.len() as f64).max(1e-6).ln()
            }
            Some(Prior::Peak { at: peak, width }) => {
                let mean = self.nearest(&ParamValue::Float(*peak)).unwrap_or(0.5);
                let z = (at - mean) / width;
                let inside = normal_cdf((1.0 - mean) / width) - normal_cdf(-mean / width);
                let log_norm = (width * inside * std::f64::consts::TAU.sqrt()).ln();
                (-0.5 * z * z - log_norm).max(-14.0)
            }
        }
    }

    fn index(&self, at: f64) -> usize {
        let n = self.n_values.unwrap_or(1);
        ((at.max(0.0) * n as f64) as u64).min(n - 1) as usize
    }

    fn centre(&self, index: f64) -> f64 {
        (index + 0.5) / self.n_values.unwrap_or(1) as f64
    }

    fn of_whole(&self, number: i64) -> f64 {
        match self.domain {
            Domain::Integer {
                low,
                scale: Scale::Linear,
                step,
                ..
            } => self.centre(number.abs_diff(low) as f64 / step as f64),
            _ => self.scaled(number as f64),
        }
    }

    fn whole(&self, at: f64) -> i64 {
        let Domain::Integer {
            low,
            high,
            scale,
            step,
        } = self.domain
        else {
            return 0;
        };
        if scale == Scale::Linear {
            let n = self.n_values.unwrap_or(1);
            let index = ((at.max(0.0) * n as f64) as u64).min(n - 1);
            low.saturating_add_unsigned(index.saturating_mul(step.unsigned_abs()))
                .min(high)
        } else {
            (self.unscaled(at).round() as i64).clamp(low, high)
        }
    }

    fn scaled(&self, number: f64) -> f64 {
        let on_scale = match self.scale() {
            Scale::Linear => number,
            Scale::Log => number.ln(),
            Scale::ReverseLog => -(self.mirror(number)).ln(),
        };
        // Halves keep the difference of two huge bounds finite.
        let width = self.last / 2.0 - self.first / 2.0;
        if width > 0.0 {
            ((on_scale / 2.0 - self.first / 2.0) / width).clamp(0.0, 1.0)
        } else {
            0.5
        }
    }

    fn unscaled(&self, at: f64) -> f64 {
        let on_scale = self.first * (1.0 - at) + self.last * at;
        match self.scale() {
            Scale::Linear => on_scale,
            Scale::Log => on_scale.exp(),
            Scale::ReverseLog => self.mirror((-on_scale).exp()),
        }
    }

    fn scale(&self) -> Scale {
        match self.domain {
            Domain::Float { scale, .. } | Domain::Integer { scale, .. } => scale,
            _ => Scale::Linear,
        }
    }

    /// The number as far from the low end as `number` is from the high end.
    fn mirror(&self, number: f64) -> f64 {
        match self.domain {
            Domain::Float { low, high, .. } => low + high - number,
            Domain::Integer { low, high, .. } => (low + high) as f64 - number,
            _ => number,
        }
    }
}

/// Values that users mean alike: 1 and 1.0, and the text of a flag or number.
fn is_same(known: &ParamValue, value: &ParamValue) -> bool {
    known == value
        || match (known, value) {
            (ParamValue::Int(_) | ParamValue::Float(_), other) => {
                known.as_f64() == other.as_f64() && other.as_f64().is_some()
            }
            _ => false,
        }
}

const TURN: Fault = (
    "has its least value above its greatest",
    "swap 'low' and 'high'",
);
const LOG_OF_ZERO: Fault = (
    "has a log scale that reaches zero",
    "give a least value above zero or use the linear scale",
);
const STEP_ON_LOG: Fault = (
    "has both a step and a log scale",
    "drop the step or list discrete values",
);

fn check(domain: &Domain) -> Result<(), Fault> {
    let fault = match domain {
        Domain::Float {
            low,
            high,
            scale,
            step,
        } => float_fault(*low, *high, *scale, *step),
        Domain::Integer {
            low,
            high,
            scale,
            step,
        } => integer_fault(*low, *high, *scale, *step),
        Domain::Discrete { values } => {
            if values.is_empty() {
                Some(("has no value", "list at least one"))
            } else if values.iter().any(|value| !value.is_finite()) {
                Some(("has a value that is not finite", "list finite numbers"))
            } else if values.windows(2).any(|pair| pair[0] >= pair[1]) {
                Some((
                    "has values that do not rise",
                    "list each number once, in rising order",
                ))
            } else {
                None
            }
        }
        Domain::Ordinal { values } | Domain::Categorical { values } => {
            let is_repeated = |(at, value): (usize, &ParamValue)| values[..at].contains(value);
            if values.is_empty() {
                Some(("has no value", "list at least one"))
            } else if values.iter().enumerate().any(is_repeated) {
                Some(("lists a value twice", "list each value once"))
            } else {
                None
            }
        }
    };
    fault.map_or(Ok(()), Err)
}

fn float_fault(low: f64, high: f64, scale: Scale, step: Option<f64>) -> Option<Fault> {
    if !(low.is_finite() && high.is_finite()) {
        return Some((
            "has a bound that is not finite",
            "give finite bounds, on a log scale if they are far apart",
        ));
    }
    if low > high {
        return Some(TURN);
    }
    if scale != Scale::Linear && low <= 0.0 {
        return Some(LOG_OF_ZERO);
    }
    let step = step?;
    if !step.is_finite() || step <= 0.0 {
        Some((
            "has a step that is not above zero",
            "give a step above zero",
        ))
    } else if scale != Scale::Linear {
        Some(STEP_ON_LOG)
    } else if high / step - low / step > 1e15 {
        Some(("has a step too small to count", "drop the step"))
    } else {
        None
    }
}

fn integer_fault(low: i64, high: i64, scale: Scale, step: i64) -> Option<Fault> {
    if low > high {
        Some(TURN)
    } else if scale != Scale::Linear && low <= 0 {
        Some(LOG_OF_ZERO)
    } else if step < 1 {
        Some((
            "has a step that is not above zero",
            "give a step of at least 1",
        ))
    } else if step != 1 && scale != Scale::Linear {
        Some(STEP_ON_LOG)
    } else {
        None
    }
}

fn n_values(domain: &Domain) -> Option<u64> {
    match domain {
        Domain::Float {
            low,
            high,
            step: Some(step),
            ..
        } => Some(((high - low) / step + 1e-9).floor() as u64 + 1),
        Domain::Float { low, high, .. } => (low == high).then_some(1),
        Domain::Integer {
            low, high, step, ..
        } => (high.abs_diff(*low) / step.unsigned_abs()).checked_add(1),
        Domain::Discrete { values } => Some(values.len() as u64),
        Domain::Ordinal { values } | Domain::Categorical { values } => Some(values.len() as u64),
    }
}

fn ends(domain: &Domain) -> (f64, f64) {
    let on_scale = |low: f64, high: f64, scale| match scale {
        Scale::Linear => (low, high),
        Scale::Log => (low.ln(), high.ln()),
        Scale::ReverseLog => (-high.ln(), -low.ln()),
    };
    match *domain {
        Domain::Float {
            low, high, scale, ..
        } => on_scale(low, high, scale),
        Domain::Integer {
            low, high, scale, ..
        } => on_scale(low as f64 - 0.5, high as f64 + 0.5, scale),
        _ => (0.0, 1.0),
    }
}

/// The quantile of a normal cut to `[0, 1]`, by bisection.
fn cut_normal_quantile(u: f64, mean: f64, sigma: f64) -> f64 {
    let below = |x: f64| normal_cdf((x - mean) / sigma);
    let (start, end) = (below(0.0), below(1.0));
    let wanted = start + u * (end - start);
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if below(middle) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}
