//! Runs, what they log, and what is refused.

use super::experiments::{self, DEFAULT_WORKSPACE, NewExperiment};
use super::inputs::{self, Dataset, DatasetInput};
use super::log::{self, Batch, Metric};
use super::runs::{self, Change, NewRun, RunInfo};
use super::search::{self, Run, Search};
use super::{KeyValue, Stage, TrackingError, View, history};
use crate::db::{Database, Place, Sql};
use std::collections::BTreeSet;

mod overviews;
mod searches;

const W: &str = DEFAULT_WORKSPACE;

pub(crate) struct Desk {
    pub(crate) db: Database,
    _directory: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::open(&Place::File(directory.path().join("t.db"))).unwrap();
        let desk = Self {
            db,
            _directory: directory,
        };
        desk.write(|sql| experiments::ensure_default(sql, W, "mlflow-artifacts:"));
        desk
    }

    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, TrackingError> + Send + 'static,
    ) -> T {
        self.db.write(work).wait().unwrap()
    }

    pub(crate) fn refused<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, TrackingError> + Send + 'static,
    ) -> String {
        self.db
            .write(work)
            .wait()
            .err()
            .expect("a refusal")
            .to_string()
    }

    pub(super) fn run(&self) -> RunInfo {
        self.write(|sql| runs::create(sql, W, &NewRun::default()))
    }

    pub(super) fn log(&self, run: &RunInfo, batch: Batch) {
        let id = run.id.clone();
        self.write(move |sql| log::log(sql, W, &id, &batch));
    }

    fn whole(&self, run: &RunInfo) -> Run {
        let id = run.id.clone();
        self.write(move |sql| {
            let info = runs::get(sql, W, &id)?;
            Ok(search::whole(sql, vec![info])?.remove(0))
        })
    }
}

pub(super) fn pair(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: value.into(),
    }
}

pub(super) fn metric(key: &str, value: f64, step: i64, timestamp_ms: i64) -> Metric {
    Metric {
        key: key.into(),
        value,
        step,
        timestamp_ms,
        ..Metric::default()
    }
}

fn metrics(metrics: Vec<Metric>) -> Batch {
    Batch {
        metrics,
        ..Batch::default()
    }
}

#[test]
fn a_run_lies_below_its_experiment_and_has_a_name() {
    let desk = Desk::new();
    let run = desk.run();
    assert_eq!(
        run.artifact_uri,
        format!("mlflow-artifacts:/0/{}/artifacts", run.id)
    );
    assert_eq!((run.status.as_str(), run.id.len()), ("RUNNING", 32));
    let tags = desk.whole(&run).tags;
    assert_eq!(tags, [pair("mlflow.runName", &run.name)]);
}

#[test]
fn two_names_of_one_run_are_a_contradiction() {
    let desk = Desk::new();
    let new = NewRun {
        name: Some("a".into()),
        tags: vec![pair("mlflow.runName", "b")],
        ..NewRun::default()
    };
    let told = desk.refused(move |sql| runs::create(sql, W, &new));
    assert!(
        told.starts_with("Both 'run_name' argument and 'mlflow.runName' tag"),
        "{told}"
    );
}

#[test]
fn the_latest_value_is_that_of_the_greatest_step_then_time() {
    let desk = Desk::new();
    let run = desk.run();
    desk.log(
        &run,
        metrics(vec![metric("m", 3.0, 2, 10), metric("m", 1.0, 1, 99)]),
    );
    assert_eq!(desk.whole(&run).metrics, [metric("m", 3.0, 2, 10)]);
    desk.log(&run, metrics(vec![metric("m", 4.0, 2, 11)]));
    assert_eq!(desk.whole(&run).metrics, [metric("m", 4.0, 2, 11)]);
}

#[test]
fn a_point_logged_twice_is_one_point() {
    let desk = Desk::new();
    let run = desk.run();
    for _ in 0..2 {
        desk.log(
            &run,
            metrics(vec![metric("m", 3.0, 1, 10), metric("m", 4.0, 1, 10)]),
        );
    }
    let number = run.number;
    let found = desk.write(move |sql| history::of_run(sql, number, "m", None, None));
    assert_eq!(
        found.items,
        [metric("m", 3.0, 1, 10), metric("m", 4.0, 1, 10)]
    );
}

