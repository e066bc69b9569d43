//! Data, runs, models and versions, followed both ways.

use super::*;
use crate::registry::{models, versions};
use crate::tracking::experiments::DEFAULT_WORKSPACE as W;
use crate::tracking::inputs::{self, Dataset, DatasetInput, Direction, ModelLink};
use crate::tracking::logged_models::{self, NewLoggedModel};
use crate::tracking::runs::{self, NewRun};
use crate::tracking::tests::Desk;

fn data(digest: &str) -> DatasetInput {
    DatasetInput {
        dataset: Dataset {
            name: format!("{digest}.csv"),
            digest: digest.into(),
            source_type: "local".into(),
            source: format!("{{\"uri\":\"/data/{digest}.csv\"}}"),
            schema: None,
            profile: None,
        },
        tags: Vec::new(),
    }
}

/// `train` made a model of `table`, which is version 1 of `churn`; `predict` wrote `scores` with it from `new`, and
/// `other` read `table` too.
struct Story {
    desk: Desk,
    train: String,
    predict: String,
    other: String,
    model: String,
}

fn story() -> Story {
    let desk = Desk::new();
    let (train, predict, other, model) = desk.write(|sql| {
        let start = |sql: &mut dyn Sql| runs::create(sql, W, &NewRun::default());
        let train = start(sql)?;
        inputs::log_datasets(sql, &train, &[data("table")])?;
        let new = NewLoggedModel {
            name: Some("churn".into()),
            source_run_id: Some(train.id.clone()),
            ..NewLoggedModel::default()
        };
        let model = logged_models::create(sql, W, &new)?.id;
        models::create(sql, W, "churn", None, &[])?;
        let version = versions::NewVersion {
            name: "churn".into(),
            source: format!("models:/{model}"),
            run_id: Some(train.id.clone()),
            model_id: Some(model.clone()),
            ..Default::default()
        };
        versions::create(sql, W, &version)?;
        models::set_alias(sql, W, "churn", "champion", 1)?;
        let predict = start(sql)?;
        let link = ModelLink {
            model_id: model.clone(),
            step: 0,
        };
        inputs::log_models(sql, &predict, Direction::In, &[link])?;
        inputs::log_datasets(sql, &predict, &[data("new")])?;
        inputs::log_outputs(sql, &predict, &[data("scores")])?;
        let other = start(sql)?;
        inputs::log_datasets(sql, &other, &[data("table")])?;
        Ok((train.id, predict.id, other.id, model))
    });
    Story {
        desk,
        train,
        predict,
        other,
        model,
    }
}

impl Story {
    /// Titles or ids of what is found, with distances.
    fn trace(&self, start: Node) -> Vec<(i64, Node)> {
        let graph = self.desk.write(move |sql| trace(sql, W, &start));
        assert!(!graph.is_cut);
        let found = graph.nodes.into_iter();
        found.map(|found| (found.distance, found.node)).collect()
    }

    fn data(digest: &str) -> Node {
        Node::Data {
            digest: digest.into(),
        }
    }

    fn run(id: &str) -> Node {
        Node::Run { id: id.into() }
    }

    fn version() -> Node {
        Node::ModelVersion {
            name: "churn".into(),
            version: 1,
        }
    }

    fn model(&self) -> Node {
        Node::Model {
            id: self.model.clone(),
        }
    }
}

