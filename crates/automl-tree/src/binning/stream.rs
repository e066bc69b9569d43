//! Bins from batches of rows, so that the table need never be in memory as a whole.
//!
//! Two passes over the same batches: a [`BinningSketch`] learns the bins, a [`BinningBuilder`] makes one byte of every
//! cell. Batches may be cut anywhere; the result does not depend on it. Of number columns a sample of at most 200,000 rows
//! is kept, those of the least hash of their number, and of categories the exact count of each level: of a table of no
//! more rows the bins are those that a fit on the whole table makes.
//!
//! Memory: 8 bytes a number column for each row of the sample and 8 a level while sketching; then a byte a cell, and as much
//! again at most while sparse columns are looked for.

use super::edges::{SAMPLE_ROWS, bin_numbers, number_edges};
use super::{
    BinnedColumn, BinnedMatrix, BinningRules, Bins, add_counts, bin_of_category, level_bins,
};
use automl_core::{
    Coded, Column, Dataset, FitContext, FitError, Levels, ParamError, ParamValue, Seed, Table,
    Threads,
};
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Why batches cannot be binned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BinningError {
    /// `max_bins` is not between 2 and 255.
    #[error("{max_bins} bins a column are not between 2 and 255")]
    MaxBins {
        /// What was asked for.
        max_bins: usize,
    },
    /// A column is of a kind that trees do not take.
    #[error("trees cannot take the {kind} column '{column}'")]
    Kind {
        /// The column.
        column: String,
        /// Its kind.
        kind: &'static str,
    },
    /// A batch has other columns than the first one.
    #[error("a batch has {found} where the first one has {expected}")]
    Columns {
        /// What the batch has at the first place that differs.
        found: String,
        /// What the first batch has there.
        expected: String,
    },
    /// A batch codes the levels of a category otherwise than those before.
    #[error("the levels of '{column}' have other codes than in the batches before")]
    Levels {
        /// The column.
        column: String,
    },
    /// The second pass is not over the rows of the first, and those to be watched.
    #[error("the second pass has {found} rows where {expected} were expected")]
    Rows {
        /// Rows of the second pass so far.
        found: usize,
        /// Rows of the first, and those to be watched.
        expected: usize,
    },
    /// There is no column or no row.
    #[error("no cell to bin")]
    Empty,
    /// Row numbers have 32 bits.
    #[error("more than {} rows", u32::MAX)]
    TooLong,
}

impl Coded for BinningError {
    fn code(&self) -> &'static str {
        match self {
            Self::MaxBins { .. } => "binning-max-bins",
            Self::Kind { .. } => "binning-column-kind",
            Self::Columns { .. } => "binning-columns",
            Self::Levels { .. } => "binning-levels",
            Self::Rows { .. } => "binning-rows",
            Self::Empty => "binning-empty",
            Self::TooLong => "binning-too-long",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::MaxBins { .. } | Self::Empty | Self::TooLong => return None,
            Self::Kind { .. } => "leave the column out or make numbers or categories of it",
            Self::Columns { .. } => "give every batch the columns of the first, in its order",
            Self::Levels { .. } => "keep the code of a level; new levels take new codes",
            Self::Rows { .. } => "give both passes the same rows",
        };
        Some(hint.to_owned())
    }
}

/// What is known of a column.
#[derive(Debug)]
enum ColumnSketch {
    /// The values of the rows of the sample.
    Number(Vec<f64>),
    /// The levels so far, and the rows of each.
    Category { levels: Levels, counts: Vec<usize> },
}

/// The first pass: what the values of each column are, and how often.
#[derive(Debug)]
pub struct BinningSketch {
    max_bins: usize,
    has_bundles: bool,
    names: Vec<String>,
    columns: Vec<ColumnSketch>,
    sample: RowSample,
    n_rows: usize,
}

impl BinningSketch {
    /// A sketch for so many bins a column, beside the one for missing values. With `bundle_exclusive`, sparse columns that
    /// exclude each other share a byte. Both as the parameters of the learner are to be.
    ///
    /// # Errors
    /// `max_bins` is not between 2 and 255.
    pub fn new(max_bins: usize, bundle_exclusive: bool) -> Result<Self, BinningError> {
        if !(2..=255).contains(&max_bins) {
            return Err(BinningError::MaxBins { max_bins });
        }
        Ok(Self {
            max_bins,
            has_bundles: bundle_exclusive,
            names: Vec::new(),
            columns: Vec::new(),
            sample: RowSample::default(),
            n_rows: 0,
        })
    }

