//! What was deleted and is not referred to, read in one transaction.

use crate::args;
use crate::db::{DbError, Sql};
use crate::tracking::TrackingError;
use crate::tracking::experiments::DEFAULT_ID;
use std::collections::BTreeSet;

/// What kind of thing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub enum Kind {
    Run,
    LoggedModel,
    Experiment,
}

impl Kind {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::LoggedModel => "logged model",
            Self::Experiment => "experiment",
        }
    }
}

/// Something that goes for good.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Gone {
    pub kind: Kind,
    pub id: String,
    pub name: String,
    /// Where its files are, if they are its own.
    pub files: Option<String>,
    /// Bytes of its files, counted by path.
    pub n_bytes: u64,
}

pub(super) struct Plan {
    /// Runs and models first, then the experiments that held them.
    pub(super) gone: Vec<Gone>,
    pub(super) n_kept: u64,
}

/// What versions of registered models refer to.
#[derive(Default)]
struct Pinned {
    runs: BTreeSet<String>,
    models: BTreeSet<String>,
    /// Places of files.
    places: BTreeSet<String>,
}

fn pinned_by_versions(sql: &mut dyn Sql) -> Result<Pinned, TrackingError> {
    let mut pinned = Pinned::default();
    for row in sql.query(
        "SELECT run_id, model_id, source, storage_location FROM model_versions",
        &[],
    )? {
        pinned.runs.extend(row.maybe_text(0)?);
        pinned.models.extend(row.maybe_text(1)?);
        for uri in [row.text(2)?, row.text(3)?] {
            let first = |rest: &str| {
                rest.trim_start_matches('/')
                    .split('/')
                    .next()
                    .map(str::to_owned)
            };
            if let Some(rest) = uri.strip_prefix("runs:/") {
                pinned.runs.extend(first(rest));
            } else if let Some(rest) = uri.strip_prefix("models:/") {
                pinned.models.extend(first(rest));
            } else {
                pinned.places.insert(uri.trim_end_matches('/').to_owned());
            }
        }
    }
    Ok(pinned)
}

/// Whether a place is in a set, or one in the set is in it or has it in itself.
fn is_shared(places: &BTreeSet<String>, root: &str) -> bool {
    let below = format!("{root}/");
    let is_above = places
        .range(below.clone()..)
        .next()
        .is_some_and(|place| place.starts_with(&below));
    let ends = root.match_indices('/').map(|(end, _)| &root[..end]);
    is_above || places.contains(root) || ends.into_iter().any(|part| places.contains(part))
}

struct Candidate {
    id: String,
    name: String,
    experiment_id: i64,
    root: String,
}

fn candidates(
    sql: &mut dyn Sql,
    query: &str,
    before: i64,
) -> Result<Vec<Candidate>, TrackingError> {
    let rows = sql.query(query, args![before])?;
    let read = |row: &crate::db::Row| {
        Ok(Candidate {
            id: row.text(0)?,
            name: row.text(1)?,
            experiment_id: row.int(2)?,
            root: row.text(3)?,
        })
    };
    rows.iter().map(read).collect()
}

const RUNS: &str = "SELECT id, name, experiment_id, artifact_uri FROM runs WHERE stage = 'deleted' \
    AND COALESCE(deleted_ms, end_ms, start_ms, 0) < ?1 ORDER BY run";
/// A model of a deleted experiment is as deleted as the experiment.
const MODELS: &str = "SELECT m.id, m.name, m.experiment_id, m.artifact_uri FROM logged_models m \
    JOIN experiments e ON e.id = m.experiment_id \
    WHERE (m.stage = 'deleted' AND m.updated_ms < ?1) OR (e.stage = 'deleted' AND e.updated_ms < ?1) ORDER BY m.id";
/// Runs that models in use come from.
const SOURCES: &str = "SELECT m.source_run_id FROM logged_models m JOIN experiments e ON e.id = m.experiment_id \
    WHERE m.stage = 'active' AND e.stage = 'active' AND m.source_run_id IS NOT NULL";

