//! The verbs of the race, apart from its `main` so that a test can call them.

use automl_core::metrics::Metric;
use automl_core::{
    Budget, Clock, Column, Dataset, FitContext, Levels, Model, ParamMap, ParamValue, Params,
    Predictions, Seed, Table, Target, Task, Threads, TrainingData, Warnings,
};
use automl_tree::{BinningSketch, GRADIENT_BOOSTING, GradientBoosting, GradientBoostingParams};
use serde_json::{Value, json};
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The answer to what the command line asks, without the program's name.
pub(crate) fn run(args: &[String]) -> Result<Value, Failure> {
    let [folder, verb, threads, rest @ ..] = args else {
        return Err("race FOLDER VERB THREADS [name=value ...]".into());
    };
    let folder = Path::new(folder);
    let meta: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("meta.json"))?)?;
    let train = dataset(folder, "train", &meta, usize::MAX)?;
    let test = dataset(folder, "test", &meta, usize::MAX)?;
    let is_of_some = ["score", "row", "shap"].contains(&verb.as_str());
    let n_some = if is_of_some { FIT_ROWS } else { 1 };
    let some = dataset(folder, "train", &meta, n_some)?;
    let mut params = ParamMap::new();
    for pair in rest {
        let (name, value) = pair.split_once('=').ok_or("name=value")?;
        params.insert(name.into(), param(value));
    }
    let race = Race {
        train,
        some,
        test,
        params,
        threads: Threads::new(threads.parse()?)?,
    };
    race.warm_up()?;
    // The peak of memory starts here.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let loaded_mib = status_mib("VmRSS:")?;
    let mut answer = match verb.as_str() {
        "fit" => race.fit()?,
        "score" => race.score()?,
        "row" => race.row()?,
        "shap" => race.shap()?,
        "folds" => race.folds(folder)?,
        "watch" => race.watch(folder, &meta)?,
        _ => return Err("fit, score, row, shap, folds or watch".into()),
    };
    answer["peak_mib"] = (status_mib("VmHWM:")? - loaded_mib).into();
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
    ) -> Result<Box<dyn Model>, Failure> {
        model_of(&self.train, params, rows, threads)
    }

    /// Starts the threads and loads the code by a small fit, as is done for the peers, so that no verb's time or memory
    /// holds that.
    fn warm_up(&self) -> Result<(), Failure> {
        self.threads.map(1 << 12, |index| index);
        let mut params = self.params.clone();
        params.insert("n_trees".into(), ParamValue::Int(1));
        let rows: Vec<u32> = (0..self.train.n_rows().min(WARM_UP_ROWS) as u32).collect();
        let model = self.model(&params, &rows, &self.threads)?;
        model.predict(&self.train.table().rows(&rows))?;
        Ok(())
    }

    fn fit(&self) -> Result<Value, Failure> {
        let rows = self.train.all_rows();
        let watch = Watch::start()?;
        let model = self.model(&self.params, &rows, &self.threads)?;
        let (seconds, cpu_seconds) = watch.read()?;
        let predicted = model.predict(&self.test.table().view())?;
        let rows = self.test.all_rows();
        let mut answer = json!({
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "loss": loss(&predicted, self.test.target(), &rows),
        });
        if self.test.task().n_classes() == 2 {
            let target = self.test.view(&rows).target_numbers();
            answer["auc"] = Metric::RocAuc.score(&target, &predicted, None)?.into();
        }
        Ok(answer)
    }

    fn watch(&self, folder: &Path, meta: &Value) -> Result<Value, Failure> {
        let n_valid = meta["n_valid"].as_u64().ok_or("no n_valid")? as usize;
        let rows = self.train.all_rows();
        let n_train = rows.len().checked_sub(n_valid).ok_or("n_valid: too many")?;
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
        let watch = Watch::start()?;
        let mut sketch = BinningSketch::new(params.max_bins, params.bundle_exclusive)?;
        sketch.add(&parts[0])?;
        let mut bins = sketch.finish(&self.threads)?.with_rows_to_watch(n_valid)?;
        for part in &parts {
            bins.add(part, &self.threads)?;
        }
        let bins = bins.finish(&self.threads)?;
        let fitted = GradientBoosting::new(params)?.fit_binned(&ctx, &bins, &data)?;
        let (seconds, cpu_seconds) = watch.read()?;
        let predicted = fitted.model.predict(&self.test.table().view())?;
        let bytes = predicted.values().iter().flat_map(|p| p.to_le_bytes());
        std::fs::write(folder.join("predicted.f64"), bytes.collect::<Vec<u8>>())?;
        Ok(json!({ "seconds": seconds, "cpu_seconds": cpu_seconds }))
    }

    /// What is scored and explained.
    fn model_of_some(&self) -> Result<Box<dyn Model>, Failure> {
        let rows = self.some.all_rows();
        model_of(&self.some, &self.params, &rows, &self.threads)
    }

    fn score(&self) -> Result<Value, Failure> {
        let model = self.model_of_some()?;
        let rows = self.train.all_rows();
        let chunks: Vec<&[u32]> = rows.chunks(CHUNK_ROWS).collect();
        let watch = Watch::start()?;
        let parts = self.threads.map(chunks.len(), |index| {
            model.predict(&self.train.table().rows(chunks[index]))
        });
        let (seconds, cpu_seconds) = watch.read()?;
        let mut sum = 0.0;
        for (part, chunk) in parts.into_iter().zip(chunks) {
            sum += loss(&part?, self.train.target(), chunk) * chunk.len() as f64;
        }
        Ok(json!({
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "loss": sum / rows.len() as f64,
        }))
    }

    fn shap(&self) -> Result<Value, Failure> {
        let model = self.model_of_some()?;
        let rows: Vec<u32> = (0..self.test.n_rows().min(EXPLAINED_ROWS) as u32).collect();
        let watch = Watch::start()?;
        let explained = model.explain(&self.test.table().rows(&rows), &self.threads)?;
        let (seconds, cpu_seconds) = watch.read()?;
        std::hint::black_box(explained);
        Ok(json!({ "seconds": seconds, "cpu_seconds": cpu_seconds }))
    }

    fn row(&self) -> Result<Value, Failure> {
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

    fn folds(&self, folder: &Path) -> Result<Value, Failure> {
        let text = std::fs::read_to_string(folder.join("configs.json"))?;
        let configs: Vec<serde_json::Map<String, Value>> = serde_json::from_str(&text)?;
        let n = self.train.n_rows() as u32;
        let watch = Watch::start()?;
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
            Ok::<_, Failure>(sum)
        });
        let (seconds, cpu_seconds) = watch.read()?;
        let sum: f64 = losses.into_iter().sum::<Result<_, _>>()?;
        let n_fits = f64::from(N_FOLDS) * configs.len() as f64;
        Ok(json!({ "seconds": seconds, "cpu_seconds": cpu_seconds, "loss": sum / n_fits }))
    }
}

