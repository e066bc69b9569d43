//! Models that runs log: each with its own files, params and tags, before anything is registered.

use super::experiments::Experiment;
use super::log::Metric;
use super::{
    KeyValue, LIMITS, Page, TrackingError, check_key, check_length, check_text, cut, experiments,
    new_id, now_ms, offset, page,
};
use crate::args;
use crate::artifact_uri::below;
use crate::db::{Row, Sql, Value};
use crate::filter::{Clause, Dynamic, FilterError, Op, Operand, Subject, compare, parse};

/// A logged model.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct LoggedModel {
    pub id: String,
    pub experiment_id: i64,
    pub name: String,
    pub artifact_uri: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub status: Status,
    pub model_type: Option<String>,
    pub source_run_id: Option<String>,
    pub params: Vec<KeyValue>,
    pub tags: Vec<KeyValue>,
    /// The latest of each metric, with the run that measured it.
    pub metrics: Vec<(Metric, String)>,
}

/// How far a logged model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum Status {
    Pending,
    Ready,
    Failed,
}

impl Status {
    const ALL: [Self; 3] = [Self::Pending, Self::Ready, Self::Failed];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Ready => "READY",
            Self::Failed => "FAILED",
        }
    }

    /// As the protocol names it.
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::Pending => "LOGGED_MODEL_PENDING",
            Self::Ready => "LOGGED_MODEL_READY",
            Self::Failed => "LOGGED_MODEL_UPLOAD_FAILED",
        }
    }

    /// The status of a name or of a number of the protocol.
    pub fn of_wire(text: &str) -> Option<Self> {
        let number = text
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1));
        number
            .and_then(|number| Self::ALL.get(number).copied())
            .or_else(|| {
                Self::ALL
                    .into_iter()
                    .find(|status| status.wire_name() == text)
            })
    }

    fn of(text: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|status| status.name() == text)
            .unwrap_or(Self::Failed)
    }
}

/// A model to be logged.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct NewLoggedModel {
    pub experiment_id: i64,
    pub name: Option<String>,
    pub model_type: Option<String>,
    pub source_run_id: Option<String>,
    pub params: Vec<KeyValue>,
    pub tags: Vec<KeyValue>,
}

const COLUMNS: &str = "m.id, m.experiment_id, m.name, m.artifact_uri, m.created_ms, m.updated_ms, m.status, m.model_type, m.source_run_id";

/// Makes a model whose files are still to come.
pub fn create(
    sql: &mut dyn Sql,
    workspace: &str,
    new: &NewLoggedModel,
) -> Result<LoggedModel, TrackingError> {
    let experiment = experiments::active(sql, workspace, new.experiment_id)?;
    create_in(
        sql,
        workspace,
        (&format!("m-{}", new_id()?), &experiment),
        new,
    )
}

/// Makes a model of an id that was given elsewhere, unless it is there; also in an experiment that is deleted, which its run is
/// a part of.
pub(crate) fn ensure(
    sql: &mut dyn Sql,
    workspace: &str,
    id: &str,
    new: &NewLoggedModel,
) -> Result<LoggedModel, TrackingError> {
    match get(sql, workspace, id) {
        Err(TrackingError::Absent(_)) => {
            let experiment = experiments::get(sql, workspace, new.experiment_id)?;
            create_in(sql, workspace, (id, &experiment), new)
        }
        found => found,
    }
}

fn create_in(
    sql: &mut dyn Sql,
    workspace: &str,
    (id, experiment): (&str, &Experiment),
    new: &NewLoggedModel,
) -> Result<LoggedModel, TrackingError> {
    let name = match new.name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => check_name(name)?.to_owned(),
        None => super::runs::random_name()?,
    };
    let now = now_ms();
    let artifact_uri = below(
        &experiment.artifact_location,
        &format!("models/{id}/artifacts"),
    );
    sql.execute(
        "INSERT INTO logged_models (id, experiment_id, name, artifact_uri, created_ms, updated_ms, status, model_type, source_run_id, stage) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'PENDING', ?7, ?8, 'active')",
        args![
            id, experiment.id, &name, &artifact_uri, now, now, new.model_type.as_deref(),
            new.source_run_id.as_deref(),
        ],
    )?;
    put_params(sql, id, &new.params)?;
    put_tags(sql, id, &new.tags)?;
    get(sql, workspace, id)
}

