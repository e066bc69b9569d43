//! What a collection takes and what it leaves.

use super::*;
use crate::artifacts::Wanted;
use crate::db::{Place as DbPlace, Sql};
use crate::registry::{models, versions};
use crate::tracking::experiments::{self, DEFAULT_ID, DEFAULT_WORKSPACE, NewExperiment};
use crate::tracking::logged_models::{self, NewLoggedModel};
use crate::tracking::runs::{self, NewRun};
use crate::tracking::{Stage, inputs};

struct Desk {
    _directory: tempfile::TempDir,
    db: Database,
    store: ArtifactStore,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::open(&DbPlace::File(directory.path().join("t.db"))).unwrap();
        let folder = Folder::open(directory.path().join("a")).unwrap();
        let desk = Self {
            _directory: directory,
            db,
            store: ArtifactStore::Folder(folder),
        };
        desk.write(|sql| experiments::ensure_default(sql, DEFAULT_WORKSPACE, "mlflow-artifacts:"));
        desk
    }

    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, TrackingError> + Send + 'static,
    ) -> T {
        self.db.write(work).wait().unwrap()
    }

    /// A run with a file.
    fn run(&self, experiment_id: i64) -> String {
        let new = NewRun {
            experiment_id,
            ..NewRun::default()
        };
        let run = self.write(move |sql| runs::create(sql, DEFAULT_WORKSPACE, &new));
        self.put(&run.artifact_uri);
        run.id
    }

    /// A logged model of a run, with a file.
    fn model(&self, run: &str) -> String {
        let new = NewLoggedModel {
            source_run_id: Some(run.to_owned()),
            ..NewLoggedModel::default()
        };
        let model = self.write(move |sql| logged_models::create(sql, DEFAULT_WORKSPACE, &new));
        self.put(&model.artifact_uri);
        model.id
    }

    fn put(&self, uri: &str) {
        let path = uri.strip_prefix("mlflow-artifacts:/").unwrap();
        let mut upload = self.store.begin(&format!("{path}/file")).unwrap();
        upload.write(uri.as_bytes()).unwrap();
        upload.finish().unwrap();
    }

    fn has_file(&self, folder: &str) -> bool {
        let path = format!("{folder}/artifacts/file");
        self.store.read(&path, Wanted::Whole).is_ok()
    }

    fn delete_run(&self, id: &str) {
        let id = id.to_owned();
        self.write(move |sql| runs::set_stage(sql, DEFAULT_WORKSPACE, &id, Stage::Deleted));
    }

    fn has_run(&self, id: &str) -> bool {
        let id = id.to_owned();
        let found = self
            .db
            .read(move |sql| runs::get(sql, DEFAULT_WORKSPACE, &id));
        found.wait().is_ok()
    }

    fn register(&self, source: String, run_id: Option<String>) {
        self.write(move |sql| {
            models::create(sql, DEFAULT_WORKSPACE, "m", None, &[])?;
            let new = versions::NewVersion {
                name: "m".into(),
                storage_location: source.clone(),
                source,
                run_id,
                ..versions::NewVersion::default()
            };
            versions::create(sql, DEFAULT_WORKSPACE, &new)
        });
    }

    fn collect(&self, sweep: Sweep) -> Collected {
        self.collect_before(now_ms() + 1000, sweep)
    }

    fn collect_before(&self, deleted_before_ms: i64, sweep: Sweep) -> Collected {
        let options = Options {
            deleted_before_ms,
            sweep,
        };
        collect(&self.db, &self.store, options).unwrap()
    }
}

fn told(collected: &Collected) -> Vec<(Kind, &str)> {
    let gone = collected.gone.iter();
    gone.map(|one| (one.kind, one.id.as_str())).collect()
}

#[test]
fn a_deleted_run_goes_with_its_files_and_others_stay() {
    let desk = Desk::new();
    let (gone, stays) = (desk.run(DEFAULT_ID), desk.run(DEFAULT_ID));
    desk.delete_run(&gone);
    let listed = desk.collect(Sweep::Count);
    assert_eq!(told(&listed), [(Kind::Run, gone.as_str())]);
    assert!(
        listed.gone[0].n_bytes > 0 && desk.has_run(&gone) && desk.has_file(&format!("0/{gone}"))
    );
    let removed = desk.collect(Sweep::Remove);
    assert_eq!(removed, listed, "what would be done is what is done");
    assert_eq!(removed.swept.n_blobs, 1);
    assert!(!desk.has_run(&gone) && !desk.has_file(&format!("0/{gone}")));
    assert_eq!(
        desk.store.list("0").unwrap().len(),
        1,
        "no empty folder is left"
    );
    assert!(desk.has_run(&stays) && desk.has_file(&format!("0/{stays}")));
    assert_eq!(desk.collect(Sweep::Remove), Collected::default());
}

#[test]
fn content_that_something_in_use_has_too_is_not_listed() {
    let desk = Desk::new();
    let [gone, shared] = [(); 2].map(|()| desk.run(DEFAULT_ID));
    let put = |run: &str, name: &str| {
        let path = format!("0/{run}/artifacts/{name}");
        let mut upload = desk.store.begin(&path).unwrap();
        upload.write(b"the same").unwrap();
        upload.finish().unwrap();
    };
    put(&gone, "twice");
    put(&gone, "again");
    put(&shared, "there");
    desk.delete_run(&gone);
    let listed = desk.collect(Sweep::Count);
    assert_eq!(listed.swept.n_blobs, 1);
    assert_eq!(desk.collect(Sweep::Remove), listed);
    desk.delete_run(&shared);
    let listed = desk.collect(Sweep::Count);
    assert_eq!(listed.swept.n_blobs, 2);
    assert_eq!(desk.collect(Sweep::Remove), listed);
}

