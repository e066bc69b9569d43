//! What a learner says of itself and of its parameters.

use crate::Check;
use crate::case::{Case, Setup};
use automl_core::{
    Budget, Deadline, Domain, FitError, ParamError, ParamMap, ParamSpec, ParamValue,
};
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) const CHECKS: &[Check] = &[
    ("its declaration is complete", is_complete),
    ("its defaults are in their domains", defaults_in_domain),
    ("its search spaces are in their domains", search_in_domain),
    ("values out of range are rejected", rejects_out_of_range),
    ("unknown parameters are rejected", rejects_unknown),
    ("parameters come back as they were given", params_round_trip),
    (
        "it works at both ends of each search space",
        works_at_search_ends,
    ),
];

fn is_complete(case: &Case) -> Result<(), String> {
    let spec = case.spec;
    if !is_snake_case(spec.id) || spec.title.is_empty() {
        return Err(format!("id '{}', title '{}'", spec.id, spec.title));
    }
    let mut names = BTreeSet::new();
    for param in spec.params {
        if !is_snake_case(param.name) {
            return Err(format!("'{}' is not a snake-case name", param.name));
        }
        for &name in std::iter::once(&param.name).chain(param.aliases) {
            if !names.insert(name) {
                return Err(format!("'{name}' names two parameters"));
            }
        }
        if !param.doc.ends_with('.') {
            return Err(format!(
                "the doc of '{}' is no sentence: '{}'",
                param.name, param.doc
            ));
        }
    }
    let learner = case.learner()?;
    if learner.spec().id != spec.id {
        return Err(format!(
            "it builds a learner called '{}'",
            learner.spec().id
        ));
    }
    Ok(())
}

fn is_snake_case(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn defaults_in_domain(case: &Case) -> Result<(), String> {
    for param in case.spec.params {
        let default = (param.default)();
        if param.domain.coerce(&default).as_ref() != Some(&default) {
            return Err(format!(
                "{} = {default} is not in {}",
                param.name, param.domain
            ));
        }
    }
    Ok(())
}

fn search_in_domain(case: &Case) -> Result<(), String> {
    for param in case.spec.params {
        check_bounds(param.name, &param.domain, false)?;
        let Some(search) = &param.search else {
            continue;
        };
        check_bounds(param.name, search, true)?;
        for end in ends(search) {
            if param.domain.coerce(&end).as_ref() != Some(&end) {
                return Err(format!("{} = {end} is searched but not valid", param.name));
            }
        }
    }
    Ok(())
}

fn check_bounds(name: &str, domain: &Domain, is_searched: bool) -> Result<(), String> {
    let (low, high, log) = match *domain {
        Domain::Float { low, high, log } => (low, high, log),
        Domain::Int { low, high, log } => (low as f64, high as f64, log),
        Domain::Choice([]) => return Err(format!("{name} has no choice")),
        Domain::Bool | Domain::Choice(_) | Domain::Text => return Ok(()),
    };
    // What is valid may include zero though what is searched is on a log scale.
    let log_scale_fits = !log || low > 0.0 || (low == 0.0 && !is_searched);
    if low >= high || low.is_nan() || high.is_nan() || !log_scale_fits {
        return Err(format!("{name} ranges over {domain}"));
    }
    Ok(())
}

/// The extreme values of a domain, or all of a choice.
fn ends(domain: &Domain) -> Vec<ParamValue> {
    match *domain {
        Domain::Float { low, high, .. } => vec![ParamValue::Float(low), ParamValue::Float(high)],
        Domain::Int { low, high, .. } => vec![ParamValue::Int(low), ParamValue::Int(high)],
        Domain::Bool => vec![ParamValue::Bool(false), ParamValue::Bool(true)],
        Domain::Text => vec![ParamValue::Text("".into())],
        Domain::Choice(names) => names
            .iter()
            .map(|&name| ParamValue::Text(name.into()))
            .collect(),
    }
}

/// Values that are just outside, or of another type.
fn outside(domain: &Domain) -> Vec<ParamValue> {
    let text = ParamValue::Text("no such value".into());
    match *domain {
        Domain::Float { low, high, .. } => vec![
            ParamValue::Float(low.next_down()),
            ParamValue::Float(high.next_up()),
            ParamValue::Float(f64::NAN),
            text,
        ],
        Domain::Int { low, high, .. } => low
            .checked_sub(1)
            .into_iter()
            .chain(high.checked_add(1))
            .map(ParamValue::Int)
            .chain([ParamValue::Float(low as f64 + 0.5), text])
            .collect(),
        Domain::Bool => vec![ParamValue::Int(2), text],
        Domain::Choice(_) => vec![ParamValue::Bool(true), text],
        Domain::Text => vec![ParamValue::Bool(true), ParamValue::Int(2)],
    }
}

fn rejects_out_of_range(case: &Case) -> Result<(), String> {
    for param in case.spec.params {
        // An end at infinity has nothing outside.
        for value in outside(&param.domain) {
            if param.domain.coerce(&value).is_some() {
                continue;
            }
            let map = ParamMap::from([(param.name.to_owned(), value.clone())]);
            match (case.spec.build)(&map) {
                Err(ParamError::Domain { name, .. }) if name == param.name => {}
                Err(other) => return Err(format!("{} = {value} gives '{other}'", param.name)),
                Ok(_) => return Err(format!("{} = {value} is accepted", param.name)),
            }
        }
    }
    Ok(())
}

fn rejects_unknown(case: &Case) -> Result<(), String> {
    let map = ParamMap::from([("no_such_parameter".to_owned(), ParamValue::Int(1))]);
    match (case.spec.build)(&map) {
        Err(ParamError::Unknown { .. }) => Ok(()),
        Err(other) => Err(format!("gives '{other}'")),
        Ok(_) => Err("'no_such_parameter' is accepted".into()),
    }
}

fn params_round_trip(case: &Case) -> Result<(), String> {
    let defaults = (case.spec.build)(&ParamMap::new()).map_err(|error| error.to_string())?;
    let map = defaults.params();
    for ParamSpec { name, default, .. } in case.spec.params {
        if map.get(*name) != Some(&default()) {
            return Err(format!(
                "{name} is {:?}, its default {}",
                map.get(*name),
                default()
            ));
        }
    }
    let again = (case.spec.build)(&map).map_err(|error| error.to_string())?;
    if again.params() != map {
        return Err(format!("{map:?} comes back as {:?}", again.params()));
    }
    Ok(())
}

fn works_at_search_ends(case: &Case) -> Result<(), String> {
    let data = case.data(60);
    for param in case.spec.params {
        for value in param.search.iter().flat_map(ends) {
            let mut params = case.params.clone();
            params.insert(param.name.to_owned(), value.clone());
            let at_end = Case { params, ..*case };
            // What takes longer is ended early: a partial model must be as valid.
            let deadline = Deadline::after(Duration::from_millis(100));
            let budget = Budget {
                deadline,
                ..Budget::unlimited()
            };
            let setup = Setup {
                budget,
                ..Setup::default()
            };
            let seen = match at_end.try_fit(&data, &setup) {
                Ok(fitted) => at_end.predict(fitted.model.as_ref(), data.table()).err(),
                Err(FitError::Cancelled | FitError::Param(ParamError::Conflict { .. })) => None,
                Err(error) => Some(error.to_string()),
            };
            if let Some(seen) = seen {
                return Err(format!("{} = {value}: {seen}", param.name));
            }
        }
    }
    Ok(())
}
