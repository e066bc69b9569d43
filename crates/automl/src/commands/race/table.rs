//! Tables of raw numbers, as the script of the race writes them.

use anyhow::Context as _;
use automl_core::{Column, Dataset, Levels, ParamMap, ParamValue, Table, Target, Task};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::Path;

/// What `meta.json` says of a table.
#[derive(Debug, Deserialize)]
pub(super) struct Meta {
    task: TaskName,
    n_classes: usize,
    /// For each column 0 for numbers, or how many categories it has.
    n_levels: Vec<usize>,
    /// Rows at the end of the training rows that are watched.
    #[serde(default)]
    pub(super) n_valid: usize,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TaskName {
    Regression,
    Binary,
    Multiclass,
}

impl Meta {
    pub(super) fn task(&self) -> Task {
        let classes = (0..self.n_classes).map(|class| class.to_string()).collect();
        match self.task {
            TaskName::Regression => Task::Regression,
            TaskName::Binary => Task::Binary { classes },
            TaskName::Multiclass => Task::Multiclass { classes },
        }
    }
}

pub(super) fn json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
}

/// The first rows of a table, at most `n_rows`.
pub(super) fn dataset(
    folder: &Path,
    part: &str,
    meta: &Meta,
    n_rows: usize,
) -> anyhow::Result<Dataset> {
    let y = fs::read(folder.join(format!("{part}.y.f32")))?;
    let y = y.as_chunks::<4>().0.iter().take(n_rows);
    let y: Vec<f32> = y.map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let n_columns = meta.n_levels.len();
    let mut columns: Vec<Vec<f64>> = vec![Vec::with_capacity(y.len()); n_columns];
    let mut reader = BufReader::new(File::open(folder.join(format!("{part}.x.f32")))?);
    let mut row = vec![0_u8; n_columns * 4];
    for _ in 0..y.len() {
        reader.read_exact(&mut row)?;
        for (column, &bytes) in columns.iter_mut().zip(row.as_chunks::<4>().0) {
            column.push(f64::from(f32::from_le_bytes(bytes)));
        }
    }
    let columns = columns.into_iter().zip(&meta.n_levels).enumerate();
    let columns = columns.map(|(place, (values, &n_levels))| {
        let column = if n_levels == 0 {
            Column::Number(values)
        } else {
            let codes = values.iter().map(|&code| code as u32).collect();
            let levels = (0..n_levels).map(|level| level.to_string());
            Column::category(codes, Levels::new(levels))
        };
        (format!("x{place}"), column)
    });
    let target = match meta.task {
        TaskName::Regression => Target::Numbers(y.iter().map(|&y| f64::from(y)).collect()),
        TaskName::Binary | TaskName::Multiclass => {
            Target::Classes(y.iter().map(|&code| code as u32).collect())
        }
    };
    Ok(Dataset::new(
        Table::new(columns.collect())?,
        meta.task(),
        target,
    )?)
}

/// Parameters as `name=value`.
pub(super) fn params(pairs: &[String]) -> anyhow::Result<ParamMap> {
    let mut params = ParamMap::new();
    for pair in pairs {
        let (name, value) = pair
            .split_once('=')
            .with_context(|| format!("{pair} is not NAME=VALUE"))?;
        params.insert(name.into(), param(value));
    }
    Ok(params)
}

/// A value as JSON writes it, or a text.
pub(super) fn param(text: &str) -> ParamValue {
    serde_json::from_str(text).unwrap_or_else(|_| ParamValue::Text(text.to_owned().into()))
}