    /// Takes in the next rows. Cost: a hash a row, and the cells of the rows that enter the sample.
    ///
    /// # Errors
    /// A column is neither number nor category, is not that of the first batch, or codes its levels otherwise.
    pub fn add(&mut self, batch: &Table) -> Result<(), BinningError> {
        if self.columns.is_empty() {
            self.start(batch)?;
        }
        check_columns(&self.names, &self.columns, batch)?;
        let n_rows = self.n_rows + batch.n_rows();
        if u32::try_from(n_rows).is_err() {
            return Err(BinningError::TooLong);
        }
        let chosen = self.sample.choose(self.n_rows..n_rows);
        for (sketch, (_, column)) in self.columns.iter_mut().zip(batch.iter()) {
            match (sketch, column) {
                (ColumnSketch::Number(sample), Column::Number(values)) => {
                    sample.resize(self.sample.len(), f64::NAN);
                    for &(row, place) in &chosen {
                        sample[place as usize] = values[row - self.n_rows];
                    }
                }
                (
                    ColumnSketch::Category { levels, counts },
                    Column::Category {
                        codes,
                        levels: of_batch,
                    },
                ) => {
                    if of_batch.len() > levels.len() {
                        *levels = of_batch.clone();
                        counts.resize(levels.len(), 0);
                    }
                    add_counts(counts, codes);
                }
                _ => unreachable!("the kinds of the columns were compared"),
            }
        }
        self.n_rows = n_rows;
        Ok(())
    }

    /// Ends the first pass. Cost: a sort of the sample of each number column.
    ///
    /// # Errors
    /// There was no row or no column.
    pub fn finish(self, threads: &Threads) -> Result<BinningBuilder, BinningError> {
        if self.n_rows == 0 || self.columns.is_empty() {
            return Err(BinningError::Empty);
        }
        let columns = threads.map(self.columns.len(), |column| {
            let (bins, n_bins) = match &self.columns[column] {
                ColumnSketch::Number(sample) => {
                    let edges = number_edges(sample, self.max_bins);
                    let n_bins = edges.len() + 1;
                    (Bins::Number { edges }, n_bins)
                }
                ColumnSketch::Category { counts, .. } => {
                    let (bin_of_code, n_bins) = level_bins(counts, self.max_bins);
                    (Bins::Category { bin_of_code }, n_bins)
                }
            };
            BinnedColumn {
                column,
                bins,
                n_bins,
                codes: Vec::with_capacity(self.n_rows),
            }
        });
        let mut kinds = self.columns;
        for sketch in &mut kinds {
            // The sample has done its work; the levels are compared with those of the second pass.
            match sketch {
                ColumnSketch::Number(sample) => *sample = Vec::new(),
                ColumnSketch::Category { counts, .. } => *counts = Vec::new(),
            }
        }
        Ok(BinningBuilder {
            max_bins: self.max_bins,
            has_bundles: self.has_bundles,
            names: self.names,
            kinds,
            columns,
            n_rows: self.n_rows,
            n_done: 0,
        })
    }

    fn start(&mut self, batch: &Table) -> Result<(), BinningError> {
        for (name, column) in batch.iter() {
            let sketch = match column {
                Column::Number(_) => ColumnSketch::Number(Vec::new()),
                Column::Category { levels, .. } => ColumnSketch::Category {
                    levels: levels.clone(),
                    counts: vec![0; levels.len()],
                },
                _ => {
                    return Err(BinningError::Kind {
                        column: name.to_owned(),
                        kind: column.kind_name(),
                    });
                }
            };
            self.names.push(name.to_owned());
            self.columns.push(sketch);
        }
        Ok(())
    }
}

/// The second pass: the bin of every cell.
#[derive(Debug)]
pub struct BinningBuilder {
    max_bins: usize,
    has_bundles: bool,
    names: Vec<String>,
    kinds: Vec<ColumnSketch>,
    columns: Vec<BinnedColumn>,
    n_rows: usize,
    n_done: usize,
}

