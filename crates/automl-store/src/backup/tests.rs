//! Backups of workspaces that are written to, put back elsewhere; damage; places that are taken.

use super::{BackupError, Workspace, create, restore};
use crate::artifacts::{ArtifactStore, Folder, Wanted};
use crate::db::{Database, Place};
use crate::tracking::experiments::{DEFAULT_WORKSPACE, ensure_default};
use crate::tracking::log::{Batch, Metric};
use crate::tracking::runs::{self, NewRun};
use crate::tracking::{TrackingError, log};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

struct Desk {
    directory: tempfile::TempDir,
    place: Place,
    artifacts: PathBuf,
    db: Database,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("workspace");
        fs::create_dir(&home).unwrap();
        let place = Place::File(home.join("automl.db"));
        let db = Database::open(&place).unwrap();
        db.write(|sql| ensure_default(sql, DEFAULT_WORKSPACE, "mlflow-artifacts:"))
            .wait()
            .unwrap();
        let artifacts = home.join("artifacts");
        Self {
            directory,
            place,
            artifacts,
            db,
        }
    }

    fn store(&self) -> ArtifactStore {
        ArtifactStore::Folder(Folder::beside(self.artifacts.clone()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// A run with a point and an artifact.
fn begin_run(db: &Database, folder: &Folder, text: &str) -> String {
    let id = db
        .write(|sql| {
            let run = runs::create(sql, DEFAULT_WORKSPACE, &NewRun::default())?;
            let metric = Metric {
                key: "m".into(),
                value: 1.0,
                ..Metric::default()
            };
            let batch = Batch {
                metrics: vec![metric],
                ..Batch::default()
            };
            log::log(sql, DEFAULT_WORKSPACE, &run.id, &batch)?;
            Ok::<_, TrackingError>(run.id)
        })
        .wait()
        .unwrap();
    let mut upload = folder.begin(&format!("0/{id}/artifacts/a.txt")).unwrap();
    upload.write(text.as_bytes()).unwrap();
    upload.finish().unwrap();
    id
}

fn restored(home: &Path) -> (Database, Folder) {
    let db = Database::open(&Place::File(home.join("automl.db"))).unwrap();
    (db, Folder::open(home.join("artifacts")).unwrap())
}

fn put_back(source: &Path, home: &Path) -> Result<super::Summary, BackupError> {
    let place = Place::File(home.join("automl.db"));
    restore(
        source,
        Workspace {
            database: &place,
            artifacts: &home.join("artifacts"),
        },
    )
}

#[test]
fn what_was_acknowledged_before_a_backup_is_in_it_while_four_threads_write() {
    let desk = Desk::new();
    let folder = Folder::open(desk.artifacts.clone()).unwrap();
    let (acknowledged, is_over) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let id = begin_run(&desk.db, &folder, "the same");
                    acknowledged.lock().unwrap().push(id);
                }
            });
        }
        for name in ["one", "two.tar.zst"] {
            while acknowledged.lock().unwrap().len() < 20 {
                std::thread::yield_now();
            }
            let before = acknowledged.lock().unwrap().clone();
            let summary = create(&desk.place, &desk.store(), &desk.path(name)).unwrap();
            assert!(summary.n_runs as usize >= before.len());
            let home = desk.path(&format!("{name}-restored"));
            assert_eq!(put_back(&desk.path(name), &home).unwrap(), summary);
            let (db, files) = restored(&home);
            for id in before {
                let wanted = id.clone();
                let run = db
                    .read(move |sql| runs::get(sql, DEFAULT_WORKSPACE, &wanted))
                    .wait();
                assert!(run.is_ok(), "{name}: {id}");
                assert!(
                    files
                        .read(&format!("0/{id}/artifacts/a.txt"), Wanted::Whole)
                        .is_ok(),
                    "{name}: {id}"
                );
            }
            for entry in files.list("0").unwrap() {
                let run = db
                    .read(move |sql| runs::get(sql, DEFAULT_WORKSPACE, &entry.name))
                    .wait();
                assert!(run.is_ok(), "an artifact of a run that is not there");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_is_put_back_has_its_own_place_in_an_object_store() {
    let desk = Desk::new();
    desk.db
        .write(|sql| {
            sql.execute("INSERT INTO settings VALUES ('artifacts', 's3://bucket'), ('artifacts-id', '00'), ('signing-key', '00')", &[])?;
            sql.execute("INSERT INTO artifact_blobs VALUES ('k', NULL, 1, 0)", &[])?;
            sql.execute("INSERT INTO artifact_links VALUES ('p', 'k')", &[])
        })
        .wait()
        .unwrap();
    create(&desk.place, &desk.store(), &desk.path("backup")).unwrap();
    put_back(&desk.path("backup"), &desk.path("home")).unwrap();
    let (db, _) = restored(&desk.path("home"));
    let n_rows = db.read(|sql| {
        let query =
            "SELECT (SELECT COUNT(*) FROM settings) + (SELECT COUNT(*) FROM artifact_links)";
        sql.query_one(query, &[])?.map_or(Ok(-1), |row| row.int(0))
    });
    assert_eq!(
        n_rows.wait().unwrap(),
        0,
        "a shared root would be collected by both"
    );
}

#[test]
fn nothing_is_put_where_something_is() {
    let desk = Desk::new();
    let folder = Folder::open(desk.artifacts.clone()).unwrap();
    begin_run(&desk.db, &folder, "hello");
    create(&desk.place, &desk.store(), &desk.path("backup")).unwrap();
    let taken = create(&desk.place, &desk.store(), &desk.path("backup")).unwrap_err();
    assert!(matches!(taken, BackupError::NotEmpty { .. }), "{taken}");
    let home = desk.path("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("mine.txt"), "mine").unwrap();
    let taken = put_back(&desk.path("backup"), &home).unwrap_err();
    assert!(matches!(taken, BackupError::NotEmpty { .. }), "{taken}");
    assert_eq!(fs::read_dir(&home).unwrap().count(), 1);
}

#[test]
fn a_damaged_backup_is_named_and_nothing_appears() {
    let desk = Desk::new();
    let folder = Folder::open(desk.artifacts.clone()).unwrap();
    begin_run(&desk.db, &folder, "hello");
    let backup = desk.path("backup");
    create(&desk.place, &desk.store(), &backup).unwrap();
    let blobs = backup.join("blobs");
    let blob = fs::read_dir(&blobs)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let blob = fs::read_dir(blob).unwrap().next().unwrap().unwrap().path();
    let home = desk.path("home");
    for path in [
        blob,
        backup.join("artifacts.jsonl"),
        backup.join("automl.db"),
    ] {
        let sound = fs::read(&path).unwrap();
        let mut altered = sound.clone();
        *altered.last_mut().unwrap() ^= 1;
        fs::write(&path, altered).unwrap();
        let error = put_back(&backup, &home).unwrap_err();
        assert!(matches!(error, BackupError::Damaged { .. }), "{error}");
        fs::write(&path, sound).unwrap();
    }
    assert!(!home.exists());
    let left = fs::read_dir(desk.directory.path()).unwrap().count();
    assert_eq!(left, 2, "the workspace and the backup");
    fs::remove_file(backup.join("manifest.json")).unwrap();
    let error = put_back(&backup, &home).unwrap_err();
    assert!(matches!(error, BackupError::NotABackup { .. }), "{error}");
    put_back(&desk.path("no such.tar.zst"), &home).unwrap_err();
    assert!(!home.exists());
}
