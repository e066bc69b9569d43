//! `report.html`: what a fit found, on one self-contained page. Nothing is loaded from elsewhere and nothing runs.

mod axes;
mod chart;
mod classes;
mod confusion;
mod course;
mod curves;
mod data;
mod dependence;
mod importance;
mod lanes;
mod members;
mod permutation;
mod plan;
mod quality;
mod shapley;
mod targets;
#[cfg(test)]
mod tests;
mod tried;
mod usage;

use crate::costs::CostScores;
use crate::{distilled, text};
use automl_core::metrics::Metric;
use automl_core::{LearnerSpec, Warning};
use automl_engine::{
    ColumnImportance, Distilled, Explanations, FitOptions, Leaderboard, LeaderboardRow, LeftOut,
    NestedScore, OutOfFold, Preview,
};
use automl_store::Manifest;
use chart::ScoreChart;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::path::Path;

pub(crate) use course::Course;
pub(crate) use data::Data;
pub(crate) use plan::members_of;
pub(crate) use targets::{TargetRow, TargetsPage, render_targets};

const STYLE: &str = include_str!("style.css");
/// Models in the leaderboard; the others are counted.
const MAX_MODELS: usize = 30;

/// All that the page shows.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    /// Task, data, settings and machine.
    pub(crate) manifest: &'a Manifest,
    /// The column that is predicted.
    pub(crate) target: &'a str,
    /// Where the model is.
    pub(crate) model: &'a Path,
    /// The table that it was learned from.
    pub(crate) data: &'a Data,
    /// What the user asked for, with the limits of this very search.
    pub(crate) options: &'a FitOptions,
    /// What was planned, if that can be told.
    pub(crate) plan: Option<&'a Preview>,
    /// Learners that took part.
    pub(crate) learners: &'a [&'static LearnerSpec],
    /// How the search went.
    pub(crate) course: &'a Course,
    /// Everything that was tried.
    pub(crate) leaderboard: &'a Leaderboard,
    /// What decided, and how good the model is by it.
    pub(crate) metric: Metric,
    pub(crate) score: f64,
    /// What the model is beside the ensemble, if it took its place.
    pub(crate) distilled: Option<&'a Distilled>,
    /// What rows cost, if costs decide.
    pub(crate) costs: Option<&'a CostScores>,
    /// The score without what choosing the members added, with an interval.
    pub(crate) nested: Option<NestedScore>,
    /// Trials that were begun.
    pub(crate) n_started: u64,
    /// What the model says of rows that it has not seen.
    pub(crate) out_of_fold: &'a OutOfFold,
    /// Scores as they came.
    pub(crate) trials: &'a [TrialPoint],
    /// How much each column matters, if the model can say.
    pub(crate) importance: Option<&'a ColumnImportance>,
    /// What the model does with its columns.
    pub(crate) explanations: &'a Explanations,
    /// What to type next.
    pub(crate) next_command: &'a str,
    /// Findings, in the words of the terminal.
    pub(crate) warnings: &'a [Warning],
    /// Seconds that the run took until the page was made.
    pub(crate) seconds: f64,
    /// Whether the user stopped the search.
    pub(crate) interrupted: bool,
}

/// One trial on the way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrialPoint {
    pub(crate) at_seconds: f64,
    pub(crate) name: String,
    pub(crate) score: f64,
}

/// A file that stands alone: its style is in it, and it runs and fetches nothing.
fn whole_page(title: &str, main: &Markup) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (title) " · automl" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (main)
                }
            }
        }
    };
    markup.into_string()
}

/// The page as HTML.
pub(crate) fn render(page: &Page<'_>) -> String {
    let title = format!("{} of {}", task_title(page), page.target);
    let main = html! {
            (heading(page, &title))
            (warnings(page))
            (data::section(page.data, page.target))
            (plan::section(page))
            (quality::section(page))
            (importance::section(page.importance))
            (permutation::section(page))
            (dependence::section(&page.manifest.task, &page.explanations.dependence))
            (shapley::section(&page.manifest.task, &page.explanations.shapley))
            (tried::section(page))
            (members::section(page))
            (history(page))
            (usage::section(page))
            (facts(page))
    };
    whole_page(&title, &main)
}

