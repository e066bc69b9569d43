//! Batches, conflicts, newer and broken files.

use super::{Database, DbError, Place, Sql};
use crate::tracking::TrackingError;
use std::sync::Barrier;
use std::thread;

/// A database of its own, in a file; the suite of clients asks the same of Postgres.
fn database(directory: &tempfile::TempDir) -> Database {
    let db = Database::open(&Place::File(directory.path().join("t.db"))).unwrap();
    db.write(|sql| {
        sql.execute(
            "CREATE TABLE words (id BIGINT PRIMARY KEY, word TEXT NOT NULL)",
            &[],
        )?;
        Ok::<_, DbError>(())
    })
    .wait()
    .unwrap();
    db
}

fn put(sql: &mut dyn Sql, id: i64, word: &str) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO words (id, word) VALUES (?1, ?2)",
        args![id, word],
    )?;
    Ok(())
}

fn words(db: &Database) -> Vec<(i64, String)> {
    db.read(|sql| {
        let rows = sql.query("SELECT id, word FROM words ORDER BY id", &[])?;
        rows.iter()
            .map(|row| Ok((row.int(0)?, row.text(1)?)))
            .collect()
    })
    .wait()
    .map_err(|error: DbError| error)
    .unwrap()
}

#[test]
fn work_that_fails_leaves_nothing_and_does_not_touch_its_neighbours() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    let good = db.write(|sql| put(sql, 1, "one"));
    let bad = db.write(|sql| {
        put(sql, 2, "two")?;
        Err::<(), _>(TrackingError::Invalid("changed my mind".into()))
    });
    let other = db.write(|sql| put(sql, 3, "three"));
    good.wait().unwrap();
    other.wait().unwrap();
    assert_eq!(bad.wait().unwrap_err().to_string(), "changed my mind");
    assert_eq!(words(&db), [(1, "one".into()), (3, "three".into())]);
}

#[test]
fn brief_work_is_done_at_once_unless_other_work_waits_or_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    let here = thread::current().id();
    let place = |sql: &mut dyn Sql, id: i64| {
        put(sql, id, "word")?;
        Ok::<_, DbError>(thread::current().id())
    };
    assert_eq!(
        db.write_here(move |sql| place(sql, 1)).wait().unwrap(),
        here
    );
    let is_begun = std::sync::Arc::new(Barrier::new(2));
    let may_end = std::sync::Arc::new(Barrier::new(2));
    let (begun, end) = (is_begun.clone(), may_end.clone());
    let long = db.write(move |sql| {
        begun.wait();
        end.wait();
        put(sql, 2, "long")
    });
    is_begun.wait();
    let queued = db.write_here(move |sql| place(sql, 3));
    may_end.wait();
    long.wait().unwrap();
    assert_ne!(queued.wait().unwrap(), here);
    let failed = db.write_here(|sql| put(sql, 3, "again")).wait();
    assert!(matches!(failed, Err(DbError::Conflict)));
    assert_eq!(words(&db).len(), 3);
}

#[test]
fn brief_work_waits_elsewhere_while_another_process_has_the_file_locked() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    let other = rusqlite::Connection::open(directory.path().join("t.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let here = thread::current().id();
    // Were it done here, it could not be handed over while the file is locked.
    let queued = db.write_here(move |sql| {
        put(sql, 1, "one")?;
        Ok::<_, DbError>(thread::current().id())
    });
    other.execute_batch("COMMIT").unwrap();
    assert_ne!(queued.wait().unwrap(), here);
    let next = db.write_here(move |sql| {
        put(sql, 2, "two")?;
        Ok::<_, DbError>(thread::current().id())
    });
    assert_eq!(next.wait().unwrap(), here, "nothing is left begun");
    assert_eq!(words(&db).len(), 2);
}

#[test]
fn the_same_key_twice_is_a_conflict_of_the_second_alone() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    db.write(|sql| put(sql, 1, "one")).wait().unwrap();
    let error = db.write(|sql| put(sql, 1, "uno")).wait().unwrap_err();
    assert!(matches!(error, DbError::Conflict), "{error}");
    assert_eq!(words(&db), [(1, "one".into())]);
}

