//! What is kept of the requests of an endpoint. It is no revision: taking a deployment back changes nothing about it.

use super::change::Who;
use super::endpoint::{Endpoint, by_name};
use super::error::EndpointError as Error;
use crate::args;
use crate::db::Sql;
use crate::tracking::now_ms;
use automl_core::nearest;
use serde::Serialize;
use std::collections::BTreeSet;

/// What is kept of the requests of an endpoint, and who wants that since when.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Capture {
    /// The part of the requests: above 0, at most 1.
    pub rate: f64,
    /// The columns of models that are kept, by name; all if it is not said.
    pub fields: Option<Vec<String>>,
    /// Columns of which only is kept whether there was a value, by name.
    pub redacted: Vec<String>,
    /// Who wants that.
    pub user_id: String,
    /// Since when.
    pub since_ms: i64,
}

/// What is to be kept.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of `Capture`")]
pub struct NewCapture {
    pub rate: f64,
    pub fields: Option<Vec<String>>,
    pub redacted: Vec<String>,
}

/// Says what is kept of the requests of an endpoint from now on; nothing if it is not said.
///
/// # Errors
/// If there is no such endpoint, or the rate is none.
pub fn set_capture(
    sql: &mut dyn Sql,
    workspace: &str,
    endpoint: &str,
    new: Option<&NewCapture>,
    who: Who<'_>,
) -> Result<Endpoint, Error> {
    let id = by_name(sql, workspace, endpoint)?.id;
    sql.execute(
        "DELETE FROM endpoint_captures WHERE endpoint_id = ?1",
        args![id],
    )?;
    if let Some(new) = new {
        put(sql, id, new, who)?;
    }
    by_name(sql, workspace, endpoint)
}

/// Whether columns that are named are among those that models take: one that is misspelt would be kept.
///
/// # Errors
/// If one is not.
pub fn check_columns(new: &NewCapture, known: &BTreeSet<String>) -> Result<(), Error> {
    let named = new.fields.iter().flatten().chain(&new.redacted);
    for name in named {
        if !known.contains(name) {
            let near = nearest(name, known.iter().map(String::as_str));
            let name = name.clone();
            return Err(Error::ColumnUnknown { name, near });
        }
    }
    Ok(())
}

fn put(sql: &mut dyn Sql, id: i64, new: &NewCapture, who: Who<'_>) -> Result<(), Error> {
    if !(new.rate > 0.0 && new.rate <= 1.0) {
        let reason = "it is above 0 and at most 1, as 0.1 for one request in ten";
        return Err(Error::invalid("the rate of requests", reason));
    }
    sql.execute(
        "INSERT INTO endpoint_captures (endpoint_id, rate, keeps_all, user_id, since_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        args![id, new.rate, new.fields.is_none(), who.user, now_ms()],
    )?;
    let kept = new.fields.iter().flatten().map(|name| (name, false));
    let redacted = new.redacted.iter().map(|name| (name, true));
    for (name, is_redacted) in kept.chain(redacted) {
        sql.execute(
            "INSERT INTO endpoint_capture_columns (endpoint_id, name, is_redacted) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            args![id, name, is_redacted],
        )?;
    }
    Ok(())
}

/// What is kept of the requests of an endpoint.
pub(super) fn of_endpoint(sql: &mut dyn Sql, id: i64) -> Result<Option<Capture>, Error> {
    let found = sql.query_one(
        "SELECT rate, keeps_all, user_id, since_ms FROM endpoint_captures WHERE endpoint_id = ?1",
        args![id],
    )?;
    let Some(row) = found else { return Ok(None) };
    let named = sql.query(
        "SELECT name, is_redacted FROM endpoint_capture_columns WHERE endpoint_id = ?1 ORDER BY name",
        args![id],
    )?;
    let (mut kept, mut redacted) = (Vec::new(), Vec::new());
    for row in &named {
        let list = if row.int(1)? == 0 {
            &mut kept
        } else {
            &mut redacted
        };
        list.push(row.text(0)?);
    }
    Ok(Some(Capture {
        rate: row.real(0)?,
        fields: (row.int(1)? == 0).then_some(kept),
        redacted,
        user_id: row.text(2)?,
        since_ms: row.int(3)?,
    }))
}
