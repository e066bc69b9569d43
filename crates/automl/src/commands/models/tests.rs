//! Which versions can stand in for others, and what a card says.

use super::card::card;
use super::signature::differences;
use automl_core::{Field, Kind, Role, Schema, Task};
use automl_store::registry::ModelVersion;
use automl_store::registry::approvals::{Decision, State};
use automl_store::{Lineage, Manifest, prediction_schema};
use serde_json::json;

fn field(name: &str, kind: Kind) -> Field {
    Field {
        name: name.into(),
        kind,
        role: Role::Feature,
        levels: Vec::new(),
        format: None,
    }
}

fn manifest(fields: Vec<Field>, task: Task) -> Manifest {
    Manifest {
        created: automl_store::rfc3339(0),
        outputs: prediction_schema(&task),
        task,
        inputs: Schema {
            fields,
            missing: Vec::new(),
        },
        metric: "roc_auc".into(),
        scores: [("roc_auc".to_owned(), 0.9)].into(),
        threshold: None,
        thresholds: None,
        costs: None,
        lineage: Lineage {
            data: "churn.csv".into(),
            n_rows: 1200,
            ..Lineage::default()
        },
    }
}

fn binary(classes: [&str; 2]) -> Task {
    Task::Binary {
        classes: classes.map(str::to_owned).to_vec(),
    }
}

#[test]
fn a_version_that_needs_more_or_gives_other_things_cannot_stand_in() {
    let (age, plan) = (field("age", Kind::Number), field("plan", Kind::Category));
    let old = manifest(vec![age.clone(), plan.clone()], binary(["no", "yes"]));
    let none: [&str; 0] = [];
    assert_eq!(differences(&old, &old), none);
    let fewer = manifest(vec![age.clone()], binary(["no", "yes"]));
    assert_eq!(differences(&old, &fewer), none);
    assert_eq!(differences(&fewer, &old), ["column 'plan' is new"]);
    let kind = manifest(vec![field("age", Kind::Category)], binary(["no", "yes"]));
    assert_eq!(
        differences(&old, &kind),
        ["column 'age' was number, is category"]
    );
    let classes = manifest(vec![age.clone()], binary(["no", "maybe"]));
    assert_eq!(
        differences(&old, &classes),
        [
            "it gave prediction, probability_no, probability_yes, gives prediction, probability_no, probability_maybe"
        ]
    );
    let task = manifest(vec![age], Task::Regression);
    assert_eq!(
        differences(&old, &task),
        ["the task was binary, is regression"]
    );
}

#[test]
fn a_card_tells_what_is_known_and_asks_what_is_not() {
    let version = ModelVersion {
        name: "churn".into(),
        version: 3,
        created_ms: 0,
        updated_ms: 0,
        description: Some("Who will leave.".into()),
        user_id: Some("ada".into()),
        stage: "None".into(),
        source: "models:/m-1".into(),
        storage_location: String::new(),
        run_id: Some("r1".into()),
        run_link: None,
        model_id: Some("m-1".into()),
        tags: Vec::new(),
        aliases: vec!["champion".into()],
    };
    let decision = Decision {
        state: State::Approved,
        user_id: "bob".into(),
        at_ms: 60_000,
        note: Some("fair on both groups".into()),
    };
    let manifest = manifest(vec![field("a|b", Kind::Number)], binary(["no", "yes"]));
    let importance = json!({ "columns": [{ "column": "a|b", "share": 0.75 }] });
    let card = card(&version, &[decision], Some(&manifest), Some(&importance)).unwrap();
    for expected in [
        "# churn/3\n\nWho will leave.\n",
        "- **Registered:** 1970-01-01 00:00 UTC by ada\n- **Aliases:** champion\n- **Run:** r1\n",
        "- **Rows:** 1,200\n",
        "- roc_auc: 0.9",
        "| a\\|b | number |\n",
        "- probability_yes\n",
        "| a\\|b | 75",
        "- 1970-01-01 00:01 UTC: approved by bob: fair on both groups\n",
        "## Limits and risks",
    ] {
        assert!(card.contains(expected), "{expected:?} in {card}");
    }
}
