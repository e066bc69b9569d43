//! Asking and telling in JSON, and who may tell of whose trials.

use super::optuna::wire;
use crate::tests::Desk;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use prost::Message;
use serde_json::{Value, json};
use tonic::Code;
use tower::ServiceExt;

/// Calls as a client of gRPC does: a message with its length in front, and a status behind.
pub(super) async fn grpc<Answer: Message + Default>(
    desk: &Desk,
    path: &str,
    ask: &impl Message,
) -> Result<Answer, (Code, String)> {
    let bytes = ask.encode_to_vec();
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    let request = Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::from([&[0][..], &length, &bytes].concat()))
        .unwrap();
    let answer = desk.router().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let headers = answer.headers().clone();
    let collected = answer.into_body().collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or(headers);
    let code = trailers["grpc-status"].to_str().unwrap();
    let told = trailers.get("grpc-message");
    let told = told.map_or("", |told| told.to_str().unwrap()).to_owned();
    match Code::from_bytes(code.as_bytes()) {
        Code::Ok => Ok(Answer::decode(&collected.to_bytes()[5..]).unwrap()),
        code => Err((code, told)),
    }
}

fn space() -> Value {
    json!({ "parameters": [
        { "name": "x", "type": "float", "low": 0.0, "high": 1.0 },
        { "name": "kind", "type": "categorical", "values": ["a", "b"] },
        { "name": "depth", "type": "integer", "low": 1, "high": 9, "when": [{ "parameter": "kind", "values": ["b"] }] },
    ]})
}

fn spec(name: &str) -> Value {
    json!({ "name": name, "space": space(), "objectives": [{ "name": "loss" }], "algorithm": { "name": "random" }, "seed": 3 })
}

