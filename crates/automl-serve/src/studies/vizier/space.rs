//! The search space of a study: a tree of parameters on the wire, a list with conditions here.
//!
//! In a tree, parameters of one name may stand in branches that exclude each other. Here the first of them has that name, and
//! the others are told apart by when they exist, such as `rate (model=b)`.

use super::refused::{Refused, invalid};
use super::wire;
use crate::tuning::TuneError;
use automl_core::{ParamMap, ParamValue};
use automl_tune::{Condition, Domain, Parameter, Scale, Space};

/// The parameters of a tree, each before those that exist only for some of its values.
#[derive(Default)]
pub(super) struct Listed(Vec<Own>);

struct Own {
    parameter: Parameter,
    /// Its name on the wire.
    told: String,
    /// All that must hold for it to exist, down from the root.
    path: Vec<Condition>,
}

impl Own {
    /// Whether no point has both.
    fn excludes(&self, other: &Self) -> bool {
        let pairs = (self.path.iter()).flat_map(|one| other.path.iter().map(move |two| (one, two)));
        pairs.into_iter().any(|(one, two)| {
            let is_in_two = |value| two.values.iter().any(|other| is_same(value, other));
            let is_shared = one.values.iter().any(is_in_two);
            one.parameter == two.parameter && !is_shared
        })
    }
}

impl Listed {
    pub(super) fn read(parameters: &[wire::ParameterSpec]) -> Result<Self, Refused> {
        let mut listed = Self::default();
        for parameter in parameters {
            listed.put(parameter, &[])?;
        }
        Ok(listed)
    }

    pub(super) fn space(&self) -> Result<Space, Refused> {
        let parameters = self.0.iter().map(|own| own.parameter.clone());
        Ok(Space::new(parameters).map_err(TuneError::from)?)
    }

    /// The name on the wire of a parameter of ours.
    pub(super) fn told<'a>(&'a self, name: &'a str) -> &'a str {
        let own = self.0.iter().find(|own| own.parameter.name == name);
        own.map_or(name, |own| &own.told)
    }

    /// Whether the parameter at a place, which must be there, is the one that its name on the wire means in a point whose
    /// parameters before it are these; surely so if no other has that name.
    pub(super) fn is_meant(&self, place: usize, point: &ParamMap) -> bool {
        let own = &self.0[place];
        let is_alone = self.0.iter().filter(|other| other.told == own.told).count() == 1;
        is_alone || own.path.iter().all(|condition| holds(condition, point))
    }

    /// The names on the wire, in order.
    pub(super) fn all_told(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|own| own.told.as_str())
    }

    /// Adds a parameter and all below it.
    fn put(&mut self, told: &wire::ParameterSpec, path: &[Condition]) -> Result<(), Refused> {
        let name = &told.parameter_id;
        if name.is_empty() || name.contains('\0') {
            let reason = "it is empty or holds a NUL character";
            return Err(invalid("the name of a parameter", reason));
        }
        let mut parameter = Parameter::new(name.as_str(), domain(told)?);
        parameter.default = default(told);
        parameter.when.extend(path.last().cloned());
        let mut own = Own {
            parameter,
            told: name.clone(),
            path: path.to_vec(),
        };
        if self.0.iter().any(|known| known.told == *name) {
            self.tell_apart(&mut own)?;
        }
        let name = own.parameter.name.clone();
        self.0.push(own);
        for (child, values) in children(told)? {
            let condition = Condition::is_in(name.as_str(), values);
            self.put(child, &[path, &[condition]].concat())?;
        }
        Ok(())
    }

    fn tell_apart(&self, own: &mut Own) -> Result<(), Refused> {
        let mut alike = self.0.iter().filter(|known| known.told == own.told);
        if alike.any(|known| !known.excludes(own)) {
            return Err(Refused::Parameter {
                name: own.told.clone(),
                reason: "appears twice where both would exist",
            });
        }
        let steps = own.path.iter().map(|condition| {
            let values: Vec<String> = condition.values.iter().map(ToString::to_string).collect();
            format!("{}={}", self.told(&condition.parameter), values.join("|"))
        });
        let steps: Vec<String> = steps.collect();
        own.parameter.name = format!("{} ({})", own.told, steps.join(", "));
        Ok(())
    }
}

