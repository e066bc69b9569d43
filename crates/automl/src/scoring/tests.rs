//! Predictions come in the order of rows, whatever the batches and threads.

use super::Scorer;
use automl_core::{
    Artifact, CancelToken, Column, Model, PredictError, Predictions, Table, TableView, Threads,
};
use automl_data::Batch;
use std::collections::BTreeMap;

/// Predicts the column `x` times two.
struct Twice;

impl Model for Twice {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let column = rows.table().column("x").and_then(Column::as_number);
        let values = column.ok_or(PredictError::ColumnMissing { name: "x".into() })?;
        Ok(Predictions::Numbers(
            rows.iter_rows().map(|row| values[row] * 2.0).collect(),
        ))
    }

    fn artifact(&self) -> Artifact {
        Artifact::default()
    }
}

fn batch(name: &str, from: usize, n_rows: usize) -> Batch {
    let values = (from..from + n_rows).map(|value| value as f64).collect();
    Batch {
        table: Table::new(vec![(name.into(), Column::Number(values))]).expect("one column"),
        kept: Vec::new(),
        refused: BTreeMap::new(),
    }
}

fn run(threads: &Threads, batches: Vec<anyhow::Result<Batch>>) -> anyhow::Result<Vec<f64>> {
    let scorer = Scorer {
        model: &Twice,
        threads,
        cancel: CancelToken::default(),
    };
    let mut all = Vec::new();
    scorer.run(batches.into_iter(), |_, predictions| {
        all.extend_from_slice(predictions.values());
        Ok(())
    })?;
    Ok(all)
}

#[test]
fn rows_keep_their_order() {
    for threads in [Threads::one(), Threads::new(3).expect("threads start")] {
        let batches = vec![
            Ok(batch("x", 0, 5000)),
            Ok(batch("x", 5000, 1)),
            Ok(batch("x", 5001, 3000)),
        ];
        let all = run(&threads, batches).expect("all batches are good");
        assert_eq!(
            all,
            (0..8001)
                .map(|value| f64::from(value) * 2.0)
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn the_first_error_ends_it() {
    let bad = vec![
        Ok(batch("x", 0, 10)),
        Err(anyhow::anyhow!("cut off")),
        Ok(batch("x", 10, 10)),
    ];
    assert_eq!(
        run(&Threads::one(), bad).unwrap_err().to_string(),
        "cut off"
    );
    let other = vec![Ok(batch("y", 0, 10))];
    assert_eq!(
        run(&Threads::one(), other).unwrap_err().to_string(),
        "column 'x' is missing"
    );
}

#[test]
fn a_sink_that_fails_stops_the_reader() {
    let scorer = Scorer {
        model: &Twice,
        threads: &Threads::one(),
        cancel: CancelToken::default(),
    };
    let endless = std::iter::repeat_with(|| Ok::<_, anyhow::Error>(batch("x", 0, 10)));
    let result = scorer.run(endless, |_, _| Err(anyhow::anyhow!("full")));
    assert_eq!(result.unwrap_err().to_string(), "full");
}

#[test]
fn a_raised_flag_stops_between_batches() {
    let cancel = CancelToken::default();
    let scorer = Scorer {
        model: &Twice,
        threads: &Threads::one(),
        cancel: cancel.clone(),
    };
    let endless = std::iter::repeat_with(|| Ok::<_, anyhow::Error>(batch("x", 0, 10)));
    let result = scorer.run(endless, |_, _| {
        cancel.cancel();
        Ok(())
    });
    assert_eq!(result.unwrap_err().to_string(), "interrupted");
}
