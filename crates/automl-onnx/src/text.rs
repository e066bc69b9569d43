//! Texts: their terms by the tokenizer of ONNX Runtime, what these weigh, what the weights are reduced to, and counts of
//! characters.
//!
//! Tokens of a batch stand in one table, as many to each text as the longest has, empty ones behind. So that there is always
//! a text and a token, one more text is put behind the others, and taken away again from what came of it.

use crate::error::OnnxError;
use crate::frame::{Column, Frame};
use crate::graph::{Element, Graph, Value, doubles, floats, int, ints, text, texts};
use crate::proto::Attribute;
use crate::steps::{Made, strings};
use automl_core::Artifact;
use serde::Deserialize;
use std::fmt::Write as _;

/// It has a word, a digit, an uppercase letter and marks.
const LAST: &str = "A1 !?.";
/// A batch has a text of one word longer than this, so none may be asked to be much longer.
const MIN_CHARS_MAX: usize = 1000;

/// A class of characters as the tokenizer's expressions spell it, exactly as they are told apart here.
fn class(is_in: impl Fn(char) -> bool) -> String {
    let mut class = String::from("[");
    let mut run: Option<(char, char)> = None;
    let tell = |class: &mut String, (first, last): (char, char)| {
        let (first, last) = (u32::from(first), u32::from(last));
        write!(class, "\\x{{{first:X}}}-\\x{{{last:X}}}").expect("a string takes all");
    };
    for letter in (char::MIN..=char::MAX).filter(|letter| is_in(*letter)) {
        run = match run {
            Some((first, last)) if u32::from(last) + 1 == u32::from(letter) => {
                Some((first, letter))
            }
            ended => {
                if let Some(ended) = ended {
                    tell(&mut class, ended);
                }
                Some((letter, letter))
            }
        };
    }
    if let Some(ended) = run {
        tell(&mut class, ended);
    }
    class.push(']');
    class
}

/// The tokens that an expression finds, empty ones behind.
fn tokens(graph: &mut Graph, value: &Value, expression: &str, n_chars: usize) -> Value {
    let attributes = [
        text("tokenexp", expression),
        text("pad_value", ""),
        int("mincharnum", n_chars.max(1) as i64),
        int("mark", 0),
    ];
    let found = graph.op("Tokenizer", &[value], attributes);
    graph.holds_texts(&found);
    found
}

/// The texts one after the other, and behind them one of words with at least so many characters.
fn guarded(graph: &mut Graph, value: &Value, n_chars: usize) -> Value {
    let flat = graph.reshaped(value, &[-1]);
    let last = graph.texts(&["a".repeat(n_chars) + LAST]);
    graph.op("Concat", &[&flat, &last], [int("axis", 0)])
}

/// Without what belongs to the last text.
fn unguarded(graph: &mut Graph, value: &Value) -> Value {
    let (start, end, axis) = (graph.ints(&[0]), graph.ints(&[-1]), graph.ints(&[0]));
    graph.op("Slice", &[value, &start, &end, &axis], [])
}

#[derive(Deserialize)]
struct Grams {
    analyzer: String,
    shortest: usize,
    min_chars: usize,
}

