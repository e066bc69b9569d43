//! Trials whose client is gone, and what clients hear that come back.

use super::lost::Search;
use super::wire;
use crate::studies::tests::grpc;
use crate::tests::Desk;
use automl_store::args;
use prost::Message;
use serde_json::Value;
use std::time::Duration;
use tonic::Code;

const HOUR: Duration = Duration::from_hours(1);

async fn call<Answer: Message + Default>(
    desk: &Desk,
    name: &str,
    ask: &impl Message,
) -> Result<Answer, (Code, String)> {
    grpc(desk, &format!("/optuna.StorageService/{name}"), ask).await
}

async fn study(desk: &Desk) -> i64 {
    let ask = wire::CreateNewStudyRequest {
        directions: vec![wire::StudyDirection::Minimize.into()],
        study_name: "s".into(),
    };
    let made: Result<wire::CreateNewStudyReply, _> = call(desk, "CreateNewStudy", &ask).await;
    made.unwrap().study_id
}

/// A trial that a client has begun.
async fn begun(desk: &Desk, study_id: i64) -> i64 {
    let ask = wire::CreateNewTrialRequest {
        study_id,
        template_trial_is_none: true,
        ..Default::default()
    };
    let made: Result<wire::CreateNewTrialReply, _> = call(desk, "CreateNewTrial", &ask).await;
    made.unwrap().trial_id
}

async fn shown(desk: &Desk, trial_id: i64) -> wire::Trial {
    let ask = wire::GetTrialRequest { trial_id };
    let got: Result<wire::GetTrialReply, _> = call(desk, "GetTrial", &ask).await;
    got.unwrap().trial.unwrap()
}

/// One look for lost trials, on a thread that may wait.
async fn look(mut search: Search) -> (Search, Vec<i64>) {
    let looked = tokio::task::spawn_blocking(move || {
        let lost = search.look().unwrap();
        (search, lost)
    });
    looked.await.unwrap()
}

/// As if nothing had been heard of a trial since 1970.
async fn silence(desk: &Desk, trial_id: i64) {
    let silenced = desk.app.db.write(move |sql| {
        let n_silenced = sql.execute(
            "UPDATE trials SET expires_ms = 1 WHERE id = ?1 AND expires_ms IS NOT NULL",
            args![trial_id],
        )?;
        Ok::<_, automl_store::db::DbError>(n_silenced)
    });
    assert_eq!(silenced.await.unwrap(), 1, "it is looked after");
}

#[tokio::test]
async fn a_trial_whose_client_is_silent_for_too_long_has_failed_and_stays_so() {
    let desk = Desk::new();
    let study_id = study(&desk).await;
    let (trial_id, other) = (begun(&desk, study_id).await, begun(&desk, study_id).await);
    let (search, lost) = look(Search::new(desk.app.db.clone(), HOUR)).await;
    assert!(lost.is_empty());
    silence(&desk, trial_id).await;
    let (search, lost) = look(search).await;
    assert_eq!(lost, [trial_id]);
    let (_, lost) = look(search).await;
    assert!(lost.is_empty(), "it is lost once");
    let failed = shown(&desk, trial_id).await;
    assert_eq!(failed.state(), wire::TrialState::Fail);
    assert!(!failed.datetime_complete.is_empty());
    assert_eq!(shown(&desk, other).await.state(), wire::TrialState::Running);
    // What clients understand as `UpdateFinishedTrialError`.
    let complete = wire::SetTrialStateValuesRequest {
        trial_id,
        state: wire::TrialState::Complete.into(),
        values: vec![1.0],
    };
    let measure = wire::SetTrialIntermediateValueRequest {
        trial_id,
        step: 1,
        intermediate_value: 1.0,
    };
    let refused = [
        call::<()>(&desk, "SetTrialStateValues", &complete).await,
        call::<()>(&desk, "SetTrialIntermediateValue", &measure).await,
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().0, Code::FailedPrecondition);
    }
    assert_eq!(shown(&desk, trial_id).await, failed);
    let (_, log) = desk
        .call("GET", "/api/studies/s/events", &Value::Null)
        .await;
    let events = log["events"].as_array().unwrap().iter();
    let n_failed = events.filter(|event| event["what"] == "failed").count();
    assert_eq!(n_failed, 1);
}

