//! Products, ratios, differences and sums of the numbers that tell most of the target.

use crate::behind::Behind;
use crate::fitted::{FittedPart, FittedStep, numbers};
use crate::frame::{Frame, check_budget, int, require};
use crate::numeric::{correlation, positions_by_greatest};
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use crate::stored::{empty, set_meta};
use automl_core::{
    Artifact, ArtifactError, Column, FitError, ParamError, PredictError, Table, Threads,
};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How two numbers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `a · b`.
    Product,
    /// `a / b`, as `a · (1 / b)`, which programs that run exported graphs compute alike to the last bit; missing where `b` is 0.
    Ratio,
    /// `a - b`.
    Difference,
    /// `a + b`.
    Sum,
}

impl Operation {
    fn sign(self) -> &'static str {
        match self {
            Self::Product => "*",
            Self::Ratio => "/",
            Self::Difference => "-",
            Self::Sum => "+",
        }
    }

    /// The result; missing if an operand is, or if it is not finite.
    fn of(self, a: f64, b: f64) -> f64 {
        let value = match self {
            Self::Product => a * b,
            Self::Ratio => a * b.recip(),
            Self::Difference => a - b,
            Self::Sum => a + b,
        };
        if value.is_finite() { value } else { f64::NAN }
    }
}

/// Adds columns `a*b`, `a/b`, `b/a`, `a-b` and `a+b` of pairs of numbers.
///
/// The `max_columns` numbers that correlate most with the target are paired; of all pairs and operations the
/// `max_features` whose result correlates most with the target, and more than both its parts do, are added. The
/// correlation with a class target is the greatest over its classes, of more than 20 the largest. Measured on at most 20,000 rows.
///
/// Default columns: all numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Interactions {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// What to try.
    pub operations: Vec<Operation>,
    /// Numbers to pair.
    pub max_columns: usize,
    /// Most columns added.
    pub max_features: usize,
}

impl Default for Interactions {
    fn default() -> Self {
        Self {
            columns: None,
            operations: vec![
                Operation::Product,
                Operation::Ratio,
                Operation::Difference,
                Operation::Sum,
            ],
            max_columns: 10,
            max_features: 10,
        }
    }
}

const MAX_ROWS: usize = 20_000;
/// Of more classes the largest are correlated with.
const MAX_CLASSES: usize = 20;

impl StepParams for Interactions {
    fn is_supervised(&self) -> bool {
        true
    }

    fn check(&self) -> Result<(), ParamError> {
        let most = self.max_columns;
        require(
            (2..=200).contains(&most),
            "max_columns",
            int(most),
            "2 to 200",
        )
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("interactions", &[ColumnKind::Number]);
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let sample = frame.sample(MAX_ROWS);
        let targets = targets(frame, &sample);
        let strength = |values: &[f64]| {
            let each = targets
                .iter()
                .map(|target| correlation(values, target).abs());
            each.fold(0.0, f64::max)
        };
        let sampled = |index: usize| -> Vec<f64> {
            let all = frame.numbers(&names[index]);
            sample.iter().map(|&position| all[position]).collect()
        };
        let strengths = frame.map(names.len(), |index| strength(&sampled(index)))?;
        check_budget(frame.ctx)?;
        let mut top = positions_by_greatest(&strengths);
        top.truncate(self.max_columns);
        top.sort_unstable();
        let values: BTreeMap<usize, Vec<f64>> =
            top.iter().map(|&index| (index, sampled(index))).collect();
        let candidates = self.candidates(&top);
        let scores = frame.map(candidates.len(), |index| {
            let (a, operation, b) = candidates[index];
            let pairs = values[&a].iter().zip(&values[&b]);
            let values: Vec<f64> = pairs.map(|(&a, &b)| operation.of(a, b)).collect();
            let score = strength(&values);
            if score > strengths[a].max(strengths[b]) {
                score
            } else {
                0.0
            }
        })?;
        let mut best = positions_by_greatest(&scores);
        best.retain(|&place| scores[place] > 0.0);
        best.truncate(self.max_features);
        best.sort_unstable();
        let pairs = best.into_iter().map(|place| {
            let (a, operation, b) = candidates[place];
            (names[a].clone(), operation, names[b].clone())
        });
        Ok(Pairs::new(pairs.collect()).into())
    }
}

