//! Figures of studies as they are and as they should not be.

use super::*;
use automl_store::studies::{Measurement, Param, StudyState, TrialState};

fn study(protocol: &str, objectives: &[Direction]) -> Study {
    let named = |(at, direction): (usize, &Direction)| Objective {
        name: format!("value_{at}"),
        direction: *direction,
    };
    Study {
        id: 1,
        name: "s".into(),
        protocol: protocol.into(),
        state: StudyState::Active,
        objectives: objectives.iter().enumerate().map(named).collect(),
        spec: "{}".into(),
        lease_ms: None,
        n_retries: 0,
        created_us: 0,
        n_trials: 0,
        n_events: 0,
    }
}

fn trial(number: i64, params: &[(&str, f64, &str)], figures: &[f64]) -> Trial {
    let param = |(name, value, distribution): &(&str, f64, &str)| Param {
        name: (*name).to_owned(),
        value: format!("{value:?}"),
        distribution: Some((*distribution).to_owned()),
    };
    Trial {
        id: number,
        study_id: 1,
        number,
        state: TrialState::Complete,
        figures: Some(figures.to_vec()),
        constraints: Vec::new(),
        note: None,
        client: None,
        started_us: Some(number * 1_000_000),
        ended_us: Some(number * 1_000_000 + 500_000),
        end_event: None,
        expires_ms: None,
        n_lost: 0,
        extra: None,
        params: params.iter().map(param).collect(),
        measurements: Vec::new(),
        attributes: Vec::new(),
    }
}

fn insight(objectives: &[Direction], trials: Vec<Trial>) -> Insight {
    Insight::of(Log {
        study: study("optuna", objectives),
        trials,
        attributes: Vec::new(),
    })
}

const RATE: &str = r#"{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-5, "high": 0.1, "log": true}}"#;
const DEPTH: &str =
    r#"{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}"#;
const DEEPER: &str =
    r#"{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 5, "high": 20}}"#;
const KIND: &str =
    r#"{"name": "CategoricalDistribution", "attributes": {"choices": ["a", 2, null, true]}}"#;
const OLD: &str = r#"{"name": "LogUniformDistribution", "attributes": {"low": 1, "high": 10}}"#;

#[test]
fn distributions_tell_where_parameters_lie() {
    let trials = vec![
        trial(0, &[("rate", 0.01, RATE), ("depth", 3.0, DEPTH)], &[1.0]),
        trial(
            1,
            &[
                ("depth", 12.0, DEEPER),
                ("kind", 2.0, KIND),
                ("old", 2.0, OLD),
            ],
            &[2.0],
        ),
    ];
    let found = insight(&[Direction::Minimize], trials);
    let names: Vec<&str> = found
        .parameters
        .iter()
        .map(|own| own.name.as_str())
        .collect();
    assert_eq!(names, ["rate", "depth", "kind", "old"]);
    let along: Vec<&Along> = found.parameters.iter().map(|own| &own.along).collect();
    assert_eq!(
        *along[0],
        Along::Numbers {
            low: 1e-5,
            high: 0.1,
            is_log: true
        }
    );
    assert_eq!(
        *along[1],
        Along::Numbers {
            low: 1.0,
            high: 20.0,
            is_log: false
        },
        "ranges that grew are one"
    );
    assert_eq!(
        *along[2],
        Along::Choices(["a", "2", "None", "true"].map(String::from).to_vec())
    );
    assert!(matches!(along[3], Along::Numbers { is_log: true, .. }));
    assert_eq!(found.rows[0].at, [Some(0.01), Some(3.0), None, None]);
    assert_eq!(found.rows[1].at[2], Some(2.0));
}

#[test]
fn parameters_without_distribution_lie_where_their_values_do() {
    let mut trials: Vec<Trial> = (0..3)
        .map(|n| {
            trial(
                n,
                &[("x", 10_f64.powi(n as i32 * 2), ""), ("y", 1.0, "")],
                &[1.0],
            )
        })
        .collect();
    for trial in &mut trials {
        for param in &mut trial.params {
            param.distribution = None;
        }
    }
    trials[2].params[1].value = "\"far\"".into();
    let found = insight(&[Direction::Minimize], trials);
    assert_eq!(
        found.parameters[0].along,
        Along::Numbers {
            low: 1.0,
            high: 10_000.0,
            is_log: true
        }
    );
    assert_eq!(
        found.parameters[1].along,
        Along::Choices(vec!["1".into(), "far".into()])
    );
}

