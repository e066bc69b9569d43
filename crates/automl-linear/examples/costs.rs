//! Times the learners of this crate on made tables of the shapes that were slow: `cargo run --release -p automl-linear
//! --example costs [gram|text|wide|neighbours] [threads]`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a program that times and prints"
)]

use automl_core::table::SparseRows;
use automl_core::{
    Budget, Column, Dataset, Deadline, FitContext, LearnerSpec, ParamMap, ParamValue, Seed, Table,
    Target, Task, Threads, Warnings,
};
use std::time::{Duration, Instant};

fn noise(seed: u64, at: usize) -> f64 {
    (Seed(seed).indexed(at as u64).0 >> 11) as f64 / (1_u64 << 53) as f64
}

/// `per_row` dimensions a row, each from its own range of `n_dims / per_row`, the first ones the likeliest.
fn codes(n: usize, n_dims: usize, per_row: usize, value: impl Fn(usize) -> f32) -> SparseRows {
    let mut sparse = SparseRows::new((0..n_dims).map(|d| format!("d{d}").into()).collect());
    let width = n_dims / per_row;
    for i in 0..n {
        sparse.push((0..per_row).map(|part| {
            let u = noise(part as u64, i);
            let within = ((width as f64).powf(u) - 1.0) as usize;
            ((part * width + within) as u32, value(i * per_row + part))
        }));
    }
    sparse
}

fn numbers(n: usize, count: usize) -> Vec<(String, Column)> {
    let column = |j: usize| Column::Number((0..n).map(|i| noise(100 + j as u64, i)).collect());
    (0..count).map(|j| (format!("x{j}"), column(j))).collect()
}

/// Seconds of processor time so far, of all threads: other work on the machine does not count.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

fn timed(
    label: &str,
    spec: &LearnerSpec,
    params: &ParamMap,
    data: &Dataset,
    threads: &Threads,
    limit: Option<f64>,
) {
    let warnings = Warnings::default();
    let budget = Budget {
        deadline: limit.map_or(Deadline::never(), |s| {
            Deadline::after(Duration::from_secs_f64(s))
        }),
        ..Budget::unlimited()
    };
    let ctx = FitContext {
        seed: Seed(1),
        threads: threads.clone(),
        budget,
        warnings: &warnings,
    };
    let rows = data.all_rows();
    let (start, cpu_start) = (Instant::now(), cpu_s());
    let fitted = (spec.build)(params)
        .unwrap()
        .fit(&ctx, &data.view(&rows).into());
    let fit_cpu_s = cpu_s() - cpu_start;
    let fit_s = start.elapsed().as_secs_f64();
    let outcome = match &fitted {
        Ok(fitted) if fitted.is_partial => "partial".to_owned(),
        Ok(_) => "whole".to_owned(),
        Err(error) => error.to_string(),
    };
    println!(
        "{label}: fit {fit_cpu_s:.2} s of processor, {fit_s:.2} s, {outcome}, {:?}",
        warnings.list()
    );
    if let Ok(fitted) = fitted {
        let n = data.n_rows().min(10_000) as u32;
        let some: Vec<u32> = (0..n).collect();
        let view = data.view(&some);
        let start = cpu_s();
        let predicted = fitted.model.predict(&view.table()).unwrap();
        let error = match &data.view(&some).task() {
            Task::Regression => predicted
                .values()
                .iter()
                .zip(view.target_numbers())
                .map(|(p, y)| (p - y) * (p - y))
                .sum::<f64>(),
            task => predicted
                .values()
                .chunks(task.n_classes())
                .zip(view.class_codes())
                .map(|(p, c)| -p[c as usize].max(1e-15).ln())
                .sum(),
        } / f64::from(n);
        println!(
            "  {n} rows predicted in {:.2} s of processor, mean loss {error:.6}",
            cpu_s() - start
        );
    }
}

fn floats(pairs: &[(&str, f64)]) -> ParamMap {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), ParamValue::Float(*value)))
        .collect()
}

fn gram(threads: &Threads) {
    let n = 678_013;
    let sparse = codes(n, 2000, 20, |_| 1.0);
    let mut columns = numbers(n, 12);
    let target: Vec<f64> = (0..n)
        .map(|i| {
            let effects: f64 = sparse.row(i).0.iter().map(|&d| noise(7, d as usize)).sum();
            effects + noise(8, i)
        })
        .collect();
    columns.push(("codes".into(), Column::Sparse(sparse)));
    let table = Table::new(columns).unwrap();
    let data = Dataset::new(table, Task::Regression, Target::Numbers(target.into())).unwrap();
    for (label, pairs) in [
        ("ridge", vec![("alpha", 1e-3)]),
        ("net", vec![("alpha", 1e-3), ("l1_ratio", 0.5)]),
        ("least squares", vec![("alpha", 0.0)]),
    ] {
        let spec = &automl_linear::ELASTIC_NET;
        timed(label, spec, &floats(&pairs), &data, threads, None);
        timed(label, spec, &floats(&pairs), &data, threads, Some(0.5));
    }
}

