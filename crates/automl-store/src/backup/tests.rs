//! Backups of workspaces that are written to, put back elsewhere; damage; places that are taken.

use super::{BackupError, Workspace, create, restore};
use crate::artifacts::{ArtifactStore, Folder, Wanted};
use crate::db::{Database, Place};
use crate::registry::webhooks::{self, Change, Event, Secret};
use crate::sealed::Sealer;
use crate::tracking::experiments::{DEFAULT_WORKSPACE, ensure_default};
use crate::tracking::log::{Batch, Metric};
use crate::tracking::runs::{self, NewRun};
use crate::tracking::{TrackingError, log};
use crate::workspace::{Workspace as WorkspaceOf, WorkspaceError};
use automl_core::Coded as _;
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

    fn key(&self) -> PathBuf {
        self.path("workspace/secret.key")
    }

    fn workspace(&self) -> WorkspaceOf {
        WorkspaceOf::parse(self.path("workspace").to_str().unwrap())
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

fn back_up(desk: &Desk, target: &Path) -> Result<super::Summary, BackupError> {
    create(&desk.place, &desk.store(), None, target)
}

fn put_back(source: &Path, home: &Path) -> Result<super::Summary, BackupError> {
    let place = Place::File(home.join("automl.db"));
    restore(
        source,
        Workspace {
            database: &place,
            artifacts: &home.join("artifacts"),
            key: &home.join("secret.key"),
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
            let summary = create(
                &desk.place,
                &desk.store(),
                Some(&desk.key()),
                &desk.path(name),
            )
            .unwrap();
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
    create(
        &desk.place,
        &desk.store(),
        Some(&desk.key()),
        &desk.path("backup"),
    )
    .unwrap();
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
    create(
        &desk.place,
        &desk.store(),
        Some(&desk.key()),
        &desk.path("backup"),
    )
    .unwrap();
    let taken = create(
        &desk.place,
        &desk.store(),
        Some(&desk.key()),
        &desk.path("backup"),
    )
    .unwrap_err();
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
    create(&desk.place, &desk.store(), Some(&desk.key()), &backup).unwrap();
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
    assert!(!home.exists());
}

#[test]
fn what_is_missing_cut_or_no_backup_is_told_apart() {
    let desk = Desk::new();
    let (backup, home) = (desk.path("b.tar.zst"), desk.path("home"));
    back_up(&desk, &backup).unwrap();
    let told = |place: &Path| put_back(place, &home).unwrap_err();
    for name in ["no such.tar.zst", "no such"] {
        let error = told(&desk.path(name));
        assert!(matches!(error, BackupError::Missing { .. }), "{error}");
    }
    let whole = fs::read(&backup).unwrap();
    for n_bytes in [whole.len() / 2, whole.len() - 1, 5] {
        fs::write(&backup, &whole[..n_bytes]).unwrap();
        let error = told(&backup);
        let is_cut = matches!(error, BackupError::Unreadable { .. });
        assert!(is_cut, "{n_bytes}: {error}");
    }
    for text in ["a,b\n1,2\n", "", "PK"] {
        fs::write(&backup, text).unwrap();
        let error = told(&backup);
        assert!(matches!(error, BackupError::NotABackup { .. }), "{error}");
    }
    assert!(!home.exists());
    // Whatever it is called.
    let renamed = desk.path("renamed");
    fs::write(&renamed, &whole).unwrap();
    put_back(&renamed, &home).unwrap();
}

#[test]
fn a_backup_is_not_named_like_another_kind_of_file() {
    let desk = Desk::new();
    for name in ["b.zip", "b.tar", "b.tar.gz", "b.ZST", "b.db"] {
        let path = desk.path(name);
        let error = back_up(&desk, &path).unwrap_err();
        assert!(
            matches!(error, BackupError::Named { .. }),
            "{name}: {error}"
        );
        let hint = error.hint().unwrap_or_default();
        assert!(hint.contains("/b.tar.zst, or "), "{hint}");
        assert!(!path.exists());
    }
    back_up(&desk, &desk.path("b.2026-05-01")).unwrap();
}

/// A webhook whose secret is "hush".
fn with_webhook(desk: &Desk, sealer: &Sealer) -> String {
    let new = Change {
        name: Some("w".into()),
        url: Some("https://example.com/".into()),
        secret: Secret::new("hush".into()),
        events: Some(vec![Event::new("registered_model", "created").unwrap()]),
        ..Change::default()
    };
    let sealer = sealer.clone();
    let made = desk
        .db
        .write(move |sql| webhooks::create(sql, DEFAULT_WORKSPACE, &new, &sealer));
    made.wait().unwrap().id
}

#[test]
fn a_backup_has_the_key_of_what_is_sealed_and_is_for_its_owner_alone() {
    let desk = Desk::new();
    let sealer = desk.workspace().sealer(&desk.db).unwrap();
    let id = with_webhook(&desk, &sealer);
    for name in ["one", "two.tar.zst"] {
        let summary = create(
            &desk.place,
            &desk.store(),
            Some(&desk.key()),
            &desk.path(name),
        );
        assert_eq!(summary.unwrap().n_sealed_elsewhere, 0);
        let home = desk.path(&format!("{name}-restored"));
        put_back(&desk.path(name), &home).unwrap();
        let (db, _) = restored(&home);
        let again = WorkspaceOf::parse(home.to_str().unwrap());
        let (sealer, id) = (again.sealer(&db).unwrap(), id.clone());
        let found = db.read(move |sql| webhooks::with_secret(sql, DEFAULT_WORKSPACE, &id, &sealer));
        assert_eq!(found.wait().unwrap().1.unwrap().reveal(), "hush");
        #[cfg(unix)]
        for path in [desk.path(name), home.join("secret.key")] {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
    }
    // Where another key is, nothing is put.
    let other = desk.path("other.key");
    let made = Sealer::of_file(&other).and_then(|_| Sealer::of_file(&desk.key()));
    made.unwrap();
    let taken = super::restore::put_key(&desk.key(), &other).unwrap_err();
    assert_eq!(taken.code(), "secret-key-taken");
    super::restore::put_key(&desk.key(), &desk.key()).unwrap();
}

#[test]
fn a_key_that_is_not_in_a_backup_is_told_and_no_other_is_made_for_it() {
    let desk = Desk::new();
    let elsewhere = Sealer::of_text(&"5a".repeat(32), "the environment").unwrap();
    with_webhook(&desk, &elsewhere);
    let summary = create(&desk.place, &desk.store(), None, &desk.path("backup")).unwrap();
    assert_eq!(summary.n_sealed_elsewhere, 1);
    let home = desk.path("home");
    assert_eq!(put_back(&desk.path("backup"), &home).unwrap(), summary);
    let (db, _) = restored(&home);
    let workspace = WorkspaceOf::parse(home.to_str().unwrap());
    let error = workspace.sealer(&db).unwrap_err();
    assert!(matches!(error, WorkspaceError::Seal(_)), "{error}");
    assert_eq!(error.code(), "secret-key-missing");
    assert!(!home.join("secret.key").exists());
    // A key that somebody puts there is taken; what it cannot open is named.
    Sealer::of_file(&home.join("secret.key")).unwrap();
    let sealer = workspace.sealer(&db).unwrap();
    let unopened = db.read(move |sql| webhooks::unopened(sql, Some(&sealer)));
    assert_eq!(unopened.wait().unwrap(), ["w"]);
}

#[test]
fn what_was_kept_in_plain_text_is_nowhere_in_the_file_once_it_is_sealed() {
    let desk = Desk::new();
    let sealer = desk.workspace().sealer(&desk.db).unwrap();
    let id = with_webhook(&desk, &sealer);
    let plain = "an old secret, as it was kept";
    desk.db
        .write(move |sql| {
            let old = "UPDATE webhooks SET secret = ?1, sealed = NULL WHERE id = ?2";
            sql.execute(old, crate::args![plain, &id])
        })
        .wait()
        .unwrap();
    let holds = || {
        let files = fs::read_dir(desk.path("workspace")).unwrap();
        files.filter_map(Result::ok).any(|file| {
            let bytes = fs::read(file.path()).unwrap_or_default();
            bytes
                .windows(plain.len())
                .any(|part| part == plain.as_bytes())
        })
    };
    assert!(holds());
    let workspace = desk.workspace();
    assert_eq!(workspace.seal_secrets(&desk.db, &sealer).unwrap(), 1);
    workspace.scrub(&desk.db).unwrap();
    assert!(!holds(), "neither in the file nor in its log");
    assert_eq!(workspace.seal_secrets(&desk.db, &sealer).unwrap(), 0);
}
