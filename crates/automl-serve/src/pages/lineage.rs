//! Where something came from and what became of it, as a graph that time runs through from left to right.

use super::layout::{Place, Shell};
use super::query::{Query, encoded};
use super::{Answer, PageError, format, parts};
use crate::error::ApiError;
use crate::state::App;
use automl_store::lineage::{Found, Graph, Node, resolve, trace};
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use axum::Json;
use axum::extract::State;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Nodes that are drawn; a list has them all.
const N_DRAWN: usize = 120;
const WIDTH: i64 = 212;
const HEIGHT: i64 = 52;
const GAP_X: i64 = 42;
const GAP_Y: i64 = 16;
/// Characters of a title and of a detail that fit into a box.
const N_TITLE: usize = 24;
const N_DETAIL: usize = 30;

/// The graph around what `of` means.
async fn graph(app: &App, of: &str) -> Result<Graph, TrackingError> {
    let of = of.to_owned();
    let read = move |sql: &mut dyn automl_store::db::Sql| {
        let start = resolve(sql, DEFAULT_WORKSPACE, &of)?;
        trace(sql, DEFAULT_WORKSPACE, &start)
    };
    app.db.read(read).await
}

/// The graph for programs.
pub(super) async fn json(State(app): State<App>, query: Query) -> Result<Json<Graph>, ApiError> {
    Ok(Json(graph(&app, query.one("of")).await?))
}

pub(super) async fn page(State(app): State<App>, query: Query) -> Answer {
    let of = query.one("of");
    if of.is_empty() {
        return Err(PageError::invalid(
            "Name a run, a model, a version or data: /lineage?of=NAME/3",
        ));
    }
    let graph = graph(&app, of).await?;
    let start = graph.nodes.iter().find(|found| found.distance == 0);
    let title = start.map_or(of, |found| found.about.title.as_str());
    let body = html! {
        div.head { h1 { "Lineage of " (title) } }
        @if graph.nodes.len() == 1 {
            (parts::nothing("Nothing is known of where it came from or what became of it."))
        } @else {
            @if graph.nodes.len() <= N_DRAWN { div.card.scroll { (drawn(&graph)) } }
            section { h2 { "All of it" } (listed(&graph)) }
        }
        @if graph.is_cut { p.soft { "There is more than can be shown." } }
    };
    Ok(Shell::new(format!("Lineage of {title}"), Place::Elsewhere).show(&body))
}

/// The page of a node; data has none.
fn address(node: &Node) -> Option<String> {
    Some(match node {
        Node::Data { .. } => return None,
        Node::Run { id } => format!("/runs/{}", encoded(id)),
        Node::Model { id } => format!("/logged-models/{}", encoded(id)),
        Node::ModelVersion { name, version } => format!("/models/{}/{version}", encoded(name)),
        Node::Endpoint { name } => format!("/endpoints/{}", encoded(name)),
    })
}

/// What a node is, as a word and as a class of style.
fn kind(node: &Node) -> &'static str {
    match node {
        Node::Data { .. } => "data",
        Node::Run { .. } => "run",
        Node::Model { .. } => "model",
        Node::ModelVersion { .. } => "version",
        Node::Endpoint { .. } => "endpoint",
    }
}

/// What leads to a node from where one is.
fn lead(found: &Found) -> String {
    match &found.node {
        Node::Data { digest } => format!("/lineage?of={}", encoded(digest)),
        node => address(node).unwrap_or_default(),
    }
}

/// Boxes in columns by distance, with curves between them.
fn drawn(graph: &Graph) -> Markup {
    let least = graph.nodes.iter().map(|found| found.distance).min();
    let least = least.unwrap_or_default();
    let mut fill: BTreeMap<i64, i64> = BTreeMap::new();
    let mut places = BTreeMap::new();
    for found in &graph.nodes {
        let row = fill.entry(found.distance).or_insert(0);
        let x = (found.distance - least) * (WIDTH + GAP_X) + GAP_Y;
        places.insert(&found.node, (x, *row * (HEIGHT + GAP_Y) + GAP_Y));
        *row += 1;
    }
    let n_columns = fill.keys().max().map_or(1, |most| most - least + 1);
    let n_rows = fill.values().max().copied().unwrap_or(1);
    let width = n_columns * (WIDTH + GAP_X) - GAP_X + 2 * GAP_Y;
    let height = n_rows * (HEIGHT + GAP_Y) + GAP_Y;
    let curve = |from: &(i64, i64), to: &(i64, i64)| {
        let (x, y) = (from.0 + WIDTH, from.1 + HEIGHT / 2);
        let (end_x, end_y) = (to.0, to.1 + HEIGHT / 2);
        let middle = i64::midpoint(x, end_x);
        format!("M{x} {y}C{middle} {y} {middle} {end_y} {end_x} {end_y}")
    };
    html! {
        svg.lineage width=(width) height=(height) viewBox=(format!("0 0 {width} {height}")) role="img" aria-label="What came of what, from left to right" {
            @for edge in &graph.edges {
                @if let (Some(from), Some(to)) = (places.get(&edge.from), places.get(&edge.to)) {
                    path.edge d=(curve(from, to)) { title { (edge.relation) } }
                }
            }
            @for found in &graph.nodes {
                @if let Some((x, y)) = places.get(&found.node) {
                    a href=(lead(found)) {
                        g class=(format!("node {}{}", kind(&found.node), if found.distance == 0 { " here" } else { "" })) transform=(format!("translate({x} {y})")) {
                            title { (found.about.title) " — " (found.about.detail) }
                            rect width=(WIDTH) height=(HEIGHT) rx="9" {}
                            text x="12" y="21" { (format::clip(&found.about.title, N_TITLE).0) }
                            text.detail x="12" y="39" { (format::clip(&found.about.detail, N_DETAIL).0) }
                        }
                    }
                }
            }
        }
    }
}

fn listed(graph: &Graph) -> Markup {
    let way = |distance: i64| match distance {
        0 => "this".to_owned(),
        before if before < 0 => format!("{} before", -before),
        after => format!("{after} after"),
    };
    html! {
        div.card.scroll { table {
            thead { tr { th { "Steps" } th { "What" } th { "Name" } th { "More" } } }
            tbody {
                @for found in &graph.nodes {
                    tr {
                        td { (way(found.distance)) }
                        td { span.badge { (kind(&found.node)) } }
                        td { a href=(lead(found)) { (found.about.title) } }
                        td.soft { (found.about.detail) }
                    }
                }
            }
        } }
    }
}