#[test]
fn what_was_deleted_lately_stays() {
    let desk = Desk::new();
    let run = desk.run(DEFAULT_ID);
    desk.delete_run(&run);
    let collected = desk.collect_before(now_ms() - 60_000, Sweep::Remove);
    assert_eq!(collected, Collected::default());
    assert!(desk.has_run(&run) && desk.has_file(&format!("0/{run}")));
}

#[test]
fn versions_keep_their_sources() {
    for source in [
        "runs:/RUN/file",
        "mlflow-artifacts:/0/RUN/artifacts/file",
        "anywhere",
    ] {
        let desk = Desk::new();
        let run = desk.run(DEFAULT_ID);
        let run_id = (source == "anywhere").then(|| run.clone());
        desk.register(source.replace("RUN", &run), run_id);
        desk.delete_run(&run);
        let collected = desk.collect(Sweep::Remove);
        assert_eq!(
            (told(&collected), collected.n_kept),
            (vec![], 1),
            "{source}"
        );
        assert!(
            desk.has_run(&run) && desk.has_file(&format!("0/{run}")),
            "{source}"
        );
    }
}

#[test]
fn a_logged_model_goes_unless_a_version_or_a_run_refers_to_it() {
    let desk = Desk::new();
    let run = desk.run(DEFAULT_ID);
    let [gone, registered, made] = [(); 3].map(|()| desk.model(&run));
    desk.register(format!("models:/{registered}"), None);
    let (output, of) = (made.clone(), run.clone());
    desk.write(move |sql| {
        let links = [inputs::ModelLink {
            model_id: output,
            step: 0,
        }];
        let run = runs::get(sql, DEFAULT_WORKSPACE, &of)?;
        inputs::log_models(sql, &run, inputs::Direction::Out, &links)
    });
    for id in [gone.clone(), registered.clone(), made.clone()] {
        desk.write(move |sql| logged_models::delete(sql, DEFAULT_WORKSPACE, &id));
    }
    let collected = desk.collect(Sweep::Remove);
    assert_eq!(told(&collected), [(Kind::LoggedModel, gone.as_str())]);
    assert_eq!(collected.n_kept, 2);
    for (id, is_there) in [(gone, false), (registered, true), (made, true)] {
        assert_eq!(desk.has_file(&format!("0/models/{id}")), is_there);
    }
}

#[test]
fn a_logged_model_in_use_keeps_its_run() {
    let desk = Desk::new();
    let run = desk.run(DEFAULT_ID);
    desk.model(&run);
    desk.delete_run(&run);
    assert_eq!(desk.collect(Sweep::Remove).n_kept, 1);
    assert!(desk.has_run(&run));
}

#[test]
fn a_deleted_experiment_goes_once_nothing_in_it_stays() {
    let desk = Desk::new();
    let make = |name: &str| {
        let new = NewExperiment {
            name: name.into(),
            artifact_location: None,
            tags: vec![],
        };
        desk.write(move |sql| {
            experiments::create(sql, DEFAULT_WORKSPACE, "mlflow-artifacts:", &new)
        })
    };
    let (empty, held) = (make("empty"), make("held"));
    let (run, kept) = (desk.run(empty), desk.run(held));
    desk.register(format!("runs:/{kept}/file"), None);
    for id in [empty, held] {
        desk.write(move |sql| experiments::set_stage(sql, DEFAULT_WORKSPACE, id, Stage::Deleted));
    }
    let collected = desk.collect(Sweep::Remove);
    let id = empty.to_string();
    assert_eq!(
        told(&collected),
        [(Kind::Run, run.as_str()), (Kind::Experiment, id.as_str())]
    );
    assert_eq!(collected.n_kept, 2);
    make("empty");
}

#[test]
fn many_deleted_runs_go_in_batches() {
    let desk = Desk::new();
    let ids: Vec<String> = (0..BATCH + 3).map(|_| desk.run(DEFAULT_ID)).collect();
    for id in &ids {
        desk.delete_run(id);
    }
    assert_eq!(desk.collect(Sweep::Remove).gone.len(), ids.len());
    assert_eq!(desk.collect(Sweep::Remove), Collected::default());
    assert!(desk.store.list("").unwrap().is_empty());
}

#[test]
fn a_collection_that_was_killed_is_finished_by_the_next() {
    let desk = Desk::new();
    let run = desk.run(DEFAULT_ID);
    desk.delete_run(&run);
    // As far as the transaction, and no further.
    take_batch(&desk.db, now_ms() + 1000).unwrap();
    assert!(!desk.has_run(&run) && desk.has_file(&format!("0/{run}")));
    desk.collect(Sweep::Remove);
    assert!(!desk.has_file(&format!("0/{run}")));
    assert_eq!(desk.collect(Sweep::Remove), Collected::default());
}

#[test]
fn files_in_a_place_that_a_run_in_use_has_too_stay() {
    let desk = Desk::new();
    let (gone, stays) = (desk.run(DEFAULT_ID), desk.run(DEFAULT_ID));
    let (from, to) = (gone.clone(), stays.clone());
    desk.write(move |sql| {
        let place = format!("mlflow-artifacts:/0/{from}/artifacts");
        sql.execute(
            "UPDATE runs SET artifact_uri = ?1 WHERE id = ?2",
            args![&place, &to],
        )?;
        Ok(())
    });
    desk.delete_run(&gone);
    assert_eq!(
        told(&desk.collect(Sweep::Remove)),
        [(Kind::Run, gone.as_str())]
    );
    assert!(!desk.has_run(&gone) && desk.has_file(&format!("0/{gone}")));
}
