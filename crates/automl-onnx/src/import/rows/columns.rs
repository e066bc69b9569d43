//! Operators that prepare columns: scaling, filling, norms, indicators of categories and tables of values.

use super::attributes::{DOUBLE, FLOAT, INT64, TEXT, numbers};
use super::{Attributes, Said, UNKNOWN_CATEGORY, single};
use crate::import::error::GraphError;
use std::collections::BTreeMap;

/// One value, or one for each column.
fn at(values: &[f64], place: usize) -> f64 {
    match values {
        [one] => *one,
        several => several[place],
    }
}

fn check_width(values: &[f64], width: usize, what: &str) -> Result<(), String> {
    if values.len() == 1 || values.len() == width {
        Ok(())
    } else {
        Err(format!("{what} of {} columns meets {width}", values.len()))
    }
}

/// `(x − offset) · scale`, in single precision.
#[derive(Debug)]
pub(in crate::import) struct Scaler {
    offset: Vec<f64>,
    scale: Vec<f64>,
}

impl Scaler {
    pub(super) fn read(attributes: Attributes<'_>) -> Result<Self, GraphError> {
        let list = |name: &str, usual: f64| {
            let values = attributes.numbers(name)?;
            Ok(if values.is_empty() {
                vec![usual]
            } else {
                values
            })
        };
        Ok(Self {
            offset: list("offset", 0.0)?,
            scale: list("scale", 1.0)?,
        })
    }

    pub(super) fn check(&self, width: usize) -> Result<(), String> {
        check_width(&self.offset, width, "a scaler")?;
        check_width(&self.scale, width, "a scaler")
    }

    pub(super) fn run(&self, row: &[f64], said: &mut [f64]) {
        for (place, (said, cell)) in said.iter_mut().zip(row).enumerate() {
            let moved = single(single(*cell) - at(&self.offset, place));
            *said = single(moved * at(&self.scale, place));
        }
    }
}

/// A value of its column in the place of what stands for missing.
#[derive(Debug)]
pub(in crate::import) struct Imputer {
    replaced: f64,
    values: Vec<f64>,
}

impl Imputer {
    pub(super) fn read(attributes: Attributes<'_>) -> Result<Self, GraphError> {
        let floats = attributes.numbers("imputed_value_floats")?;
        let ints = attributes.ints("imputed_value_int64s");
        let is_whole = floats.is_empty();
        let imputer = if is_whole {
            Self {
                replaced: attributes.int("replaced_value_int64").unwrap_or(0) as f64,
                values: ints.iter().map(|value| *value as f64).collect(),
            }
        } else {
            Self {
                replaced: f64::from(attributes.float("replaced_value_float").unwrap_or(0.0)),
                values: floats,
            }
        };
        if imputer.values.is_empty() {
            return Err(attributes.damaged("has no values"));
        }
        Ok(imputer)
    }

    pub(super) fn check(&self, width: usize) -> Result<(), String> {
        check_width(&self.values, width, "an imputer")
    }

    pub(super) fn run(&self, row: &[f64], said: &mut [f64]) {
        for (place, (said, cell)) in said.iter_mut().zip(row).enumerate() {
            let is_missing = *cell == self.replaced || (cell.is_nan() && self.replaced.is_nan());
            *said = if is_missing {
                at(&self.values, place)
            } else {
                *cell
            };
        }
    }
}

/// A row divided by its norm; one of norm zero stays.
#[derive(Debug, Clone, Copy)]
pub(in crate::import) enum Norm {
    Max,
    L1,
    L2,
}

impl Norm {
    pub(super) fn read(attributes: Attributes<'_>) -> Result<Self, GraphError> {
        Ok(match attributes.text("norm", "MAX").as_str() {
            "MAX" => Self::Max,
            "L1" => Self::L1,
            "L2" => Self::L2,
            other => return Err(attributes.unsupported(&format!("by the norm {other}"))),
        })
    }

    pub(super) fn run(self, row: &[f64], said: &mut [f64]) {
        let cells = row.iter().copied();
        let norm = match self {
            Self::Max => cells.fold(f64::NEG_INFINITY, f64::max),
            Self::L1 => cells.map(f64::abs).sum(),
            Self::L2 => cells.map(|cell| cell * cell).sum::<f64>().sqrt(),
        };
        for (said, cell) in said.iter_mut().zip(row) {
            *said = if norm == 0.0 {
                *cell
            } else {
                single(cell / norm)
            };
        }
    }
}

