//! One graph for ONNX runtimes.

use automl_data::ReadOptions;
use automl_onnx::Source;
use automl_store::ReadModel;

/// The bytes of a model's graph.
pub(super) fn graph(read: &ReadModel) -> anyhow::Result<Vec<u8>> {
    let inputs = &read.manifest.inputs;
    let usual = ReadOptions::default().missing;
    let missing = if inputs.missing.is_empty() {
        &usual
    } else {
        &inputs.missing
    };
    Ok(automl_onnx::export(&Source {
        artifact: &read.artifact,
        inputs,
        missing,
        threshold: read.manifest.threshold,
    })?)
}
