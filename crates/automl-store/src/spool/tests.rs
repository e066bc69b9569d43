//! Runs that are written down first and taken in later.

use super::*;
use crate::tracking::experiments::{self, DEFAULT_WORKSPACE};
use crate::tracking::search::{Run, Search, search};
use crate::tracking::{Stage, View, history, logged_models, runs};
use crate::workspace::{Record, Workspace};
use std::collections::BTreeMap;

struct Desk {
    workspace: Workspace,
    record: Record,
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w");
        let workspace = Workspace::parse(path.to_str().unwrap());
        let record = workspace.open().unwrap();
        Self {
            workspace,
            record,
            folder,
        }
    }

    fn begin(&self, id: &str) -> Spool {
        Spool::begin(self.workspace.spool(), begin_of(id)).unwrap()
    }

    fn replay(&self) -> Replayed {
        self.replay_with(&mut Tails::default())
    }

    fn replay_with(&self, tails: &mut Tails) -> Replayed {
        replay(&self.record, self.workspace.spool(), tails).unwrap()
    }

    fn runs(&self) -> BTreeMap<String, Run> {
        let found = self.record.db.read(|sql| {
            let experiment = experiments::by_name(sql, DEFAULT_WORKSPACE, "churn")?;
            let wanted = Search {
                experiment_ids: experiment.map(|found| found.id).into_iter().collect(),
                view: View::All,
                filter: String::new(),
                order_by: Vec::new(),
                n_max: 100,
                page_token: None,
            };
            search(sql, DEFAULT_WORKSPACE, &wanted)
        });
        let runs = found.wait().unwrap().items.into_iter();
        runs.map(|run| (run.info.id.clone(), run)).collect()
    }

    fn spooled(&self) -> Vec<String> {
        let listed = fs::read_dir(self.workspace.spool()).unwrap();
        let names = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != ".lock").collect();
        names.sort();
        names
    }
}

fn begin_of(id: &str) -> Begin {
    Begin {
        id: id.into(),
        experiment: "churn".into(),
        name: Some("first".into()),
        user: "ada".into(),
        start_ms: 1000,
        tags: texts(&[("stage", "trial")]),
    }
}

fn texts(pairs: &[(&str, &str)]) -> Texts {
    let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    pairs.iter().map(owned).collect()
}

fn logged(step: i64, value: f64) -> Entry {
    let point = Point {
        key: "loss".into(),
        value,
        step,
        at_ms: 1000 + step,
    };
    Entry::Log {
        params: texts(&[("depth", "6")]),
        tags: Texts::new(),
        metrics: vec![point],
    }
}

#[test]
fn a_run_that_goes_on_is_seen_and_its_end_removes_the_file() {
    let (desk, mut tails) = (Desk::new(), Tails::default());
    let mut spool = desk.begin("a1");
    spool.append(&logged(0, 0.5)).unwrap();
    assert_eq!(desk.replay_with(&mut tails), Replayed::default());
    let run = desk.runs().remove("a1").unwrap();
    assert_eq!(
        (run.info.status.as_str(), run.info.name.as_str()),
        ("RUNNING", "first")
    );
    assert_eq!(
        (run.info.user_id.as_str(), run.info.start_ms),
        ("ada", Some(1000))
    );
    assert_eq!(run.metrics[0].value, 0.5);

    spool.append(&logged(1, f64::NAN)).unwrap();
    spool.end(Status::Finished).unwrap();
    assert_eq!(desk.replay_with(&mut tails).n_ended, 1);
    let run = desk.runs().remove("a1").unwrap();
    assert_eq!(run.info.status, "FINISHED");
    assert!(run.info.end_ms.is_some() && run.metrics[0].value.is_nan());
    assert_eq!(run.params[0].value, "6");
    assert!(
        run.tags
            .iter()
            .any(|tag| tag.key == "stage" && tag.value == "trial")
    );
    assert!(desk.spooled().is_empty());
}

