//! A table in, its predictions out: what `automl predict` does with one table, and with each of many.

use super::{Bands, Destination, Scorer};
use crate::modeldir::LoadedModel;
use crate::{tables, text};
use automl_core::{
    CancelToken, Column, Field, Kind, Model, Role, Table, Threads, UNSEEN_CODE, Warning,
    WarningKind, Warnings,
};
use automl_data::{BatchOptions, DataError, PredictionColumns, ReadOptions, Source};
use std::io::Write;

/// Rows that were left out of which it is said why.
const REASONS_MAX: usize = 100;

/// What is predicted, whatever the table.
pub(crate) struct Wanted<'a> {
    pub(crate) model: &'a LoadedModel<dyn Model>,
    pub(crate) bands: &'a Bands,
    /// As the user said, if at all.
    pub(crate) threshold: Option<f64>,
    pub(crate) read: &'a ReadOptions,
    pub(crate) cut: BatchOptions,
}

/// What it is predicted with.
pub(crate) struct Power<'a> {
    pub(crate) threads: &'a Threads,
    pub(crate) cancel: CancelToken,
}

/// Rows of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) n_predicted: u64,
    /// Rows that were left out.
    pub(crate) n_refused: u64,
    /// Why the first of them were.
    pub(crate) reasons: Vec<String>,
    /// Whether the table has column names and no rows.
    pub(crate) is_empty: bool,
}

/// Hears how far it came.
pub(crate) trait Watch {
    /// The table is open; what was odd of it stands among the warnings.
    fn opened(&mut self) {}

    /// So many rows more are predicted.
    ///
    /// # Errors
    /// Whoever watches wants it to end.
    fn rows(&mut self, n_more: u64) -> anyhow::Result<()>;
}

impl Wanted<'_> {
    /// Predicts all rows of `source` into `to`; gives back their numbers and the flushed output. Findings go to `warnings`.
    ///
    /// # Errors
    /// The table cannot be read, the model cannot predict a row, or the output cannot be written.
    pub(crate) fn predict<W: Write + Send>(
        &self,
        source: &Source,
        power: Power<'_>,
        to: Destination<'_, W>,
        (watch, warnings): (&mut dyn Watch, &Warnings),
    ) -> anyhow::Result<(Counts, W)> {
        let model = self.model;
        let decision = model.decision(self.threshold)?;
        let is_feature = |field: &Field| field.role == Role::Feature;
        let inputs = &model.manifest.inputs;
        let batches = tables::stream(source, self.read, inputs, is_feature, &self.cut, warnings)
            .map_err(|error| model.opening(error))?;
        watch.opened();
        let writer = to.start(PredictionColumns {
            kept: &batches.kept(),
            classes: model.task().classes(),
            quantiles: model.task().levels(),
            targets: model.task().targets(),
            further: self.bands.names(),
        })?;
        let mut writer = writer.deciding_by(decision);
        let scorer = Scorer {
            model: &model.model,
            threads: power.threads,
            cancel: power.cancel,
        };
        let mut odd = OddTruths::new(model);
        let mut counts = Counts::default();
        let scored = scorer.run(batches, |batch, predictions| {
            counts.n_refused += batch.refused.len() as u64;
            let n_told = REASONS_MAX.saturating_sub(counts.reasons.len());
            let reasons = batch.refused.values().take(n_told).cloned();
            counts.reasons.extend(reasons);
            match self.bands.numbers(predictions) {
                Some(numbers) => writer.write_numbers(&numbers, &batch.kept)?,
                None => writer.write(predictions, &batch.kept)?,
            }
            odd.count(&batch.table);
            let n_more = batch.table.n_rows() as u64;
            counts.n_predicted += n_more;
            watch.rows(n_more)
        });
        match scored {
            Err(error) if is_without_rows(&error) => counts.is_empty = true,
            other => {
                other?;
            }
        }
        odd.warn(warnings);
        Ok((counts, writer.finish()?))
    }
}

/// A table of column names alone is a table of no rows, and so are its predictions.
fn is_without_rows(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<DataError>(),
        Some(DataError::HeaderOnly { .. })
    )
}

/// Cells of truth value columns that are neither: a third value is hardly a new level, as it may be elsewhere.
struct OddTruths<'a>(Vec<(&'a Field, u64)>);

impl<'a> OddTruths<'a> {
    fn new(model: &'a LoadedModel<dyn Model>) -> Self {
        let fields = model.manifest.inputs.with_role(Role::Feature);
        let truths = fields.filter(|field| field.kind == Kind::Boolean);
        Self(truths.map(|field| (field, 0)).collect())
    }

    fn count(&mut self, table: &Table) {
        for (field, n_odd) in &mut self.0 {
            if let Some(Column::Category { codes, .. }) = table.column(&field.name) {
                *n_odd += codes.iter().filter(|&&code| code == UNSEEN_CODE).count() as u64;
            }
        }
    }

    fn warn(&self, warnings: &Warnings) {
        for (field, n_odd) in self.0.iter().filter(|(_, n_odd)| *n_odd > 0) {
            let (are, counts) = if *n_odd == 1 {
                ("is neither", "counts")
            } else {
                ("are neither", "count")
            };
            let message = format!(
                "{} of '{}' {are} {}, and {counts} as unseen",
                text::counted(*n_odd, "cell"),
                field.name,
                field.levels.join(" nor ")
            );
            let warning = Warning::new(WarningKind::UnreadCells, [&field.name], message);
            warnings.push(warning);
        }
    }
}
