//! What a training shows in TensorBoard, and that showing changes nothing.

use crate::harness::Desk;
use crate::train::stopped;
use automl_tensorboard::{HyperParameter, Record, SessionStatus, Value, purged, read_events};
use std::path::PathBuf;

const SMALL: &str = "data: {path: datasets/churn.csv, target: churned}
model: {type: mlp, layers: 1, width: 8}
trainer: {epochs: 4, batch_size: 256, patience: 0}
";

/// The records of the event file that a model keeps.
fn records(desk: &Desk, model: &str) -> Vec<Record> {
    let folder = format!("{model}/tensorboard");
    let mut listed = std::fs::read_dir(desk.path(&folder)).expect("events are kept");
    let file = listed
        .next()
        .expect("there is one")
        .expect("it can be listed");
    let bytes = std::fs::read(file.path()).expect("it can be read");
    read_events(&bytes).expect("it was just written").records
}

#[test]
fn settings_and_the_end_are_told_and_on_demand_how_weights_and_gradients_are_spread() {
    let desk = Desk::new();
    desk.write("small.yaml", SMALL);
    desk.automl_ok("train small.yaml --output plain");
    desk.automl_ok("train small.yaml --set tensorboard.every_epochs=2 --output shown");
    let weights = |model: &str| desk.read(&format!("{model}/weights.safetensors"));
    assert!(weights("plain") == weights("shown"));
    let (plain, shown) = (records(&desk, "plain"), records(&desk, "shown"));
    let Value::SessionStart { params, .. } = &plain[0].value else {
        panic!("settings come first: {:?}", plain[0]);
    };
    assert_eq!(params["model.width"], HyperParameter::Number(8.0));
    assert_eq!(
        params["optimizer.type"],
        HyperParameter::Text("adamw".into())
    );
    let graph = plain.iter().find_map(|record| match &record.value {
        Value::Graph(nodes) => Some(nodes),
        _ => None,
    });
    let graph = graph.expect("the network is drawn");
    let head = graph.last().expect("it has nodes");
    assert_eq!(head.name, "Mlp/head/linear");
    assert_eq!(
        head.inputs,
        [
            "Mlp/layers/0/activation",
            "Mlp/head/weight",
            "Mlp/head/bias"
        ]
    );
    let end = &plain.last().expect("there are records").value;
    assert_eq!(*end, Value::SessionEnd(SessionStatus::Success));
    let is_detail =
        |record: &&Record| matches!(record.value, Value::Histogram(_) | Value::PrCurve(_));
    assert_eq!(plain.iter().filter(is_detail).count(), 0);
    let steps = |tag: &str| -> Vec<i64> {
        let of_tag = shown.iter().filter(|record| record.tag == tag);
        of_tag.map(|record| record.step).collect()
    };
    // Four steps of 256 of 960 rows an epoch.
    for tag in [
        "weights/Mlp.head.weight",
        "gradients/Mlp.head.weight",
        "held_out/precision_recall",
    ] {
        assert_eq!(steps(tag), [8, 16], "{tag}: {shown:?}");
    }
    let curve = shown.iter().find_map(|record| match &record.value {
        Value::PrCurve(curve) => Some(curve),
        _ => None,
    });
    let curve = curve.expect("there is one");
    assert_eq!(curve.true_positives[0] + curve.false_positives[0], 240.0);
}

/// What lies in a folder, by name.
fn listed(desk: &Desk, folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(desk.path(folder)).expect("it is there");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    paths.sort();
    paths
}

#[test]
fn steps_that_are_taken_again_count_once_and_what_is_overwritten_leaves_no_curve() {
    let desk = Desk::new();
    desk.write(
        "long.yaml",
        "data: {path: datasets/churn.csv, target: churned}
model: {type: mlp, width: 64}
trainer: {epochs: 40, batch_size: 64, patience: 0}
",
    );
    stopped(&desk, "long.yaml", "model");
    // As after a kill: what was done since the last checkpoint is lost, but for its events.
    let mut checkpoints = listed(&desk, "model.run/checkpoints");
    checkpoints.retain(|path| path.to_string_lossy().contains("/step-"));
    let last = checkpoints.last().expect("two are kept");
    assert_eq!(checkpoints.len(), 2);
    std::fs::remove_dir_all(last).expect("it can be removed");
    desk.automl_ok("train long.yaml --output model --resume");
    let mut written = Vec::new();
    for path in listed(&desk, "model.run/tensorboard") {
        let bytes = std::fs::read(path).expect("it can be read");
        written.extend(read_events(&bytes).expect("it is whole").records);
    }
    let steps = |records: &[Record]| -> Vec<i64> {
        let losses = records.iter().filter(|record| record.tag == "step/loss");
        losses.map(|record| record.step).collect()
    };
    let all: Vec<i64> = (1..=600).collect();
    assert!(steps(&written).len() > 600, "none was taken again");
    assert_eq!(steps(&purged(written)), all);
    desk.automl_ok("train long.yaml --set trainer.epochs=1 --output model --overwrite");
    assert_eq!(listed(&desk, "model.run/tensorboard").len(), 1);
}

#[test]
fn the_first_images_and_texts_are_shown() {
    let desk = Desk::new();
    desk.write(
        "digits.yaml",
        "data: {path: datasets/digits-train-images-idx3-ubyte.gz}
model: {type: cnn, channels: 4, stages: 1}
images: {mixup: 0.3}
trainer: {epochs: 1}
tensorboard: {samples: 3}
",
    );
    desk.write(
        "tickets.yaml",
        "data: {path: datasets/tickets.csv, target: queue}
texts: {column: subject, vocabulary: 300, length: 12}
model: {type: text_transformer, blocks: 1, heads: 2, head_size: 8}
trainer: {epochs: 1}
tensorboard: {samples: 3}
",
    );
    for name in ["digits", "tickets"] {
        desk.automl_ok(&format!("train {name}.yaml --output {name}"));
        let records = records(&desk, name);
        let samples = records
            .iter()
            .filter(|record| record.tag.starts_with("samples/"));
        let samples: Vec<&Record> = samples.collect();
        assert_eq!(samples.len(), 3, "{name}");
        for sample in samples {
            match &sample.value {
                Value::Image(image) => {
                    assert_eq!((image.height, image.width), (8, 8));
                    assert!(image.encoded.starts_with(b"\x89PNG"));
                }
                Value::Text(text) => assert!(text.starts_with("    ") && text.len() > 6, "{text}"),
                other => panic!("{other:?}"),
            }
        }
    }
}
