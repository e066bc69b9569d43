//! A truth as it may be: of an id that answers have, and what a model could have predicted.

use crate::observe::is_request_id;
use automl_core::{Task, nearest};
use std::collections::BTreeMap;

/// Truths of one request.
pub(super) const TRUTHS_MAX: usize = 100_000;
/// Bytes of one.
const TRUTH_BYTES_MAX: usize = 1_000;

/// What turned out to be true of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The id of the request that predicted it.
    pub request_id: String,
    /// Its place among the rows of that request, from 0.
    pub row: u32,
    /// What is true: a class, or a number as text.
    pub truth: String,
}

/// Why a truth cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum TruthError {
    #[error(
        "request_id is none that an answer has: it stands in the head of each answer, as x-request-id"
    )]
    Id,
    #[error("truth has more than {TRUTH_BYTES_MAX} bytes")]
    Long,
    #[error("truth is no number, as the model predicts: '{truth}'")]
    NotANumber { truth: String },
    #[error("truth is of one target, and the model predicts several; it cannot be kept")]
    Several,
    #[error("truth is no class of the model: '{truth}'{}", meant(.near))]
    NotAClass { truth: String, near: Vec<String> },
    #[error("row is {row}, and request '{request_id}' had {}", rows(*n_rows))]
    Beyond {
        row: u32,
        request_id: String,
        n_rows: u32,
    },
    #[error("row is {row}, and row {row} of request '{request_id}' has a truth already")]
    Again { row: u32, request_id: String },
}

fn rows(n_rows: u32) -> String {
    match n_rows {
        1 => "1 row, row 0".to_owned(),
        n => format!("{n} rows, from 0 on"),
    }
}

fn meant(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
}

impl Truth {
    /// What tells its row from all others: no id has a blank.
    pub(super) fn key(&self) -> String {
        format!("{} {}", self.request_id, self.row)
    }

    /// That its row has another.
    pub fn again(&self) -> TruthError {
        TruthError::Again {
            row: self.row,
            request_id: self.request_id.clone(),
        }
    }

    /// Whether its request had such a row.
    ///
    /// # Errors
    /// It had not.
    pub fn check_row(&self, n_rows: u32) -> Result<(), TruthError> {
        if self.row < n_rows {
            return Ok(());
        }
        Err(TruthError::Beyond {
            row: self.row,
            request_id: self.request_id.clone(),
            n_rows,
        })
    }
}

/// The places of the first two truths of one row, if there are any: only one of them could be meant.
pub fn same_row(truths: &[Truth]) -> Option<(usize, usize)> {
    let mut places = BTreeMap::new();
    let mut all = truths.iter().enumerate();
    all.find_map(|(place, truth)| {
        let first = places.insert((truth.request_id.as_str(), truth.row), place)?;
        Some((first, place))
    })
}

/// The same truth, with its class as a model has it. It must be what one of the tasks predicts; anything if there is none.
///
/// # Errors
/// It cannot be one.
pub fn check(truth: Truth, tasks: &[Task]) -> Result<Truth, TruthError> {
    if !is_request_id(&truth.request_id) {
        return Err(TruthError::Id);
    }
    if truth.truth.len() > TRUTH_BYTES_MAX {
        return Err(TruthError::Long);
    }
    let mut odd = None;
    for task in tasks {
        match as_predicted(&truth.truth, task) {
            Ok(text) => {
                return Ok(Truth {
                    truth: text,
                    ..truth
                });
            }
            Err(error) => odd = Some(error),
        }
    }
    match odd {
        Some(error) => Err(error),
        None => Ok(truth),
    }
}

fn as_predicted(truth: &str, task: &Task) -> Result<String, TruthError> {
    if !task.targets().is_empty() {
        return Err(TruthError::Several);
    }
    let number = truth.trim().parse::<f64>().ok();
    let number = number.filter(|number| number.is_finite());
    let classes = task.classes();
    if classes.is_empty() {
        let told = || TruthError::NotANumber {
            truth: truth.to_owned(),
        };
        return number.map(|_| truth.trim().to_owned()).ok_or_else(told);
    }
    let exact = classes.iter().find(|class| *class == truth);
    let is_number = |class: &&String| number.is_some() && class.parse::<f64>().ok() == number;
    let by_value = || classes.iter().find(is_number);
    match exact.or_else(by_value).or_else(|| meaning(truth, classes)) {
        Some(class) => Ok(class.clone()),
        None => Err(TruthError::NotAClass {
            truth: truth.to_owned(),
            near: nearest(truth, classes.iter().map(String::as_str)),
        }),
    }
}

/// Words and numbers that mean false and true.
const PAIRS: [[&str; 2]; 5] = [
    ["false", "true"],
    ["no", "yes"],
    ["f", "t"],
    ["n", "y"],
    ["0", "1"],
];