fn task_title(page: &Page<'_>) -> &'static str {
    match page.manifest.task.n_classes() {
        0 if !page.manifest.task.levels().is_empty() => "Quantile regression",
        0 if page.manifest.lineage.config["columns"]["exposure"].is_string() => {
            "Counts by exposure"
        }
        0 if page.manifest.lineage.config["columns"]["counts"] == true => "Counts",
        0 => "Regression",
        2 => "Binary classification",
        _ => "Multiclass classification",
    }
}

fn heading(page: &Page<'_>, title: &str) -> Markup {
    let lineage = &page.manifest.lineage;
    let direction = if page.metric.higher_is_better() {
        "higher is better"
    } else {
        "lower is better"
    };
    let members = page
        .leaderboard
        .rows
        .iter()
        .filter(|row| is_member(row))
        .count() as u64;
    html! {
        header {
            h1 { (title) }
            p.soft { (lineage.data) " · " (page.manifest.created) @if page.interrupted { " · stopped by you" } }
            div.headline {
                div.figure.main { b { (text::score(page.score)) } (page.metric.title()) ", " (direction) }
                div.figure { b { (text::count(lineage.n_rows)) } "rows learned from" }
                div.figure { b { (text::count(lineage.n_features)) } (text::plural(lineage.n_features, "feature")) }
                div.figure { b { (text::count(page.trials.len() as u64)) } "trials scored of " (text::count(page.n_started)) " started, " (members) " in the ensemble" }
                div.figure { b { (text::seconds(page.seconds)) } "in all" }
            }
            p.soft { "The score is an estimate on rows that the models had not seen: " (page.leaderboard.validation) "." }
            @if let Some(nested) = page.nested {
                p.soft { "On rows that the choice of the ensemble's members had not seen either it is " b { (text::score(nested.score)) } ", and nine times out of ten between " (text::score(nested.low)) " and " (text::score(nested.high)) " by the number of rows alone." }
            }
            @if let Some(told) = page.distilled {
                p.soft { "The model is " (distilled::words(told, page.metric)) "." }
            }
            p.soft { "Next: " code { (page.next_command) } }
            (contents(page))
        }
    }
}

/// Links to the sections that are there.
fn contents(page: &Page<'_>) -> Markup {
    let is_there = |id: &str| match id {
        "plan" => page.plan.is_some(),
        "unseen" => !page.out_of_fold.target.is_empty(),
        "importance" => page.importance.is_some(),
        _ => true,
    };
    let sections = [
        ("data", "Data"),
        ("plan", "Plan"),
        ("unseen", "Unseen rows"),
        ("importance", "Columns that matter"),
        ("permutation", "What the score needs"),
        ("dependence", "What changes predictions"),
        ("tried", "What was tried"),
        ("members", "What it is made of"),
        ("use", "How to use it"),
        ("origin", "Origin"),
    ];
    html! {
        nav.contents aria-label="Contents" {
            @for (id, title) in sections.iter().filter(|(id, _)| is_there(id)) {
                a href=(format!("#{id}")) { (title) }
            }
        }
    }
}

/// In place of what is not told: why.
fn left_out(what: &str, why: &LeftOut) -> Markup {
    html! {
        p.soft {
            @match why {
                LeftOut::NotAsked => { (what) " was not asked for." }
                LeftOut::NoTime => { (what) " is left out: this model would have needed more time for it than the limit kept. A fit with a longer --time-limit, or with --max-trials alone, keeps more." }
                LeftOut::Stopped => { (what) " is left out, since you stopped the fit." }
                LeftOut::NoColumn => { (what) " is left out: there is no column of numbers or categories to tell it of." }
                LeftOut::Failed(reason) => { (what) " is left out: " (reason) "." }
            }
        }
    }
}

fn warnings(page: &Page<'_>) -> Markup {
    html! {
        @if !page.warnings.is_empty() {
            section {
                h2 { "Warnings" }
                ul.warnings { @for warning in page.warnings { li { (warning.message) } } }
            }
        }
    }
}

fn is_member(row: &LeaderboardRow) -> bool {
    row.trial.is_some() && row.weight > 0.0
}

fn shares<'a>(what: &str, rows: impl Iterator<Item = (&'a str, f64)> + Clone) -> Markup {
    let greatest = rows
        .clone()
        .map(|(_, share)| share)
        .fold(f64::MIN_POSITIVE, f64::max);
    html! {
        div.card {
            table {
                thead { tr { th { (what) } th.n { "share" } th { "" } } }
                tbody {
                    @for (name, share) in rows {
                        tr {
                            td { (name) }
                            td.n { (text::percent(share)) }
                            td.track { span.bar style=(format!("width:{:.1}%", 100.0 * share / greatest)) {} }
                        }
                    }
                }
            }
        }
    }
}

fn history(page: &Page<'_>) -> Markup {
    html! {
        @if page.trials.len() > 1 {
            section id="history" {
                h2 { "Score over time" }
                (ScoreChart { metric: page.metric, trials: page.trials }.svg())
                details.long {
                    summary { "as a table" }
                    div.card { table {
                        thead { tr { th.n { "seconds" } th { "model" } th.n { (page.metric.title()) } } }
                        tbody { @for trial in page.trials { tr {
                            td.n { (format!("{:.1}", trial.at_seconds)) }
                            td { (trial.name) }
                            td.n { (text::score(trial.score)) }
                        } } }
                    } }
                }
            }
        }
    }
}

fn facts(page: &Page<'_>) -> Markup {
    let lineage = &page.manifest.lineage;
    let machine = &lineage.machine;
    let classes = page.manifest.task.classes();
    let git = lineage.git.as_ref().map(|git| {
        let state = if git.is_dirty {
            ", with uncommitted changes"
        } else {
            ""
        };
        format!("{}{state}", git.commit)
    });
    html! {
        section id="origin" {
            h2 { "Where it came from" }
            dl.card.facts {
                dt { "Data" } dd { (lineage.data) }
                dt { "Fingerprint" } dd { code { (lineage.data_fingerprint) } }
                dt { "Rows" } dd { (text::count(lineage.n_rows_read)) " read, " (text::count(lineage.n_rows)) " learned from" }
                @if !classes.is_empty() {
                    dt { "Classes" } dd { (text::clip(&classes.join(", "), 400)) }
                }
                @if let Some(positive) = page.manifest.task.positive_class() {
                    dt { "Positive class" } dd {
                        (positive)
                        @if let Some(threshold) = page.manifest.threshold {
                            ", predicted above a probability of " (text::probability(threshold))
                            @if page.costs.is_some() { ", where it costs less" } @else { ", best by " (page.metric.title()) }
                        }
                    }
                }
                @if let Some(costs) = page.costs {
                    dt { "Mean cost" } dd { (costs.words()) }
                }
                dt { "Seed" } dd { (lineage.seed) }
                @if let Some(git) = git { dt { "Repository" } dd { code { (git) } } }
                dt { "Made by" } dd {
                    "automl " (lineage.version) " on " (machine.os) " " (machine.arch) ", "
                    (text::counted(u64::from(machine.n_threads), "thread"))
                }
            }
            details.long {
                summary { "All settings" }
                pre { (serde_json::to_string_pretty(&lineage.config).unwrap_or_default()) }
            }
        }
    }
}
