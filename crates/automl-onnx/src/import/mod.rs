//! ONNX graphs of other programs as models: columns in, numbers or probabilities out, run by tract.
//!
//! A graph is looked at before anything of it runs: operators that are not those of models of rows are refused by name, as are
//! constants that would grow without bounds. Labels that it gives beside probabilities are left out of what runs: how it tells them
//! is read from it, and done by those who read probabilities of other models, too.
//!
//! A number that is missing is NaN; an input of whole numbers takes none. Texts are whole numbers when the graph runs (see [`texts`]);
//! a text that is missing is the empty one.
//!
//! Numbers are what the graph makes of them, mostly in single precision, and to the last digits those of the machine.

mod check;
mod constants;
mod error;
mod labels;
mod names;
mod operators;
mod plan;
mod rewrite;
mod rows;
#[cfg(test)]
mod tests;
mod texts;

pub use error::GraphError;

use automl_core::{
    Array, ArrayData, Artifact, ArtifactError, Column, Decision, MISSING_CODE, Model, PredictError,
    Predictions, TableView,
};
use names::{Element, Input};
use plan::Plan;
use serde_json::json;
use std::collections::BTreeSet;
use texts::Dictionary;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::Framework as _;

/// The kind of artifacts of graphs.
pub const GRAPH: &str = "onnx_graph";

/// Bytes that a file may have.
const BYTES_MAX: u64 = 1 << 30;
/// How far probabilities of a row may be from summing to 1: they are single.
const SUM_TOLERANCE: f64 = 1e-3;

/// How far what is said of a row alone may be from what is said of it among others, of its size: numbers are single.
const NEAR: f64 = 1e-3;

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
    pub columns: Vec<GraphColumn>,
    /// Number of classes; 0 where it predicts a number.
    pub n_classes: usize,
    /// What the graph calls them, if it does.
    pub classes: Option<Vec<String>>,
    /// Texts that it takes for a cell that is missing, beside the empty one.
    pub missing: Vec<String>,
    /// How it tells the class.
    pub decision: Decision,
    /// What predicts.
    pub model: GraphModel,
}

/// A column that a graph reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphColumn {
    /// What it is called.
    pub name: String,
    /// Of texts, those that the graph knows; none of numbers.
    pub levels: Option<Vec<String>>,
}

/// A graph that predicts.
pub struct GraphModel {
    /// The file, as it was.
    bytes: Vec<u8>,
    inputs: Vec<Input>,
    columns: Vec<String>,
    result: String,
    n_classes: usize,
    dictionary: Dictionary,
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
    let imported = read(bytes, names)?;
    imported.model.check_rows()?;
    Ok(imported)
}

fn read(bytes: &[u8], names: &GraphNames) -> Result<ImportedGraph, GraphError> {
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
    let mut inputs = names::inputs(&graph, n_given)?;
    let columns = columns(&inputs, names.columns.as_deref())?;
    let named = names::classes(&graph);
    check::without_maps(&mut graph);
    check::check_order(&graph)?;
    let result = names::result(&graph, names.result.as_deref())?;
    let told = labels::told(&graph, &result);
    graph.output.retain(|output| output.name == result);
    check::prune(&mut graph);
    // What is left is inputs alone: the constants among them are known, or needed no more.
    let own: BTreeSet<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    graph
        .input
        .retain(|value| own.contains(value.name.as_str()));
    check::check(&proto, &graph, &inputs)?;
    let told = told?;
    let n_operators = graph.node.len();
    let (dictionary, missing) = texts::without_texts(&mut graph, &mut inputs)?;
    rewrite::rewrite(&mut graph)?;
    proto.graph = Some(graph);
    let plan = Plan::new(&proto, &inputs)?;
    let own = told.as_ref().and_then(|told| told.classes.clone());
    let classes = own.or(named);
    let n_named = classes.as_ref().map(Vec::len);
    let n_classes = n_classes(&result, plan.width(), names.n_classes.or(n_named))?;
    if let Some(told) = &told {
        told.check(n_classes, &result)?;
    }
    let model = GraphModel {
        bytes: bytes.to_vec(),
        inputs,
        columns,
        result,
        n_classes,
        dictionary,
        plan,
    };
    Ok(ImportedGraph {
        producer: proto.producer_name,
        n_operators,
        columns: model.typed_columns(),
        n_classes,
        missing: missing.into_iter().collect(),
        classes: classes.filter(|classes| classes.len() == n_classes),
        decision: told.map_or(Decision::Likeliest, |told| told.decision),
        model,
    })
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
    let model = read
        .map_err(|error| artifact.invalid("graph", &error.to_string()))?
        .model;
    if model.n_classes != n_classes {
        return Err(artifact.invalid("n_classes", "the graph has another number"));
    }
    Ok(Box::new(model))
}

