//! Changes of an endpoint, each a revision that can be taken back.

use super::deployment::{Deployment, NewDeployment, name_of, of_revision, put};
use super::endpoint::{Endpoint, at_revision, by_name, check_at_once, check_name, missing};
use super::error::EndpointError as Error;
use super::shares::{self, WHOLE};
use crate::args;
use crate::db::{Row, Sql};
use crate::registry::{models, moves};
use crate::tracking::now_ms;
use automl_core::nearest;
use serde::Serialize;

/// Who changes something, and why.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Who<'a> {
    pub user: &'a str,
    pub note: Option<&'a str>,
}

/// Something that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its number.
    pub revision: i64,
    /// `created`, `deployed`, `traffic`, `promoted`, `rolled-back`, `undeployed`, `followed` (an alias moved) or `limited`.
    pub what: String,
    /// Who did it.
    pub user_id: String,
    /// When.
    pub at_ms: i64,
    /// Why.
    pub note: Option<String>,
    /// What was deployed after it; less than there was if versions are gone.
    pub deployments: Vec<Deployment>,
}

/// What kind of change it is, and the revision that taking it back leads to.
struct Kind {
    what: &'static str,
    earlier: Option<i64>,
}

pub(super) fn first_change(sql: &mut dyn Sql, endpoint: i64, who: Who<'_>) -> Result<(), Error> {
    let kind = Kind {
        what: "created",
        earlier: None,
    };
    note(sql, (endpoint, 1), &kind, 0, who)
}

fn note(
    sql: &mut dyn Sql,
    (endpoint, revision): (i64, i64),
    kind: &Kind,
    n_deployments: usize,
    who: Who<'_>,
) -> Result<(), Error> {
    sql.execute(
        "INSERT INTO endpoint_changes (endpoint_id, revision, what, earlier, n_deployments, user_id, at_ms, note) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        args![
            endpoint,
            revision,
            kind.what,
            kind.earlier,
            n_deployments as i64,
            who.user,
            now_ms(),
            who.note
        ],
    )?;
    Ok(())
}

/// Takes the next number of an endpoint, so that changes come one after another whoever makes them.
fn next_revision(sql: &mut dyn Sql, workspace: &str, name: &str) -> Result<(i64, i64), Error> {
    let row = sql.query_one(
        "UPDATE endpoints SET revision = revision + 1, problem = NULL WHERE workspace = ?1 AND name = ?2 \
         RETURNING id, revision",
        args![workspace, name],
    )?;
    match row {
        Some(row) => Ok((row.int(0)?, row.int(1)?)),
        None => Err(missing(sql, workspace, name)?),
    }
}

/// Leaves an endpoint at the revision that it has.
fn undo_revision(sql: &mut dyn Sql, id: i64) -> Result<(), Error> {
    sql.execute(
        "UPDATE endpoints SET revision = revision - 1 WHERE id = ?1",
        args![id],
    )?;
    Ok(())
}

/// Makes the next revision of what `edit` makes of the last one.
fn change(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    (what, who): (&'static str, Who<'_>),
    edit: impl FnOnce(&mut Vec<Deployment>) -> Result<(), Error>,
) -> Result<Endpoint, Error> {
    let (id, revision) = next_revision(sql, workspace, name)?;
    let mut deployments = of_revision(sql, id, revision - 1)?;
    let before = deployments.clone();
    edit(&mut deployments)?;
    // What answers already goes on until somebody takes it away.
    let answered = |one: &Deployment| {
        let mut before = before.iter();
        before.any(|other| other.name == one.name && other.share > 0)
    };
    let new: Vec<Deployment> = (deployments.iter())
        .filter(|one| !answered(one))
        .cloned()
        .collect();
    check_answering(sql, workspace, &new)?;
    let kind = Kind {
        what,
        earlier: Some(revision - 1),
    };
    note(sql, (id, revision), &kind, deployments.len(), who)?;
    put(sql, workspace, (id, revision), &deployments)?;
    by_name(sql, workspace, name)
}

