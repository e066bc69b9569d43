//! Users, tokens and the log, on SQLite; the suite of clients asks the same of Postgres.

use super::audit::{self, Entry};
use super::{Role, password, tokens, users, version};
use crate::args;
use crate::db::{Database, DbError, Place, Sql};
use crate::tracking::{TrackingError, now_ms};

const W: &str = "default";

fn database(directory: &tempfile::TempDir) -> Database {
    Database::open(&Place::File(directory.path().join("t.db"))).unwrap()
}

fn write<T: Send + 'static>(
    db: &Database,
    work: impl FnOnce(&mut dyn Sql) -> Result<T, TrackingError> + Send + 'static,
) -> Result<T, TrackingError> {
    db.write(work).wait()
}

#[test]
fn a_password_is_told_from_another_and_is_not_in_its_hash() {
    let hash = password::hash("open sesame").unwrap();
    assert!(hash.starts_with("$argon2id$") && !hash.contains("sesame"));
    assert!(password::is_right("open sesame", Some(&hash)));
    assert!(!password::is_right("open sesam", Some(&hash)));
    assert!(!password::is_right("open sesame", None));
    assert_ne!(hash, password::hash("open sesame").unwrap(), "salted");
    assert!(password::hash("short").is_err());
}

#[test]
fn users_have_one_name_and_a_role_that_changes() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    let user = write(&db, |sql| users::create(sql, W, "ada", None, Role::Admin)).unwrap();
    assert_eq!((user.role, user.has_password), (Some(Role::Admin), false));
    let again = write(&db, |sql| users::create(sql, W, "ada", None, Role::Viewer)).unwrap_err();
    assert_eq!(again.to_string(), "User 'ada' already exists");
    for odd in ["", "a:b", "a\nb", " a"] {
        let refused = write(&db, move |sql| {
            users::create(sql, W, odd, None, Role::Viewer)
        });
        assert!(refused.is_err(), "{odd:?}");
    }
    write(&db, |sql| {
        users::create(sql, W, "bob", Some("hash"), Role::Viewer)
    })
    .unwrap();
    write(&db, |sql| users::set_role(sql, W, "bob", Role::Editor)).unwrap();
    let bob = write(&db, |sql| users::get(sql, W, "bob")).unwrap();
    assert_eq!((bob.role, bob.has_password), (Some(Role::Editor), true));
    let elsewhere = write(&db, |sql| users::get(sql, "other", "bob")).unwrap();
    assert_eq!(elsewhere.role, None, "roles are of a workspace");
}

#[test]
fn the_last_admin_stays() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    write(&db, |sql| users::create(sql, W, "ada", None, Role::Admin)).unwrap();
    for refused in [
        write(&db, |sql| users::remove(sql, W, "ada")),
        write(&db, |sql| users::set_role(sql, W, "ada", Role::Viewer)),
    ] {
        assert!(refused.unwrap_err().to_string().contains("the only admin"));
    }
    write(&db, |sql| users::create(sql, W, "bob", None, Role::Admin)).unwrap();
    write(&db, |sql| users::remove(sql, W, "ada")).unwrap();
}

