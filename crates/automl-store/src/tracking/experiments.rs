//! Experiments: named groups of runs.

use super::{
    KeyValue, LIMITS, Page, Stage, TrackingError, View, check_key, check_length, next_number,
    now_ms, offset, page,
};
use crate::args;
use crate::db::{Row, Sql, Value};
use crate::filter::{Clause, Dynamic, FilterError, Op, Operand, compare, parse, parse_order};

/// The experiment that runs without one belong to.
pub const DEFAULT_ID: i64 = 0;
/// Its name, until it gets another.
pub const DEFAULT_NAME: &str = "Default";
/// The workspace of whoever names none.
pub const DEFAULT_WORKSPACE: &str = "default";

/// An experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Experiment {
    pub id: i64,
    pub name: String,
    pub artifact_location: String,
    pub stage: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub tags: Vec<KeyValue>,
}

/// An experiment to be.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct NewExperiment {
    pub name: String,
    /// Where its artifacts go; below the root of the store if it is not said.
    pub artifact_location: Option<String>,
    pub tags: Vec<KeyValue>,
}

const COLUMNS: &str = "id, name, artifact_location, stage, created_ms, updated_ms";

/// Makes the default experiment if it is not there.
pub fn ensure_default(
    sql: &mut dyn Sql,
    workspace: &str,
    artifact_root: &str,
) -> Result<(), TrackingError> {
    let now = now_ms();
    sql.execute(
        "INSERT INTO experiments (id, workspace, name, artifact_location, stage, created_ms, updated_ms) \
         VALUES (?1, ?2, ?3, ?4, 'active', ?5, ?6) ON CONFLICT DO NOTHING",
        args![DEFAULT_ID, workspace, DEFAULT_NAME, &below(artifact_root, DEFAULT_ID), now, now],
    )?;
    Ok(())
}

/// Makes an experiment and gives its id.
pub fn create(
    sql: &mut dyn Sql,
    workspace: &str,
    artifact_root: &str,
    new: &NewExperiment,
) -> Result<i64, TrackingError> {
    check_name(&new.name)?;
    for tag in &new.tags {
        check_tag(tag)?;
    }
    if let Some(old) = by_name(sql, workspace, &new.name)? {
        return Err(TrackingError::Exists {
            kind: "Experiment",
            name: new.name.clone(),
            note: if old.stage == Stage::Deleted.name() {
                " in deleted state. You can restore the experiment, or permanently delete the experiment to create a new one."
            } else {
                "."
            },
        });
    }
    let id = next_number(sql, "experiment")?;
    let location = match &new.artifact_location {
        Some(location) if !location.is_empty() => {
            check_length("artifact_location", 2048, location)?;
            if location.starts_with("runs:") {
                return Err(TrackingError::Invalid(format!(
                    "Artifact location cannot be a runs:/ URI. Given: '{location}'"
                )));
            }
            location.trim_end_matches('/').to_owned()
        }
        _ => below(artifact_root, id),
    };
    let now = now_ms();
    sql.execute(
        "INSERT INTO experiments (id, workspace, name, artifact_location, stage, created_ms, updated_ms) \
         VALUES (?1, ?2, ?3, ?4, 'active', ?5, ?6)",
        args![id, workspace, &new.name, &location, now, now],
    )?;
    for tag in &new.tags {
        put_tag(sql, id, tag)?;
    }
    Ok(id)
}

/// Where artifacts of an experiment go.
pub(crate) fn below(root: &str, id: i64) -> String {
    format!("{}/{id}", root.trim_end_matches('/'))
}

fn check_name(name: &str) -> Result<(), TrackingError> {
    if name.trim().is_empty() {
        return Err(TrackingError::Invalid(format!(
            "Invalid experiment name: '{name}'"
        )));
    }
    check_length("name", LIMITS.experiment_name, name)
}

fn check_tag(tag: &KeyValue) -> Result<(), TrackingError> {
    check_key("key", "key", &tag.key)?;
    check_length("value", LIMITS.experiment_tag_value, &tag.value)
}

pub(crate) fn put_tag(sql: &mut dyn Sql, id: i64, tag: &KeyValue) -> Result<(), TrackingError> {
    sql.execute(
        "INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?1, ?2, ?3) \
         ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value",
        args![id, &tag.key, &tag.value],
    )?;
    Ok(())
}

/// Reads an id as clients send it.
pub fn id_of(text: &str) -> Result<i64, TrackingError> {
    text.parse().map_err(|_not_a_number| {
        TrackingError::Invalid(format!(
            "Invalid experiment ID '{text}'. Experiment ID must be a valid integer."
        ))
    })
}

