//! How a graph tells the label from its probabilities, and what classes are called, which its own branch for that does in texts.

use super::error::GraphError;
use super::names::{Element, labels, said_by};
use super::rows::{Attributes, TEXT, is_classifier, numbers};
use automl_core::{ClassThresholds, CostMatrix, Decision};
use std::collections::BTreeMap;
use tract_onnx::pb::type_proto::Value as Kind;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

/// Operators that a label passes.
const PASSED: &[&str] = &[
    "Cast",
    "Identity",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Flatten",
];

/// How the labels that the graph gives beside `result` are told, and the classes that they are, where the graph says it.
pub(super) struct Told {
    pub(super) decision: Decision,
    pub(super) classes: Option<Vec<String>>,
    /// The operator that tells them.
    operator: String,
}

impl Told {
    /// That they are told of so many classes, as the predicted output has.
    ///
    /// # Errors
    /// They are told of others.
    pub(super) fn check(&self, n_classes: usize, output: &str) -> Result<(), GraphError> {
        let n_decided = self.decision.n_classes();
        if n_decided.is_some_and(|n_decided| n_decided != n_classes) {
            return Err(GraphError::Labels {
                operator: self.operator.clone(),
            });
        }
        match self.classes.as_ref().map(Vec::len) {
            Some(given) if given != n_classes => Err(GraphError::Classes {
                given,
                output: output.to_owned(),
                width: n_classes,
            }),
            _ => Ok(()),
        }
    }
}

/// How labels are told: by the greatest probability, unless the graph says otherwise. None if it gives none.
///
/// # Errors
/// They are told in a way that is not known here, or of other values than `result`, so that ours would be others.
pub(super) fn told(graph: &GraphProto, result: &str) -> Result<Option<Told>, GraphError> {
    let label = graph.output.iter().find(|output| {
        let kind = output.r#type.as_ref().and_then(|kind| kind.value.as_ref());
        let is_label = matches!(kind, Some(Kind::TensorType(tensor))
            if [TEXT, Element::Int64 as i32].contains(&tensor.elem_type));
        is_label && output.name != result
    });
    let Some(label) = label else {
        return Ok(None);
    };
    let makers = graph.node.iter().flat_map(|node| {
        let outputs = node.output.iter();
        outputs.map(move |output| (output.as_str(), node))
    });
    let constants = graph.initializer.iter();
    let trace = Trace {
        makers: makers.collect(),
        constants: constants.map(|one| (one.name.as_str(), one)).collect(),
        result,
    };
    trace.told(&label.name).map(Some)
}

struct Trace<'g> {
    makers: BTreeMap<&'g str, &'g NodeProto>,
    constants: BTreeMap<&'g str, &'g TensorProto>,
    result: &'g str,
}

fn odd(operator: &str) -> GraphError {
    GraphError::Labels {
        operator: operator.to_owned(),
    }
}

impl<'g> Trace<'g> {
    fn numbers(&self, name: &str) -> Option<Vec<f64>> {
        self.constants.get(name).and_then(|one| numbers(one).ok())
    }

    fn told(&self, label: &str) -> Result<Told, GraphError> {
        let mut value = label;
        let mut listed: Option<Vec<String>> = None;
        // A graph is in the order in which it runs, so that each step goes back to an operator before.
        while let Some(node) = self.makers.get(value) {
            let before = match node.op_type.as_str() {
                operator if passes(operator, node) => node.input.first(),
                // A constant list of labels, and the place of one.
                "Gather" | "ArrayFeatureExtractor" => {
                    let list = node.input.first();
                    let list = list.and_then(|name| self.constants.get(name.as_str()));
                    let list = list.and_then(|&list| labels(list));
                    if list.is_none() || listed.is_some() {
                        break;
                    }
                    listed = list;
                    node.input.get(1)
                }
                _ => return self.told_by(node, listed),
            };
            let Some(before) = before else { break };
            value = before;
        }
        let operator = self.makers.get(value).map(|node| node.op_type.as_str());
        Err(odd(operator.unwrap_or("nothing")))
    }

    fn told_by(
        &self,
        node: &'g NodeProto,
        listed: Option<Vec<String>>,
    ) -> Result<Told, GraphError> {
        let decision = if is_classifier(node) {
            let scores = node.output.get(1);
            let is_of_result = scores.is_some_and(|scores| self.is_ordered_as(scores));
            is_of_result.then_some(Decision::Likeliest)
        } else {
            self.decision(node)
        };
        let own = said_by(node);
        if let (Some(list), Some(own)) = (&listed, &own) {
            // What is looked up is a label of the operator's own: it is to be the place of the class.
            let is_place = |(place, label): (usize, &String)| *label == place.to_string();
            if list.len() != own.len() || !own.iter().enumerate().all(is_place) {
                return Err(odd(&node.op_type));
            }
        }
        Ok(Told {
            decision: decision.ok_or_else(|| odd(&node.op_type))?,
            classes: listed.or(own),
            operator: node.op_type.clone(),
        })
    }

