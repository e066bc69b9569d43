//! From columns to what a network reads: numbers scaled, categories coded, missing cells marked.

use super::numbers::NumberForm;
use crate::network::{InputBatch, InputShape, NumberEmbedding};
use automl_core::params::ParamChoice;
use automl_core::{Column, FitError, ParamError, ParamValue, Params, PredictError, TableView};
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is done to a number before a network reads it.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberScaling {
    /// Mean 0, deviation 1.
    Standard,
    /// Its place among the values of the column, as a normal number.
    Quantile,
    /// Its distance from the median in units of the middle half, bent so that it stays within -3 and 3 (Holzmüller et al.,
    /// 2024).
    Robust,
    /// Nothing.
    None,
}

/// How a category enters a network.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CategoryEncoding {
    /// As indicators if it has few levels, else as a learned vector; always as a vector in a transformer over columns.
    Auto,
    /// As one indicator a level.
    OneHot,
    /// As a learned vector of its level.
    Embedding,
}

/// How columns are encoded.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct EncoderParams {
    /// What is done to numbers: `standard`, `quantile`, `robust` (distance from the median in units of the middle half, bent
    /// to stay within -3 and 3) or `none`.
    #[param(default = NumberScaling::Quantile)]
    pub numbers: NumberScaling,
    /// How numbers enter the network: `none`, `linear`, `piecewise_linear` or `periodic`, which is the number itself and a
    /// learned map of waves of it.
    #[param(default = NumberEmbedding::None)]
    pub number_embedding: NumberEmbedding,
    /// Pieces of a piecewise-linear number, cut at quantiles.
    #[param(default = 48, range = 2..=1024)]
    pub pieces: u32,
    /// Length of the vector of an embedded number; of a periodic one with the number itself.
    #[param(default = 16, range = 1..=1024)]
    pub embedding_size: u32,
    /// Waves of a periodic number.
    #[param(default = 16, range = 1..=1024)]
    pub waves: u32,
    /// Deviation of the frequencies with which waves begin.
    #[param(default = 0.1, range = 1e-4..=100.0, log)]
    pub wave_deviation: f64,
    /// How categories enter: `auto`, `one_hot` or `embedding`.
    #[param(default = CategoryEncoding::Auto)]
    pub categories: CategoryEncoding,
    /// Levels up to which auto makes indicators.
    #[param(default = 32, range = 0..=100_000)]
    pub one_hot_levels: u32,
}

/// A column that was asked to be encoded in a way of its own: by column, the name of a scaling or an encoding.
pub type ColumnWishes = BTreeMap<String, String>;

/// One encoded column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncodedColumn {
    name: String,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Form {
    Number(NumberForm),
    OneHot { n_levels: u32 },
    Embedding { n_levels: u32 },
}

/// How each column becomes numbers; learned from training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    columns: Vec<EncodedColumn>,
    number_embedding: EmbeddingName,
    embedding_size: usize,
    /// Waves of each number, where these are periodic.
    #[serde(default, skip_serializing_if = "is_nothing")]
    n_waves: usize,
    /// What their frequencies begin with: of a network that is learned, it does not matter.
    #[serde(skip)]
    wave_deviation: f64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes what it may skip by reference"
)]
fn is_nothing(n: &usize) -> bool {
    *n == 0
}

/// [`NumberEmbedding`] as files name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EmbeddingName {
    None,
    Linear,
    PiecewiseLinear,
    Periodic,
}

/// Columns of each form, as far as they were counted.
#[derive(Default)]
struct Places {
    number: usize,
    flag: usize,
    one_hot: usize,
    embedded: usize,
}

impl Places {
    /// Counts a column.
    fn pass(&mut self, form: &Form) {
        match form {
            Form::Number(form) => {
                self.number += 1;
                self.flag += usize::from(form.has_flag);
            }
            Form::OneHot { .. } => self.one_hot += 1,
            Form::Embedding { .. } => self.embedded += 1,
        }
    }
}

