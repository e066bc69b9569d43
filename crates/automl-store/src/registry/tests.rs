//! Versions, aliases, stages and the search for them.

use super::approvals::{self, State};
use super::models;
use super::moves::{self, Mover, WANTS_APPROVAL_TAG};
use super::search::{self, Search};
use super::versions::{self, NewVersion};
use super::webhooks;
use crate::args;
use crate::db::Sql;
use crate::sealed::Sealer;
use crate::tracking::experiments::DEFAULT_WORKSPACE as W;
use crate::tracking::logged_models::{self, NewLoggedModel};
use crate::tracking::tests::Desk;
use crate::tracking::{KeyValue, TrackingError};

/// With the models `a` and `b`, of which `a` has three versions.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.write(|sql| models::create(sql, W, "a", None, &[]));
    desk.write(|sql| models::create(sql, W, "b", Some("the other"), &[]));
    for number in 1..=3 {
        let new = version(number);
        let made = desk.write(move |sql| versions::create(sql, W, &new));
        assert_eq!(made.version, number);
    }
    desk
}

fn version(number: i64) -> NewVersion {
    NewVersion {
        name: "a".into(),
        source: format!("runs:/r{number}/model"),
        storage_location: format!("s3://bucket/r{number}"),
        run_id: Some(format!("r{number}")),
        tags: vec![KeyValue {
            key: "n".into(),
            value: number.to_string(),
        }],
        ..NewVersion::default()
    }
}

#[test]
fn versions_are_told_by_model_and_by_run() {
    let desk = desk();
    let numbers =
        |found: &[versions::ModelVersion]| found.iter().map(|one| one.version).collect::<Vec<_>>();
    let first = desk.write(|sql| versions::of_model(sql, W, "a", 2, None));
    assert_eq!(numbers(&first.items), [3, 2]);
    let rest = desk.write(move |sql| versions::of_model(sql, W, "a", 2, first.next.as_deref()));
    assert_eq!((numbers(&rest.items), rest.next), (vec![1], None));
    assert_eq!(
        numbers(&desk.write(|sql| versions::of_run(sql, W, "r2", 9))),
        [2]
    );
    assert!(
        desk.write(|sql| versions::of_run(sql, W, "none", 9))
            .is_empty()
    );
}

#[test]
fn numbers_of_versions_are_never_given_twice() {
    let desk = desk();
    desk.write(|sql| versions::delete(sql, W, "a", 3));
    let made = desk.write(|sql| versions::create(sql, W, &version(4)));
    assert_eq!(made.version, 4);
    let told = desk.refused(|sql| versions::get(sql, W, "a", 3));
    assert_eq!(told, "Model Version (name=a, version=3) not found");
}

#[test]
fn a_name_is_registered_once_and_moves_with_all_that_hangs_on_it() {
    let desk = desk();
    assert_eq!(
        desk.refused(|sql| models::create(sql, W, "a", None, &[])),
        "Registered Model 'a' already exists."
    );
    desk.write(|sql| models::set_alias(sql, W, "a", "best", 2));
    let renamed = desk.write(|sql| models::rename(sql, W, "a", "c"));
    assert_eq!(renamed.aliases, [("best".to_owned(), 2)]);
    assert_eq!(
        desk.refused(|sql| models::get(sql, W, "a")),
        "Registered Model with name=a not found"
    );
    let found = desk.write(|sql| models::by_alias(sql, W, "c", "best"));
    assert_eq!((found.version, found.tags[0].value.as_str()), (2, "2"));
    assert!(
        desk.refused(|sql| models::rename(sql, W, "c", "b"))
            .contains("already exists")
    );
}

#[test]
fn stages_have_a_latest_version_and_can_archive_the_others() {
    let desk = desk();
    let latest = |desk: &Desk, stages: &[&str]| -> Vec<i64> {
        let stages: Vec<String> = stages.iter().map(|&stage| stage.to_owned()).collect();
        let found = desk.write(move |sql| versions::latest(sql, W, "a", &stages));
        found.iter().map(|version| version.version).collect()
    };
    desk.write(|sql| versions::transition(sql, W, ("a", 1), "production", false));
    desk.write(|sql| versions::transition(sql, W, ("a", 2), "Production", false));
    assert_eq!(latest(&desk, &["Production"]), [2]);
    assert_eq!(latest(&desk, &[]), [2, 3]);
    desk.write(|sql| versions::transition(sql, W, ("a", 3), "Production", true));
    assert_eq!(latest(&desk, &["Archived"]), [2]);
    assert!(
        desk.refused(|sql| versions::transition(sql, W, ("a", 3), "Shop", false))
            .contains("Invalid Model Version stage: Shop")
    );
    assert!(
        desk.refused(|sql| versions::transition(sql, W, ("a", 3), "None", true))
            .contains("cannot archive")
    );
}

