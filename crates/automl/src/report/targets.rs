//! The page of a model of several targets: how good each is, with a link to the page of its own.

use super::whole_page;
use crate::text;
use automl_core::Warning;
use automl_core::metrics::Metric;
use automl_store::Manifest;
use maud::{Markup, html};

/// All that the page shows.
#[derive(Debug)]
pub(crate) struct TargetsPage<'a> {
    /// Tasks, data, settings and machine.
    pub(crate) manifest: &'a Manifest,
    /// One a target.
    pub(crate) rows: Vec<TargetRow<'a>>,
    /// What to type next.
    pub(crate) next_command: String,
    /// Findings, in the words of the terminal.
    pub(crate) warnings: Vec<Warning>,
    /// Seconds that the run took until the page was made.
    pub(crate) seconds: f64,
}

/// What is known of the model of a target.
#[derive(Debug)]
pub(crate) struct TargetRow<'a> {
    pub(crate) target: &'a str,
    /// Its directory, below that of the whole.
    pub(crate) path: &'a str,
    pub(crate) manifest: &'a Manifest,
    /// Its task, in words.
    pub(crate) task: String,
    pub(crate) score: f64,
    pub(crate) n_trials: u64,
    pub(crate) n_started: u64,
    pub(crate) seconds: f64,
}

impl TargetRow<'_> {
    /// The metric that decided, with its direction.
    fn metric(&self) -> String {
        match Metric::from_name(&self.manifest.metric) {
            Ok(metric) if metric.higher_is_better() => {
                format!("{}, higher is better", metric.title())
            }
            Ok(metric) => format!("{}, lower is better", metric.title()),
            Err(_unknown) => self.manifest.metric.clone(),
        }
    }
}

/// The page as HTML.
pub(crate) fn render_targets(page: &TargetsPage<'_>) -> String {
    let lineage = &page.manifest.lineage;
    let title = format!("{} targets of {}", page.rows.len(), lineage.data);
    let main = html! {
            header {
                h1 { (title) }
                p.soft { (page.manifest.created) }
                div.headline {
                    div.figure.main { b { (page.rows.len()) } "targets, each with a model of its own" }
                    div.figure { b { (text::count(lineage.n_rows_read)) } "rows read" }
                    div.figure { b { (text::count(lineage.n_features)) } (text::plural(lineage.n_features, "feature")) }
                    div.figure { b { (text::seconds(page.seconds)) } "in all" }
                }
                p.soft { "Next: " code { (page.next_command) } }
            }
            @if !page.warnings.is_empty() {
                section {
                    h2 { "Warnings" }
                    ul.warnings { @for warning in &page.warnings { li { (warning.message) } } }
                }
            }
            (scores(&page.rows))
            section {
                h2 { "Where it came from" }
                dl.card.facts {
                    dt { "Data" } dd { (lineage.data) }
                    dt { "Fingerprint" } dd { code { (lineage.data_fingerprint) } }
                    dt { "Seed" } dd { (lineage.seed) }
                    dt { "Made by" } dd { "automl " (lineage.version) " on " (lineage.machine.os) " " (lineage.machine.arch) }
                }
                details.long {
                    summary { "All settings" }
                    pre { (serde_json::to_string_pretty(&lineage.config).unwrap_or_default()) }
                }
            }
    };
    whole_page(&title, &main)
}

fn scores(rows: &[TargetRow<'_>]) -> Markup {
    html! {
        section {
            h2 { "Targets" }
            div.card { table {
                thead { tr {
                    th { "target" } th { "task" } th.n { "score" } th { "metric" }
                    th.n { "rows learned from" } th.n { "trials" } th.n { "took" } th { "" }
                } }
                tbody { @for row in rows { tr {
                    td { (row.target) }
                    td { (row.task) }
                    td.n { (text::score(row.score)) }
                    td { (row.metric()) }
                    td.n { (text::count(row.manifest.lineage.n_rows)) }
                    td.n { (row.n_trials) " of " (row.n_started) }
                    td.n { (text::seconds(row.seconds)) }
                    td { a href=(format!("{}/report.html", row.path)) { "report" } }
                } } }
            } }
            p.soft { "Scores are estimates on rows that the models had not seen. Each target was learned for itself, from the rows that have it." }
        }
    }
}