#[test]
fn taking_in_twice_changes_nothing() {
    let desk = Desk::new();
    let mut spool = desk.begin("a2");
    for step in 0..5 {
        spool.append(&logged(step, 1.0)).unwrap();
    }
    let child = Entry::Child(Child {
        id: "c2".into(),
        name: "trial 0".into(),
        status: Status::Failed,
        start_ms: 1,
        end_ms: 2,
        params: Texts::new(),
        metrics: Vec::new(),
    });
    spool.append(&child).unwrap();
    desk.replay();
    // As after a restart: nobody remembers how far it came.
    desk.replay();
    let runs = desk.runs();
    assert_eq!(runs.len(), 2);
    let parent = runs["c2"]
        .tags
        .iter()
        .find(|tag| tag.key == "mlflow.parentRunId");
    assert_eq!(parent.unwrap().value, "a2");
    let (number, info) = (runs["a2"].info.number, &runs["c2"].info);
    assert_eq!((info.status.as_str(), info.end_ms), ("FAILED", Some(2)));
    let points = desk
        .record
        .db
        .read(move |sql| history::of_run(sql, number, "loss", None, None));
    assert_eq!(points.wait().unwrap().items.len(), 5);
}

#[test]
fn a_run_whose_process_is_gone_was_killed_also_in_the_middle_of_a_line() {
    let desk = Desk::new();
    let mut spool = desk.begin("a3");
    spool.append(&logged(0, 0.25)).unwrap();
    spool.file.write_all(b"{\"entry\":\"log\",\"met").unwrap();
    // What the system does for a killed process: the lock goes, and no end is written.
    spool.is_ended = true;
    drop(spool);
    assert_eq!(desk.replay().n_ended, 1);
    let run = desk.runs().remove("a3").unwrap();
    assert_eq!(run.info.status, "KILLED");
    assert_eq!(run.metrics[0].value, 0.25);
    assert!(desk.spooled().is_empty());
}

#[test]
fn a_killed_run_took_until_its_last_sign_of_life() {
    let desk = Desk::new();
    let begin = Begin {
        start_ms: now_ms(),
        ..begin_of("a9")
    };
    let pause = Duration::from_millis(5);
    let mut spool = Spool::begin_with(desk.workspace.spool(), begin, pause).unwrap();
    let path = desk.workspace.spool().join("a9.jsonl");
    let modified = || fs::metadata(&path).unwrap().modified().unwrap();
    let first = modified();
    // Nothing is written, and yet the file gets newer.
    let since = Duration::from_millis(50);
    while modified() < first + since {
        thread::yield_now();
    }
    spool.is_ended = true;
    drop(spool);
    assert_eq!(desk.replay().n_ended, 1);
    let info = desk.runs().remove("a9").unwrap().info;
    assert_eq!(info.status, "KILLED");
    let took_ms = info.end_ms.unwrap() - info.start_ms.unwrap();
    assert!(took_ms >= 49, "{took_ms}");
}

#[test]
fn whoever_drops_a_run_without_an_end_failed() {
    let desk = Desk::new();
    drop(desk.begin("a4"));
    desk.replay();
    assert_eq!(desk.runs()["a4"].info.status, "FAILED");
}

#[test]
fn a_file_that_makes_no_sense_is_set_aside_and_holds_up_nobody() {
    let desk = Desk::new();
    fs::create_dir_all(desk.workspace.spool()).unwrap();
    fs::write(desk.workspace.spool().join("a0.jsonl"), "what?\n").unwrap();
    desk.begin("a5").end(Status::Finished).unwrap();
    let replayed = desk.replay();
    assert_eq!(replayed.n_ended, 1);
    assert!(replayed.bad[0].0.ends_with("a0.bad"), "{replayed:?}");
    assert_eq!(desk.spooled(), ["a0.bad"]);
    assert!(desk.runs().contains_key("a5"));
}

