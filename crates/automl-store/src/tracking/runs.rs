//! Runs: one training each, with what it was given, what it measured and what it made.

use super::experiments::{self, Experiment};
use super::log::put_tag;
use super::{
    KeyValue, LIMITS, Stage, TrackingError, check_key, check_length, check_text, new_id,
    next_number, now_ms,
};
use crate::args;
use crate::artifact_uri::below;
use crate::db::{Row, Sql};

/// The tag that holds a run's name.
pub const NAME_TAG: &str = "mlflow.runName";
/// The tag that holds who started a run.
pub const USER_TAG: &str = "mlflow.user";

/// What states a run can be in.
pub const STATUSES: [&str; 5] = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"];

/// The head of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct RunInfo {
    /// What other tables call it.
    pub number: i64,
    pub id: String,
    pub experiment_id: i64,
    pub name: String,
    pub user_id: String,
    pub status: String,
    pub start_ms: Option<i64>,
    pub end_ms: Option<i64>,
    pub stage: String,
    pub artifact_uri: String,
}

/// A run to be.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct NewRun {
    pub experiment_id: i64,
    pub name: Option<String>,
    pub user_id: String,
    pub start_ms: Option<i64>,
    pub tags: Vec<KeyValue>,
}

/// What of a run is to change; nothing stays as it is.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Change {
    pub status: Option<String>,
    pub end_ms: Option<i64>,
    pub name: Option<String>,
}

pub(super) const COLUMNS: &str = "r.run, r.id, r.experiment_id, r.name, r.user_id, r.status, r.start_ms, r.end_ms, r.stage, r.artifact_uri";

pub(super) fn info(row: &Row) -> Result<RunInfo, TrackingError> {
    Ok(RunInfo {
        number: row.int(0)?,
        id: row.text(1)?,
        experiment_id: row.int(2)?,
        name: row.text(3)?,
        user_id: row.text(4)?,
        status: row.text(5)?,
        start_ms: row.maybe_int(6)?,
        end_ms: row.maybe_int(7)?,
        stage: row.text(8)?,
        artifact_uri: row.text(9)?,
    })
}

/// Starts a run in an active experiment.
pub fn create(sql: &mut dyn Sql, workspace: &str, new: &NewRun) -> Result<RunInfo, TrackingError> {
    create_as(sql, workspace, &new_id()?, new)
}

/// Starts a run whose id was given elsewhere.
pub fn create_as(
    sql: &mut dyn Sql,
    workspace: &str,
    id: &str,
    new: &NewRun,
) -> Result<RunInfo, TrackingError> {
    let experiment = experiments::active(sql, workspace, new.experiment_id)?;
    create_in(sql, &experiment, id, new)
}

/// As [`create_as`], also in an experiment that is deleted: the run is as deleted as the experiment, and restored with it.
pub(crate) fn create_in(
    sql: &mut dyn Sql,
    experiment: &Experiment,
    id: &str,
    new: &NewRun,
) -> Result<RunInfo, TrackingError> {
    for (index, tag) in new.tags.iter().enumerate() {
        check_key("key", &format!("tags[{index}].key"), &tag.key)?;
        check_text("value", &tag.value)?;
    }
    let tagged = new.tags.iter().find(|tag| tag.key == NAME_TAG);
    let given = new.name.as_deref().filter(|name| !name.is_empty());
    let name = match (given, tagged) {
        (Some(name), Some(tag)) if name != tag.value => {
            return Err(TrackingError::Invalid(format!(
                "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='{name}', mlflow.runName='{}').",
                tag.value
            )));
        }
        (Some(name), _) => name.to_owned(),
        (None, Some(tag)) => tag.value.clone(),
        (None, None) => random_name()?,
    };
    check_length("run_name", LIMITS.tag_value, &name)?;
    check_length("user_id", LIMITS.key, &new.user_id)?;
    let artifact_uri = below(&experiment.artifact_location, &format!("{id}/artifacts"));
    let run = RunInfo {
        number: next_number(sql, "run")?,
        id: id.to_owned(),
        experiment_id: experiment.id,
        name,
        user_id: new.user_id.clone(),
        status: STATUSES[0].to_owned(),
        start_ms: Some(new.start_ms.unwrap_or_else(now_ms)),
        end_ms: None,
        stage: experiment.stage.clone(),
        artifact_uri,
    };
    insert(sql, &run)?;
    if run.stage == Stage::Deleted.name() {
        sql.execute(
            "UPDATE runs SET deleted_ms = ?1 WHERE run = ?2",
            args![now_ms(), run.number],
        )?;
    }
    for tag in &new.tags {
        put_tag(sql, run.number, tag)?;
    }
    if tagged.is_none() {
        let tag = KeyValue {
            key: NAME_TAG.into(),
            value: run.name.clone(),
        };
        put_tag(sql, run.number, &tag)?;
    }
    Ok(run)
}

