//! Trains boosting on a CSV of numbers and prints CPU times (of the first thread) and the loss on a second file, to race other engines.
//!
//! `race TRAIN.csv TEST.csv TASK THREADS [name=value …]`: no header, the target last, `nan` for missing, a leading `c` in
//! the first line's cell marks a category column (`c3` is level 3). TASK is `regression`, `binary` or `multiclass`.

use automl_core::{
    Budget, Column, Dataset, FitContext, Levels, ParamMap, ParamValue, Seed, Table, Target, Task,
    Threads, Warnings,
};
use std::error::Error;
use std::io::Write;

struct File {
    columns: Vec<(bool, Vec<f64>)>,
    target: Vec<f64>,
}

fn read(path: &str) -> Result<File, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let mut columns: Vec<(bool, Vec<f64>)> = Vec::new();
    for line in text.lines() {
        for (place, cell) in line.split(',').enumerate() {
            let number = cell.trim_start_matches('c').parse()?;
            if place == columns.len() {
                columns.push((cell.starts_with('c'), Vec::new()));
            }
            columns[place].1.push(number);
        }
    }
    let (_, target) = columns.pop().ok_or("an empty file")?;
    Ok(File { columns, target })
}

fn dataset(file: File, task: &Task, n_levels: &[usize]) -> Result<Dataset, Box<dyn Error>> {
    let columns = file
        .columns
        .into_iter()
        .enumerate()
        .map(|(place, (is_category, values))| {
            let column = if is_category {
                let codes = values.iter().map(|&value| value as u32).collect();
                Column::category(
                    codes,
                    Levels::new((0..n_levels[place]).map(|level| level.to_string())),
                )
            } else {
                Column::Number(values)
            };
            (format!("x{place}"), column)
        });
    let target = if *task == Task::Regression {
        Target::Numbers(file.target.into())
    } else {
        Target::Classes(file.target.iter().map(|&code| code as u32).collect())
    };
    Ok(Dataset::new(
        Table::new(columns.collect())?,
        task.clone(),
        target,
    )?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, train, test, task, threads, rest @ ..] = args.as_slice() else {
        return Err("race TRAIN TEST TASK THREADS [name=value ...]".into());
    };
    let (train, test) = (read(train)?, read(test)?);
    let n_classes = train
        .target
        .iter()
        .fold(0.0_f64, |max, &code| max.max(code)) as usize
        + 1;
    let classes = || (0..n_classes).map(|class| class.to_string()).collect();
    let task = match task.as_str() {
        "regression" => Task::Regression,
        "binary" => Task::Binary { classes: classes() },
        _ => Task::Multiclass { classes: classes() },
    };
    let n_levels: Vec<usize> = (0..train.columns.len())
        .map(|place| {
            let both = train.columns[place].1.iter().chain(&test.columns[place].1);
            both.fold(0.0_f64, |max, &code| max.max(code)) as usize + 1
        })
        .collect();
    let (train, test) = (
        dataset(train, &task, &n_levels)?,
        dataset(test, &task, &n_levels)?,
    );
    let (mut map, mut spec) = (ParamMap::new(), &automl_tree::GRADIENT_BOOSTING);
    for pair in rest {
        let (name, value) = pair.split_once('=').ok_or("name=value")?;
        if name == "learner" {
            spec = [
                &automl_tree::GRADIENT_BOOSTING,
                &automl_tree::RANDOM_FOREST,
                &automl_tree::EXTRA_TREES,
            ]
            .into_iter()
            .find(|spec| spec.id == value)
            .ok_or("no such learner")?;
            continue;
        }
        map.insert(
            name.into(),
            serde_json::from_str(value).unwrap_or(ParamValue::Text(value.to_owned().into())),
        );
    }
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(1),
        threads: Threads::new(threads.parse()?)?,
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    let rows = train.all_rows();
    let learner = (spec.build)(&map)?;
    let mut out = std::io::stdout();
    for name in ["fit with binning", "fit again"] {
        let start = cpu_seconds()?;
        let fitted = learner.fit(&ctx, &train.view(&rows).into())?;
        let fit_s = cpu_seconds()? - start;
        let start = cpu_seconds()?;
        let predicted = fitted.model.predict(&test.table().view())?;
        let predict_ms = (cpu_seconds()? - start) * 1e3;
        writeln!(
            out,
            "{name}: {fit_s:.3} s, predict {} rows: {predict_ms:.1} ms, test loss {:.5}",
            test.n_rows(),
            loss(predicted.values(), predicted.width(), test.target())
        )?;
    }
    Ok(())
}

/// Seconds that the first thread has run, so that a busy machine does not count.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanos: f64 = text.split(' ').next().ok_or("no time")?.parse()?;
    Ok(nanos * 1e-9)
}

/// Root mean squared error, or log loss.
fn loss(values: &[f64], width: usize, target: &Target) -> f64 {
    match target {
        Target::Numbers(target) => {
            let sum: f64 = values
                .iter()
                .zip(target.iter())
                .map(|(a, b)| (a - b) * (a - b))
                .sum();
            (sum / target.len() as f64).sqrt()
        }
        Target::Classes(codes) => {
            let of_row =
                |(row, &code): (usize, &u32)| -values[row * width + code as usize].max(1e-15).ln();
            codes.iter().enumerate().map(of_row).sum::<f64>() / codes.len() as f64
        }
    }
}