/// Rows as an encoder gives them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EncodedRows {
    n_rows: usize,
    /// `rows × numbers`, missing as 0.
    numbers: Vec<f32>,
    /// `rows × flagged numbers`: 1 where it is missing.
    missing: Vec<f32>,
    /// `rows × one-hot columns`.
    one_hot: Vec<u32>,
    /// `rows × embedded columns`.
    embedded: Vec<u32>,
}

impl EncodedRows {
    /// How many rows there are.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }
}

impl Encoder {
    /// Learns from rows. `learner` names who asks, in errors.
    ///
    /// # Errors
    /// A column of a kind that has no encoding, a wish for a column that is not there or of another kind, no column.
    pub fn fit(
        learner: &'static str,
        rows: &TableView<'_>,
        params: &EncoderParams,
        wishes: &ColumnWishes,
    ) -> Result<Self, FitError> {
        for name in wishes.keys() {
            if rows.table().column(name).is_none() {
                return Err(ParamError::UnknownColumn {
                    name: "features.columns".into(),
                    column: name.clone(),
                    near: automl_core::nearest(name, rows.table().names()),
                }
                .into());
            }
        }
        let is_periodic = params.number_embedding == NumberEmbedding::Periodic;
        if is_periodic && params.embedding_size < 2 {
            return Err(ParamError::Conflict {
                name: "features.embedding_size".into(),
                value: ParamValue::Int(i64::from(params.embedding_size)),
                reason: "holds a periodic number alone, and none of its waves".into(),
            }
            .into());
        }
        let mut columns = Vec::new();
        for (name, column) in rows.table().iter() {
            let wish = wishes.get(name).map(String::as_str);
            let form = match column {
                Column::Number(values) => {
                    let scaling = scaling_of(params, wish);
                    let scaling = scaling.ok_or_else(|| bad_wish(name, wish, "number"))?;
                    Form::Number(NumberForm::fit(values, rows, params, scaling))
                }
                Column::Category { levels, .. } => fit_category(levels.len(), params, wish)
                    .ok_or_else(|| bad_wish(name, wish, "category"))?,
                other => {
                    return Err(FitError::Column {
                        learner,
                        column: name.to_owned(),
                        kind: other.kind_name(),
                    });
                }
            };
            columns.push(EncodedColumn {
                name: name.to_owned(),
                form,
            });
        }
        if columns.is_empty() {
            return Err(FitError::NoFeatures { learner });
        }
        Ok(Self {
            columns,
            number_embedding: match params.number_embedding {
                NumberEmbedding::None => EmbeddingName::None,
                NumberEmbedding::Linear => EmbeddingName::Linear,
                NumberEmbedding::PiecewiseLinear => EmbeddingName::PiecewiseLinear,
                NumberEmbedding::Periodic => EmbeddingName::Periodic,
            },
            embedding_size: params.embedding_size as usize,
            n_waves: if is_periodic {
                params.waves as usize
            } else {
                0
            },
            wave_deviation: params.wave_deviation,
        })
    }

    /// What a network's input layer must know.
    pub fn shape(&self) -> InputShape {
        let mut shape = InputShape {
            n_numbers: 0,
            n_flags: 0,
            n_levels: Vec::new(),
            n_pieces: 0,
            number_embedding: match self.number_embedding {
                EmbeddingName::None => NumberEmbedding::None,
                EmbeddingName::Linear => NumberEmbedding::Linear,
                EmbeddingName::PiecewiseLinear => NumberEmbedding::PiecewiseLinear,
                EmbeddingName::Periodic => NumberEmbedding::Periodic,
            },
            embedding_size: self.embedding_size,
            n_waves: self.n_waves,
            wave_deviation: self.wave_deviation,
        };
        for column in &self.columns {
            match &column.form {
                Form::Number(number) => {
                    shape.n_numbers += 1;
                    shape.n_flags += usize::from(number.has_flag);
                    let n_pieces = number.edges.len().saturating_sub(1);
                    shape.n_pieces = shape.n_pieces.max(n_pieces);
                }
                Form::OneHot { n_levels } => shape.n_flags += *n_levels as usize,
                Form::Embedding { n_levels } => shape.n_levels.push(*n_levels as usize + 1),
            }
        }
        shape
    }

