//! What to type next: commands with this model's place and target, ready to be copied.

use super::{Page, is_member};
use crate::text::shell_word;
use automl_core::{Field, Kind, Role};
use automl_data::profile::{NumberSummary, Summary};
use maud::{Markup, html};
use serde_json::{Value, json};

/// Columns of a row that is written out; a request of more is a file.
const MAX_COLUMNS: usize = 40;
/// Characters of a name of an endpoint.
const NAME_WIDTH: usize = 60;
/// A learner that ONNX has no operators for.
const NOT_IN_ONNX: &str = "nearest_neighbours";

pub(super) fn section(page: &Page<'_>) -> Markup {
    let model = shell_word(&page.model.display().to_string());
    let name = endpoint_name(page.target);
    html! {
        section id="use" {
            h2 { "How to use the model" }
            dl.card.facts.usage {
                dt { "Predict" } dd {
                    pre { (page.next_command) }
                    p.soft { "DATA is any table with the columns of " (learned_from(page)) "; it may lack " (page.target) "." }
                }
                dt { "Evaluate" } dd {
                    pre { "automl evaluate " (model) " DATA" }
                    p.soft { "on rows that were kept apart, with " (page.target) ": their score has the last word." }
                }
                dt { "Look closer" } dd { pre { "automl leaderboard " (model) "\nautoml importance " (model) } }
                @if page.manifest.task.levels().is_empty() {
                    dt { "Serve" } dd {
                        pre { (serve(&model, &name)) }
                        p.soft { "and then, from another terminal or in the program that asks:" }
                        pre { (request(page, &name)) }
                    }
                    dt { "Export" } dd { (exports(page, &model)) }
                } @else {
                    dt { "Serve" } dd { p.soft { "Endpoints and exports do not take models of quantiles." } }
                }
            }
        }
    }
}

/// The table, by its name if it has one.
fn learned_from(page: &Page<'_>) -> Markup {
    match page.manifest.lineage.data.as_str() {
        "-" => html! { "the table that was learned from" },
        data => html! { code { (shell_word(data)) } },
    }
}

fn serve(model: &str, name: &str) -> String {
    format!(
        "automl models register {name} {model} --alias champion\nautoml endpoint create {name}\nautoml endpoint deploy {name} {name}@champion\nautoml serve"
    )
}

/// One row as a request, or a file of them where columns are many.
fn request(page: &Page<'_>, name: &str) -> String {
    let address = format!("curl -s localhost:8080/endpoints/{name}");
    example_row(page).map_or_else(
        || {
            format!(
                "{address}/invocations -H 'content-type: text/csv' \\\n  --data-binary @DATA.csv"
            )
        },
        |row| {
            let body = shell_word(&format!("{{\"rows\": [{row}]}}"));
            format!("{address}/predict -H 'content-type: application/json' \\\n  -d {body}")
        },
    )
}

/// A row of the commonest levels and middle numbers, and of no text, as JSON; none where columns are many.
fn example_row(page: &Page<'_>) -> Option<String> {
    let fields: Vec<&Field> = page.manifest.inputs.with_role(Role::Feature).collect();
    if fields.len() > MAX_COLUMNS {
        return None;
    }
    let cell = |field: &&Field| {
        let column = page.data.column(&field.name)?;
        let value = match page.data.moment(&field.name) {
            Some(moment) => json!(moment),
            None => value(&column.summary, field.kind),
        };
        Some(format!("{}: {value}", json!(field.name)))
    };
    let cells: Option<Vec<String>> = fields.iter().map(cell).collect();
    Some(format!("{{{}}}", cells?.join(", ")))
}

fn value(summary: &Summary, kind: Kind) -> Value {
    match summary {
        Summary::Nothing => Value::Null,
        Summary::Numbers(told) if kind == Kind::Number => number(told),
        Summary::Numbers(told) => json!(number(told).to_string()),
        Summary::Levels(told) => json!(told.top.first().map(|level| &level.level)),
        // A text may tell more than a page that is passed on should.
        Summary::Texts(_) => json!("…"),
        Summary::Times(told) => json!(told.median),
    }
}

/// The middle number, a whole one where the ends are.
fn number(told: &NumberSummary) -> Value {
    let is_whole = told.min.fract() == 0.0 && told.max.fract() == 0.0;
    if is_whole && told.median.abs() < 1e15 {
        json!(told.median.round() as i64)
    } else {
        // The mean of two numbers may have more digits than any.
        let rounded = format!("{:.5e}", told.median).parse();
        json!(rounded.unwrap_or(told.median))
    }
}

/// The target as a name of an endpoint: letters, digits, `_` and `-`, which begins and ends with a letter or digit.
fn endpoint_name(target: &str) -> String {
    let letter = |letter: char| {
        if letter.is_ascii_alphanumeric() || "_-".contains(letter) {
            letter
        } else {
            '-'
        }
    };
    let name: String = target.chars().take(NAME_WIDTH).map(letter).collect();
    let name = name.trim_matches(['-', '_']).to_lowercase();
    if name.is_empty() {
        "model".to_owned()
    } else {
        name
    }
}

fn exports(page: &Page<'_>, model: &str) -> Markup {
    let export = |format: &str, output: &str| {
        format!("automl export {model} --format {format} --output {output}")
    };
    html! {
        @match obstacle(page) {
            None => {
                pre { (export("onnx", "model.onnx")) "\n" (export("mlflow", "mlflow-model")) "\n" (export("docker", "context")) }
                p.soft { (graph(page)) ", a folder for MLflow, a container that serves." }
            }
            Some(why) => {
                pre { (export("docker", "context")) "\n" (export("standalone", "service")) }
                p.soft { "a container, or a folder, that serves. " (why) ", so it cannot be written as an ONNX graph." }
            }
        }
    }
}

/// What runs the graph: cutting texts into terms is no standard operator.
fn graph(page: &Page<'_>) -> &'static str {
    let mut inputs = page.manifest.inputs.with_role(Role::Feature);
    if inputs.any(|field| field.kind == Kind::Text) {
        "a graph that takes texts, which ONNX Runtime runs and few others"
    } else {
        "a graph for any ONNX runtime"
    }
}

/// Why the model is no ONNX graph.
fn obstacle(page: &Page<'_>) -> Option<&'static str> {
    let mut members = page.leaderboard.rows.iter().filter(|row| is_member(row));
    let is_near = page.distilled.is_none() && members.any(|row| row.learner == NOT_IN_ONNX);
    is_near.then_some("This model looks at the nearest rows that it learned from")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_an_endpoint_begins_and_ends_with_a_letter_or_digit() {
        let names = [
            "income",
            "_income",
            "-Net income-_",
            "net_income",
            "_",
            "größe",
        ];
        let found = names.map(endpoint_name);
        let expected = [
            "income",
            "income",
            "net-income",
            "net_income",
            "model",
            "gr--e",
        ];
        assert_eq!(found, expected);
    }
}
