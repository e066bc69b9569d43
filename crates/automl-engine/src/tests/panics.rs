//! A learner that breaks.

use super::*;
use crate::trial::Outcome;
use automl_core::{
    ArtifactError, Capabilities, FitContext, FitError, Fitted, Learner, LearnerSpec, TrainingData,
};

/// Panics where others learn.
struct Broken;

static BROKEN: LearnerSpec = LearnerSpec {
    id: "broken",
    title: "Broken",
    capabilities: Capabilities {
        tasks: &[TaskKind::Binary],
        missing: true,
        categories: true,
        sparse: true,
        weights: true,
        early_stopping: false,
    },
    params: &[],
    references: &[],
    build: |_| Ok(Box::new(Broken)),
    load: |artifact| {
        Err(ArtifactError::UnknownKind {
            kind: artifact.kind.clone(),
        })
    },
};

impl Learner for Broken {
    fn spec(&self) -> &'static LearnerSpec {
        &BROKEN
    }

    fn params(&self) -> ParamMap {
        ParamMap::new()
    }

    fn fit(&self, _: &FitContext<'_>, data: &TrainingData<'_>) -> Result<Fitted, FitError> {
        panic!("{} rows broke it", data.train.n_rows());
    }
}

#[test]
fn a_panic_fails_its_trial_alone() {
    let data = synthetic::binary(90, 3);
    let of = |learner: &str| Configuration {
        learner: learner.to_owned(),
        recipe: None,
        log_target: false,
        params: ParamMap::new(),
    };
    let options = FitOptions {
        portfolio: Some(vec![of("broken"), of("logistic_regression")]),
        ..options(3)
    };
    let warnings = Warnings::default();
    let run = FitRun::alone(&warnings);
    let mut plan = Plan::new(&data, &options).unwrap();
    plan.learners.push(&BROKEN);
    let found = search::run(&data, &plan, &options, &run).unwrap();
    let outcomes: Vec<(&str, &Outcome)> = (found.trials.iter())
        .map(|trial| (trial.config.learner.id, &trial.outcome))
        .collect();
    assert!(
        matches!(
            &outcomes[..],
            [
                ("baseline", Outcome::Scored { .. }),
                ("broken", Outcome::Failed { reason }),
                ("logistic_regression", Outcome::Scored { .. }),
            ] if reason == "internal error: 60 rows broke it"
        ),
        "{outcomes:?}"
    );
}