fn find<'a>(
    deployments: &'a mut [Deployment],
    endpoint: &str,
    name: &str,
) -> Result<&'a mut Deployment, Error> {
    match deployments.iter().position(|one| one.name == name) {
        Some(place) => Ok(&mut deployments[place]),
        None => Err(Error::DeploymentMissing {
            endpoint: endpoint.to_owned(),
            name: name.to_owned(),
            near: nearest(name, deployments.iter().map(|one| one.name.as_str())),
        }),
    }
}

/// Puts a version behind an endpoint. The first answers all requests; a further one none, unless its share is said, which
/// the others then give up in proportion.
///
/// # Errors
/// If there is no such endpoint, or it has a deployment of this name.
pub fn deploy(
    sql: &mut dyn Sql,
    workspace: &str,
    endpoint: &str,
    new: &NewDeployment,
    who: Who<'_>,
) -> Result<Endpoint, Error> {
    let name = new.name.clone().unwrap_or_else(|| name_of(&new.target));
    check_name("the name of the deployment", &name)?;
    check_unreserved(&name)?;
    let share = new.share.unwrap_or(0);
    if share > WHOLE || (new.is_shadow && share > 0) {
        let reason = if new.is_shadow {
            "a deployment in the shadow answers nobody"
        } else {
            "it is a percentage"
        };
        return Err(Error::invalid("the share of requests", reason));
    }
    if new
        .replicas
        .is_some_and(|n| !(1..=REPLICAS_MAX).contains(&n))
    {
        let reason = format!("it must be from 1 to {REPLICAS_MAX}");
        return Err(Error::invalid("the number of replicas", reason));
    }
    change(sql, workspace, endpoint, ("deployed", who), |all| {
        if all.iter().any(|one| one.name == name) {
            let endpoint = endpoint.to_owned();
            return Err(Error::DeploymentExists { endpoint, name });
        }
        let is_first = all.iter().all(|one| one.is_shadow);
        all.push(Deployment {
            name: name.clone(),
            model: new.target.version.name.clone(),
            version: new.target.version.version,
            alias: new.target.alias.clone(),
            digest: new.digest.clone(),
            share: 0,
            is_shadow: new.is_shadow,
            replicas: new.replicas,
            deployed_ms: now_ms(),
            user_id: who.user.to_owned(),
        });
        if new.is_shadow {
            return Ok(());
        }
        shares::give(all, &name, if is_first { WHOLE } else { share });
        check_shares(all)
    })
}

/// The most batches that a deployment predicts at once.
const REPLICAS_MAX: u32 = 1024;

/// What is kept of truths has files whose names begin so.
const RESERVED: &str = "truths";

/// Whether files of a deployment are told from those of truths.
fn check_unreserved(name: &str) -> Result<(), Error> {
    let is_reserved = name
        .strip_prefix(RESERVED)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    if is_reserved {
        let reason =
            format!("files that begin with '{RESERVED}' hold truths; choose another (--as)");
        return Err(Error::invalid("the name of the deployment", reason));
    }
    Ok(())
}

fn check_shares(deployments: &[Deployment]) -> Result<(), Error> {
    match shares::sum(deployments) {
        WHOLE => Ok(()),
        sum => Err(Error::Shares { sum }),
    }
}

/// Says which deployments answer which percents of the requests; those that are not named answer none.
///
/// # Errors
/// If one is not there or in the shadow, or they do not add up to 100.
pub fn set_shares(
    sql: &mut dyn Sql,
    workspace: &str,
    endpoint: &str,
    wanted: &[(String, u32)],
    who: Who<'_>,
) -> Result<Endpoint, Error> {
    change(sql, workspace, endpoint, ("traffic", who), |all| {
        for one in all.iter_mut() {
            one.share = 0;
        }
        for (place, (name, share)) in wanted.iter().enumerate() {
            if wanted[..place].iter().any(|(other, _)| other == name) {
                let reason = format!("'{name}' stands there twice");
                return Err(Error::invalid("the shares of requests", reason));
            }
            let one = find(all, endpoint, name)?;
            if one.is_shadow && *share > 0 {
                let reason =
                    format!("'{name}' is in the shadow and answers nobody; promote it first");
                return Err(Error::invalid("the share of requests", reason));
            }
            one.share = one.share.saturating_add(*share);
        }
        let sum = wanted
            .iter()
            .fold(0_u32, |sum, (_, share)| sum.saturating_add(*share));
        if sum == WHOLE {
            Ok(())
        } else {
            Err(Error::Shares { sum })
        }
    })
}