/// Writes the head of a run that comes from elsewhere, or was just made.
pub fn insert(sql: &mut dyn Sql, run: &RunInfo) -> Result<(), TrackingError> {
    sql.execute(
        "INSERT INTO runs (run, id, experiment_id, name, user_id, status, start_ms, end_ms, stage, artifact_uri) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        args![
            run.number, &run.id, run.experiment_id, &run.name, &run.user_id, &run.status,
            run.start_ms, run.end_ms, &run.stage, &run.artifact_uri,
        ],
    )?;
    Ok(())
}

/// The head of a run, whatever its stage.
pub fn get(sql: &mut dyn Sql, workspace: &str, id: &str) -> Result<RunInfo, TrackingError> {
    let query = format!(
        "SELECT {COLUMNS} FROM runs r JOIN experiments e ON e.id = r.experiment_id WHERE r.id = ?1 AND e.workspace = ?2"
    );
    match sql.query_one(&query, args![id, workspace])? {
        Some(row) => info(&row),
        None => Err(TrackingError::RunMissing { id: id.to_owned() }),
    }
}

/// The head of an active run.
pub fn active(sql: &mut dyn Sql, workspace: &str, id: &str) -> Result<RunInfo, TrackingError> {
    let run = get(sql, workspace, id)?;
    if run.stage != Stage::Active.name() {
        return Err(TrackingError::Stage {
            kind: "run",
            id: id.to_owned(),
            wanted: "active",
            found: run.stage,
        });
    }
    Ok(run)
}

/// Changes the head of an active run.
pub fn update(
    sql: &mut dyn Sql,
    workspace: &str,
    id: &str,
    change: &Change,
) -> Result<RunInfo, TrackingError> {
    let run = active(sql, workspace, id)?;
    apply(sql, run, change)
}

/// Changes the head of a run, whatever its stage.
pub(crate) fn apply(
    sql: &mut dyn Sql,
    mut run: RunInfo,
    change: &Change,
) -> Result<RunInfo, TrackingError> {
    if let Some(status) = &change.status {
        if !STATUSES.contains(&status.as_str()) {
            return Err(TrackingError::Invalid(format!(
                "Invalid run status '{status}'; expected one of {}",
                STATUSES.join(", ")
            )));
        }
        run.status.clone_from(status);
    }
    run.end_ms = change.end_ms.or(run.end_ms);
    if let Some(name) = change.name.as_ref().filter(|name| !name.is_empty()) {
        check_length("run_name", LIMITS.tag_value, name)?;
        run.name.clone_from(name);
        let tag = KeyValue {
            key: NAME_TAG.into(),
            value: name.clone(),
        };
        put_tag(sql, run.number, &tag)?;
    }
    sql.execute(
        "UPDATE runs SET status = ?1, end_ms = ?2, name = ?3 WHERE run = ?4",
        args![&run.status, run.end_ms, &run.name, run.number],
    )?;
    Ok(run)
}

/// Deletes or restores a run; doing it twice is no error.
pub fn set_stage(
    sql: &mut dyn Sql,
    workspace: &str,
    id: &str,
    stage: Stage,
) -> Result<(), TrackingError> {
    let run = get(sql, workspace, id)?;
    let deleted_ms = (stage == Stage::Deleted).then(now_ms);
    sql.execute(
        "UPDATE runs SET stage = ?1, deleted_ms = ?2 WHERE run = ?3",
        args![stage.name(), deleted_ms, run.number],
    )?;
    Ok(())
}

const ADJECTIVES: [&str; 32] = [
    "able", "amber", "bold", "brave", "bright", "calm", "clever", "cosmic", "crisp", "eager",
    "fair", "fast", "gentle", "glad", "grand", "happy", "keen", "kind", "lively", "lucid", "merry",
    "mild", "neat", "noble", "patient", "plucky", "proud", "quick", "quiet", "sharp", "swift",
    "warm",
];
const NOUNS: [&str; 32] = [
    "aspen", "badger", "beacon", "birch", "brook", "cedar", "comet", "crane", "delta", "ember",
    "falcon", "fern", "finch", "grove", "harbor", "heron", "lagoon", "lark", "maple", "meadow",
    "newt", "otter", "owl", "pine", "quail", "raven", "reef", "robin", "sparrow", "stoat", "trout",
    "wren",
];

/// A name that people can say, such as `quick-otter-417`.
pub(super) fn random_name() -> Result<String, TrackingError> {
    let mut bytes = [0_u8; 4];
    getrandom::fill(&mut bytes)
        .map_err(|error| TrackingError::Invalid(format!("no randomness: {error}")))?;
    let number = u16::from_le_bytes([bytes[2], bytes[3]]) % 1000;
    let adjective = ADJECTIVES[usize::from(bytes[0]) % ADJECTIVES.len()];
    let noun = NOUNS[usize::from(bytes[1]) % NOUNS.len()];
    Ok(format!("{adjective}-{noun}-{number}"))
}
