//! ONNX graphs of other programs as models: columns in, numbers or probabilities out, run by tract.
//!
//! A graph is looked at before anything of it runs: operators that are not those of models of rows are refused by name, as are
//! constants that would grow without bounds. What it gives beside the numbers that are predicted, such as labels, is left out.
//! A cell that is missing is NaN; an input of whole numbers takes none.
//!
//! Numbers are what the graph makes of them, mostly in single precision, and to the last digits those of the machine.

mod check;
mod error;
mod names;
mod operators;
mod plan;
mod rewrite;
#[cfg(test)]
mod tests;

pub use error::GraphError;

use automl_core::{
    Array, ArrayData, Artifact, ArtifactError, Model, PredictError, Predictions, TableView,
};
use names::Input;
use plan::Plan;
use serde_json::json;
use std::collections::BTreeSet;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::Framework as _;

/// The kind of artifacts of graphs.
pub const GRAPH: &str = "onnx_graph";

/// Bytes that a file may have.
const BYTES_MAX: u64 = 1 << 30;
/// How far probabilities of a row may be from summing to 1: they are single.
const SUM_TOLERANCE: f64 = 1e-3;

/// What a graph does not say of itself, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GraphNames {
    /// The columns of its inputs, in their order.
    pub columns: Option<Vec<String>>,
    /// How many classes it tells apart.
    pub n_classes: Option<usize>,
    /// The output that is predicted.
    pub result: Option<String>,
}

/// A graph that was read.
pub struct ImportedGraph {
    /// The program that wrote it.
    pub producer: String,
    /// Operators that predicting runs.
    pub n_operators: usize,
    /// The columns that it reads.
    pub columns: Vec<String>,
    /// Number of classes; 0 where it predicts a number.
    pub n_classes: usize,
    /// What the graph calls them, if it does.
    pub classes: Option<Vec<String>>,
    /// What predicts.
    pub model: GraphModel,
}

/// A graph that predicts.
pub struct GraphModel {
    /// The file, as it was.
    bytes: Vec<u8>,
    inputs: Vec<Input>,
    columns: Vec<String>,
    result: String,
    n_classes: usize,
    plan: Plan,
}

/// Whether bytes begin as an ONNX file does: with the number of its format.
pub fn is_onnx(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, 1..=0x1f, ..])
}

/// Reads a file.
///
/// # Errors
/// It is damaged, it is not clear what it takes or gives, or it does not run here.
pub fn import_graph(bytes: &[u8], names: &GraphNames) -> Result<ImportedGraph, GraphError> {
    let (producer, n_operators, classes, model) = read(bytes, names)?;
    model.check_rows()?;
    Ok(ImportedGraph {
        producer,
        n_operators,
        columns: model.columns.clone(),
        n_classes: model.n_classes,
        classes,
        model,
    })
}

type Read = (String, usize, Option<Vec<String>>, GraphModel);

fn read(bytes: &[u8], names: &GraphNames) -> Result<Read, GraphError> {
    let n_bytes = bytes.len() as u64;
    if n_bytes > BYTES_MAX {
        let limit = BYTES_MAX;
        return Err(GraphError::TooLarge { n_bytes, limit });
    }
    let damaged = |reason: String| GraphError::Damaged { reason };
    let decoded = tract_onnx::onnx().proto_model_for_read(&mut std::io::Cursor::new(bytes));
    let mut proto: ModelProto = decoded.map_err(|error| damaged(error.root_cause().to_string()))?;
    let mut graph = proto
        .graph
        .take()
        .ok_or_else(|| damaged("it has no graph".into()))?;
    let n_given = names.columns.as_ref().map(Vec::len);
    let inputs = names::inputs(&graph, n_given)?;
    let columns = columns(&inputs, names.columns.as_deref())?;
    let classes = names::classes(&graph);
    check::without_maps(&mut graph);
    let result = names::result(&graph, names.result.as_deref())?;
    graph.output.retain(|output| output.name == result);
    check::prune(&mut graph);
    check::check(&proto, &graph)?;
    let n_operators = graph.node.len();
    rewrite::rewrite(&mut graph)?;
    proto.graph = Some(graph);
    let plan = Plan::new(&proto, &inputs)?;
    let n_named = classes.as_ref().map(Vec::len);
    let n_classes = n_classes(&result, plan.width(), names.n_classes.or(n_named))?;
    let model = GraphModel {
        bytes: bytes.to_vec(),
        inputs,
        columns,
        result,
        n_classes,
        plan,
    };
    Ok((proto.producer_name, n_operators, classes, model))
}

