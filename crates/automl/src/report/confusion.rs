//! Where classes are confused: rows by actual and predicted class, and what that comes to for each class.

use crate::{decisions, text};
use automl_core::{Decision, Task};
use automl_engine::OutOfFold;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// A matrix of more classes than this would not be looked at; of a list so many of the most frequent are shown.
const MAX_CLASSES: usize = 30;
/// Pairs of many classes that are shown.
const MAX_PAIRS: usize = 12;
/// Characters of a class.
pub(super) const LABEL_WIDTH: usize = 18;

/// The weight of a row: one where rows have none.
pub(super) fn weight(rows: &OutOfFold, row: usize) -> f64 {
    rows.weight.as_ref().map_or(1.0, |weight| weight[row])
}

/// A number of rows, or the sum of their weights.
pub(super) fn amount(value: f64) -> String {
    if value.fract() == 0.0 || value >= 1000.0 {
        text::count(value.round() as u64)
    } else {
        format!("{value:.1}")
    }
}

/// Rows by actual and predicted class; the darker a cell, the greater its share of the actual class.
pub(super) fn matrix(task: &Task, rows: &OutOfFold, decision: &Decision) -> Markup {
    let n_classes = task.n_classes();
    if n_classes > MAX_CLASSES {
        return commonest(task, rows, decision);
    }
    let mut counts = vec![vec![0.0; n_classes]; n_classes];
    let predicted = rows.predictions.class_codes_by(decision);
    for (row, (actual, predicted)) in rows.target.iter().zip(predicted).enumerate() {
        counts[*actual as usize][predicted as usize] += weight(rows, row);
    }
    let label = |class: &String| text::clip(class, LABEL_WIDTH);
    // No fuller: the numbers on it must be read, in the dark, too.
    let shade = |count: f64, total: f64| {
        let share = if total > 0.0 { count / total } else { 0.0 };
        format!(
            "background:color-mix(in srgb,var(--bar) {:.0}%,transparent)",
            60.0 * share
        )
    };
    html! {
        h3 { "Confusion of classes" }
        div.card {
            table.confusion {
                thead {
                    tr {
                        th { "actual ↓ predicted →" }
                        @for class in task.classes() { th.n { (label(class)) } }
                        th.n { "recall" }
                    }
                }
                tbody {
                    @for (class, (name, counts)) in task.classes().iter().zip(&counts).enumerate() {
                        @let total = counts.iter().sum::<f64>();
                        tr {
                            th { (label(name)) }
                            @for &count in counts { td.n style=(shade(count, total)) { (amount(count)) } }
                            td.n { (share(counts[class], total)) }
                        }
                    }
                }
            }
        }
        @if let (Some(threshold), Some(class)) = (decision.threshold(), task.positive_class()) {
            p.soft { "'" (class) "' is predicted above a probability of " (text::probability(threshold)) "." }
        }
        @if let Some(thresholds) = decisions::words(task, decision) {
            p.soft { "The class whose probability is the greatest multiple of its threshold is predicted: " (thresholds) "." }
        }
    }
}

/// Of many classes only the pairs that are confused most.
fn commonest(task: &Task, rows: &OutOfFold, decision: &Decision) -> Markup {
    let mut counts: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    let predicted = rows.predictions.class_codes_by(decision);
    for (row, (actual, predicted)) in rows.target.iter().zip(predicted).enumerate() {
        let pair = (*actual as usize, predicted as usize);
        if pair.0 != pair.1 {
            *counts.entry(pair).or_default() += weight(rows, row);
        }
    }
    let mut pairs: Vec<((usize, usize), f64)> = counts.into_iter().collect();
    pairs.sort_by(|a, b| b.1.total_cmp(&a.1));
    pairs.truncate(MAX_PAIRS);
    let label = |class: usize| text::clip(&task.classes()[class], 40);
    html! {
        @if !pairs.is_empty() {
            h3 { "Classes that are confused most" }
            div.card { table {
                thead { tr { th { "actual" } th { "predicted" } th.n { "predictions" } } }
                tbody { @for ((actual, predicted), count) in pairs { tr {
                    td { (label(actual)) } td { (label(predicted)) } td.n { (amount(count)) }
                } } }
            } }
        }
    }
}