async fn make(desk: &Desk, spec: &Value) {
    let (status, answer) = desk.call("POST", "/api/studies", spec).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

async fn ask(desk: &Desk, name: &str, ask: Value) -> Vec<Value> {
    let path = format!("/api/studies/{name}/suggest");
    let (status, answer) = desk.call("POST", &path, &ask).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["trials"].as_array().unwrap().clone()
}

/// The status and code that a request is refused with.
async fn refused(desk: &Desk, method: &str, path: &str, body: Value) -> (u16, String) {
    let (status, answer) = desk.call(method, path, &body).await;
    let code = answer["error_code"].as_str().unwrap_or_default();
    (status.as_u16(), code.to_owned())
}

#[tokio::test]
async fn a_study_is_asked_told_and_has_a_best() {
    let desk = Desk::new();
    make(&desk, &spec("s")).await;
    for _ in 0..10 {
        let trial = ask(&desk, "s", json!({ "client": "one" })).await.remove(0);
        assert_eq!(trial["state"], "running");
        let has_depth = trial["params"].get("depth").is_some();
        assert_eq!(has_depth, trial["params"]["kind"] == "b");
        let x = trial["params"]["x"].as_f64().unwrap();
        let path = format!("/api/studies/s/trials/{}", trial["number"]);
        let step = json!({ "step": 1, "values": { "loss": x + 1.0 } });
        let (_, measured) = desk.call("POST", &format!("{path}/measure"), &step).await;
        assert_eq!(measured, json!({ "should_stop": false }));
        let told = json!({ "values": { "loss": x } });
        let (status, answer) = desk.call("POST", &format!("{path}/tell"), &told).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(answer["trial"]["state"], "complete");
    }
    let (_, best) = desk.call("GET", "/api/studies/s/best", &Value::Null).await;
    let (_, all) = desk
        .call("GET", "/api/studies/s/trials?state=complete", &Value::Null)
        .await;
    let losses = all["trials"].as_array().unwrap().iter();
    let least = losses
        .map(|trial| trial["values"]["loss"].as_f64().unwrap())
        .fold(9.0, f64::min);
    assert_eq!(best["trials"][0]["values"]["loss"], json!(least));
    let (_, events) = desk
        .call("GET", "/api/studies/s/events?since=30", &Value::Null)
        .await;
    assert_eq!(events["events"][0]["what"], "complete");
}

#[tokio::test]
async fn the_same_seed_and_log_give_the_same_trials() {
    let mut found = Vec::new();
    for algorithm in ["auto", "tpe", "auto", "tpe"] {
        let desk = Desk::new();
        let mut spec = spec("s");
        spec["algorithm"] = json!({ "name": algorithm });
        make(&desk, &spec).await;
        let mut points = Vec::new();
        for _ in 0..6 {
            for trial in ask(&desk, "s", json!({ "count": 2 })).await {
                let path = format!("/api/studies/s/trials/{}/tell", trial["number"]);
                let value = trial["params"]["x"].as_f64().unwrap();
                desk.call("POST", &path, &json!({ "value": value })).await;
                points.push(trial["params"].clone());
            }
        }
        found.push(points);
    }
    assert_eq!(found[0], found[2]);
    assert_eq!(found[1], found[3]);
}

#[tokio::test]
async fn a_request_asked_again_is_answered_as_before() {
    let desk = Desk::new();
    make(&desk, &spec("s")).await;
    let request = json!({ "count": 3, "request_id": "r" });
    let first = ask(&desk, "s", request.clone()).await;
    assert_eq!(ask(&desk, "s", request).await, first);
    let told = json!({ "value": 0.5, "request_id": "t" });
    for _ in 0..2 {
        let (status, _) = desk
            .call("POST", "/api/studies/s/trials/0/tell", &told)
            .await;
        assert_eq!(status, StatusCode::OK);
    }
    let told = json!({ "value": 0.25, "request_id": "r" });
    let (status, answer) = desk
        .call("POST", "/api/studies/s/trials/1/tell", &told)
        .await;
    assert_eq!(
        (status, &answer["trial"]["values"]["loss"]),
        (StatusCode::OK, &json!(0.25)),
        "a trial that was asked for under the same name has not ended by that"
    );
}

#[tokio::test]
async fn a_point_added_again_by_the_same_request_is_added_once() {
    let desk = Desk::new();
    make(&desk, &spec("s")).await;
    ask(&desk, "s", json!({ "request_id": "r" })).await;
    let add = async |body: Value| {
        let (status, answer) = desk.call("POST", "/api/studies/s/trials", &body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["trial"].clone()
    };
    let point = json!({ "params": { "x": 0.25, "kind": "a" }, "request_id": "r" });
    let first = add(point.clone()).await;
    assert_eq!(
        (&first["number"], &first["state"]),
        (&json!(1), &json!("waiting")),
        "another trial that was asked for under the same name is none that was added"
    );
    assert_eq!(add(point.clone()).await, first);
    let given = ask(&desk, "s", json!({})).await.remove(0);
    assert_eq!(given["number"], 1);
    assert_eq!(add(point.clone()).await, given, "as it is by then");
    let known = json!({ "params": { "x": 0.5, "kind": "a" }, "value": 0.1, "request_id": "k" });
    for _ in 0..2 {
        assert_eq!(add(known.clone()).await["number"], 2);
    }
    let unnamed = json!({ "params": { "x": 0.25, "kind": "a" } });
    for number in 3..5 {
        assert_eq!(add(unnamed.clone()).await["number"], number);
    }
}

#[tokio::test]
async fn ones_own_points_come_first() {
    let desk = Desk::new();
    make(&desk, &spec("s")).await;
    let own = json!({ "params": { "x": 0.25, "kind": "a" } });
    desk.call("POST", "/api/studies/s/trials", &own).await;
    let known = json!({ "params": { "x": 0.5, "kind": "a" }, "value": 0.1 });
    let (_, known) = desk.call("POST", "/api/studies/s/trials", &known).await;
    assert_eq!(known["trial"]["state"], "complete");
    let given = ask(&desk, "s", json!({ "count": 2 })).await;
    assert_eq!(given[0]["params"], own["params"]);
    let (_, best) = desk.call("GET", "/api/studies/s/best", &Value::Null).await;
    assert_eq!(best["trials"][0]["number"], 1);
}

#[tokio::test]
async fn a_lost_trial_is_given_out_again() {
    let desk = Desk::new();
    let mut short = spec("s");
    short["lease_s"] = json!(0.001);
    short["retries"] = json!(1);
    make(&desk, &short).await;
    let first = ask(&desk, "s", json!({ "client": "gone" })).await.remove(0);
    std::thread::sleep(std::time::Duration::from_millis(20));
    let again = ask(&desk, "s", json!({ "client": "here" })).await.remove(0);
    assert_eq!(again["params"], first["params"]);
    assert_eq!(
        (&again["client"], &again["n_lost"]),
        (&json!("here"), &json!(1))
    );
    let beat = json!({ "client": "gone" });
    let gone = refused(&desk, "POST", "/api/studies/s/trials/0/heartbeat", beat).await;
    assert_eq!(gone, (409, "study-trial-not-held".into()));
    std::thread::sleep(std::time::Duration::from_millis(20));
    let other = ask(&desk, "s", json!({})).await.remove(0);
    assert_eq!(other["number"], 1);
    let (_, lost) = desk
        .call("GET", "/api/studies/s/trials/0", &Value::Null)
        .await;
    assert_eq!(lost["trial"]["note"], "its worker was lost");
}

#[tokio::test]
async fn a_bad_trial_is_asked_to_end() {
    let desk = Desk::new();
    let mut stopped = spec("s");
    stopped["stopping"] = json!({ "name": "median" });
    make(&desk, &stopped).await;
    let mut answer = Value::Null;
    for number in 0..12 {
        ask(&desk, "s", json!({})).await;
        let path = format!("/api/studies/s/trials/{number}");
        for step in 1..=5 {
            let value = if number == 11 {
                100.0
            } else {
                f64::from(number)
            };
            let measured = json!({ "step": step, "value": value });
            answer = desk
                .call("POST", &format!("{path}/measure"), &measured)
                .await
                .1;
        }
        if number < 11 {
            desk.call(
                "POST",
                &format!("{path}/tell"),
                &json!({ "value": f64::from(number) }),
            )
            .await;
        }
    }
    assert_eq!(answer, json!({ "should_stop": true }));
    let pruned = json!({ "state": "pruned" });
    let (_, told) = desk
        .call("POST", "/api/studies/s/trials/11/tell", &pruned)
        .await;
    assert_eq!(told["trial"]["state"], "pruned");
}

#[expect(clippy::too_many_lines, reason = "a list of cases")]
#[tokio::test]
async fn what_is_wrong_has_a_name_and_the_study_goes_on() {
    let desk = Desk::new();
    make(&desk, &spec("s")).await;
    ask(&desk, "s", json!({ "count": 2 })).await;
    let trial = "/api/studies/s/trials/0";
    let tell = format!("{trial}/tell");
    let measure = format!("{trial}/measure");
    let cases = [
        ("POST", "/api/studies", spec("s"), 409, "study-exists"),
        (
            "GET",
            "/api/studies/none",
            Value::Null,
            404,
            "study-missing",
        ),
        (
            "POST",
            "/api/studies/none/suggest",
            json!({}),
            404,
            "study-missing",
        ),
        (
            "POST",
            "/api/studies/s/suggest",
            json!({ "count": 0 }),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "/api/studies/s/trials/77/tell",
            json!({ "value": 1 }),
            404,
            "study-trial-unknown",
        ),
        (
            "POST",
            &tell,
            json!({ "value": "NaN" }),
            400,
            "study-value-not-finite",
        ),
        (
            "POST",
            &tell,
            json!({ "values": [1, 2] }),
            400,
            "study-value-count",
        ),
        (
            "POST",
            &tell,
            json!({ "values": { "los": 1 } }),
            400,
            "study-objective-unknown",
        ),
        (
            "POST",
            &tell,
            json!({ "state": "running" }),
            400,
            "study-setting",
        ),
        (
            "POST",
            &measure,
            json!({ "step": -1, "value": 1 }),
            400,
            "study-setting",
        ),
        (
            "POST",
            &measure,
            json!({ "step": 1, "value": "inf" }),
            400,
            "study-value-not-finite",
        ),
        (
            "POST",
            "/api/studies/s/trials",
            json!({ "params": { "xx": 1 } }),
            400,
            "study-parameter-unknown",
        ),
        (
            "POST",
            "/api/studies/s/trials",
            json!({ "params": { "x": 7.0, "kind": "a" } }),
            400,
            "study-parameter-invalid",
        ),
    ];
    for (method, path, body, status, code) in cases {
        let found = refused(&desk, method, path, body.clone()).await;
        assert_eq!(found, (status, code.to_owned()), "{method} {path} {body}");
    }
    let parameter = |parameter: Value| {
        let mut other = spec("other");
        other["space"] = json!({ "parameters": [parameter] });
        other
    };
    let reversed = parameter(json!({ "name": "x", "type": "float", "low": 1.0, "high": 0.0 }));
    let log = parameter(
        json!({ "name": "x", "type": "float", "low": -1.0, "high": 1.0, "scale": "log" }),
    );
    let mut later = spec("other");
    later["space"]["parameters"]
        .as_array_mut()
        .unwrap()
        .reverse();
    let mut unknown = spec("other");
    unknown["algoritm"] = json!({});
    let mut none = spec("other");
    none["objectives"] = json!([]);
    let mut several = spec("other");
    several["objectives"] = json!([{ "name": "loss" }, { "name": "size" }]);
    several["algorithm"] = json!({ "name": "cma_es" });
    let mut unruled = spec("other");
    let rule = json!({ "name": "threshold", "objective": "los", "upper": 1 });
    unruled["stopping"] = json!({ "name": "patient", "rule": rule });
    for (body, code) in [
        (several, "study-algorithm-objectives"),
        (unruled, "study-objective-unknown"),
        (reversed, "space-domain-invalid"),
        (log, "space-domain-invalid"),
        (later, "space-condition-later"),
        (unknown, "study-spec"),
        (none, "study-objective-missing"),
    ] {
        let found = refused(&desk, "POST", "/api/studies", body.clone()).await;
        assert_eq!(found, (400, code.to_owned()), "{body}");
    }
    desk.call("POST", &tell, &json!({ "value": 0.5 })).await;
    let twice = refused(&desk, "POST", &tell, json!({ "value": 0.6 })).await;
    assert_eq!(twice, (409, "study-trial-finished".into()));
    desk.call("PATCH", "/api/studies/s", &json!({ "state": "completed" }))
        .await;
    let closed = refused(&desk, "POST", "/api/studies/s/suggest", json!({})).await;
    assert_eq!(closed, (409, "study-closed".into()));
    let (_, best) = desk.call("GET", "/api/studies/s/best", &Value::Null).await;
    assert_eq!(best["trials"][0]["values"], json!({ "loss": 0.5 }));
    let (status, _) = desk.call("DELETE", "/api/studies/s", &Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let (_, left) = desk.call("GET", "/api/studies", &Value::Null).await;
    assert_eq!(left, json!({ "studies": [] }));
}

#[tokio::test]
async fn clients_of_optuna_cannot_touch_trials_of_other_studies() {
    let desk = Desk::new();
    make(&desk, &spec("s")).await;
    ask(&desk, "s", json!({})).await;
    let (_, before) = desk
        .call("GET", "/api/studies/s/trials", &Value::Null)
        .await;
    let trial_id = 1;
    let path = |name: &str| format!("/optuna.StorageService/{name}");
    let set = wire::SetTrialStateValuesRequest {
        trial_id,
        state: wire::TrialState::Complete.into(),
        values: vec![1.0],
    };
    let measure = wire::SetTrialIntermediateValueRequest {
        trial_id,
        step: 1,
        intermediate_value: 1.0,
    };
    let tag = wire::SetTrialUserAttributeRequest {
        trial_id,
        key: "k".into(),
        value: "1".into(),
    };
    let get = wire::GetTrialRequest { trial_id };
    let codes = [
        grpc::<()>(&desk, &path("SetTrialStateValues"), &set).await,
        grpc::<()>(&desk, &path("SetTrialIntermediateValue"), &measure).await,
        grpc::<()>(&desk, &path("SetTrialUserAttribute"), &tag).await,
        grpc::<()>(&desk, &path("GetTrial"), &get).await,
    ];
    for refused in codes {
        assert_eq!(refused.unwrap_err().0, Code::InvalidArgument);
    }
    let (_, after) = desk
        .call("GET", "/api/studies/s/trials", &Value::Null)
        .await;
    assert_eq!(after, before);
    let missing = wire::GetTrialRequest { trial_id: 77 };
    let missing = grpc::<()>(&desk, &path("GetTrial"), &missing).await;
    assert_eq!(missing.unwrap_err().0, Code::NotFound);
}

/// A study of the distance from a place, searched already.
async fn searched(desk: &Desk, name: &str, best: f64) {
    let mut spec = spec(name);
    spec["algorithm"] = json!({ "name": "sobol" });
    make(desk, &spec).await;
    for _ in 0..24 {
        let trial = ask(desk, name, json!({})).await.remove(0);
        let x = trial["params"]["x"].as_f64().unwrap();
        let path = format!("/api/studies/{name}/trials/{}/tell", trial["number"]);
        desk.call("POST", &path, &json!({ "value": (x - best).powi(2) }))
            .await;
    }
}

#[tokio::test]
async fn a_study_begins_with_what_earlier_ones_found() {
    let desk = Desk::new();
    searched(&desk, "earlier", 0.3).await;
    let mut warm = spec("warm");
    warm["algorithm"] = json!({ "name": "auto" });
    warm["warm_start"] = json!(["earlier"]);
    make(&desk, &warm).await;
    let first = ask(&desk, "warm", json!({})).await.remove(0);
    let x = first["params"]["x"].as_f64().unwrap();
    assert!(
        (x - 0.3).abs() < 0.05,
        "its first trial is the best of the earlier study: {x}"
    );
    // What becomes of the earlier study changes nothing.
    let mut again = warm.clone();
    again["name"] = json!("again");
    make(&desk, &again).await;
    let (status, _) = desk
        .call("DELETE", "/api/studies/earlier", &Value::Null)
        .await;
    assert_eq!(status, StatusCode::OK);
    let other = ask(&desk, "again", json!({})).await.remove(0);
    assert_eq!(other["params"], first["params"]);
    let (_, shown) = desk.call("GET", "/api/studies/warm", &Value::Null).await;
    assert_eq!(shown["study"]["spec"]["warm_start"], json!(["earlier"]));
}

#[tokio::test]
async fn parameters_are_matched_by_name_and_kind() {
    let desk = Desk::new();
    searched(&desk, "earlier", 0.3).await;
    let wider = json!({ "name": "wider", "objectives": [{ "name": "loss" }], "algorithm": { "name": "gp" }, "warm_start": ["earlier"], "space": { "parameters": [
        { "name": "x", "type": "float", "low": -1.0, "high": 2.0 },
        { "name": "kind", "type": "float", "low": 0.0, "high": 1.0 },
        { "name": "new", "type": "integer", "low": 1, "high": 9, "default": 4 },
    ]}});
    make(&desk, &wider).await;
    let trial = ask(&desk, "wider", json!({})).await.remove(0);
    let x = trial["params"]["x"].as_f64().unwrap();
    assert!((x - 0.3).abs() < 0.05, "{x}");
    assert_eq!(
        trial["params"]["kind"],
        json!(0.5),
        "a text is no number, so it stands in the middle"
    );
    assert_eq!(trial["params"]["new"], json!(4), "its default");
}

#[tokio::test]
async fn a_study_that_nothing_can_be_learned_from_is_an_error() {
    let desk = Desk::new();
    searched(&desk, "earlier", 0.3).await;
    make(&desk, &spec("empty")).await;
    let warm = |names: Value, algorithm: &str, parameter: Value, objectives: Value| {
        json!({
            "name": "s", "objectives": objectives, "algorithm": { "name": algorithm }, "warm_start": names, "space": { "parameters": [parameter] },
        })
    };
    let x = json!({ "name": "x", "type": "float", "low": 0.0, "high": 1.0 });
    let loss = json!([{ "name": "loss" }]);
    let other = json!({ "name": "y", "type": "float", "low": 0.0, "high": 1.0 });
    let text = json!({ "name": "x", "type": "categorical", "values": ["a"] });
    let far = json!({ "name": "x", "type": "float", "low": 5.0, "high": 6.0 });
    let two = json!([{ "name": "a" }, { "name": "b" }]);
    for (body, code) in [
        (
            warm(json!(["none"]), "auto", x.clone(), loss.clone()),
            "study-missing",
        ),
        (
            warm(json!(["empty"]), "auto", x.clone(), loss.clone()),
            "study-warm-start",
        ),
        (
            warm(json!(["earlier"]), "auto", other, loss.clone()),
            "study-warm-start",
        ),
        (
            warm(json!(["earlier"]), "auto", text, loss.clone()),
            "study-warm-start",
        ),
        (
            warm(json!(["earlier"]), "auto", far, loss.clone()),
            "study-warm-start",
        ),
        (
            warm(json!(["earlier"]), "auto", x.clone(), two),
            "study-warm-start",
        ),
        (
            warm(json!(["earlier"]), "random", x.clone(), loss.clone()),
            "study-setting",
        ),
        (
            warm(json!(["earlier", "earlier"]), "auto", x, loss),
            "study-setting",
        ),
    ] {
        let (_, found) = refused(&desk, "POST", "/api/studies", body.clone()).await;
        assert_eq!(found, code, "{body}");
    }
    let (status, _) = desk.call("GET", "/api/studies/s", &Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "nothing was made");
}

#[tokio::test]
async fn only_whoever_holds_a_trial_tells_of_it_and_gives_it_up() {
    let desk = Desk::new();
    let mut spec = spec("s");
    spec["run"] = json!({ "command": "true" });
    make(&desk, &spec).await;
    let (_, joined) = desk.call("POST", "/api/studies/s/join", &json!({})).await;
    assert_eq!(joined["study"]["spec"]["lease_s"], 60.0);
    ask(
        &desk,
        "s",
        json!({ "client": "a", "limit": 1, "ends": true }),
    )
    .await;
    let none = ask(&desk, "s", json!({ "client": "b", "limit": 1 })).await;
    assert!(none.is_empty(), "the study has as many trials as it may");
    let at = |what: &str| format!("/api/studies/s/trials/0/{what}");
    let held = |code: &str| (409, code.to_owned());
    for (what, body) in [
        ("measure", json!({ "client": "b", "step": 1, "value": 2.0 })),
        ("tell", json!({ "client": "b", "value": 2.0 })),
        ("release", json!({ "client": "b" })),
    ] {
        let told = refused(&desk, "POST", &at(what), body).await;
        assert_eq!(told, held("study-trial-not-held"), "{what}");
    }
    let measure = json!({ "client": "a", "step": 1, "value": 2.0 });
    let (status, _) = desk.call("POST", &at("measure"), &measure).await;
    assert_eq!(status, StatusCode::OK);
    desk.call("POST", &at("release"), &json!({ "client": "a" }))
        .await;
    let again = ask(&desk, "s", json!({ "client": "b", "limit": 1 })).await;
    assert_eq!(
        (&again[0]["number"], &again[0]["n_lost"]),
        (&json!(0), &json!(0))
    );
    let tell = json!({ "client": "b", "value": 1.0, "request_id": "r" });
    for _ in 0..2 {
        let (status, told) = desk.call("POST", &at("tell"), &tell).await;
        assert_eq!(
            (status, &told["trial"]["values"]["loss"]),
            (StatusCode::OK, &json!(1.0))
        );
    }
    let other = json!({ "client": "b", "value": 3.0, "request_id": "s" });
    let told = refused(&desk, "POST", &at("tell"), other).await;
    assert_eq!(told, held("study-trial-finished"));
}
