//! JSON straight into the columns of a model: rows as objects, rows in the order of named columns, or column by column.
//!
//! Nothing is kept of a body but the cells. A value that is an object or a list where a cell should be ends the reading, so
//! deeply nested bodies cost nothing.

use super::error::ScoreError;
use super::filler::Filler;
use automl_core::Cell;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use std::borrow::Cow;
use std::fmt;

/// Reads a body whole by `read`, and tells what is wrong with it.
pub(crate) fn within<'de, T>(
    body: &'de [u8],
    filler: &mut Filler<'_>,
    read: impl FnOnce(
        &mut Filler<'_>,
        &mut serde_json::Deserializer<serde_json::de::StrRead<'de>>,
    ) -> Result<T, serde_json::Error>,
) -> Result<T, ScoreError> {
    // Once for all texts, of which each would be checked otherwise.
    let text = std::str::from_utf8(body).map_err(|error| ScoreError::Json {
        reason: format!("it is not UTF-8: {error}"),
    })?;
    let mut json = serde_json::Deserializer::from_str(text);
    let done = read(filler, &mut json).and_then(|value| json.end().map(|()| value));
    done.map_err(|error| {
        let known = filler.problem.take();
        known.unwrap_or_else(|| not_json(body, &error))
    })
}

/// What a reader of JSON says, and the usual reason for it. What is JSON, but of another shape, is a matter of form.
pub(crate) fn not_json(body: &[u8], error: &serde_json::Error) -> ScoreError {
    if error.classify() == Category::Data {
        return ScoreError::form(format!("the body has another form: {error}"));
    }
    let has = |word: &[u8]| body.windows(word.len()).any(|found| found == word);
    let mut reason = error.to_string();
    if has(b"NaN") || has(b"Infinity") {
        reason.push_str("; NaN and Infinity are not JSON, send null for a value that is not known");
    }
    ScoreError::Json { reason }
}

/// The body with null for NaN, which clients in Python write for what is not known although JSON has no such word; NaN within
/// texts stays.
pub(crate) fn with_null_for_nan(body: &[u8]) -> Cow<'_, [u8]> {
    const NAN: &[u8] = b"NaN";
    if !body.windows(NAN.len()).any(|found| found == NAN) {
        return Cow::Borrowed(body);
    }
    let mut plain = Vec::with_capacity(body.len() + body.len() / 8);
    let (mut rest, mut is_text) = (body, false);
    while let [first, after @ ..] = rest {
        if !is_text && let Some(behind) = rest.strip_prefix(NAN) {
            plain.extend(b"null");
            rest = behind;
            continue;
        }
        plain.push(*first);
        rest = after;
        match first {
            b'"' => is_text = !is_text,
            b'\\' if is_text => {
                // What is escaped, such as a quotation mark, ends no text.
                if let [escaped, after @ ..] = rest {
                    plain.push(*escaped);
                    rest = after;
                }
            }
            _ => {}
        }
    }
    Cow::Owned(plain)
}

/// Keeps what is wrong, which the errors of a format cannot carry.
pub(crate) fn keep<E: Error>(filler: &mut Filler<'_>, problem: ScoreError) -> E {
    filler.problem = Some(problem);
    E::custom("the problem is kept apart")
}

/// A key, not copied where it holds no escape.
pub(crate) struct Key<'a>(pub(crate) Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Keys)
    }
}

/// One cell: of the row that was begun, or the next of a column. Nothing is done with one that has no column.
struct CellSeed<'f, 'm> {
    filler: &'f mut Filler<'m>,
    column: usize,
    is_of_row: bool,
}

impl CellSeed<'_, '_> {
    fn put<E: Error>(self, cell: Cell<'_>) -> Result<(), E> {
        let put = if self.is_of_row {
            self.filler.row_cell(self.column, cell)
        } else {
            self.filler.cell(self.column, cell)
        };
        put.map_err(|problem| keep(self.filler, problem))
    }

    fn nested<E: Error>(self, what: &str) -> E {
        let problem = self.filler.nested(self.column, what);
        keep(self.filler, problem)
    }
}