#[test]
fn numbers_that_are_none_are_kept_and_infinities_are_the_largest() {
    let desk = Desk::new();
    let run = desk.run();
    let odd = [
        ("nan", f64::NAN),
        ("up", f64::INFINITY),
        ("down", f64::NEG_INFINITY),
    ];
    desk.log(
        &run,
        metrics(odd.map(|(key, value)| metric(key, value, 0, 1)).to_vec()),
    );
    let found = desk.whole(&run).metrics;
    let value = |key: &str| found.iter().find(|metric| metric.key == key).unwrap().value;
    assert!(value("nan").is_nan());
    assert_eq!((value("up"), value("down")), (f64::MAX, f64::MIN));
}

#[test]
fn a_history_comes_in_pages() {
    let desk = Desk::new();
    let run = desk.run();
    desk.log(
        &run,
        metrics((0..10).map(|step| metric("m", 0.5, step, step)).collect()),
    );
    let number = run.number;
    let (mut token, mut steps): (Option<String>, Vec<i64>) = (None, Vec::new());
    loop {
        let page =
            desk.write(move |sql| history::of_run(sql, number, "m", Some(4), token.as_deref()));
        steps.extend(page.items.iter().map(|metric| metric.step));
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(steps, (0..10).collect::<Vec<_>>());
}

#[test]
fn a_thinned_history_is_even_and_has_its_ends() {
    let steps: BTreeSet<i64> = (0..10).collect();
    assert_eq!(
        history::spread(&steps, 5),
        BTreeSet::from([0, 2, 4, 6, 8, 9])
    );
    assert_eq!(history::spread(&steps, 10), steps);
    let hundreds: BTreeSet<i64> = (0..=1000).step_by(10).collect();
    assert_eq!(
        history::spread(&hundreds, 5),
        BTreeSet::from([0, 200, 400, 600, 800, 1000])
    );
}

#[test]
fn a_param_keeps_its_first_value_and_a_batch_is_kept_whole_or_not_at_all() {
    let desk = Desk::new();
    let run = desk.run();
    let params = |value: &str| Batch {
        params: vec![pair("p", value)],
        metrics: vec![metric("m", 1.0, 0, 1)],
        ..Batch::default()
    };
    let id = run.id.clone();
    desk.log(
        &run,
        Batch {
            params: vec![pair("p", "1")],
            ..Batch::default()
        },
    );
    let told = desk.refused(move |sql| log::log(sql, W, &id, &params("2")));
    assert!(
        told.contains("Param with key='p' was already logged with value='1'"),
        "{told}"
    );
    let found = desk.whole(&run);
    assert_eq!(
        (found.params, found.metrics),
        (vec![pair("p", "1")], vec![])
    );
    desk.log(
        &run,
        Batch {
            params: vec![pair("p", "1")],
            ..Batch::default()
        },
    );
}

#[test]
fn batches_that_are_too_large_or_badly_named_are_refused() {
    let many = metrics((0..1001).map(|step| metric("m", 0.0, step, 0)).collect());
    let told = |batch: &Batch| log::check(batch).unwrap_err().to_string();
    assert!(told(&many).contains("at most 1000 metrics. Got 1001"));
    let tag = |key: &str, value: &str| Batch {
        tags: vec![pair(key, value)],
        ..Batch::default()
    };
    for key in [
        "",
        "../up",
        "/root",
        "a//b",
        "a/./b",
        "tab\t",
        "semi;colon",
        "a/",
    ] {
        let told = told(&tag(key, "v"));
        assert!(
            told.contains("for parameter 'tags[0].key' supplied"),
            "{key}: {told}"
        );
    }
    assert!(told(&tag(&"k".repeat(251), "v")).contains("maximum length of 250"));
    assert!(told(&tag("k", "nul\0")).contains("NUL"));
    let longest = tag("päth/to-some.key:1 x", &"ä".repeat(8001));
    log::check(&longest).unwrap();
    let desk = Desk::new();
    let run = desk.run();
    desk.log(&run, longest);
    let tags = desk.whole(&run).tags;
    let kept = tags.iter().find(|tag| tag.key == "päth/to-some.key:1 x");
    assert_eq!(kept.unwrap().value.chars().count(), 8000);
    let twice = Batch {
        params: vec![pair("p", "1"), pair("p", "1")],
        ..Batch::default()
    };
    assert!(told(&twice).contains("Duplicate parameter keys"));
    assert!(told(&metrics(vec![metric("m", 0.0, 0, -1)])).contains("nonnegative"));
}

#[test]
fn a_deleted_run_takes_nothing_until_it_is_restored() {
    let desk = Desk::new();
    let run = desk.run();
    let id = run.id.clone();
    desk.write(move |sql| runs::set_stage(sql, W, &id, Stage::Deleted));
    let id = run.id.clone();
    let batch = metrics(vec![metric("m", 1.0, 0, 1)]);
    let told = desk.refused(move |sql| log::log(sql, W, &id, &batch));
    assert_eq!(
        told,
        format!(
            "The run {} must be in the 'active' state. Current state is deleted.",
            run.id
        )
    );
    let id = run.id.clone();
    desk.write(move |sql| runs::set_stage(sql, W, &id, Stage::Active));
    desk.log(&run, metrics(vec![metric("m", 1.0, 0, 1)]));
}

#[test]
fn runs_end_with_a_state_that_is_known() {
    let desk = Desk::new();
    let run = desk.run();
    let change = |status: &str| Change {
        status: Some(status.into()),
        end_ms: Some(9),
        name: None,
    };
    let (id, finished) = (run.id.clone(), change("FINISHED"));
    let found = desk.write(move |sql| runs::update(sql, W, &id, &finished));
    assert_eq!((found.status.as_str(), found.end_ms), ("FINISHED", Some(9)));
    let (id, odd) = (run.id.clone(), change("HAPPY"));
    assert!(
        desk.refused(move |sql| runs::update(sql, W, &id, &odd))
            .contains("RUNNING")
    );
}

#[test]
fn an_experiment_goes_and_comes_with_its_runs() {
    let desk = Desk::new();
    let new = NewExperiment {
        name: "exp".into(),
        artifact_location: None,
        tags: vec![pair("k", "v")],
    };
    let again = new.clone();
    let id = desk.write(move |sql| experiments::create(sql, W, "mlflow-artifacts:", &new));
    let told = desk.refused(move |sql| experiments::create(sql, W, "", &again));
    assert_eq!(told, "Experiment 'exp' already exists.");
    let run = desk.write(move |sql| {
        runs::create(
            sql,
            W,
            &NewRun {
                experiment_id: id,
                ..NewRun::default()
            },
        )
    });
    desk.write(move |sql| experiments::set_stage(sql, W, id, Stage::Deleted));
    assert_eq!(desk.whole(&run).info.stage, "deleted");
    assert!(
        desk.refused(move |sql| experiments::active(sql, W, id))
            .contains("must be in the 'active' state")
    );
    desk.write(move |sql| experiments::set_stage(sql, W, id, Stage::Active));
    assert_eq!(desk.whole(&run).info.stage, "active");
}

#[test]
fn data_that_a_run_read_twice_counts_once() {
    let desk = Desk::new();
    let run = desk.run();
    let input = |name: &str| DatasetInput {
        dataset: Dataset {
            name: name.into(),
            digest: "d1".into(),
            source_type: "local".into(),
            source: "{}".into(),
            schema: None,
            profile: Some("{\"num_rows\": 2}".into()),
        },
        tags: vec![pair(inputs::CONTEXT_TAG, "train")],
    };
    let all = vec![input("b"), input("a"), input("b")];
    inputs::check(&all).unwrap();
    let info = run.clone();
    desk.write(move |sql| inputs::log_datasets(sql, &info, &all));
    assert_eq!(desk.whole(&run).datasets, [input("b"), input("a")]);
    let found = desk.write(|sql| inputs::summaries(sql, 0, 10));
    let names: Vec<_> = found
        .iter()
        .map(|one| (one.name.as_str(), one.context.as_deref()))
        .collect();
    assert_eq!(names, [("a", Some("train")), ("b", Some("train"))]);
}

#[test]
fn what_is_not_there_is_named() {
    let desk = Desk::new();
    assert_eq!(
        desk.refused(|sql| runs::get(sql, W, "nope")),
        "Run with id=nope not found"
    );
    assert_eq!(
        desk.refused(|sql| experiments::get(sql, W, 77)),
        "No Experiment with id 77 exists"
    );
    let run = desk.run();
    let told = desk.refused(move |sql| log::delete_tag(sql, W, &run.id, "k"));
    assert!(told.starts_with("No tag with name: k"), "{told}");
    assert!(
        super::offset(Some("zzz"))
            .unwrap_err()
            .to_string()
            .contains("page token 'zzz'")
    );
}