/// A sparse column of what terms weigh.
pub(crate) fn tfidf(
    graph: &mut Graph,
    frame: &Frame,
    name: &str,
    learned: &Artifact,
) -> Result<Made, OnnxError> {
    let grams: Grams = learned.meta("grams")?;
    let (terms, idf) = (strings(learned, "terms")?, learned.f64s("idf")?);
    if idf.len() != terms.len() {
        return Err(learned
            .invalid("idf", "there is not one for each term")
            .into());
    }
    if grams.min_chars > MIN_CHARS_MAX {
        return Err(learned.invalid("grams", "words are too long").into());
    }
    let made = format!("{name}_{}", grams.analyzer);
    let value = guarded(graph, frame.text(name)?, grams.min_chars);
    let lower = graph.op(
        "StringNormalizer",
        &[&value],
        [
            text("case_change_action", "LOWER"),
            int("is_case_sensitive", 1),
            text("locale", "C.UTF-8"),
        ],
    );
    let (tokens, parts): (Value, fn(&str) -> Vec<&str>) = match grams.analyzer.as_str() {
        "word" => {
            let word = class(|letter| letter.is_alphanumeric() || letter == '_') + "+";
            let words = tokens(graph, &lower, &word, grams.min_chars);
            (words, |term| term.split(' ').collect())
        }
        "char_wb" if grams.shortest > 1 => (characters(graph, &lower), letters),
        other => {
            let what = match other {
                "char_wb" => format!("terms of single characters in words, as of column '{name}',"),
                other => format!("terms by '{other}', as of column '{name}',"),
            };
            return Err(OnnxError::unsupported(what));
        }
    };
    let is_cut = |term: &String| parts(term).is_empty() || parts(term).contains(&"");
    if terms.iter().any(is_cut) {
        return Err(learned.invalid("terms", "one of them is empty").into());
    }
    let Some(counts) = counted(graph, &tokens, &terms, parts) else {
        // No term was frequent enough.
        let none = graph.constant(doubles(&[1, 0], &[]));
        return Ok(vec![(
            made,
            Column::Weights {
                value: none,
                n_dims: 0,
            },
        )]);
    };
    let counts = unguarded(graph, &counts);
    let value = weighed(graph, &counts, idf, learned.meta("sublinear")?);
    let n_dims = terms.len();
    Ok(vec![(made, Column::Weights { value, n_dims })])
}

/// The characters of each text, all that is blank as spaces, and a space before and behind them. Terms have a space at their ends
/// alone, so none is found across words, and runs of spaces do no harm.
fn characters(graph: &mut Graph, lower: &Value) -> Value {
    let letters = tokens(graph, lower, &class(|_| true), 1);
    let blanks = (char::MIN..=char::MAX).filter(|letter| letter.is_whitespace());
    let blanks: Vec<String> = blanks.map(String::from).chain([String::new()]).collect();
    let is_blank = is_among(graph, &letters, blanks.iter().map(String::as_str));
    let space = graph.texts(&[" ".to_owned()]);
    let letters = graph.op("Where", &[&is_blank, &space, &letters], []);
    let (start, end, axis) = (graph.ints(&[0]), graph.ints(&[1]), graph.ints(&[1]));
    let first = graph.op("Slice", &[&letters, &start, &end, &axis], []);
    let spaces = [
        texts("keys_strings", [" "]),
        texts("values_strings", [" "]),
        text("default_string", " "),
    ];
    let around = graph.op("LabelEncoder", &[&first], spaces);
    graph.holds_texts(&around);
    graph.op("Concat", &[&around, &letters, &around], [int("axis", 1)])
}

/// A term of characters as [`characters`] gives it.
fn letters(term: &str) -> Vec<&str> {
    let mut ends: Vec<usize> = term.char_indices().map(|(at, _)| at).collect();
    ends.push(term.len());
    ends.windows(2)
        .map(|ends| &term[ends[0]..ends[1]])
        .collect()
}

/// Whether each text is one of some.
fn is_among<'t>(
    graph: &mut Graph,
    value: &Value,
    some: impl ExactSizeIterator<Item = &'t str>,
) -> Value {
    let ones = vec![1; some.len()];
    let attributes = [
        texts("keys_strings", some),
        ints("values_int64s", ones),
        int("default_int64", 0),
    ];
    let found = graph.op("LabelEncoder", &[value], attributes);
    let one = graph.int(1);
    graph.op("Equal", &[&found, &one], [])
}

