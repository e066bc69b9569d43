//! What a graph takes and gives, by the names that it has for it.

use super::error::GraphError;
use super::rows::numbers;
use std::collections::BTreeSet;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Length;
use tract_onnx::pb::type_proto::Value as Kind;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto, ValueInfoProto};

/// The types of numbers that inputs may have, and outputs: the numbers that ONNX gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Float = 1,
    Int32 = 6,
    Int64 = 7,
    Text = 8,
    Bool = 9,
    Double = 11,
}

impl Element {
    fn of(number: i32) -> Option<Self> {
        let all = [
            Self::Float,
            Self::Int32,
            Self::Int64,
            Self::Text,
            Self::Bool,
            Self::Double,
        ];
        all.into_iter().find(|one| *one as i32 == number)
    }

    pub(super) fn is_real(self) -> bool {
        matches!(self, Self::Float | Self::Double)
    }

    /// Why an input of that type cannot take a cell, if it cannot.
    pub(super) fn refuses(self, cell: f64) -> Option<&'static str> {
        // Whole numbers are exact up to here.
        const WHOLE_MAX: f64 = 9.0e15;
        let is_whole = cell.fract() == 0.0 && cell.abs() <= WHOLE_MAX;
        match self {
            Self::Bool if cell != 0.0 && cell != 1.0 => {
                Some("holds neither 0 nor 1, which the graph takes")
            }
            Self::Int32 | Self::Int64 if !is_whole => {
                Some("holds no whole number, which the graph takes")
            }
            Self::Int32 if !(f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&cell) => {
                Some("holds a number beyond the 32 bits that the graph takes")
            }
            // Of numbers and texts any, and else what is left.
            _ => None,
        }
    }
}

/// An input of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) element: Element,
    /// Whether its shape is rows alone, not rows by columns.
    pub(super) is_flat: bool,
    /// Columns of the table that it is made of.
    pub(super) width: usize,
    /// Of texts, those that the graph compares each column with.
    pub(super) words: Vec<BTreeSet<String>>,
}

/// Columns that a graph may read.
const COLUMNS_MAX: usize = 100_000;

/// Element type and lengths of a value, none where a length is not said.
fn shape(value: &ValueInfoProto) -> Option<(i32, Vec<Option<i64>>)> {
    let Kind::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
    let shape = tensor.shape.as_ref()?;
    let length = |dim: &tract_onnx::pb::tensor_shape_proto::Dimension| match dim.value {
        Some(Length::DimValue(length)) if length > 0 => Some(length),
        _ => None,
    };
    Some((tensor.elem_type, shape.dim.iter().map(length).collect()))
}

/// The inputs of a graph that are no constants. One of unknown width takes the columns that are left of those given.
///
/// # Errors
/// One takes neither numbers nor texts, or is no rows by columns.
pub(super) fn inputs(graph: &GraphProto, n_given: Option<usize>) -> Result<Vec<Input>, GraphError> {
    let constants: BTreeSet<&str> = graph
        .initializer
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let mut found = Vec::new();
    let mut widthless: Option<usize> = None;
    for value in &graph.input {
        if constants.contains(value.name.as_str()) {
            continue;
        }
        let unsupported = |what: &str| GraphError::Unsupported {
            what: format!("{what}, as '{}' is", value.name),
        };
        let Some((element, lengths)) = shape(value) else {
            return Err(unsupported("an input that is no tensor of known rank"));
        };
        let Some(element) = Element::of(element) else {
            return Err(unsupported(
                "an input that is not of numbers, truth values or texts",
            ));
        };
        let width = match lengths.as_slice() {
            [_] => Some(1),
            [_, width] => *width,
            _ => return Err(unsupported("an input that is not rows by columns")),
        };
        if width.is_some_and(|width| usize::try_from(width).is_ok_and(|width| width > COLUMNS_MAX))
        {
            let what = format!("an input of {} columns", width.unwrap_or(0));
            return Err(GraphError::Unsupported { what });
        }
        if width.is_none() && widthless.replace(found.len()).is_some() {
            let input = value.name.clone();
            return Err(GraphError::NoWidth { input });
        }
        found.push(Input {
            name: value.name.clone(),
            element,
            is_flat: lengths.len() == 1,
            width: width
                .and_then(|width| usize::try_from(width).ok())
                .unwrap_or(0),
            words: Vec::new(),
        });
    }
    let n_known: usize = found.iter().map(|input| input.width).sum();
    if let Some(place) = widthless {
        let left = n_given
            .and_then(|n| n.checked_sub(n_known))
            .filter(|n| *n > 0);
        let Some(left) = left else {
            let input = found[place].name.clone();
            return Err(GraphError::NoWidth { input });
        };
        found[place].width = left;
    }
    let n_columns: usize = found.iter().map(|input| input.width).sum();
    if found.is_empty() || n_columns > COLUMNS_MAX {
        let what = format!("{n_columns} columns");
        return Err(GraphError::Unsupported { what });
    }
    Ok(found)
}