fn check_name(name: &str) -> Result<&str, TrackingError> {
    if name.contains(['/', ':', '.', '%', '"', '\'']) {
        return Err(TrackingError::Invalid(format!(
            "Invalid model name ({name}) provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
        )));
    }
    check_length("Logged model name", LIMITS.experiment_name, name)?;
    Ok(name)
}

pub(crate) fn put_params(
    sql: &mut dyn Sql,
    id: &str,
    params: &[KeyValue],
) -> Result<(), TrackingError> {
    for param in params {
        check_key("Param key", "params.key", &param.key)?;
        check_text("Param value", &param.value)?;
        sql.execute(
            "INSERT INTO logged_model_params (model_id, key, value) VALUES (?1, ?2, ?3) \
             ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value",
            args![id, &param.key, cut(LIMITS.param_value, &param.value)],
        )?;
    }
    Ok(())
}

pub(crate) fn put_tags(
    sql: &mut dyn Sql,
    id: &str,
    tags: &[KeyValue],
) -> Result<(), TrackingError> {
    for tag in tags {
        check_key("key", "tags.key", &tag.key)?;
        check_text("value", &tag.value)?;
        sql.execute(
            "INSERT INTO logged_model_tags (model_id, key, value) VALUES (?1, ?2, ?3) \
             ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value",
            args![id, &tag.key, cut(LIMITS.tag_value, &tag.value)],
        )?;
    }
    Ok(())
}

/// A logged model that was not deleted.
pub fn get(sql: &mut dyn Sql, workspace: &str, id: &str) -> Result<LoggedModel, TrackingError> {
    let query = format!(
        "SELECT {COLUMNS} FROM logged_models m JOIN experiments e ON e.id = m.experiment_id \
         WHERE m.id = ?1 AND e.workspace = ?2 AND m.stage = 'active'"
    );
    let row = sql.query_one(&query, args![id, workspace])?;
    let row = row
        .ok_or_else(|| TrackingError::Absent(format!("Logged model with ID '{id}' not found.")))?;
    whole(sql, &row)
}

/// The newest model that a run made, if it made one.
pub fn made_by(
    sql: &mut dyn Sql,
    workspace: &str,
    run_id: &str,
) -> Result<Option<LoggedModel>, TrackingError> {
    let query = format!(
        "SELECT {COLUMNS} FROM logged_models m JOIN experiments e ON e.id = m.experiment_id \
         WHERE m.source_run_id = ?1 AND e.workspace = ?2 AND m.stage = 'active' ORDER BY m.created_ms DESC, m.id LIMIT 1"
    );
    let row = sql.query_one(&query, args![run_id, workspace])?;
    row.map(|row| whole(sql, &row)).transpose()
}

fn whole(sql: &mut dyn Sql, row: &Row) -> Result<LoggedModel, TrackingError> {
    let id = row.text(0)?;
    let pair = |row: &Row| {
        Ok(KeyValue {
            key: row.text(0)?,
            value: row.text(1)?,
        })
    };
    let params = sql.query(
        "SELECT key, value FROM logged_model_params WHERE model_id = ?1 ORDER BY key",
        args![&id],
    )?;
    let tags = sql.query(
        "SELECT key, value FROM logged_model_tags WHERE model_id = ?1 ORDER BY key",
        args![&id],
    )?;
    let metrics = sql.query(
        "SELECT x.key, x.value, x.is_nan, x.timestamp_ms, x.step, x.dataset_name, x.dataset_digest, r.id \
         FROM model_metrics x JOIN runs r ON r.run = x.run WHERE x.model_id = ?1 \
         ORDER BY x.key, x.dataset_name, x.dataset_digest, x.step, x.timestamp_ms",
        args![&id],
    )?;
    Ok(LoggedModel {
        experiment_id: row.int(1)?,
        name: row.text(2)?,
        artifact_uri: row.text(3)?,
        created_ms: row.int(4)?,
        updated_ms: row.int(5)?,
        status: Status::of(&row.text(6)?),
        model_type: row.maybe_text(7)?,
        source_run_id: row.maybe_text(8)?,
        params: params
            .iter()
            .map(pair)
            .collect::<Result<_, TrackingError>>()?,
        tags: tags
            .iter()
            .map(pair)
            .collect::<Result<_, TrackingError>>()?,
        metrics: latest(&metrics, &id)?,
        id,
    })
}

