//! By how much the score gets worse where a column is shuffled: a dot a column, with its interval.

use super::lanes::Lanes;
use super::{Page, left_out};
use crate::text;
use automl_engine::PermutationImportance;
use maud::{Markup, html};

pub(super) fn section(page: &Page<'_>) -> Markup {
    html! {
        section id="permutation" {
            h2 { "What its score needs" }
            @match &page.explanations.permutation {
                Ok(told) => { (drawing(page, told)) }
                Err(why) => { (left_out("What shuffling a column does to the score", why)) }
            }
        }
    }
}

fn drawing(page: &Page<'_>, told: &PermutationImportance) -> Markup {
    let metric = page.metric.title();
    let n_features = page.manifest.lineage.n_features;
    let columns = &told.columns;
    let ends = columns
        .iter()
        .flat_map(|one| one.interval.into_iter().flatten().chain([one.worse_by]));
    let names = columns.iter().map(|one| one.column.as_str()).collect();
    let lanes = Lanes::of(names, ends, 26.0);
    let n_rows = text::counted(told.n_rows as u64, "row");
    html! {
        p.soft {
            "By how much the " (metric) " of " (n_rows) " gets worse where a column's values are shuffled among them: "
            @if told.n_shuffles > 1 { "the mean of " (text::counted(told.n_shuffles as u64, "shuffle")) } @else { "one shuffle" }
            ", and between which it lies nine times out of ten. Each row was predicted by models that were not fitted on it. Columns that tell the same share what they are worth; one whose interval holds zero is perhaps not needed."
            @if (columns.len() as u64) < n_features {
                " Of " (text::counted(n_features, "column")) " these are told, which its parts look at most, as many as there was time for."
            }
        }
        svg viewBox=(lanes.view_box()) role="img" aria-label="How much worse the score is without each column" {
            (lanes.frame(&format!("{metric} worse by")))
            @for (lane, one) in columns.iter().enumerate() {
                @let y = lanes.middle(lane);
                @if let Some([low, high]) = one.interval {
                    line.whisker x1=(lanes.at_x(low)) x2=(lanes.at_x(high)) y1=(y) y2=(y) {}
                }
                circle.dot cx=(lanes.at_x(one.worse_by)) cy=(y) r="5" {
                    title { (one.column) ": " (text::score(one.worse_by)) @if let Some([low, high]) = one.interval { ", from " (text::score(low)) " to " (text::score(high)) } }
                }
            }
        }
        details {
            summary { "as a table" }
            div.card { table {
                thead { tr { th { "column" } th.n { "worse by" } th.n { "from" } th.n { "to" } } }
                tbody { @for one in columns { tr {
                    td { (one.column) }
                    td.n { (text::score(one.worse_by)) }
                    @match one.interval {
                        Some([low, high]) => { td.n { (text::score(low)) } td.n { (text::score(high)) } }
                        None => { td.n { "–" } td.n { "–" } }
                    }
                } } }
            } }
        }
    }
}
