//! What a model takes and gives, as its manifest says or the JSON and YAML that MLflow's clients write, and what columns data
//! has.

use super::format;
use automl_core::{Field, Role, Schema, Task};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Columns of a schema that are shown.
const N_COLUMNS: usize = 500;

/// The file `MLmodel` of a model, as far as a page tells it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ModelFile {
    pub(super) flavors: BTreeMap<String, Value>,
    pub(super) signature: Option<Signature>,
    pub(super) mlflow_version: Option<String>,
}

/// Each a schema as JSON text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Signature {
    inputs: Option<String>,
    outputs: Option<String>,
    params: Option<String>,
}

impl ModelFile {
    /// Reads the file; nothing if it is not what MLflow writes.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        serde_saphyr::from_str(std::str::from_utf8(bytes).ok()?).ok()
    }

    /// How it was made and what goes in and out.
    pub(super) fn show(&self) -> Markup {
        let flavors: Vec<&str> = self.flavors.keys().map(String::as_str).collect();
        html! {
            p.soft {
                @if !flavors.is_empty() { "flavors " (flavors.join(", ")) }
                @if let Some(version) = &self.mlflow_version { " · written by MLflow " (version) }
            }
            @match &self.signature {
                Some(signature) => (signature.show()),
                None => p.nothing { "The model says nothing of what it takes and gives." },
            }
        }
    }
}

impl Signature {
    fn show(&self) -> Markup {
        let parts = [
            ("Takes", &self.inputs),
            ("Gives", &self.outputs),
            ("Params", &self.params),
        ];
        html! {
            div.signature { @for (title, text) in parts {
                @if let Some(text) = text {
                    div { h3 { (title) } (schema(text).unwrap_or_else(|| html! { pre { (format::clip(text, 4000).0) } })) }
                }
            } }
        }
    }
}

/// The manifest of a model that was learned here, as far as a page tells it.
#[derive(Debug, Deserialize)]
pub(super) struct ManifestFile {
    task: Task,
    inputs: Schema,
    outputs: Schema,
}

impl ManifestFile {
    /// Reads the file; nothing if it is no manifest of a model.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// What it predicts, and what goes in and out.
    pub(super) fn show(&self) -> Markup {
        let row = |field: &Field| (field.name.clone(), field.kind.name().to_owned(), true);
        let takes: Vec<Row> = self.inputs.with_role(Role::Feature).map(row).collect();
        let gives: Vec<Row> = self.outputs.fields.iter().map(row).collect();
        html! {
            p.soft { "task " (self.task.kind().name()) }
            div.signature {
                div { h3 { "Takes" } (table(&takes)) }
                div { h3 { "Gives" } (table(&gives)) }
            }
        }
    }
}

/// A name, its type, and whether it must be there.
type Row = (String, String, bool);

/// A schema as a table of names and types; nothing if it is in no form that is known.
pub(super) fn schema(text: &str) -> Option<Markup> {
    let value: Value = serde_json::from_str(text).ok()?;
    let list = match &value {
        Value::Array(list) => list,
        Value::Object(map) => ["mlflow_colspec", "mlflow_tensorspec"]
            .iter()
            .find_map(|key| map.get(*key)?.as_array())?,
        _ => return None,
    };
    let rows: Option<Vec<Row>> = list.iter().map(column).collect();
    let rows = rows.filter(|rows| !rows.is_empty())?;
    Some(table(&rows))
}

fn table(rows: &[Row]) -> Markup {
    html! {
        div.card.scroll.low { table {
            thead { tr { th { "Name" } th { "Type" } } }
            tbody { @for (name, kind, is_required) in rows.iter().take(N_COLUMNS) { tr {
                td { @if name.is_empty() { span.none { "–" } } @else { (name) } }
                td { code { (kind) } @if !is_required { " " span.soft { "optional" } } }
            } } }
        } }
        @if rows.len() > N_COLUMNS { p.soft { "and " (format::count((rows.len() - N_COLUMNS) as i64)) " more" } }
    }
}

fn column(value: &Value) -> Option<Row> {
    let text = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let is_required = value
        .get("required")
        .and_then(Value::as_bool)
        .unwrap_or(true);
    let kind = match value.get("tensor-spec") {
        Some(tensor) => {
            let shape: Option<Vec<String>> = tensor
                .get("shape")?
                .as_array()
                .map(|shape| shape.iter().map(Value::to_string).collect());
            format!("{} ({})", tensor.get("dtype")?.as_str()?, shape?.join(", "))
        }
        None => value
            .get("type")
            .or(value.get("dtype"))?
            .as_str()?
            .to_owned(),
    };
    Some((text("name"), kind, is_required))
}

#[cfg(test)]
mod tests {
    use super::{ModelFile, schema};

    #[test]
    fn a_model_file_tells_its_signature() {
        let text = "flavors:\n  python_function:\n    env: {conda: conda.yaml}\n  sklearn: {}\nmlflow_version: 3.17.2\n\
            signature:\n  inputs: '[{\"type\": \"double\", \"name\": \"a<b\", \"required\": false}]'\n  \
            outputs: '[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"int64\", \"shape\": [-1]}}]'\n  params: null\n";
        let shown = ModelFile::of(text.as_bytes()).unwrap().show().into_string();
        for part in [
            "python_function, sklearn",
            "a&lt;b",
            "optional",
            "int64 (-1)",
            "MLflow 3.17.2",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(ModelFile::of(b"[1, 2").is_none());
    }

    #[test]
    fn schemas_of_data_and_of_models_are_known() {
        let data =
            schema(r#"{"mlflow_colspec": [{"type": "long", "name": "age", "required": true}]}"#);
        assert!(data.unwrap().into_string().contains("age"));
        assert!(schema(r#"{"other": 1}"#).is_none());
        assert!(schema("[]").is_none());
    }
}
