//! One step from a node, and what a node is called.

use super::{About, Edge, Node};
use crate::args;
use crate::db::{Arg, Row, Sql};
use crate::registry::versions;
use crate::tracking::{TrackingError, logged_models, runs};

/// Neighbours of a node that are asked for at once.
const MAX_EDGES: i64 = 1000;

/// The edges that leave a node.
pub(super) fn from(
    sql: &mut dyn Sql,
    workspace: &str,
    node: &Node,
) -> Result<Vec<Edge>, TrackingError> {
    let mut steps = Steps::new(sql, node, true);
    match node {
        Node::Data { digest } => steps.ask(
            "read",
            &runs_of_data("run_datasets"),
            args![digest, workspace, MAX_EDGES],
            run,
        )?,
        Node::Run { id } => {
            steps.ask(
                "wrote",
                &data_of_run("run_outputs"),
                args![id, MAX_EDGES],
                data,
            )?;
            steps.ask(
                "made",
                "SELECT id FROM logged_models WHERE source_run_id = ?1 AND stage = 'active' ORDER BY id LIMIT ?2",
                args![id, MAX_EDGES],
                model,
            )?;
            steps.ask(
                "registered",
                "SELECT name, version FROM model_versions WHERE workspace = ?1 AND run_id = ?2 AND model_id IS NULL \
                 ORDER BY name, version LIMIT ?3",
                args![workspace, id, MAX_EDGES],
                version,
            )?;
        }
        Node::Model { id } => {
            steps.ask(
                "registered",
                "SELECT name, version FROM model_versions WHERE workspace = ?1 AND model_id = ?2 \
                 ORDER BY name, version LIMIT ?3",
                args![workspace, id, MAX_EDGES],
                version,
            )?;
            steps.ask(
                "read",
                "SELECT r.id FROM run_models m JOIN runs r ON r.run = m.run \
                 WHERE m.model_id = ?1 AND m.direction = 'in' AND r.stage = 'active' ORDER BY r.id LIMIT ?2",
                args![id, MAX_EDGES],
                run,
            )?;
        }
        Node::ModelVersion {
            name,
            version: number,
        } => {
            // Whoever read the model read the version.
            steps.ask(
                "read",
                "SELECT r.id FROM model_versions v JOIN run_models m ON m.model_id = v.model_id \
                 JOIN runs r ON r.run = m.run WHERE v.workspace = ?1 AND v.name = ?2 AND v.version = ?3 \
                 AND m.direction = 'in' AND r.stage = 'active' ORDER BY r.id LIMIT ?4",
                args![workspace, name, *number, MAX_EDGES],
                run,
            )?;
            steps.ask(
                "deployed",
                "SELECT DISTINCT e.name FROM deployments d \
                 JOIN endpoints e ON e.id = d.endpoint_id AND e.revision = d.revision \
                 WHERE d.workspace = ?1 AND d.model = ?2 AND d.version = ?3 ORDER BY e.name LIMIT ?4",
                args![workspace, name, *number, MAX_EDGES],
                endpoint,
            )?;
        }
        // What it predicted is not kept.
        Node::Endpoint { .. } => {}
    }
    Ok(steps.found)
}