/// The last of the rows of each metric and dataset.
fn latest(rows: &[Row], id: &str) -> Result<Vec<(Metric, String)>, TrackingError> {
    let mut found: Vec<(Metric, String)> = Vec::new();
    for row in rows {
        let some = |text: String| (!text.is_empty()).then_some(text);
        let metric = Metric {
            key: row.text(0)?,
            value: if row.int(2)? != 0 {
                f64::NAN
            } else {
                row.real(1)?
            },
            timestamp_ms: row.int(3)?,
            step: row.int(4)?,
            model_id: Some(id.to_owned()),
            dataset_name: some(row.text(5)?),
            dataset_digest: some(row.text(6)?),
        };
        let is_same = |(old, _): &mut (Metric, String)| {
            old.key == metric.key
                && old.dataset_name == metric.dataset_name
                && old.dataset_digest == metric.dataset_digest
        };
        if found.last_mut().is_some_and(is_same) {
            found.pop();
        }
        found.push((metric, row.text(7)?));
    }
    Ok(found)
}

/// Says that the files of a model are there, or will never be.
pub fn finalize(
    sql: &mut dyn Sql,
    workspace: &str,
    id: &str,
    status: Status,
) -> Result<LoggedModel, TrackingError> {
    get(sql, workspace, id)?;
    sql.execute(
        "UPDATE logged_models SET status = ?1, updated_ms = ?2 WHERE id = ?3",
        args![status.name(), now_ms(), id],
    )?;
    get(sql, workspace, id)
}

/// Adds params.
pub fn log_params(
    sql: &mut dyn Sql,
    workspace: &str,
    id: &str,
    params: &[KeyValue],
) -> Result<(), TrackingError> {
    get(sql, workspace, id)?;
    put_params(sql, id, params)
}

/// Sets tags.
pub fn set_tags(
    sql: &mut dyn Sql,
    workspace: &str,
    id: &str,
    tags: &[KeyValue],
) -> Result<LoggedModel, TrackingError> {
    get(sql, workspace, id)?;
    put_tags(sql, id, tags)?;
    get(sql, workspace, id)
}

/// The tag with the registered versions that came of a model.
const VERSIONS_TAG: &str = "mlflow.modelVersions";

/// Tags a model with a registered version that came of it; a model that is not of this record has no tags.
pub(crate) fn note_version(
    sql: &mut dyn Sql,
    id: &str,
    name: &str,
    version: i64,
) -> Result<(), TrackingError> {
    if sql
        .query_one("SELECT 1 FROM logged_models WHERE id = ?1", args![id])?
        .is_none()
    {
        return Ok(());
    }
    let row = sql.query_one(
        "SELECT value FROM logged_model_tags WHERE model_id = ?1 AND key = ?2",
        args![id, VERSIONS_TAG],
    )?;
    let noted = row.map(|row| row.text(0)).transpose()?.unwrap_or_default();
    // As Python writes lists, for clients compare the text.
    let new = format!(
        "{{\"name\": {}, \"version\": {version}}}",
        serde_json::Value::from(name)
    );
    let value = match noted.trim_end().strip_suffix(']') {
        Some(_) if noted.contains(&new) => return Ok(()),
        Some(others) if others != "[" => format!("{others}, {new}]"),
        _ => format!("[{new}]"),
    };
    put_tags(
        sql,
        id,
        &[KeyValue {
            key: VERSIONS_TAG.to_owned(),
            value,
        }],
    )
}

