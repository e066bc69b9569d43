//! Fitted models as ONNX files: one graph from the columns of a table to predictions, to be run without this program; and graphs
//! of other programs as models ([`import_graph`]).
//!
//! The graph holds the whole pipeline: levels of categories, imputation, encoding, scaling, trees or linear models, the mean
//! of the ensemble, and the class that is predicted. All numbers are doubles, so that predictions agree to rounding, but those
//! inside of networks, which are single here as there. Trees
//! become the operator `TreeEnsemble` of `ai.onnx.ml`, version 5; a test of a set of levels becomes a column that says
//! whether the level is in the set, so missing and unseen levels go where they went. Terms of texts are found by `Tokenizer`
//! of `com.microsoft`, which a graph without texts does not need.
//!
//! Models are read as plain data ([`automl_core::Artifact`]), in which each step and learner is named by its kind; what has no
//! translation is an error that names it, never a model that predicts something else.
//!
//! ```
//! use automl_core::{Artifact, Schema, Task};
//! use automl_onnx::{Source, export};
//!
//! let mut mean = Artifact::new("baseline", serde_json::json!({ "is_classification": false }));
//! mean.push_f64("values", vec![2.5]);
//! let mut recipe = Artifact::new("recipe", serde_json::json!({ "inputs": [["x", "number"]] }));
//! recipe.children.clear();
//! let members = serde_json::json!([{ "weight": 1.0, "recipe": 0, "target_map": "identity" }]);
//! let meta = serde_json::json!({ "task": Task::Regression, "n_recipes": 1, "members": members });
//! let mut ensemble = Artifact::new("ensemble", meta);
//! ensemble.children = vec![recipe, mean];
//! let mut schema = Schema::default();
//! schema.fields.push(automl_core::Field {
//!     name: "x".into(),
//!     kind: automl_core::Kind::Number,
//!     role: automl_core::Role::Feature,
//!     levels: Vec::new(),
//!     format: None,
//! });
//! let source = Source { artifact: &ensemble, inputs: &schema, missing: &[], spellings: &|_| Vec::new(), decision: &automl_core::Decision::Likeliest };
//! assert!(!export(&source)?.is_empty());
//! # Ok::<(), automl_onnx::OnnxError>(())
//! ```
//!
//! What this crate must not know: files, the command line, any learner.

mod calendar;
mod error;
mod frame;
mod graph;
mod import;
mod linear;
mod machine;
mod model;
mod network;
mod normal;
mod pairs;
mod proto;
mod steps;
mod text;
mod trees;

pub use error::OnnxError;
pub use import::{
    GRAPH, GraphColumn, GraphError, GraphModel, GraphNames, ImportedGraph, import_graph, is_onnx,
    load_graph,
};
pub use model::{Source, export};

#[cfg(test)]
mod tests;