/// A percentage, or a dash of nothing.
fn share(part: f64, total: f64) -> String {
    if total > 0.0 {
        text::percent(part / total)
    } else {
        "–".to_owned()
    }
}

/// One class: rows, or their weight.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct OfClass {
    /// Those that are of it.
    actual: f64,
    /// Those that are said to be.
    predicted: f64,
    /// Those that are both.
    right: f64,
}

impl OfClass {
    fn f1(self) -> f64 {
        let both = self.actual + self.predicted;
        if both > 0.0 {
            2.0 * self.right / both
        } else {
            0.0
        }
    }
}

fn by_class(n_classes: usize, rows: &OutOfFold, decision: &Decision) -> Vec<OfClass> {
    let mut told = vec![OfClass::default(); n_classes];
    let predicted = rows.predictions.class_codes_by(decision);
    for (row, (actual, predicted)) in rows.target.iter().zip(predicted).enumerate() {
        let (weight, actual, predicted) = (weight(rows, row), *actual as usize, predicted as usize);
        told[actual].actual += weight;
        told[predicted].predicted += weight;
        if actual == predicted {
            told[actual].right += weight;
        }
    }
    told
}

/// Codes of the classes, those of most rows first.
pub(super) fn by_size(n_classes: usize, rows: &OutOfFold) -> Vec<usize> {
    let mut sizes = vec![0.0; n_classes];
    for (row, class) in rows.target.iter().enumerate() {
        sizes[*class as usize] += weight(rows, row);
    }
    let mut order: Vec<usize> = (0..n_classes).collect();
    order.sort_by(|&a, &b| sizes[b].total_cmp(&sizes[a]));
    order
}