/// An experiment, whatever its stage.
pub fn get(sql: &mut dyn Sql, workspace: &str, id: i64) -> Result<Experiment, TrackingError> {
    let query = format!("SELECT {COLUMNS} FROM experiments WHERE id = ?1 AND workspace = ?2");
    let row = sql.query_one(&query, args![id, workspace])?;
    let row = row.ok_or(TrackingError::Missing {
        kind: "Experiment",
        by: "id",
        name: id.to_string(),
    })?;
    with_tags(sql, &row)
}

/// An experiment by its name, whatever its stage.
pub fn by_name(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
) -> Result<Option<Experiment>, TrackingError> {
    let query = format!("SELECT {COLUMNS} FROM experiments WHERE name = ?1 AND workspace = ?2");
    let row = sql.query_one(&query, args![name, workspace])?;
    row.map(|row| with_tags(sql, &row)).transpose()
}

fn with_tags(sql: &mut dyn Sql, row: &Row) -> Result<Experiment, TrackingError> {
    let id = row.int(0)?;
    let tags = sql.query(
        "SELECT key, value FROM experiment_tags WHERE experiment_id = ?1 ORDER BY key",
        args![id],
    )?;
    let tag = |row: &Row| {
        Ok(KeyValue {
            key: row.text(0)?,
            value: row.text(1)?,
        })
    };
    Ok(Experiment {
        id,
        name: row.text(1)?,
        artifact_location: row.text(2)?,
        stage: row.text(3)?,
        created_ms: row.int(4)?,
        updated_ms: row.int(5)?,
        tags: tags.iter().map(tag).collect::<Result<_, TrackingError>>()?,
    })
}

/// An experiment that is active.
pub fn active(sql: &mut dyn Sql, workspace: &str, id: i64) -> Result<Experiment, TrackingError> {
    let experiment = get(sql, workspace, id)?;
    if experiment.stage != Stage::Active.name() {
        return Err(TrackingError::Stage {
            kind: "experiment",
            id: id.to_string(),
            wanted: "active",
            found: experiment.stage,
        });
    }
    Ok(experiment)
}

/// Gives an active experiment another name.
pub fn rename(
    sql: &mut dyn Sql,
    workspace: &str,
    id: i64,
    name: &str,
) -> Result<(), TrackingError> {
    check_name(name)?;
    active(sql, workspace, id)?;
    if by_name(sql, workspace, name)?.is_some_and(|other| other.id != id) {
        return Err(TrackingError::Exists {
            kind: "Experiment",
            name: name.to_owned(),
            note: ".",
        });
    }
    sql.execute(
        "UPDATE experiments SET name = ?1, updated_ms = ?2 WHERE id = ?3",
        args![name, now_ms(), id],
    )?;
    Ok(())
}

/// Deletes or restores an experiment with its runs.
pub fn set_stage(
    sql: &mut dyn Sql,
    workspace: &str,
    id: i64,
    stage: Stage,
) -> Result<(), TrackingError> {
    let experiment = get(sql, workspace, id)?;
    if experiment.stage == stage.name() {
        let wanted = match stage {
            Stage::Active => "deleted",
            Stage::Deleted => "active",
        };
        // Which experiments are there is told by their state: a deleted one cannot be deleted again.
        return Err(TrackingError::Missing {
            kind: wanted_kind(wanted),
            by: "id",
            name: id.to_string(),
        });
    }
    let now = now_ms();
    sql.execute(
        "UPDATE experiments SET stage = ?1, updated_ms = ?2 WHERE id = ?3",
        args![stage.name(), now, id],
    )?;
    let deleted_ms = (stage == Stage::Deleted).then_some(now);
    sql.execute(
        "UPDATE runs SET stage = ?1, deleted_ms = ?2 WHERE experiment_id = ?3",
        args![stage.name(), deleted_ms, id],
    )?;
    Ok(())
}

fn wanted_kind(stage: &str) -> &'static str {
    if stage == "active" {
        "active Experiment"
    } else {
        "deleted Experiment"
    }
}

/// Sets a tag of an active experiment.
pub fn set_tag(
    sql: &mut dyn Sql,
    workspace: &str,
    id: i64,
    tag: &KeyValue,
) -> Result<(), TrackingError> {
    check_tag(tag)?;
    active(sql, workspace, id)?;
    put_tag(sql, id, tag)
}

/// Takes a tag away from an active experiment.
pub fn delete_tag(
    sql: &mut dyn Sql,
    workspace: &str,
    id: i64,
    key: &str,
) -> Result<(), TrackingError> {
    active(sql, workspace, id)?;
    let count = sql.execute(
        "DELETE FROM experiment_tags WHERE experiment_id = ?1 AND key = ?2",
        args![id, key],
    )?;
    if count == 0 {
        return Err(TrackingError::Missing {
            kind: "tag",
            by: "name:",
            name: format!("{key} in experiment with id {id}"),
        });
    }
    Ok(())
}