/// How often each term is in each text; none if there are no terms.
fn counted(
    graph: &mut Graph,
    tokens: &Value,
    terms: &[String],
    parts: fn(&str) -> Vec<&str>,
) -> Option<Value> {
    let mut by_length: Vec<(Vec<&str>, i64)> =
        terms.iter().map(|term| parts(term)).zip(0..).collect();
    by_length.sort_by_key(|(parts, _)| parts.len());
    let (shortest, longest) = (by_length.first()?.0.len(), by_length.last()?.0.len());
    let mut starts = Vec::new();
    let mut n_parts = 0;
    let mut rest = by_length.as_slice();
    for length in 1..=longest {
        starts.push(n_parts);
        let n = rest.partition_point(|(parts, _)| parts.len() <= length);
        n_parts += (n * length) as i64;
        rest = &rest[n..];
    }
    let places = by_length.iter().map(|(_, place)| *place).collect();
    let pool = by_length
        .iter()
        .flat_map(|(parts, _)| parts.iter().copied());
    let attributes = [
        text("mode", "TF"),
        int("min_gram_length", shortest as i64),
        int("max_gram_length", longest as i64),
        int("max_skip_count", 0),
        ints("ngram_counts", starts),
        ints("ngram_indexes", places),
        texts("pool_strings", pool),
    ];
    Some(graph.op("TfIdfVectorizer", &[tokens], attributes))
}

/// What the terms of each text weigh, all together a length of 1; in single, as the steps have it, seen as doubles.
fn weighed(graph: &mut Graph, counts: &Value, idf: &[f64], is_sublinear: bool) -> Value {
    let mut frequency = graph.cast(counts, Element::Double);
    if is_sublinear {
        let one = graph.double(1.0);
        let is_there = graph.op("Min", &[&frequency, &one], []);
        let at_least = graph.op("Max", &[&frequency, &one], []);
        let logarithm = graph.op("Log", &[&at_least], []);
        frequency = graph.op("Add", &[&is_there, &logarithm], []);
    }
    let idf = graph.constant(doubles(&[1, idf.len()], idf));
    let weights = graph.op("Mul", &[&frequency, &idf], []);
    let squares = graph.op("Mul", &[&weights, &weights], []);
    let axis = graph.ints(&[1]);
    let sum = graph.op("ReduceSum", &[&squares, &axis], []);
    let length = graph.op("Sqrt", &[&sum], []);
    // No term weighs as little: a text without terms stays all zeros.
    let least = graph.double(f64::MIN_POSITIVE);
    let length = graph.op("Max", &[&length, &least], []);
    let scaled = graph.op("Div", &[&weights, &length], []);
    let single = graph.cast(&scaled, Element::Float);
    graph.cast(&single, Element::Double)
}

/// The numbers to which a sparse column of weights is reduced.
pub(crate) fn svd(
    graph: &mut Graph,
    frame: &Frame,
    name: &str,
    learned: &Artifact,
) -> Result<Made, OnnxError> {
    let (value, found) = frame.weights(name)?;
    let value = value.clone();
    let (n_dims, width): (usize, usize) = (learned.meta("n_dims")?, learned.meta("n_components")?);
    let loadings = learned.f32s("loadings")?;
    if found != n_dims || n_dims.checked_mul(width) != Some(loadings.len()) {
        return Err(learned
            .invalid("loadings", "there is not one for each cell")
            .into());
    }
    if width == 0 {
        return Ok(Vec::new());
    }
    let loadings = graph.constant(floats(&[n_dims, width], loadings));
    let loadings = graph.cast(&loadings, Element::Double);
    let mut all = graph.op("MatMul", &[&value, &loadings], []);
    if learned.meta.get("single").is_some() && learned.meta("single")? {
        let single = graph.cast(&all, Element::Float);
        all = graph.cast(&single, Element::Double);
    }
    let one = |place: usize| {
        let place_of = graph.ints(&[place as i64]);
        let column = graph.op("Gather", &[&all, &place_of], [int("axis", 1)]);
        (format!("{name}_svd_{}", place + 1), Column::Number(column))
    };
    Ok((0..width).map(one).collect())
}