/// The columns by the names that were given, or the graph's own.
fn columns(inputs: &[Input], given: Option<&[String]>) -> Result<Vec<String>, GraphError> {
    let own = names::columns(inputs);
    let columns = given.map_or_else(|| own.clone(), <[String]>::to_vec);
    let distinct: BTreeSet<&String> = columns.iter().collect();
    if columns.len() != own.len() || distinct.len() != own.len() {
        let said = |input: &Input| match input.width {
            1 => input.name.clone(),
            width => format!("{} ({width})", input.name),
        };
        return Err(GraphError::Columns {
            given: distinct.len(),
            wanted: own.len(),
            inputs: inputs.iter().map(said).collect(),
        });
    }
    Ok(columns)
}

/// Number of classes of an output of so many columns: 0 of a number.
fn n_classes(output: &str, width: usize, known: Option<usize>) -> Result<usize, GraphError> {
    match (width, known) {
        (1, None) => Ok(0),
        // The probability of the second one.
        (1, Some(2)) => Ok(2),
        (width, None) => Ok(width),
        (width, Some(known)) if width == known && width > 1 => Ok(width),
        (width, Some(given)) => Err(GraphError::Classes {
            given,
            output: output.to_owned(),
            width,
        }),
    }
}

/// Reads a graph back.
///
/// # Errors
/// A part is missing, or the graph is not one that runs here.
pub fn load_graph(artifact: &Artifact) -> Result<Box<dyn Model>, ArtifactError> {
    let n_classes: usize = artifact.meta("n_classes")?;
    let names = GraphNames {
        columns: Some(artifact.meta("columns")?),
        n_classes: (n_classes > 0).then_some(n_classes),
        result: Some(artifact.meta("result")?),
    };
    let read = read(artifact.u8s("graph")?, &names);
    let (_, _, _, model) = read.map_err(|error| artifact.invalid("graph", &error.to_string()))?;
    if model.n_classes != n_classes {
        return Err(artifact.invalid("n_classes", "the graph has another number"));
    }
    Ok(Box::new(model))
}

