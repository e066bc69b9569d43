//! Texts as whole numbers.
//!
//! All that a graph does with the text of a cell is to compare it with texts that it knows. So each of these is given a number, the
//! graph's texts are replaced by their numbers, and cells become numbers before the graph runs: what it then compares are numbers, and
//! what it says is the same. Operators that look into texts are refused by name.

use super::error::GraphError;
use super::names::{Element, Input};
use super::operators::ML_DOMAIN;
use super::rows::{Attributes, TEXT, numbers};
use std::collections::{BTreeMap, BTreeSet};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

/// The number of each text that a graph knows.
pub(super) type Dictionary = BTreeMap<String, i64>;

/// The number of a text that it does not know.
pub(super) const UNKNOWN: i64 = -1;
/// What stands for a cell that is missing, in texts: the first of these that the graph knows.
const MISSING: [&str; 2] = ["", "nan"];

/// The text that stands for a cell that is missing, where a column is compared with such words.
pub(super) fn missing_text(words: &BTreeSet<String>) -> &'static str {
    let mut known = MISSING.iter().filter(|text| words.contains(**text));
    known.next().unwrap_or(&MISSING[0])
}

/// The number of a cell that is missing.
pub(super) fn missing(dictionary: &Dictionary, words: &BTreeSet<String>) -> i64 {
    let text = missing_text(words);
    dictionary.get(text).copied().unwrap_or(UNKNOWN)
}

/// From which columns of texts the columns of a value come.
#[derive(Debug, Clone)]
enum Origin {
    /// From those, column by column.
    Columns(Vec<BTreeSet<usize>>),
    /// From any of those.
    Any(BTreeSet<usize>),
}

impl Origin {
    fn all(&self) -> BTreeSet<usize> {
        match self {
            Self::Columns(columns) => columns.iter().flatten().copied().collect(),
            Self::Any(all) => all.clone(),
        }
    }

    /// Beside one another.
    fn beside(parts: &[Self]) -> Self {
        let columns = parts.iter().map(|part| match part {
            Self::Columns(columns) => Some(columns.clone()),
            Self::Any(_) => None,
        });
        match columns.collect::<Option<Vec<_>>>() {
            Some(columns) => Self::Columns(columns.concat()),
            None => Self::Any(parts.iter().flat_map(Self::all).collect()),
        }
    }

    /// The columns at some places.
    fn at(&self, places: &[f64]) -> Self {
        // A place may be counted from the end.
        let is_plain = places.iter().all(|place| *place >= 0.0);
        if let Self::Columns(columns) = self
            && is_plain
        {
            let found = places
                .iter()
                .map(|place| columns.get(*place as usize).cloned());
            if let Some(found) = found.collect::<Option<Vec<_>>>() {
                return Self::Columns(found);
            }
        }
        Self::Any(self.all())
    }

    /// Of one column, if all that it is made of are one column, or constants.
    fn narrowed(self, origins: &[Self]) -> Self {
        let is_one = |origin: &Self| match origin {
            Self::Columns(columns) => columns.len() == 1,
            Self::Any(all) => all.is_empty(),
        };
        if origins.iter().all(is_one) {
            Self::Columns(vec![self.all()])
        } else {
            self
        }
    }

    /// In another shape.
    fn reshaped(&self) -> Self {
        match self {
            Self::Columns(columns) if columns.len() == 1 => self.clone(),
            other => Self::Any(other.all()),
        }
    }
}

