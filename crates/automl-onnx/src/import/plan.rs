//! A graph made ready to run by tract.

use super::check;
use super::error::GraphError;
use super::names::{Element, Input};
use super::rows;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::{DimLike as _, Symbol, SymbolValues, TDim};

/// Rows that are run at once, at most.
const ROWS_MAX: usize = 1024;
/// Bytes that all values of a graph may take together.
const VALUES_MAX: u64 = 1 << 28;
/// Letters of what tract says that are told.
const REASON_MAX: usize = 200;

/// A graph that runs.
pub(super) struct Plan {
    runnable: Arc<TypedRunnableModel>,
    width: usize,
    rows_at_once: usize,
}

impl Plan {
    /// Makes a graph ready.
    ///
    /// # Errors
    /// It has an operator that does not run, shapes that do not fit, or takes too much memory.
    pub(super) fn new(proto: &ModelProto, inputs: &[Input]) -> Result<Self, GraphError> {
        let known = reader().op_register;
        let nodes = proto.graph.iter().flat_map(|graph| &graph.node);
        let mut unknown = nodes.filter(|node| !known.0.contains_key(&node.op_type));
        if let Some(node) = unknown.next() {
            return Err(check::operator(node));
        }
        let (model, rows) = caught(|| typed(proto, inputs)).map_err(does_not_run)?;
        let width = width(&model, &rows)?;
        let rows_at_once = rows_at_once(&model, &rows)?;
        let runnable = caught(|| model.into_optimized()?.into_runnable()).map_err(does_not_run)?;
        Ok(Self {
            runnable,
            width,
            rows_at_once,
        })
    }

    /// Columns of what it gives.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Rows that may be run together.
    pub(super) fn rows_at_once(&self) -> usize {
        self.rows_at_once
    }

    /// What the graph says of rows, row by row; of each input there are as many columns as it is wide.
    ///
    /// # Errors
    /// Why it does not run on them.
    pub(super) fn run(
        &self,
        inputs: &[Input],
        columns: &[&[f64]],
        n_rows: usize,
    ) -> Result<Vec<f64>, String> {
        let mut first = 0;
        let mut values: TVec<TValue> = tvec!();
        for input in inputs {
            let own = &columns[first..first + input.width];
            first += input.width;
            let tensor = tensor(input, own, n_rows).map_err(|error| reason(&error))?;
            values.push(tensor.into());
        }
        let said = caught(|| {
            let outputs = self.runnable.run(values)?;
            let said = outputs[0].cast_to::<f64>()?;
            Ok(said.try_as_plain_ram()?.as_slice::<f64>()?.to_vec())
        })?;
        if said.len() == n_rows * self.width {
            Ok(said)
        } else {
            Err("the graph gives another number of rows than it is given".to_owned())
        }
    }
}

fn does_not_run(reason: String) -> GraphError {
    GraphError::DoesNotRun { reason }
}

/// Work of tract, which may panic on graphs that it did not expect.
fn caught<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(reason(&error)),
        Err(_panic) => Err("its operators do not fit together".to_owned()),
    }
}

/// What is at the root of an error, in a line.
fn reason(error: &TractError) -> String {
    let root = error.root_cause().to_string();
    let line = root.lines().next().unwrap_or_default();
    line.chars().take(REASON_MAX).collect()
}

impl Element {
    fn datum_type(self) -> DatumType {
        match self {
            Self::Float => DatumType::F32,
            Self::Int32 => DatumType::I32,
            Self::Int64 | Self::Text => DatumType::I64,
            Self::Bool => DatumType::Bool,
            Self::Double => DatumType::F64,
        }
    }
}

/// What reads graphs: tract, with our operators of `ai.onnx.ml` in the place of its own.
fn reader() -> Onnx {
    let mut onnx = tract_onnx::onnx();
    rows::register(&mut onnx);
    onnx
}

/// The graph with its types and shapes, for any number of rows.
fn typed(proto: &ModelProto, inputs: &[Input]) -> TractResult<(TypedModel, Symbol)> {
    let onnx = reader()
        .with_ignore_output_shapes(true)
        .with_ignore_output_types(true)
        .with_ignore_value_info(true);
    let mut model = onnx.model_for_proto_model(proto)?;
    let rows = model.symbols.sym("automl_rows");
    for (place, input) in inputs.iter().enumerate() {
        let mut shape: Vec<TDim> = vec![rows.to_dim()];
        if !input.is_flat {
            shape.push(input.width.to_dim());
        }
        let fact = TypedFact::dt_shape(input.element.datum_type(), shape);
        model.set_input_fact(place, fact.into())?;
    }
    let model = model.into_typed()?.into_decluttered()?;
    Ok((model, rows))
}

/// Columns of the output, which has a row for each row.
fn width(model: &TypedModel, rows: &Symbol) -> Result<usize, GraphError> {
    let fact = model
        .output_fact(0)
        .map_err(|error| does_not_run(reason(&error)))?;
    let lengths: Vec<TDim> = fact.shape.iter().cloned().collect();
    let is_by_row = lengths
        .first()
        .is_some_and(|length| *length == rows.to_dim());
    let width = match lengths.as_slice() {
        [_] if is_by_row => Some(1),
        [_, width] if is_by_row => width.to_usize().ok(),
        _ => None,
    };
    width.filter(|width| *width > 0).ok_or_else(|| {
        does_not_run("its output is not rows by columns, a row for each row".to_owned())
    })
}

/// As many rows as all values of the graph have room for.
fn rows_at_once(model: &TypedModel, rows: &Symbol) -> Result<usize, GraphError> {
    let mut n_rows = ROWS_MAX;
    loop {
        let values = SymbolValues::default().with(rows, n_rows as i64);
        let facts = model.nodes().iter().flat_map(|node| &node.outputs);
        let n_bytes = facts.map(|outlet| {
            let volume = outlet.fact.shape.volume().eval(&values).to_i64();
            let volume = volume.ok().and_then(|n| u64::try_from(n).ok());
            volume.map_or(u64::MAX, |n| {
                n.saturating_mul(outlet.fact.datum_type.size_of() as u64)
            })
        });
        let n_bytes = n_bytes.fold(0, u64::saturating_add);
        if n_bytes <= VALUES_MAX {
            return Ok(n_rows);
        }
        if n_rows == 1 {
            let what = "values that take more than 256 MiB for a row".to_owned();
            return Err(GraphError::Unsupported { what });
        }
        n_rows /= 2;
    }
}

/// Columns as one tensor of rows.
fn tensor(input: &Input, columns: &[&[f64]], n_rows: usize) -> TractResult<Tensor> {
    let shape = [n_rows, input.width];
    let shape = if input.is_flat { &shape[..1] } else { &shape };
    let cells = (0..n_rows).flat_map(|row| columns.iter().map(move |column| column[row]));
    match input.element {
        Element::Float => {
            let cells: Vec<f32> = cells.map(|cell| cell as f32).collect();
            Tensor::from_shape(shape, &cells)
        }
        Element::Double => Tensor::from_shape(shape, &cells.collect::<Vec<f64>>()),
        Element::Int32 => {
            let cells: Vec<i32> = cells.map(|cell| cell as i32).collect();
            Tensor::from_shape(shape, &cells)
        }
        Element::Int64 | Element::Text => {
            let cells: Vec<i64> = cells.map(|cell| cell as i64).collect();
            Tensor::from_shape(shape, &cells)
        }
        Element::Bool => {
            let cells: Vec<bool> = cells.map(|cell| cell != 0.0).collect();
            Tensor::from_shape(shape, &cells)
        }
    }
}