/// What to search experiments for.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Search {
    pub view: View,
    pub filter: String,
    pub order_by: Vec<String>,
    pub n_max: usize,
    pub page_token: Option<String>,
}

/// Finds experiments, newest first unless another order is asked for.
pub fn search(
    sql: &mut dyn Sql,
    workspace: &str,
    search: &Search,
) -> Result<Page<Experiment>, TrackingError> {
    let offset = offset(search.page_token.as_deref())?;
    let mut query = Dynamic::new(
        format!("SELECT {COLUMNS} FROM experiments e WHERE "),
        sql.dialect(),
    );
    let place = query.place(Value::Text(workspace.to_owned()));
    query.push(&format!(
        "workspace = {place} AND {}",
        search.view.condition("stage")
    ));
    for clause in parse(&search.filter)? {
        let condition = condition(&mut query, &clause)?;
        query.push(&format!(" AND {condition}"));
    }
    query.push(" ORDER BY ");
    let mut is_by_id = false;
    for order in &search.order_by {
        let order = parse_order(order).map_err(TrackingError::Order)?;
        let column = column(order.subject.entity.as_deref(), &order.subject.key)
            .ok_or_else(|| TrackingError::Order(order.subject.wrong(UNKNOWN)))?;
        is_by_id |= column == "id";
        query.push(&format!(
            "{column} {}, ",
            if order.is_ascending { "ASC" } else { "DESC" }
        ));
    }
    if search.order_by.is_empty() {
        query.push("created_ms DESC, ");
    }
    query.push(if is_by_id { "name" } else { "id DESC" });
    query.push(&format!(" LIMIT {} OFFSET {offset}", search.n_max + 1));
    let rows = sql.query(&query.sql, &query.args())?;
    let found = rows
        .iter()
        .map(|row| with_tags(sql, row))
        .collect::<Result<_, _>>()?;
    Ok(page(found, search.n_max, offset))
}

const UNKNOWN: &str = "expected name, experiment_id, creation_time, last_update_time or tags.KEY";

fn column(entity: Option<&str>, key: &str) -> Option<&'static str> {
    if !matches!(entity, None | Some("attribute" | "attributes" | "attr")) {
        return None;
    }
    match key {
        "name" => Some("name"),
        "experiment_id" => Some("id"),
        "creation_time" => Some("created_ms"),
        "last_update_time" => Some("updated_ms"),
        _ => None,
    }
}

fn condition(query: &mut Dynamic, clause: &Clause) -> Result<String, FilterError> {
    let subject = &clause.subject;
    if matches!(subject.entity.as_deref(), Some("tag" | "tags")) {
        let key = query.place(Value::Text(subject.key.clone()));
        let tag = format!(
            "SELECT 1 FROM experiment_tags t WHERE t.experiment_id = e.id AND t.key = {key}"
        );
        return Ok(match clause.op {
            Op::IsNull => format!("NOT EXISTS ({tag})"),
            Op::IsNotNull => format!("EXISTS ({tag})"),
            Op::Equal | Op::NotEqual | Op::Like | Op::ILike => {
                if !matches!(clause.operand, Operand::Text(_)) {
                    return Err(subject.wrong("a tag is compared with a text in quotes"));
                }
                format!("EXISTS ({tag} AND {})", compare(query, "t.value", clause)?)
            }
            _ => return Err(subject.wrong("tags know =, !=, LIKE, ILIKE, IS NULL and IS NOT NULL")),
        });
    }
    let column =
        column(subject.entity.as_deref(), &subject.key).ok_or_else(|| subject.wrong(UNKNOWN))?;
    match column {
        "name" => {
            let is_known = matches!(clause.op, Op::Equal | Op::NotEqual | Op::Like | Op::ILike);
            if !is_known || !matches!(clause.operand, Operand::Text(_)) {
                return Err(
                    subject.wrong("a name knows =, !=, LIKE and ILIKE with a text in quotes")
                );
            }
            compare(query, column, clause)
        }
        "id" => {
            let text = "CAST(id AS TEXT)";
            match (clause.op, &clause.operand) {
                (Op::Equal | Op::NotEqual, Operand::Text(_)) | (Op::In | Op::NotIn, _) => {
                    compare(query, text, clause)
                }
                _ => Err(subject
                    .wrong("an experiment_id knows =, !=, IN and NOT IN with texts in quotes")),
            }
        }
        _ => match clause.operand {
            Operand::Number(_) if !matches!(clause.op, Op::Like | Op::ILike) => {
                compare(query, column, clause)
            }
            _ => Err(subject.wrong("a time is compared with a number of milliseconds")),
        },
    }
}
