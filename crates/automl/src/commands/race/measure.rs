//! What is measured of boosting on a table.

use super::super::start_threads;
use super::table::{Meta, dataset, json, param, params};
use super::watch::{Peak, Watch};
use crate::cli::{Measure, RaceArgs};
use anyhow::Context as _;
use automl_core::metrics::Metric;
use automl_core::{
    Budget, Clock, Dataset, FitContext, Model, ParamMap, ParamValue, Params as _, Predictions,
    Seed, Table, Target, Threads, TrainingData, Warnings,
};
use automl_tree::{BinningSketch, GRADIENT_BOOSTING, GradientBoosting, GradientBoostingParams};
use serde_json::{Value, json};
use std::path::Path;

/// Time, peak of memory and, where there is one, the loss.
pub(super) fn answer(args: &RaceArgs) -> anyhow::Result<Value> {
    let folder = &args.folder;
    let meta: Meta = json(&folder.join("meta.json"))?;
    let train = dataset(folder, "train", &meta, usize::MAX)?;
    let test = dataset(folder, "test", &meta, usize::MAX)?;
    let is_of_some = matches!(args.measure, Measure::Score | Measure::Row | Measure::Shap);
    let some = dataset(
        folder,
        "train",
        &meta,
        if is_of_some { FIT_ROWS } else { 1 },
    )?;
    let race = Race {
        train,
        some,
        test,
        params: params(&args.params)?,
        threads: start_threads(usize::from(args.threads))?,
    };
    race.warm_up()?;
    let peak = Peak::start()?;
    let mut answer = match args.measure {
        Measure::Fit => race.fit()?,
        Measure::Score => race.score()?,
        Measure::Row => race.row()?,
        Measure::Shap => race.shap()?,
        Measure::Folds => race.folds(folder)?,
        Measure::Watch => race.watch(folder, &meta)?,
    };
    answer["peak_mib"] = peak.mib()?.into();
    Ok(answer)
}

fn context<'a>(threads: &Threads, warnings: &'a Warnings) -> FitContext<'a> {
    FitContext {
        seed: Seed(1),
        threads: threads.clone(),
        budget: Budget::unlimited(),
        warnings,
    }
}

struct Race {
    train: Dataset,
    /// What models to score with and to explain are fitted on.
    some: Dataset,
    test: Dataset,
    params: ParamMap,
    threads: Threads,
}

impl Race {
    fn model(
        &self,
        params: &ParamMap,
        rows: &[u32],
        threads: &Threads,
    ) -> anyhow::Result<Box<dyn Model>> {
        model_of(&self.train, params, rows, threads)
    }

    /// Starts the threads and loads the code by a small fit, as is done for the peers, so that no verb's time or memory
    /// holds that.
    fn warm_up(&self) -> anyhow::Result<()> {
        self.threads.map(1 << 12, |index| index);
        let mut params = self.params.clone();
        params.insert("n_trees".into(), ParamValue::Int(1));
        let rows: Vec<u32> = (0..self.train.n_rows().min(WARM_UP_ROWS) as u32).collect();
        let model = self.model(&params, &rows, &self.threads)?;
        model.predict(&self.train.table().rows(&rows))?;
        Ok(())
    }

    fn fit(&self) -> anyhow::Result<Value> {
        let rows = self.train.all_rows();
        let watch = Watch::start();
        let model = self.model(&self.params, &rows, &self.threads)?;
        let mut answer = watch.read();
        let predicted = model.predict(&self.test.table().view())?;
        let rows = self.test.all_rows();
        answer["loss"] = loss(&predicted, self.test.target(), &rows).into();
        if self.test.task().n_classes() == 2 {
            let target = self.test.view(&rows).target_numbers();
            answer["auc"] = Metric::RocAuc.score(&target, &predicted, None)?.into();
        }
        Ok(answer)
    }

    fn watch(&self, folder: &Path, meta: &Meta) -> anyhow::Result<Value> {
        let n_valid = meta.n_valid;
        let rows = self.train.all_rows();
        let n_train = rows
            .len()
            .checked_sub(n_valid)
            .context("n_valid is more than the training rows")?;
        let (train, valid) = rows.split_at(n_train);
        let parts = [train, valid].map(|rows| self.train.table().gather(rows));
        // The bins hold the columns; what is left are the targets.
        let (task, target) = (self.train.task().clone(), self.train.target().clone());
        let targets = Dataset::new(Table::without_columns(rows.len()), task, target)?;
        let warnings = Warnings::default();
        let ctx = context(&self.threads, &warnings);
        let data = TrainingData {
            train: targets.view(train),
            valid: Some(targets.view(valid)),
        };
        let params = GradientBoostingParams::from_map(&self.params)?;
        let watch = Watch::start();
        let mut sketch = BinningSketch::new(params.max_bins, params.bundle_exclusive)?;
        sketch.add(&parts[0])?;
        let mut bins = sketch.finish(&self.threads)?.with_rows_to_watch(n_valid)?;
        for part in &parts {
            bins.add(part, &self.threads)?;
        }
        let bins = bins.finish(&self.threads)?;
        let fitted = GradientBoosting::new(params)?.fit_binned(&ctx, &bins, &data)?;
        let answer = watch.read();
        let predicted = fitted.model.predict(&self.test.table().view())?;
        let bytes = predicted.values().iter().flat_map(|p| p.to_le_bytes());
        std::fs::write(folder.join("predicted.f64"), bytes.collect::<Vec<u8>>())?;
        Ok(answer)
    }

