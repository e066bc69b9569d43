//! Bodies and answers as lines, as SageMaker's clients and its batch transform have them: CSV without a line of names, and a value
//! of JSON a line.

use super::batch::Batch;
use super::body::Ask;
use super::columns::{Cells, Told, columns};
use super::error::ScoreError;
use super::filler::Filler;
use super::json::{RowSeed, with_null_for_nan, within};
use super::model::{LoadedModel, ModelFacts};
use super::score::Scored;
use super::write;
use axum::http::{HeaderValue, header};
use serde::de::DeserializeSeed as _;
use std::borrow::Cow;

pub(super) const CSV: &str = "text/csv";
/// A value of JSON a line: as it is answered, and what others call it.
pub(super) const JSON_LINES: &str = "application/jsonlines";
const OTHER_JSON_LINES: [&str; 3] = [
    "application/x-jsonlines",
    "application/jsonl",
    "application/x-ndjson",
];

/// Whether a media type is lines of JSON.
pub(super) fn is_json_lines(kind: &str) -> bool {
    let mut names = OTHER_JSON_LINES.iter().chain([&JSON_LINES]);
    names.any(|name| kind.eq_ignore_ascii_case(name))
}

/// What an answer is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    /// The cells of a row a line, without names.
    Csv,
    JsonLines,
}

impl Form {
    /// The first form that a request accepts; JSON if it names none of them.
    pub(super) fn accepted(ask: &Ask) -> Self {
        let kinds = ask.header(&header::ACCEPT).unwrap_or_default();
        let kinds = kinds.split(',').filter_map(|kind| kind.split(';').next());
        let mut known = kinds.map(str::trim).filter_map(|kind| match kind {
            kind if kind.eq_ignore_ascii_case(CSV) => Some(Self::Csv),
            kind if is_json_lines(kind) => Some(Self::JsonLines),
            "*/*" | "application/*" => Some(Self::Json),
            kind if kind.eq_ignore_ascii_case("application/json") => Some(Self::Json),
            _ => None,
        });
        known.next().unwrap_or(Self::Json)
    }

    /// The media type of answers.
    pub(super) fn media(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json",
            Self::Csv => CSV,
            Self::JsonLines => JSON_LINES,
        })
    }
}

/// Predictions as lines of CSV: the predicted number or class, and behind it what else was asked for.
///
/// # Errors
/// Something is asked for that is no single value a row.
pub(super) fn csv(scored: &Scored) -> Result<String, ScoreError> {
    let told = columns(scored, tells_probabilities(scored))?;
    let mut out = String::new();
    for row in 0..scored.predicted.predictions.n_rows() {
        for (place, column) in told.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            match &column.cells {
                Cells::Numbers(values) if values[row].is_finite() => {
                    write::number(&mut out, values[row]);
                }
                // What is not known is an empty cell.
                Cells::Numbers(_) => {}
                Cells::Classes { codes, names, .. } => {
                    out.push_str(&quoted(&names[codes[row] as usize]));
                }
            }
        }
        out.push('\n');
    }
    Ok(out)
}

/// Predictions as lines of JSON: an object a row, with members that are called as the columns that `automl predict` writes.
///
/// # Errors
/// Something is asked for that is no single value a row.
pub(super) fn json_lines(scored: &Scored) -> Result<String, ScoreError> {
    let told = columns(scored, tells_probabilities(scored))?;
    let name = |column: &Told<'_>| {
        let mut name = String::new();
        write::text(&mut name, &column.name);
        name
    };
    let names: Vec<String> = told.iter().map(name).collect();
    let mut out = String::new();
    for row in 0..scored.predicted.predictions.n_rows() {
        for (place, (name, column)) in names.iter().zip(&told).enumerate() {
            out.push(if place > 0 { ',' } else { '{' });
            out.push_str(name);
            out.push(':');
            match &column.cells {
                Cells::Numbers(values) => write::number(&mut out, values[row]),
                Cells::Classes { codes, told, .. } => out.push_str(told.label(codes[row])),
            }
        }
        out.push_str("}\n");
    }
    Ok(out)
}

fn tells_probabilities(scored: &Scored) -> bool {
    scored.predicted.about.probabilities == Some(true)
}

/// A cell of CSV.
fn quoted(text: &str) -> Cow<'_, str> {
    let is_plain = !text.contains([',', '"', '\n', '\r']) && text.trim() == text;
    if is_plain {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
}

/// Reads lines of JSON, each a row: an object by names, or a list in the order of the model's columns. Empty lines are passed over.
pub(crate) fn from_json_lines(body: &[u8], model: &LoadedModel) -> Result<Batch, ScoreError> {
    let body = &*with_null_for_nan(body);
    let mut filler = Filler::new(&model.facts, &*model.reader);
    for (place, line) in body.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let read = within(line, &mut filler, |filler, json| {
            let row = RowSeed {
                filler,
                order: None,
            };
            row.deserialize(json)
        });
        let number = place + 1;
        read.map_err(|error| match error {
            ScoreError::Json { reason } => ScoreError::Json {
                reason: format!("line {number}: {reason}"),
            },
            ScoreError::Form { reason } => ScoreError::form(format!("line {number}: {reason}")),
            // Others name the row.
            other => other,
        })?;
    }
    Ok(filler.finish().into())
}

/// The body with a line of names above it, if its first line is a row: it has as many cells as the model has columns, and none of
/// them is the name of one.
pub(super) fn with_names(body: &[u8], facts: &ModelFacts) -> Option<Vec<u8>> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let text = &text[text.iter().position(|byte| !is_end(byte))?..];
    let cells = first_cells(text, facts.features.len())?;
    let names = || {
        let features = facts.features.iter().map(|field| field.name.as_str());
        features.chain(facts.others.iter().map(String::as_str))
    };
    // Names are spelled in many ways: a line of them is none of cells because a letter is another.
    let is_name = |cell: &String| names().any(|name| name.eq_ignore_ascii_case(cell.trim()));
    if cells.iter().any(is_name) {
        return None;
    }
    let is_of_lines = text.contains(&b'\n') || !text.contains(&b'\r');
    let line_end = if is_of_lines { "\n" } else { "\r" };
    let features = facts.features.iter().map(|field| quoted(&field.name));
    let head = features.collect::<Vec<_>>().join(",");
    // The delimiter is said, so that nothing within a text is taken for it.
    let mut whole = format!("sep=,{line_end}{head}{line_end}").into_bytes();
    whole.extend_from_slice(text);
    Some(whole)
}

/// The cells of the first line, if they are so many.
fn first_cells(text: &[u8], n_cells: usize) -> Option<Vec<String>> {
    // Such a line names the delimiter.
    let is_mark = text
        .get(..4)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"sep="));
    if is_mark {
        return None;
    }
    let mut cells = vec![Vec::new()];
    let mut is_quoted = false;
    for byte in text {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' | b'\r' if !is_quoted => break,
            b',' if !is_quoted => {
                if cells.len() == n_cells {
                    return None;
                }
                cells.push(Vec::new());
            }
            byte => {
                if let Some(cell) = cells.last_mut() {
                    cell.push(*byte);
                }
            }
        }
    }
    let texts = cells
        .iter()
        .map(|cell| String::from_utf8_lossy(cell).into_owned());
    (cells.len() == n_cells).then(|| texts.collect())
}
