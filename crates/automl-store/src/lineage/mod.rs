//! Where things came from and what became of them: data, runs, models, their registered versions and the endpoints where
//! those answer, as one graph.
//!
//! The edges are what runs logged: data that they read or wrote, models that they read or made, versions made of
//! models, and versions that are deployed. They point the way of time, so following them backwards gives all that something came from, and forwards all
//! that came of it. Data is the same where its content is, whatever it was called.

mod edges;
mod reference;
#[cfg(test)]
mod tests;

pub use reference::{model_version, resolve, run};

use crate::db::Sql;
use crate::tracking::TrackingError;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// A thing that came from others or that others came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say what each is")]
pub enum Node {
    Data { digest: String },
    Run { id: String },
    Model { id: String },
    ModelVersion { name: String, version: i64 },
    Endpoint { name: String },
}

/// How one thing came from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Edge {
    pub from: Node,
    pub to: Node,
    /// `read`, `wrote`, `made`, `registered` or `deployed`.
    pub relation: &'static str,
}

/// What to call a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct About {
    pub title: String,
    /// A line on what it is like now: where data lies, how a run ended, what a version is called.
    pub detail: String,
    pub at_ms: Option<i64>,
}

/// A node with how far it is from where the search began: below 0 for what it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Found {
    pub node: Node,
    pub distance: i64,
    pub about: About,
}

/// All that something came from, and all that came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// Nodes by distance; the one at 0 is where the search began.
    pub nodes: Vec<Found>,
    /// The edges among them.
    pub edges: Vec<Edge>,
    /// Whether there is more than was looked at.
    pub is_cut: bool,
}

/// Nodes looked at, at most, in each direction.
const MAX_NODES: usize = 500;

/// Follows the edges from a node, both ways.
///
/// # Errors
/// If the node is not there.
pub fn trace(sql: &mut dyn Sql, workspace: &str, start: &Node) -> Result<Graph, TrackingError> {
    let mut distances = BTreeMap::from([(start.clone(), 0)]);
    let mut edges = Vec::new();
    let mut is_cut = false;
    for forwards in [false, true] {
        let mut seen = BTreeMap::from([(start.clone(), 0_i64)]);
        let mut waiting = VecDeque::from([start.clone()]);
        while let Some(node) = waiting.pop_front() {
            let distance = seen[&node] + if forwards { 1 } else { -1 };
            let found = if forwards {
                edges::from(sql, workspace, &node)?
            } else {
                edges::to(sql, workspace, &node)?
            };
            for edge in found {
                let other = if forwards { &edge.to } else { &edge.from };
                if !seen.contains_key(other) {
                    if seen.len() > MAX_NODES {
                        is_cut = true;
                        continue;
                    }
                    seen.insert(other.clone(), distance);
                    waiting.push_back(other.clone());
                }
                edges.push(edge);
            }
        }
        for (node, distance) in seen {
            distances.entry(node).or_insert(distance);
        }
    }
    edges.sort();
    edges.dedup();
    let mut nodes = Vec::new();
    for (node, distance) in distances {
        let about = edges::about(sql, workspace, &node)?;
        nodes.push(Found {
            node,
            distance,
            about,
        });
    }
    nodes.sort_by(|a, b| {
        (a.distance, a.about.at_ms, &a.node).cmp(&(b.distance, b.about.at_ms, &b.node))
    });
    Ok(Graph {
        nodes,
        edges,
        is_cut,
    })
}
