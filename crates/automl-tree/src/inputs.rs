//! What a model needs of a table: the columns it was fitted on, found by name, and how their cells become numbers.

use crate::binning::{BinnedMatrix, Bins, bin_of_category};
use crate::level_means::{LevelMeans, mean_of};
use automl_core::{Artifact, ArtifactError, Column, PredictError, Table};
use std::sync::Arc;

/// How a column is read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InputKind {
    /// As its number.
    Number,
    /// As the bin of its code, 0 if unseen. The bins are empty for a column that was constant.
    Category(Vec<u8>),
    /// As a mean target of its level.
    Means(Arc<LevelMeans>),
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
#[derive(Clone, Copy)]
pub(crate) enum BoundColumn<'a> {
    Numbers(&'a [f64]),
    Codes(&'a [u32], &'a [u8]),
    /// Codes, the mean of each level, and that of all other codes.
    Means(&'a [u32], &'a [f64], f64),
}

impl BoundColumn<'_> {
    /// What a node tests: the bits of the number, or the bin of the category.
    #[inline]
    pub(crate) fn bits(&self, row: usize) -> u64 {
        match self {
            Self::Numbers(values) => values[row].to_bits(),
            Self::Codes(codes, bins) => u64::from(bin_of_category(bins, codes[row])),
            Self::Means(codes, means, prior) => mean_of(means, *prior, codes[row]).to_bits(),
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
            match &feature.bins {
                Bins::Number { .. } => {}
                Bins::Category { bin_of_code } => {
                    inputs[feature.column].kind = InputKind::Category(bin_of_code.clone());
                }
                Bins::Means { means, .. } => {
                    inputs[feature.column].kind = InputKind::Means(means.clone());
                }
            }
        }
        Self(inputs)
    }

    /// Where the column for each input stands.
    pub(crate) fn places(&self, table: &Table) -> Result<Vec<usize>, PredictError> {
        table.places_of(self.0.iter().map(|input| input.name.as_str()))
    }

    /// The table's columns for the inputs in `wanted`, which do not fall, of which each may have several `outputs`; every
    /// input must be there and of its kind.
    pub(crate) fn bind<'a>(
        &'a self,
        table: &'a Table,
        wanted: &[u32],
        outputs: &[u32],
    ) -> Result<Vec<BoundColumn<'a>>, PredictError> {
        let places = self.places(table)?;
        let mut columns = Vec::with_capacity(wanted.len());
        self.for_each_bound((table, &places), (wanted, outputs), |_, column| {
            columns.push(column);
        })?;
        Ok(columns)
    }

    /// Visits the table's columns for the inputs in `wanted`, which do not fall, with their places in it; every input's column must
    /// be of its kind.
    pub(crate) fn for_each_bound<'a>(
        &'a self,
        (table, places): (&'a Table, &[usize]),
        (wanted, outputs): (&[u32], &[u32]),
        mut visit: impl FnMut(usize, BoundColumn<'a>),
    ) -> Result<(), PredictError> {
        let mut place = 0;
        for (index, (input, &at)) in self.0.iter().zip(places).enumerate() {
            let column = input.checked(table.column_at(at))?;
            while wanted.get(place) == Some(&(index as u32)) {
                visit(place, input.bound(column, outputs[place] as usize));
                place += 1;
            }
        }
        Ok(())
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
        self.write_means(artifact);
    }

    /// Writes nothing if no column is read as means.
    fn write_means(&self, artifact: &mut Artifact) {
        let (mut priors, mut means, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for input in &self.0 {
            if let InputKind::Means(of_levels) = &input.kind {
                priors.extend_from_slice(&of_levels.priors);
                means.extend_from_slice(&of_levels.means);
                ends.push(means.len() as i64);
            }
        }
        if !ends.is_empty() {
            artifact.push_f64("level_mean_priors", priors);
            artifact.push_f64("level_means", means);
            artifact.push_i64("level_mean_ends", ends);
        }
    }

    /// What [`Inputs::write_means`] wrote for so many columns: the means of each, in their order.
    fn read_means(artifact: &Artifact, n_columns: usize) -> Result<Vec<LevelMeans>, ArtifactError> {
        if n_columns == 0 {
            return Ok(Vec::new());
        }
        let priors = artifact.f64s("level_mean_priors")?;
        let means = artifact.f64s("level_means")?;
        let ends = artifact.i64s("level_mean_ends")?;
        let n_outputs = priors.len() / n_columns;
        if n_outputs == 0 || priors.len() != n_outputs * n_columns {
            return Err(artifact.invalid("level_mean_priors", "not as many for each column"));
        }
        if ends.len() != n_columns {
            return Err(artifact.invalid("level_mean_ends", "not one for each column of means"));
        }
        if priors.iter().chain(means).any(|mean| !mean.is_finite()) {
            return Err(artifact.invalid("level_means", "a mean is not finite"));
        }
        let mut start = 0;
        let of_column = |(&end, priors): (&i64, &[f64])| {
            let end = usize::try_from(end).unwrap_or(usize::MAX);
            let means = means
                .get(start..end)
                .filter(|means| means.len().is_multiple_of(n_outputs))
                .ok_or_else(|| artifact.invalid("level_mean_ends", "out of range"))?;
            start = end;
            Ok(LevelMeans {
                priors: priors.to_vec(),
                means: means.to_vec(),
            })
        };
        ends.iter()
            .zip(priors.chunks(n_outputs))
            .map(of_column)
            .collect()
    }

    pub(crate) fn read(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let names: Vec<String> = artifact.meta("columns")?;
        let kinds: Vec<String> = artifact.meta("kinds")?;
        let bins = artifact.u8s("category_bins")?;
        let ends = artifact.i64s("category_ends")?;
        if kinds.len() != names.len() || ends.len() != names.len() {
            return Err(artifact.invalid("kinds", "not one for each column"));
        }
        let n_means = kinds.iter().filter(|kind| *kind == "means").count();
        let mut means = Self::read_means(artifact, n_means)?.into_iter();
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
                "means" => InputKind::Means(Arc::new(
                    means.next().expect("as many were read as columns ask for"),
                )),
                _ => return Err(artifact.invalid("kinds", "not number, category or means")),
            };
            inputs.push(Input { name, kind });
        }
        Ok(Self(inputs))
    }
}