#[test]
fn aliases_point_to_versions_and_go_with_them() {
    let desk = desk();
    desk.write(|sql| models::set_alias(sql, W, "a", "best", 1));
    desk.write(|sql| models::set_alias(sql, W, "a", "best", 2));
    assert_eq!(
        desk.write(|sql| versions::get(sql, W, "a", 2)).aliases,
        ["best"]
    );
    assert!(
        desk.write(|sql| versions::get(sql, W, "a", 1))
            .aliases
            .is_empty()
    );
    desk.write(|sql| versions::delete(sql, W, "a", 2));
    assert!(
        desk.refused(|sql| models::by_alias(sql, W, "a", "best"))
            .contains("best")
    );
    for bad in ["", "a b", "latest", "LATEST", "v3", "V12"] {
        desk.refused(move |sql| models::set_alias(sql, W, "a", bad, 1));
    }
    assert!(
        desk.refused(|sql| models::set_alias(sql, W, "a", "x", 9))
            .contains("version=9")
    );
}

#[test]
fn searches_find_models_and_versions() {
    let desk = desk();
    let search = |filter: &str, order_by: &[&str]| Search {
        filter: filter.into(),
        order_by: order_by.iter().map(|&order| order.to_owned()).collect(),
        n_max: 10,
        page_token: None,
    };
    let found = |filter: &str, order_by: &[&str]| -> Vec<i64> {
        let search = search(filter, order_by);
        let page = desk.write(move |sql| search::versions(sql, W, &search));
        page.items.iter().map(|version| version.version).collect()
    };
    assert_eq!(found("name = 'a'", &["version_number ASC"]), [1, 2, 3]);
    assert_eq!(
        found("run_id IN ('r1', 'r3')", &["version_number DESC"]),
        [3, 1]
    );
    assert_eq!(found("source_path = 'runs:/r2/model'", &[]), [2]);
    assert_eq!(found("tags.n = '3' AND version_number > 2", &[]), [3]);
    assert_eq!(found("name LIKE 'A'", &[]), Vec::<i64>::new());
    let models = search("name ILIKE 'B%'", &["name DESC"]);
    let page = desk.write(move |sql| search::models(sql, W, &models));
    assert_eq!(page.items[0].description.as_deref(), Some("the other"));
    let odd = search("colour = 'x'", &[]);
    assert!(
        desk.refused(move |sql| search::models(sql, W, &odd))
            .contains("Invalid attribute name: colour")
    );
    let odd = search("", &["colour"]);
    assert!(
        desk.refused(move |sql| search::versions(sql, W, &odd))
            .contains("Invalid order by key 'colour'")
    );
}

#[test]
fn prompts_are_found_only_by_those_who_ask_for_them() {
    let desk = desk();
    let tag = KeyValue {
        key: "mlflow.prompt.is_prompt".into(),
        value: "true".into(),
    };
    desk.write(move |sql| models::create(sql, W, "p", None, &[tag]));
    for (filter, expected) in [
        ("", vec!["a", "b"]),
        ("tag.`mlflow.prompt.is_prompt` != 'true'", vec!["a", "b"]),
        ("tag.`mlflow.prompt.is_prompt` = 'true'", vec!["p"]),
    ] {
        let search = Search {
            filter: filter.into(),
            order_by: Vec::new(),
            n_max: 10,
            page_token: None,
        };
        let page = desk.write(move |sql| search::models(sql, W, &search));
        let names: Vec<&str> = page.items.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names, expected, "{filter}");
    }
}

#[test]
fn names_that_would_be_paths_are_refused() {
    let desk = desk();
    for bad in ["", "  ", "a/b", "a:b", ".."] {
        desk.refused(move |sql| models::create(sql, W, bad, None, &[]));
    }
}

const ADA: Mover<'_> = Mover {
    user: "ada",
    note: Some("better"),
};

fn promote(desk: &Desk, version: i64) {
    desk.write(move |sql| moves::promote(sql, W, ("a", version), "champion", ADA));
}

fn champion(desk: &Desk) -> i64 {
    desk.write(|sql| models::by_alias(sql, W, "a", "champion"))
        .version
}