#[test]
fn many_writers_at_once_lose_nothing() {
    const N_THREADS: i64 = 16;
    const N_EACH: i64 = 100;
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    let start = Barrier::new(N_THREADS as usize);
    thread::scope(|scope| {
        for thread in 0..N_THREADS {
            let (db, start) = (&db, &start);
            scope.spawn(move || {
                start.wait();
                for number in 0..N_EACH {
                    db.write(move |sql| put(sql, thread * N_EACH + number, "w"))
                        .wait()
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(words(&db).len() as i64, N_THREADS * N_EACH);
}

#[test]
fn what_was_acknowledged_is_there_when_it_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    db.write(|sql| put(sql, 1, "one")).wait().unwrap();
    drop(db);
    let again = Database::open(&Place::File(directory.path().join("t.db"))).unwrap();
    assert_eq!(words(&again), [(1, "one".into())]);
}

#[test]
fn readers_cannot_write() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    assert!(db.read(|sql| put(sql, 1, "one")).wait().is_err());
    assert!(words(&db).is_empty());
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    db.write(|sql| {
        sql.execute("UPDATE schema_version SET version = 999", &[])?;
        Ok::<_, DbError>(())
    })
    .wait()
    .unwrap();
    drop(db);
    let error = Database::open(&Place::File(directory.path().join("t.db")))
        .err()
        .unwrap();
    assert!(
        matches!(error, DbError::Newer { found: 999, .. }),
        "{error}"
    );
}

#[test]
fn what_is_no_database_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.db");
    std::fs::write(&path, "a,b\n1,2\n".repeat(1000)).unwrap();
    let error = Database::open(&Place::File(path))
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("not a database of SQLite") && error.contains("t.db"),
        "{error}"
    );
    let error = Database::open(&Place::File(directory.path().join("no/such/t.db")))
        .err()
        .unwrap();
    assert!(error.to_string().contains("no/such/t.db"));
}

#[test]
fn a_file_that_was_replaced_beside_its_log_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    db.write(|sql| put(sql, 1, "one")).wait().unwrap();
    let [path, log] = ["t.db", "t.db-wal"].map(|name| directory.path().join(name));
    let kept = std::fs::read(&log).unwrap();
    drop(db);
    std::fs::write(&path, "a,b\n1,2\n".repeat(1000)).unwrap();
    std::fs::write(&log, &kept).unwrap();
    let error = Database::open(&Place::File(path)).err().unwrap();
    assert!(matches!(error, DbError::Damaged { .. }), "{error}");
    assert_eq!(std::fs::read(&log).unwrap(), kept, "nothing was touched");
}

#[test]
fn pages_that_were_overwritten_are_found_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    for id in 0..2000 {
        drop(db.write(move |sql| put(sql, id, "some words to fill a page with")));
    }
    drop(db);
    let path = directory.path().join("t.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let n_bytes = bytes.len();
    bytes[n_bytes / 2..n_bytes / 2 + 8192].fill(b'x');
    std::fs::write(&path, bytes).unwrap();
    let error = Database::open(&Place::File(path)).err().unwrap();
    assert!(matches!(error, DbError::Damaged { .. }), "{error}");
}

#[test]
fn a_full_disk_is_told_and_costs_only_what_did_not_fit() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    let limit = |n_pages: i64| {
        db.write(move |sql| {
            sql.query(&format!("PRAGMA max_page_count = {n_pages}"), &[])?;
            Ok::<_, DbError>(())
        })
        .wait()
        .unwrap();
    };
    let long = "w".repeat(10_000);
    let n_pages = db.read(|sql| sql.query_one("PRAGMA page_count", &[])?.unwrap().int(0));
    limit(n_pages.wait().unwrap() + 30);
    let mut n_kept = 0;
    let error = loop {
        let (id, word) = (n_kept, long.clone());
        match db.write(move |sql| put(sql, id, &word)).wait() {
            Ok(()) => n_kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, DbError::Full), "{error}");
    assert!(n_kept > 0);
    assert_eq!(
        words(&db).len() as i64,
        n_kept,
        "what was acknowledged is there"
    );
    limit(1000);
    db.write(move |sql| put(sql, n_kept, "fits again"))
        .wait()
        .unwrap();
    drop(db);
    let again = Database::open(&Place::File(directory.path().join("t.db"))).unwrap();
    assert_eq!(words(&again).len() as i64, n_kept + 1);
}