impl<'de> DeserializeSeed<'de> for CellSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put(Cell::Missing)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.put(Cell::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.put(Cell::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.put(Cell::Integer(value)),
            // Text keeps all digits.
            Err(_beyond) => self.put(Cell::Text(&value.to_string())),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.put(Cell::Number(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.put(Cell::Text(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.nested("an object"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.nested("a list"))
    }
}

/// One row: an object by names, or a list in the order of `order`, which is the model's own if it is not said.
pub(crate) struct RowSeed<'f, 'm, 'o> {
    pub(crate) filler: &'f mut Filler<'m>,
    pub(crate) order: Option<&'o [Option<usize>]>,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row: an object with a value for each column, or a list of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let filler = self.filler;
        let mut guess = 0;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            let found = filler.column(&key.0, guess);
            match found.map_err(|problem| keep(filler, problem))? {
                Some(column) => {
                    guess = column + 1;
                    map.next_value_seed(CellSeed {
                        filler: &mut *filler,
                        column,
                        is_of_row: true,
                    })?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let ended = filler.end_row();
        ended.map_err(|problem| keep(filler, problem))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let filler = self.filler;
        let width = self.order.map_or(filler.n_features(), <[_]>::len);
        let mut n_cells = 0;
        while n_cells < width {
            let column = self.order.map_or(Some(n_cells), |order| order[n_cells]);
            let is_there = match column {
                Some(column) => {
                    let cell = CellSeed {
                        filler: &mut *filler,
                        column,
                        is_of_row: true,
                    };
                    seq.next_element_seed(cell)?.is_some()
                }
                None => seq.next_element::<IgnoredAny>()?.is_some(),
            };
            if !is_there {
                break;
            }
            n_cells += 1;
        }
        if n_cells < width || seq.next_element::<IgnoredAny>()?.is_some() {
            let problem = filler.width(width);
            return Err(keep(filler, problem));
        }
        let ended = filler.end_row();
        ended.map_err(|problem| keep(filler, problem))
    }
}

/// A list of rows.
pub(crate) struct RowsSeed<'f, 'm, 'o> {
    pub(crate) filler: &'f mut Filler<'m>,
    /// The columns of rows that are lists; the model's own if it is not said.
    pub(crate) order: Option<&'o [Option<usize>]>,
}

impl<'de> DeserializeSeed<'de> for RowsSeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { filler, order } = self;
        loop {
            let row = RowSeed {
                filler: &mut *filler,
                order,
            };
            if seq.next_element_seed(row)?.is_none() {
                return Ok(());
            }
        }
    }
}

/// An object of columns, each a list of cells.
pub(crate) struct ColumnsSeed<'f, 'm>(pub(crate) &'f mut Filler<'m>);

impl<'de> DeserializeSeed<'de> for ColumnsSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ColumnsSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list of values for each column")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let filler = self.0;
        let mut guess = 0;
        let mut seen = Vec::new();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            let found = filler.column(&key.0, guess);
            let Some(column) = found.map_err(|problem| keep(filler, problem))? else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if seen.contains(&column) {
                let told = format!("column '{}' stands there twice", key.0);
                return Err(keep(filler, ScoreError::form(told)));
            }
            seen.push(column);
            guess = column + 1;
            map.next_value_seed(ColumnSeed {
                filler: &mut *filler,
                column,
            })?;
        }
        let n_rows = filler.most_cells();
        let ended = filler.end_columns(n_rows, &seen);
        ended.map_err(|problem| keep(filler, problem))
    }
}

/// The cells of one column.
struct ColumnSeed<'f, 'm> {
    filler: &'f mut Filler<'m>,
    column: usize,
}

impl<'de> DeserializeSeed<'de> for ColumnSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ColumnSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { filler, column } = self;
        loop {
            let cell = CellSeed {
                filler: &mut *filler,
                column,
                is_of_row: false,
            };
            if seq.next_element_seed(cell)?.is_none() {
                return Ok(());
            }
        }
    }
}

/// Rows as a list, or columns as an object, whichever stands there.
pub(crate) struct EitherSeed<'f, 'm>(pub(crate) &'f mut Filler<'m>);

impl<'de> DeserializeSeed<'de> for EitherSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EitherSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows, or an object of columns")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let rows = RowsSeed {
            filler: self.0,
            order: None,
        };
        rows.visit_seq(seq)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        ColumnsSeed(self.0).visit_map(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_null_outside_of_texts() {
        for (given, plain) in [
            (r#"{"x": [NaN,1,NaN]}"#, r#"{"x": [null,1,null]}"#),
            (
                r#"{"NaN": "a \" NaN", "b\\": NaN}"#,
                r#"{"NaN": "a \" NaN", "b\\": null}"#,
            ),
            (r#"{"x": "NaN\"#, r#"{"x": "NaN\"#),
            ("[1]", "[1]"),
        ] {
            let found = with_null_for_nan(given.as_bytes());
            assert_eq!(std::str::from_utf8(&found).unwrap(), plain);
        }
    }
}