/// What columns are called where nobody says: after the input, with their place where it has several.
pub(super) fn columns(inputs: &[Input]) -> Vec<String> {
    let names = inputs.iter().flat_map(|input| {
        let name = move |place| match input.width {
            1 => input.name.clone(),
            _ => format!("{}_{place}", input.name),
        };
        (0..input.width).map(name)
    });
    names.collect()
}

/// The output that is predicted: the one that is named, the only one of numbers, or the one that is called after probabilities.
///
/// # Errors
/// There is no such output, or it is not clear which is meant.
pub(super) fn result(graph: &GraphProto, asked: Option<&str>) -> Result<String, GraphError> {
    // Of what a map became it is not said what it is: numbers it is.
    let is_real = |value: &&ValueInfoProto| {
        value.r#type.is_none() || shape_element(value).is_some_and(Element::is_real)
    };
    let real: Vec<&ValueInfoProto> = graph.output.iter().filter(is_real).collect();
    let names = || real.iter().map(|value| value.name.clone()).collect();
    if let Some(asked) = asked {
        let mut real = real.iter();
        return match real.find(|value| value.name == asked) {
            Some(value) => Ok(value.name.clone()),
            None => Err(GraphError::ResultUnknown {
                name: asked.to_owned(),
                outputs: names(),
            }),
        };
    }
    if let [only] = real.as_slice() {
        return Ok(only.name.clone());
    }
    let is_probable = |value: &&&ValueInfoProto| value.name.to_ascii_lowercase().contains("prob");
    let mut probable = real.iter().filter(is_probable);
    match (probable.next(), probable.next()) {
        (Some(only), None) => Ok(only.name.clone()),
        _ => Err(GraphError::Result { outputs: names() }),
    }
}

fn shape_element(value: &ValueInfoProto) -> Option<Element> {
    let Kind::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
    Element::of(tensor.elem_type)
}

/// The classes that operators of the graph name, if they name one list of them.
pub(super) fn classes(graph: &GraphProto) -> Option<Vec<String>> {
    let said: BTreeSet<Vec<String>> = graph.node.iter().filter_map(said_by).collect();
    only(said)
}

fn only(lists: BTreeSet<Vec<String>>) -> Option<Vec<String>> {
    let mut lists = lists.into_iter().filter(|list| list.len() > 1);
    let first = lists.next();
    first.filter(|_| lists.next().is_none())
}

/// The labels that an operator has as attributes.
pub(super) fn said_by(node: &NodeProto) -> Option<Vec<String>> {
    let mut attributes = node.attribute.iter();
    attributes.find_map(|attribute| match attribute.name.as_str() {
        "classlabels_strings" if !attribute.strings.is_empty() => {
            let words = attribute.strings.iter();
            Some(
                words
                    .map(|word| String::from_utf8_lossy(word).into_owned())
                    .collect(),
            )
        }
        "classlabels_int64s" | "classlabels_ints" if !attribute.ints.is_empty() => {
            Some(attribute.ints.iter().map(i64::to_string).collect())
        }
        _ => None,
    })
}

/// A constant list of texts or whole numbers.
pub(super) fn labels(tensor: &TensorProto) -> Option<Vec<String>> {
    if !tensor.string_data.is_empty() {
        let words = tensor.string_data.iter();
        return Some(
            words
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect(),
        );
    }
    let is_whole = [Element::Int32 as i32, Element::Int64 as i32].contains(&tensor.data_type);
    let whole = is_whole.then(|| numbers(tensor).ok()).flatten()?;
    Some(
        whole
            .iter()
            .map(|label| (*label as i64).to_string())
            .collect(),
    )
}
