//! The calls as messages, without a client.

use super::moved::{Put, put};
use super::wire::{self, Goal, ScaleType, StudyState, TrialState};
use crate::studies::tests::grpc;
use crate::tests::Desk;
use automl_store::moving::VizierStudy;
use prost::Message;
use serde_json::{Value, json};
use tonic::Code;

const STUDY: &str = "owners/o/studies/s";

async fn call<Answer: Message + Default>(
    desk: &Desk,
    name: &str,
    ask: &impl Message,
) -> Result<Answer, (Code, String)> {
    grpc(desk, &format!("/vizier.VizierService/{name}"), ask).await
}

fn float(name: &str, low: f64, high: f64) -> wire::ParameterSpec {
    wire::ParameterSpec {
        parameter_id: name.into(),
        double_value_spec: Some(wire::DoubleSpec {
            min_value: low,
            max_value: high,
            default_value: None,
        }),
        scale_type: ScaleType::Linear.into(),
        ..wire::ParameterSpec::default()
    }
}

fn below(spec: wire::ParameterSpec, values: &[&str]) -> wire::ConditionalSpec {
    wire::ConditionalSpec {
        parameter_spec: Some(spec),
        parent_categorical_values: Some(wire::CategoricalCondition {
            values: values.iter().map(ToString::to_string).collect(),
        }),
        ..wire::ConditionalSpec::default()
    }
}

/// A choice of three with a parameter for two of them, which is of another range for the third.
fn spec() -> wire::StudySpec {
    let kind = wire::ParameterSpec {
        parameter_id: "kind".into(),
        categorical_value_spec: Some(wire::CategoricalSpec {
            values: ["a", "b", "c"].map(str::to_owned).to_vec(),
            default_value: None,
        }),
        conditional_parameter_specs: vec![
            below(float("rate", 0.0, 1.0), &["a"]),
            below(float("rate", 0.0, 1.0), &["b"]),
            below(float("rate", 5.0, 6.0), &["c"]),
        ],
        ..wire::ParameterSpec::default()
    };
    wire::StudySpec {
        metrics: vec![wire::MetricSpec {
            metric_id: "loss".into(),
            goal: Goal::Minimize.into(),
            safety_config: None,
        }],
        parameters: vec![kind, float("x", -1.0, 1.0)],
        algorithm: "RANDOM_SEARCH".into(),
        metadata: Vec::new(),
    }
}

async fn make(desk: &Desk, spec: Vec<u8>) -> Result<wire::Study, (Code, String)> {
    let ask = wire::CreateStudyRequest {
        parent: "owners/o".into(),
        study: Some(wire::Study {
            display_name: "s".into(),
            study_spec: Some(spec),
            ..wire::Study::default()
        }),
    };
    call(desk, "CreateStudy", &ask).await
}

async fn started() -> Desk {
    let desk = Desk::new();
    make(&desk, spec().encode_to_vec()).await.unwrap();
    desk
}

async fn ask(desk: &Desk, client: &str, count: i32) -> Vec<wire::Trial> {
    let ask = wire::SuggestTrialsRequest {
        parent: STUDY.into(),
        suggestion_count: count,
        client_id: client.into(),
    };
    let operation: wire::Operation = call(desk, "SuggestTrials", &ask).await.unwrap();
    assert!(operation.done);
    let again = wire::GetOperationRequest {
        name: operation.name.clone(),
    };
    let again: wire::Operation = call(desk, "GetOperation", &again).await.unwrap();
    assert_eq!(again, operation);
    let response = operation.response.unwrap().value;
    wire::SuggestTrialsResponse::decode(&response[..])
        .unwrap()
        .trials
}

fn measured(step: i64, loss: f64) -> Vec<u8> {
    wire::Measurement {
        elapsed_duration: None,
        step_count: step,
        metrics: vec![wire::Metric {
            metric_id: "loss".into(),
            value: loss,
        }],
    }
    .encode_to_vec()
}