/// The class that means the same truth value, if the two classes are false and true: `1` is what `yes` and `True` mean then.
fn meaning<'a>(truth: &str, classes: &'a [String]) -> Option<&'a String> {
    let of = |text: &str| -> Option<(usize, bool)> {
        let mut pairs = PAIRS.iter().enumerate();
        pairs.find_map(|(pair, [no, yes])| {
            let is_yes = text.eq_ignore_ascii_case(yes);
            (is_yes || text.eq_ignore_ascii_case(no)).then_some((pair, is_yes))
        })
    };
    let [one, other] = classes else { return None };
    let ((pair, first), (same, second)) = (of(one)?, of(other)?);
    if pair != same || first == second {
        return None;
    }
    let number = truth.trim().parse::<f64>().ok();
    let wanted = match number {
        Some(number) => (number == 0.0 || number == 1.0).then_some(number == 1.0)?,
        None => of(truth.trim())?.1,
    };
    Some(if wanted == first { one } else { other })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(names: &[&str]) -> Task {
        let classes = names.iter().map(|name| (*name).to_owned()).collect();
        Task::Binary { classes }
    }

    fn checked(truth: &str, tasks: &[Task]) -> Result<String, String> {
        let truth = Truth {
            request_id: "a-1".into(),
            row: 0,
            truth: truth.into(),
        };
        let checked = check(truth, tasks);
        checked
            .map(|truth| truth.truth)
            .map_err(|odd| odd.to_string())
    }

    #[test]
    fn a_class_is_kept_as_the_model_has_it() {
        let task = [classes(&["False", "True"])];
        assert_eq!(checked("true", &task).unwrap(), "True");
        let task = [classes(&["0", "1"])];
        assert_eq!(checked("1.0", &task).unwrap(), "1");
        let task = [classes(&["1", "1.0"])];
        assert_eq!(checked("1.0", &task).unwrap(), "1.0");
        let task = [classes(&["no", "yes"])];
        assert_eq!(checked("yes", &task).unwrap(), "yes");
        let odd = checked("yess", &task).unwrap_err();
        assert_eq!(
            odd,
            "truth is no class of the model: 'yess'; did you mean yes?"
        );
        for yes in ["Yes", "true", "1", "1.0", "y"] {
            assert_eq!(checked(yes, &task).unwrap(), "yes", "{yes} means it");
        }
        let task = [classes(&["0", "1"])];
        for (truth, class) in [("True", "1"), ("yes", "1"), ("f", "0"), ("NO", "0")] {
            assert_eq!(checked(truth, &task).unwrap(), class, "{truth}");
        }
        assert!(checked("2", &task).is_err());
        let task = [classes(&["No", "maybe"])];
        assert!(checked("no", &task).is_err(), "other words are as they are");
        let task = [classes(&["0", "1", "2"])];
        assert!(
            checked("yes", &task).is_err(),
            "two of three are no truth values"
        );
    }

    #[test]
    fn a_number_is_finite() {
        let task = [Task::Regression];
        assert_eq!(checked(" -2.5e3", &task).unwrap(), "-2.5e3");
        for odd in ["yes", "", "inf", "NaN"] {
            let told = checked(odd, &task).unwrap_err();
            assert!(told.contains("is no number"), "{told}");
        }
    }

    #[test]
    fn a_truth_is_what_one_of_several_models_predicts_and_anything_of_none() {
        let tasks = [classes(&["no", "yes"]), Task::Regression];
        assert!(checked("yes", &tasks).is_ok());
        assert!(checked("2", &tasks).is_ok());
        assert!(checked("2 or 3", &tasks).is_err());
        assert!(checked("2 or 3", &[]).is_ok());
        assert!(
            checked(&"2".repeat(1001), &[])
                .unwrap_err()
                .contains("1000")
        );
    }

    #[test]
    fn a_row_has_one_truth() {
        let truth = |request_id: &str, row| Truth {
            request_id: request_id.into(),
            row,
            truth: "1".into(),
        };
        let apart = [truth("a", 0), truth("b", 0), truth("a", 1)];
        assert_eq!(same_row(&apart), None);
        let twice = [truth("a", 0), truth("b", 0), truth("b", 0)];
        assert_eq!(same_row(&twice), Some((1, 2)));
        let rows = [1, 2].map(|n_rows| apart[2].check_row(n_rows).is_ok());
        assert_eq!(rows, [false, true], "row 1 is the second");
        let odd = apart[2].check_row(1).unwrap_err();
        assert_eq!(
            odd.to_string(),
            "row is 1, and request 'a' had 1 row, row 0"
        );
    }

    #[test]
    fn an_id_is_such_as_answers_have() {
        for id in ["", "a b", "é", &"a".repeat(1000)] {
            let truth = Truth {
                request_id: id.into(),
                row: 0,
                truth: "1".into(),
            };
            assert_eq!(check(truth, &[]), Err(TruthError::Id));
        }
    }
}