    /// What an operator decides of the result, if it decides of it, and by what is known here.
    fn decision(&self, node: &NodeProto) -> Option<Decision> {
        let operand = node.input.first()?;
        match node.op_type.as_str() {
            "ArgMax" => {
                if !is_across(node) {
                    return None;
                }
                let is_plain = self.is_ordered_as(operand);
                let plain = is_plain.then_some(Decision::Likeliest);
                plain.or_else(|| self.multiples(operand).map(Decision::Relative))
            }
            "Greater" => {
                let threshold = self.numbers(node.input.get(1)?)?;
                let [threshold] = threshold.as_slice() else {
                    return None;
                };
                let is_told = self.is_result(self.of_second(operand)?);
                is_told.then_some(Decision::Above(*threshold))
            }
            "ArgMin" => {
                let product = self.makers.get(operand.as_str())?;
                let [expected, costs] = product.input.as_slice() else {
                    return None;
                };
                if !is_across(node) || product.op_type != "MatMul" || !self.is_result(expected) {
                    return None;
                }
                let (of, values) = (self.constants.get(costs.as_str())?, self.numbers(costs)?);
                let [n_rows, n_columns] = of.dims.as_slice() else {
                    return None;
                };
                if n_rows != n_columns || values.is_empty() {
                    return None;
                }
                let rows = values.chunks(usize::try_from(*n_columns).ok()?);
                let costs = CostMatrix::new(rows.map(<[f64]>::to_vec).collect());
                costs.ok().map(Decision::Cheapest)
            }
            _ => None,
        }
    }

    /// The thresholds of which a value is the multiples of the result, as the product with their inverses.
    fn multiples(&self, name: &str) -> Option<ClassThresholds> {
        let product = self.makers.get(name)?;
        let [probabilities, factors] = product.input.as_slice() else {
            return None;
        };
        if product.op_type != "Mul" || !self.is_result(probabilities) {
            return None;
        }
        let is_row = matches!(
            self.constants.get(factors.as_str())?.dims.as_slice(),
            [_] | [1, _]
        );
        let factors = self.numbers(factors).filter(|_| is_row)?;
        ClassThresholds::new(factors.iter().map(|factor| factor.recip()).collect()).ok()
    }

    /// The value of which another is the second column.
    fn of_second(&self, name: &str) -> Option<&'g str> {
        let node = self.makers.get(name)?;
        let place = self.numbers(node.input.get(1)?)?;
        let is_second =
            node.op_type == "Gather" && Attributes(node).int("axis") == Some(1) && place == [1.0];
        node.input.first().filter(|_| is_second).map(String::as_str)
    }

    /// The value that another is but for its name and precision.
    fn root<'n>(&self, name: &'n str) -> &'n str
    where
        'g: 'n,
    {
        let mut name = name;
        while let Some(&node) = self.makers.get(name) {
            let is_same = match node.op_type.as_str() {
                "Identity" => true,
                "Cast" => Attributes(node).int("to").is_some_and(is_real),
                _ => false,
            };
            match node.input.first() {
                Some(before) if is_same => name = before,
                _ => break,
            }
        }
        name
    }

    fn is_result(&self, name: &str) -> bool {
        self.root(name) == self.root(self.result)
    }

    /// Whether of each row the greatest of a value's columns is the result's greatest, too.
    fn is_ordered_as(&self, name: &str) -> bool {
        let wanted = self.root(name);
        let mut value = self.root(self.result);
        while value != wanted {
            let Some(before) = self.makers.get(value).and_then(|node| self.before(node)) else {
                return false;
            };
            value = self.root(before);
        }
        true
    }

    /// The operand of which an operator keeps, of each row, which column is the greatest.
    fn before(&self, node: &'g NodeProto) -> Option<&'g str> {
        let attributes = Attributes(node);
        let first = node.input.first()?;
        let keeps = match node.op_type.as_str() {
            "Exp" | "Sigmoid" => true,
            "Softmax" | "LogSoftmax" => attributes.int("axis").is_none_or(|axis| axis.abs() == 1),
            // Norms are positive, but for the greatest.
            "Normalizer" => {
                let norm = attributes.find("norm").map(|one| one.s.as_slice());
                norm.is_some_and(|norm| norm == b"L1" || norm == b"L2")
            }
            "Sub" => self.is_of_rows(node.input.get(1)?, first),
            // By what is positive: a constant, or sums of what is positive.
            "Mul" | "Div" if self.is_positive(node.input.get(1)?) => true,
            "Div" => {
                let of = self.makers.get(self.root(first))?;
                let is_positive = ["Exp", "Sigmoid", "Softmax"].contains(&of.op_type.as_str());
                is_positive && self.is_of_rows(node.input.get(1)?, first)
            }
            _ => false,
        };
        keeps.then_some(first)
    }

    fn is_positive(&self, name: &str) -> bool {
        let numbers = self.numbers(name);
        numbers.is_some_and(|numbers| matches!(numbers.as_slice(), [one] if *one > 0.0))
    }

    /// Whether a value is one number for each row of another.
    fn is_of_rows(&self, name: &str, other: &str) -> bool {
        let mut name = name;
        while let Some(&node) = self.makers.get(name) {
            let Some(before) = node.input.first() else {
                return false;
            };
            if node.op_type.starts_with("Reduce") {
                let listed = Attributes(node).ints("axes");
                let given = node.input.get(1).and_then(|name| self.numbers(name));
                let is_across = given.as_deref() == Some(&[1.0]) || listed == [1];
                return is_across && self.root(before) == self.root(other);
            }
            if !passes(&node.op_type, node) {
                return false;
            }
            name = before;
        }
        false
    }
}

/// Whether an operator hands on labels, or numbers of rows, in another shape or type at most.
fn passes(operator: &str, node: &NodeProto) -> bool {
    // Truth values are two, whatever there were.
    let is_truth = operator == "Cast" && Attributes(node).int("to") == Some(Element::Bool as i64);
    PASSED.contains(&operator) && !is_truth
}

fn is_real(number: i64) -> bool {
    [Element::Float as i64, Element::Double as i64].contains(&number)
}

/// Whether an operator looks across the columns of a row, and of equal ones takes the first.
fn is_across(node: &NodeProto) -> bool {
    let attributes = Attributes(node);
    let is_last = attributes.int("select_last_index").unwrap_or(0) != 0;
    !is_last && attributes.int("axis").is_some_and(|axis| axis.abs() == 1)
}