/// The record of each released format, by its version.
const RELEASED: &[(i64, &str)] = &[(2, include_str!("released/2.sql"))];

#[test]
fn records_of_released_versions_are_upgraded_with_all_that_is_in_them() {
    for (version, text) in RELEASED {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        let old = rusqlite::Connection::open(&path).unwrap();
        // The rows of a dump come in the order of tables' names, not of references.
        old.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        old.execute_batch(text).unwrap();
        let found: i64 = old
            .query_row("SELECT version FROM schema_version", [], |row| row.get(0))
            .unwrap();
        assert_eq!(found, *version);
        let count = "SELECT (SELECT COUNT(*) FROM runs) || ' ' || (SELECT COUNT(*) FROM metrics) || ' ' || \
            (SELECT COUNT(*) FROM tags) || ' ' || (SELECT COUNT(*) FROM params) || ' ' || (SELECT COUNT(*) FROM datasets) || ' ' || \
            (SELECT COUNT(*) FROM logged_models) || ' ' || (SELECT COUNT(*) FROM model_aliases)";
        let before: String = old.query_row(count, [], |row| row.get(0)).unwrap();
        drop(old);
        let db = Database::open(&Place::File(path)).unwrap();
        let after = db
            .read(move |sql| sql.query_one(count, &[]))
            .wait()
            .unwrap()
            .unwrap();
        assert_eq!(after.text(0).unwrap(), before);
        assert_eq!(before, "2 3 3 1 1 1 1");
        let now = db
            .read(|sql| sql.query_one("SELECT version FROM schema_version", &[]))
            .wait()
            .unwrap()
            .unwrap();
        assert!(now.int(0).unwrap() >= *version);
        let broken = db
            .read(|sql| sql.query("PRAGMA foreign_key_check", &[]))
            .wait()
            .unwrap();
        assert!(broken.is_empty());
    }
}

#[test]
fn measurements_of_format_7_keep_their_order_by_step() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.db");
    drop(Database::open(&Place::File(path.clone())).unwrap());
    let old = rusqlite::Connection::open(&path).unwrap();
    let steps = include_str!("steps/7_studies.sql");
    let start = steps.find("CREATE TABLE trial_measurements").unwrap();
    let end = start + steps[start..].find(";\n").unwrap();
    old.execute_batch(&format!(
        "DROP TABLE servers; ALTER TABLE webhooks DROP COLUMN sealed;
         DROP TABLE endpoint_capture_columns; DROP TABLE endpoint_captures;
         DROP TABLE deployments; DROP TABLE endpoint_changes; DROP TABLE endpoints;
         DROP TABLE trial_measurements; {};
         UPDATE schema_version SET version = 7;
         INSERT INTO studies VALUES (1, 'default', 's', 'automl', 'active', '[]', '{{}}', NULL, 0, 0, 2, 0);
         INSERT INTO trials (id, study_id, number, state, n_lost) VALUES (1, 1, 0, 'running', 0), (2, 1, 1, 'running', 0);
         INSERT INTO trial_measurements VALUES (2, 9, '0.5', NULL), (2, 3, '0.25', 'x'), (1, 4, '1', NULL);",
        &steps[start..end]
    ))
    .unwrap();
    drop(old);
    let db = Database::open(&Place::File(path)).unwrap();
    let read = db.read(|sql| {
        let rows = sql.query(
            "SELECT trial_id, place, step, figures, extra FROM trial_measurements ORDER BY trial_id, place",
            &[],
        )?;
        let row = |row: &super::Row| {
            Ok((row.int(0)?, row.int(1)?, row.int(2)?, row.text(3)?, row.maybe_text(4)?))
        };
        rows.iter().map(row).collect::<Result<Vec<_>, DbError>>()
    });
    let extra = Some("x".to_owned());
    let wanted = [
        (1, 0, 4, "1".to_owned(), None),
        (2, 0, 3, "0.25".to_owned(), extra),
        (2, 1, 9, "0.5".to_owned(), None),
    ];
    assert_eq!(read.wait().unwrap(), wanted);
}