    /// Whether this could have been learned from a table: what is read from a file may be anything.
    pub fn is_sound(&self) -> bool {
        const MAX_LEVELS: u32 = 1 << 28;
        let is_form_sound = |form: &Form| match form {
            Form::Number(number) => number.is_sound(),
            Form::OneHot { n_levels } | Form::Embedding { n_levels } => *n_levels <= MAX_LEVELS,
        };
        let is_cut = self.number_embedding == EmbeddingName::PiecewiseLinear;
        let has_pieces = !is_cut || self.shape().n_numbers == 0 || self.shape().n_pieces > 0;
        let is_periodic = self.number_embedding == EmbeddingName::Periodic;
        let sizes = if is_periodic {
            2..=1 << 16
        } else {
            1..=1 << 16
        };
        !self.columns.is_empty()
            && sizes.contains(&self.embedding_size)
            && self.n_waves <= 1 << 16
            && (self.n_waves > 0) == is_periodic
            && has_pieces
            && self
                .columns
                .iter()
                .all(|column| is_form_sound(&column.form))
    }

    /// Encodes rows of a table that has the columns that this was learned from.
    ///
    /// # Errors
    /// A column that is missing or of another kind.
    pub fn encode(&self, rows: &TableView<'_>) -> Result<EncodedRows, PredictError> {
        let mut widths = Places::default();
        for column in &self.columns {
            widths.pass(&column.form);
        }
        let n_rows = rows.n_rows();
        let mut encoded = EncodedRows {
            n_rows,
            numbers: vec![0.0; n_rows * widths.number],
            missing: vec![0.0; n_rows * widths.flag],
            one_hot: vec![0; n_rows * widths.one_hot],
            embedded: vec![0; n_rows * widths.embedded],
        };
        let mut at = Places::default();
        for column in &self.columns {
            let found = rows.table().column(&column.name);
            let found = found.ok_or_else(|| PredictError::ColumnMissing {
                name: column.name.clone(),
            })?;
            let wrong_kind = |expected| PredictError::ColumnKind {
                name: column.name.clone(),
                found: found.kind_name(),
                expected,
            };
            match &column.form {
                Form::Number(form) => {
                    let values = found.as_number().ok_or_else(|| wrong_kind("number"))?;
                    for (position, row) in rows.iter_rows().enumerate() {
                        if let Some(value) = form.scaled(values[row]) {
                            encoded.numbers[position * widths.number + at.number] = value;
                        } else if form.has_flag {
                            encoded.missing[position * widths.flag + at.flag] = 1.0;
                        }
                    }
                }
                Form::OneHot { n_levels } | Form::Embedding { n_levels } => {
                    let (codes, _) = found.as_category().ok_or_else(|| wrong_kind("category"))?;
                    let is_one_hot = matches!(column.form, Form::OneHot { .. });
                    let (out, width, at) = if is_one_hot {
                        (&mut encoded.one_hot, widths.one_hot, at.one_hot)
                    } else {
                        (&mut encoded.embedded, widths.embedded, at.embedded)
                    };
                    for (position, row) in rows.iter_rows().enumerate() {
                        out[position * width + at] = codes[row].min(*n_levels);
                    }
                }
            }
            at.pass(&column.form);
        }
        Ok(encoded)
    }

