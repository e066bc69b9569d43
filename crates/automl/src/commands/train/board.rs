//! What a training shows in TensorBoard beside curves: settings, samples, how weights are spread, precision and recall.

use super::plan::Plan;
use automl_core::{Clock, Texts};
use automl_neural::config::{Family, TrainConfig};
use automl_neural::image::as_png;
use automl_neural::network;
use automl_neural::train::EpochReport;
use automl_tensorboard::{GraphNode, HyperParameter, Image, PrCurve, Record, SessionStatus};
use serde_json::Value;
use std::collections::BTreeMap;

/// Longest side of an image that is shown.
const SIDE_MAX: u32 = 256;

/// Now, in seconds since 1970.
pub(super) fn now() -> f64 {
    Clock::unix_micros() as f64 / 1e6
}

/// The settings, and the first rows as they are.
pub(super) fn begin(plan: &Plan, config: &TrainConfig) -> Vec<Record> {
    let mut records = vec![Record::session_start(settings(config), "", now())];
    records.extend(samples(plan));
    records
}

/// The network, as a graph.
pub(super) fn graph(nodes: Vec<network::GraphNode>) -> Record {
    let node = |node: network::GraphNode| GraphNode {
        name: node.name,
        operation: node.operation.to_owned(),
        inputs: node.inputs,
        shape: node
            .shape
            .map(|shape| shape.into_iter().map(|length| length as u64).collect()),
    };
    Record::graph(nodes.into_iter().map(node).collect(), now())
}

/// How the training ended.
pub(super) fn end(is_done: bool) -> Record {
    let status = if is_done {
        SessionStatus::Success
    } else {
        SessionStatus::Failure
    };
    Record::session_end(status, now())
}

/// Settings of what decides the network, by section and key.
fn settings(config: &TrainConfig) -> BTreeMap<String, HyperParameter> {
    let config = config.to_value();
    let sections = config.as_object().into_iter().flatten();
    let sections = sections
        .filter(|(name, _)| !["data", "checkpoint", "tensorboard"].contains(&name.as_str()));
    let mut settings = BTreeMap::new();
    for (section, keys) in sections {
        for (key, value) in keys.as_object().into_iter().flatten() {
            let value = match value {
                Value::Number(number) => number.as_f64().map(HyperParameter::Number),
                Value::Bool(flag) => Some(HyperParameter::Flag(*flag)),
                Value::String(text) => Some(HyperParameter::Text(text.clone())),
                Value::Null | Value::Array(_) | Value::Object(_) => None,
            };
            settings.extend(value.map(|value| (format!("{section}.{key}"), value)));
        }
    }
    settings
}

/// The first training rows, of images and of texts. What is no image is told of when it is learned from.
fn samples(plan: &Plan) -> Vec<Record> {
    let config = &plan.config;
    let column = match config.model.family() {
        Family::Image => &config.images.column,
        Family::Text => &config.texts.column,
        Family::Table | Family::Series | Family::Command => return Vec::new(),
    };
    let Some((cells, rows)) = plan.material.texts(column) else {
        return Vec::new();
    };
    let rows = rows.iter().take(config.tensorboard.samples as usize);
    let record = |(place, &row): (usize, &u32)| sample(config.model.family(), cells, (place, row));
    rows.enumerate().filter_map(record).collect()
}

fn sample(family: Family, cells: &Texts, (place, row): (usize, u32)) -> Option<Record> {
    let cell = cells.get(row as usize)?;
    let tag = format!("samples/{place}");
    if family == Family::Text {
        // Indented, so that nothing in it is read as markdown.
        let text = cell.lines().map(|line| format!("    {line}"));
        return Some(Record::text(
            &tag,
            0,
            &text.collect::<Vec<_>>().join("\n"),
            now(),
        ));
    }
    let (encoded, [height, width]) = as_png(cell, SIDE_MAX).ok()?;
    let image = Image {
        height,
        width,
        channels: 3,
        encoded,
    };
    Some(Record::image(&tag, 0, image, now()))
}

/// How weights and gradients of an epoch are spread, layer by layer, and the curve of two classes.
pub(super) fn details(report: &EpochReport<'_>) -> Vec<Record> {
    let Some(details) = report.details else {
        return Vec::new();
    };
    let (step, at) = (report.record.step as i64, now());
    let mut records = Vec::new();
    for (what, numbers) in [
        ("weights", report.values),
        ("gradients", &details.gradients),
    ] {
        for slot in &report.layout.slots {
            // Of no step that was taken by this process, there are no gradients.
            let Some(numbers) = numbers.get(slot.range.clone()) else {
                continue;
            };
            let numbers: Vec<f64> = numbers.iter().map(|&number| f64::from(number)).collect();
            let tag = format!("{what}/{}", slot.name);
            records.push(Record::histogram(&tag, step, &numbers, at));
        }
    }
    if let Some(rows) = &details.binary {
        let curve = PrCurve::of(rows.iter().copied());
        records.push(Record::pr_curve(
            "held_out/precision_recall",
            step,
            curve,
            at,
        ));
    }
    records
}
