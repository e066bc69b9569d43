//! Steps that make a column of two.

use crate::error::OnnxError;
use crate::frame::{Codes, Column, Frame};
use crate::graph::{Element, Graph, Value, doubles, tensor};
use crate::steps::{slot_of, strings};
use automl_core::{Artifact, UNSEEN_CODE};

/// Stands for a category that was not met: no pair has a number below 0.
const NOWHERE: f64 = -1e15;

/// Products, ratios, differences and sums of numbers, behind all columns.
pub(crate) fn interactions(
    graph: &mut Graph,
    frame: &Frame,
    step: &Artifact,
) -> Result<Frame, OnnxError> {
    let pairs: Vec<(String, String, String)> = step.meta("pairs")?;
    let mut made = Vec::with_capacity(pairs.len());
    for (a, operation, b) in pairs {
        let (left, mut right) = (frame.number(&a)?.clone(), frame.number(&b)?.clone());
        let (operator, sign) = match operation.as_str() {
            "product" => ("Mul", '*'),
            "ratio" => {
                right = graph.op("Reciprocal", &[&right], []);
                ("Mul", '/')
            }
            "difference" => ("Sub", '-'),
            "sum" => ("Add", '+'),
            other => return Err(OnnxError::unsupported(format!("the operation '{other}'"))),
        };
        let value = graph.op(operator, &[&left, &right], []);
        // What is not finite is missing: nothing is left of a number less itself, but NaN of an infinite one.
        let nothing = graph.op("Sub", &[&value, &value], []);
        let value = graph.op("Add", &[&value, &nothing], []);
        made.push((format!("{a}{sign}{b}"), Column::Number(value)));
    }
    Ok(frame.followed_by(made))
}

/// Pairs of categories, behind all columns.
pub(crate) fn combine_categories(
    graph: &mut Graph,
    frame: &Frame,
    step: &Artifact,
) -> Result<Frame, OnnxError> {
    let mut made = Vec::with_capacity(step.children.len());
    for cross in &step.children {
        let [a, b]: [String; 2] = cross.meta("sources")?;
        let n_levels: [usize; 2] = cross.meta("n_levels")?;
        let width = n_levels[1] as f64 + 1.0;
        let pairs = cross.u32s("left")?.iter().zip(cross.u32s("right")?);
        let known: Vec<f64> = pairs
            .map(|(&left, &right)| f64::from(left) * width + f64::from(right))
            .collect();
        if known.len() != strings(cross, "levels")?.len() {
            return Err(cross
                .invalid("left", "there is not one for each level")
                .into());
        }
        let (left, right) = (frame.codes(&a)?.clone(), frame.codes(&b)?.clone());
        let codes = if known.is_empty() {
            left.mapped(graph, 0, |_| UNSEEN_CODE)
        } else {
            let left = slots(graph, &left, n_levels[0], width);
            let right = slots(graph, &right, n_levels[1], 1.0);
            let pair = graph.op("Add", &[&left, &right], []);
            found(graph, &pair, &known)
        };
        made.push((format!("{a}×{b}"), Column::Codes(codes)));
    }
    Ok(frame.followed_by(made))
}

/// The slot of each row's category among those that the pairs were learned from, times something.
fn slots(graph: &mut Graph, codes: &Codes, n_levels: usize, times: f64) -> Value {
    codes.looked_up(graph, 1, |code| {
        let slot = slot_of(code, n_levels);
        vec![slot.map_or(NOWHERE, |slot| slot as f64 * times)]
    })
}

/// Where each row's pair stands among the known ones, as categories.
fn found(graph: &mut Graph, pair: &Value, known: &[f64]) -> Codes {
    let n_levels = known.len();
    let places: Vec<f64> = (0..n_levels).map(|place| place as f64).collect();
    let place = graph.op(
        "LabelEncoder",
        &[pair],
        [
            tensor("keys_tensor", doubles(&[n_levels], known)),
            tensor("values_tensor", doubles(&[n_levels], &places)),
            tensor("default_tensor", doubles(&[1], &[n_levels as f64 + 1.0])),
        ],
    );
    let place = graph.cast(&place, Element::Int);
    Codes {
        value: graph.reshaped(&place, &[-1]),
        n_levels,
    }
}
