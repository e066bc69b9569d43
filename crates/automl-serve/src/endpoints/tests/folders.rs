//! Endpoints that lie in a folder, and are followed there.

use super::*;
use std::fs;

/// Where models lie.
fn models_of(desk: &Desk) -> std::path::PathBuf {
    desk.directory.path().join("models")
}

/// Puts a model there, in the place of what was there.
fn put(root: &Path, place: &str, manifest: &Value) {
    let path = root.join(place);
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("manifest.json"), manifest.to_string()).unwrap();
}

impl Desk {
    /// A server of a folder that holds such models.
    fn of_folder(models: &[(&str, f64)]) -> Self {
        Self::with(|config| {
            let root = config.work_dir.join("models");
            fs::create_dir(&root).unwrap();
            for (place, bias) in models {
                put(&root, place, &json!({ "bias": bias }));
            }
            config.models.repository = Some(root);
        })
    }

    /// Lets the server look until a folder that changed was seen to keep still.
    async fn follow(&self) {
        self.sync().await;
        self.sync().await;
    }

    /// The probability of yes by an endpoint, and which deployment said so; the status if it did not.
    async fn said(&self, endpoint: &str) -> Result<(f64, String), u16> {
        let body = json!({ "rows": [{ "x": 0, "word": "a" }] }).to_string();
        let path = format!("/endpoints/{endpoint}/predict");
        let answer = self.ask(&path, &[], body).await;
        if answer.status != StatusCode::OK {
            return Err(answer.status.as_u16());
        }
        let answer = answer.json();
        let yes = answer["probabilities"]["yes"][0].as_f64().unwrap();
        Ok((yes, answer["deployment"].as_str().unwrap().to_owned()))
    }
}

#[tokio::test]
async fn folders_answer_as_endpoints_of_their_names() {
    let desk = Desk::of_folder(&[("plain", 0.5), ("many/1", 0.125), ("many/10", 0.25)]);
    assert_eq!(desk.said("plain").await, Ok((0.5, "1".into())));
    assert_eq!(desk.said("many").await, Ok((0.25, "10".into())));
    let all = desk.api("GET", "", json!({})).await;
    let names = all["endpoints"].as_array().unwrap().iter();
    let names: Vec<&str> = names.map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["many", "plain"]);
    let shown = desk.api("GET", "/many", json!({})).await;
    let endpoint = &shown["endpoint"];
    assert_eq!(endpoint["state"], "serving");
    assert_eq!(
        endpoint["folder"],
        *models_of(&desk).join("many").to_str().unwrap()
    );
    assert_eq!(endpoint["deployments"][0]["version"], 10);
    for page in ["/endpoints", "/endpoints/many"] {
        assert_eq!(desk.get(page).await.0, StatusCode::OK, "{page}");
    }
    assert_eq!(
        desk.get("/v2/models/many/versions/10/ready").await.0,
        StatusCode::OK
    );
}

#[tokio::test]
async fn what_comes_is_replaced_or_goes_is_followed() {
    let desk = Desk::of_folder(&[("e/1", 0.125)]);
    let root = models_of(&desk);
    put(&root, "e/2", &json!({ "bias": 0.25 }));
    put(&root, "f", &json!({ "bias": 0.5 }));
    desk.sync().await;
    assert_eq!(
        desk.said("e").await,
        Ok((0.125, "1".into())),
        "it may still be copied"
    );
    assert_eq!(desk.said("f").await, Err(404));
    desk.sync().await;
    assert_eq!(desk.said("e").await, Ok((0.25, "2".into())));
    assert_eq!(desk.said("f").await, Ok((0.5, "1".into())));
    put(&root, "f", &json!({ "bias": 0.75, "n_bytes": 7 }));
    desk.follow().await;
    assert_eq!(desk.said("f").await, Ok((0.75, "1".into())));
    fs::remove_dir_all(root.join("e/2")).unwrap();
    desk.follow().await;
    assert_eq!(desk.said("e").await, Ok((0.125, "1".into())));
    fs::remove_dir_all(root.join("f")).unwrap();
    desk.sync().await;
    assert_eq!(
        desk.said("f").await,
        Ok((0.75, "1".into())),
        "it may be on its way"
    );
    desk.sync().await;
    assert_eq!(desk.said("f").await, Err(404));
}

