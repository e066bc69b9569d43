//! A truth as it may be: of an id that answers have, and what a model could have predicted.

use crate::observe::is_request_id;
use automl_core::{Task, nearest};

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
    #[error("truth is no class of the model: '{truth}'{}", meant(.near))]
    NotAClass { truth: String, near: Vec<String> },
}

fn meant(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
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
    let number = truth.trim().parse::<f64>().ok();
    let number = number.filter(|number| number.is_finite());
    let classes = task.classes();
    if classes.is_empty() {
        let told = || TruthError::NotANumber {
            truth: truth.to_owned(),
        };
        return number.map(|_| truth.trim().to_owned()).ok_or_else(told);
    }
    let is_truth =
        |text: &str| text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
    let is_same = |class: &&String| {
        let is_number = || number.is_some() && class.parse::<f64>().ok() == number;
        *class == truth || is_number() || (is_truth(truth) && class.eq_ignore_ascii_case(truth))
    };
    let exact = classes.iter().find(|class| *class == truth);
    match exact.or_else(|| classes.iter().find(is_same)) {
        Some(class) => Ok(class.clone()),
        None => Err(TruthError::NotAClass {
            truth: truth.to_owned(),
            near: nearest(truth, classes.iter().map(String::as_str)),
        }),
    }
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
        assert!(checked("Yes", &task).is_err(), "words are as they are");
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
