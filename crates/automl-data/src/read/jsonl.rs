//! JSON lines: one flat object a line; the columns are the union of all keys.

use super::input::{Content, Input};
use super::lines::{Line, Lines, MAX_RECORD_BYTES};
use super::{Cell, RowReader, Sink};
use crate::error::{DataError, Place, Unit};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Lines read ahead to know the columns before the first row is given.
const LINES_AHEAD: usize = 1000;
/// Bytes of lines read ahead, but for the last line.
const BYTES_AHEAD: usize = MAX_RECORD_BYTES;

struct JsonLines {
    lines: Lines,
    file: String,
    names: Vec<String>,
    columns: BTreeMap<String, usize>,
    /// Lines read ahead with their numbers, last first.
    ahead: Vec<(u64, Vec<u8>)>,
    n_lines: u64,
    offset: u64,
    /// For each column the line that last gave it a value.
    seen: Vec<u64>,
}

/// Reads the first lines and takes the column names from their keys.
pub(super) fn open(input: Input) -> Result<Box<dyn RowReader>, DataError> {
    let Content::Text { reader, .. } = input.content else {
        unreachable!("JSON lines are opened as text");
    };
    let mut lines = JsonLines {
        lines: Lines::new(reader, b'\n'),
        file: input.name,
        names: Vec::new(),
        columns: BTreeMap::new(),
        ahead: Vec::new(),
        n_lines: 0,
        offset: 0,
        seen: Vec::new(),
    };
    let mut ahead = Vec::new();
    let mut n_bytes = 0;
    while ahead.len() < LINES_AHEAD && n_bytes < BYTES_AHEAD {
        let Some((number, line)) = lines.next_line()? else {
            break;
        };
        for (key, _) in lines.parse(number, &line)?.0 {
            lines.position(&key);
        }
        n_bytes += line.len();
        ahead.push((number, line));
    }
    if ahead.is_empty() {
        return Err(DataError::Empty { file: lines.file });
    }
    ahead.reverse();
    lines.ahead = ahead;
    Ok(Box::new(lines))
}

impl JsonLines {
    fn place(&self, line: u64) -> Place {
        Place {
            file: self.file.clone(),
            unit: Unit::Line,
            number: line,
        }
    }

    /// The next line that is not blank, with its number.
    fn next_line(&mut self) -> Result<Option<(u64, Vec<u8>)>, DataError> {
        if let Some(line) = self.ahead.pop() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = self
                .lines
                .append(&mut line)
                .map_err(|error| DataError::reading(&self.file, error))?;
            self.n_lines += 1;
            match read {
                Line::Read => {}
                Line::End => return Ok(None),
                Line::TooLong => {
                    return Err(DataError::RecordTooLong {
                        place: self.place(self.n_lines),
                        limit: MAX_RECORD_BYTES as u64,
                    });
                }
            }
            if let Err(error) = std::str::from_utf8(&line) {
                return Err(DataError::Encoding {
                    place: self.place(self.n_lines),
                    byte: self.offset + error.valid_up_to() as u64,
                });
            }
            self.offset += line.len() as u64;
            if !line.trim_ascii().is_empty() {
                return Ok(Some((self.n_lines, line)));
            }
        }
    }

    fn parse<'a>(&self, number: u64, line: &'a [u8]) -> Result<Flat<'a>, DataError> {
        serde_json::from_slice(line).map_err(|error| DataError::Json {
            place: self.place(number),
            reason: error.to_string(),
        })
    }

    /// The column of a key, and whether it is new.
    fn position(&mut self, key: &str) -> (usize, bool) {
        let key = key.trim_ascii();
        if let Some(&position) = self.columns.get(key) {
            return (position, false);
        }
        self.columns.insert(key.to_owned(), self.names.len());
        self.names.push(key.to_owned());
        self.seen.push(0);
        (self.names.len() - 1, true)
    }
}

impl RowReader for JsonLines {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn read(&mut self, max_rows: usize, sink: &mut dyn Sink) -> Result<usize, DataError> {
        for n_done in 0..max_rows {
            let Some((number, line)) = self.next_line()? else {
                return Ok(n_done);
            };
            let pairs = self.parse(number, &line)?.0;
            for (key, _) in &pairs {
                if self.position(key).1 {
                    sink.new_column(key);
                }
            }
            sink.row(number);
            for (key, value) in pairs {
                let (column, _) = self.position(&key);
                if self.seen[column] == number {
                    return Err(DataError::Json {
                        place: self.place(number),
                        reason: format!("the key '{key}' appears twice"),
                    });
                }
                self.seen[column] = number;
                let Some(cell) = value.cell() else {
                    return Err(DataError::Nested {
                        place: self.place(number),
                        key: key.into_owned(),
                    });
                };
                sink.cell(column, cell)?;
            }
            for column in 0..self.names.len() {
                if self.seen[column] != number {
                    sink.cell(column, Cell::Missing)?;
                }
            }
        }
        Ok(max_rows)
    }
}

/// The keys and values of one object in their order.
struct Flat<'a>(Vec<(Cow<'a, str>, Scalar<'a>)>);

enum Scalar<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(Cow<'a, str>),
    Nested,
}

impl Scalar<'_> {
    fn cell(&self) -> Option<Cell<'_>> {
        Some(match self {
            Self::Null => Cell::Missing,
            Self::Boolean(value) => Cell::Boolean(*value),
            Self::Integer(value) => Cell::Integer(*value),
            Self::Number(value) => Cell::Number(*value),
            Self::Text(value) => Cell::Text(value),
            Self::Nested => return None,
        })
    }
}

impl<'de> Deserialize<'de> for Flat<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Flat<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Flat<'de>, A::Error> {
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(16));
                while let Some((key, value)) = map.next_entry::<Key<'de>, Scalar<'de>>()? {
                    pairs.push((key.0, value));
                }
                Ok(Flat(pairs))
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// A key, borrowed where it holds no escape.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        // Text keeps all digits.
        Ok(i64::try_from(value).map_or_else(
            |_beyond| Scalar::Text(Cow::Owned(value.to_string())),
            Scalar::Integer,
        ))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        use serde::de::IgnoredAny;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nested)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        use serde::de::IgnoredAny;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nested)
    }
}