impl GraphModel {
    /// That each row is predicted by itself, and as what it is said to be, on rows of small numbers.
    fn check_rows(&self) -> Result<(), GraphError> {
        const N_ROWS: usize = 5;
        let n_columns = self.columns.len();
        let cell = |row: usize, column: usize| ((row * 7 + column * 3) % 5) as f64 - 1.0;
        let rows: Vec<Vec<f64>> = (0..N_ROWS)
            .map(|row| (0..n_columns).map(|column| cell(row, column)).collect())
            .collect();
        let slices = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
            (0..n_columns)
                .map(|column| rows.iter().map(|row| row[column]).collect())
                .collect()
        };
        let run = |rows: &[Vec<f64>]| {
            let columns = slices(rows);
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            let ran = self.plan.run(&self.inputs, &columns, rows.len());
            ran.map_err(|reason| GraphError::DoesNotRun { reason })
        };
        let together = run(&rows)?;
        let width = self.plan.width();
        let near = |a: f64, b: f64| {
            let bound = 1e-4 * (1.0 + a.abs().max(b.abs()));
            (a - b).abs() <= bound || (a.is_nan() && b.is_nan())
        };
        for (row, said) in rows.iter().zip(together.chunks_exact(width)) {
            let alone = run(std::slice::from_ref(row))?;
            if !alone.iter().zip(said).all(|(a, b)| near(*a, *b)) {
                return Err(GraphError::RowsMixed);
            }
            if self.n_classes > 0 && !said.iter().any(|value| value.is_nan()) {
                self.probabilities(said)
                    .map_err(|reason| GraphError::NoProbabilities {
                        output: self.result.clone(),
                        reason,
                    })?;
            }
        }
        Ok(())
    }

    /// The probabilities of a row's classes, of what the graph says of it.
    fn probabilities(&self, said: &[f64]) -> Result<Vec<f64>, String> {
        let mut values = said.to_vec();
        if let ([second], 2) = (said, self.n_classes) {
            values = vec![1.0 - second, *second];
        }
        let sum: f64 = values.iter().sum();
        if let Some(odd) = values
            .iter()
            .find(|value| !(-SUM_TOLERANCE..=1.0 + SUM_TOLERANCE).contains(*value))
        {
            return Err(format!("one is {odd}"));
        }
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(format!("those of a row sum to {sum}"));
        }
        for value in &mut values {
            *value = value.max(0.0) / sum;
        }
        Ok(values)
    }

    /// The numbers of its columns, row by row as the view has them.
    fn cells(&self, rows: &TableView<'_>) -> Result<Vec<Vec<f64>>, PredictError> {
        let column = |name: &String| {
            let values = rows.number(name)?;
            Ok(rows.iter_rows().map(|row| values[row]).collect())
        };
        self.columns.iter().map(column).collect()
    }

    /// Notices a cell that an input of whole numbers or truth values cannot take.
    fn check_cells(&self, cells: &[Vec<f64>], rows: &TableView<'_>) -> Result<(), PredictError> {
        let inputs = self.inputs.iter();
        let whole =
            inputs.flat_map(|input| std::iter::repeat_n(!input.element.is_real(), input.width));
        for ((name, column), _) in self
            .columns
            .iter()
            .zip(cells)
            .zip(whole)
            .filter(|(_, is_whole)| *is_whole)
        {
            let is_odd = |value: &f64| value.fract() != 0.0 || !(-9.0e15..=9.0e15).contains(value);
            if let Some(place) = column.iter().position(is_odd) {
                return Err(PredictError::Cell {
                    name: name.clone(),
                    row: rows.row(place),
                    reason: "holds no whole number, which the graph takes".into(),
                });
            }
        }
        Ok(())
    }

    fn failed(&self, row: usize, reason: &str) -> PredictError {
        PredictError::Cell {
            name: self.columns.first().cloned().unwrap_or_default(),
            row,
            reason: format!("and those beside it: {reason}"),
        }
    }
}

impl Model for GraphModel {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let cells = self.cells(rows)?;
        self.check_cells(&cells, rows)?;
        let (n_rows, width) = (rows.n_rows(), self.plan.width());
        let mut values = Vec::with_capacity(n_rows * width.max(self.n_classes));
        let mut first = 0;
        while first < n_rows {
            let end = n_rows.min(first + self.plan.rows_at_once());
            let part: Vec<&[f64]> = cells.iter().map(|column| &column[first..end]).collect();
            let said = self.plan.run(&self.inputs, &part, end - first);
            let said = said.map_err(|reason| self.failed(rows.row(first), &reason))?;
            for (place, said) in said.chunks_exact(width).enumerate() {
                let row = || rows.row(first + place);
                if self.n_classes == 0 {
                    if !said[0].is_finite() {
                        return Err(self.failed(row(), "the graph gives no finite number"));
                    }
                    values.push(said[0]);
                    continue;
                }
                let told = self.probabilities(said);
                values.extend(told.map_err(|reason| {
                    self.failed(
                        row(),
                        &format!("the graph gives no probabilities: {reason}"),
                    )
                })?);
            }
            first = end;
        }
        Ok(match self.n_classes {
            0 => Predictions::Numbers(values),
            n_classes => Predictions::Probabilities { n_classes, values },
        })
    }

    fn artifact(&self) -> Artifact {
        let mut artifact = Artifact::new(
            GRAPH,
            json!({ "columns": self.columns, "result": self.result, "n_classes": self.n_classes }),
        );
        let array = Array {
            shape: vec![self.bytes.len()],
            data: ArrayData::U8(self.bytes.clone()),
        };
        artifact.arrays.insert("graph".to_owned(), array);
        artifact
    }
}
