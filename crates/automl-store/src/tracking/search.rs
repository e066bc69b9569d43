//! Whole runs, and the search for them.

use super::inputs::{DatasetInput, Direction, ModelLink, datasets_of, models_of};
use super::log::Metric;
use super::overview::PARENT_TAG;
use super::runs::{COLUMNS, NAME_TAG, RunInfo, info};
use super::{KeyValue, Page, TrackingError, View, offset, page};
use crate::db::{Row, Sql, Value};
use crate::filter::{
    Clause, Dynamic, FilterError, Op, Operand, Subject, compare, parse, parse_order,
};
use std::collections::BTreeMap;

/// A run with all that was logged to it; of a metric, the latest value.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Run {
    pub info: RunInfo,
    pub metrics: Vec<Metric>,
    pub params: Vec<KeyValue>,
    pub tags: Vec<KeyValue>,
    pub datasets: Vec<DatasetInput>,
    pub model_inputs: Vec<ModelLink>,
    pub model_outputs: Vec<ModelLink>,
}

/// What to search runs for.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Search {
    pub experiment_ids: Vec<i64>,
    pub view: View,
    pub filter: String,
    pub order_by: Vec<String>,
    pub n_max: usize,
    pub page_token: Option<String>,
}

/// Finds runs: latest first, then by id, unless another order is asked for.
pub fn search(
    sql: &mut dyn Sql,
    workspace: &str,
    search: &Search,
) -> Result<Page<Run>, TrackingError> {
    find(sql, workspace, search, "")
}

/// Finds runs that are part of no other active run of their experiment.
pub fn roots(
    sql: &mut dyn Sql,
    workspace: &str,
    search: &Search,
) -> Result<Page<Run>, TrackingError> {
    let is_root = format!(
        " AND NOT EXISTS (SELECT 1 FROM tags t JOIN runs p ON p.id = t.value WHERE t.run = r.run AND t.key = '{PARENT_TAG}' \
         AND p.experiment_id = r.experiment_id AND p.stage = 'active' AND p.run <> r.run)"
    );
    find(sql, workspace, search, &is_root)
}

fn find(
    sql: &mut dyn Sql,
    workspace: &str,
    search: &Search,
    more: &str,
) -> Result<Page<Run>, TrackingError> {
    let offset = offset(search.page_token.as_deref())?;
    if search.experiment_ids.is_empty() {
        return Ok(page(Vec::new(), search.n_max, 0));
    }
    let mut query = Dynamic::new(format!("SELECT {COLUMNS} FROM runs r"), sql.dialect());
    let order = order_by(&mut query, &search.order_by)?;
    let ids: Vec<String> = search.experiment_ids.iter().map(i64::to_string).collect();
    let place = query.place(Value::Text(workspace.to_owned()));
    query.push(&format!(
        " WHERE r.experiment_id IN (SELECT id FROM experiments WHERE id IN ({}) AND workspace = {place}) AND {}",
        ids.join(", "),
        search.view.condition("r.stage"),
    ));
    for clause in parse(&search.filter)? {
        let condition = condition(&mut query, &clause)?;
        query.push(&format!(" AND {condition}"));
    }
    query.push(more);
    query.push(&format!(
        " ORDER BY {order} LIMIT {} OFFSET {offset}",
        search.n_max + 1
    ));
    let rows = sql.query(&query.sql, &query.args())?;
    let infos = rows.iter().map(info).collect::<Result<_, _>>()?;
    let Page { items, next } = page(infos, search.n_max, offset);
    Ok(Page {
        items: whole(sql, items)?,
        next,
    })
}

/// Runs asked for at once.
const RUNS_AT_ONCE: usize = 500;

/// Reads all that was logged to some runs.
pub fn whole(sql: &mut dyn Sql, infos: Vec<RunInfo>) -> Result<Vec<Run>, TrackingError> {
    let mut runs: Vec<Run> = infos.into_iter().map(bare).collect();
    for chunk in runs.chunks_mut(RUNS_AT_ONCE) {
        fill(sql, chunk)?;
    }
    Ok(runs)
}

