//! Parameters of a section from what a file says, and back.

use super::{ConfigError, MODEL};
use automl_core::{Domain, ParamMap, ParamValue, Params, nearest};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A map, or an error that names its place.
pub(super) fn as_map<'v>(
    value: &'v Value,
    path: &[&str],
) -> Result<&'v Map<String, Value>, ConfigError> {
    value.as_object().ok_or_else(|| {
        let path = if path.is_empty() { &["file"] } else { path };
        ConfigError::value(path, "is not a map of keys and values")
    })
}

/// A list of texts.
pub(super) fn as_list(value: &Value, path: &[&str]) -> Result<Vec<String>, ConfigError> {
    let no_list = || ConfigError::value(path, "is not a list of names");
    let items = value.as_array().ok_or_else(no_list)?;
    let text = |item: &Value| item.as_str().map(str::to_owned).ok_or_else(no_list);
    items.iter().map(text).collect()
}

/// A list as a text, with commas between its items: those that it would change stand in quotation marks.
fn list_text(items: &[String]) -> String {
    let quoted = |item: &String| {
        let is_bare = !item.is_empty() && item.trim() == item;
        if !is_bare || item.contains(',') || item.starts_with('"') {
            format!("\"{}\"", item.replace('"', "\"\""))
        } else {
            item.clone()
        }
    };
    items.iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// The items of such a text, without those that are empty and not in quotation marks.
///
/// ```
/// use automl_neural::config::list_items;
///
/// assert_eq!(list_items("load, wind"), ["load", "wind"]);
/// assert_eq!(list_items(r#""load, MW", wind, "so ""called""""#), ["load, MW", "wind", r#"so "called""#]);
/// assert_eq!(list_items(r#""load" MW"#), [r#""load" MW"#]);
/// assert_eq!(list_items(r#"fit, "", " a",,"#), ["fit", "", " a"]);
/// ```
pub fn list_items(text: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some((item, behind)) = rest.strip_prefix('"').and_then(unquoted) {
            items.push(item);
            rest = behind;
            continue;
        }
        let (item, behind) = rest.split_once(',').unwrap_or((rest, ""));
        items.extend((!item.trim().is_empty()).then(|| item.trim().to_owned()));
        rest = behind.trim_start();
    }
    items
}

/// An item up to its closing mark, with what follows the comma behind it; none if that is not how it ends.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut item, mut rest) = (String::new(), text);
    loop {
        let (part, behind) = rest.split_once('"')?;
        item.push_str(part);
        if let Some(more) = behind.strip_prefix('"') {
            item.push('"');
            rest = more;
            continue;
        }
        let behind = behind.trim_start();
        if !behind.is_empty() && !behind.starts_with(',') {
            return None;
        }
        return Some((item, behind.trim_start_matches([',', ' '])));
    }
}

/// The parts of a text between commas.
pub(super) fn words(text: &str) -> Vec<String> {
    let words = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Refuses a section that has keys where there is no parameter.
pub(super) fn refuse_keys(section: &Value, name: &str) -> Result<(), ConfigError> {
    match section.as_object().and_then(|map| map.keys().next()) {
        Some(key) => {
            let near = nearest(key, ["type"]);
            Err(ConfigError::UnknownKey {
                path: vec![name.to_owned(), key.clone()],
                near,
            })
        }
        None => Ok(()),
    }
}

/// The parameters of a section; what it leaves out has its default.
pub(super) fn params_of<P: Params>(section: &Value, name: &str) -> Result<P, ConfigError> {
    let mut params = P::default();
    let map = match section {
        Value::Null => return Ok(params),
        other => as_map(other, &[name])?,
    };
    let mut given: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, value) in map {
        let spec = P::SPECS
            .iter()
            .find(|spec| spec.name == key || spec.aliases.contains(&key.as_str()));
        let Some(spec) = spec else {
            // The section of the network has a key that is none of its parameters.
            let kind = (name == MODEL).then_some("type");
            let known = P::SPECS.iter().map(|spec| spec.name).chain(kind);
            return Err(ConfigError::unknown(&[name], key, known));
        };
        if let Some(before) = given.insert(spec.name, key) {
            let reason = format!("is given beside '{before}', another name of the same");
            return Err(ConfigError::value(&[name, key], reason));
        }
        let value = param_value(value, &spec.domain, &[name, key])?;
        let set = params.set(spec.name, &value);
        set.map_err(|error| match (&error, &spec.domain, &value) {
            (_, Domain::Choice(names), ParamValue::Text(text)) => {
                ConfigError::unknown_name(&[name, key], text, names.iter().copied())
            }
            _ => ConfigError::of(name, &error),
        })?;
    }
    Ok(params)
}

fn param_value(value: &Value, domain: &Domain, path: &[&str]) -> Result<ParamValue, ConfigError> {
    let wrong = || ConfigError::value(path, format!("= {value} is outside {domain}"));
    Ok(match value {
        Value::Bool(flag) => ParamValue::Bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => ParamValue::Int(whole),
            None => ParamValue::Float(number.as_f64().ok_or_else(wrong)?),
        },
        Value::String(text) => match (domain, text.parse::<f64>()) {
            // YAML 1.2 reads 1e-3 as a text where a point is missing.
            (Domain::Float { .. }, Ok(number)) => ParamValue::Float(number),
            _ => ParamValue::Text(text.clone().into()),
        },
        Value::Array(_) if *domain == Domain::Text => {
            ParamValue::Text(list_text(&as_list(value, path)?).into())
        }
        Value::Null if *domain == Domain::Text => ParamValue::Text("".into()),
        _ => return Err(wrong()),
    })
}

/// Parameters as JSON, in the order of their declaration.
pub(super) fn to_json<P: Params>(params: &P) -> Value {
    let value = |name: &str| params.get(name).map(|value| param_json(&value));
    let fields = P::SPECS.iter();
    let fields = fields.filter_map(|spec| Some((spec.name.to_owned(), value(spec.name)?)));
    Value::Object(fields.collect())
}

/// A value as JSON.
pub(super) fn param_json(value: &ParamValue) -> Value {
    match value {
        ParamValue::Bool(flag) => (*flag).into(),
        ParamValue::Int(whole) => (*whole).into(),
        ParamValue::Float(number) => (*number).into(),
        ParamValue::Text(text) => text.as_ref().into(),
    }
}

/// All values of parameters by name, in a map that checks nothing.
pub(super) fn map_of<P: Params>(params: &P) -> ParamMap {
    params.to_map()
}
