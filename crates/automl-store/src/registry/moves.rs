//! Promotion: an alias moves to a version, and can move back.
//!
//! Every move of an alias is kept with who, when and why. Promoting a version that nobody decided of approves it, unless
//! its model wants a decision first (the tag [`WANTS_APPROVAL_TAG`]); a rejected one is never promoted.

use super::approvals::{self, State};
use super::{ModelVersion, models, versions};
use crate::args;
use crate::db::{Row, Sql};
use crate::tracking::{TrackingError, next_number, now_ms};
use serde::Serialize;

/// The alias of the version in use.
pub const CHAMPION: &str = "champion";
/// The tag of a model whose versions are decided of before they are promoted.
pub const WANTS_APPROVAL_TAG: &str = "automl.wants_approval";

/// A move of an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Move {
    pub alias: String,
    pub old_version: Option<i64>,
    pub new_version: Option<i64>,
    pub is_rollback: bool,
    pub user_id: String,
    pub at_ms: i64,
    pub note: Option<String>,
}

/// Who moves an alias, and why.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Mover<'a> {
    pub user: &'a str,
    pub note: Option<&'a str>,
}

/// Refuses to put a version to use that was rejected, or that waits for a decision that its model wants; else tells what was
/// decided.
///
/// # Errors
/// If the version is not there or not allowed.
pub fn check_allowed(
    sql: &mut dyn Sql,
    workspace: &str,
    (name, version): (&str, i64),
) -> Result<State, TrackingError> {
    versions::get(sql, workspace, name, version)?;
    let state = approvals::state(sql, workspace, name, version)?;
    match state {
        State::Rejected => {
            return Err(TrackingError::Invalid(format!(
                "Version {version} of '{name}' was rejected; approve it first"
            )));
        }
        State::Pending if wants_approval(sql, workspace, name)? => {
            return Err(TrackingError::Invalid(format!(
                "Version {version} of '{name}' waits for approval, which this model wants before it is used"
            )));
        }
        State::Approved | State::Pending => {}
    }
    Ok(state)
}

/// Points an alias to a version that is not rejected.
///
/// # Errors
/// If the version is not there, is rejected, or waits for a decision that its model wants.
pub fn promote(
    sql: &mut dyn Sql,
    workspace: &str,
    (name, version): (&str, i64),
    alias: &str,
    mover: Mover<'_>,
) -> Result<ModelVersion, TrackingError> {
    if check_allowed(sql, workspace, (name, version))? == State::Pending {
        let key = (name, version);
        approvals::decide(sql, workspace, key, State::Approved, mover.user, mover.note)?;
    }
    put(sql, workspace, name, alias, Some(version), mover)?;
    versions::get(sql, workspace, name, version)
}

fn wants_approval(sql: &mut dyn Sql, workspace: &str, name: &str) -> Result<bool, TrackingError> {
    let model = models::get(sql, workspace, name)?;
    let mut tags = model.tags.iter();
    Ok(tags.any(|tag| tag.key == WANTS_APPROVAL_TAG && tag.value == "true"))
}

/// Points an alias back to where it pointed before its last move.
///
/// # Errors
/// If it never pointed elsewhere, or that version is gone.
pub fn roll_back(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    alias: &str,
    mover: Mover<'_>,
) -> Result<ModelVersion, TrackingError> {
    let current = models::by_alias(sql, workspace, name, alias)?.version;
    let mut path = Vec::new();
    for past in moves(sql, workspace, name)? {
        if past.alias == alias {
            if past.is_rollback {
                path.pop();
            } else {
                path.push(past.old_version);
            }
        }
    }
    let Some(earlier) = path.pop().flatten() else {
        return Err(TrackingError::Invalid(format!(
            "Alias '{alias}' of '{name}' pointed to no version before {current}"
        )));
    };
    versions::get(sql, workspace, name, earlier)?;
    let target = Target {
        version: Some(earlier),
        is_rollback: true,
    };
    move_to(sql, workspace, name, alias, target, mover)?;
    versions::get(sql, workspace, name, earlier)
}

/// Points an alias to a version, or takes it away, and keeps the move.
///
/// # Errors
/// If the model or the version is not there, or the alias is no name.
pub fn put(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    alias: &str,
    version: Option<i64>,
    mover: Mover<'_>,
) -> Result<(), TrackingError> {
    let target = Target {
        version,
        is_rollback: false,
    };
    move_to(sql, workspace, name, alias, target, mover)
}

/// Where an alias is to point.
#[derive(Clone, Copy)]
struct Target {
    version: Option<i64>,
    is_rollback: bool,
}

fn move_to(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    alias: &str,
    Target {
        version,
        is_rollback,
    }: Target,
    mover: Mover<'_>,
) -> Result<(), TrackingError> {
    if let Some(version) = version {
        models::check_alias(alias)?;
        check_allowed(sql, workspace, (name, version))?;
    }
    let model = models::get(sql, workspace, name)?;
    let old = model.aliases.iter().find(|(known, _)| known == alias);
    let old = old.map(|(_, version)| *version);
    match version {
        Some(version) => models::set_alias(sql, workspace, name, alias, version)?,
        None => models::delete_alias(sql, workspace, name, alias)?,
    }
    if old == version {
        return Ok(());
    }
    let id = next_number(sql, "alias_move")?;
    sql.execute(
        "INSERT INTO alias_moves (id, workspace, name, alias, old_version, new_version, is_rollback, user_id, at_ms, note) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        args![
            id, workspace, name, alias, old, version, is_rollback,
            mover.user, now_ms(), mover.note,
        ],
    )?;
    Ok(())
}

/// All moves of a model's aliases, oldest first.
pub fn moves(sql: &mut dyn Sql, workspace: &str, name: &str) -> Result<Vec<Move>, TrackingError> {
    let rows = sql.query(
        "SELECT alias, old_version, new_version, user_id, at_ms, note, is_rollback FROM alias_moves \
         WHERE workspace = ?1 AND name = ?2 ORDER BY id",
        args![workspace, name],
    )?;
    let past = |row: &Row| {
        Ok(Move {
            alias: row.text(0)?,
            old_version: row.maybe_int(1)?,
            new_version: row.maybe_int(2)?,
            user_id: row.text(3)?,
            at_ms: row.int(4)?,
            note: row.maybe_text(5)?,
            is_rollback: row.int(6)? != 0,
        })
    };
    rows.iter().map(past).collect()
}
