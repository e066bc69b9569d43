//! What of a study is looked at, as the address says it; a report in a file has an address without anything.

use super::super::query::Query;
use crate::insight::{Insight, STATES};
use automl_store::studies::TrialState;
use maud::{Markup, html};

/// Objectives that a report shows in full.
const OBJECTIVES_MAX: usize = 3;

/// In which order trials are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Best,
    Latest,
    First,
}

/// What is looked at.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// Positions of the objectives that are shown.
    pub(super) objectives: Vec<usize>,
    /// Whether values stand on powers of ten, if the reader said so.
    pub(super) is_log: Option<bool>,
    /// The two parameters of the contour that the reader wants.
    pub(super) pair: Option<(usize, usize)>,
    pub(super) state: Option<TrialState>,
    pub(super) order: Order,
    /// Which page of the trials, from 0.
    pub(super) page: usize,
    /// The address, where there is one; forms and links are made of it.
    pub(super) query: Option<Query>,
}

impl View {
    /// All that a report in a file shows.
    pub(super) fn whole(insight: &Insight) -> Self {
        let n = insight.objectives.len().min(OBJECTIVES_MAX);
        Self {
            objectives: (0..n).collect(),
            is_log: None,
            pair: None,
            state: None,
            order: Order::Best,
            page: 0,
            query: None,
        }
    }

    pub(super) fn of(insight: &Insight, query: &Query) -> Self {
        let parameter = |name: &str| {
            let own = insight.parameters.iter();
            own.clone().position(|own| own.name == query.one(name))
        };
        let named = insight.objectives.iter();
        let objective = named
            .clone()
            .position(|own| own.name == query.one("objective"));
        Self {
            objectives: vec![objective.unwrap_or(0)],
            is_log: match query.one("scale") {
                "log" => Some(true),
                "linear" => Some(false),
                _ => None,
            },
            pair: parameter("x").zip(parameter("y")).filter(|(x, y)| x != y),
            state: STATES
                .into_iter()
                .find(|state| state.name() == query.one("state")),
            order: match query.one("order") {
                "latest" => Order::Latest,
                "first" => Order::First,
                _ => Order::Best,
            },
            page: query.one("page").parse().unwrap_or(0),
            query: Some(query.clone()),
        }
    }

    /// The form above the charts.
    pub(super) fn form(&self, insight: &Insight) -> Markup {
        let Some(query) = &self.query else {
            return html! {};
        };
        html! {
            form.options method="get" data-submit="change" {
                @for (key, value) in query.others(&["objective", "scale"]) { input type="hidden" name=(key) value=(value); }
                @if insight.objectives.len() > 1 {
                    label { "Objective" select name="objective" {
                        @for (k, own) in insight.objectives.iter().enumerate() { option value=(own.name) selected[self.objectives.contains(&k)] { (own.name) } }
                    } }
                }
                label { "Scale" select name="scale" {
                    option value="" { "as it suits" }
                    option value="linear" selected[self.is_log == Some(false)] { "linear" }
                    option value="log" selected[self.is_log == Some(true)] { "logarithmic" }
                } }
                button { "Show" }
            }
        }
    }
}
