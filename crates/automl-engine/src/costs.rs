//! What errors cost, told by the names of classes.

use automl_core::{Coded, CostMatrix, CostMatrixError, nearest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The cost of each predicted class, by the true class and then by the predicted one. What is right costs nothing unless it is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NamedCosts(pub BTreeMap<String, BTreeMap<String, f64>>);

/// Why costs do not fit what is learned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CostsError {
    /// A class that the target has not.
    #[error("the cost matrix has a class '{class}' that the target has not")]
    ClassUnknown {
        /// The class named.
        class: String,
        /// Classes with a similar name.
        near: Vec<String>,
        /// The classes of the target.
        classes: Vec<String>,
    },
    /// A pair of classes without a cost.
    #[error("the cost matrix does not say what '{actual}' costs where '{predicted}' is predicted")]
    Missing {
        /// The true class.
        actual: String,
        /// The predicted class.
        predicted: String,
    },
    /// A cost that is none.
    #[error("the cost of '{actual}' where '{predicted}' is predicted is {value}")]
    Value {
        /// The true class.
        actual: String,
        /// The predicted class.
        predicted: String,
        /// The cost.
        value: f64,
    },
    /// To be right costs more than to be wrong.
    #[error("'{actual}' costs more where it is predicted than where '{predicted}' is")]
    Backwards {
        /// The true class.
        actual: String,
        /// The class that costs less.
        predicted: String,
    },
    /// Nothing depends on the row.
    #[error("'{class}' costs least whatever is true, so it would be predicted for every row")]
    Constant {
        /// The class.
        class: String,
    },
    /// Numbers have no classes.
    #[error("a cost matrix is of classes, and a {task} task has none")]
    Task {
        /// The task.
        task: &'static str,
    },
    /// A metric that wants predicted classes chosen for itself.
    #[error("metric {metric} is of predicted classes, which the cost matrix chooses")]
    Metric {
        /// The metric.
        metric: &'static str,
    },
}

impl NamedCosts {
    /// The costs in the order of the classes.
    ///
    /// # Errors
    /// A class is unknown, a pair is missing, or a cost is impossible.
    pub(crate) fn resolve(&self, classes: &[String]) -> Result<CostMatrix, CostsError> {
        let named = self.0.iter();
        let named = named.flat_map(|(actual, row)| std::iter::once(actual).chain(row.keys()));
        for class in named {
            if !classes.contains(class) {
                return Err(CostsError::ClassUnknown {
                    class: class.clone(),
                    near: nearest(class, classes.iter().map(String::as_str)),
                    classes: classes.to_vec(),
                });
            }
        }
        let cost = |actual: &String, predicted: &String| {
            let said = self.0.get(actual).and_then(|row| row.get(predicted));
            let nothing = (actual == predicted).then_some(0.0);
            let cost = said.copied().or(nothing);
            cost.ok_or_else(|| CostsError::Missing {
                actual: actual.clone(),
                predicted: predicted.clone(),
            })
        };
        let row = |actual| {
            let row = classes.iter().map(|predicted| cost(actual, predicted));
            row.collect::<Result<Vec<f64>, CostsError>>()
        };
        let rows = classes.iter().map(row).collect::<Result<_, _>>()?;
        CostMatrix::new(rows).map_err(|error| named_error(error, classes))
    }
}

/// The same with the names of classes.
fn named_error(error: CostMatrixError, classes: &[String]) -> CostsError {
    let name = |class: usize| classes[class].clone();
    match error {
        CostMatrixError::Value {
            actual,
            predicted,
            value,
        } => CostsError::Value {
            actual: name(actual),
            predicted: name(predicted),
            value,
        },
        CostMatrixError::Backwards { actual, predicted } => CostsError::Backwards {
            actual: name(actual),
            predicted: name(predicted),
        },
        CostMatrixError::Constant { class } => CostsError::Constant { class: name(class) },
        CostMatrixError::Shape => unreachable!("there is a row and a column for each class"),
    }
}

impl Coded for CostsError {
    fn code(&self) -> &'static str {
        match self {
            Self::ClassUnknown { .. } => "fit-costs-class",
            Self::Missing { .. } => "fit-costs-missing",
            Self::Value { .. } | Self::Backwards { .. } | Self::Constant { .. } => {
                "fit-costs-value"
            }
            Self::Task { .. } => "fit-costs-task",
            Self::Metric { .. } => "fit-costs-metric",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::ClassUnknown { near, .. } if !near.is_empty() => {
                format!("did you mean '{}'?", near.join("' or '"))
            }
            Self::ClassUnknown { classes, .. } => {
                format!("its classes are '{}'", classes.join("', '"))
            }
            Self::Missing { actual, predicted } => format!(
                "add it: {{\"{actual}\": {{\"{predicted}\": 1}}}}; only what is right costs nothing by itself"
            ),
            Self::Value { .. } => "costs are finite numbers from 0 on; add the same number to a whole row, which decides nothing, where one is negative".into(),
            Self::Backwards { .. } => {
                "rows are what is true, columns what is predicted: {\"true\": {\"predicted\": cost}}".into()
            }
            Self::Constant { .. } => "give errors about each class a cost above that of being right".into(),
            Self::Task { .. } => "leave --cost-matrix out, or name a task of classes".into(),
            Self::Metric { .. } => {
                "leave --metric out, or use one of probabilities, such as log_loss, brier or roc_auc".into()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<CostMatrix, CostsError> {
        let costs: NamedCosts = serde_json::from_str(text).unwrap();
        costs.resolve(&["bad".to_owned(), "good".to_owned()])
    }

    fn code(text: &str) -> &'static str {
        resolve(text).unwrap_err().code()
    }

    #[test]
    fn costs_stand_in_the_order_of_classes_and_what_is_right_costs_nothing() {
        let costs = resolve(r#"{"good": {"bad": 1}, "bad": {"good": 5, "bad": 0.5}}"#).unwrap();
        assert_eq!(costs.rows(), [vec![0.5, 5.0], vec![1.0, 0.0]]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(code(r#"{"good": {"bad": 1}}"#), "fit-costs-missing");
        assert_eq!(code(r#"{"god": {"bad": 1}}"#), "fit-costs-class");
        assert_eq!(
            code(r#"{"good": {"bad": 1, "x": 1}, "bad": {"good": 1}}"#),
            "fit-costs-class"
        );
        assert_eq!(
            code(r#"{"good": {"bad": 1}, "bad": {"good": 5, "bad": -1}}"#),
            "fit-costs-value"
        );
        assert_eq!(
            code(r#"{"good": {"bad": 1}, "bad": {"good": 5, "bad": 6}}"#),
            "fit-costs-value"
        );
        let constant = resolve(r#"{"good": {"bad": 0}, "bad": {"good": 5}}"#).unwrap_err();
        assert_eq!(
            constant.to_string(),
            "'bad' costs least whatever is true, so it would be predicted for every row"
        );
    }
}