/// Takes a tag away.
pub fn delete_tag(
    sql: &mut dyn Sql,
    workspace: &str,
    id: &str,
    key: &str,
) -> Result<(), TrackingError> {
    get(sql, workspace, id)?;
    let count = sql.execute(
        "DELETE FROM logged_model_tags WHERE model_id = ?1 AND key = ?2",
        args![id, key],
    )?;
    if count == 0 {
        return Err(TrackingError::Absent(format!(
            "No tag with key '{key}' found for model with ID '{id}'."
        )));
    }
    Ok(())
}

/// Deletes a model.
pub fn delete(sql: &mut dyn Sql, workspace: &str, id: &str) -> Result<(), TrackingError> {
    get(sql, workspace, id)?;
    sql.execute(
        "UPDATE logged_models SET stage = 'deleted', updated_ms = ?1 WHERE id = ?2",
        args![now_ms(), id],
    )?;
    Ok(())
}

/// What to search logged models for.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Search {
    pub experiment_ids: Vec<i64>,
    pub filter: String,
    pub order_by: Vec<Order>,
    /// Name and perhaps digest of the data whose metrics count.
    pub datasets: Vec<(String, Option<String>)>,
    pub n_max: usize,
    pub page_token: Option<String>,
}

/// A wish for the order of models.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Order {
    pub field: String,
    pub is_ascending: bool,
    pub dataset: Option<(String, Option<String>)>,
}

/// Finds logged models, newest first unless another order is asked for.
pub fn search(
    sql: &mut dyn Sql,
    workspace: &str,
    search: &Search,
) -> Result<Page<LoggedModel>, TrackingError> {
    let offset = offset(search.page_token.as_deref())?;
    if search.experiment_ids.is_empty() {
        return Ok(page(Vec::new(), search.n_max, 0));
    }
    let mut query = Dynamic::new(
        format!("SELECT {COLUMNS} FROM logged_models m WHERE "),
        sql.dialect(),
    );
    let ids: Vec<String> = search.experiment_ids.iter().map(i64::to_string).collect();
    let place = query.place(Value::Text(workspace.to_owned()));
    query.push(&format!(
        "m.stage = 'active' AND m.experiment_id IN (SELECT id FROM experiments WHERE id IN ({}) AND workspace = {place})",
        ids.join(", ")
    ));
    let clauses = parse(&search.filter)?;
    let has_metric = clauses.iter().any(|clause| is_metric(&clause.subject));
    for clause in &clauses {
        let condition = condition(&mut query, clause, &search.datasets)?;
        query.push(&format!(" AND {condition}"));
    }
    if !has_metric && !search.datasets.is_empty() {
        let of_data = on_datasets(&mut query, &search.datasets);
        query.push(&format!(
            " AND EXISTS (SELECT 1 FROM model_metrics x WHERE x.model_id = m.id{of_data})"
        ));
    }
    query.push(" ORDER BY ");
    for order in &search.order_by {
        let term = order_term(&mut query, order)?;
        let direction = if order.is_ascending { "ASC" } else { "DESC" };
        query.push(&format!(
            "CASE WHEN {term} IS NULL THEN 1 ELSE 0 END, {term} {direction}, "
        ));
    }
    query.push(&format!(
        "m.created_ms DESC, m.id LIMIT {} OFFSET {offset}",
        search.n_max + 1
    ));
    let rows = sql.query(&query.sql, &query.args())?;
    let found = rows
        .iter()
        .map(|row| whole(sql, row))
        .collect::<Result<_, _>>()?;
    Ok(page(found, search.n_max, offset))
}

fn is_metric(subject: &Subject) -> bool {
    matches!(subject.entity.as_deref(), Some("metric" | "metrics"))
}

