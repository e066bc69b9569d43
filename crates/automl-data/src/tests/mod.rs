//! Tiny files in, text out.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

mod batches;
mod errors;
mod formats;
mod inference;
mod notations;
mod robustness;
mod schema_files;

use crate::{DataError, Loaded, ReadOptions, SchemaFile, Source, read_table};
use automl_core::{Coded, Column, MISSING_CODE, MISSING_TIME, Role, Table, UNSEEN_CODE};
use expect_test::Expect;
use std::fmt::Write as _;

fn load_with(
    source: &Source,
    options: &ReadOptions,
    overrides: Option<&str>,
) -> Result<Loaded, DataError> {
    let overrides = overrides.map(|text| SchemaFile::parse(text, "schema.yaml").unwrap());
    read_table(source, options, overrides.as_ref())
}

fn load(name: &str, bytes: &[u8]) -> Result<Loaded, DataError> {
    load_with(&Source::bytes(name, bytes), &ReadOptions::default(), None)
}

/// A column a line: name, kind, role unless it is a feature, format, levels, cells.
fn show(loaded: &Loaded) -> String {
    let mut text = String::new();
    for (field, (_, column)) in loaded.schema.fields.iter().zip(loaded.table.iter()) {
        write!(text, "{}: {}", field.name, field.kind.name()).unwrap();
        if field.role != Role::Feature {
            write!(text, " {:?}", field.role).unwrap();
        }
        if let Some(format) = &field.format {
            write!(text, " {format}").unwrap();
        }
        if !field.levels.is_empty() {
            write!(text, " [{}]", field.levels.join("|")).unwrap();
        }
        writeln!(text, " = {}", cells(column)).unwrap();
    }
    for warning in &loaded.warnings {
        writeln!(text, "! {}", warning.message).unwrap();
    }
    text
}

fn show_table(table: &Table) -> String {
    let mut text = String::new();
    for (name, column) in table.iter() {
        writeln!(text, "{name} = {}", cells(column)).unwrap();
    }
    text
}

fn cells(column: &Column) -> String {
    let cells: Vec<String> = (0..column.n_rows()).map(|row| cell(column, row)).collect();
    cells.join(" ")
}

fn cell(column: &Column, row: usize) -> String {
    match column {
        Column::Number(values) if values[row].is_nan() => "·".into(),
        Column::Number(values) => values[row].to_string(),
        Column::Category { codes, levels } => match codes[row] {
            MISSING_CODE => "·".into(),
            UNSEEN_CODE => "unseen".into(),
            code => levels.get(code).unwrap().to_owned(),
        },
        Column::Text(texts) => texts
            .get(row)
            .map_or("·".into(), |text| format!("{text:?}")),
        Column::Timestamp(times) if times[row] == MISSING_TIME => "·".into(),
        Column::Timestamp(times) => crate::infer::times::Iso(times[row]).to_string(),
        Column::Sparse(_) => "sparse".into(),
    }
}

fn show_error(error: &DataError) -> String {
    let mut text = format!("[{}] {error}\n", error.code());
    if let Some(hint) = error.hint() {
        writeln!(text, "hint: {hint}").unwrap();
    }
    text
}

fn show_result(result: Result<Loaded, DataError>) -> String {
    match result {
        Ok(loaded) => show(&loaded),
        Err(error) => show_error(&error),
    }
}

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&show_result(load("data.csv", text.as_bytes())));
}