fn back(desk: &Desk) -> i64 {
    desk.write(|sql| moves::roll_back(sql, W, "a", "champion", ADA))
        .version
}

#[test]
fn promotions_can_be_taken_back_one_by_one() {
    let desk = desk();
    for version in 1..=3 {
        promote(&desk, version);
    }
    assert_eq!((champion(&desk), back(&desk), back(&desk)), (3, 2, 1));
    let refused = desk.refused(|sql| moves::roll_back(sql, W, "a", "champion", ADA));
    assert_eq!(
        refused,
        "Alias 'champion' of 'a' pointed to no version before 1"
    );
    promote(&desk, 3);
    assert_eq!((back(&desk), champion(&desk)), (1, 1));

    let history = desk.write(|sql| moves::moves(sql, W, "a"));
    let versions: Vec<_> = history
        .iter()
        .map(|past| past.new_version.unwrap())
        .collect();
    assert_eq!(versions, [1, 2, 3, 2, 1, 3, 1]);
    assert_eq!(
        (history[0].user_id.as_str(), history[0].note.as_deref()),
        ("ada", Some("better"))
    );
    assert!(history[3].is_rollback && !history[5].is_rollback);
}

#[test]
fn rejected_versions_are_not_promoted_and_some_models_want_a_decision_first() {
    let desk = desk();
    let decide =
        |state| desk.write(move |sql| approvals::decide(sql, W, ("a", 2), state, "bob", None));
    let state = |version| desk.write(move |sql| approvals::state(sql, W, "a", version));
    decide(State::Rejected);
    let refused = desk.refused(|sql| moves::promote(sql, W, ("a", 2), "champion", ADA));
    assert_eq!(refused, "Version 2 of 'a' was rejected; approve it first");
    decide(State::Approved);
    promote(&desk, 2);
    let history = desk.write(|sql| approvals::decisions(sql, W, "a", 2));
    assert_eq!(
        history.iter().map(|past| past.state).collect::<Vec<_>>(),
        [State::Rejected, State::Approved]
    );
    assert_eq!(history[0].user_id, "bob");

    assert_eq!(state(1), State::Pending);
    promote(&desk, 1);
    assert_eq!(state(1), State::Approved);
    desk.write(|sql| {
        models::set_tag(
            sql,
            W,
            "a",
            &KeyValue {
                key: WANTS_APPROVAL_TAG.into(),
                value: "true".into(),
            },
        )
    });
    let refused = desk.refused(|sql| moves::promote(sql, W, ("a", 3), "champion", ADA));
    assert!(refused.contains("waits for approval"), "{refused}");
    assert_eq!(champion(&desk), 1);
}

fn sealer() -> Sealer {
    Sealer::of_text(&"5a".repeat(32), "the test").unwrap()
}

#[test]
fn secrets_of_webhooks_lie_sealed_and_old_ones_are_sealed_when_a_server_starts() {
    let desk = Desk::new();
    let new = hook("one", &[("prompt", "created")]);
    let made = desk.write(move |sql| webhooks::create(sql, W, &new, &sealer()));
    let kept = |sql: &mut dyn Sql| {
        let rows = sql.query("SELECT secret, sealed FROM webhooks", &[])?;
        let texts = rows.iter().map(|row| {
            Ok::<_, TrackingError>((row.maybe_text(0)?, row.maybe_text(1)?.unwrap_or_default()))
        });
        texts.collect::<Result<Vec<_>, _>>()
    };
    let (plain, sealed) = desk.write(kept).remove(0);
    assert!(plain.is_none() && !sealed.is_empty() && !sealed.contains("hush"));
    // As an earlier version left it.
    let id = made.id.clone();
    desk.write(move |sql| {
        let old = "UPDATE webhooks SET secret = 'old', sealed = NULL WHERE id = ?1";
        Ok::<_, TrackingError>(sql.execute(old, args![&id])?)
    });
    assert_eq!(desk.write(|sql| webhooks::seal_all(sql, &sealer())), 1);
    assert_eq!(desk.write(|sql| webhooks::seal_all(sql, &sealer())), 0);
    assert!(desk.write(kept)[0].0.is_none());
    let id = made.id.clone();
    let (_, secret) = desk.write(move |sql| webhooks::with_secret(sql, W, &id, &sealer()));
    assert_eq!(secret.unwrap().reveal(), "old");
    let refused = desk.refused(move |sql| {
        let other = Sealer::of_text(&"5b".repeat(32), "the test")?;
        webhooks::with_secret(sql, W, &made.id, &other)
    });
    assert!(refused.contains("sealed by another key"), "{refused}");
}

