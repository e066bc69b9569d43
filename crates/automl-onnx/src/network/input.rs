//! What a network reads: numbers scaled, categories as indicators or vectors, missing cells marked.

use super::Flow;
use super::weights::Weights;
use crate::error::OnnxError;
use crate::frame::{Codes, Frame};
use crate::graph::{Element, Graph, Value, floats, int, ints};
use crate::normal;
use automl_core::ArtifactError;
use serde::Deserialize;

/// The encoder of an artifact.
#[derive(Deserialize)]
pub(super) struct Encoder {
    columns: Vec<EncodedColumn>,
    number_embedding: NumberEmbedding,
}

#[derive(Deserialize)]
struct EncodedColumn {
    name: String,
    form: Form,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Number(NumberForm),
    OneHot { n_levels: u32 },
    Embedding { n_levels: u32 },
}

#[derive(Deserialize)]
struct NumberForm {
    scaling: Scaling,
    centre: f64,
    spread: f64,
    quantiles: Vec<f64>,
    edges: Vec<f32>,
    has_flag: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scaling {
    None,
    Standard,
    Quantile,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum NumberEmbedding {
    None,
    Linear,
    PiecewiseLinear,
}

/// Standardised numbers go no further.
const FURTHEST: f64 = 1e6;

/// Columns as a network takes them, in single.
pub(super) struct Encoded {
    embedding: NumberEmbedding,
    /// Rows by numbers.
    numbers: Option<Value>,
    n_numbers: usize,
    /// Where the pieces of each number begin and end.
    edges: Vec<Vec<f32>>,
    /// Rows by flags.
    flags: Option<Value>,
    n_flags: usize,
    /// Categories that have vectors, with their levels.
    categories: Vec<(Codes, usize)>,
}

impl Encoder {
    pub(super) fn encoded(self, graph: &mut Graph, frame: &Frame) -> Result<Encoded, OnnxError> {
        let (mut numbers, mut missing, mut indicators) = (Vec::new(), Vec::new(), Vec::new());
        let (mut edges, mut categories) = (Vec::new(), Vec::new());
        let mut n_flags = 0;
        for column in self.columns {
            match column.form {
                Form::Number(form) => {
                    let (value, is_missing) = form.scaled(graph, frame.number(&column.name)?);
                    numbers.push(value);
                    if form.has_flag {
                        missing.push(is_missing);
                        n_flags += 1;
                    }
                    edges.push(form.edges);
                }
                Form::OneHot { n_levels } => {
                    let n_levels = n_levels as usize;
                    let codes = frame.codes(&column.name)?;
                    if n_levels > 0 {
                        indicators.push(looked_up(graph, codes, n_levels, |code| {
                            (0..n_levels)
                                .map(|level| f32::from(level == code))
                                .collect()
                        }));
                    }
                    n_flags += n_levels;
                }
                Form::Embedding { n_levels } => {
                    let codes = frame.codes(&column.name)?.clone();
                    categories.push((codes, n_levels as usize));
                }
            }
        }
        let n_numbers = numbers.len();
        let beside = |graph: &mut Graph, values: &[Value]| {
            (!values.is_empty()).then(|| graph.beside(values))
        };
        let numbers = beside(graph, &numbers);
        missing.append(&mut indicators);
        Ok(Encoded {
            embedding: self.number_embedding,
            numbers,
            n_numbers,
            edges,
            flags: beside(graph, &missing),
            n_flags,
            categories,
        })
    }
}

/// Numbers that `of` gives for each level, rows by `width`; missing and unseen are the level behind all.
fn looked_up(
    graph: &mut Graph,
    codes: &Codes,
    n_levels: usize,
    of: impl Fn(usize) -> Vec<f32>,
) -> Value {
    let rows: Vec<Vec<f32>> = codes
        .codes()
        .map(|code| of((code as usize).min(n_levels)))
        .collect();
    let shape = [rows.len(), rows[0].len()];
    let table = graph.constant(floats(&shape, &rows.concat()));
    graph.op("Gather", &[&table, &codes.value], [])
}

impl NumberForm {
    /// The number as the network reads it, zero if it is not known or not finite, and one where that is so.
    fn scaled(&self, graph: &mut Graph, value: &Value) -> (Value, Value) {
        let size = graph.op("Abs", &[value], []);
        let most = graph.double(f64::MAX);
        // Not so for NaN, either.
        let is_known = graph.op("LessOrEqual", &[&size, &most], []);
        let zero = graph.double(0.0);
        let known = graph.op("Where", &[&is_known, value, &zero], []);
        let scaled = match self.scaling {
            Scaling::None => known,
            Scaling::Standard => {
                let (centre, spread) = (graph.double(self.centre), graph.double(self.spread));
                let (least, most) = (graph.double(-FURTHEST), graph.double(FURTHEST));
                let value = graph.op("Sub", &[&known, &centre], []);
                let value = graph.op("Div", &[&value, &spread], []);
                let value = graph.op("Max", &[&value, &least], []);
                graph.op("Min", &[&value, &most], [])
            }
            Scaling::Quantile => normal::places(graph, &known, &self.quantiles),
        };
        let scaled = graph.op("Where", &[&is_known, &scaled, &zero], []);
        let is_missing = graph.op("Not", &[&is_known], []);
        (
            graph.cast(&scaled, Element::Float),
            graph.cast(&is_missing, Element::Float),
        )
    }
}

impl Encoded {
    /// A vector of each number, rows by numbers by its length.
    fn number_vectors(
        &self,
        graph: &mut Graph,
        weights: &Weights<'_>,
        numbers: &Value,
    ) -> Result<Flow, OnnxError> {
        let n = self.n_numbers;
        let &[_, size] = weights.get("input.numbers.slope")?.shape else {
            return Err(weights.wrong("input.numbers.slope").into());
        };
        let slope = weights.constant(graph, "input.numbers.slope", &[n, size])?;
        let bias = weights.constant(graph, "input.numbers.bias", &[n, size])?;
        let cells = graph.reshaped(numbers, &[-1, n as i64, 1]);
        let value = graph.op("Mul", &[&cells, &slope], []);
        let mut value = graph.op("Add", &[&value, &bias], []);
        if self.embedding == NumberEmbedding::PiecewiseLinear {
            let pieces = self.pieces(graph, weights, &cells, size)?;
            value = graph.op("Add", &[&value, &pieces], []);
        }
        Ok(Flow { value, width: size })
    }

    /// How far numbers have come through their pieces, mapped: rows by numbers by `size`.
    fn pieces(
        &self,
        graph: &mut Graph,
        weights: &Weights<'_>,
        cells: &Value,
        size: usize,
    ) -> Result<Value, OnnxError> {
        let n_pieces = self.edges.iter().map(|edges| edges.len().saturating_sub(1));
        let n_pieces = n_pieces.max().unwrap_or(0);
        let n = self.n_numbers;
        let name = "input.numbers.pieces";
        let weight = weights.constant(graph, name, &[n, n_pieces, size])?;
        // A number with fewer pieces has none of the others: they are zero, whatever it is.
        let (mut starts, mut widths) = (Vec::new(), Vec::new());
        let (mut least, mut most) = (Vec::new(), Vec::new());
        for edges in &self.edges {
            let last = edges.len().saturating_sub(2);
            for (piece, pair) in edges.windows(2).enumerate() {
                starts.push(pair[0]);
                widths.push(pair[1] - pair[0]);
                least.push(if piece > 0 { 0.0 } else { f32::NEG_INFINITY });
                most.push(if piece < last { 1.0 } else { f32::INFINITY });
            }
            let n_absent = n_pieces - edges.len().saturating_sub(1);
            starts.extend(vec![0.0; n_absent]);
            widths.extend(vec![1.0; n_absent]);
            least.extend(vec![0.0; n_absent]);
            most.extend(vec![0.0; n_absent]);
        }
        let mut constant = |values: &[f32]| graph.constant(floats(&[1, n, n_pieces], values));
        let (starts, widths) = (constant(&starts), constant(&widths));
        let (least, most) = (constant(&least), constant(&most));
        let share = graph.op("Sub", &[cells, &starts], []);
        let share = graph.op("Div", &[&share, &widths], []);
        let share = graph.op("Max", &[&share, &least], []);
        let share = graph.op("Min", &[&share, &most], []);
        let swapped = || [ints("perm", vec![1, 0, 2])];
        let share = graph.op("Transpose", &[&share], swapped());
        let mapped = graph.op("MatMul", &[&share, &weight], []);
        Ok(graph.op("Transpose", &[&mapped], swapped()))
    }

    /// The vectors of each category, rows by its length.
    fn category_vectors(
        &self,
        graph: &mut Graph,
        weights: &Weights<'_>,
    ) -> Result<Vec<Flow>, ArtifactError> {
        let mut all = Vec::new();
        for (place, (codes, n_levels)) in self.categories.iter().enumerate() {
            let name = format!("input.categories.{place}.vectors");
            let weight = weights.get(&name)?;
            let &[n_rows, width] = weight.shape else {
                return Err(weights.wrong(&name));
            };
            if n_rows != n_levels + 1 || width == 0 {
                return Err(weights.wrong(&name));
            }
            let vector = |level: usize| weight.values[level * width..][..width].to_vec();
            let value = looked_up(graph, codes, *n_levels, vector);
            all.push(Flow { value, width });
        }
        Ok(all)
    }

    /// All columns beside one another.
    pub(super) fn flat(&self, graph: &mut Graph, weights: &Weights<'_>) -> Result<Flow, OnnxError> {
        let mut parts = Vec::new();
        let mut width = 0;
        if let Some(numbers) = &self.numbers {
            if self.embedding == NumberEmbedding::None {
                parts.push(numbers.clone());
                width += self.n_numbers;
            } else {
                let vectors = self.number_vectors(graph, weights, numbers)?;
                let own = self.n_numbers * vectors.width;
                parts.push(graph.reshaped(&vectors.value, &[-1, own as i64]));
                width += own;
            }
        }
        parts.extend(self.flags.clone());
        width += self.n_flags;
        for vectors in self.category_vectors(graph, weights)? {
            width += vectors.width;
            parts.push(vectors.value);
        }
        if parts.is_empty() {
            return Err(OnnxError::unsupported("a network without inputs"));
        }
        let value = graph.beside(&parts);
        Ok(Flow { value, width })
    }

    /// A token a column, rows by tokens by numbers of a token, the one that gathers first; and how many there are.
    pub(super) fn tokens(
        &self,
        graph: &mut Graph,
        weights: &Weights<'_>,
        rows: &Value,
    ) -> Result<(Flow, usize), OnnxError> {
        let summary = weights.get("input.summary")?;
        let size = summary.values.len();
        let summary = graph.constant(floats(&[1, 1, size], summary.values));
        let rows = graph.cast(rows, Element::Float);
        let rows = graph.reshaped(&rows, &[-1, 1, 1]);
        let mut tokens = vec![graph.op("Add", &[&rows, &summary], [])];
        let mut n_tokens = 1;
        if let Some(numbers) = &self.numbers {
            tokens.push(self.number_vectors(graph, weights, numbers)?.value);
            n_tokens += self.n_numbers;
        }
        let mut flat = self.category_vectors(graph, weights)?;
        if let Some(flags) = &self.flags {
            let flags = Flow {
                value: flags.clone(),
                width: self.n_flags,
            };
            flat.push(weights.linear(graph, "input.flags", &flags)?);
        }
        for token in flat {
            tokens.push(graph.reshaped(&token.value, &[-1, 1, size as i64]));
            n_tokens += 1;
        }
        let tokens: Vec<&Value> = tokens.iter().collect();
        let value = graph.op("Concat", &tokens, [int("axis", 1)]);
        Ok((Flow { value, width: size }, n_tokens))
    }
}