#[tokio::test]
async fn whatever_a_client_asks_or_tells_of_its_trial_is_a_sign_of_life() {
    let desk = Desk::new();
    let study_id = study(&desk).await;
    let trial_id = begun(&desk, study_id).await;
    let (mut search, _) = look(Search::new(desk.app.db.clone(), HOUR)).await;
    let param = wire::SetTrialParameterRequest {
        trial_id,
        param_name: "x".into(),
        param_value_internal: 0.5,
        distribution: r#"{"name": "FloatDistribution", "attributes": {"low": 0.0, "high": 1.0, "log": false, "step": null}}"#.into(),
    };
    let measure = wire::SetTrialIntermediateValueRequest {
        trial_id,
        step: 1,
        intermediate_value: 1.0,
    };
    let user = wire::SetTrialUserAttributeRequest {
        trial_id,
        key: "k".into(),
        value: "1".into(),
    };
    let system = wire::SetTrialSystemAttributeRequest {
        trial_id,
        key: "k".into(),
        value: "1".into(),
    };
    let get = wire::GetTrialRequest { trial_id };
    for said in 0..5 {
        silence(&desk, trial_id).await;
        let answered = match said {
            0 => call::<()>(&desk, "SetTrialParameter", &param).await,
            1 => call::<()>(&desk, "SetTrialIntermediateValue", &measure).await,
            2 => call::<()>(&desk, "SetTrialUserAttribute", &user).await,
            3 => call::<()>(&desk, "SetTrialSystemAttribute", &system).await,
            _ => call::<()>(&desk, "GetTrial", &get).await,
        };
        answered.unwrap();
        let (searched, lost) = look(search).await;
        assert!(lost.is_empty(), "call {said} is no sign of life");
        search = searched;
    }
    // A look at all trials, as others take it, is none.
    silence(&desk, trial_id).await;
    let all = wire::GetTrialsRequest {
        study_id,
        included_trial_ids: vec![trial_id],
        trial_id_greater_than: -1,
    };
    let got: Result<wire::GetTrialsReply, _> = call(&desk, "GetTrials", &all).await;
    assert_eq!(got.unwrap().trials.len(), 1);
    assert_eq!(look(search).await.1, [trial_id]);
}

#[tokio::test]
async fn a_waiting_trial_is_looked_after_once_somebody_runs_it() {
    let desk = Desk::new();
    let study_id = study(&desk).await;
    let (search, _) = look(Search::new(desk.app.db.clone(), HOUR)).await;
    let waits = wire::CreateNewTrialRequest {
        study_id,
        template_trial: Some(wire::Trial {
            state: wire::TrialState::Waiting.into(),
            ..Default::default()
        }),
        template_trial_is_none: false,
    };
    let made: Result<wire::CreateNewTrialReply, _> = call(&desk, "CreateNewTrial", &waits).await;
    let trial_id = made.unwrap().trial_id;
    let run = wire::SetTrialStateValuesRequest {
        trial_id,
        state: wire::TrialState::Running.into(),
        values: Vec::new(),
    };
    call::<()>(&desk, "SetTrialStateValues", &run)
        .await
        .unwrap();
    silence(&desk, trial_id).await;
    assert_eq!(look(search).await.1, [trial_id]);
}

#[tokio::test]
async fn a_server_that_starts_gives_running_trials_the_whole_time() {
    let desk = Desk::new();
    let study_id = study(&desk).await;
    let trial_id = begun(&desk, study_id).await;
    look(Search::new(desk.app.db.clone(), HOUR)).await;
    silence(&desk, trial_id).await;
    // Nobody could call while no server was there.
    let (search, lost) = look(Search::new(desk.app.db.clone(), HOUR)).await;
    assert!(lost.is_empty());
    silence(&desk, trial_id).await;
    assert_eq!(look(search).await.1, [trial_id]);
}

#[tokio::test]
async fn without_a_time_a_trial_runs_for_as_long_as_it_takes() {
    let desk = Desk::new();
    let study_id = study(&desk).await;
    let trial_id = begun(&desk, study_id).await;
    shown(&desk, trial_id).await;
    let (_, seen) = desk
        .call("GET", "/api/studies/s/trials/0", &Value::Null)
        .await;
    assert_eq!(seen["trial"]["expires_ms"], Value::Null);
}
