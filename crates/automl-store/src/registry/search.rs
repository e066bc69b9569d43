//! The search for models and versions.

use super::PROMPT_TAG;
use super::models::{self, RegisteredModel};
use super::versions::{self, ModelVersion};
use crate::db::{Sql, Value};
use crate::filter::{Clause, Dynamic, FilterError, Op, Operand, compare, parse, parse_order};
use crate::tracking::{Page, TrackingError, offset, page};

/// What to search for.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Search {
    pub filter: String,
    pub order_by: Vec<String>,
    pub n_max: usize,
    pub page_token: Option<String>,
}

/// What is searched.
struct Kind {
    table: &'static str,
    tags: &'static str,
    columns: &'static str,
    /// How a row finds its tags.
    joined: &'static str,
    /// Names of attributes, their columns, and whether they are numbers.
    attributes: &'static [(&'static str, &'static str, bool)],
    /// Names to order by, beside the attributes.
    order_keys: &'static [(&'static str, &'static str)],
    default_order: &'static str,
    tie: &'static str,
}

const MODELS: Kind = Kind {
    table: "registered_models",
    tags: "registered_model_tags",
    columns: models::COLUMNS,
    joined: "t.workspace = x.workspace AND t.name = x.name",
    attributes: &[("name", "name", false)],
    order_keys: &[
        ("name", "name"),
        ("timestamp", "updated_ms"),
        ("last_updated_timestamp", "updated_ms"),
        ("creation_timestamp", "created_ms"),
    ],
    default_order: "",
    tie: "name",
};

const VERSIONS: Kind = Kind {
    table: "model_versions",
    tags: "model_version_tags",
    columns: versions::COLUMNS,
    joined: "t.workspace = x.workspace AND t.name = x.name AND t.version = x.version",
    attributes: &[
        ("name", "name", false),
        ("run_id", "run_id", false),
        ("source_path", "source", false),
        ("source", "source", false),
        ("model_id", "model_id", false),
        ("version_number", "version", true),
        ("creation_timestamp", "created_ms", true),
        ("last_updated_timestamp", "updated_ms", true),
    ],
    order_keys: &[
        ("name", "name"),
        ("version_number", "version"),
        ("creation_timestamp", "created_ms"),
        ("last_updated_timestamp", "updated_ms"),
    ],
    default_order: "updated_ms DESC, name, version DESC, ",
    tie: "name, version DESC",
};

/// Finds registered models, by name unless another order is asked for.
pub fn models(
    sql: &mut dyn Sql,
    workspace: &str,
    search: &Search,
) -> Result<Page<RegisteredModel>, TrackingError> {
    find(sql, workspace, search, &MODELS, |sql, row| {
        models::whole(sql, workspace, row)
    })
}

/// Finds versions, those changed last first unless another order is asked for.
pub fn versions(
    sql: &mut dyn Sql,
    workspace: &str,
    search: &Search,
) -> Result<Page<ModelVersion>, TrackingError> {
    find(sql, workspace, search, &VERSIONS, |sql, row| {
        versions::whole(sql, workspace, row)
    })
}

fn find<T>(
    sql: &mut dyn Sql,
    workspace: &str,
    search: &Search,
    kind: &Kind,
    whole: impl Fn(&mut dyn Sql, &crate::db::Row) -> Result<T, TrackingError>,
) -> Result<Page<T>, TrackingError> {
    let offset = offset(search.page_token.as_deref())?;
    let (columns, table) = (kind.columns, kind.table);
    let mut query = Dynamic::new(
        format!("SELECT {columns} FROM {table} x WHERE "),
        sql.dialect(),
    );
    let place = query.place(Value::Text(workspace.to_owned()));
    query.push(&format!("x.workspace = {place}"));
    let clauses = parse(&search.filter)?;
    let wants_prompts = clauses.iter().any(|clause| {
        is_prompt_tag(clause)
            && clause.op == Op::Equal
            && clause.operand == Operand::Text("true".into())
    });
    for clause in &clauses {
        if wants_prompts || !is_prompt_tag(clause) {
            let condition = condition(&mut query, clause, kind)?;
            query.push(&format!(" AND {condition}"));
        }
    }
    if !wants_prompts {
        // Prompts are kept as models with a tag; models have no such tag, so that it cannot be compared.
        let (tags, key) = (kind.tags, query.place(Value::Text(PROMPT_TAG.into())));
        query.push(&format!(
            " AND NOT EXISTS (SELECT 1 FROM {tags} t WHERE t.workspace = x.workspace AND t.name = x.name AND t.key = {key} AND t.value = 'true')"
        ));
    }
    let order = order_by(&search.order_by, kind)?;
    query.push(&format!(
        " ORDER BY {order} LIMIT {} OFFSET {offset}",
        search.n_max + 1
    ));
    let rows = sql.query(&query.sql, &query.args())?;
    let found = rows
        .iter()
        .map(|row| whole(sql, row))
        .collect::<Result<_, _>>()?;
    Ok(page(found, search.n_max, offset))
}