/// The edges that come to a node.
pub(super) fn to(
    sql: &mut dyn Sql,
    workspace: &str,
    node: &Node,
) -> Result<Vec<Edge>, TrackingError> {
    let mut steps = Steps::new(sql, node, false);
    match node {
        Node::Data { digest } => steps.ask(
            "wrote",
            &runs_of_data("run_outputs"),
            args![digest, workspace, MAX_EDGES],
            run,
        )?,
        Node::Run { id } => {
            steps.ask(
                "read",
                &data_of_run("run_datasets"),
                args![id, MAX_EDGES],
                data,
            )?;
            steps.ask(
                "read",
                "SELECT m.model_id FROM runs r JOIN run_models m ON m.run = r.run \
                 WHERE r.id = ?1 AND m.direction = 'in' ORDER BY m.model_id LIMIT ?2",
                args![id, MAX_EDGES],
                model,
            )?;
        }
        Node::Model { id } => steps.ask(
            "made",
            "SELECT source_run_id FROM logged_models WHERE id = ?1 AND source_run_id IS NOT NULL LIMIT ?2",
            args![id, MAX_EDGES],
            run,
        )?,
        Node::ModelVersion {
            name,
            version: number,
        } => {
            steps.ask(
                "registered",
                "SELECT model_id FROM model_versions WHERE workspace = ?1 AND name = ?2 AND version = ?3 \
                 AND model_id IS NOT NULL LIMIT ?4",
                args![workspace, name, *number, MAX_EDGES],
                model,
            )?;
            steps.ask(
                "registered",
                "SELECT run_id FROM model_versions WHERE workspace = ?1 AND name = ?2 AND version = ?3 \
                 AND model_id IS NULL AND run_id IS NOT NULL LIMIT ?4",
                args![workspace, name, *number, MAX_EDGES],
                run,
            )?;
        }
        Node::Endpoint { name } => steps.ask(
            "deployed",
            "SELECT DISTINCT d.model, d.version FROM endpoints e \
             JOIN deployments d ON d.endpoint_id = e.id AND d.revision = e.revision \
             WHERE e.workspace = ?1 AND e.name = ?2 ORDER BY d.model, d.version LIMIT ?3",
            args![workspace, name, MAX_EDGES],
            version,
        )?,
    }
    Ok(steps.found)
}

/// Asks for the runs that a table joins with data of a digest.
fn runs_of_data(table: &str) -> String {
    format!(
        "SELECT DISTINCT r.id FROM datasets d JOIN experiments e ON e.id = d.experiment_id \
         JOIN {table} t ON t.dataset_id = d.id JOIN runs r ON r.run = t.run \
         WHERE d.digest = ?1 AND e.workspace = ?2 AND r.stage = 'active' ORDER BY r.id LIMIT ?3"
    )
}

/// Asks for the data that a table joins with a run.
fn data_of_run(table: &str) -> String {
    format!(
        "SELECT DISTINCT d.digest FROM runs r JOIN {table} t ON t.run = r.run \
         JOIN datasets d ON d.id = t.dataset_id WHERE r.id = ?1 ORDER BY d.digest LIMIT ?2"
    )
}

/// The steps that lead from or to a node.
struct Steps<'a> {
    sql: &'a mut dyn Sql,
    node: &'a Node,
    forwards: bool,
    found: Vec<Edge>,
}

impl<'a> Steps<'a> {
    fn new(sql: &'a mut dyn Sql, node: &'a Node, forwards: bool) -> Self {
        Self {
            sql,
            node,
            forwards,
            found: Vec::new(),
        }
    }

