//! Hyper-parameters declared once, as data: validation, help, schema, search space and docs are derived from it.
//!
//! ```
//! use automl_core::{ParamMap, ParamValue, Params};
//!
//! /// How a tree grows.
//! #[derive(Params, Debug, Clone, Copy, PartialEq)]
//! enum Growth { LeafWise, DepthWise }
//!
//! #[derive(Params, Debug, Clone)]
//! struct Boosting {
//!     /// Shrinkage of each tree.
//!     #[param(default = 0.1, range = 1e-3..=1.0, log, search = 0.01..=0.3, alias = "eta")]
//!     learning_rate: f64,
//!     /// Order in which leaves split.
//!     #[param(default = Growth::LeafWise, search)]
//!     growth: Growth,
//! }
//!
//! let mut map = ParamMap::new();
//! map.insert("eta".into(), ParamValue::Float(0.05));
//! let params = Boosting::from_map(&map)?;
//! assert_eq!((params.learning_rate, params.growth), (0.05, Growth::LeafWise));
//! map.insert("eta".into(), ParamValue::Float(7.0));
//! assert_eq!(Boosting::from_map(&map).unwrap_err().to_string(), "learning_rate = 7 is outside 0.001 to 1");
//! # Ok::<(), automl_core::ParamError>(())
//! ```

mod domain;
#[cfg(test)]
mod tests;

pub use domain::{Domain, ParamValue};

use crate::error::{Coded, nearest, or_list};
use std::collections::BTreeMap;

/// Parameter values by name.
pub type ParamMap = BTreeMap<String, ParamValue>;

/// One parameter as data.
#[derive(Debug, Clone, Copy)]
pub struct ParamSpec {
    /// Its name.
    pub name: &'static str,
    /// What it does, one or more sentences.
    pub doc: &'static str,
    /// Its value when none is given.
    pub default: fn() -> ParamValue,
    /// The values it may take.
    pub domain: Domain,
    /// The values worth trying; `None` if it is not searched.
    pub search: Option<Domain>,
    /// Other names that it answers to: those of the peers.
    pub aliases: &'static [&'static str],
}

/// Why parameters cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParamError {
    /// No parameter has this name.
    #[error("unknown parameter '{name}'")]
    Unknown {
        /// The name given.
        name: String,
        /// Parameters with a similar name.
        near: Vec<String>,
    },
    /// The value is not in the parameter's domain.
    #[error("{name} = {value} is outside {domain}")]
    Domain {
        /// The parameter.
        name: String,
        /// The value given.
        value: ParamValue,
        /// What it may be, in words.
        domain: String,
    },
    /// The value names a column that is not there.
    #[error("{name} names '{column}', which is not a column")]
    UnknownColumn {
        /// The parameter.
        name: String,
        /// The name given.
        column: String,
        /// Columns with a similar name.
        near: Vec<String>,
    },
    /// The value names a thing that is not known, such as a metric.
    #[error("{name} = {value} is not known")]
    UnknownName {
        /// The parameter.
        name: String,
        /// The name given.
        value: String,
        /// Known names that are similar, or all if none is.
        near: Vec<String>,
    },
    /// Two parameters do not go together.
    #[error("{name} = {value} {reason}")]
    Conflict {
        /// The parameter to change.
        name: String,
        /// The value given.
        value: ParamValue,
        /// Why not, as the rest of the sentence.
        reason: String,
    },
}

impl Coded for ParamError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "param-unknown",
            Self::Domain { .. } => "param-domain",
            Self::UnknownColumn { .. } => "param-column-unknown",
            Self::UnknownName { .. } => "param-name-unknown",
            Self::Conflict { .. } => "param-conflict",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { near, .. }
            | Self::UnknownColumn { near, .. }
            | Self::UnknownName { near, .. }
                if !near.is_empty() =>
            {
                Some(format!("did you mean {}?", or_list(near)))
            }
            _ => None,
        }
    }
}

/// A struct of hyper-parameters; derive it.
pub trait Params: Default {
    /// Its parameters in the order of declaration.
    const SPECS: &'static [ParamSpec];

    /// The value of the parameter called `name`.
    fn get(&self, name: &str) -> Option<ParamValue>;

    /// Sets the parameter called `name`, which must be in its domain. Aliases are accepted.
    fn set(&mut self, name: &str, value: &ParamValue) -> Result<(), ParamError>;

    /// Defaults overridden by `map`, every value checked.
    fn from_map(map: &ParamMap) -> Result<Self, ParamError> {
        let mut params = Self::default();
        for (name, value) in &by_own_names(Self::SPECS, map)? {
            params.set(name, value)?;
        }
        Ok(params)
    }

    /// All values by name.
    fn to_map(&self) -> ParamMap {
        Self::SPECS
            .iter()
            .filter_map(|spec| Some((spec.name.to_owned(), self.get(spec.name)?)))
            .collect()
    }

    /// Checks values that were written to the fields directly.
    fn check(&self) -> Result<(), ParamError> {
        Self::from_map(&self.to_map()).map(|_| ())
    }
}

/// An enum without fields whose variants are choices of a parameter; derive it with [`Params`].
pub trait ParamChoice: Sized {
    /// The names of the variants in `snake_case`, in order.
    const NAMES: &'static [&'static str];

    /// The name of this variant.
    fn choice_name(&self) -> &'static str;

    /// The variant called `name`.
    fn from_choice_name(name: &str) -> Option<Self>;
}

/// Values by the names of their parameters where they were given by an alias; names that no parameter has stay.
///
/// # Errors
/// A parameter is given twice, by different names.
pub fn by_own_names(specs: &[ParamSpec], map: &ParamMap) -> Result<ParamMap, ParamError> {
    let mut own = ParamMap::new();
    let mut given: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, value) in map {
        let is_meant =
            |spec: &&ParamSpec| spec.name == name || spec.aliases.contains(&name.as_str());
        let meant = specs
            .iter()
            .find(is_meant)
            .map_or(&**name, |spec| spec.name);
        if let Some(before) = given.insert(meant, name) {
            return Err(ParamError::Conflict {
                name: name.clone(),
                value: value.clone(),
                reason: format!("is given beside '{before}', another name of the same"),
            });
        }
        own.insert(meant.to_owned(), value.clone());
    }
    Ok(own)
}

/// The spec that `name` (or an alias) stands for, with `value` checked against its domain. Used by the derived code.
#[doc(hidden)]
pub fn checked<'a>(
    specs: &'a [ParamSpec],
    name: &str,
    value: &ParamValue,
) -> Result<(&'a ParamSpec, ParamValue), ParamError> {
    let spec = specs
        .iter()
        .find(|spec| spec.name == name || spec.aliases.contains(&name))
        .ok_or_else(|| ParamError::Unknown {
            name: name.to_owned(),
            near: nearest(name, specs.iter().map(|spec| spec.name)),
        })?;
    let value = spec
        .domain
        .coerce(value)
        .ok_or_else(|| ParamError::Domain {
            name: spec.name.to_owned(),
            value: value.clone(),
            domain: spec.domain.to_string(),
        })?;
    Ok((spec, value))
}
