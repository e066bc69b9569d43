//! A graph that is put together node by node. Names of values are made here, so none is taken twice.

use crate::model::OWN;
use crate::proto::{
    Attribute, Dimension, Graph as Message, Model, Node, OperatorSet, Shape, Tensor, TensorType,
    Type, ValueInfo,
};
use prost::Message as _;

/// The types of elements, by their numbers in `onnx.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Float = 1,
    Byte = 2,
    Int = 7,
    Text = 8,
    Double = 11,
}

/// The name of a value of the graph.
pub(crate) type Value = String;

/// What is known of the operators that are used, and of the form of the file.
const IR_VERSION: i64 = 10;
const OPSET: i64 = 17;
const ML_OPSET: i64 = 5;
const ML: &str = "ai.onnx.ml";
/// Operators of that set; others are of the plain one.
const ML_OPERATORS: [&str; 2] = ["TreeEnsemble", "LabelEncoder"];
/// Operators that ONNX Runtime adds, and the version of their set.
const RUNTIME: &str = "com.microsoft";
const RUNTIME_OPSET: i64 = 1;
const RUNTIME_OPERATORS: [&str; 1] = ["Tokenizer"];

/// A graph to be.
#[derive(Default)]
pub(crate) struct Graph {
    message: Message,
    n_values: usize,
}

/// An attribute of a node.
pub(crate) fn int(name: &str, value: i64) -> Attribute {
    Attribute {
        name: name.into(),
        i: Some(value),
        kind: 2,
        ..Attribute::default()
    }
}

/// As [`int`].
pub(crate) fn ints(name: &str, values: Vec<i64>) -> Attribute {
    Attribute {
        name: name.into(),
        ints: values,
        kind: 7,
        ..Attribute::default()
    }
}

/// As [`int`].
pub(crate) fn texts<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Attribute {
    let values = values.into_iter().map(|text| text.as_bytes().to_vec());
    Attribute {
        name: name.into(),
        strings: values.collect(),
        kind: 8,
        ..Attribute::default()
    }
}

/// As [`int`].
pub(crate) fn text(name: &str, value: &str) -> Attribute {
    Attribute {
        name: name.into(),
        s: Some(value.as_bytes().to_vec()),
        kind: 3,
        ..Attribute::default()
    }
}

/// As [`int`].
pub(crate) fn tensor(name: &str, value: Tensor) -> Attribute {
    Attribute {
        name: name.into(),
        t: Some(value),
        kind: 4,
        ..Attribute::default()
    }
}

fn dense(dims: &[usize], element: Element, bytes: Vec<u8>) -> Tensor {
    Tensor {
        dims: dims.iter().map(|&size| size as i64).collect(),
        data_type: element as i32,
        raw_data: Some(bytes),
        ..Tensor::default()
    }
}

/// Doubles in row-major order.
pub(crate) fn doubles(dims: &[usize], values: &[f64]) -> Tensor {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    dense(dims, Element::Double, bytes.collect())
}

/// Singles, as [`doubles`].
pub(crate) fn floats(dims: &[usize], values: &[f32]) -> Tensor {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    dense(dims, Element::Float, bytes.collect())
}

/// Bytes, as [`doubles`].
pub(crate) fn bytes(dims: &[usize], values: Vec<u8>) -> Tensor {
    dense(dims, Element::Byte, values)
}

fn whole(dims: &[usize], values: &[i64]) -> Tensor {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    dense(dims, Element::Int, bytes.collect())
}

impl Graph {
    /// The value of an operator.
    pub(crate) fn op(
        &mut self,
        op: &str,
        inputs: &[&Value],
        attributes: impl IntoIterator<Item = Attribute>,
    ) -> Value {
        let output = self.name();
        self.named(&output, op, inputs, attributes);
        output
    }

    /// As [`Graph::op`], with a name that users see.
    pub(crate) fn named(
        &mut self,
        output: &str,
        op: &str,
        inputs: &[&Value],
        attributes: impl IntoIterator<Item = Attribute>,
    ) {
        let domain = match op {
            op if ML_OPERATORS.contains(&op) => ML,
            op if RUNTIME_OPERATORS.contains(&op) => RUNTIME,
            _ => "",
        };
        self.message.node.push(Node {
            input: inputs.iter().map(|&name| name.clone()).collect(),
            output: vec![output.to_owned()],
            name: format!("{op}_{}", self.message.node.len()),
            op_type: op.to_owned(),
            attribute: attributes.into_iter().collect(),
            domain: domain.into(),
        });
    }

    fn name(&mut self) -> Value {
        self.n_values += 1;
        // Columns may have any name: these are told from them by what stands before.
        format!("{OWN}{}", self.n_values)
    }