/// A sparse table whose classes follow hidden weights.
fn texts(n: usize, n_dims: usize, per_row: usize, n_classes: usize) -> Dataset {
    let sparse = codes(n, n_dims, per_row, |at| (0.05 + 0.2 * noise(9, at)) as f32);
    let codes: Vec<u32> = (0..n)
        .map(|i| {
            let (dims, values) = sparse.row(i);
            let score = |k: usize| {
                let parts = dims.iter().zip(values);
                parts
                    .map(|(&d, &v)| f64::from(v) * (noise(20 + k as u64, d as usize) - 0.5))
                    .sum::<f64>()
                    + 0.3 * noise(50 + k as u64, i)
            };
            let best = (0..n_classes).max_by(|&a, &b| score(a).total_cmp(&score(b)));
            best.unwrap() as u32
        })
        .collect();
    let table = Table::new(vec![("words".into(), Column::Sparse(sparse))]).unwrap();
    let classes: Vec<String> = (0..n_classes).map(|k| format!("c{k}")).collect();
    let task = if n_classes == 2 {
        Task::Binary { classes }
    } else {
        Task::Multiclass { classes }
    };
    Dataset::new(table, task, Target::Classes(codes.into())).unwrap()
}

fn text(threads: &Threads) {
    let spec = &automl_linear::LOGISTIC_REGRESSION;
    let many = texts(20_000, 100_000, 100, 10);
    let two = texts(50_000, 100_000, 100, 2);
    for c in [0.1, 1.0, 100.0] {
        let params = floats(&[("c", c)]);
        timed(
            &format!("10 classes, c = {c}"),
            spec,
            &params,
            &many,
            threads,
            None,
        );
        timed(
            &format!("2 classes, c = {c}"),
            spec,
            &params,
            &two,
            threads,
            None,
        );
    }
    let params = floats(&[("c", 100.0)]);
    timed(
        "10 classes, cut at 0.5 s",
        spec,
        &params,
        &many,
        threads,
        Some(0.5),
    );
}

fn wide(threads: &Threads) {
    let n = 200_000;
    let sparse = codes(n, 50_000, 40, |_| 1.0);
    let target: Vec<f64> = (0..n)
        .map(|i| {
            let effects: f64 = sparse.row(i).0.iter().map(|&d| noise(7, d as usize)).sum();
            effects + noise(8, i)
        })
        .collect();
    let table = Table::new(vec![("codes".into(), Column::Sparse(sparse))]).unwrap();
    let data = Dataset::new(table, Task::Regression, Target::Numbers(target.into())).unwrap();
    for (label, pairs) in [
        ("wide ridge", vec![("alpha", 1e-3)]),
        ("wide net", vec![("alpha", 1e-3), ("l1_ratio", 0.5)]),
    ] {
        let spec = &automl_linear::ELASTIC_NET;
        timed(label, spec, &floats(&pairs), &data, threads, None);
        timed(label, spec, &floats(&pairs), &data, threads, Some(0.5));
    }
}

/// Correlated columns, as tables have: `rank` hidden numbers and some noise.
fn correlated(n: usize, n_features: usize, rank: usize) -> Table {
    let column = |j: usize| {
        let cells = (0..n).map(|i| {
            let hidden = |h: usize| noise(h as u64, i) * (noise(500 + h as u64, j) - 0.5);
            (0..rank).map(hidden).sum::<f64>() + 0.2 * noise(1000 + j as u64, i)
        });
        (format!("x{j}"), Column::Number(cells.collect()))
    };
    Table::new((0..n_features).map(column).collect()).unwrap()
}

fn neighbours(threads: &Threads) {
    let n = 40_000;
    for n_features in [3, 5, 8, 10, 12, 16, 24, 40] {
        for rank in [3, 40] {
            let table = correlated(n, n_features, rank);
            let target: Vec<f64> = (0..n).map(|i| noise(3, i)).collect();
            let data =
                Dataset::new(table, Task::Regression, Target::Numbers(target.into())).unwrap();
            for p in [1, 2] {
                let params = ParamMap::from([("p".to_owned(), ParamValue::Int(p))]);
                let label = format!("{n_features} features of rank {rank}, p = {p}");
                let spec = &automl_linear::NEAREST_NEIGHBOURS;
                timed(&label, spec, &params, &data, threads, None);
            }
        }
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let what = args.next();
    let threads = args.next().map_or(1, |count| count.parse().unwrap());
    let threads = Threads::new(threads).unwrap();
    let wanted = |name: &str| what.as_deref().is_none_or(|what| what == name);
    if wanted("gram") {
        gram(&threads);
    }
    if wanted("text") {
        text(&threads);
    }
    if wanted("wide") {
        wide(&threads);
    }
    if wanted("neighbours") {
        neighbours(&threads);
    }
}
