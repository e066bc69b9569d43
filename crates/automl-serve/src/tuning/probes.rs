//! Points that show what trials of a study may ask for, before there is any.

use super::{Spec, TuneError};
use automl_core::{ParamMap, ParamValue, Seed};
use automl_tune::{Domain, Parameter, Random, Sampler as _, Study};
use serde_json::{Map, Value, json};

/// The point of the defaults, if there is one, and points at random; of them, the first that has a number is tried with that at its bounds, too.
const POINTS: usize = 64;

/// The bounds of a number; nothing else has any.
fn bounds(parameter: &Parameter) -> Vec<ParamValue> {
    match &parameter.domain {
        Domain::Float { low, high, .. } => vec![ParamValue::Float(*low), ParamValue::Float(*high)],
        Domain::Integer { low, high, .. } => vec![ParamValue::Int(*low), ParamValue::Int(*high)],
        Domain::Discrete { .. } | Domain::Ordinal { .. } | Domain::Categorical { .. } => Vec::new(),
    }
}

/// Points of a study's space: some with each number at its bounds, and some at random. They are the same for the same spec.
///
/// # Errors
/// If the spec makes no study.
pub fn probes(spec: &Spec) -> Result<Vec<Map<String, Value>>, TuneError> {
    let study = Study::new(spec.space.clone(), spec.objectives.clone())?;
    let seed = Seed(spec.seed).named("probes");
    let drawn = Random::default().suggest_batch(&study, POINTS, seed);
    let mut points = Vec::new();
    for parameter in spec.space.parameters() {
        let having = drawn
            .iter()
            .find(|point| point.contains_key(&parameter.name));
        let Some(having) = having.cloned() else {
            continue;
        };
        for bound in bounds(parameter) {
            let mut point = having.clone();
            point.insert(parameter.name.clone(), bound);
            // Conditions and clauses may forbid a bound where the others are what they are.
            if spec.space.contains(&point) {
                points.push(point);
            }
        }
    }
    points.extend(drawn);
    let plain = |point: ParamMap| point.into_iter().map(|(name, value)| (name, json!(value)));
    Ok(points
        .into_iter()
        .map(|point| plain(point).collect())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_tried_at_its_bounds_and_each_branch_as_it_is() {
        let spec = Spec::read(&json!({
            "objectives": [{ "name": "loss" }],
            "space": { "parameters": [
                { "name": "kind", "type": "categorical", "values": ["linear", "tree"] },
                { "name": "depth", "type": "integer", "low": 1, "high": 1000,
                  "when": [{ "parameter": "kind", "values": ["tree"] }] },
            ] },
        }));
        let points = probes(&spec.expect("it is a spec")).expect("it makes a study");
        let depths: Vec<&Value> = points
            .iter()
            .filter_map(|point| point.get("depth"))
            .collect();
        assert!(depths.contains(&&json!(1)) && depths.contains(&&json!(1000)));
        for point in &points {
            assert_eq!(
                point["kind"] == "tree",
                point.contains_key("depth"),
                "{point:?}"
            );
        }
    }
}