fn bare(info: RunInfo) -> Run {
    Run {
        info,
        metrics: Vec::new(),
        params: Vec::new(),
        tags: Vec::new(),
        datasets: Vec::new(),
        model_inputs: Vec::new(),
        model_outputs: Vec::new(),
    }
}

fn fill(sql: &mut dyn Sql, runs: &mut [Run]) -> Result<(), TrackingError> {
    let ids: Vec<String> = runs.iter().map(|run| run.info.number.to_string()).collect();
    let ids = ids.join(", ");
    let places: BTreeMap<i64, usize> = (runs.iter().enumerate())
        .map(|(place, run)| (run.info.number, place))
        .collect();
    let mut each =
        |query: String, put: &mut dyn FnMut(&mut Run, &Row) -> Result<(), TrackingError>| {
            for row in sql.query(&query, &[])? {
                if let Some(&place) = places.get(&row.int(0)?) {
                    put(&mut runs[place], &row)?;
                }
            }
            Ok::<_, TrackingError>(())
        };
    each(
        format!("SELECT run, key, value FROM params WHERE run IN ({ids}) ORDER BY run, key"),
        &mut |run, row| {
            run.params.push(key_value(row)?);
            Ok(())
        },
    )?;
    each(
        format!("SELECT run, key, value FROM tags WHERE run IN ({ids}) ORDER BY run, key"),
        &mut |run, row| {
            run.tags.push(key_value(row)?);
            Ok(())
        },
    )?;
    each(
        format!(
            "SELECT run, key, value, is_nan, timestamp_ms, step FROM latest_metrics WHERE run IN ({ids}) ORDER BY run, key"
        ),
        &mut |run, row| {
            run.metrics.push(Metric {
                key: row.text(1)?,
                value: if row.int(3)? != 0 {
                    f64::NAN
                } else {
                    row.real(2)?
                },
                timestamp_ms: row.int(4)?,
                step: row.int(5)?,
                ..Metric::default()
            });
            Ok(())
        },
    )?;
    // Few runs have these: which ones is asked once.
    let mut with_links = Vec::new();
    each(
        format!(
            "SELECT run FROM run_datasets WHERE run IN ({ids}) UNION SELECT run FROM run_models WHERE run IN ({ids})"
        ),
        &mut |run, _| {
            with_links.push(run.info.number);
            Ok(())
        },
    )?;
    for number in with_links {
        let run = &mut runs[places[&number]];
        run.datasets = datasets_of(sql, number)?;
        run.model_inputs = models_of(sql, number, Direction::In)?;
        run.model_outputs = models_of(sql, number, Direction::Out)?;
    }
    Ok(())
}

fn key_value(row: &Row) -> Result<KeyValue, TrackingError> {
    Ok(KeyValue {
        key: row.text(1)?,
        value: row.text(2)?,
    })
}