impl Input {
    /// The kind of reading, as artifacts have it.
    fn kind_name(&self) -> &'static str {
        match self.kind {
            InputKind::Number => "number",
            InputKind::Category(_) => "category",
            InputKind::Means(_) => "means",
        }
    }

    /// The kind of column that is read.
    fn column_kind(&self) -> &'static str {
        match self.kind {
            InputKind::Number => "number",
            InputKind::Category(_) | InputKind::Means(_) => "category",
        }
    }

    /// How many numbers are read of the column.
    pub(crate) fn n_outputs(&self) -> usize {
        match &self.kind {
            InputKind::Means(means) => means.priors.len(),
            _ => 1,
        }
    }

    /// The column, if it is of the input's kind.
    fn checked<'a>(&self, column: &'a Column) -> Result<&'a Column, PredictError> {
        if column.kind_name() == self.column_kind() {
            Ok(column)
        } else {
            Err(PredictError::ColumnKind {
                name: self.name.clone(),
                found: column.kind_name(),
                expected: self.column_kind(),
            })
        }
    }

    /// A column of its kind, as it is read.
    fn bound<'a>(&'a self, column: &'a Column, output: usize) -> BoundColumn<'a> {
        match (&self.kind, column) {
            (InputKind::Category(bins), Column::Category { codes, .. }) => {
                BoundColumn::Codes(codes, bins)
            }
            (InputKind::Means(means), Column::Category { codes, .. }) => {
                BoundColumn::Means(codes, means.of_output(output), means.priors[output])
            }
            (_, Column::Number(values)) => BoundColumn::Numbers(values),
            _ => unreachable!("the column is of the input's kind"),
        }
    }
}