impl BinningBuilder {
    /// Expects `n_rows` more than the first pass had, after its own: rows to watch, whose values have no say in the bins.
    ///
    /// # Errors
    /// There are more rows than row numbers.
    pub fn with_rows_to_watch(mut self, n_rows: usize) -> Result<Self, BinningError> {
        self.n_rows = self.n_rows.saturating_add(n_rows);
        match u32::try_from(self.n_rows) {
            Ok(_) => Ok(self),
            Err(_) => Err(BinningError::TooLong),
        }
    }

    /// Takes in the next rows, in the order of the first pass. Cost: eight compares a number.
    ///
    /// # Errors
    /// The batch is not as those of the first pass, or there are more rows than it had and are to be watched.
    pub fn add(&mut self, batch: &Table, threads: &Threads) -> Result<(), BinningError> {
        check_columns(&self.names, &self.kinds, batch)?;
        let n_done = self.n_done + batch.n_rows();
        if n_done > self.n_rows {
            return Err(BinningError::Rows {
                found: n_done,
                expected: self.n_rows,
            });
        }
        threads.for_each_chunk(&mut self.columns, 1, |place, column| {
            for column in column {
                match (&column.bins, batch.column_at(place)) {
                    (Bins::Number { edges }, Column::Number(values)) => {
                        column.codes.extend(bin_numbers(values, edges));
                    }
                    (Bins::Category { bin_of_code }, Column::Category { codes, .. }) => {
                        let bins = codes.iter().map(|&code| bin_of_category(bin_of_code, code));
                        column.codes.extend(bins);
                    }
                    _ => unreachable!("the kinds of the columns were compared"),
                }
            }
        });
        self.n_done = n_done;
        Ok(())
    }

    /// Ends the second pass.
    ///
    /// # Errors
    /// There were fewer rows than in the first, with those to be watched.
    pub fn finish(self, threads: &Threads) -> Result<BinnedTable, BinningError> {
        if self.n_done < self.n_rows {
            return Err(BinningError::Rows {
                found: self.n_done,
                expected: self.n_rows,
            });
        }
        let empty = |sketch| match sketch {
            ColumnSketch::Number(_) => Column::Number(Vec::new()),
            ColumnSketch::Category { levels, .. } => Column::category(Vec::new(), levels),
        };
        let columns = self
            .names
            .into_iter()
            .zip(self.kinds.into_iter().map(empty));
        let columns =
            Table::new(columns.collect()).expect("names and lengths are those of a table");
        let matrix = BinnedMatrix::grouped(self.columns, self.n_rows, self.has_bundles, threads);
        Ok(BinnedTable {
            columns,
            matrix: Arc::new(matrix),
            max_bins: self.max_bins,
            has_bundles: self.has_bundles,
        })
    }
}

/// A table as bins, one byte a cell, to be learned from with targets that a [`automl_core::Dataset`] without columns
/// holds.
#[derive(Debug, Clone)]
pub struct BinnedTable {
    /// The columns, without rows.
    pub(crate) columns: Table,
    pub(crate) matrix: Arc<BinnedMatrix>,
    pub(crate) max_bins: usize,
    pub(crate) has_bundles: bool,
}

impl BinnedTable {
    /// The bins, for a learner that makes them by `rules` and a dataset that holds the targets.
    fn matrix_for(
        &self,
        data: &Dataset,
        learner: &'static str,
        rules: BinningRules,
    ) -> Result<Arc<BinnedMatrix>, FitError> {
        let (n_rows, n_columns) = (data.n_rows(), data.table().n_columns());
        if n_columns > 0 || n_rows != self.n_rows() {
            let expected = self.n_rows();
            let reason = format!(
                "the dataset beside a binned table must have its {expected} rows and no column, not {n_rows} and {n_columns}"
            );
            return Err(FitError::Numeric { learner, reason });
        }
        if rules.max_bins != self.max_bins {
            return Err(ParamError::Conflict {
                name: "max_bins".into(),
                value: ParamValue::Int(rules.max_bins as i64),
                reason: format!(
                    "is not the {} that the table was binned with",
                    self.max_bins
                ),
            }
            .into());
        }
        for (name, column) in self.columns.iter() {
            if let Column::Category { levels, .. } = column
                && levels.len() > rules.levels_max
            {
                return Err(ParamError::Conflict {
                    name: "max_sorted_levels".into(),
                    value: ParamValue::Int(rules.levels_max as i64),
                    reason: format!(
                        "asks for the mean targets of the {} levels of '{name}', which bins do not tell apart; fit on the table itself",
                        levels.len()
                    ),
                }
                .into());
            }
        }
        Ok(self.matrix.clone())
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.matrix.n_rows
    }