/// Lengths and shares of characters; not known for a text that is empty.
pub(crate) fn stats(
    graph: &mut Graph,
    frame: &Frame,
    name: &str,
    _learned: &Artifact,
) -> Result<Made, OnnxError> {
    let own = frame.text(name)?.clone();
    let is_empty = is_among(graph, &own, [""].into_iter());
    let unknown = graph.double(f64::NAN);
    let value = guarded(graph, &own, 0);
    let is_seen = |letter: char| !letter.is_whitespace();
    let count = |graph: &mut Graph, expression: String| {
        let found = tokens(graph, &value, &expression, 1);
        let is_there = graph.op("LabelEncoder", &[&found], unless_empty());
        let axis = graph.ints(&[1]);
        let sum = graph.op("ReduceSum", &[&is_there, &axis], []);
        let sum = unguarded(graph, &sum);
        graph.cast(&sum, Element::Double)
    };
    let chars = count(graph, class(|_| true));
    let words = count(graph, class(is_seen) + "+");
    let seen = count(graph, class(is_seen));
    let least = graph.double(1.0);
    let share = |graph: &mut Graph, part: &Value, whole: &Value| {
        let whole = graph.op("Max", &[whole, &least], []);
        graph.op("Div", &[part, &whole], [])
    };
    let word_length = share(graph, &seen, &words);
    let mut made = vec![
        ("chars", chars.clone()),
        ("words", words),
        ("word_length", word_length),
    ];
    let is_mark = |letter: char| is_seen(letter) && !letter.is_alphanumeric();
    for (part, class) in [
        ("digits", class(char::is_numeric)),
        ("uppercase", class(char::is_uppercase)),
        ("punctuation", class(is_mark)),
    ] {
        let part_of = count(graph, class);
        made.push((part, share(graph, &part_of, &chars)));
    }
    made.push(("exclamations", count(graph, "[!]".into())));
    made.push(("questions", count(graph, "[?]".into())));
    let known = |(part, value): (&str, Value)| {
        let value = graph.op("Where", &[&is_empty, &unknown, &value], []);
        (format!("{name}_{part}"), Column::Number(value))
    };
    Ok(made.into_iter().map(known).collect())
}

/// Attributes that make 1 of each text, and 0 of an empty one.
fn unless_empty() -> [Attribute; 3] {
    [
        texts("keys_strings", [""]),
        ints("values_int64s", vec![0]),
        int("default_int64", 1),
    ]
}

/// A column of texts, those that stand for missing as empty ones.
pub(crate) fn known(graph: &mut Graph, name: &str, missing: &[String]) -> Value {
    let name = name.to_owned();
    let marks = missing.iter().map(String::as_str);
    let marks: Vec<&str> = marks.filter(|mark| !mark.is_empty()).collect();
    if marks.is_empty() {
        return name;
    }
    let is_mark = is_among(graph, &name, marks.into_iter());
    let empty = graph.texts(&[String::new()]);
    graph.op("Where", &[&is_mark, &empty, &name], [])
}

#[cfg(test)]
mod tests {
    use super::{class, letters};

    #[test]
    fn a_class_holds_runs_of_characters() {
        assert_eq!(
            class(|letter| "abcx".contains(letter)),
            "[\\x{61}-\\x{63}\\x{78}-\\x{78}]"
        );
        // No character has the numbers of surrogates.
        assert_eq!(class(|_| true), "[\\x{0}-\\x{D7FF}\\x{E000}-\\x{10FFFF}]");
    }

    #[test]
    fn a_term_is_cut_into_its_characters() {
        assert_eq!(letters(" é "), [" ", "é", " "]);
        assert_eq!(letters("abc"), ["a", "b", "c"]);
        assert!(letters("").is_empty());
    }
}
