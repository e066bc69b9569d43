//! The log of a study: what it takes, what it refuses, who is best.

use super::*;
use crate::space::{Condition, Domain, Parameter};
use automl_core::{Coded, ParamValue};

fn study(objectives: Vec<Objective>) -> Study {
    let space = Space::new([
        Parameter::new("x", Domain::float(0.0, 1.0)),
        Parameter::new("kind", Domain::categorical(["a", "b"])),
        Parameter::new("depth", Domain::integer(1, 3)).when(Condition::is("kind", "b")),
    ]);
    Study::new(space.unwrap(), objectives).unwrap()
}

fn single() -> Study {
    study(vec![Objective::minimize("loss")])
}

fn point(x: f64) -> ParamMap {
    [
        ("x".to_owned(), ParamValue::Float(x)),
        ("kind".to_owned(), ParamValue::Text("a".into())),
    ]
    .into()
}

fn complete(values: &[f64]) -> Outcome {
    Outcome::Complete {
        values: values.to_vec(),
        constraints: Vec::new(),
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let mut study = single();
    study.start(1, point(0.5)).unwrap();
    let code = |result: Result<(), StudyError>| result.unwrap_err().code();
    assert_eq!(code(study.start(1, point(0.6))), "study-trial-exists");
    assert_eq!(
        code(study.finish(2, Outcome::Failed)),
        "study-trial-unknown"
    );
    assert_eq!(
        code(study.finish(1, complete(&[f64::NAN]))),
        "study-value-not-finite"
    );
    assert_eq!(
        code(study.finish(1, complete(&[1.0, 2.0]))),
        "study-value-count"
    );
    assert_eq!(code(study.start(3, point(1.5))), "study-parameter-invalid");
    let mut unknown = point(0.5);
    unknown.insert("kindd".to_owned(), ParamValue::Int(1));
    let error = study.start(3, unknown).unwrap_err();
    assert_eq!(error.to_string(), "'kindd' is no parameter of the study");
    assert_eq!(error.hint().unwrap(), "did you mean kind?");
    let mut inactive = point(0.5);
    inactive.insert("depth".to_owned(), ParamValue::Int(1));
    assert_eq!(
        study.start(3, inactive).unwrap_err().to_string(),
        "parameter 'depth' is given although its condition does not hold"
    );
    study.finish(1, complete(&[1.0])).unwrap();
    let twice = study.finish(1, complete(&[1.0])).unwrap_err();
    assert_eq!(twice.to_string(), "trial 1 is complete already");
    assert_eq!(study.trials().len(), 1);
    assert_eq!(study.finished().len(), 1);
}

#[test]
fn a_waiting_trial_is_started_and_counts_as_pending() {
    let mut study = single();
    study.enqueue(7, point(0.25)).unwrap();
    assert_eq!(study.trial(7).unwrap().state, State::Waiting);
    assert_eq!(study.pending().count(), 1);
    study.start(7, ParamMap::new()).unwrap();
    assert_eq!(study.trial(7).unwrap().state, State::Running);
}

#[test]
fn measurements_are_kept_by_step_and_the_last_counts_for_a_stopped_trial() {
    let mut study = single();
    study.start(0, point(0.5)).unwrap();
    study.report(0, 2, vec![0.2]).unwrap();
    study.report(0, 1, vec![0.4]).unwrap();
    study.report(0, 2, vec![0.3]).unwrap();
    study.finish(0, Outcome::Stopped).unwrap();
    let trial = study.trial(0).unwrap();
    assert_eq!(
        trial.curve.iter().map(|m| m.step).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(trial.values, [0.3]);
    assert_eq!(study.finished()[0].losses, [0.3]);
    assert!(!study.finished()[0].is_complete);
}

#[test]
fn a_trial_with_all_that_came_of_it_is_added_at_once() {
    let mut first = single();
    first.start(0, point(0.5)).unwrap();
    first.report(0, 1, vec![0.4]).unwrap();
    first.finish(0, complete(&[0.3])).unwrap();
    let mut second = single();
    second.add_trial(first.trials()[0].clone()).unwrap();
    assert_eq!(second.trials(), first.trials());
    // As text, since coordinates that are not active are not equal to themselves.
    let text = |study: &Study| format!("{:?}", study.finished());
    assert_eq!(text(&second), text(&first));
}

#[test]
fn feasible_trials_come_before_violating_stopped_and_failed_ones() {
    let mut study = single();
    for id in 0..6 {
        study.start(id, point(0.1 * id as f64)).unwrap();
    }
    let with = |value, excess| Outcome::Complete {
        values: vec![value],
        constraints: vec![excess],
    };
    study.finish(0, Outcome::Failed).unwrap();
    study.report(1, 1, vec![0.0]).unwrap();
    study.finish(1, Outcome::Stopped).unwrap();
    study.finish(2, with(0.0, 5.0)).unwrap();
    study.finish(3, with(0.1, 0.5)).unwrap();
    study.finish(4, with(9.0, 0.0)).unwrap();
    study.finish(5, with(8.0, -1.0)).unwrap();
    assert_eq!(study.ranked(), [5, 4, 3, 2, 1, 0]);
    assert_eq!(study.best()[0].id, 5);
}

#[test]
fn the_best_of_several_objectives_are_the_front() {
    let mut study = study(vec![
        Objective::minimize("loss"),
        Objective::maximize("score"),
    ]);
    for (id, values) in [[1.0, 1.0], [2.0, 3.0], [2.0, 2.0]].iter().enumerate() {
        study.start(id as u64, point(0.2 * id as f64)).unwrap();
        study.finish(id as u64, complete(values)).unwrap();
    }
    let ids: Vec<u64> = study.best().iter().map(|trial| trial.id).collect();
    assert_eq!(ids, [0, 1]);
    assert_eq!(study.ranked()[2], 2);
}
