//! Values that go into and come out of a statement, alike for every database.

use super::DbError;

/// A value bound to a place of a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arg<'a> {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// A finite or infinite number; NaN is not a value of SQL.
    Real(f64),
    /// A text without NUL characters.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl From<i64> for Arg<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Arg<'_> {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<bool> for Arg<'_> {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(value)
    }
}

impl<'a, T: Into<Arg<'a>>> From<Option<T>> for Arg<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> From<&'a Value> for Arg<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(value) => Self::Int(*value),
            Value::Real(value) => Self::Real(*value),
            Value::Text(value) => Self::Text(value),
            Value::Blob(value) => Self::Blob(value),
        }
    }
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// One row of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub(super) Vec<Value>);

impl Row {
    /// A whole number that is there.
    pub fn int(&self, place: usize) -> Result<i64, DbError> {
        self.maybe_int(place)?
            .ok_or_else(|| self.odd(place, "a whole number"))
    }

    /// A whole number, or nothing.
    pub fn maybe_int(&self, place: usize) -> Result<Option<i64>, DbError> {
        match self.0.get(place) {
            Some(Value::Null) => Ok(None),
            Some(Value::Int(value)) => Ok(Some(*value)),
            _ => Err(self.odd(place, "a whole number")),
        }
    }

    /// A number that is there.
    pub fn real(&self, place: usize) -> Result<f64, DbError> {
        match self.0.get(place) {
            Some(Value::Real(value)) => Ok(*value),
            Some(Value::Int(value)) => Ok(*value as f64),
            _ => Err(self.odd(place, "a number")),
        }
    }

    /// A number, or nothing.
    pub fn maybe_real(&self, place: usize) -> Result<Option<f64>, DbError> {
        match self.0.get(place) {
            Some(Value::Null) => Ok(None),
            _ => self.real(place).map(Some),
        }
    }

    /// A text that is there.
    pub fn text(&self, place: usize) -> Result<String, DbError> {
        self.maybe_text(place)?
            .ok_or_else(|| self.odd(place, "a text"))
    }

    /// A text, or nothing.
    pub fn maybe_text(&self, place: usize) -> Result<Option<String>, DbError> {
        match self.0.get(place) {
            Some(Value::Null) => Ok(None),
            Some(Value::Text(value)) => Ok(Some(value.clone())),
            _ => Err(self.odd(place, "a text")),
        }
    }

    /// Bytes that are there.
    pub fn blob(&self, place: usize) -> Result<Vec<u8>, DbError> {
        match self.0.get(place) {
            Some(Value::Blob(value)) => Ok(value.clone()),
            _ => Err(self.odd(place, "bytes")),
        }
    }

    fn odd(&self, place: usize, wanted: &'static str) -> DbError {
        DbError::Unexpected {
            place,
            wanted,
            found: format!("{:?}", self.0.get(place)),
        }
    }
}
