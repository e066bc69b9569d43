//! How good a model of several targets is: each target by itself, and all together where all are classes.

use super::scores::{Scored, Scores};
use super::truth::Truth;
use super::{Asked, Settings, known_weight, open};
use crate::errors::CliError;
use crate::interrupt::Interrupt;
use crate::modeldir::SeveralModels;
use crate::progress::Reporter;
use crate::scoring::Scorer;
use crate::text::{self, Align};
use automl_core::metrics::{JointScores, TargetCodes};
use automl_core::{Field, Predictions};
use serde::Serialize;

/// Everything that is said of a model of several targets on some data.
#[derive(Debug, Serialize)]
pub(super) struct SeveralScores {
    task: &'static str,
    /// One a target, in order.
    targets: Vec<Scores>,
    /// Of rows that have all targets, if all are classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    joint: Option<Joint>,
}

/// Scores of all targets together.
#[derive(Debug, Serialize)]
struct Joint {
    /// Rows that have all targets.
    n_rows: u64,
    #[serde(flatten)]
    scores: JointScores,
}

impl SeveralScores {
    /// The scores of each target and of all, by name.
    pub(super) fn numbers(&self) -> Vec<(String, f64)> {
        let own = |scores: &Scores| -> Vec<(String, f64)> {
            let named = scores.numbers();
            let named = named.map(|(name, value)| (format!("{}/{name}", scores.target), value));
            named.collect()
        };
        let joint = self.joint.iter().flat_map(|joint| joint.scores.by_name());
        let joint = joint.map(|(name, value)| (name.to_owned(), value));
        joint.chain(self.targets.iter().flat_map(own)).collect()
    }

    /// For people.
    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        if let Some(joint) = &self.joint {
            let rows = joint
                .scores
                .by_name()
                .map(|(name, score)| vec![name.to_owned(), text::score(score)]);
            let heading = [("all targets", Align::Left), ("score", Align::Right)];
            let n_targets = self.targets.len() as u64;
            out.push_str(&text::counted(joint.n_rows, "row"));
            out.push_str(" with all of ");
            out.push_str(&text::counted(n_targets, "target"));
            out.push_str("\n\n");
            out.push_str(&text::table(&heading, &rows));
            out.push('\n');
        }
        let own: Vec<String> = self.targets.iter().map(Scores::to_text).collect();
        out.push_str(&own.join("\n"));
        out
    }
}

/// Scores the rows of a table. A row counts for each target that it has.
///
/// # Errors
/// The table lacks a column, has no row with any target, or a class that the model does not know.
pub(super) fn evaluate(
    settings: &Settings,
    model: &SeveralModels,
    reporter: &Reporter,
    interrupt: &Interrupt,
) -> anyhow::Result<SeveralScores> {
    let whole = &model.whole;
    whole.decision(settings.threshold)?;
    let fields = targets(model)?;
    let asked: Vec<Asked<'_>> = (fields.iter().zip(whole.task().targets()))
        .map(|(field, one)| (*field, &one.task))
        .collect();
    let batches = open(settings, whole, (&asked, whole.batch_rows()), reporter)?;
    let mut weight = None;
    for field in &fields {
        weight = known_weight(whole, field, reporter)?;
    }
    let mut truths: Vec<Truth<'_>> = asked
        .iter()
        .map(|(field, task)| Truth::new(field, task, weight))
        .collect();
    let threads = crate::commands::start_threads(settings.threads)?;
    let mut all: Option<Predictions> = None;
    let spinner = reporter.spinner("predicting".to_owned());
    let scorer = Scorer {
        model: &whole.model,
        threads: &threads,
        cancel: interrupt.token(),
    };
    scorer.run(batches, |batch, predictions| {
        for truth in &mut truths {
            truth.take(&batch.table)?;
        }
        match &mut all {
            Some(all) => all.append(predictions.clone()),
            None => all = Some(predictions.clone()),
        }
        Ok(())
    })?;
    drop(spinner);
    let has_target = truths.iter().any(|truth| !truth.values.is_empty());
    let all = all.filter(|_| has_target).ok_or(CliError::NoRows)?;
    let mut targets = Vec::new();
    for (place, (truth, manifest)) in truths.iter().zip(&model.parts).enumerate() {
        let predictions = truth.with_target_only(all.of_target(place));
        let scored = Scored {
            task: asked[place].1,
            target: &truth.values,
            predictions: &predictions,
            decision: &manifest.decision(),
            costs: None,
            weight: truth.weights(),
            data_rows: &truth.data_rows(),
        };
        targets.push(Scores {
            target: fields[place].name.clone(),
            n_rows_without_target: truth.n_rows_without(),
            weighted_by: weight.map(|field| field.name.clone()),
            metric: manifest.metric.clone(),
            ..Scores::of(&scored)
        });
    }
    let codes = all.class_codes_by(&whole.decision);
    Ok(SeveralScores {
        task: whole.task().kind().name(),
        targets,
        joint: joint(&asked, &truths, &codes),
    })
}

/// The columns of the targets.
fn targets(model: &SeveralModels) -> Result<Vec<&Field>, CliError> {
    let inputs = &model.whole.manifest.inputs;
    let field = |one: &automl_core::TargetTask| {
        inputs
            .field(&one.target)
            .ok_or_else(|| CliError::ModelFile {
                file: "manifest.json",
                reason: format!("it has no column '{}'", one.target),
            })
    };
    model.whole.task().targets().iter().map(field).collect()
}

/// The scores of the rows that have all targets, where all are classes. `predicted` has a code a row and target.
fn joint(asked: &[Asked<'_>], truths: &[Truth<'_>], predicted: &[u32]) -> Option<Joint> {
    if !asked.iter().all(|(_, task)| task.is_classification()) {
        return None;
    }
    let places: Vec<Vec<u32>> = truths.iter().map(Truth::places).collect();
    let n_read = predicted.len() / asked.len();
    // Of each row, its place among those that have a target.
    let own: Vec<Vec<Option<usize>>> = places
        .iter()
        .map(|places| {
            let mut own = vec![None; n_read];
            for (nth, row) in places.iter().enumerate() {
                own[*row as usize] = Some(nth);
            }
            own
        })
        .collect();
    let rows: Vec<usize> = (0..n_read)
        .filter(|&row| own.iter().all(|own| own[row].is_some()))
        .collect();
    let mut actual = vec![Vec::with_capacity(rows.len()); asked.len()];
    let mut told = actual.clone();
    for (place, truth) in truths.iter().enumerate() {
        for &row in &rows {
            let nth = own[place][row].unwrap_or_default();
            actual[place].push(truth.values[nth] as u32);
            told[place].push(predicted[row * asked.len() + place]);
        }
    }
    let weight: Option<Vec<f64>> = truths[0].weights().map(|weights| {
        let of_row = |row: &usize| weights[own[0][*row].unwrap_or_default()];
        rows.iter().map(of_row).collect()
    });
    let codes: Vec<TargetCodes<'_>> = (asked.iter().enumerate())
        .map(|(place, (_, task))| TargetCodes {
            n_classes: task.n_classes(),
            actual: &actual[place],
            predicted: &told[place],
        })
        .collect();
    let scores = JointScores::of(&codes, weight.as_deref())?;
    let n_rows = rows.len() as u64;
    Some(Joint { n_rows, scores })
}
