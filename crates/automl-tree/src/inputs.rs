//! What a model needs of a table: the columns it was fitted on, found by name, and how their cells become numbers.

use crate::binning::{BinnedMatrix, Bins, bin_of_category};
use automl_core::{Artifact, ArtifactError, Column, PredictError, Table};

/// How a column is read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InputKind {
    /// As its number.
    Number,
    /// As the bin of its code, 0 if unseen. The bins are empty for a column that was constant.
    Category(Vec<u8>),
}

/// A column that the model was fitted on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) kind: InputKind,
}

/// All columns that the model was fitted on, in the order of the table then.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Inputs(pub(crate) Vec<Input>);

/// Columns of a table to predict, one for each input asked for.
pub(crate) enum BoundColumn<'a> {
    Numbers(&'a [f64]),
    Codes(&'a [u32], &'a [u8]),
}

impl BoundColumn<'_> {
    /// What a node tests: the bits of the number, or the bin of the category.
    #[inline]
    pub(crate) fn bits(&self, row: usize) -> u64 {
        match self {
            Self::Numbers(values) => values[row].to_bits(),
            Self::Codes(codes, bins) => u64::from(bin_of_category(bins, codes[row])),
        }
    }
}

impl Inputs {
    pub(crate) fn new(table: &Table, matrix: &BinnedMatrix) -> Self {
        let mut inputs: Vec<Input> = table
            .iter()
            .map(|(name, column)| Input {
                name: name.to_owned(),
                kind: match column {
                    Column::Category { .. } => InputKind::Category(Vec::new()),
                    _ => InputKind::Number,
                },
            })
            .collect();
        for feature in matrix.features.iter() {
            if let Bins::Category { bin_of_code } = &feature.bins {
                inputs[feature.column].kind = InputKind::Category(bin_of_code.clone());
            }
        }
        Self(inputs)
    }

    /// The table's columns for the inputs in `wanted`; every input must be there and of its kind.
    pub(crate) fn bind<'a>(
        &'a self,
        table: &'a Table,
        wanted: &[u32],
    ) -> Result<Vec<BoundColumn<'a>>, PredictError> {
        let bound: Vec<BoundColumn<'a>> = self
            .0
            .iter()
            .map(|input| input.bind(table))
            .collect::<Result<_, _>>()?;
        let mut bound: Vec<Option<BoundColumn<'a>>> = bound.into_iter().map(Some).collect();
        Ok(wanted
            .iter()
            .filter_map(|&index| bound[index as usize].take())
            .collect())
    }

    pub(crate) fn write(&self, artifact: &mut Artifact) {
        let names: Vec<&str> = self.0.iter().map(|input| input.name.as_str()).collect();
        let kinds: Vec<&str> = self.0.iter().map(Input::kind_name).collect();
        artifact.meta["columns"] = serde_json::json!(names);
        artifact.meta["kinds"] = serde_json::json!(kinds);
        let (mut bins, mut ends) = (Vec::new(), Vec::new());
        for input in &self.0 {
            if let InputKind::Category(map) = &input.kind {
                bins.extend_from_slice(map);
            }
            ends.push(bins.len() as i64);
        }
        artifact.push_u8("category_bins", bins);
        artifact.push_i64("category_ends", ends);
    }

    pub(crate) fn read(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let names: Vec<String> = artifact.meta("columns")?;
        let kinds: Vec<String> = artifact.meta("kinds")?;
        let bins = artifact.u8s("category_bins")?;
        let ends = artifact.i64s("category_ends")?;
        if kinds.len() != names.len() || ends.len() != names.len() {
            return Err(artifact.invalid("kinds", "not one for each column"));
        }
        let mut start = 0;
        let mut inputs = Vec::with_capacity(names.len());
        for ((name, kind), &end) in names.into_iter().zip(&kinds).zip(ends) {
            let end = usize::try_from(end).unwrap_or(usize::MAX);
            let map = bins
                .get(start..end)
                .ok_or_else(|| artifact.invalid("category_ends", "out of range"))?;
            start = end;
            let kind = match kind.as_str() {
                "number" => InputKind::Number,
                "category" => InputKind::Category(map.to_vec()),
                _ => return Err(artifact.invalid("kinds", "neither number nor category")),
            };
            inputs.push(Input { name, kind });
        }
        Ok(Self(inputs))
    }
}

impl Input {
    fn kind_name(&self) -> &'static str {
        match self.kind {
            InputKind::Number => "number",
            InputKind::Category(_) => "category",
        }
    }

    fn bind<'a>(&'a self, table: &'a Table) -> Result<BoundColumn<'a>, PredictError> {
        let column = table
            .column(&self.name)
            .ok_or_else(|| PredictError::ColumnMissing {
                name: self.name.clone(),
            })?;
        match (&self.kind, column) {
            (InputKind::Number, Column::Number(values)) => Ok(BoundColumn::Numbers(values)),
            (InputKind::Category(bins), Column::Category { codes, .. }) => {
                Ok(BoundColumn::Codes(codes, bins))
            }
            _ => Err(PredictError::ColumnKind {
                name: self.name.clone(),
                found: column.kind_name(),
                expected: self.kind_name(),
            }),
        }
    }
}