impl GraphModel {
    /// The columns, with the texts that are known of each.
    fn typed_columns(&self) -> Vec<GraphColumn> {
        let levels = self.inputs.iter().flat_map(|input| {
            (0..input.width).map(|place| {
                // The empty text is no level, nor is what a missing one is: as marks they are read the same in all columns.
                let words = input.words.get(place)?;
                let missing = texts::missing_text(words);
                let levels = words
                    .iter()
                    .filter(|text| !text.is_empty() && *text != missing);
                Some(levels.cloned().collect())
            })
        });
        let columns = self.columns.iter().cloned().zip(levels);
        let column = |(name, levels)| GraphColumn { name, levels };
        columns.map(column).collect()
    }

    /// Rows to try a graph with: small numbers, and texts that it knows.
    fn rows_to_try(&self, n_rows: usize) -> Vec<Vec<f64>> {
        let words = self.inputs.iter().flat_map(|input| {
            let is_text = input.element == Element::Text;
            (0..input.width).map(move |place| is_text.then(|| &input.words[place]))
        });
        let words: Vec<Option<&BTreeSet<String>>> = words.collect();
        let cell = |row: usize, (column, words): (usize, Option<&BTreeSet<String>>)| match words {
            None => ((row * 7 + column * 3) % 5) as f64 - 1.0,
            Some(words) => {
                let text = words.iter().nth((row + column) % words.len().max(1));
                let number = text.and_then(|text| self.dictionary.get(text));
                *number.unwrap_or(&texts::UNKNOWN) as f64
            }
        };
        let row = |row| {
            words
                .iter()
                .copied()
                .enumerate()
                .map(|one| cell(row, one))
                .collect()
        };
        (0..n_rows).map(row).collect()
    }

    /// What the graph says of rows of cells.
    fn said(&self, rows: &[Vec<f64>]) -> Result<Vec<f64>, String> {
        let n_columns = self.columns.len();
        let columns: Vec<Vec<f64>> = (0..n_columns)
            .map(|column| rows.iter().map(|row| row[column]).collect())
            .collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        self.plan.run(&self.inputs, &columns, rows.len())
    }