    /// Some encoded rows as tensors.
    pub fn batch<B: Backend>(
        &self,
        encoded: &EncodedRows,
        rows: &[u32],
        device: &B::Device,
    ) -> InputBatch<B> {
        let shape = self.shape();
        let n = rows.len();
        let numbers = gathered(&encoded.numbers, shape.n_numbers, rows);
        let pieces = self.pieces(&numbers, n, &shape);
        let flags = self.flags(encoded, rows, &shape);
        let n_embedded = shape.n_levels.len();
        let categories = (0..n_embedded).map(|column| {
            let code = |&row: &u32| encoded.embedded[row as usize * n_embedded + column] as i32;
            let codes: Vec<i32> = rows.iter().map(code).collect();
            Tensor::<B, 2, Int>::from_data(TensorData::new(codes, [n, 1]), device)
        });
        let matrix = |values: Vec<f32>, width| {
            let data = TensorData::new(values, [n, width]);
            (width > 0).then(|| Tensor::from_data(data, device))
        };
        let cut = [shape.n_numbers, n, shape.n_pieces];
        InputBatch {
            n_rows: n,
            numbers: matrix(numbers, shape.n_numbers),
            pieces: (!pieces.is_empty())
                .then(|| Tensor::from_data(TensorData::new(pieces, cut), device)),
            flags: matrix(flags, shape.n_flags),
            categories: categories.collect(),
        }
    }

    /// `numbers × rows × pieces`: how far each number has come through each piece, 0 to 1; what lies outside goes on in
    /// the first and the last.
    fn pieces(&self, numbers: &[f32], n_rows: usize, shape: &InputShape) -> Vec<f32> {
        if self.number_embedding != EmbeddingName::PiecewiseLinear {
            return Vec::new();
        }
        let (n_numbers, n_pieces) = (shape.n_numbers, shape.n_pieces);
        let mut pieces = vec![0.0; n_numbers * n_rows * n_pieces];
        let forms = self.columns.iter().filter_map(|column| match &column.form {
            Form::Number(number) => Some(&number.edges),
            _ => None,
        });
        for (column, edges) in forms.enumerate() {
            let last = edges.len().saturating_sub(2);
            for row in 0..n_rows {
                let value = numbers[row * n_numbers + column];
                let start = (column * n_rows + row) * n_pieces;
                let out = &mut pieces[start..start + n_pieces];
                for (piece, pair) in edges.windows(2).enumerate() {
                    let mut share = (value - pair[0]) / (pair[1] - pair[0]);
                    if piece > 0 {
                        share = share.max(0.0);
                    }
                    if piece < last {
                        share = share.min(1.0);
                    }
                    out[piece] = share;
                }
            }
        }
        pieces
    }

    /// `rows × flags`: indicators of missing numbers, then of levels.
    fn flags(&self, encoded: &EncodedRows, rows: &[u32], shape: &InputShape) -> Vec<f32> {
        let levels = self.columns.iter().filter_map(|column| match column.form {
            Form::OneHot { n_levels } => Some(n_levels),
            _ => None,
        });
        let levels: Vec<u32> = levels.collect();
        let n_missing = shape.n_flags - levels.iter().sum::<u32>() as usize;
        let mut flags = vec![0.0; rows.len() * shape.n_flags];
        for (&row, out) in rows
            .iter()
            .zip(flags.chunks_exact_mut(shape.n_flags.max(1)))
        {
            let row = row as usize;
            out[..n_missing]
                .copy_from_slice(&encoded.missing[row * n_missing..(row + 1) * n_missing]);
            let mut start = n_missing;
            for (column, &n_levels) in levels.iter().enumerate() {
                let code = encoded.one_hot[row * levels.len() + column];
                if code < n_levels {
                    out[start + code as usize] = 1.0;
                }
                start += n_levels as usize;
            }
        }
        flags
    }
}

/// The scaling of a number column: its own if it has one; none if that is no scaling.
fn scaling_of(params: &EncoderParams, wish: Option<&str>) -> Option<NumberScaling> {
    match wish {
        None => Some(params.numbers),
        Some(name) => ParamChoice::from_choice_name(name),
    }
}

fn bad_wish(column: &str, wish: Option<&str>, kind: &str) -> FitError {
    let known = if kind == "number" {
        "standard, quantile, robust or none"
    } else {
        "one_hot or embedding"
    };
    ParamError::Conflict {
        name: format!("features.columns.{column}"),
        value: ParamValue::Text(wish.unwrap_or_default().to_owned().into()),
        reason: format!("is no encoding of a {kind} column: {known}"),
    }
    .into()
}