#[test]
fn whoever_looks_anew_tries_again_what_was_set_aside() {
    let (desk, mut tails) = (Desk::new(), Tails::default());
    desk.begin("b1").end(Status::Finished).unwrap();
    let path = |kind: &str| desk.workspace.spool().join("b1").with_extension(kind);
    fs::rename(path("jsonl"), path("bad")).unwrap();
    fs::write(desk.workspace.spool().join("b0.bad"), "what?\n").unwrap();
    let replayed = desk.replay_with(&mut tails);
    assert_eq!((replayed.n_ended, replayed.bad.len()), (1, 1));
    assert_eq!(desk.runs()["b1"].info.status, "FINISHED");
    assert_eq!(desk.replay_with(&mut tails), Replayed::default());
    assert_eq!(desk.replay().bad.len(), 1, "and is told of it");
}

/// Deletes or restores the experiment of the runs.
fn set_stage(desk: &Desk, stage: Stage) {
    let done = desk.record.db.write(move |sql| {
        let found = experiments::by_name(sql, DEFAULT_WORKSPACE, "churn")?.unwrap();
        experiments::set_stage(sql, DEFAULT_WORKSPACE, found.id, stage)
    });
    done.wait().unwrap();
}

fn child(id: &str) -> Entry {
    Entry::Child(Child {
        id: id.into(),
        name: "trial 0".into(),
        status: Status::Finished,
        start_ms: 1,
        end_ms: 2,
        params: texts(&[("learner", "linear")]),
        metrics: Vec::new(),
    })
}

#[test]
fn runs_of_a_deleted_experiment_are_kept_and_restored_with_it() {
    let (desk, mut tails) = (Desk::new(), Tails::default());
    let mut spool = desk.begin("d1");
    desk.replay_with(&mut tails);
    // One began before its experiment was deleted, another after.
    set_stage(&desk, Stage::Deleted);
    assert!(desk.workspace.deleted_experiment("churn").is_some());
    spool.append(&logged(0, 0.5)).unwrap();
    spool.append(&child("d1c")).unwrap();
    let made = Entry::ModelMade {
        id: "m-d1".into(),
        name: "churn".into(),
    };
    spool.append(&made).unwrap();
    spool.stage_bytes("notes.txt", b"kept").unwrap();
    spool.end(Status::Finished).unwrap();
    let mut later = desk.begin("d2");
    later.append(&logged(0, 0.25)).unwrap();
    later.end(Status::Failed).unwrap();
    let replayed = desk.replay_with(&mut tails);
    assert_eq!((replayed.n_ended, replayed.bad), (2, Vec::new()));
    assert!(desk.spooled().is_empty());
    for run in desk.runs().values() {
        assert_eq!(run.info.stage, "deleted", "{}", run.info.id);
    }

    set_stage(&desk, Stage::Active);
    assert_eq!(desk.workspace.deleted_experiment("churn"), None);
    let runs = desk.runs();
    assert_eq!(runs.len(), 3);
    for run in runs.values() {
        assert_eq!(run.info.stage, "active", "{}", run.info.id);
    }
    assert_eq!(runs["d1"].info.status, "FINISHED");
    assert_eq!(runs["d1"].metrics[0].value, 0.5);
    assert_eq!(runs["d1"].model_outputs[0].model_id, "m-d1");
    assert_eq!(runs["d2"].info.status, "FAILED");
    let notes = desk.workspace.artifacts().join("1/d1/artifacts/notes.txt");
    assert_eq!(fs::read(notes).unwrap(), b"kept");
}