#[test]
fn a_token_holds_until_it_is_revoked_or_expires_or_its_user_goes() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    write(&db, |sql| users::create(sql, W, "root", None, Role::Admin)).unwrap();
    write(&db, |sql| users::create(sql, W, "ada", None, Role::Editor)).unwrap();
    let make = |expires: Option<i64>| {
        write(&db, move |sql| {
            tokens::create(sql, W, "ada", expires, &tokens::Limits::default())
        })
        .unwrap()
    };
    let holder = |secret: &str| {
        let secret = secret.to_owned();
        write(&db, move |sql| tokens::holder(sql, W, &secret)).unwrap()
    };
    let (secret, other, old) = (
        make(None),
        make(Some(now_ms() + 60_000)),
        make(Some(now_ms() - 1)),
    );
    assert!(tokens::is_token(&secret) && secret != other);
    let (user, token) = holder(&secret).unwrap();
    assert_eq!((user.name.as_str(), user.role), ("ada", Some(Role::Editor)));
    assert!(secret.starts_with(&token.prefix) && secret.len() > token.prefix.len() + 50);
    assert_eq!(holder(&old), None, "expired");
    assert_eq!(
        holder(&secret.replace(char::is_numeric, "0")),
        None,
        "another"
    );

    let before = write(&db, |sql| Ok(version(sql)?)).unwrap();
    let prefix = token.prefix.clone();
    write(&db, move |sql| tokens::revoke(sql, &prefix)).unwrap();
    assert!(write(&db, |sql| Ok(version(sql)?)).unwrap() > before);
    assert_eq!(holder(&secret), None, "revoked");
    assert!(write(&db, move |sql| tokens::revoke(sql, &token.prefix)).is_err());

    assert!(holder(&other).is_some());
    write(&db, |sql| users::remove(sql, W, "ada")).unwrap();
    assert_eq!(holder(&other), None, "its user is gone");
}

#[test]
fn no_secret_is_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    write(&db, |sql| users::create(sql, W, "ada", None, Role::Admin)).unwrap();
    let secret = write(&db, |sql| {
        tokens::create(sql, W, "ada", None, &tokens::Limits::default())
    })
    .unwrap();
    drop(db);
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let needle = &secret.as_bytes()[16..48];
        assert!(!bytes.windows(needle.len()).any(|part| part == needle));
    }
}

#[test]
fn bytes_of_a_day_add_up() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    write(&db, |sql| users::create(sql, W, "ada", None, Role::Admin)).unwrap();
    let secret = write(&db, |sql| {
        tokens::create(sql, W, "ada", None, &tokens::Limits::default())
    })
    .unwrap();
    let prefix = secret[..15].to_owned();
    let sums = write(&db, move |sql| {
        tokens::add_used(sql, &prefix, 7, 5)?;
        tokens::add_used(sql, &prefix, 7, 6)?;
        tokens::add_used(sql, "gone", 7, 6)?;
        Ok([
            tokens::used(sql, &prefix, 7)?,
            tokens::used(sql, &prefix, 8)?,
        ])
    });
    assert_eq!(sums.unwrap(), [11, 0]);
}

#[test]
fn the_log_grows_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let db = database(&directory);
    let entry = |user: &str, at_ms| Entry {
        user: user.into(),
        at_ms,
        ..Entry::default()
    };
    let entries = [entry("ada", 10), entry("bob", 20), entry("ada", 30)];
    write(&db, move |sql| Ok(audit::append(sql, &entries)?)).unwrap();
    write(&db, move |sql| Ok(audit::append(sql, &[entry("ada", 40)])?)).unwrap();
    let found = |search: audit::Search| {
        let found = write(&db, move |sql| audit::search(sql, &search)).unwrap();
        found
            .iter()
            .map(|(id, entry)| (*id, entry.at_ms))
            .collect::<Vec<_>>()
    };
    let all = audit::Search {
        n_max: 10,
        ..audit::Search::default()
    };
    assert_eq!(found(all.clone()), [(4, 40), (3, 30), (2, 20), (1, 10)]);
    let some = audit::Search {
        user: Some("ada".into()),
        since_ms: Some(20),
        before: Some(4),
        n_max: 10,
    };
    assert_eq!(found(some), [(3, 30)]);
    for forbidden in [
        "DELETE FROM audit",
        "UPDATE audit SET user_name = 'eve' WHERE id = ?1",
    ] {
        let refused = db.write(move |sql| {
            let args: &[crate::db::Arg<'_>] = if forbidden.contains("?1") {
                args![1]
            } else {
                &[]
            };
            sql.execute(forbidden, args)
        });
        assert!(matches!(
            refused.wait(),
            Err(DbError::Conflict | DbError::Statement { .. })
        ));
    }
    assert_eq!(found(all).len(), 4);
}