fn holds(condition: &Condition, point: &ParamMap) -> bool {
    let value = point.get(&condition.parameter);
    value.is_some_and(|value| condition.values.iter().any(|own| is_same(own, value)))
}

/// Numbers are the same whatever they are written as.
fn is_same(one: &ParamValue, two: &ParamValue) -> bool {
    one == two || one.as_f64().is_some_and(|one| Some(one) == two.as_f64())
}

/// The parameters below one, and for which of its values each exists. One that is listed for each value by itself is one.
fn children(
    own: &wire::ParameterSpec,
) -> Result<Vec<(&wire::ParameterSpec, Vec<ParamValue>)>, Refused> {
    let fault = |reason| Refused::Parameter {
        name: own.parameter_id.clone(),
        reason,
    };
    let mut found: Vec<(&wire::ParameterSpec, Vec<ParamValue>)> = Vec::new();
    for conditional in &own.conditional_parameter_specs {
        let child = (conditional.parameter_spec.as_ref())
            .ok_or_else(|| fault("has a conditional parameter that is not said"))?;
        let values = parent_values(conditional);
        if own.double_value_spec.is_some() || values.is_empty() {
            return Err(fault(
                "has a conditional parameter without values of its own for which it exists",
            ));
        }
        match found.iter_mut().find(|(known, _)| *known == child) {
            Some((_, all)) => {
                for value in values {
                    if !all.contains(&value) {
                        all.push(value);
                    }
                }
            }
            None => found.push((child, values)),
        }
    }
    Ok(found)
}

fn text(value: &str) -> ParamValue {
    ParamValue::Text(value.to_owned().into())
}

fn parent_values(conditional: &wire::ConditionalSpec) -> Vec<ParamValue> {
    let mut values = Vec::new();
    if let Some(discrete) = &conditional.parent_discrete_values {
        values.extend(discrete.values.iter().copied().map(ParamValue::Float));
    }
    if let Some(whole) = &conditional.parent_int_values {
        values.extend(whole.values.iter().copied().map(ParamValue::Int));
    }
    if let Some(categories) = &conditional.parent_categorical_values {
        values.extend(categories.values.iter().map(|value| text(value)));
    }
    values
}

/// The values of a parameter. Those of a list are searched one by one, so a scale says nothing of them.
fn domain(own: &wire::ParameterSpec) -> Result<Domain, Refused> {
    let scale = match own.scale_type() {
        wire::ScaleType::Unspecified | wire::ScaleType::Linear => Scale::Linear,
        wire::ScaleType::Log => Scale::Log,
        wire::ScaleType::ReverseLog => Scale::ReverseLog,
    };
    let kinds = (
        &own.double_value_spec,
        &own.integer_value_spec,
        &own.discrete_value_spec,
        &own.categorical_value_spec,
    );
    Ok(match kinds {
        (Some(double), None, None, None) => Domain::Float {
            low: double.min_value,
            high: double.max_value,
            scale,
            step: None,
        },
        (None, Some(integer), None, None) => Domain::Integer {
            low: integer.min_value,
            high: integer.max_value,
            scale,
            step: 1,
        },
        (None, None, Some(discrete), None) => {
            let mut values = discrete.values.clone();
            values.sort_by(f64::total_cmp);
            Domain::Discrete { values }
        }
        (None, None, None, Some(categorical)) => {
            Domain::categorical(categorical.values.iter().map(String::as_str))
        }
        _ => {
            return Err(Refused::Parameter {
                name: own.parameter_id.clone(),
                reason: "is not of one kind: double, integer, discrete or categorical",
            });
        }
    })
}

fn default(own: &wire::ParameterSpec) -> Option<ParamValue> {
    let number = |value: &wire::DoubleValue| ParamValue::Float(value.value);
    let double = own.double_value_spec.as_ref();
    let discrete = own.discrete_value_spec.as_ref();
    let integer = own.integer_value_spec.as_ref();
    let categorical = own.categorical_value_spec.as_ref();
    (double
        .and_then(|own| own.default_value.as_ref())
        .map(number))
    .or_else(|| discrete?.default_value.as_ref().map(number))
    .or_else(|| Some(ParamValue::Int(integer?.default_value.as_ref()?.value)))
    .or_else(|| Some(text(&categorical?.default_value.as_ref()?.value)))
}