fn gathered(values: &[f32], width: usize, rows: &[u32]) -> Vec<f32> {
    let mut out = Vec::with_capacity(rows.len() * width);
    for &row in rows {
        out.extend_from_slice(&values[row as usize * width..(row as usize + 1) * width]);
    }
    out
}

fn fit_category(n_levels: usize, params: &EncoderParams, wish: Option<&str>) -> Option<Form> {
    let n_levels = n_levels as u32;
    let is_one_hot = match (wish, params.categories) {
        (Some("one_hot"), _) | (None, CategoryEncoding::OneHot) => true,
        (Some("embedding"), _) | (None, CategoryEncoding::Embedding) => false,
        (None, CategoryEncoding::Auto) => n_levels <= params.one_hot_levels,
        (Some(_), _) => return None,
    };
    Some(if is_one_hot {
        Form::OneHot { n_levels }
    } else {
        Form::Embedding { n_levels }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_core::{Levels, MISSING_CODE, Table, UNSEEN_CODE};

    fn table() -> Table {
        let levels = Levels::new(["a", "b"]);
        Table::new(vec![
            (
                "x".into(),
                Column::Number(vec![1.0, 2.0, 3.0, f64::NAN, 4.0]),
            ),
            (
                "c".into(),
                Column::category(vec![0, 1, MISSING_CODE, UNSEEN_CODE, 1], levels),
            ),
        ])
        .expect("columns are alike")
    }

    fn encoder(params: &EncoderParams, wishes: &[(&str, &str)]) -> Result<Encoder, FitError> {
        let wish = |&(name, form): &(&str, &str)| (name.to_owned(), form.to_owned());
        let wishes = wishes.iter().map(wish).collect();
        Encoder::fit("mlp", &table().view(), params, &wishes)
    }

    #[test]
    fn standard_numbers_have_mean_zero_and_missing_ones_are_marked() {
        let params = EncoderParams {
            numbers: NumberScaling::Standard,
            ..EncoderParams::default()
        };
        let encoder = encoder(&params, &[]).expect("the columns are usual");
        let rows = encoder
            .encode(&table().view())
            .expect("the columns are there");
        assert!(rows.numbers.iter().sum::<f32>().abs() < 1e-6);
        assert_eq!(rows.numbers[3], 0.0);
        assert_eq!(rows.missing, [0.0, 0.0, 0.0, 1.0, 0.0]);
        let flags = encoder.flags(&rows, &[0, 1, 2, 3], &encoder.shape());
        // Missing and unseen levels have no indicator.
        assert_eq!(flags, [0., 1., 0., 0., 0., 1., 0., 0., 0., 1., 0., 0.]);
    }

    #[test]
    fn pieces_fill_one_after_another_and_go_on_outside() {
        let params = EncoderParams {
            numbers: NumberScaling::None,
            number_embedding: NumberEmbedding::PiecewiseLinear,
            pieces: 3,
            ..EncoderParams::default()
        };
        let encoder = encoder(&params, &[]).expect("the columns are usual");
        let shape = encoder.shape();
        assert_eq!(shape.n_pieces, 3);
        assert_eq!(encoder.pieces(&[2.5], 1, &shape), [1.0, 0.5, 0.0]);
        assert_eq!(encoder.pieces(&[5.0], 1, &shape), [1.0, 1.0, 2.0]);
        assert_eq!(encoder.pieces(&[0.0], 1, &shape), [-1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_wish_is_followed_or_refused_by_name() {
        let shape =
            |wishes: &[(&str, &str)]| encoder(&EncoderParams::default(), wishes).map(|e| e.shape());
        let embedded = shape(&[("c", "embedding")]).expect("it is a category");
        assert_eq!(embedded.n_levels, [3]);
        let error = shape(&[("c", "quantile")]).unwrap_err().to_string();
        assert_eq!(
            error,
            "features.columns.c = quantile is no encoding of a category column: one_hot or embedding"
        );
        let error = shape(&[("d", "quantile")]).unwrap_err().to_string();
        assert_eq!(error, "features.columns names 'd', which is not a column");
    }
}
