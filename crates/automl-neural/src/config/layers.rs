//! Files over files, and single values over them.

use super::error::PlacedError;
use super::{ConfigError, TrainConfig, line_of};
use serde_json::{Map, Value};

/// One file of a configuration.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// What messages call it.
    pub name: &'a str,
    /// Its content, YAML or JSON.
    pub text: &'a str,
}

impl TrainConfig {
    /// The configuration of files, of which later ones say what earlier ones leave out or say otherwise, and of overrides
    /// such as `trainer.epochs=20`, which count before all files.
    ///
    /// # Errors
    /// What is wrong, with the file and the line, or the override.
    pub fn read(layers: &[Layer<'_>], sets: &[String]) -> Result<Self, PlacedError> {
        let mut whole = Value::Object(Map::new());
        for layer in layers {
            let value = parse(layer.text).map_err(|error| {
                let ConfigError::Yaml { line, .. } = error else {
                    return place(error, layers, sets);
                };
                PlacedError {
                    place: format!("line {line} of {}", layer.name),
                    error,
                }
            })?;
            merge(&mut whole, value, IS_ROOT);
        }
        let mut assigned = Vec::new();
        for text in sets {
            let (path, value) = assignment(text).map_err(|error| PlacedError {
                error,
                place: "--set".to_owned(),
            })?;
            assigned.push((path, value));
        }
        // A type is set before what belongs to it, wherever it was typed.
        assigned.sort_by_key(|(path, _)| path.last().is_none_or(|key| key != "type"));
        for (path, value) in assigned {
            merge(&mut whole, nested(&path, value), IS_ROOT);
        }
        Self::from_value(&whole).map_err(|error| place(error, layers, sets))
    }
}

/// Says where an error comes from: an override before the last file that names the key.
fn place(error: ConfigError, layers: &[Layer<'_>], sets: &[String]) -> PlacedError {
    let path = &error.path();
    let is_of = |text: &&String| {
        assignment(text).is_ok_and(|(keys, _)| keys.starts_with(path) && !path.is_empty())
    };
    if sets.iter().any(|text| is_of(&text)) {
        return PlacedError {
            error,
            place: "--set".to_owned(),
        };
    }
    let lines = layers.iter().rev();
    let mut lines = lines.filter_map(|layer| Some((layer.name, line_of(layer.text, path)?)));
    let place = match (lines.next(), layers.last()) {
        (Some((name, line)), _) => format!("line {line} of {name}"),
        (None, Some(layer)) => layer.name.to_owned(),
        (None, None) => "--set".to_owned(),
    };
    PlacedError { error, place }
}

fn parse(text: &str) -> Result<Value, ConfigError> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    // A column may well be called y, which older YAML takes for a truth value.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let text = error.to_string();
        ConfigError::Yaml {
            reason: text.lines().next().unwrap_or_default().to_owned(),
            line: error.location().map_or(1, |place| place.line() as usize),
        }
    })
}

/// The keys and the value of `a.b=c`; the value is read as YAML.
fn assignment(text: &str) -> Result<(Vec<String>, Value), ConfigError> {
    let wrong = || ConfigError::Set {
        text: text.to_owned(),
    };
    let (keys, value) = text.split_once('=').ok_or_else(wrong)?;
    let keys: Vec<String> = keys.trim().split('.').map(str::to_owned).collect();
    if keys.iter().any(String::is_empty) {
        return Err(wrong());
    }
    let value = parse(value).unwrap_or_else(|_plain| Value::String(value.to_owned()));
    let value = if value.is_null() {
        Value::String(String::new())
    } else {
        value
    };
    Ok((keys, value))
}

fn nested(path: &[String], value: Value) -> Value {
    path.iter().rev().fold(value, |inner, key| {
        Value::Object(Map::from_iter([(key.clone(), inner)]))
    })
}

/// The key of the network's settings.
const MODEL: &str = "model";
/// That a value is the whole configuration.
const IS_ROOT: &str = "";

/// Lays a value over another, the one of `key`: maps key by key, all else whole. A network of another type takes nothing over.
fn merge(below: &mut Value, above: Value, key: &str) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            let is_other = above
                .get("type")
                .is_some_and(|name| below.get("type").is_some_and(|known| known != name));
            if is_other && key == MODEL {
                below.clear();
            }
            for (key, value) in above {
                match below.get_mut(&key) {
                    Some(known) => merge(known, value, &key),
                    None => {
                        below.insert(key, value);
                    }
                }
            }
        }
        (_, Value::Null) => {}
        (below, above) => *below = above,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str], sets: &[&str]) -> Result<TrainConfig, PlacedError> {
        let layers: Vec<Layer<'_>> = texts
            .iter()
            .zip(["base.yaml", "over.yaml"])
            .map(|(text, name)| Layer { name, text })
            .collect();
        let sets: Vec<String> = sets.iter().map(|&text| text.to_owned()).collect();
        TrainConfig::read(&layers, &sets)
    }

    #[test]
    fn later_files_count_before_earlier_ones_and_overrides_before_all() {
        let base = "data: {path: a.csv, target: y}\ntrainer:\n  epochs: 5\n  batch_size: 64\n";
        let over = "trainer:\n  epochs: 7\n";
        let config = read(&[base, over], &["trainer.batch_size=32", "data.drop=id"]);
        let config = config.expect("all of it is known");
        assert_eq!((config.trainer.epochs, config.trainer.batch_size), (7, 32));
        assert_eq!(
            (config.data.path.as_str(), config.data.drop.as_str()),
            ("a.csv", "id")
        );
    }

    #[test]
    fn another_network_takes_nothing_over_from_the_one_below() {
        let base = "model:\n  type: mlp\n  norm: true\n";
        let config = read(&[base, "model:\n  type: tabm\n"], &[]).expect("it is known");
        assert_eq!(config.model.name(), "tabm");
    }

    #[test]
    fn an_error_names_the_line_of_the_file_that_is_to_blame() {
        let told = |texts: &[&str], sets: &[&str]| read(texts, sets).unwrap_err().to_string();
        let base = "trainer:\n  epochs: 5\n";
        assert_eq!(
            told(&[base, "# mine\ntrainer:\n  epoch: 7\n"], &[]),
            "no key is called 'trainer.epoch': line 3 of over.yaml"
        );
        assert_eq!(
            told(&[base], &["trainer.epochs=none"]),
            "'trainer.epochs' = none is outside 1 to 1000000 (whole numbers): --set"
        );
        assert_eq!(
            told(&[base], &["epochs"]),
            "'epochs' does not set anything: --set"
        );
        assert!(told(&["a: [\n"], &[]).ends_with("of base.yaml"));
    }
}