fn on_datasets(query: &mut Dynamic, datasets: &[(String, Option<String>)]) -> String {
    if datasets.is_empty() {
        return String::new();
    }
    let each: Vec<String> = datasets
        .iter()
        .map(|(name, digest)| {
            let name = query.place(Value::Text(name.clone()));
            match digest {
                Some(digest) => {
                    let digest = query.place(Value::Text(digest.clone()));
                    format!("(x.dataset_name = {name} AND x.dataset_digest = {digest})")
                }
                None => format!("x.dataset_name = {name}"),
            }
        })
        .collect();
    format!(" AND ({})", each.join(" OR "))
}

fn column(key: &str) -> Option<(&'static str, bool)> {
    match key {
        "name" | "model_name" => Some(("m.name", false)),
        "model_id" => Some(("m.id", false)),
        "model_type" => Some(("m.model_type", false)),
        "status" => Some(("m.status", false)),
        "source_run_id" => Some(("m.source_run_id", false)),
        "artifact_uri" | "artifact_location" => Some(("m.artifact_uri", false)),
        "experiment_id" => Some(("CAST(m.experiment_id AS TEXT)", false)),
        "creation_timestamp" | "creation_time" | "creation_timestamp_ms" => {
            Some(("m.created_ms", true))
        }
        "last_updated_timestamp" | "last_updated_timestamp_ms" => Some(("m.updated_ms", true)),
        _ => None,
    }
}

fn condition(
    query: &mut Dynamic,
    clause: &Clause,
    datasets: &[(String, Option<String>)],
) -> Result<String, FilterError> {
    let subject = &clause.subject;
    let is_text = matches!(clause.op, Op::Equal | Op::NotEqual | Op::Like | Op::ILike)
        && matches!(clause.operand, Operand::Text(_))
        || matches!(
            (clause.op, &clause.operand),
            (Op::In | Op::NotIn, Operand::List(_))
        );
    let is_number = matches!(
        clause.op,
        Op::Equal | Op::NotEqual | Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual
    ) && matches!(clause.operand, Operand::Number(_));
    let table = match subject.entity.as_deref() {
        Some("metric" | "metrics") if is_number => {
            let key = query.place(Value::Text(subject.key.clone()));
            let value = compare(query, "x.value", clause)?;
            let of_data = on_datasets(query, datasets);
            return Ok(format!(
                "EXISTS (SELECT 1 FROM model_metrics x WHERE x.model_id = m.id AND x.key = {key} AND x.is_nan = 0 AND {value}{of_data})"
            ));
        }
        Some("param" | "params" | "parameter" | "parameters") if is_text => "logged_model_params",
        Some("tag" | "tags") if is_text => "logged_model_tags",
        None | Some("attribute" | "attributes" | "attr") => {
            let (column, is_numeric) = column(&subject.key)
                .ok_or_else(|| subject.wrong(format!("Invalid attribute: {}", subject.key)))?;
            if is_numeric && is_number || !is_numeric && is_text {
                return compare(query, column, clause);
            }
            return Err(subject.wrong("Invalid comparator or value for the attribute"));
        }
        Some(_) => return Err(subject.wrong("Invalid entity type, comparator or value")),
    };
    let key = query.place(Value::Text(subject.key.clone()));
    let value = compare(query, "t.value", clause)?;
    Ok(format!(
        "EXISTS (SELECT 1 FROM {table} t WHERE t.model_id = m.id AND t.key = {key} AND {value})"
    ))
}

fn order_term(query: &mut Dynamic, order: &Order) -> Result<String, TrackingError> {
    let order_by = crate::filter::parse_order(&order.field).map_err(TrackingError::Order)?;
    let subject = order_by.subject;
    if is_metric(&subject) {
        let key = query.place(Value::Text(subject.key.clone()));
        let datasets: Vec<_> = order.dataset.iter().cloned().collect();
        let of_data = on_datasets(query, &datasets);
        return Ok(format!(
            "(SELECT MAX(x.value) FROM model_metrics x WHERE x.model_id = m.id AND x.key = {key}{of_data})"
        ));
    }
    let known = column(&subject.key).filter(|_| subject.entity.is_none());
    known.map(|(column, _)| column.to_owned()).ok_or_else(|| {
        TrackingError::Invalid(format!("Invalid order by field name: {}", order.field))
    })
}
