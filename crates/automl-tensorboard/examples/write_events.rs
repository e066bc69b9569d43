//! Writes one record of every kind into a directory; `scripts/check_tensorboard.py` reads them with TensorBoard itself.

use automl_tensorboard::{
    EventFileName, EventWriter, GraphNode, HyperParameter, Image, PrCurve, Record, SessionStatus,
    TensorBoardError,
};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A grey PNG of one pixel.
const GREY_DOT: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\x0aIDATx\x9cch\x00\x00\x00\x82\x00\x81w\xcdr\xb6\x00\x00\x00\x00IEND\xaeB`\x82";

fn main() -> Result<(), TensorBoardError> {
    let directory = std::env::args()
        .nth(1)
        .map_or_else(|| PathBuf::from("runs"), PathBuf::from);
    let name = EventFileName {
        unix_seconds: 1_700_000_000,
        host: "example".to_owned(),
        process: std::process::id(),
    };
    let mut writer = EventWriter::create(&directory, &name)?;
    let params = BTreeMap::from([
        ("depth".to_owned(), HyperParameter::Number(6.0)),
        (
            "learner".to_owned(),
            HyperParameter::Text("forest".to_owned()),
        ),
        ("bootstrap".to_owned(), HyperParameter::Flag(true)),
    ]);
    writer.push(&Record::session_start(params, "group", 1_700_000_000.0))?;
    let node = |name: &str, operation: &str, inputs: &[&str], shape: &[u64]| GraphNode {
        name: name.to_owned(),
        operation: operation.to_owned(),
        inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
        shape: Some(shape.to_vec()),
    };
    let nodes = vec![
        node("input/numbers", "Placeholder", &[], &[3]),
        node("head/weight", "Parameter", &[], &[3, 2]),
        node(
            "head/product",
            "MatMul",
            &["input/numbers", "head/weight"],
            &[2],
        ),
    ];
    writer.push(&Record::graph(nodes, 1_700_000_000.0))?;
    let loss = |step: i64, loss: f64| {
        let at = 1_700_000_000.0 + step as f64;
        Record::scalar("train/loss", step, loss, at)
    };
    for step in 0..100 {
        writer.push(&loss(step, 1.0 / (1.0 + step as f64)))?;
    }
    // Killed after step 104, gone on with from the state after step 99.
    for step in 100..105 {
        writer.push(&loss(step, 9.0))?;
    }
    writer.push(&Record::restart(100, 1_700_000_100.0))?;
    let values: Vec<f64> = (0..1000).map(|i| f64::from(i % 100)).collect();
    writer.push(&Record::histogram("errors", 3, &values, 1_700_000_100.0))?;
    writer.push(&Record::text(
        "summary",
        0,
        "**bold** and ünïcode",
        1_700_000_101.0,
    ))?;
    let rows = (0..100).map(|i| (f64::from(i) / 99.0, i % 3 == 0));
    let curve = PrCurve::of(rows);
    writer.push(&Record::pr_curve("held_out", 5, curve, 1_700_000_101.0))?;
    let image = Image {
        height: 1,
        width: 1,
        channels: 1,
        encoded: GREY_DOT.to_vec(),
    };
    writer.push(&Record::image("samples/0", 0, image, 1_700_000_101.0))?;
    writer.push(&Record::session_end(
        SessionStatus::Success,
        1_700_000_102.0,
    ))?;
    writer.flush()
}