/// Puts numbers in the place of the graph's texts, and notes at its inputs which texts each column is compared with. Those that a
/// column's lookup takes for the empty text are no levels: they stand for what is missing, and are given beside the numbers.
///
/// # Errors
/// An operator does with texts what cannot be done with numbers.
pub(super) fn without_texts(
    graph: &mut GraphProto,
    inputs: &mut [Input],
) -> Result<(Dictionary, BTreeSet<String>), GraphError> {
    let mut words: Vec<BTreeSet<String>> = Vec::new();
    let mut known: BTreeMap<String, Origin> = BTreeMap::new();
    for input in inputs.iter() {
        let first = words.len();
        words.resize(first + input.width, BTreeSet::new());
        if input.element == Element::Text {
            let columns = (first..words.len()).map(|column| BTreeSet::from([column]));
            known.insert(input.name.clone(), Origin::Columns(columns.collect()));
        }
    }
    let mut walk = Walk {
        constants: graph
            .initializer
            .iter()
            .map(|one| (one.name.as_str(), one))
            .collect(),
        known,
        words,
        blanks: BTreeSet::new(),
    };
    for tensor in graph.initializer.iter().filter(|one| one.data_type == TEXT) {
        walk.known
            .insert(tensor.name.clone(), Origin::Any(BTreeSet::new()));
    }
    for node in &graph.node {
        walk.follow(node)?;
    }
    let blanks = walk.blanks;
    let mut words = walk.words.into_iter();
    for input in inputs.iter_mut() {
        let own: Vec<BTreeSet<String>> = words.by_ref().take(input.width).collect();
        if input.element == Element::Text {
            input.words = own;
        }
    }
    let mut dictionary = Dictionary::new();
    for node in &mut graph.node {
        renumber(node, &mut dictionary);
    }
    for tensor in &mut graph.initializer {
        renumber_tensor(tensor, &mut dictionary);
    }
    Ok((dictionary, blanks))
}

struct Walk<'g> {
    constants: BTreeMap<&'g str, &'g TensorProto>,
    /// The values that are texts.
    known: BTreeMap<String, Origin>,
    words: Vec<BTreeSet<String>>,
    /// Texts that a lookup takes for the empty one.
    blanks: BTreeSet<String>,
}

impl Walk<'_> {
    fn note(&mut self, origin: &Origin, texts: &[Vec<u8>]) {
        for column in origin.all() {
            self.words[column].extend(texts.iter().map(|text| word(text)));
        }
    }

    /// The places that an operand is, if it is constant.
    fn places(&self, node: &NodeProto) -> Option<Vec<f64>> {
        let constant = self.constants.get(node.input.get(1)?.as_str())?;
        numbers(constant).ok()
    }

    /// Notes what an operator compares texts with, and which texts it says.
    fn follow(&mut self, node: &NodeProto) -> Result<(), GraphError> {
        let origins: Vec<Origin> = (node.input.iter())
            .filter_map(|name| self.known.get(name).cloned())
            .collect();
        let is_lookup = node.domain == ML_DOMAIN && node.op_type == "LabelEncoder";
        let attributes = Attributes(node);
        let Some(first) = origins.first() else {
            let is_constant = node.op_type == "Constant" && constant_texts(attributes);
            if is_constant || (is_lookup && says_texts(attributes)) {
                self.say(node, &Origin::Any(BTreeSet::new()));
            }
            return Ok(());
        };
        match node.op_type.as_str() {
            "Shape" => {}
            "OneHotEncoder" => self.note(first, attributes.texts("cats_strings")),
            "Equal" => {
                let mut constants = node.input.iter();
                let constant = constants.find_map(|name| self.constants.get(name.as_str()));
                let constant = constant.ok_or_else(|| refused(node))?;
                let texts = constant.string_data.clone();
                for origin in &origins {
                    self.note(origin, &texts);
                }
            }
            "LabelEncoder" => {
                let keys = attributes.texts("keys_strings");
                let (blanks, others) = as_blank(keys, attributes.ints("values_int64s"));
                self.blanks.extend(blanks.iter().map(|text| word(text)));
                self.note(first, &others);
                if let Some(keys) = attributes.tensor("keys_tensor") {
                    self.note(first, &keys.string_data);
                }
                if says_texts(attributes) {
                    self.say(node, first);
                }
            }
            _ => {
                let moved = self.moved(node, &origins)?;
                self.say(node, &moved);
            }
        }
        Ok(())
    }

    /// What becomes of texts at an operator that moves them.
    fn moved(&self, node: &NodeProto, origins: &[Origin]) -> Result<Origin, GraphError> {
        let axis = Attributes(node).int("axis");
        let is_across = axis.is_some_and(|axis| axis == 1 || axis == -1);
        let n_operands = node.input.iter().filter(|name| !name.is_empty()).count();
        let all = || Origin::Any(origins.iter().flat_map(Origin::all).collect());
        Ok(match (node.op_type.as_str(), origins) {
            ("Identity", [only]) => only.clone(),
            ("Reshape" | "Flatten" | "Squeeze" | "Unsqueeze", [only]) => only.reshaped(),
            ("Concat", several) if n_operands == several.len() => {
                if is_across {
                    Origin::beside(several)
                } else {
                    all()
                }
            }
            ("ArrayFeatureExtractor" | "Gather", [only]) => {
                let is_last = axis.is_none() && node.domain == ML_DOMAIN;
                match self.places(node) {
                    Some(places) if is_across || is_last => only.at(&places),
                    _ => all(),
                }
            }
            ("Where", [_, _]) => all().narrowed(origins),
            _ => return Err(refused(node)),
        })
    }

    fn say(&mut self, node: &NodeProto, origin: &Origin) {
        for name in &node.output {
            self.known.insert(name.clone(), origin.clone());
        }
    }
}