    /// That each row is predicted by itself, and as what it is said to be.
    fn check_rows(&self) -> Result<(), GraphError> {
        const N_ROWS: usize = 5;
        let rows = self.rows_to_try(N_ROWS);
        let failed = |reason| GraphError::DoesNotRun { reason };
        let together = match self.said(&rows) {
            Ok(said) => said,
            // Rows that it refuses tell nothing.
            Err(reason) if reason == rows::UNKNOWN_CATEGORY => return Ok(()),
            Err(reason) => return Err(failed(reason)),
        };
        let width = self.plan.width();
        for (place, (row, said)) in rows.iter().zip(together.chunks_exact(width)).enumerate() {
            // Alone it is computed in another order, with what that makes of the last digits of large numbers.
            let near = |a: f64, b: f64| (a - b).abs() <= NEAR * (NEAR + a.abs().max(b.abs()));
            let alone = self.said(std::slice::from_ref(row)).map_err(failed)?;
            // At its place among other rows it is to be the same to the last.
            let mut others = rows.clone();
            others.rotate_left(1);
            others[place].clone_from(row);
            let among = self.said(&others).map_err(failed)?;
            let among = &among[place * width..(place + 1) * width];
            let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
            let is_by_itself = said
                .iter()
                .zip(&alone)
                .zip(among)
                .all(|((said, alone), among)| {
                    same(*said, *among) && (near(*said, *alone) || said.is_nan())
                });
            if !is_by_itself {
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

    /// The cells of its columns as numbers, row by row as the view has them.
    fn cells(&self, rows: &TableView<'_>) -> Result<Vec<Vec<f64>>, PredictError> {
        let inputs = self.inputs.iter();
        let words = inputs.flat_map(|input| (0..input.width).map(|place| input.words.get(place)));
        let column = |(name, words): (&String, Option<&BTreeSet<String>>)| match words {
            None => {
                let values = rows.number(name)?;
                Ok(rows.iter_rows().map(|row| values[row]).collect())
            }
            Some(words) => self.text_numbers(name, words, rows),
        };
        self.columns.iter().zip(words).map(column).collect()
    }

    /// The numbers of the texts of a column.
    fn text_numbers(
        &self,
        name: &str,
        words: &BTreeSet<String>,
        rows: &TableView<'_>,
    ) -> Result<Vec<f64>, PredictError> {
        let column = rows.table().column(name);
        let column = column.ok_or_else(|| PredictError::ColumnMissing { name: name.into() })?;
        let Column::Category { codes, levels } = column else {
            return Err(PredictError::ColumnKind {
                name: name.into(),
                found: column.kind_name(),
                expected: "category",
            });
        };
        let number = |text: &str| self.dictionary.get(text).copied().unwrap_or(texts::UNKNOWN);
        let numbers: Vec<f64> = levels.iter().map(|text| number(text) as f64).collect();
        let missing = texts::missing(&self.dictionary, words) as f64;
        let cell = |row: usize| match codes[row] {
            MISSING_CODE => missing,
            code => numbers
                .get(code as usize)
                .copied()
                .unwrap_or(texts::UNKNOWN as f64),
        };
        Ok(rows.iter_rows().map(cell).collect())
    }

    /// Notices a cell that an input of whole numbers or truth values cannot take.
    fn check_cells(&self, cells: &[Vec<f64>], rows: &TableView<'_>) -> Result<(), PredictError> {
        let elements = self
            .inputs
            .iter()
            .flat_map(|input| std::iter::repeat_n(input.element, input.width));
        for ((name, column), element) in self.columns.iter().zip(cells).zip(elements) {
            let mut odd = column.iter().enumerate();
            let odd = odd.find_map(|(place, cell)| Some((place, element.refuses(*cell)?)));
            if let Some((place, reason)) = odd {
                return Err(PredictError::Cell {
                    name: name.clone(),
                    row: rows.row(place),
                    reason: reason.into(),
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

    /// What is wrong with rows that do not run together, by the first that does not run alone.
    fn why(
        &self,
        cells: &[&[f64]],
        rows: &TableView<'_>,
        first: usize,
        reason: &str,
    ) -> PredictError {
        let n_rows = cells.first().map_or(0, |column| column.len());
        let alone = |row: usize| -> Vec<f64> { cells.iter().map(|column| column[row]).collect() };
        let odd = (0..n_rows).find_map(|row| {
            let alone = alone(row);
            let failed = self.said(std::slice::from_ref(&alone)).err();
            failed.map(|reason| (row, alone, reason))
        });
        let Some((place, cells, reason)) = odd else {
            return self.failed(rows.row(first), reason);
        };
        let row = rows.row(first + place);
        let inputs = self.inputs.iter();
        let are_texts = inputs
            .flat_map(|input| std::iter::repeat_n(input.element == Element::Text, input.width));
        let mut named = self.columns.iter().zip(are_texts).zip(cells);
        let unknown = named.find(|((_, is_text), cell)| *is_text && *cell == texts::UNKNOWN as f64);
        match unknown {
            Some(((name, _), _)) if reason == rows::UNKNOWN_CATEGORY => PredictError::Cell {
                name: name.clone(),
                row,
                reason: format!("holds {reason}"),
            },
            _ => self.failed(row, &reason),
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
            let said = said.map_err(|reason| self.why(&part, rows, first, &reason))?;
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
                let no = |reason: String| format!("the graph gives no probabilities: {reason}");
                values.extend(told.map_err(|reason| self.failed(row(), &no(reason)))?);
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