fn is_prompt_tag(clause: &Clause) -> bool {
    let subject = &clause.subject;
    matches!(subject.entity.as_deref(), Some("tag" | "tags")) && subject.key == PROMPT_TAG
}

fn order_by(wishes: &[String], kind: &Kind) -> Result<String, TrackingError> {
    if wishes.is_empty() {
        return Ok(format!("{}{}", kind.default_order, kind.tie));
    }
    let mut seen = Vec::new();
    let mut text = String::new();
    for wish in wishes {
        let order = parse_order(wish).map_err(TrackingError::Order)?;
        let key = order.subject.key.as_str();
        let known = kind.order_keys.iter().find(|(name, _)| *name == key);
        let Some((_, column)) = known.filter(|_| is_attribute(order.subject.entity.as_deref()))
        else {
            let keys: Vec<&str> = kind.order_keys.iter().map(|(name, _)| *name).collect();
            return Err(TrackingError::Invalid(format!(
                "Invalid order by key '{key}' specified. Valid keys are {}",
                keys.join(", ")
            )));
        };
        if seen.contains(column) {
            return Err(TrackingError::Invalid(format!(
                "`order_by` contains duplicate fields: {wishes:?}"
            )));
        }
        seen.push(*column);
        let direction = if order.is_ascending { "ASC" } else { "DESC" };
        text.extend([column, " ", direction, ", "]);
    }
    text.push_str(kind.tie);
    Ok(text)
}

fn is_attribute(entity: Option<&str>) -> bool {
    matches!(entity, None | Some("attribute" | "attributes" | "attr"))
}

fn condition(query: &mut Dynamic, clause: &Clause, kind: &Kind) -> Result<String, FilterError> {
    let subject = &clause.subject;
    let is_text = matches!(clause.op, Op::Equal | Op::NotEqual | Op::Like | Op::ILike)
        && matches!(clause.operand, Operand::Text(_));
    if matches!(subject.entity.as_deref(), Some("tag" | "tags")) {
        if !is_text {
            return Err(subject.wrong(
                "Invalid comparator for tag: expected =, !=, LIKE or ILIKE with a text in quotes",
            ));
        }
        let key = query.place(Value::Text(subject.key.clone()));
        let value = compare(query, "t.value", clause)?;
        let (tags, joined) = (kind.tags, kind.joined);
        return Ok(format!(
            "EXISTS (SELECT 1 FROM {tags} t WHERE {joined} AND t.key = {key} AND {value})"
        ));
    }
    let known = kind
        .attributes
        .iter()
        .find(|(name, ..)| *name == subject.key);
    let Some((_, column, is_number)) = known.filter(|_| is_attribute(subject.entity.as_deref()))
    else {
        let names: Vec<&str> = kind.attributes.iter().map(|(name, ..)| *name).collect();
        return Err(subject.wrong(format!(
            "Invalid attribute name: {}; expected {} or tags.KEY",
            subject.key,
            names.join(", ")
        )));
    };
    let is_order = matches!(
        clause.op,
        Op::Equal | Op::NotEqual | Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual
    );
    let is_right = if *is_number {
        is_order && matches!(clause.operand, Operand::Number(_))
    } else {
        is_text
            || matches!(
                (clause.op, &clause.operand),
                (Op::In | Op::NotIn, Operand::List(_))
            )
    };
    if !is_right {
        return Err(subject.wrong("Invalid comparator for attribute, or a value of another kind"));
    }
    compare(query, &format!("x.{column}"), clause)
}
