//! What requests of Vertex AI's protocol want beside predictions, as `parameters`.

use super::wanted::numbers;
use super::*;

const PATH: &str = "/v1/projects/p/locations/l/endpoints/e:predict";

async fn answer(desk: &Desk, body: Value) -> Answer {
    desk.ask(PATH, &[], body.to_string()).await
}

#[tokio::test]
async fn a_threshold_says_which_class_is_predicted() {
    let desk = Desk::endpoint(&[0.25]).await;
    let instances = json!([[0.25, "a"], [0, "a"]]);
    let row = |no: f64, yes: f64| json!({ "classes": ["no", "yes"], "scores": [no, yes] });
    let decided = |mut row: Value, class: &str| {
        row["prediction"] = json!(class);
        row
    };
    for (threshold, classes) in [(0.4, ["yes", "no"]), (0.2, ["yes", "yes"])] {
        let body = json!({ "parameters": { "threshold": threshold }, "instances": instances });
        let found = answer(&desk, body).await.json();
        assert_eq!(
            found["predictions"],
            json!([
                decided(row(0.5, 0.5), classes[0]),
                decided(row(0.75, 0.25), classes[1]),
            ])
        );
    }
    for parameters in [json!(null), json!({}), json!({ "probabilities": true })] {
        let body = json!({ "instances": instances, "parameters": parameters });
        let found = answer(&desk, body).await.json();
        let plain = json!([row(0.5, 0.5), row(0.75, 0.25)]);
        assert_eq!(found["predictions"], plain);
        assert_eq!(found["metadata"], json!({ "endpoint": "e" }));
    }
    let parameters = json!({ "probabilities": false, "threshold": 0.4 });
    let body = json!({ "instances": instances, "parameters": parameters });
    let found = answer(&desk, body).await.json();
    assert_eq!(found["predictions"], json!(["yes", "no"]));
}

#[tokio::test]
async fn what_stands_beside_predictions_is_in_their_metadata() {
    let desk = numbers().await;
    let parameters = json!({ "interval": [0.5, 0.25], "explain": true });
    let body = json!({ "instances": [[1, "a"]], "parameters": parameters });
    let found = answer(&desk, body).await.json();
    assert_eq!(found["predictions"], json!([{ "value": 3.0 }]));
    assert_eq!(
        found["metadata"],
        json!({
            "endpoint": "e",
            "explanation": { "scale": "prediction", "expected": [2.0], "columns": { "x": [1.0] } },
            "intervals": [
                { "coverage": 0.5, "lower": [2.5], "upper": [3.5] },
                { "coverage": 0.25, "lower": [2.75], "upper": [3.25] },
            ],
        })
    );
    assert_eq!(found["deployedModelId"], "v1");
}

#[tokio::test]
async fn parameters_that_make_no_sense_are_refused_by_name() {
    let desk = Desk::endpoint(&[0.25]).await;
    let instances = json!([[0, "a"]]);
    for (parameters, told) in [
        (
            json!({ "temperature": 1 }),
            "'temperature' of parameters is not understood",
        ),
        (json!([1]), "parameters is no object"),
        (json!({ "threshold": 2 }), "a threshold is from 0 to 1"),
        (json!({ "explain": 1 }), "explain is true or false: 1"),
        (json!({ "explain": true }), "the model cannot be explained"),
        (
            json!({ "interval": 0.5 }),
            "the model knows nothing of its errors",
        ),
    ] {
        let body = json!({ "instances": instances, "parameters": parameters });
        let refused = answer(&desk, body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{parameters}");
        let error = &refused.json()["error"];
        assert_eq!(error["status"], "INVALID_ARGUMENT");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(told), "{message}");
    }
    let body = json!({ "instances": instances, "parameters": { "interval": 0.5 } });
    let numbers = numbers().await;
    assert_eq!(answer(&numbers, body).await.status, StatusCode::OK);
}