/// Precision, recall and F1 of each class, the largest first.
pub(super) fn per_class(task: &Task, rows: &OutOfFold, decision: &Decision) -> Markup {
    let told = by_class(task.n_classes(), rows, decision);
    let order = by_size(task.n_classes(), rows);
    let shown = &order[..order.len().min(MAX_CLASSES)];
    let n_more = (order.len() - shown.len()) as u64;
    let there = || told.iter().filter(|class| class.actual > 0.0);
    let n_there = there().count().max(1) as f64;
    let mean = |of: fn(&OfClass) -> f64| there().map(of).sum::<f64>() / n_there;
    let precision = |class: &OfClass| class.right / class.predicted.max(f64::MIN_POSITIVE);
    let all: f64 = told.iter().map(|class| class.actual).sum();
    html! {
        h3 { "Each class" }
        div.card { table {
            thead { tr { th { "class" } th.n { "precision" } th.n { "recall" } th.n { "F1" } th.n { "predictions" } th { "" } } }
            tbody {
                @for &code in shown {
                    @let class = told[code];
                    tr {
                        td { (text::clip(&task.classes()[code], 40)) }
                        td.n { (share(class.right, class.predicted)) }
                        td.n { (share(class.right, class.actual)) }
                        td.n { (share(class.right, f64::midpoint(class.actual, class.predicted))) }
                        td.n { (amount(class.actual)) }
                        td.track { span.bar style=(format!("width:{:.1}%", 100.0 * class.f1())) {} }
                    }
                }
                tr.top {
                    td { "mean of all classes" }
                    td.n { (text::percent(mean(precision))) }
                    td.n { (text::percent(mean(|class| class.right / class.actual))) }
                    td.n { (text::percent(mean(|class| class.f1()))) }
                    td.n { (amount(all)) }
                    td {}
                }
            }
        } }
        p.soft {
            "Precision is the share of rows called so that are; recall the share of those that are that is called so; F1 their harmonic mean, drawn as a bar."
            @if n_more > 0 { " " (text::count(n_more)) " smaller " (if n_more == 1 { "class is" } else { "classes are" }) " not shown." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_core::Predictions;

    fn task() -> Task {
        Task::Multiclass {
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
        }
    }

    /// Rows by actual and predicted class.
    fn rows(pairs: &[(usize, usize)], weight: Option<Vec<f64>>) -> OutOfFold {
        let certain = |&(_, predicted): &(usize, usize)| {
            (0..3).map(move |class| f64::from(u8::from(class == predicted)))
        };
        OutOfFold {
            rows: (0..pairs.len() as u32).collect(),
            target: pairs.iter().map(|(actual, _)| *actual as f64).collect(),
            predictions: Predictions::Probabilities {
                n_classes: 3,
                values: pairs.iter().flat_map(certain).collect(),
            },
            weight,
        }
    }

    #[test]
    fn precision_and_recall_are_shares_of_what_is_said_and_of_what_is() {
        let rows = rows(&[(0, 0), (0, 1), (1, 1), (1, 1), (2, 1)], None);
        let told = by_class(3, &rows, &Decision::default());
        let b = told[1];
        assert_eq!((b.actual, b.predicted, b.right), (2.0, 4.0, 2.0));
        assert!((b.f1() - 2.0 / 3.0).abs() < 1e-12);
        assert!(told[2].f1() == 0.0);
    }

    #[test]
    fn classes_stand_by_their_rows() {
        let rows = rows(&[(2, 0), (2, 0), (2, 0), (1, 1), (1, 1), (0, 0)], None);
        assert_eq!(by_size(3, &rows), [2, 1, 0]);
        let page = per_class(&task(), &rows, &Decision::default()).into_string();
        assert!(page.find("<td>c</td>") < page.find("<td>b</td>"));
        // A row counts once a repeat of the validation.
        assert!(page.contains("<th class=\"n\">predictions</th>"), "{page}");
    }

    #[test]
    fn rows_count_by_their_weight() {
        let rows = rows(&[(0, 0), (0, 1)], Some(vec![1.5, 0.5]));
        let page = matrix(&task(), &rows, &Decision::default()).into_string();
        assert!(page.contains("75.0%") && page.contains(">1.5<"), "{page}");
        let told = by_class(3, &rows, &Decision::default());
        assert_eq!((told[0].actual, told[0].right), (2.0, 1.5));
    }

    #[test]
    fn a_class_without_rows_has_no_recall_and_does_not_count_in_the_mean() {
        let rows = rows(&[(0, 0), (1, 1)], None);
        let page = per_class(&task(), &rows, &Decision::default()).into_string();
        assert!(page.contains("–"));
        assert!(
            page.contains("<td>mean of all classes</td><td class=\"n\">100.0%</td>"),
            "{page}"
        );
        assert!(!page.contains("NaN"));
    }

    #[test]
    fn of_many_classes_the_largest_and_what_is_confused_most_are_shown() {
        let classes: Vec<String> = (0..40).map(|class| format!("class {class}")).collect();
        let task = Task::Multiclass { classes };
        let mut values = vec![0.0; 42 * 40];
        (0..40).for_each(|row| values[row * 41] = 1.0);
        // Two more rows of class 7 are taken for class 9.
        values[40 * 40 + 9] = 1.0;
        values[41 * 40 + 9] = 1.0;
        let rows = OutOfFold {
            rows: (0..42).collect(),
            target: (0..40).map(f64::from).chain([7.0, 7.0]).collect(),
            predictions: Predictions::Probabilities {
                n_classes: 40,
                values,
            },
            weight: None,
        };
        let decision = Decision::default();
        let page = matrix(&task, &rows, &decision).into_string();
        let pair = "<td>class 7</td><td>class 9</td><td class=\"n\">2</td>";
        assert!(
            page.contains(pair) && page.matches("<tr>").count() == 2,
            "{page}"
        );
        let page = per_class(&task, &rows, &decision).into_string();
        assert!(page.contains("10 smaller classes are not shown"), "{page}");
        assert!(page.find("class 7") < page.find("class 0"));
    }
}