async fn complete(
    desk: &Desk,
    trial: &wire::Trial,
    last: Option<Vec<u8>>,
) -> Result<wire::Trial, (Code, String)> {
    let ask = wire::CompleteTrialRequest {
        name: trial.name.clone(),
        final_measurement: last,
        ..wire::CompleteTrialRequest::default()
    };
    call(desk, "CompleteTrial", &ask).await
}

fn parameter(name: &str, number: Option<f64>, text: Option<&str>) -> wire::Parameter {
    wire::Parameter {
        parameter_id: name.into(),
        value: Some(wire::Value {
            number_value: number,
            string_value: text.map(str::to_owned),
            bool_value: None,
        }),
    }
}

#[tokio::test]
async fn a_spec_comes_back_byte_for_byte() {
    let desk = Desk::new();
    // With two fields that nothing here reads.
    let bytes = [&spec().encode_to_vec()[..], &[0x30, 2, 0x4a, 0]].concat();
    let made = make(&desk, bytes.clone()).await.unwrap();
    assert_eq!(made.name, STUDY);
    assert_eq!(made.state(), StudyState::Active);
    let again = make(&desk, Vec::new()).await.unwrap();
    let get = wire::GetStudyRequest { name: STUDY.into() };
    let got: wire::Study = call(&desk, "GetStudy", &get).await.unwrap();
    assert_eq!(got.study_spec, Some(bytes));
    assert_eq!((&again, &made), (&got, &got));
}

#[tokio::test]
async fn a_branch_has_its_own_parameter_of_a_name() {
    let desk = started().await;
    let mut n_third = 0;
    for trial in ask(&desk, "one", 30).await {
        let of = |name: &str| {
            let mut own = trial.parameters.iter();
            own.find(|own| own.parameter_id == name)
                .and_then(|own| own.value.clone())
        };
        let kind = of("kind").unwrap().string_value.unwrap();
        let rate = of("rate").unwrap().number_value.unwrap();
        let is_third = kind == "c";
        n_third += usize::from(is_third);
        assert_eq!((5.0..=6.0).contains(&rate), is_third, "{trial:?}");
        assert_eq!(trial.parameters.len(), 3);
    }
    assert!(n_third > 2);
    let (_, shown) = desk.call("GET", "/api/studies/o%2Fs", &Value::Null).await;
    let parameters = &shown["study"]["spec"]["space"]["parameters"];
    assert_eq!(parameters[1]["when"][0]["values"], json!(["a", "b"]));
    assert_eq!(parameters[2]["name"], "rate (kind=c)");
}

#[tokio::test]
async fn points_of_ones_own_are_of_the_space() {
    let desk = started().await;
    let mut add = wire::CreateTrialRequest {
        parent: STUDY.into(),
        trial: Some(wire::Trial {
            parameters: vec![
                parameter("x", Some(0.5), None),
                parameter("rate", Some(5.5), None),
                parameter("kind", None, Some("c")),
            ],
            ..wire::Trial::default()
        }),
    };
    let added: wire::Trial = call(&desk, "CreateTrial", &add).await.unwrap();
    assert_eq!(added.state(), TrialState::Requested);
    let given = ask(&desk, "one", 1).await.remove(0);
    assert_eq!(given.parameters, added.parameters);
    assert_eq!(given.state(), TrialState::Active);
    for (at, wrong) in [
        (0, parameter("y", Some(0.5), None)),
        (0, parameter("x", Some(7.0), None)),
        (0, parameter("x", None, None)),
        (0, parameter("rate", Some(5.5), None)),
        (1, parameter("rate", Some(0.5), None)),
        (2, parameter("kind", None, Some("d"))),
        (2, parameter("kind", Some(1.0), None)),
    ] {
        let trial = add.trial.as_mut().unwrap();
        let right = std::mem::replace(&mut trial.parameters[at], wrong.clone());
        let refused = call::<wire::Trial>(&desk, "CreateTrial", &add).await;
        assert_eq!(refused.unwrap_err().0, Code::InvalidArgument, "{wrong:?}");
        add.trial.as_mut().unwrap().parameters[at] = right;
    }
}

