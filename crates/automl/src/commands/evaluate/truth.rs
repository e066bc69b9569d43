//! The target of the rows that are scored, as the numbers that metrics take.

use crate::errors::CliError;
use automl_core::{Column, Field, Levels, Predictions, Table, Task};
use automl_data::LevelCoder;

/// Targets (and weights) of the rows that have one, batch after batch.
pub(super) struct Truth<'a> {
    target: &'a Field,
    task: &'a Task,
    weight: Option<&'a Field>,
    /// The column that counts are divided by.
    exposure: Option<&'a str>,
    /// The model's classes, to read labels by what they mean.
    coder: LevelCoder,
    /// Numbers, or class codes as numbers, of the rows that have a target.
    pub(super) values: Vec<f64>,
    weights: Vec<f64>,
    exposures: Vec<f64>,
    /// For every row read, whether it has a target.
    has_target: Vec<bool>,
}

impl<'a> Truth<'a> {
    pub(super) fn new(target: &'a Field, task: &'a Task, weight: Option<&'a Field>) -> Self {
        Self {
            target,
            task,
            weight,
            exposure: None,
            coder: LevelCoder::new(Levels::new(task.classes().iter().map(String::as_str)), &[]),
            values: Vec::new(),
            weights: Vec::new(),
            exposures: Vec::new(),
            has_target: Vec::new(),
        }
    }

    /// The same for counts that are taken over what a column says.
    pub(super) fn exposed_to(self, exposure: Option<&'a str>) -> Self {
        Self { exposure, ..self }
    }

    /// Turns counts into those of one unit of exposure, by which rows are weighted then.
    pub(super) fn divide_by_exposure(&mut self) {
        if self.exposure.is_none() {
            return;
        }
        if self.weight.is_none() {
            self.weights = vec![1.0; self.values.len()];
        }
        let rows = self.values.iter_mut().zip(&mut self.weights);
        for ((count, weight), exposure) in rows.zip(&self.exposures) {
            *count /= exposure;
            *weight *= exposure;
        }
    }

    /// Predicted counts of the rows that have a target as those of one unit of exposure.
    pub(super) fn rates(&self, mut predictions: Predictions) -> Predictions {
        let values = predictions.values_mut().iter_mut();
        for (value, exposure) in values.zip(&self.exposures) {
            *value /= exposure;
        }
        predictions
    }

    /// The places, in what was read, of the rows that have a target.
    pub(super) fn places(&self) -> Vec<u32> {
        let places = (0..).zip(&self.has_target);
        places
            .filter(|(_, has_target)| **has_target)
            .map(|(place, _)| place)
            .collect()
    }

    /// The weights of the rows that have a target, if rows count differently.
    pub(super) fn weights(&self) -> Option<&[f64]> {
        let is_weighted = self.weight.is_some() || self.exposure.is_some();
        is_weighted.then_some(self.weights.as_slice())
    }

    /// The number in the data, from 1, of each row that has a target.
    pub(super) fn data_rows(&self) -> Vec<u64> {
        let rows = (1..).zip(&self.has_target);
        rows.filter(|(_, has_target)| **has_target)
            .map(|(row, _)| row)
            .collect()
    }

    /// Rows whose target is missing.
    pub(super) fn n_rows_without(&self) -> u64 {
        (self.has_target.len() - self.values.len()) as u64
    }

    /// Takes the targets of a batch.
    ///
    /// # Errors
    /// A class that the model has not learned, or a weight that is not one.
    pub(super) fn take(&mut self, batch: &Table) -> Result<(), CliError> {
        let column = batch
            .column(&self.target.name)
            .expect("the target was asked for when the table was opened");
        let weight = self
            .weight
            .and_then(|field| batch.column(&field.name))
            .and_then(Column::as_number);
        let exposures = self.exposure.and_then(|name| batch.column(name));
        let exposures = exposures.and_then(Column::as_number);
        for row in 0..batch.n_rows() {
            let is_there = !column.is_missing(row);
            let number = self.has_target.len() as u64 + 1;
            self.has_target.push(is_there);
            if !is_there {
                continue;
            }
            self.values.push(
                self.value(column, row)
                    .ok_or_else(|| self.unknown(column, row, number))?,
            );
            if let (Some(name), Some(exposures)) = (self.exposure, exposures) {
                let value = exposures[row];
                if !(value > 0.0 && value.is_finite()) {
                    return Err(CliError::ExposureValue {
                        column: name.to_owned(),
                        value,
                        row: number,
                    });
                }
                self.exposures.push(value);
            }
            if let (Some(field), Some(weight)) = (self.weight, weight) {
                let value = weight[row];
                if !(value >= 0.0 && value.is_finite()) {
                    return Err(CliError::WeightValue {
                        column: field.name.clone(),
                        value,
                        row: number,
                    });
                }
                self.weights.push(value);
            }
        }
        Ok(())
    }

    /// Those predictions whose row has a target.
    pub(super) fn with_target_only(&self, predictions: Predictions) -> Predictions {
        if self.values.len() == self.has_target.len() {
            return predictions;
        }
        let width = predictions.width();
        let rows = predictions
            .values()
            .chunks_exact(width)
            .zip(&self.has_target);
        let values = rows
            .filter(|(_, is_there)| **is_there)
            .flat_map(|(row, _)| row.iter().copied())
            .collect();
        predictions.with_values(values)
    }

    /// The target of a row as a number; none if its class is not among the model's.
    fn value(&self, column: &Column, row: usize) -> Option<f64> {
        let classes = self.task.classes();
        let code = |label: &str| {
            let code = self.coder.code(label);
            ((code as usize) < classes.len()).then(|| f64::from(code))
        };
        match column {
            Column::Number(values) if classes.is_empty() => Some(values[row]),
            Column::Number(values) => code(&values[row].to_string()),
            Column::Category { codes, levels } => levels.get(codes[row]).and_then(code),
            Column::Text(texts) => texts.get(row).and_then(code),
            Column::Timestamp(_) | Column::Sparse(_) => None,
        }
    }

    fn unknown(&self, column: &Column, row: usize, number: u64) -> CliError {
        let class = match column {
            Column::Number(values) => Some(values[row].to_string()),
            Column::Category { codes, levels } => levels.get(codes[row]).map(str::to_owned),
            Column::Text(texts) => texts.get(row).map(str::to_owned),
            Column::Timestamp(_) | Column::Sparse(_) => None,
        };
        CliError::LabelUnknown {
            target: self.target.name.clone(),
            class,
            row: number,
            known: self.task.classes().to_vec(),
        }
    }
}
