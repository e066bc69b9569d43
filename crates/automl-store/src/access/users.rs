//! Users and their roles.

use super::{Role, changed};
use crate::args;
use crate::db::{DbError, Row, Sql};
use crate::tracking::{TrackingError, next_number, now_ms};

/// A user, as a workspace knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct User {
    pub id: i64,
    pub name: String,
    pub created_ms: i64,
    /// Without one the user has tokens only.
    pub has_password: bool,
    /// In the workspace that was asked for.
    pub role: Option<Role>,
}

const NAME_MAX: usize = 255;

/// Adds a user. The hash is of [`super::password::hash`].
///
/// # Errors
/// If the name is taken or cannot be sent in a header.
pub fn create(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    password_hash: Option<&str>,
    role: Role,
) -> Result<User, TrackingError> {
    let is_odd = name.contains(':') || name.chars().any(char::is_control);
    if name.is_empty() || name.chars().count() > NAME_MAX || name.trim() != name || is_odd {
        return Err(TrackingError::Invalid(format!(
            "Invalid username '{}': it has 1 to {NAME_MAX} characters, none of them a colon or a control character, and no blanks around it",
            name.escape_debug()
        )));
    }
    let id = next_number(sql, "users")?;
    let added = sql.execute(
        "INSERT INTO users (id, name, password_hash, created_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO NOTHING",
        args![id, name, password_hash, now_ms()],
    )?;
    if added == 0 {
        return Err(TrackingError::Exists {
            kind: "User",
            name: name.to_owned(),
            note: "",
        });
    }
    put_role(sql, workspace, id, role)?;
    changed(sql)?;
    get(sql, workspace, name)
}

const COLUMNS: &str = "SELECT users.id, users.name, users.created_ms, users.password_hash, user_roles.role FROM users \
     LEFT JOIN user_roles ON user_roles.user_id = users.id AND user_roles.workspace = ?1";

fn user(row: &Row) -> Result<User, DbError> {
    Ok(User {
        id: row.int(0)?,
        name: row.text(1)?,
        created_ms: row.int(2)?,
        has_password: row.maybe_text(3)?.is_some(),
        role: row.maybe_text(4)?.as_deref().and_then(Role::of_name),
    })
}

/// A user by name.
///
/// # Errors
/// If there is none.
pub fn get(sql: &mut dyn Sql, workspace: &str, name: &str) -> Result<User, TrackingError> {
    Ok(with_hash(sql, workspace, name)?
        .ok_or_else(|| missing(name))?
        .0)
}

fn missing(name: &str) -> TrackingError {
    TrackingError::Absent(format!("User with username={name} not found"))
}

/// A user by name with the hash of their password, if there is such a user.
///
/// # Errors
/// If the database fails.
pub fn with_hash(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
) -> Result<Option<(User, Option<String>)>, TrackingError> {
    let found = sql.query_one(
        &format!("{COLUMNS} WHERE users.name = ?2"),
        args![workspace, name],
    )?;
    let found = found.map(|row| Ok::<_, DbError>((user(&row)?, row.maybe_text(3)?)));
    Ok(found.transpose()?)
}

/// All users, by name.
///
/// # Errors
/// If the database fails.
pub fn list(sql: &mut dyn Sql, workspace: &str) -> Result<Vec<User>, TrackingError> {
    let rows = sql.query(&format!("{COLUMNS} ORDER BY users.name"), args![workspace])?;
    Ok(rows.iter().map(user).collect::<Result<_, _>>()?)
}

/// Whether there is any user.
///
/// # Errors
/// If the database fails.
pub fn is_any(sql: &mut dyn Sql) -> Result<bool, DbError> {
    Ok(sql
        .query_one("SELECT id FROM users LIMIT 1", &[])?
        .is_some())
}

/// Gives a user another role.
///
/// # Errors
/// If there is no such user, or no other admin would be left.
pub fn set_role(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    role: Role,
) -> Result<(), TrackingError> {
    let user = get(sql, workspace, name)?;
    if role != Role::Admin {
        keep_an_admin(sql, workspace, &user)?;
    }
    put_role(sql, workspace, user.id, role)?;
    changed(sql)
}

fn put_role(
    sql: &mut dyn Sql,
    workspace: &str,
    user_id: i64,
    role: Role,
) -> Result<(), TrackingError> {
    sql.execute(
        "INSERT INTO user_roles (user_id, workspace, role) VALUES (?1, ?2, ?3) \
         ON CONFLICT (user_id, workspace) DO UPDATE SET role = excluded.role",
        args![user_id, workspace, role.name()],
    )?;
    Ok(())
}

fn keep_an_admin(sql: &mut dyn Sql, workspace: &str, user: &User) -> Result<(), TrackingError> {
    let other = sql.query_one(
        "SELECT user_id FROM user_roles WHERE workspace = ?1 AND role = 'admin' AND user_id <> ?2 LIMIT 1",
        args![workspace, user.id],
    )?;
    if user.role == Some(Role::Admin) && other.is_none() {
        return Err(TrackingError::Invalid(format!(
            "'{}' is the only admin; make another one first",
            user.name
        )));
    }
    Ok(())
}

/// Gives a user another password, or none. The hash is of [`super::password::hash`].
///
/// # Errors
/// If there is no such user.
pub fn set_password(
    sql: &mut dyn Sql,
    name: &str,
    password_hash: Option<&str>,
) -> Result<(), TrackingError> {
    let touched = sql.execute(
        "UPDATE users SET password_hash = ?1 WHERE name = ?2",
        args![password_hash, name],
    )?;
    if touched == 0 {
        return Err(missing(name));
    }
    changed(sql)
}

/// Removes a user with their tokens.
///
/// # Errors
/// If there is no such user, or no other admin would be left.
pub fn remove(sql: &mut dyn Sql, workspace: &str, name: &str) -> Result<(), TrackingError> {
    let user = get(sql, workspace, name)?;
    keep_an_admin(sql, workspace, &user)?;
    sql.execute("DELETE FROM users WHERE id = ?1", args![user.id])?;
    changed(sql)
}