#[test]
fn the_best_keeps_constraints_and_is_the_earliest() {
    let mut trials: Vec<Trial> = [3.0, 1.0, 2.0, 2.0, f64::INFINITY, f64::NAN]
        .into_iter()
        .enumerate()
        .map(|(n, value)| trial(n as i64, &[("rate", 0.01, RATE)], &[value]))
        .collect();
    trials[1].attributes.push(Attribute {
        scope: "system".into(),
        key: "constraints".into(),
        value: "[-1.0, 0.5]".into(),
    });
    let found = insight(&[Direction::Minimize], trials.clone());
    assert_eq!(
        found.best().map(|(number, ..)| number).collect::<Vec<_>>(),
        [2]
    );
    assert_eq!(found.best_so_far(0), [(0, 3.0), (2, 2.0)]);
    trials[5].state = TrialState::Failed;
    let greatest = insight(&[Direction::Maximize], trials);
    assert_eq!(
        greatest
            .best()
            .map(|(number, ..)| number)
            .collect::<Vec<_>>(),
        [4]
    );
    assert_eq!(greatest.states(), [("complete", 5), ("failed", 1)]);
}

#[test]
fn the_front_is_what_no_other_trial_beats() {
    let values = [
        [1.0, 5.0],
        [2.0, 4.0],
        [2.0, 6.0],
        [3.0, 4.0],
        [0.5, 9.0],
        [1.0, 5.0],
    ];
    let trials = values.iter().enumerate();
    let trials = trials
        .map(|(n, values)| trial(n as i64, &[], values))
        .collect();
    let found = insight(&[Direction::Minimize, Direction::Minimize], trials);
    assert_eq!(
        found.best().map(|(number, ..)| number).collect::<Vec<_>>(),
        [4, 0, 1],
        "by the first objective, of equal ones the first"
    );
}

#[test]
fn what_matters_is_told_of_each_objective() {
    let trials = (0..200)
        .map(|n| {
            let (rate, depth) = (
                10_f64.powf(-1.0 - f64::from(n % 20) / 5.0),
                f64::from(n % 9 + 1),
            );
            trial(
                n.into(),
                &[("rate", rate, RATE), ("depth", depth, DEPTH)],
                &[rate.ln(), depth],
            )
        })
        .collect();
    let found = insight(&[Direction::Minimize, Direction::Maximize], trials);
    let first = |objective: usize| &found.weights[objective][0];
    assert_eq!(first(0).parameter, "rate");
    assert_eq!(first(1).parameter, "depth");
    assert!(
        first(0).fanova > 0.8 && first(0).ped_anova > 0.5,
        "{:?}",
        first(0)
    );
    assert_eq!(found.by_weight(1), [1, 0]);
}

#[test]
fn studies_of_nothing_have_figures() {
    let mut failed = trial(0, &[("rate", 0.01, RATE)], &[]);
    failed.state = TrialState::Failed;
    let mut odd = trial(1, &[("rate", f64::NAN, "no JSON")], &[1.0, 2.0]);
    odd.measurements.push(Measurement {
        step: 1,
        figures: Vec::new(),
        extra: None,
    });
    let constant = (0..30)
        .map(|n| trial(n, &[("rate", 0.01, RATE)], &[1.0]))
        .collect();
    for trials in [vec![], vec![failed.clone()], vec![odd, failed], constant] {
        let found = insight(&[Direction::Minimize], trials);
        let figures = found.figures();
        assert!(figures["importance"]["value_0"].is_array(), "{figures}");
        assert!(
            found.weights[0]
                .iter()
                .all(|one| one.fanova + one.ped_anova == 0.0)
        );
        assert!(found.html().contains("</html>"));
    }
}

#[test]
fn a_surface_is_the_mean_of_ranks_nearby_and_blank_elsewhere() {
    let trials: Vec<[f64; 3]> = (0..100)
        .map(|n| {
            let x = f64::from(n % 10) / 20.0;
            [x, f64::from(n / 10) / 9.0, x]
        })
        .collect();
    let found = surface(&trials, [Side::Numbers(21), Side::Numbers(21)]);
    let value = found.at(6, 10).unwrap();
    assert!((value - 0.3).abs() < 0.05, "{value}");
    assert!(found.is_supported(6, 10));
    assert!(!found.is_supported(20, 10), "no trial is near");
    let by_choice = surface(
        &[[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]],
        [Side::Choices(3), Side::Numbers(3)],
    );
    assert_eq!(by_choice.at(0, 1), Some(1.0));
    assert_eq!(by_choice.at(1, 1), Some(0.0));
    assert_eq!(by_choice.at(2, 1), None);
    assert_eq!(by_choice.supported().count(), 2);
}

#[tokio::test]
async fn those_who_look_at_once_share_what_one_computes() {
    let desk = crate::tests::Desk::new();
    let spec = serde_json::json!({
        "name": "s", "objectives": [{ "name": "loss" }],
        "space": { "parameters": [{ "name": "x", "type": "float", "low": 0.0, "high": 1.0 }] },
    });
    desk.call("POST", "/api/studies", &spec).await;
    let insights = kept::Insights::default();
    let look = || insights.of(&desk.app.db, "s".to_owned());
    let (one, other) = tokio::join!(look(), look());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(std::sync::Arc::ptr_eq(&one, &other));
    desk.call("POST", "/api/studies/s/suggest", &serde_json::json!({}))
        .await;
    let later = look().await.unwrap();
    assert_eq!((one.rows.len(), later.rows.len()), (0, 1));
}
