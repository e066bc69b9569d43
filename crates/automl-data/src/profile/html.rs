//! The profile as one page that needs nothing but a browser: no script, no font, no picture from elsewhere.

use super::findings;
use super::format::{bytes, count, number, number_or_year, percent, plural};
use super::model::{Association, ColumnProfile, Drift, Profile, Summary, ToldApart};
use super::svg::{self, Axis};
use super::text::kind_title;
use automl_core::{Role, Warning};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// The profile as a self-contained page of HTML; about 2 kB a column.
pub fn render_html(profile: &Profile) -> String {
    let title = profile.title.as_deref().unwrap_or("table");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Profile of " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#main" { "Skip to the profile" }
                div class="page" {
                    (contents(profile))
                    main id="main" {
                        (head(profile, title))
                        (warnings(profile))
                        (overview(profile))
                        section id="columns" aria-labelledby="columns-title" {
                            h2 id="columns-title" { "Columns" }
                            @for (index, column) in profile.columns.iter().enumerate() {
                                (card(profile, column, index))
                            }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn contents(profile: &Profile) -> Markup {
    html! {
        nav aria-label="Contents" {
            p class="brand" { "automl" span { " profile" } }
            ul {
                li { a href="#main" { "Summary" } }
                li { a href="#warnings" { "Warnings" @if !profile.warnings.is_empty() { span class="badge" { (profile.warnings.len()) } } } }
                li { a href="#overview" { "Overview" } }
            }
            p class="nav-title" { "Columns" }
            ul class="names" {
                @for (index, column) in profile.columns.iter().enumerate() {
                    li { a href={ "#c" (index) } { (column.name) } }
                }
            }
        }
    }
}

fn head(profile: &Profile, title: &str) -> Markup {
    let n_missing: u64 = profile.columns.iter().map(|column| column.n_missing).sum();
    let n_cells = (profile.n_rows * profile.columns.len() as u64).max(1);
    let kinds = [
        ("number", "numbers"),
        ("category", "categories"),
        ("boolean", "booleans"),
        ("text", "texts"),
        ("timestamp", "timestamps"),
    ]
    .map(|(kind, many)| {
        let n = profile
            .columns
            .iter()
            .filter(|column| column.kind.name() == kind)
            .count();
        (if n == 1 { kind } else { many }, n)
    });
    let kinds: Vec<String> = kinds
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(kind, n)| format!("{n} {kind}"))
        .collect();
    html! {
        header {
            p class="eyebrow" { "Data profile" }
            h1 { (title) }
            p class="lead" {
                (plural(profile.n_rows, "row")) " of " (plural(profile.columns.len() as u64, "column"))
                @if let Some(target) = &profile.target {
                    ", target " b { (target.name) } @if target.is_class { " (classes)" } @else { " (a number)" }
                }
                @if let Some(other) = &profile.other { ", compared with a second table of " (plural(other.n_rows, "row")) }
                "."
                @if profile.n_rows_sampled < profile.n_rows {
                    " Associations, leaks and drift were computed on " (plural(profile.n_rows_sampled, "row")) " spread over the table."
                }
                @if let Some(told) = profile.other.as_ref().and_then(|other| other.told_apart.as_ref()) { (told_apart(told)) }
            }
            dl class="tiles" {
                (tile("Rows", &count(profile.n_rows), &format!("{} in memory", bytes(profile.n_bytes))))
                (tile("Columns", &profile.columns.len().to_string(), &kinds.join(", ")))
                (tile("Missing cells", &percent(n_missing as f64 / n_cells as f64), &format!("{} of {}", count(n_missing), count(n_cells))))
                (tile("Repeated rows", &count(profile.repeated_rows.n_exact), &format!("{} nearly", count(profile.repeated_rows.n_near))))
                (tile("Warnings", &profile.warnings.len().to_string(), if profile.warnings.is_empty() { "nothing found" } else { "read them below" }))
            }
        }
    }
}

/// Adversarial validation in a sentence.
fn told_apart(told: &ToldApart) -> Markup {
    html! {
        " A model tells rows of the two tables apart with a ROC AUC of " b { (format!("{:.3}", told.roc_auc)) } ", by chance up to " (format!("{:.3}", told.by_chance))
        @if !told.columns.is_empty() {
            "; it looks at "
            @for (place, one) in told.columns.iter().enumerate() {
                @if place > 0 { ", " }
                (one.column) " (" (percent(one.share)) ")"
            }
        }
        "."
    }
}

fn tile(name: &str, value: &str, note: &str) -> Markup {
    html! { div { dt { (name) } dd { span class="value" { (value) } span class="note" { (note) } } } }
}

fn warnings(profile: &Profile) -> Markup {
    html! {
        section id="warnings" aria-labelledby="warnings-title" {
            h2 id="warnings-title" { "Warnings" }
            @if profile.warnings.is_empty() {
                p class="calm" { "Nothing stands out." }
            } @else {
                ul class="warnings" {
                    @for warning in &profile.warnings { (one_warning(profile, warning)) }
                }
            }
        }
    }
}

fn one_warning(profile: &Profile, warning: &Warning) -> Markup {
    let is_grave = matches!(warning.kind, automl_core::WarningKind::TargetLeak);
    html! {
        li class=(if is_grave { "grave" } else { "mild" }) {
            span class="tag" { (kind_title(warning.kind)) }
            p { (message(&warning.message)) }
            @if !warning.columns.is_empty() {
                p class="links" {
                    @for name in &warning.columns {
                        @if let Some(index) = profile.columns.iter().position(|column| &column.name == name) {
                            a href={ "#c" (index) } { (name) } " "
                        }
                    }
                }
            }
        }
    }
}

/// The sentence with its flags set as code.
fn message(text: &str) -> Markup {
    let mut words = text.split(' ');
    html! {
        @while let Some(word) = words.next() {
            @if word == "--drop" || word == "--time-column" { code { (word) " " (words.next().unwrap_or_default()) } " " }
            @else { (word) " " }
        }
    }
}

fn overview(profile: &Profile) -> Markup {
    html! {
        section id="overview" aria-labelledby="overview-title" {
            h2 id="overview-title" { "Overview" }
            @if profile.target.is_some() {
                p class="lead" {
                    "“Tells of the target” is comparable between columns of any kind: 0 says nothing, 1 says all. It is the root of the share "
                    "of the target's variance or entropy that the column alone explains in rows it was not learned from."
                }
            }
            div class="scroll" tabindex="0" role="region" aria-label="Overview of all columns" {
                table {
                    thead { tr {
                        th scope="col" { "Column" }
                        th scope="col" { "Kind" }
                        th scope="col" class="right" { "Missing" }
                        th scope="col" class="right" { "Distinct" }
                        th scope="col" { "Distribution" }
                        @if profile.target.is_some() { th scope="col" { "Tells of the target" } }
                        @if profile.other.is_some() { th scope="col" class="right" { "Drift" } }
                    } }
                    tbody {
                        @for (index, column) in profile.columns.iter().enumerate() {
                            (overview_row(profile, column, index))
                        }
                    }
                }
            }
        }
    }
}

fn overview_row(profile: &Profile, column: &ColumnProfile, index: usize) -> Markup {
    let missing = column.missing_share(profile.n_rows);
    html! {
        tr {
            th scope="row" { a href={ "#c" (index) } { (column.name) } (role_tag(column.role)) }
            td class={ "kind " (column.kind.name()) } { (column.kind.name()) }
            td class="right" { @if column.n_missing > 0 { (percent(missing)) } @else { span class="quiet" { "–" } } }
            td class="right" { (count(column.n_distinct)) }
            td { (sparkline(&column.summary)) }
            @if profile.target.is_some() {
                td {
                    @if let Some(association) = &column.association {
                        span class="score" { (svg::meter(association.score)) (format!("{:.2}", association.score)) }
                    } @else { span class="quiet" { "–" } }
                }
            }
            @if profile.other.is_some() {
                td class="right" {
                    @if let Some(drift) = &column.drift {
                        span class=(if findings::drifts(profile, &column.name) { "alert" } else { "" }) { (format!("{:.2}", drift.distance)) }
                    } @else { span class="quiet" { "–" } }
                }
            }
        }
    }
}

fn role_tag(role: Role) -> Markup {
    let name = match role {
        Role::Feature => return html! {},
        Role::Target => "target",
        Role::Weight => "weight",
        Role::Group => "group",
        Role::Time => "time",
        Role::Id => "id",
        Role::Ignored => "ignored",
    };
    html! { " " span class="role" { (name) } }
}

/// The distribution of a column as bars without axes, for a cell of a table: `svg.spark`. Levels stand by how frequent they are.
pub fn sparkline(summary: &Summary) -> Markup {
    match summary {
        Summary::Nothing => html! {},
        Summary::Numbers(summary) => svg::sparkline(&summary.histogram.counts),
        Summary::Texts(summary) => svg::sparkline(&summary.histogram.counts),
        Summary::Times(summary) => svg::sparkline(&summary.histogram.counts),
        Summary::Levels(summary) => {
            let counts: Vec<u64> = summary.top.iter().map(|level| level.count).collect();
            svg::sparkline(&counts)
        }
    }
}

fn card(profile: &Profile, column: &ColumnProfile, index: usize) -> Markup {
    let missing = column.missing_share(profile.n_rows);
    html! {
        article id={ "c" (index) } class="card" {
            div class="card-head" {
                h3 { (column.name) }
                span class={ "kind " (column.kind.name()) } { (column.kind.name()) }
                (role_tag(column.role))
                @for warning in profile.warnings.iter().filter(|warning| warning.columns.contains(&column.name)) {
                    a class="tag small" href="#warnings" { (kind_title(warning.kind)) }
                }
            }
            div class="card-body" {
                dl class="facts" {
                    (fact("Missing", &if column.n_missing == 0 { "none".to_owned() } else { format!("{} ({})", count(column.n_missing), percent(missing)) }))
                    (fact("Distinct", &count(column.n_distinct)))
                    (facts(&column.summary))
                    @if let Some(association) = &column.association { (association_facts(association)) }
                    @if let Some(drift) = &column.drift { (drift_facts(drift)) }
                }
                div class="figure" { (figure(column)) }
            }
        }
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn facts(summary: &Summary) -> Markup {
    match summary {
        Summary::Nothing => html! {},
        Summary::Numbers(s) => html! {
            @let value = |value| number_or_year(value, s.are_years());
            (fact("Mean", &value(s.mean)))
            (fact("Deviation", &number(s.std)))
            (fact("Least", &value(s.min)))
            (fact("5 %", &value(s.q05)))
            (fact("25 %", &value(s.q25)))
            (fact("Median", &value(s.median)))
            (fact("75 %", &value(s.q75)))
            (fact("95 %", &value(s.q95)))
            (fact("Greatest", &value(s.max)))
        },
        Summary::Levels(s) => html! {
            (fact("Rarest", &format!("{} ({})", s.rarest, count(s.n_rarest))))
        },
        Summary::Texts(s) => html! {
            (fact("Shortest", &plural(s.n_chars_min, "character")))
            (fact("Longest", &plural(s.n_chars_max, "character")))
            (fact("Mean length", &format!("{:.1}", s.n_chars_mean)))
            (fact("Mean words", &format!("{:.1}", s.n_words_mean)))
        },
        Summary::Times(s) => html! {
            (fact("Earliest", &s.min))
            (fact("Median", &s.median))
            (fact("Latest", &s.max))
        },
    }
}

fn association_facts(association: &Association) -> Markup {
    let values = [
        ("Pearson", association.pearson),
        ("Spearman", association.spearman),
        ("Correlation ratio", association.correlation_ratio),
        ("Mutual information", association.mutual_information),
    ];
    html! {
        (fact("Tells of target", &format!("{:.3}", association.score)))
        @for (name, value) in values {
            @if let Some(value) = value { (fact(name, &format!("{value:.3}"))) }
        }
    }
}

fn drift_facts(drift: &Drift) -> Markup {
    html! {
        (fact("Drift", &format!("{:.3}{}", drift.distance, if drift.is_significant { ", not chance" } else { "" })))
        (fact("Stability index", &format!("{:.3}", drift.stability_index)))
        (fact("Missing there", &percent(drift.other_missing_share)))
        @if drift.unseen_share > 0.0 { (fact("Unseen levels there", &format!("{}: {}", percent(drift.unseen_share), drift.unseen.join(", ")))) }
    }
}

/// The distribution of a column: a histogram (`svg.chart`), or a table of its most frequent levels (`table.levels`) with bars
/// (`svg.meter`). Colours are the page's.
pub fn figure(column: &ColumnProfile) -> Markup {
    let title = format!("Histogram of {}", column.name);
    match &column.summary {
        Summary::Nothing => html! { p class="quiet" { "No value at all." } },
        Summary::Numbers(s) => {
            let axis = if s.are_years() {
                Axis::Years
            } else {
                Axis::Numbers
            };
            svg::histogram(&s.histogram, &title, &column.name, axis)
        }
        Summary::Times(s) => svg::histogram(&s.histogram, &title, &column.name, Axis::Moments),
        Summary::Texts(s) => html! {
            (svg::histogram(&s.histogram, &title, "characters", Axis::Numbers))
            ul class="examples" aria-label="First texts" { @for text in &s.examples { li { (text) } } }
        },
        Summary::Levels(s) => {
            let n: u64 = s.top.iter().map(|level| level.count).sum::<u64>() + s.n_other;
            let most = s.top.first().map_or(1, |level| level.count).max(1) as f64;
            html! {
                table class="levels" {
                    caption class="hidden" { "Most frequent levels of " (column.name) }
                    tbody {
                        @for level in &s.top {
                            tr {
                                th scope="row" { (level.level) }
                                td class="wide" { (svg::meter(level.count as f64 / most)) }
                                td class="right" { (count(level.count)) }
                                td class="right quiet" { (percent(level.count as f64 / n.max(1) as f64)) }
                            }
                        }
                        @if s.n_other > 0 {
                            tr class="quiet" {
                                th scope="row" { (plural(column.n_distinct - s.top.len() as u64, "other level")) }
                                td class="wide" {}
                                td class="right" { (count(s.n_other)) }
                                td class="right" { (percent(s.n_other as f64 / n.max(1) as f64)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