/// Lets one deployment answer all requests, also one that was in the shadow.
///
/// # Errors
/// If it is not there.
pub fn promote(
    sql: &mut dyn Sql,
    workspace: &str,
    endpoint: &str,
    name: &str,
    who: Who<'_>,
) -> Result<Endpoint, Error> {
    change(sql, workspace, endpoint, ("promoted", who), |all| {
        find(all, endpoint, name)?.is_shadow = false;
        for one in all {
            one.share = if one.name == name { WHOLE } else { 0 };
        }
        Ok(())
    })
}

/// Takes a deployment away. One that answers requests goes only as the last that could, and only if `silences` says that nobody
/// may answer then.
///
/// # Errors
/// If it is not there, or still answers.
pub fn undeploy(
    sql: &mut dyn Sql,
    workspace: &str,
    endpoint: &str,
    (name, silences): (&str, bool),
    who: Who<'_>,
) -> Result<Endpoint, Error> {
    change(sql, workspace, endpoint, ("undeployed", who), |all| {
        let share = find(all, endpoint, name)?.share;
        all.retain(|one| one.name != name);
        if share == 0 {
            return Ok(());
        }
        if all.iter().any(|one| !one.is_shadow) {
            let name = name.to_owned();
            return Err(Error::StillAnswers { name, share });
        }
        if !silences {
            return Err(Error::WouldSilence {
                endpoint: endpoint.to_owned(),
                name: name.to_owned(),
            });
        }
        Ok(())
    })
}

/// Says how many requests an endpoint answers at once. It is a revision that says the numbers in its note; taking changes back passes it
/// over, since the deployments are as before.
///
/// # Errors
/// If there is no such endpoint, or the number is none that it may have.
pub fn set_at_once(
    sql: &mut dyn Sql,
    workspace: &str,
    endpoint: &str,
    max_at_once: u32,
    who: Who<'_>,
) -> Result<Endpoint, Error> {
    check_at_once(max_at_once)?;
    let before = by_name(sql, workspace, endpoint)?;
    if before.max_at_once == max_at_once {
        return Ok(before);
    }
    let (id, revision) = next_revision(sql, workspace, endpoint)?;
    sql.execute(
        "UPDATE endpoints SET max_at_once = ?1 WHERE id = ?2",
        args![i64::from(max_at_once), id],
    )?;
    let told = format!("{max_at_once} requests at once, not {}", before.max_at_once);
    let told = match who.note {
        Some(why) => format!("{told}: {why}"),
        None => told,
    };
    let who = Who {
        note: Some(&told),
        ..who
    };
    let kind = Kind {
        what: "limited",
        earlier: earlier(sql, id, revision - 1)?,
    };
    let deployments = of_revision(sql, id, revision - 1)?;
    note(sql, (id, revision), &kind, deployments.len(), who)?;
    put(sql, workspace, (id, revision), &deployments)?;
    by_name(sql, workspace, endpoint)
}