    /// What is scored and explained.
    fn model_of_some(&self) -> anyhow::Result<Box<dyn Model>> {
        let rows = self.some.all_rows();
        model_of(&self.some, &self.params, &rows, &self.threads)
    }

    fn score(&self) -> anyhow::Result<Value> {
        let model = self.model_of_some()?;
        let rows = self.train.all_rows();
        let chunks: Vec<&[u32]> = rows.chunks(CHUNK_ROWS).collect();
        let watch = Watch::start();
        let parts = self.threads.map(chunks.len(), |index| {
            model.predict(&self.train.table().rows(chunks[index]))
        });
        let mut answer = watch.read();
        let mut sum = 0.0;
        for (part, chunk) in parts.into_iter().zip(chunks) {
            sum += loss(&part?, self.train.target(), chunk) * chunk.len() as f64;
        }
        answer["loss"] = (sum / rows.len() as f64).into();
        Ok(answer)
    }

    fn shap(&self) -> anyhow::Result<Value> {
        let model = self.model_of_some()?;
        let rows: Vec<u32> = (0..self.test.n_rows().min(EXPLAINED_ROWS) as u32).collect();
        let watch = Watch::start();
        let explained = model.explain(&self.test.table().rows(&rows), &self.threads)?;
        let answer = watch.read();
        std::hint::black_box(explained);
        Ok(answer)
    }

    fn row(&self) -> anyhow::Result<Value> {
        let model = self.model_of_some()?;
        let mut micros = Vec::with_capacity(SINGLE_ROWS);
        let n_test = self.test.n_rows();
        for draw in 0..SINGLE_ROWS {
            let row = [(draw % n_test) as u32];
            let one = self.test.table().rows(&row);
            let clock = Clock::start();
            std::hint::black_box(model.predict(&one)?);
            micros.push(clock.seconds() * 1e6);
        }
        micros.sort_unstable_by(f64::total_cmp);
        Ok(
            json!({ "seconds": micros[SINGLE_ROWS / 2] * 1e-6, "p99_seconds": micros[SINGLE_ROWS / 100 * 99] * 1e-6 }),
        )
    }

    fn folds(&self, folder: &Path) -> anyhow::Result<Value> {
        let configs: Vec<serde_json::Map<String, Value>> = json(&folder.join("configs.json"))?;
        let n = self.train.n_rows() as u32;
        let watch = Watch::start();
        let losses = self.threads.map(N_FOLDS as usize, |fold| {
            let fold = fold as u32;
            let is_valid = |row: &u32| row % N_FOLDS == fold;
            let train: Vec<u32> = (0..n).filter(|row| !is_valid(row)).collect();
            let valid: Vec<u32> = (0..n).filter(is_valid).collect();
            let mut sum = 0.0;
            for config in &configs {
                let mut params = self.params.clone();
                for (name, value) in config {
                    params.insert(name.clone(), param(&value.to_string()));
                }
                let model = self.model(&params, &train, &Threads::one())?;
                let predicted = model.predict(&self.train.table().rows(&valid))?;
                sum += loss(&predicted, self.train.target(), &valid);
            }
            anyhow::Ok(sum)
        });
        let mut answer = watch.read();
        let sum: f64 = losses.into_iter().sum::<Result<_, _>>()?;
        let n_fits = f64::from(N_FOLDS) * configs.len() as f64;
        answer["loss"] = (sum / n_fits).into();
        Ok(answer)
    }
}

fn model_of(
    data: &Dataset,
    params: &ParamMap,
    rows: &[u32],
    threads: &Threads,
) -> anyhow::Result<Box<dyn Model>> {
    let warnings = Warnings::default();
    let ctx = context(threads, &warnings);
    let learner = (GRADIENT_BOOSTING.build)(params)?;
    Ok(learner.fit(&ctx, &data.view(rows).into())?.model)
}

/// Rows of the fit that warms up.
const WARM_UP_ROWS: usize = 500;
/// Rows that a model to score with is fitted on.
const FIT_ROWS: usize = 100_000;
/// Rows that a thread scores at once, as the product cuts them.
const CHUNK_ROWS: usize = 1024;
/// Rows scored one at a time.
const SINGLE_ROWS: usize = 20_000;
/// Rows that are explained.
const EXPLAINED_ROWS: usize = 10_000;
const N_FOLDS: u32 = 5;

/// Root mean squared error, or log loss. `rows` are the rows of the target that were predicted.
fn loss(predicted: &Predictions, target: &Target, rows: &[u32]) -> f64 {
    let (values, width) = (predicted.values(), predicted.width());
    let n = rows.len() as f64;
    match target {
        Target::Numbers(target) => {
            let error = |(value, &row): (&f64, &u32)| (value - target[row as usize]).powi(2);
            (values.iter().zip(rows).map(error).sum::<f64>() / n).sqrt()
        }
        Target::Classes(codes) => {
            let of_row = |(values, &row): (&[f64], &u32)| {
                -values[codes[row as usize] as usize].max(1e-15).ln()
            };
            values.chunks(width).zip(rows).map(of_row).sum::<f64>() / n
        }
    }
}
