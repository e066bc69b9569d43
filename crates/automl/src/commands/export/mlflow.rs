//! A folder that MLflow loads and serves: the graph of the model, what its columns are, and a few lines of Python between
//! tables and tensors. The program that made the model is not needed there.

use super::{onnx, put};
use anyhow::Context as _;
use automl_core::{Field, Level, Role};
use automl_data::ReadOptions;
use automl_store::{Manifest, ReadModel};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What reads a table for the graph.
const LOADER: &str = include_str!("mlflow_model.py");
/// Its module.
const MODULE: &str = "automl_mlflow_model";
/// What it was tried with.
const PACKAGES: [&str; 5] = [
    "mlflow==3.17.2",
    "numpy==2.4.6",
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
    "pandas==3.1.1",
];
const PYTHON: &str = "3.12";
const ONNX: &str = "1.23.2";

/// Writes the folder.
pub(super) fn write(folder: &Path, read: &ReadModel) -> anyhow::Result<()> {
    let manifest = &read.manifest;
    let graph = onnx::graph(read)?;
    for below in ["data", "code"] {
        let path = folder.join(below);
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    let path = folder.join("data/model.onnx");
    fs::write(&path, graph).with_context(|| format!("cannot write {}", path.display()))?;
    put(folder, "data/columns.json", &pretty(&columns(manifest)))?;
    put(folder, &format!("code/{MODULE}.py"), LOADER)?;
    put(folder, "MLmodel", &pretty(&about(manifest)))?;
    put(folder, "requirements.txt", &lines(&PACKAGES))?;
    let packages = PACKAGES
        .map(|package| format!("    - {package}\n"))
        .concat();
    let conda = format!(
        "name: model\nchannels:\n- conda-forge\ndependencies:\n- python={PYTHON}\n- pip\n- pip:\n{packages}"
    );
    put(folder, "conda.yaml", &conda)?;
    let python = format!(
        "python: '{PYTHON}'\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n"
    );
    put(folder, "python_env.yaml", &python)
}

fn lines(texts: &[&str]) -> String {
    texts.iter().flat_map(|text| [*text, "\n"]).collect()
}

/// JSON, which YAML is a superset of.
fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn features(manifest: &Manifest) -> Vec<&Field> {
    manifest.inputs.with_role(Role::Feature).collect()
}

/// What the loader has to know.
fn columns(manifest: &Manifest) -> Value {
    let columns = features(manifest);
    let column = |field: &&Field| json!({ "name": field.name, "kind": field.kind.name(), "format": field.format });
    let missing = match manifest.inputs.missing.as_slice() {
        [] => ReadOptions::default().missing,
        marks => marks.to_vec(),
    };
    json!({
        "columns": columns.iter().map(column).collect::<Vec<_>>(),
        "missing": missing,
        "classes": manifest.task.classes(),
    })
}

/// What `MLmodel` says. Columns of all types pass MLflow, which would refuse whole numbers where numbers are asked for; the loader
/// says what it cannot read.
fn about(manifest: &Manifest) -> Value {
    let input = |field: &&Field| json!({ "name": field.name, "type": "any", "required": true });
    let prediction = match manifest.task.n_classes() {
        0 => "double",
        _ => "string",
    };
    let mut outputs = vec![json!({ "name": "prediction", "type": prediction, "required": true })];
    let levels = manifest.task.levels();
    if !levels.is_empty() {
        let quantile =
            |level: &Level| json!({ "name": level.column(), "type": "double", "required": true });
        outputs = levels.iter().map(quantile).collect();
    }
    let classes = manifest.task.classes().iter();
    outputs.extend(classes.map(|class| {
        json!({ "name": format!("probability_{class}"), "type": "double", "required": true })
    }));
    let inputs: Vec<Value> = features(manifest).iter().map(input).collect();
    json!({
        "flavors": {
            "python_function": {
                "code": "code",
                "data": "data",
                "env": { "conda": "conda.yaml", "virtualenv": "python_env.yaml" },
                "loader_module": MODULE,
                "python_version": PYTHON,
            },
            "onnx": {
                "code": "code",
                "data": "data/model.onnx",
                "onnx_version": ONNX,
                "providers": ["CPUExecutionProvider"],
                "onnx_session_options": null,
                "save_as_external_data": false,
            },
        },
        "mlflow_version": "3.17.2",
        "signature": {
            "inputs": Value::from(inputs).to_string(),
            "outputs": Value::from(outputs).to_string(),
            "params": null,
        },
        "utc_time_created": time(&manifest.created),
    })
}

/// `2026-05-01T12:30:00Z` as MLflow writes it.
fn time(created: &str) -> String {
    created.replace('T', " ").trim_end_matches('Z').to_owned()
}