#[tokio::test]
async fn measurements_are_kept_in_order_and_once() {
    let desk = started().await;
    let trial = ask(&desk, "one", 1).await.remove(0);
    let told = [
        measured(5, 0.5),
        measured(5, 0.25),
        measured(2, f64::INFINITY),
        measured(0, 0.75),
        measured(0, 0.75),
    ];
    let mut seen = wire::Trial::default();
    for measurement in told.iter().chain(&[measured(9, 1.0), measured(9, 1.0)]) {
        let add = wire::AddTrialMeasurementRequest {
            trial_name: trial.name.clone(),
            measurement: Some(measurement.clone()),
        };
        seen = call(&desk, "AddTrialMeasurement", &add).await.unwrap();
    }
    assert_eq!(seen.measurements, [&told[..], &[measured(9, 1.0)]].concat());
    let (_, shown) = (desk.call("GET", "/api/studies/o%2Fs/trials/0", &Value::Null)).await;
    let steps: Vec<&Value> = (shown["trial"]["measurements"].as_array().unwrap().iter())
        .map(|one| &one["step"])
        .collect();
    assert_eq!(steps, [5, 5, 2, 4, 5, 9]);
    let done = complete(&desk, &trial, None).await.unwrap();
    assert_eq!(done.final_measurement, Some(measured(9, 1.0)));
    assert_eq!(done.state(), TrialState::Succeeded);
}

#[tokio::test]
async fn an_end_told_again_is_answered_as_before() {
    let desk = started().await;
    let trials = ask(&desk, "one", 2).await;
    let first = complete(&desk, &trials[0], Some(measured(1, 0.5))).await;
    let again = complete(&desk, &trials[0], Some(measured(1, 0.5))).await;
    assert_eq!(first, again);
    let other = complete(&desk, &trials[0], Some(measured(1, 0.6))).await;
    let (code, told) = other.unwrap_err();
    assert_eq!(code, Code::FailedPrecondition);
    assert!(told.starts_with("trial%201%20has"), "{told}");
    let none = complete(&desk, &trials[1], None).await.unwrap_err();
    assert_eq!(none.0, Code::InvalidArgument);
    let best = wire::ListOptimalTrialsRequest {
        parent: STUDY.into(),
    };
    let best: wire::ListOptimalTrialsResponse =
        call(&desk, "ListOptimalTrials", &best).await.unwrap();
    assert_eq!(best.optimal_trials, [first.unwrap()]);
}

#[tokio::test]
async fn a_client_gets_its_own_trials_first() {
    let desk = started().await;
    let ids = |trials: &[wire::Trial]| trials.iter().map(|own| own.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&ask(&desk, "one", 2).await), ["1", "2"]);
    assert_eq!(ids(&ask(&desk, "two", 0).await), ["3"]);
    assert_eq!(ids(&ask(&desk, "one", 3).await), ["1", "2", "4"]);
    assert_eq!(ids(&ask(&desk, "one", 1).await), ["1"]);
}

/// What a study says in our namespace.
fn own(key: &str, value: &str) -> wire::KeyValue {
    wire::KeyValue {
        key: key.into(),
        ns: ":automl".into(),
        value: Some(value.into()),
        proto: None,
    }
}