/// Notes that the alias of a deployment leads to another version, which a server has read. Nothing is noted, and nothing
/// given, if the deployment is no more as it was `seen`, or the alias leads elsewhere by now: then others were quicker.
///
/// # Errors
/// If the version may not be put to use.
pub fn follow(
    sql: &mut dyn Sql,
    workspace: &str,
    endpoint: &str,
    (seen, version, digest): (&Deployment, i64, &str),
    who: Who<'_>,
) -> Result<Option<Endpoint>, Error> {
    // Whoever changes the endpoint waits from here on.
    let (id, revision) = next_revision(sql, workspace, endpoint)?;
    let mut deployments = of_revision(sql, id, revision - 1)?;
    let one = deployments.iter_mut().find(|one| *one == seen);
    let (Some(one), Some(alias)) = (one, &seen.alias) else {
        undo_revision(sql, id)?;
        return Ok(None);
    };
    let leads = models::by_alias(sql, workspace, &seen.model, alias);
    if !leads.is_ok_and(|leads| leads.version == version) {
        undo_revision(sql, id)?;
        return Ok(None);
    }
    moves::check_allowed(sql, workspace, (&seen.model, version))?;
    one.version = version;
    digest.clone_into(&mut one.digest);
    let kind = Kind {
        what: "followed",
        earlier: Some(revision - 1),
    };
    note(sql, (id, revision), &kind, deployments.len(), who)?;
    put(sql, workspace, (id, revision), &deployments)?;
    by_name(sql, workspace, endpoint).map(Some)
}

/// Whether all versions that shall answer may be put to use.
fn check_answering(
    sql: &mut dyn Sql,
    workspace: &str,
    deployments: &[Deployment],
) -> Result<(), Error> {
    for one in deployments.iter().filter(|one| one.share > 0) {
        moves::check_allowed(sql, workspace, (&one.model, one.version))?;
    }
    Ok(())
}

/// Takes the last change back that was not taken back yet. A deployment whose alias leads elsewhere by now stays with its
/// version and no longer follows.
///
/// # Errors
/// If nothing was deployed before, or what was is gone.
pub fn roll_back(
    sql: &mut dyn Sql,
    workspace: &str,
    endpoint: &str,
    who: Who<'_>,
) -> Result<Endpoint, Error> {
    let (id, revision) = next_revision(sql, workspace, endpoint)?;
    let none = || Error::NoEarlier {
        endpoint: endpoint.to_owned(),
    };
    let target = earlier(sql, id, revision - 1)?.ok_or_else(none)?;
    let current = by_name(sql, workspace, endpoint)?;
    let mut deployments = at_revision(sql, &current, target)?;
    if deployments.is_empty() {
        return Err(none());
    }
    for one in &mut deployments {
        if let Some(alias) = &one.alias {
            let model = models::get(sql, workspace, &one.model)?;
            let leads_here = (alias.clone(), one.version);
            if !model.aliases.contains(&leads_here) {
                one.alias = None;
            }
        }
    }
    check_answering(sql, workspace, &deployments)?;
    let kind = Kind {
        what: "rolled-back",
        earlier: earlier(sql, id, target)?,
    };
    note(sql, (id, revision), &kind, deployments.len(), who)?;
    put(sql, workspace, (id, revision), &deployments)?;
    by_name(sql, workspace, endpoint)
}

/// The revision that taking a change back leads to.
fn earlier(sql: &mut dyn Sql, endpoint: i64, revision: i64) -> Result<Option<i64>, Error> {
    let row = sql.query_one(
        "SELECT earlier FROM endpoint_changes WHERE endpoint_id = ?1 AND revision = ?2",
        args![endpoint, revision],
    )?;
    Ok(row.map(|row| row.maybe_int(0)).transpose()?.flatten())
}

/// The last changes of an endpoint, newest first.
///
/// # Errors
/// If the database fails.
pub fn changes(sql: &mut dyn Sql, endpoint: &Endpoint, n_max: usize) -> Result<Vec<Change>, Error> {
    let rows = sql.query(
        "SELECT revision, what, user_id, at_ms, note FROM endpoint_changes WHERE endpoint_id = ?1 \
         ORDER BY revision DESC LIMIT ?2",
        args![endpoint.id, n_max as i64],
    )?;
    let mut read = |row: &Row| {
        let revision = row.int(0)?;
        Ok(Change {
            revision,
            what: row.text(1)?,
            user_id: row.text(2)?,
            at_ms: row.int(3)?,
            note: row.maybe_text(4)?,
            deployments: of_revision(sql, endpoint.id, revision)?,
        })
    };
    rows.iter().map(&mut read).collect()
}