pub(super) fn plan(sql: &mut dyn Sql, before: i64) -> Result<Plan, TrackingError> {
    let mut pinned = pinned_by_versions(sql)?;
    for row in sql.query(SOURCES, &[])? {
        pinned.runs.insert(row.text(0)?);
    }
    let mut plan = Plan {
        gone: Vec::new(),
        n_kept: 0,
    };
    let runs = candidates(sql, RUNS, before)?;
    let (runs, kept): (Vec<Candidate>, Vec<Candidate>) = runs
        .into_iter()
        .partition(|run| !pinned.runs.contains(&run.id) && !is_shared(&pinned.places, &run.root));
    plan.n_kept += kept.len() as u64;
    let going: BTreeSet<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    // Models that runs which stay took in or made.
    for row in sql.query(
        "SELECT x.model_id, r.id FROM run_models x JOIN runs r ON r.run = x.run",
        &[],
    )? {
        if !going.contains(row.text(1)?.as_str()) {
            pinned.models.insert(row.text(0)?);
        }
    }
    let models = candidates(sql, MODELS, before)?;
    let (models, kept): (Vec<Candidate>, Vec<Candidate>) = models.into_iter().partition(|model| {
        !pinned.models.contains(&model.id) && !is_shared(&pinned.places, &model.root)
    });
    plan.n_kept += kept.len() as u64;
    let living = living_places(sql, &runs, &models)?;
    for (kind, candidates) in [(Kind::Run, &runs), (Kind::LoggedModel, &models)] {
        for one in candidates {
            plan.gone.push(Gone {
                kind,
                id: one.id.clone(),
                name: one.name.clone(),
                files: own_files(one, &living),
                n_bytes: 0,
            });
        }
    }
    experiments(sql, before, &runs, &models, &mut plan)?;
    Ok(plan)
}

/// Where the files of runs and models are that stay.
fn living_places(
    sql: &mut dyn Sql,
    runs: &[Candidate],
    models: &[Candidate],
) -> Result<BTreeSet<String>, TrackingError> {
    let going: BTreeSet<&str> = runs
        .iter()
        .chain(models)
        .map(|one| one.id.as_str())
        .collect();
    let mut living = BTreeSet::new();
    if going.is_empty() {
        return Ok(living);
    }
    for row in sql.query(
        "SELECT id, artifact_uri FROM runs UNION ALL SELECT id, artifact_uri FROM logged_models",
        &[],
    )? {
        if !going.contains(row.text(0)?.as_str()) {
            living.insert(row.text(1)?);
        }
    }
    Ok(living)
}

/// The place of files that are those of one run or model alone: it is named by its id, and nothing that stays is in it.
fn own_files(one: &Candidate, living: &BTreeSet<String>) -> Option<String> {
    let is_own = one.root.split('/').any(|part| part == one.id) && !is_shared(living, &one.root);
    is_own.then(|| one.root.clone())
}

/// Experiments of which nothing stays. The default one is always there.
fn experiments(
    sql: &mut dyn Sql,
    before: i64,
    runs: &[Candidate],
    models: &[Candidate],
    plan: &mut Plan,
) -> Result<(), TrackingError> {
    let rows = sql.query(
        "SELECT e.id, e.name, (SELECT COUNT(*) FROM runs r WHERE r.experiment_id = e.id), \
         (SELECT COUNT(*) FROM logged_models m WHERE m.experiment_id = e.id) \
         FROM experiments e WHERE e.stage = 'deleted' AND e.updated_ms < ?1 AND e.id <> ?2 ORDER BY e.id",
        args![before, DEFAULT_ID],
    )?;
    for row in rows {
        let id = row.int(0)?;
        let is_in = |one: &&Candidate| one.experiment_id == id;
        let n_going = runs.iter().chain(models).filter(is_in).count();
        if row.int(2)? + row.int(3)? != n_going as i64 {
            plan.n_kept += 1;
            continue;
        }
        plan.gone.push(Gone {
            kind: Kind::Experiment,
            id: id.to_string(),
            name: row.text(1)?,
            files: None,
            n_bytes: 0,
        });
    }
    Ok(())
}

/// Takes the rows of one away, with all that hangs on them.
pub(super) fn delete(sql: &mut dyn Sql, one: &Gone) -> Result<(), TrackingError> {
    match one.kind {
        Kind::Run => {
            sql.execute("DELETE FROM runs WHERE id = ?1", args![&one.id])?;
        }
        Kind::LoggedModel => {
            sql.execute("DELETE FROM logged_models WHERE id = ?1", args![&one.id])?;
            sql.execute(
                "DELETE FROM model_metrics WHERE model_id = ?1",
                args![&one.id],
            )?;
            sql.execute("DELETE FROM run_models WHERE model_id = ?1", args![&one.id])?;
        }
        Kind::Experiment => {
            let id: i64 = crate::tracking::experiments::id_of(&one.id)?;
            // A run that was made since keeps it, for the next collection.
            sql.execute(
                "DELETE FROM experiments WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE experiment_id = ?1) \
                 AND NOT EXISTS (SELECT 1 FROM logged_models WHERE experiment_id = ?1)",
                args![id],
            )?;
        }
    }
    Ok(())
}

/// Whether a run or a logged model has its files at a place.
pub(super) fn is_used(sql: &mut dyn Sql, uri: &str) -> Result<bool, DbError> {
    let query = "SELECT 1 FROM runs WHERE artifact_uri = ?1 UNION ALL SELECT 1 FROM logged_models WHERE artifact_uri = ?1 LIMIT 1";
    Ok(sql.query_one(query, args![uri])?.is_some())
}
