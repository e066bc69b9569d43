//! Times the attributions of boosting on a CSV of numbers, to compare with `predict(pred_contrib=True)` of LightGBM.
//!
//! `explain TRAIN.csv ROWS THREADS [name=value …]`: no header, the target last; the first ROWS rows are explained.

use automl_core::{
    Budget, Column, Dataset, FitContext, Model, ParamMap, Seed, Table, Target, Task, Threads,
    Warnings,
};
use std::error::Error;
use std::io::Write;

fn read(path: &str) -> Result<Dataset, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for line in text.lines() {
        for (place, cell) in line.split(',').enumerate() {
            if place == columns.len() {
                columns.push(Vec::new());
            }
            columns[place].push(cell.parse()?);
        }
    }
    let target = columns.pop().ok_or("an empty file")?;
    let named = |(place, values)| (format!("x{place}"), Column::Number(values));
    let table = Table::new(columns.into_iter().enumerate().map(named).collect())?;
    Ok(Dataset::new(
        table,
        Task::Regression,
        Target::Numbers(target.into()),
    )?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, path, n_rows, threads, rest @ ..] = args.as_slice() else {
        return Err("explain TRAIN ROWS THREADS [name=value ...]".into());
    };
    let data = read(path)?;
    let (mut map, mut spec) = (ParamMap::new(), &automl_tree::GRADIENT_BOOSTING);
    for pair in rest {
        let (name, value) = pair.split_once('=').ok_or("name=value")?;
        match (name, value) {
            ("learner", "random_forest") => spec = &automl_tree::RANDOM_FOREST,
            ("learner", "extra_trees") => spec = &automl_tree::EXTRA_TREES,
            _ => {
                map.insert(name.into(), serde_json::from_str(value)?);
            }
        }
    }
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(1),
        threads: Threads::new(threads.parse()?)?,
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    let all = data.all_rows();
    let model = (spec.build)(&map)?
        .fit(&ctx, &data.view(&all).into())?
        .model;
    report(model.as_ref(), &data, &all[..n_rows.parse()?], &ctx.threads)
}

fn report(
    model: &dyn Model,
    data: &Dataset,
    rows: &[u32],
    threads: &Threads,
) -> Result<(), Box<dyn Error>> {
    let view = data.table().rows(rows);
    let mut out = std::io::stdout();
    for _ in 0..3 {
        let start = cpu_seconds()?;
        let explanation = model.explain(&view, threads)?;
        let all_s = cpu_seconds()? - start;
        writeln!(out, "{} rows: {all_s:.3} s of CPU", explanation.n_rows())?;
    }
    let start = cpu_seconds()?;
    for row in &rows[..rows.len().min(100)] {
        model.explain(&data.table().rows(std::slice::from_ref(row)), threads)?;
    }
    let one_ms = (cpu_seconds()? - start) * 1e3 / rows.len().min(100) as f64;
    writeln!(out, "one row: {one_ms:.3} ms")?;
    let some = data.table().rows(&rows[..rows.len().min(1000)]);
    let start = cpu_seconds()?;
    model.interactions(&some, threads)?;
    let pairs_s = cpu_seconds()? - start;
    writeln!(
        out,
        "pairs of {} rows: {pairs_s:.3} s of CPU",
        some.n_rows()
    )?;
    Ok(())
}

/// Seconds that all threads of the process have run, so that a busy machine does not count.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let mut total = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let nanos: f64 = text.split(' ').next().ok_or("no time")?.parse()?;
        total += nanos * 1e-9;
    }
    Ok(total)
}