/// For each cell an indicator of each category.
#[derive(Debug)]
pub(in crate::import) struct OneHot {
    /// The place of each category.
    places: BTreeMap<i64, usize>,
    n_categories: usize,
    /// Whether another category has no indicator; else it is refused.
    takes_others: bool,
}

impl OneHot {
    pub(super) fn read(attributes: Attributes<'_>) -> Result<Self, GraphError> {
        let categories = attributes.ints("cats_int64s");
        if categories.is_empty() {
            return Err(attributes.damaged("has no categories"));
        }
        let mut places = BTreeMap::new();
        for (place, category) in categories.iter().enumerate() {
            places.insert(*category, place);
        }
        Ok(Self {
            places,
            n_categories: categories.len(),
            takes_others: attributes.int("zeros").unwrap_or(1) != 0,
        })
    }

    pub(super) fn n_categories(&self) -> usize {
        self.n_categories
    }

    pub(super) fn run(&self, row: &[f64], said: &mut [f64]) -> Result<(), String> {
        for (cell, said) in row.iter().zip(said.chunks_exact_mut(self.n_categories)) {
            said.fill(0.0);
            // Numbers with fractions are cut.
            let place = (!cell.is_nan()).then_some(*cell as i64);
            match place.and_then(|category| self.places.get(&category)) {
                Some(place) => said[*place] = 1.0,
                None if self.takes_others => {}
                None => return Err(UNKNOWN_CATEGORY.to_owned()),
            }
        }
        Ok(())
    }
}

/// A value for each value that is known.
#[derive(Debug)]
pub(in crate::import) struct Lookup {
    values: BTreeMap<u64, f64>,
    usual: f64,
    said: Said,
}

/// A number as a key: one NaN, and one zero.
fn key(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        (value + 0.0).to_bits()
    }
}

/// Whole numbers that doubles hold.
const WHOLE_MAX: i64 = 1 << 53;

impl Lookup {
    pub(super) fn read(attributes: Attributes<'_>) -> Result<Self, GraphError> {
        let (keys, _) = list(attributes, "keys")?;
        let (values, said) = list(attributes, "values")?;
        if keys.is_empty() || keys.len() != values.len() {
            return Err(attributes.damaged("has not as many values as keys"));
        }
        let usual = match said {
            Said::Whole => attributes.int("default_int64").unwrap_or(-1) as f64,
            _ => f64::from(attributes.float("default_float").unwrap_or(0.0)),
        };
        let usual = match attributes.tensor("default_tensor") {
            Some(tensor) => numbers(tensor)?.first().copied().unwrap_or(usual),
            None => usual,
        };
        let mut known = BTreeMap::new();
        for (found, value) in keys.into_iter().zip(values) {
            known.entry(key(found)).or_insert(value);
        }
        Ok(Self {
            values: known,
            usual,
            said,
        })
    }

    pub(super) fn said(&self) -> Said {
        self.said
    }

    pub(super) fn run(&self, row: &[f64], said: &mut [f64]) {
        for (said, cell) in said.iter_mut().zip(row) {
            *said = self.values.get(&key(*cell)).copied().unwrap_or(self.usual);
        }
    }
}

/// Keys or values of a table, and their type.
fn list(attributes: Attributes<'_>, name: &str) -> Result<(Vec<f64>, Said), GraphError> {
    if let Some(tensor) = attributes.tensor(&format!("{name}_tensor")) {
        let said = match tensor.data_type {
            FLOAT => Said::Single,
            DOUBLE => Said::Double,
            INT64 => Said::Whole,
            TEXT => return Err(attributes.unsupported("of texts")),
            _ => return Err(attributes.unsupported("of an odd type")),
        };
        return Ok((numbers(tensor)?, said));
    }
    let floats = attributes.floats(&format!("{name}_floats"));
    if !floats.is_empty() {
        return Ok((
            floats.iter().copied().map(f64::from).collect(),
            Said::Single,
        ));
    }
    let ints = attributes.ints(&format!("{name}_int64s"));
    if ints
        .iter()
        .any(|value| !(-WHOLE_MAX..=WHOLE_MAX).contains(value))
    {
        return Err(attributes.unsupported("of whole numbers beyond 2^53"));
    }
    Ok((
        ints.iter().map(|value| *value as f64).collect(),
        Said::Whole,
    ))
}