#[tokio::test]
async fn what_cannot_be_read_leaves_what_answered() {
    let desk = Desk::of_folder(&[("e/1", 0.125)]);
    let root = models_of(&desk);
    for (manifest, told) in [
        (json!({ "no": "bias" }), "it has no bias"),
        (Value::Null, "e/3 has no manifest.json yet"),
    ] {
        if manifest.is_null() {
            fs::create_dir(root.join("e/3")).unwrap();
        } else {
            put(&root, "e/2", &manifest);
        }
        desk.follow().await;
        assert_eq!(desk.said("e").await, Ok((0.125, "1".into())));
        let shown = desk.api("GET", "/e", json!({})).await;
        assert_eq!(shown["endpoint"]["state"], "failed");
        let problem = shown["endpoint"]["problem"].as_str().unwrap();
        assert!(problem.contains(told), "{problem}");
    }
    fs::remove_dir(root.join("e/3")).unwrap();
    put(&root, "e/2", &json!({ "bias": 0.25 }));
    desk.follow().await;
    assert_eq!(desk.said("e").await, Ok((0.25, "2".into())));
    // All that was there is not, as when a disk is away.
    fs::rename(&root, root.with_extension("away")).unwrap();
    desk.follow().await;
    assert_eq!(desk.said("e").await, Ok((0.25, "2".into())));
}

#[tokio::test]
async fn a_start_beside_a_version_that_is_half_copied_answers_by_the_one_before() {
    let broken = json!({ "no": "bias" });
    let desk = Desk::with(|config| {
        let root = config.work_dir.join("models");
        put(&root, "e/1", &json!({ "bias": 0.125 }));
        put(&root, "e/2", &json!({ "bias": 0.25 }));
        put(&root, "e/3", &broken);
        put(&root, "f/7", &json!({ "bias": 0.5 }));
        fs::create_dir_all(root.join("f/8")).unwrap();
        put(&root, "g/1", &broken);
        config.models.repository = Some(root);
    });
    let root = models_of(&desk);
    for (endpoint, answer) in [
        ("e", Ok((0.25, "2".into()))),
        ("f", Ok((0.5, "7".into()))),
        ("g", Err(503)),
    ] {
        assert_eq!(desk.said(endpoint).await, answer, "{endpoint}");
        let shown = desk.api("GET", &format!("/{endpoint}"), json!({})).await;
        assert_eq!(shown["endpoint"]["state"], "failed", "{endpoint}");
        if let Ok((_, version)) = answer {
            let told = &shown["endpoint"]["deployments"][0];
            assert_eq!(told["version"].to_string(), version, "{endpoint}");
            assert_eq!(told["serving_version"], told["version"], "{endpoint}");
        }
    }
    put(&root, "e/3", &json!({ "bias": 0.375 }));
    put(&root, "f/8", &json!({ "bias": 0.625 }));
    desk.follow().await;
    assert_eq!(desk.said("e").await, Ok((0.375, "3".into())));
    assert_eq!(desk.said("f").await, Ok((0.625, "8".into())));
    let shown = desk.api("GET", "/e", json!({})).await;
    assert_eq!(shown["endpoint"]["state"], "serving");
}

#[tokio::test]
async fn changes_of_what_lies_in_a_folder_are_refused() {
    let desk = Desk::of_folder(&[("e", 0.125)]);
    let new = json!({ "name": "e" });
    for (method, path, body) in [
        ("POST", "", new),
        ("POST", "/e/deploy", json!({ "model": "sum/1" })),
        ("POST", "/e/traffic", json!({ "shares": { "1": 100 } })),
        ("POST", "/e/promote", json!({ "deployment": "1" })),
        ("POST", "/e/rollback", json!({})),
        ("POST", "/e/undeploy", json!({ "deployment": "1" })),
        ("POST", "/e/capture", json!({ "rate": 1 })),
        ("DELETE", "/e", json!({})),
    ] {
        let (status, answer) = desk.any_api(method, path, body).await;
        assert_eq!(status, StatusCode::CONFLICT, "{method} {path}: {answer}");
        assert_eq!(answer["error_code"], "endpoint-of-folder");
        let folder = models_of(&desk).join("e");
        let told = answer["message"].as_str().unwrap();
        assert!(told.contains(folder.to_str().unwrap()), "{told}");
    }
}

#[tokio::test]
async fn a_name_is_whose_it_was_first() {
    let desk = Desk::of_folder(&[]);
    let root = models_of(&desk);
    desk.api("POST", "", json!({ "name": "e" })).await;
    let version = desk.register(json!({ "bias": 0.5 })).await;
    let model = json!({ "model": format!("sum/{version}") });
    desk.api("POST", "/e/deploy", model).await;
    put(&root, "e", &json!({ "bias": 0.125 }));
    desk.follow().await;
    assert_eq!(desk.said("e").await, Ok((0.5, "v1".into())));
    desk.api("DELETE", "/e", json!({ "force": true })).await;
    desk.follow().await;
    assert_eq!(desk.said("e").await, Ok((0.125, "1".into())));
}

#[tokio::test]
async fn a_model_of_a_folder_goes_from_memory_and_comes_back() {
    let desk = Desk::of_folder(&[("e", 0.125)]);
    let path = "/v2/repository/models/e";
    desk.ask(&format!("{path}/unload"), &[], "").await;
    desk.sync().await;
    assert_eq!(desk.said("e").await, Err(503));
    let done = desk.ask(&format!("{path}/load"), &[], "").await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    assert_eq!(desk.said("e").await, Ok((0.125, "1".into())));
}