/// The keys of a lookup that it takes for the empty text, and all others, that one among them.
fn as_blank(keys: &[Vec<u8>], values: &[i64]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let pairs = || keys.iter().zip(values);
    let blank = pairs().find(|(key, _)| key.is_empty());
    let Some((_, blank)) = blank else {
        return (Vec::new(), keys.to_vec());
    };
    let pairs = pairs().map(|(key, value)| (key.clone(), value));
    let (blanks, others): (Vec<_>, Vec<_>) =
        pairs.partition(|(key, value)| !key.is_empty() && *value == blank);
    let keys = |pairs: Vec<(Vec<u8>, &i64)>| pairs.into_iter().map(|(key, _)| key).collect();
    (keys(blanks), keys(others))
}

fn refused(node: &NodeProto) -> GraphError {
    GraphError::Unsupported {
        what: format!("{} of texts", node.op_type),
    }
}

fn word(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn says_texts(attributes: Attributes<'_>) -> bool {
    let values = attributes.tensor("values_tensor");
    !attributes.texts("values_strings").is_empty()
        || values.is_some_and(|values| values.data_type == TEXT)
}

fn constant_texts(attributes: Attributes<'_>) -> bool {
    let value = attributes.tensor("value");
    value.is_some_and(|value| value.data_type == TEXT)
        || attributes.find("value_string").is_some()
        || attributes.find("value_strings").is_some()
}

/// The number of a text, a new one where it has none.
fn number(text: &[u8], dictionary: &mut Dictionary) -> i64 {
    let next = dictionary.len() as i64;
    *dictionary.entry(word(text)).or_insert(next)
}

fn renumber(node: &mut NodeProto, dictionary: &mut Dictionary) {
    let is_lookup = node.domain == ML_DOMAIN && node.op_type == "LabelEncoder";
    let is_indicator = node.domain == ML_DOMAIN && node.op_type == "OneHotEncoder";
    let is_constant = node.op_type == "Constant";
    if !(is_lookup || is_indicator || is_constant) {
        return;
    }
    if is_lookup && says_texts(Attributes(node)) {
        let usual = Attributes(node).find("default_string");
        let usual = usual.map_or_else(|| b"_Unused".to_vec(), |one| one.s.clone());
        node.attribute.retain(|one| one.name != "default_int64");
        node.attribute.push(AttributeProto {
            name: "default_int64".into(),
            i: number(&usual, dictionary),
            r#type: AttributeType::Int as i32,
            ..AttributeProto::default()
        });
    }
    node.attribute.retain(|one| one.name != "default_string");
    for attribute in &mut node.attribute {
        if let Some(tensor) = &mut attribute.t {
            renumber_tensor(tensor, dictionary);
        }
        let name = match attribute.name.as_str() {
            "cats_strings" => "cats_int64s",
            "keys_strings" => "keys_int64s",
            "values_strings" => "values_int64s",
            "value_strings" => "value_ints",
            "value_string" => "value_int",
            _ => continue,
        };
        name.clone_into(&mut attribute.name);
        if name == "value_int" {
            attribute.i = number(&attribute.s, dictionary);
            attribute.r#type = AttributeType::Int as i32;
        } else {
            let texts = std::mem::take(&mut attribute.strings);
            attribute.ints = texts.iter().map(|text| number(text, dictionary)).collect();
            attribute.r#type = AttributeType::Ints as i32;
        }
    }
}

fn renumber_tensor(tensor: &mut TensorProto, dictionary: &mut Dictionary) {
    if tensor.data_type == TEXT {
        let texts = std::mem::take(&mut tensor.string_data);
        tensor.int64_data = texts.iter().map(|text| number(text, dictionary)).collect();
        tensor.data_type = Element::Int64 as i32;
    }
}