#[test]
fn a_run_that_was_deleted_while_it_went_on_is_kept_whole() {
    let (desk, mut tails) = (Desk::new(), Tails::default());
    let mut spool = desk.begin("d3");
    desk.replay_with(&mut tails);
    let gone = desk
        .record
        .db
        .write(|sql| runs::set_stage(sql, DEFAULT_WORKSPACE, "d3", Stage::Deleted));
    gone.wait().unwrap();
    spool.append(&logged(0, 0.5)).unwrap();
    spool.end(Status::Finished).unwrap();
    assert_eq!(desk.replay_with(&mut tails).n_ended, 1);
    let run = desk.runs().remove("d3").unwrap();
    assert_eq!(
        (run.info.stage.as_str(), run.info.status.as_str()),
        ("deleted", "FINISHED")
    );
    assert_eq!(run.metrics[0].value, 0.5);
}

#[test]
fn files_of_a_model_are_kept_as_they_were_when_staged() {
    let desk = Desk::new();
    let model = desk.folder.path().join("model");
    fs::create_dir_all(model.join("tensorboard")).unwrap();
    fs::write(model.join("manifest.json"), "old").unwrap();
    fs::write(model.join("tensorboard/events"), [7; 10]).unwrap();
    let big = vec![1_u8; LINKED_BYTES as usize];
    fs::write(model.join("weights"), &big).unwrap();
    let mut spool = desk.begin("a6");
    let made = Entry::ModelMade {
        id: "m-6".into(),
        name: "churn".into(),
    };
    spool.append(&made).unwrap();
    spool.stage(&model, Some("m-6"), "").unwrap();
    spool.stage_bytes("environment.json", b"{}").unwrap();
    spool.end(Status::Finished).unwrap();
    fs::write(model.join("manifest.json"), "new").unwrap();
    fs::remove_dir_all(&model).unwrap();
    desk.replay();

    let made = desk
        .record
        .db
        .read(|sql| logged_models::get(sql, DEFAULT_WORKSPACE, "m-6"));
    let made = made.wait().unwrap();
    assert_eq!(made.source_run_id.as_deref(), Some("a6"));
    assert_eq!(made.status, logged_models::Status::Ready);
    let read = |path: &str| {
        let root = desk.workspace.artifacts().join("1");
        fs::read(root.join(path)).unwrap()
    };
    assert_eq!(read("models/m-6/artifacts/manifest.json"), b"old");
    assert_eq!(read("models/m-6/artifacts/tensorboard/events"), [7; 10]);
    assert_eq!(read("models/m-6/artifacts/weights"), big);
    assert_eq!(read("a6/artifacts/environment.json"), b"{}");
    assert!(desk.spooled().is_empty());
}

#[test]
fn data_and_models_are_linked_to_the_run() {
    let desk = Desk::new();
    let mut spool = desk.begin("a7");
    let mut data = Data {
        is_written: false,
        context: "prediction".into(),
        name: "new".into(),
        digest: "d1".into(),
        uri: "/data/new.csv".into(),
        schema: None,
        profile: None,
    };
    spool.append(&Entry::Data(data.clone())).unwrap();
    data.is_written = true;
    data.name = "predictions".into();
    spool.append(&Entry::Data(data)).unwrap();
    spool
        .append(&Entry::ModelRead { id: "m-1".into() })
        .unwrap();
    spool.end(Status::Finished).unwrap();
    desk.replay();
    let run = desk.runs().remove("a7").unwrap();
    assert_eq!(run.datasets.len(), 1);
    assert_eq!(run.datasets[0].dataset.source, r#"{"uri":"/data/new.csv"}"#);
    assert_eq!(run.datasets[0].tags[0].value, "prediction");
    assert_eq!(run.model_inputs[0].model_id, "m-1");
}

#[test]
fn a_value_that_is_too_long_is_cut() {
    let desk = Desk::new();
    let mut spool = desk.begin("a8");
    let long = Entry::Log {
        params: texts(&[("config", &"é".repeat(7000))]),
        tags: Texts::new(),
        metrics: Vec::new(),
    };
    spool.append(&long).unwrap();
    spool.end(Status::Finished).unwrap();
    assert!(desk.replay().bad.is_empty());
    assert_eq!(desk.runs()["a8"].params[0].value.chars().count(), 6000);
}
