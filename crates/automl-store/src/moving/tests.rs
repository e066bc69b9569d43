//! A small store, as MLflow's file store lays it down, moved in.

use super::{Counts, FolderSource, ImportError, Outcome, Target, Watch, import};
use crate::artifacts::{ArtifactStore, Folder, Wanted};
use crate::db::{Database, Place};
use crate::tracking::experiments::DEFAULT_WORKSPACE;
use crate::tracking::{TrackingError, history, runs, search};
use std::fs;
use std::path::Path;

const RUN: &str = "0123456789abcdef0123456789abcdef";
const BROKEN: &str = "ffffffffffffffffffffffffffffffff";

struct Quiet;

impl Watch for Quiet {
    fn total(&mut self, _: u64) {}
    fn done(&mut self, _: &str) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn store(root: &Path) {
    put(
        root,
        "77/meta.yaml",
        "experiment_id: '77'\nname: cats\nlifecycle_stage: active\ncreation_time: 5\nlast_update_time: 6\n",
    );
    put(root, "77/tags/team", "vision");
    for run in [RUN, BROKEN] {
        let meta = format!(
            "artifact_uri: /elsewhere/77/{run}/artifacts\nend_time: 30\nexperiment_id: '77'\nlifecycle_stage: active\nrun_id: {run}\nrun_name: first\nstart_time: 20\nstatus: 3\nuser_id: ann\n"
        );
        put(root, &format!("77/{run}/meta.yaml"), &meta);
    }
    put(root, &format!("77/{RUN}/params/model/depth"), "6");
    put(
        root,
        &format!("77/{RUN}/metrics/loss"),
        "20 0.5 0\n21 nan 1\n22 0.25 2\n",
    );
    put(root, &format!("77/{RUN}/artifacts/deep/a.txt"), "hello");
    put(root, &format!("77/{BROKEN}/metrics/loss"), "20 half 0\n");
}

struct Desk {
    directory: tempfile::TempDir,
    db: Database,
    artifacts: ArtifactStore,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::File(directory.path().join("t.db"));
        Self {
            db: Database::open(&place).unwrap(),
            artifacts: ArtifactStore::Folder(
                Folder::open(directory.path().join("artifacts")).unwrap(),
            ),
            directory,
        }
    }

    fn import(&self, is_dry: bool) -> Outcome {
        let root = self.directory.path().join("mlruns");
        let target = Target {
            db: &self.db,
            artifacts: &self.artifacts,
            workspace: DEFAULT_WORKSPACE,
            artifact_root: "mlflow-artifacts:",
        };
        import(
            &mut FolderSource::open(&root).unwrap(),
            &target,
            is_dry,
            &mut Quiet,
        )
        .unwrap()
    }

    fn run(&self, id: &'static str) -> Result<search::Run, TrackingError> {
        let found = self.db.read(move |sql| {
            let info = runs::get(sql, DEFAULT_WORKSPACE, id)?;
            search::whole(sql, vec![info])
        });
        Ok(found.wait()?.remove(0))
    }
}

#[test]
fn a_store_is_copied_once_and_what_is_broken_is_told_and_left_out() {
    let desk = Desk::new();
    store(&desk.directory.path().join("mlruns"));
    let dry = desk.import(true);
    assert_eq!((dry.counts.n_runs, dry.counts.n_files), (1, 1));
    assert!(desk.run(RUN).is_err(), "a dry run copies nothing");

    let outcome = desk.import(false);
    let counts = Counts {
        n_experiments: 1,
        n_runs: 1,
        n_files: 1,
        n_bytes: 5,
        ..Counts::default()
    };
    assert_eq!(outcome.counts, counts);
    let [(what, error)] = outcome.failures.as_slice() else {
        panic!("{:?}", outcome.failures)
    };
    assert_eq!(what, &format!("run {BROKEN}"));
    assert!(
        error.to_string().contains("metrics/loss:1 is not"),
        "{error}"
    );
    assert!(desk.run(BROKEN).is_err(), "half a run is never seen");

    let run = desk.run(RUN).unwrap();
    assert_eq!(
        (
            run.info.name.as_str(),
            run.info.status.as_str(),
            run.info.end_ms
        ),
        ("first", "FINISHED", Some(30))
    );
    assert_eq!(
        (run.params[0].key.as_str(), run.params[0].value.as_str()),
        ("model/depth", "6")
    );
    assert_eq!(run.info.experiment_id, 77);
    let number = run.info.number;
    let points = desk
        .db
        .read(move |sql| history::of_run(sql, number, "loss", None, None))
        .wait()
        .unwrap()
        .items;
    assert_eq!(points.len(), 3);
    assert!(points[1].value.is_nan());
    let path = run
        .info
        .artifact_uri
        .strip_prefix("mlflow-artifacts:/")
        .unwrap()
        .to_owned();
    let file = desk
        .artifacts
        .read(&format!("{path}/deep/a.txt"), Wanted::Whole);
    assert_eq!(file.unwrap().all().unwrap(), b"hello");
}

#[test]
fn an_import_is_gone_on_with_once_what_was_broken_is_mended() {
    let desk = Desk::new();
    store(&desk.directory.path().join("mlruns"));
    desk.import(false);
    put(
        &desk.directory.path().join("mlruns"),
        &format!("77/{BROKEN}/metrics/loss"),
        "20 0.5 0\n",
    );
    let again = desk.import(false);
    assert_eq!(
        (
            again.counts.n_there,
            again.counts.n_runs,
            again.failures.len()
        ),
        (1, 1, 0)
    );
    let mended = desk.run(BROKEN).unwrap();
    assert_eq!(
        (mended.info.id.as_str(), mended.metrics[0].value),
        (BROKEN, 0.5)
    );
}

#[test]
fn a_folder_without_experiments_is_no_store() {
    let directory = tempfile::tempdir().unwrap();
    let error = FolderSource::open(directory.path()).err().unwrap();
    assert!(matches!(error, ImportError::NotAStore { .. }), "{error}");
}