#[test]
fn a_prediction_batch_leads_back_to_the_training_data() {
    let story = story();
    let mut found = story.trace(Story::data("scores"));
    found.sort();
    let mut expected = vec![
        (-4, Story::data("table")),
        (-3, Story::run(&story.train)),
        (-2, story.model()),
        (-2, Story::data("new")),
        (-1, Story::run(&story.predict)),
        (0, Story::data("scores")),
    ];
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn data_leads_to_all_that_came_of_it() {
    let story = story();
    let found = story.trace(Story::data("table"));
    let nodes: Vec<Node> = found.into_iter().map(|(_, node)| node).collect();
    for expected in [
        Story::run(&story.train),
        Story::run(&story.other),
        story.model(),
        Story::version(),
        Story::run(&story.predict),
        Story::data("scores"),
    ] {
        assert!(nodes.contains(&expected), "{expected:?} in {nodes:?}");
    }
    // What else went into the predictions did not come from this.
    assert!(!nodes.contains(&Story::data("new")), "{nodes:?}");
}

#[test]
fn a_version_tells_its_model_and_who_read_it() {
    let story = story();
    let start = Story::version();
    let graph = story.desk.write(move |sql| trace(sql, W, &start));
    let registered = Edge {
        from: story.model(),
        to: Story::version(),
        relation: "registered",
    };
    assert!(graph.edges.contains(&registered));
    let reader = graph
        .nodes
        .iter()
        .find(|found| found.node == Story::run(&story.predict));
    assert_eq!(reader.unwrap().distance, 1);
    let version = graph
        .nodes
        .iter()
        .find(|found| found.distance == 0)
        .unwrap();
    assert_eq!(
        (version.about.title.as_str(), version.about.detail.as_str()),
        ("churn/1", "model version @champion")
    );
    let model = graph
        .nodes
        .iter()
        .find(|found| found.node == story.model())
        .unwrap();
    assert!(
        model.about.detail.ends_with(", registered as churn/1"),
        "{model:?}"
    );
    let table = graph
        .nodes
        .iter()
        .find(|found| found.node == Story::data("table"))
        .unwrap();
    assert_eq!(table.about.detail, "data at /data/table.csv");
}

#[test]
fn references_are_names_ids_and_places() {
    let story = story();
    for (text, expected) in [
        ("churn", Story::version()),
        ("churn/1", Story::version()),
        ("models:/churn@champion", Story::version()),
        (&story.model, story.model()),
        (&story.train, Story::run(&story.train)),
        (&story.train[..12], Story::run(&story.train)),
        ("table", Story::data("table")),
        ("table.csv", Story::data("table")),
        ("/data/table.csv", Story::data("table")),
    ] {
        let owned = text.to_owned();
        assert_eq!(
            story.desk.write(move |sql| resolve(sql, W, &owned)),
            expected,
            "{text}"
        );
    }
    let refused = story.desk.refused(|sql| resolve(sql, W, "nothing/9"));
    assert_eq!(
        refused,
        "No run, model, model version, endpoint or data is known as 'nothing/9'"
    );
    let refused = story.desk.refused(|sql| resolve(sql, W, "churn/9"));
    assert_eq!(refused, "Model Version (name=churn, version=9) not found");
    let refused = story.desk.refused(|sql| resolve(sql, W, "churn@none"));
    assert!(refused.contains("alias none not found"), "{refused}");
}

#[test]
fn the_first_digits_of_two_runs_are_not_enough() {
    let desk = Desk::new();
    desk.write(|sql| {
        for id in ["abcdef01", "abcdef02"] {
            runs::create_as(sql, W, id, &NewRun::default())?;
        }
        Ok(())
    });
    let refused = desk.refused(|sql| resolve(sql, W, "abcdef"));
    assert!(refused.contains("give more of it"), "{refused}");
    assert_eq!(
        desk.write(|sql| run(sql, W, "abcdef02")),
        Some("abcdef02".into())
    );
    let refused = desk.refused(|sql| run(sql, W, "ab"));
    assert!(
        refused.contains("begin with 'ab': abcdef01, abcdef02;"),
        "{refused}"
    );
    assert_eq!(desk.write(|sql| run(sql, W, "f")), None);
}

#[test]
fn a_run_is_known_by_few_digits_and_by_its_name() {
    let desk = Desk::new();
    desk.write(|sql| {
        for (id, name) in [
            ("0a11aa01", "swift-owl"),
            ("0b22bb02", "calm-fox"),
            ("0c33cc03", "calm-fox"),
            ("0d44dd04", "0a"),
        ] {
            let new = NewRun {
                name: Some(name.into()),
                ..NewRun::default()
            };
            runs::create_as(sql, W, id, &new)?;
        }
        Ok(())
    });
    let found = |text: &'static str| desk.write(move |sql| run(sql, W, text));
    assert_eq!(found("0b").as_deref(), Some("0b22bb02"));
    assert_eq!(found("swift-owl").as_deref(), Some("0a11aa01"));
    assert_eq!(
        found("0a").as_deref(),
        Some("0d44dd04"),
        "a name is meant before so few digits"
    );
    let refused = desk.refused(|sql| run(sql, W, "calm-fox"));
    assert!(
        refused.contains("called 'calm-fox': 0b22bb02, 0c33cc03; give the id"),
        "{refused}"
    );
    assert_eq!(found("calm"), None);
}

#[test]
fn a_model_that_is_gone_still_has_its_place() {
    let story = story();
    let model = story.model.clone();
    story
        .desk
        .write(move |sql| logged_models::delete(sql, W, &model));
    let start = Story::run(&story.predict);
    let graph = story.desk.write(move |sql| trace(sql, W, &start));
    let gone = graph
        .nodes
        .iter()
        .find(|found| found.node == story.model())
        .unwrap();
    assert_eq!(gone.about.detail, "not in this workspace any more");
}