    /// A value that is always the same.
    pub(crate) fn constant(&mut self, value: Tensor) -> Value {
        let name = self.name();
        self.message.initializer.push(Tensor {
            name: name.clone(),
            ..value
        });
        name
    }

    /// One double.
    pub(crate) fn double(&mut self, value: f64) -> Value {
        self.constant(doubles(&[1], &[value]))
    }

    /// One whole number.
    pub(crate) fn int(&mut self, value: i64) -> Value {
        self.constant(whole(&[1], &[value]))
    }

    /// Whole numbers.
    pub(crate) fn ints(&mut self, values: &[i64]) -> Value {
        self.constant(whole(&[values.len()], values))
    }

    /// Texts.
    pub(crate) fn texts(&mut self, values: &[String]) -> Value {
        self.constant(Tensor {
            dims: vec![values.len() as i64],
            data_type: Element::Text as i32,
            string_data: values.iter().map(|text| text.as_bytes().to_vec()).collect(),
            ..Tensor::default()
        })
    }

    /// A value as another type.
    pub(crate) fn cast(&mut self, value: &Value, to: Element) -> Value {
        self.op("Cast", &[value], [int("to", to as i64)])
    }

    /// A value in another shape.
    pub(crate) fn reshaped(&mut self, value: &Value, shape: &[i64]) -> Value {
        let shape = self.ints(shape);
        self.op("Reshape", &[value, &shape], [])
    }

    /// Columns beside one another: values of rows by some columns each.
    pub(crate) fn beside(&mut self, values: &[Value]) -> Value {
        match values {
            [only] => only.clone(),
            several => {
                let several: Vec<&Value> = several.iter().collect();
                self.op("Concat", &several, [int("axis", 1)])
            }
        }
    }

    /// The values of each row, of which there are so many, from the least to the greatest.
    pub(crate) fn rising(&mut self, value: &Value, width: usize) -> Value {
        let n_values = self.int(width as i64);
        let how = [int("axis", 1), int("largest", 0), int("sorted", 1)];
        let output = self.op("TopK", &[value, &n_values], how);
        // The operator tells from which places they come, too, and nobody reads that.
        let places = self.name();
        if let Some(node) = self.message.node.last_mut() {
            node.output.push(places);
        }
        output
    }

    fn value_info(name: &str, element: Element, width: Option<usize>) -> ValueInfo {
        let rows = Dimension {
            param: Some("rows".into()),
            value: None,
        };
        let columns = width.map(|width| Dimension {
            param: None,
            value: Some(width as i64),
        });
        ValueInfo {
            name: name.to_owned(),
            kind: Some(Type {
                tensor: Some(TensorType {
                    elem_type: element as i32,
                    shape: Some(Shape {
                        dim: [Some(rows), columns].into_iter().flatten().collect(),
                    }),
                }),
            }),
            doc_string: String::new(),
        }
    }

    /// A column that whoever runs the graph gives, rows by one.
    pub(crate) fn input(&mut self, name: &str, element: Element, about: &str) {
        let mut input = Self::value_info(name, element, Some(1));
        about.clone_into(&mut input.doc_string);
        self.message.input.push(input);
    }

    /// A value that whoever runs the graph gets, a number a row or rows by `width`.
    pub(crate) fn output(&mut self, name: &str, element: Element, width: Option<usize>) {
        let output = Self::value_info(name, element, width);
        self.message.output.push(output);
    }

    /// Says that a value holds texts, where readers of the graph do not know its operator.
    pub(crate) fn holds_texts(&mut self, value: &Value) {
        let tensor = TensorType {
            elem_type: Element::Text as i32,
            shape: None,
        };
        self.message.value_info.push(ValueInfo {
            name: value.clone(),
            kind: Some(Type {
                tensor: Some(tensor),
            }),
            doc_string: String::new(),
        });
    }

    /// The file.
    pub(crate) fn encoded(mut self, version: &str) -> Vec<u8> {
        self.message.name = "automl".into();
        let opset = |domain: &str, version| OperatorSet {
            domain: domain.into(),
            version,
        };
        let mut sets = vec![opset("", OPSET), opset(ML, ML_OPSET)];
        if self.message.node.iter().any(|node| node.domain == RUNTIME) {
            sets.push(opset(RUNTIME, RUNTIME_OPSET));
        }
        let model = Model {
            ir_version: IR_VERSION,
            producer_name: "automl".into(),
            producer_version: version.into(),
            graph: Some(self.message),
            opset_import: sets,
        };
        model.encode_to_vec()
    }
}