fn hook(name: &str, events: &[(&str, &str)]) -> webhooks::Change {
    let event = |(entity, action): &(&str, &str)| webhooks::Event::new(entity, action).unwrap();
    webhooks::Change {
        name: Some(name.into()),
        url: Some("https://example.com/".into()),
        secret: webhooks::Secret::new("hush".into()),
        events: Some(events.iter().map(event).collect()),
        ..webhooks::Change::default()
    }
}

#[test]
fn webhooks_hear_what_they_asked_for_while_they_are_active() {
    let desk = desk();
    let one = hook(
        "one",
        &[("MODEL_VERSION", "CREATED"), ("prompt", "created")],
    );
    let one = desk.write(move |sql| webhooks::create(sql, W, &one, &sealer()));
    let two = hook("two", &[("model_version", "created")]);
    let two = desk.write(move |sql| webhooks::create(sql, W, &two, &sealer()));
    let listening = |desk: &Desk, entity: &str| -> Vec<String> {
        let event = webhooks::Event::new(entity, "created").unwrap();
        let found = desk.write(move |sql| webhooks::listening(sql, W, &event, &sealer()));
        let is_told = |secret: &Option<webhooks::Secret>| {
            secret
                .as_ref()
                .is_some_and(|secret| secret.reveal() == "hush")
        };
        assert!(
            found
                .iter()
                .all(|(_, secret)| secret.as_ref().is_ok_and(is_told))
        );
        found.into_iter().map(|(webhook, _)| webhook.name).collect()
    };
    assert_eq!(listening(&desk, "prompt"), ["one"]);
    assert_eq!(listening(&desk, "model_version").len(), 2);
    let off = webhooks::Change {
        is_active: Some(false),
        description: Some("quiet".into()),
        ..webhooks::Change::default()
    };
    let id = two.id.clone();
    let changed = desk.write(move |sql| webhooks::update(sql, W, &id, &off, &sealer()));
    assert_eq!(
        (
            changed.name,
            changed.url,
            changed.description,
            changed.events
        ),
        (two.name, two.url, Some("quiet".into()), two.events),
        "what is not named stays"
    );
    assert_eq!(listening(&desk, "model_version"), ["one"]);
    desk.write(move |sql| webhooks::delete(sql, W, &one.id));
    assert!(listening(&desk, "prompt").is_empty());
    let other = desk.write(|sql| webhooks::list(sql, "other", 10, None));
    assert!(other.items.is_empty(), "a workspace has its own");
}

#[test]
fn webhooks_that_are_not_right_are_refused() {
    let desk = desk();
    for (name, events, told) in [
        (
            "",
            vec![("prompt", "created")],
            "Webhook name '' is invalid",
        ),
        (
            "a b",
            vec![("prompt", "created")],
            "Webhook name 'a b' is invalid",
        ),
        (
            ".a",
            vec![("prompt", "created")],
            "Webhook name '.a' is invalid",
        ),
        ("a", vec![], "non-empty list"),
    ] {
        let new = hook(name, &events);
        let error = desk
            .db
            .write(move |sql| webhooks::create(sql, W, &new, &sealer()))
            .wait()
            .unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
    let error = webhooks::Event::new("model_version", "set")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("'model_version.set'") && error.contains("model_version_tag.set"),
        "{error}"
    );
}

#[test]
fn a_logged_model_notes_each_version_that_came_of_it_once() {
    let desk = desk();
    desk.write(|sql| crate::tracking::experiments::ensure_default(sql, W, "root"));
    let model = desk.write(|sql| {
        logged_models::create(
            sql,
            W,
            &NewLoggedModel {
                experiment_id: 0,
                ..NewLoggedModel::default()
            },
        )
    });
    for _ in 0..2 {
        let mut new = version(9);
        new.model_id = Some(model.id.clone());
        desk.write(move |sql| versions::create(sql, W, &new));
    }
    let id = model.id.clone();
    desk.write(move |sql| logged_models::note_version(sql, &id, "a", 5));
    let found = desk.write(move |sql| logged_models::get(sql, W, &model.id));
    assert_eq!(found.tags[0].key, "mlflow.modelVersions");
    assert_eq!(
        found.tags[0].value,
        r#"[{"name": "a", "version": 4}, {"name": "a", "version": 5}]"#
    );
}