#[tokio::test]
async fn a_lost_trial_is_given_to_another_client_where_the_metadata_ask_for_it() {
    let desk = Desk::new();
    let mut spec = spec();
    spec.metadata = vec![own("lease_s", "0.001"), own("retries", "1")];
    make(&desk, spec.encode_to_vec()).await.unwrap();
    let mut ids = Vec::new();
    for client in ["one", "two", "three"] {
        ids.push(ask(&desk, client, 1).await.remove(0).id);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(ids, ["1", "1", "2"]);
}

#[tokio::test]
async fn a_search_begins_at_the_default_values() {
    let desk = Desk::new();
    let mut spec = spec();
    let default_value = Some(wire::DoubleValue { value: 0.75 });
    if let Some(x) = &mut spec.parameters[1].double_value_spec {
        x.default_value = default_value;
    }
    make(&desk, spec.encode_to_vec()).await.unwrap();
    let trials = ask(&desk, "one", 2).await;
    let x = |trial: &wire::Trial| {
        let mut parameters = trial.parameters.iter();
        let x = parameters.find(|own| own.parameter_id == "x");
        x.and_then(|own| own.value.as_ref()?.number_value)
    };
    assert_eq!(x(&trials[0]), Some(0.75));
    assert_ne!(x(&trials[1]), Some(0.75));
}

#[tokio::test]
async fn specs_that_make_no_sense_are_refused_by_name() {
    type Spoil = fn(&mut wire::StudySpec);
    let cases: &[(Spoil, &str)] = &[
        (|spec| spec.metrics.clear(), "objective"),
        (|spec| spec.metrics[0].goal = 0, "loss"),
        (|spec| spec.metrics.push(spec.metrics[0].clone()), "loss"),
        (
            |spec| {
                spec.metrics[0].safety_config = Some(wire::SafetyConfig {
                    safety_threshold: 1.0,
                    desired_min_safe_trials_fraction: Some(0.5),
                });
            },
            "desired_min_safe_trials_fraction",
        ),
        (|spec| spec.algorithm = "EAGLE_STRATEGY".into(), "EAGLE"),
        (
            |spec| {
                spec.algorithm = "CMA_ES".into();
                spec.metrics.push(spec.metrics[0].clone());
                spec.metrics[1].metric_id = "size".into();
            },
            "NSGA2",
        ),
        (|spec| spec.metadata.push(own("retries", "often")), "often"),
        (|spec| spec.metadata.push(own("lease_s", "0")), "lease_s"),
        (|spec| spec.parameters.push(float("x", 0.0, 1.0)), "'x'"),
        (
            |spec| spec.parameters.push(float("rate", 0.0, 1.0)),
            "'rate'",
        ),
        (|spec| spec.parameters.push(float("y", 1.0, 0.0)), "'y'"),
        (|spec| spec.parameters[1].scale_type = 2, "'x'"),
        (|spec| spec.parameters[1].double_value_spec = None, "'x'"),
        (
            |spec| {
                let child = below(float("z", 0.0, 1.0), &["a"]);
                spec.parameters[1].conditional_parameter_specs.push(child);
            },
            "'x'",
        ),
        (
            |spec| {
                let child = below(float("z", 0.0, 1.0), &["d"]);
                spec.parameters[0].conditional_parameter_specs.push(child);
            },
            "'kind'",
        ),
    ];
    for (spoil, named) in cases {
        let mut spec = spec();
        spoil(&mut spec);
        let desk = Desk::new();
        let (code, told) = make(&desk, spec.encode_to_vec()).await.unwrap_err();
        assert_eq!(code, Code::InvalidArgument);
        assert!(told.replace("%27", "'").contains(named), "{named}: {told}");
        let (_, left) = desk.call("GET", "/api/studies", &Value::Null).await;
        assert_eq!(left, json!({ "studies": [] }));
    }
}

/// What another server of Vizier keeps of a trial.
fn elsewhere(id: i64, state: TrialState, x: f64, last: Option<Vec<u8>>) -> (i64, Vec<u8>) {
    let trial = wire::Trial {
        name: format!("{STUDY}/trials/{id}"),
        id: id.to_string(),
        state: state.into(),
        parameters: vec![
            parameter("kind", None, Some("c")),
            parameter("rate", Some(5.5), None),
            parameter("x", Some(x), None),
        ],
        final_measurement: last,
        measurements: vec![measured(1, 3.0)],
        start_time: Some(wire::Timestamp {
            seconds: 1_700_000_000,
            nanos: 0,
        }),
        end_time: Some(wire::Timestamp {
            seconds: 1_700_000_060,
            nanos: 0,
        }),
        client_id: "w".into(),
        metadata: vec![wire::KeyValue {
            key: "k".into(),
            ns: String::new(),
            value: Some("v".into()),
            proto: None,
        }],
        ..wire::Trial::default()
    };
    (id, trial.encode_to_vec())
}

fn another_server(spec: &wire::StudySpec, trials: Vec<(i64, Vec<u8>)>) -> VizierStudy {
    let study = wire::Study {
        name: STUDY.into(),
        display_name: "s".into(),
        study_spec: Some(spec.encode_to_vec()),
        ..wire::Study::default()
    };
    VizierStudy {
        name: STUDY.into(),
        study: study.encode_to_vec(),
        trials,
    }
}

#[tokio::test]
async fn studies_of_another_server_go_on_here() {
    let desk = Desk::new();
    let take = |told: &VizierStudy| {
        let told = told.clone();
        desk.app.db.write(move |sql| put(sql, &told))
    };
    let done = elsewhere(1, TrialState::Succeeded, 0.5, Some(measured(2, 1.5)));
    let active = elsewhere(4, TrialState::Active, 0.25, None);
    let counts = take(&another_server(&spec(), vec![done.clone(), active.clone()]))
        .await
        .unwrap();
    assert_eq!((counts.n_studies, counts.n_trials), (1, 2));

    let ask_all = wire::ListTrialsRequest {
        parent: STUDY.into(),
    };
    let listed: wire::ListTrialsResponse = call(&desk, "ListTrials", &ask_all).await.unwrap();
    // Trials 2 and 3 were deleted there, and their ids stay unused.
    let wanted: Vec<wire::Trial> = [&done, &active]
        .map(|(_, bytes)| wire::Trial::decode(&bytes[..]).unwrap())
        .into();
    let mut unended = wanted[1].clone();
    unended.end_time = None;
    assert_eq!(listed.trials, [wanted[0].clone(), unended]);
    // Whoever ran a trial there runs it here.
    assert_eq!(ask(&desk, "w", 1).await[0].id, "4");
    assert_eq!(ask(&desk, "v", 1).await[0].id, "5");

    let ended = elsewhere(4, TrialState::Succeeded, 0.25, Some(measured(2, 0.5)));
    let counts = take(&another_server(&spec(), vec![done.clone(), ended.clone()]))
        .await
        .unwrap();
    assert_eq!((counts.n_trials, counts.n_ended, counts.n_there), (0, 1, 1));
    let listed: wire::ListTrialsResponse = call(&desk, "ListTrials", &ask_all).await.unwrap();
    assert_eq!(listed.trials[1], wire::Trial::decode(&ended.1[..]).unwrap());
    assert_eq!(listed.trials.len(), 3);
}

#[tokio::test]
async fn another_study_of_the_same_name_is_left_alone() {
    let desk = started().await;
    let take = |told: VizierStudy| desk.app.db.write(move |sql| put(sql, &told));
    let mut other = spec();
    other.parameters.pop();
    assert!(matches!(
        take(another_server(&other, Vec::new())).await,
        Err(Put::Another)
    ));
    let first = elsewhere(1, TrialState::Infeasible, 0.5, None);
    take(another_server(&spec(), vec![first])).await.unwrap();
    let odd = elsewhere(1, TrialState::Infeasible, 0.75, None);
    assert!(matches!(
        take(another_server(&spec(), vec![odd])).await,
        Err(Put::Another)
    ));
    let outside = elsewhere(2, TrialState::Infeasible, 7.0, None);
    assert!(matches!(
        take(another_server(&spec(), vec![outside])).await,
        Err(Put::Refused(_))
    ));
}