fn model_of(
    data: &Dataset,
    params: &ParamMap,
    rows: &[u32],
    threads: &Threads,
) -> Result<Box<dyn Model>, Failure> {
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

fn param(text: &str) -> ParamValue {
    serde_json::from_str(text).unwrap_or_else(|_| ParamValue::Text(text.to_owned().into()))
}

/// The first rows of a table, at most `n_rows`.
fn dataset(folder: &Path, name: &str, meta: &Value, n_rows: usize) -> Result<Dataset, Failure> {
    let n_levels: Vec<usize> = serde_json::from_value(meta["n_levels"].clone())?;
    let mut y: Vec<f32> = numbers(&folder.join(format!("{name}.y.f32")))?;
    y.truncate(n_rows);
    let mut columns: Vec<Vec<f64>> = vec![Vec::with_capacity(y.len()); n_levels.len()];
    let mut reader = BufReader::new(File::open(folder.join(format!("{name}.x.f32")))?);
    let mut row = vec![0_u8; n_levels.len() * 4];
    for _ in 0..y.len() {
        reader.read_exact(&mut row)?;
        for (column, bytes) in columns.iter_mut().zip(row.as_chunks::<4>().0) {
            column.push(f64::from(f32::from_le_bytes(*bytes)));
        }
    }
    let columns = columns.into_iter().zip(n_levels).enumerate();
    let columns = columns.map(|(place, (values, n_levels))| {
        let column = if n_levels > 0 {
            let codes = values.iter().map(|&code| code as u32).collect();
            Column::category(
                codes,
                Levels::new((0..n_levels).map(|level| level.to_string())),
            )
        } else {
            Column::Number(values)
        };
        (format!("x{place}"), column)
    });
    let n_classes = meta["n_classes"].as_u64().unwrap_or(0);
    let classes = (0..n_classes).map(|class| class.to_string()).collect();
    let task = match meta["task"].as_str() {
        Some("regression") => Task::Regression,
        Some("binary") => Task::Binary { classes },
        _ => Task::Multiclass { classes },
    };
    let target = if task == Task::Regression {
        Target::Numbers(y.iter().map(|&y| f64::from(y)).collect())
    } else {
        Target::Classes(y.iter().map(|&code| code as u32).collect())
    };
    Ok(Dataset::new(Table::new(columns.collect())?, task, target)?)
}

fn numbers(path: &Path) -> Result<Vec<f32>, Failure> {
    let bytes = std::fs::read(path)?;
    Ok(bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&b| f32::from_le_bytes(b))
        .collect())
}

/// Wall time, and the CPU time of all threads, which a busy machine does not stretch.
struct Watch(Clock, f64);

impl Watch {
    fn start() -> Result<Self, Failure> {
        let cpu = cpu_seconds()?;
        Ok(Self(Clock::start(), cpu))
    }

    fn read(&self) -> Result<(f64, f64), Failure> {
        Ok((self.0.seconds(), cpu_seconds()? - self.1))
    }
}

/// A size of the process's memory.
fn status_mib(field: &str) -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with(field));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(number.ok_or("no such size")?.parse::<f64>()? / 1024.0)
}

fn cpu_seconds() -> Result<f64, Failure> {
    let mut nanos = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanos += text.split(' ').next().ok_or("no time")?.parse::<f64>()?;
    }
    Ok(nanos * 1e-9)
}

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