    /// Bytes that the bins take.
    pub fn n_bytes(&self) -> usize {
        self.matrix
            .groups
            .iter()
            .map(|group| group.bytes.len())
            .sum()
    }
}

/// The names and kinds of the columns to learn from, and their bins: those of the dataset's own table, or of `binned`, to
/// which the dataset adds the targets.
pub(crate) fn columns_of<'a>(
    data: &'a Dataset,
    binned: Option<&'a BinnedTable>,
    learner: &'static str,
    rules: BinningRules,
    ctx: &FitContext<'_>,
) -> Result<(&'a Table, Arc<BinnedMatrix>), FitError> {
    match binned {
        None => Ok((
            data.table(),
            BinnedMatrix::of(data, learner, rules, &ctx.threads, &ctx.budget)?,
        )),
        Some(binned) => Ok((&binned.columns, binned.matrix_for(data, learner, rules)?)),
    }
}

/// Whether a batch has the columns of the first one, and codes its levels alike.
fn check_columns(
    names: &[String],
    columns: &[ColumnSketch],
    batch: &Table,
) -> Result<(), BinningError> {
    if batch.n_columns() != names.len() {
        return Err(BinningError::Columns {
            found: format!("{} columns", batch.n_columns()),
            expected: names.len().to_string(),
        });
    }
    for ((name, sketch), (found, column)) in names.iter().zip(columns).zip(batch.iter()) {
        let is_alike = match (sketch, column) {
            (ColumnSketch::Number(_), Column::Number(_)) => true,
            (ColumnSketch::Category { levels, .. }, Column::Category { levels: others, .. }) => {
                if !are_coded_alike(levels, others) {
                    return Err(BinningError::Levels {
                        column: name.clone(),
                    });
                }
                true
            }
            _ => false,
        };
        if found != name || !is_alike {
            let kind = match sketch {
                ColumnSketch::Number(_) => "number",
                ColumnSketch::Category { .. } => "category",
            };
            return Err(BinningError::Columns {
                found: format!("the {} column '{found}'", column.kind_name()),
                expected: format!("the {kind} column '{name}'"),
            });
        }
    }
    Ok(())
}

/// Whether each code that both have stands for the same level.
fn are_coded_alike(levels: &Levels, others: &Levels) -> bool {
    let first = |levels: &Levels| levels.get(0).map(str::as_ptr);
    // Levels that are shared between batches are not compared one by one; an empty level has no place of its own.
    let are_shared = levels.len() == others.len()
        && first(levels) == first(others)
        && levels.get(0).is_some_and(|level| !level.is_empty());
    are_shared || levels.iter().zip(others.iter()).all(|(a, b)| a == b)
}

/// What decides whether a row is sampled.
pub(super) fn row_hash(row: u64) -> u64 {
    Seed(0).named("sample").indexed(row).0
}

/// Which rows are sampled, and where each stands in the sample: the rows of the least hashes, however they are cut into
/// batches.
#[derive(Debug, Default)]
struct RowSample(BinaryHeap<(u64, u32)>);

impl RowSample {
    fn len(&self) -> usize {
        self.0.len()
    }

    /// The rows of this stretch that enter the sample, with their places, in the order in which they do. A row may take the
    /// place of one before it.
    fn choose(&mut self, rows: std::ops::Range<usize>) -> Vec<(usize, u32)> {
        let mut chosen = Vec::new();
        for row in rows {
            let hash = row_hash(row as u64);
            let place = if self.0.len() < SAMPLE_ROWS {
                self.0.len() as u32
            } else {
                match self.0.peek() {
                    Some(&(greatest, place)) if hash < greatest => {
                        self.0.pop();
                        place
                    }
                    _ => continue,
                }
            };
            self.0.push((hash, place));
            chosen.push((row, place));
        }
        chosen
    }
}

#[cfg(test)]
mod tests;
