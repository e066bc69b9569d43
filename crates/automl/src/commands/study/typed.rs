//! What is typed as `NAME=VALUE`.

use crate::errors::TuneVerbError;
use automl_core::nearest;
use automl_serve::tuning::TuneError;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Both sides of it; `field` and `wanted` say what it should be.
fn pair<'a>(
    typed: &'a str,
    (field, wanted): (&'static str, &'static str),
) -> Result<(&'a str, &'a str), TuneError> {
    typed
        .split_once('=')
        .ok_or(TuneError::Setting { field, wanted })
}

/// `loss=0.3` as fields; numbers stay texts, for the study to read.
pub(super) fn values(typed: &[String]) -> anyhow::Result<Option<Value>> {
    let mut values = Map::new();
    for one in typed {
        let (name, value) = pair(one, ("a value", "written OBJECTIVE=VALUE"))?;
        if value.trim().parse::<f64>().is_err() {
            let (name, value) = (name.to_owned(), value.to_owned());
            return Err(TuneVerbError::Value { name, value }.into());
        }
        values.insert(name.to_owned(), json!(value));
    }
    Ok((!values.is_empty()).then_some(Value::Object(values)))
}

/// Texts by name, each given once.
pub(super) fn params(typed: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut params = BTreeMap::new();
    for one in typed {
        let (name, value) = pair(one, ("a parameter", "written PARAMETER=VALUE"))?;
        if params.insert(name.to_owned(), value.to_owned()).is_some() {
            let (field, wanted) = ("a parameter", "given once");
            return Err(TuneError::Setting { field, wanted }.into());
        }
    }
    Ok(params)
}

/// By how much constraints are exceeded, in the order in which the study knows them, or of their names if it knows none.
pub(super) fn constraints(typed: &[String], known: &[String]) -> anyhow::Result<Vec<f64>> {
    let mut excesses = BTreeMap::new();
    for one in typed {
        let (name, value) = pair(one, ("a constraint", "written NAME=VALUE"))?;
        if !known.is_empty() && known.iter().all(|known| known != name) {
            let near = nearest(name, known.iter().map(String::as_str));
            let name = name.to_owned();
            return Err(TuneVerbError::ConstraintUnknown { name, near }.into());
        }
        let Ok(excess) = value.trim().parse::<f64>() else {
            let (name, value) = (name.to_owned(), value.to_owned());
            return Err(TuneVerbError::Excess { name, value }.into());
        };
        if excesses.insert(name, excess).is_some() {
            let (field, wanted) = ("a constraint", "given once");
            return Err(TuneError::Setting { field, wanted }.into());
        }
    }
    if known.is_empty() {
        return Ok(excesses.into_values().collect());
    }
    let told = known.iter().map(|name| {
        let excess = excesses.get(name.as_str()).copied();
        let name = name.clone();
        excess.ok_or_else(|| TuneVerbError::ConstraintUntold { name }.into())
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(typed: &[&str], known: &[&str]) -> Result<Vec<f64>, String> {
        let texts = |texts: &[&str]| {
            texts
                .iter()
                .map(|&text| text.to_owned())
                .collect::<Vec<_>>()
        };
        constraints(&texts(typed), &texts(known)).map_err(|error| error.to_string())
    }

    #[test]
    fn constraints_come_in_the_order_that_the_study_knows() {
        let typed = ["memory=2", "cost=-1e-3"];
        assert_eq!(told(&typed, &["memory", "cost"]), Ok(vec![2.0, -1e-3]));
        assert_eq!(told(&typed, &["cost", "memory"]), Ok(vec![-1e-3, 2.0]));
        assert_eq!(told(&typed, &[]), Ok(vec![-1e-3, 2.0]), "of their names");
        assert_eq!(told(&[], &[]), Ok(Vec::new()));
    }

    #[test]
    fn a_constraint_that_is_unknown_untold_told_twice_or_no_number_is_refused() {
        let refused = |typed: &[&str]| told(typed, &["memory", "cost"]).unwrap_err();
        assert_eq!(
            refused(&["memry=1"]),
            "'memry' is no constraint of the study"
        );
        assert_eq!(refused(&["memory=1"]), "the constraint 'cost' is not told");
        assert_eq!(refused(&[]), "the constraint 'memory' is not told");
        assert_eq!(
            refused(&["cost=1", "cost=2"]),
            "a constraint must be given once"
        );
        assert_eq!(
            refused(&["cost=low"]),
            "'low' is no number for the constraint 'cost'"
        );
        assert_eq!(
            refused(&["cost"]),
            "a constraint must be written NAME=VALUE"
        );
    }
}