    fn ask(
        &mut self,
        relation: &'static str,
        query: &str,
        args: &[Arg<'_>],
        other: impl Fn(&Row) -> Result<Node, TrackingError>,
    ) -> Result<(), TrackingError> {
        for row in self.sql.query(query, args)? {
            let (node, other) = (self.node.clone(), other(&row)?);
            let (from, to) = if self.forwards {
                (node, other)
            } else {
                (other, node)
            };
            self.found.push(Edge { from, to, relation });
        }
        Ok(())
    }
}

fn run(row: &Row) -> Result<Node, TrackingError> {
    Ok(Node::Run { id: row.text(0)? })
}

fn data(row: &Row) -> Result<Node, TrackingError> {
    let digest = row.text(0)?;
    Ok(Node::Data { digest })
}

fn model(row: &Row) -> Result<Node, TrackingError> {
    Ok(Node::Model { id: row.text(0)? })
}

fn version(row: &Row) -> Result<Node, TrackingError> {
    Ok(Node::ModelVersion {
        name: row.text(0)?,
        version: row.int(1)?,
    })
}

fn endpoint(row: &Row) -> Result<Node, TrackingError> {
    let name = row.text(0)?;
    Ok(Node::Endpoint { name })
}

/// What a node is called; of what is gone only its id is left.
pub(super) fn about(
    sql: &mut dyn Sql,
    workspace: &str,
    node: &Node,
) -> Result<About, TrackingError> {
    let known = match node {
        Node::Data { digest } => about_data(sql, workspace, digest)?,
        Node::Run { id } => known(runs::get(sql, workspace, id))?.map(|run| About {
            title: run.name,
            detail: format!("run {}, {}", run.id, run.status.to_lowercase()),
            at_ms: run.start_ms,
        }),
        Node::Model { id } => match known(logged_models::get(sql, workspace, id))? {
            Some(model) => Some(About {
                title: model.name,
                detail: format!("model {id}{}", registered_as(sql, workspace, id)?),
                at_ms: Some(model.created_ms),
            }),
            None => None,
        },
        Node::ModelVersion { name, version } => {
            known(versions::get(sql, workspace, name, *version))?.map(|version| {
                let aliases = version.aliases.iter().map(|alias| format!(" @{alias}"));
                About {
                    title: format!("{name}/{}", version.version),
                    detail: format!("model version{}", aliases.collect::<String>()),
                    at_ms: Some(version.created_ms),
                }
            })
        }
        Node::Endpoint { name } => about_endpoint(sql, workspace, name)?,
    };
    Ok(known.unwrap_or_else(|| About {
        title: match node {
            Node::Data { digest } => digest.clone(),
            Node::Run { id } | Node::Model { id } => id.clone(),
            Node::ModelVersion { name, version } => format!("{name}/{version}"),
            Node::Endpoint { name } => name.clone(),
        },
        detail: "not in this workspace any more".into(),
        at_ms: None,
    }))
}

/// `, registered as churn/1, churn/2` if it is.
fn registered_as(sql: &mut dyn Sql, workspace: &str, id: &str) -> Result<String, TrackingError> {
    let rows = sql.query(
        "SELECT name, version FROM model_versions WHERE workspace = ?1 AND model_id = ?2 ORDER BY name, version LIMIT ?3",
        args![workspace, id, MAX_EDGES],
    )?;
    let name = |row: &Row| Ok(format!("{}/{}", row.text(0)?, row.int(1)?));
    let names: Vec<String> = rows
        .iter()
        .map(name)
        .collect::<Result<_, TrackingError>>()?;
    if names.is_empty() {
        return Ok(String::new());
    }
    Ok(format!(", registered as {}", names.join(", ")))
}

fn about_data(
    sql: &mut dyn Sql,
    workspace: &str,
    digest: &str,
) -> Result<Option<About>, TrackingError> {
    let row = sql.query_one(
        "SELECT d.name, d.source FROM datasets d JOIN experiments e ON e.id = d.experiment_id \
         WHERE d.digest = ?1 AND e.workspace = ?2 ORDER BY d.id DESC LIMIT 1",
        args![digest, workspace],
    )?;
    let Some(row) = row else { return Ok(None) };
    let source = row.text(1)?;
    let parsed: Option<serde_json::Value> = serde_json::from_str(&source).ok();
    let uri = parsed.and_then(|source| Some(source.get("uri")?.as_str()?.to_owned()));
    Ok(Some(About {
        title: row.text(0)?,
        detail: format!("data at {}", uri.unwrap_or(source)),
        at_ms: None,
    }))
}

fn about_endpoint(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
) -> Result<Option<About>, TrackingError> {
    let row = sql.query_one(
        "SELECT e.revision, c.at_ms FROM endpoints e \
         JOIN endpoint_changes c ON c.endpoint_id = e.id AND c.revision = e.revision \
         WHERE e.workspace = ?1 AND e.name = ?2",
        args![workspace, name],
    )?;
    let about = |row: Row| {
        Ok(About {
            title: name.to_owned(),
            detail: format!("endpoint, revision {}", row.int(0)?),
            at_ms: Some(row.int(1)?),
        })
    };
    row.map(about).transpose()
}

/// What is there; what is not is none.
fn known<T>(found: Result<T, TrackingError>) -> Result<Option<T>, TrackingError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(TrackingError::RunMissing { .. } | TrackingError::Absent(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