impl Interactions {
    fn candidates(&self, top: &[usize]) -> Vec<(usize, Operation, usize)> {
        let mut operations = self.operations.clone();
        operations.sort_unstable();
        operations.dedup();
        let mut all = Vec::new();
        for (place, &a) in top.iter().enumerate() {
            for &b in &top[place + 1..] {
                for &operation in &operations {
                    all.push((a, operation, b));
                    if operation == Operation::Ratio {
                        all.push((b, operation, a));
                    }
                }
            }
        }
        all
    }
}

/// What to correlate with: the numbers, or an indicator a class (one of two for a binary task).
fn targets(frame: &Frame<'_>, sample: &[usize]) -> Vec<Vec<f64>> {
    let labels = frame.labels;
    let n_classes = labels.task.n_classes();
    if n_classes == 0 {
        return vec![
            sample
                .iter()
                .map(|&position| labels.numbers[position])
                .collect(),
        ];
    }
    let mut n_rows = vec![0_usize; n_classes];
    for &position in sample {
        n_rows[labels.classes[position] as usize] += 1;
    }
    let mut classes: Vec<u32> = (u32::from(n_classes == 2)..n_classes as u32).collect();
    classes.sort_by_key(|&class| Reverse(n_rows[class as usize]));
    classes.truncate(MAX_CLASSES);
    let is_class = |class: u32| {
        let hits = sample
            .iter()
            .map(|&position| labels.classes[position] == class);
        hits.map(|hit| f64::from(u8::from(hit))).collect()
    };
    classes.into_iter().map(is_class).collect()
}

/// The pairs that are added.
#[derive(Debug)]
struct Pairs {
    pairs: Vec<(String, Operation, String)>,
    behind: Behind,
}

impl Pairs {
    fn new(pairs: Vec<(String, Operation, String)>) -> Self {
        let behind = Behind::default();
        Self { pairs, behind }
    }
}

impl FittedStep for Pairs {
    fn apply(&self, table: &Table, threads: &Threads) -> Result<Table, PredictError> {
        let pairs = self.pairs.iter();
        let sources = pairs.clone().flat_map(|(a, _, b)| [a.as_str(), b]);
        let names = pairs.map(|(a, operation, b)| format!("{a}{}{b}", operation.sign()));
        self.behind.add(table, sources, names, |places| {
            let columns = threads.map(self.pairs.len(), |index| {
                let (a, operation, b) = &self.pairs[index];
                let left = numbers(a, table.column_at(places[2 * index]))?;
                let right = numbers(b, table.column_at(places[2 * index + 1]))?;
                let pairs = left.iter().zip(right);
                let values = pairs.map(|(&a, &b)| operation.of(a, b)).collect();
                Ok(Column::Number(values))
            });
            columns.into_iter().collect()
        })
    }

    fn is_idle(&self) -> bool {
        self.pairs.is_empty()
    }

    fn made_from(&self, _table: &Table) -> Result<Vec<Vec<String>>, PredictError> {
        let pairs = self.pairs.iter();
        Ok(pairs.map(|(a, _, b)| vec![a.clone(), b.clone()]).collect())
    }

    fn artifact(&self) -> Artifact {
        let mut artifact = empty("interactions");
        let pairs = serde_json::to_value(&self.pairs).expect("names only");
        set_meta(&mut artifact, "pairs", pairs);
        artifact
    }
}

/// Reads back the fitted step.
pub(crate) fn load(artifact: &Artifact) -> Result<Arc<dyn FittedStep>, ArtifactError> {
    Ok(Arc::new(Pairs::new(artifact.meta("pairs")?)))
}
