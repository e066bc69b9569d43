//! A configuration as a YAML file in which every key is explained.

use super::auto::{self, AUTO};
use super::section::map_of;
use super::{MODEL, MODELS, ModelParams, SECTIONS, TrainConfig};
use automl_core::{ParamMap, ParamSpec, ParamValue};
use std::fmt::Write as _;

/// How wide comments may be.
const WIDTH: usize = 100;

pub(super) fn yaml(config: &TrainConfig) -> String {
    let mut text = String::new();
    for section in SECTIONS
        .iter()
        .filter(|section| section.is_of(&config.model))
    {
        if section.name == "loss" {
            model(&mut text, &config.model);
        }
        head(&mut text, section.name, section.doc);
        keys(&mut text, section.specs, &values(config, section.name));
        if section.name == "features" {
            columns(&mut text, config);
        }
        if section.name == "loss" {
            metrics(&mut text, config);
        }
    }
    text
}

fn values(config: &TrainConfig, section: &str) -> ParamMap {
    let mut values = params(config, section);
    let keys = auto::KEYS.iter().filter(|key| key.section == section);
    for key in keys.filter(|key| (key.is_set)(config.auto)) {
        values.insert(key.key.to_owned(), ParamValue::Text(AUTO.into()));
    }
    values
}

fn params(config: &TrainConfig, section: &str) -> ParamMap {
    match section {
        "data" => map_of(&config.data),
        "features" => map_of(&config.features),
        "images" => map_of(&config.images),
        "texts" => map_of(&config.texts),
        "series" => map_of(&config.series),
        "loss" => map_of(&config.loss),
        "optimizer" => map_of(&config.optimizer),
        "schedule" => map_of(&config.schedule),
        "trainer" => map_of(&config.trainer),
        "tensorboard" => map_of(&config.tensorboard),
        _ => map_of(&config.checkpoint),
    }
}

fn head(text: &mut String, name: &str, doc: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    comment(text, "", doc);
    line(text, &format!("{name}:"));
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn keys(text: &mut String, specs: &[ParamSpec], values: &ParamMap) {
    for spec in specs {
        comment(text, "  ", spec.doc);
        let value = values.get(spec.name).map(scalar).unwrap_or_default();
        line(text, &format!("  {}: {value}", spec.name));
    }
}

fn columns(text: &mut String, config: &TrainConfig) {
    comment(
        text,
        "  ",
        "By column, the encoding that it has instead of the usual one.",
    );
    if config.columns.is_empty() {
        line(text, "  columns: {}");
        return;
    }
    line(text, "  columns:");
    for (column, form) in &config.columns {
        line(text, &format!("    {}: {form}", quoted(column)));
    }
}

fn model(text: &mut String, model: &ModelParams) {
    let declared = model.model();
    head(text, MODEL, declared.doc);
    let names: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
    let names = names.join(", ");
    comment(
        text,
        "  ",
        &format!("The network, which decides what sections there are: {names}."),
    );
    line(text, &format!("  type: {}", declared.name));
    keys(text, declared.specs, &model.values());
}

fn metrics(text: &mut String, config: &TrainConfig) {
    text.push('\n');
    comment(
        text,
        "",
        "What is scored on validation rows; the first decides when to stop. The task's usual metric if it is empty.",
    );
    let names: Vec<&str> = config.metrics.iter().map(|metric| metric.name()).collect();
    line(text, &format!("metrics: [{}]", names.join(", ")));
}

fn scalar(value: &ParamValue) -> String {
    match value {
        ParamValue::Text(text) => quoted(text),
        ParamValue::Float(number) => format!("{number:?}"),
        other => other.to_string(),
    }
}

/// A text as YAML takes it: bare where nothing in it could mean something else.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_word = !text.is_empty()
        && text.chars().all(is_plain)
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && ![
            "true", "false", "null", "yes", "no", "none", "on", "off", "y", "n",
        ]
        .iter()
        .any(|word| *word != "none" && text.eq_ignore_ascii_case(word));
    if is_word {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

/// A comment, in lines that are not too wide.
fn comment(text: &mut String, indent: &str, doc: &str) {
    let mut column = WIDTH;
    for word in doc.split_whitespace() {
        if column + word.len() + 1 > WIDTH {
            if column < WIDTH {
                text.push('\n');
            }
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            write!(text, "{indent}#").expect("texts take anything");
            column = indent.len() + 1;
        }
        write!(text, " {word}").expect("texts take anything");
        column += word.len() + 1;
    }
    text.push('\n');
}