/// What an identifier of a search of runs means.
enum Entity {
    Metric,
    Param,
    Tag,
    Dataset,
    Number(&'static str),
    Text(&'static str),
    Name,
}

fn entity(subject: &Subject) -> Result<Entity, FilterError> {
    match subject.entity.as_deref() {
        Some("metric" | "metrics") => Ok(Entity::Metric),
        Some("param" | "params" | "parameter" | "parameters") => Ok(Entity::Param),
        Some("tag" | "tags") => Ok(Entity::Tag),
        Some("dataset" | "datasets") => Ok(Entity::Dataset),
        None | Some("attribute" | "attributes" | "attr" | "run") => match subject.key.as_str() {
            "start_time" | "created" | "Created" => Ok(Entity::Number("r.start_ms")),
            "end_time" => Ok(Entity::Number("r.end_ms")),
            "run_id" => Ok(Entity::Text("r.id")),
            "status" => Ok(Entity::Text("r.status")),
            "artifact_uri" => Ok(Entity::Text("r.artifact_uri")),
            "user_id" => Ok(Entity::Text("r.user_id")),
            "experiment_id" => Ok(Entity::Text("CAST(r.experiment_id AS TEXT)")),
            "run_name" | "run name" | "Run name" | "Run Name" => Ok(Entity::Name),
            _ => Err(subject.wrong(format!(
                "Invalid attribute key '{}' specified. Valid keys are run_id, run_name, status, start_time, end_time, user_id, artifact_uri",
                subject.key
            ))),
        },
        Some(other) => Err(subject.wrong(format!(
            "Invalid entity type '{other}'. Valid values are metric, parameter, tag, attribute, dataset"
        ))),
    }
}

fn condition(query: &mut Dynamic, clause: &Clause) -> Result<String, FilterError> {
    let subject = &clause.subject;
    match entity(subject)? {
        Entity::Metric => metric_condition(query, clause),
        Entity::Param => text_condition(query, clause, "params"),
        Entity::Tag => text_condition(query, clause, "tags"),
        Entity::Dataset => dataset_condition(query, clause),
        Entity::Number(column) => {
            let is_order = !matches!(
                clause.op,
                Op::Like | Op::ILike | Op::In | Op::NotIn | Op::IsNull | Op::IsNotNull
            );
            if !is_order || !matches!(clause.operand, Operand::Number(_)) {
                return Err(subject.wrong("Expected numeric value type for numeric attribute"));
            }
            compare(query, column, clause)
        }
        Entity::Text(column) => {
            check_text(clause, true)?;
            compare(query, column, clause)
        }
        Entity::Name => {
            check_text(clause, true)?;
            let key = query.place(Value::Text(NAME_TAG.into()));
            let value = compare(query, "t.value", clause)?;
            Ok(format!(
                "EXISTS (SELECT 1 FROM tags t WHERE t.run = r.run AND t.key = {key} AND {value})"
            ))
        }
    }
}

/// Texts are compared for being equal or alike, some also with a list.
fn check_text(clause: &Clause, is_list_known: bool) -> Result<(), FilterError> {
    let is_right = match (clause.op, &clause.operand) {
        (Op::Equal | Op::NotEqual | Op::Like | Op::ILike, Operand::Text(_)) => true,
        (Op::In | Op::NotIn, Operand::List(_)) => is_list_known,
        _ => false,
    };
    if is_right {
        return Ok(());
    }
    let known = if is_list_known {
        "=, !=, LIKE, ILIKE, IN and NOT IN"
    } else {
        "=, !=, LIKE, ILIKE, IS NULL and IS NOT NULL"
    };
    Err(clause.subject.wrong(format!(
        "Expected a quoted string value (e.g. 'my-value') and one of {known}"
    )))
}

/// No number satisfies NaN but by being different from it.
fn metric_condition(query: &mut Dynamic, clause: &Clause) -> Result<String, FilterError> {
    let is_order = !matches!(
        clause.op,
        Op::Like | Op::ILike | Op::In | Op::NotIn | Op::IsNull | Op::IsNotNull
    );
    if !is_order || !matches!(clause.operand, Operand::Number(_)) {
        return Err(clause
            .subject
            .wrong("Expected numeric value type for metric and one of =, !=, <, <=, >, >="));
    }
    let key = query.place(Value::Text(clause.subject.key.clone()));
    let value = compare(query, "m.value", clause)?;
    let value = if clause.op == Op::NotEqual {
        format!("({value} OR m.is_nan = 1)")
    } else {
        format!("{value} AND m.is_nan = 0")
    };
    Ok(format!(
        "EXISTS (SELECT 1 FROM latest_metrics m WHERE m.run = r.run AND m.key = {key} AND {value})"
    ))
}

fn text_condition(
    query: &mut Dynamic,
    clause: &Clause,
    table: &str,
) -> Result<String, FilterError> {
    let key = query.place(Value::Text(clause.subject.key.clone()));
    let found = format!("SELECT 1 FROM {table} t WHERE t.run = r.run AND t.key = {key}");
    match clause.op {
        Op::IsNull => return Ok(format!("NOT EXISTS ({found})")),
        Op::IsNotNull => return Ok(format!("EXISTS ({found})")),
        _ => check_text(clause, false)?,
    }
    let value = compare(query, "t.value", clause)?;
    Ok(format!("EXISTS ({found} AND {value})"))
}

fn dataset_condition(query: &mut Dynamic, clause: &Clause) -> Result<String, FilterError> {
    check_text(clause, true)?;
    let inputs = "SELECT 1 FROM run_datasets i JOIN datasets d ON d.id = i.dataset_id";
    match clause.subject.key.as_str() {
        "name" | "digest" => {
            let column = format!("d.{}", clause.subject.key);
            let value = compare(query, &column, clause)?;
            Ok(format!("EXISTS ({inputs} WHERE i.run = r.run AND {value})"))
        }
        "context" => {
            let key = query.place(Value::Text(super::inputs::CONTEXT_TAG.into()));
            let value = compare(query, "t.value", clause)?;
            Ok(format!(
                "EXISTS (SELECT 1 FROM run_dataset_tags t WHERE t.run = r.run AND t.key = {key} AND {value})"
            ))
        }
        key => Err(clause.subject.wrong(format!(
            "Invalid dataset key '{key}' specified. Valid keys are name, digest, context"
        ))),
    }
}

/// Joins what the order looks at and gives the expressions to order by; what a run lacks comes last.
fn order_by(query: &mut Dynamic, wishes: &[String]) -> Result<String, TrackingError> {
    let mut terms: Vec<String> = Vec::new();
    let mut seen: Vec<Subject> = Vec::new();
    let mut is_by_start = false;
    for (number, wish) in wishes.iter().enumerate() {
        let order = parse_order(wish).map_err(TrackingError::Order)?;
        let subject = Subject {
            at: 0,
            ..order.subject.clone()
        };
        if seen.contains(&subject) {
            return Err(TrackingError::Invalid(format!(
                "`order_by` contains duplicate fields: {wishes:?}"
            )));
        }
        seen.push(subject);
        let direction = if order.is_ascending { "ASC" } else { "DESC" };
        let table = match entity(&order.subject).map_err(TrackingError::Order)? {
            Entity::Metric => "latest_metrics",
            Entity::Param => "params",
            Entity::Tag => "tags",
            Entity::Dataset => {
                let error = order.subject.wrong("runs cannot be ordered by a dataset");
                return Err(TrackingError::Order(error));
            }
            Entity::Number(column) | Entity::Text(column) => {
                is_by_start |= column == "r.start_ms";
                terms.push(format!("CASE WHEN {column} IS NULL THEN 1 ELSE 0 END"));
                terms.push(format!("{column} {direction}"));
                continue;
            }
            Entity::Name => {
                terms.push(format!("r.name {direction}"));
                continue;
            }
        };
        let key = query.place(Value::Text(order.subject.key.clone()));
        query.push(&format!(
            " LEFT JOIN {table} o{number} ON o{number}.run = r.run AND o{number}.key = {key}"
        ));
        terms.push(if table == "latest_metrics" {
            format!("CASE WHEN o{number}.is_nan = 1 THEN 1 WHEN o{number}.value IS NULL THEN 2 ELSE 0 END")
        } else {
            format!("CASE WHEN o{number}.value IS NULL THEN 1 ELSE 0 END")
        });
        terms.push(format!("o{number}.value {direction}"));
    }
    if !is_by_start {
        terms.push("r.start_ms DESC".into());
    }
    terms.push("r.id".into());
    Ok(terms.join(", "))
}
