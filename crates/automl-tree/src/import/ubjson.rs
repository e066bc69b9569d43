//! Universal Binary JSON, as XGBoost writes it: JSON's values with a type byte each, and arrays of one type packed.
//!
//! See <https://ubjson.org>; numbers are big-endian.

use super::ImportError;
use serde_json::{Map, Number, Value};

/// Values nest at most so deep; XGBoost's stay below ten.
const MAX_DEPTH: usize = 64;

/// Reads one value. Memory is bounded by a small multiple of the bytes.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, ImportError> {
    let mut reader = Reader { bytes, at: 0 };
    let marker = reader.marker()?;
    reader.value(marker, 0)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn damaged(&self, reason: &str) -> ImportError {
        ImportError::Damaged {
            program: super::xgboost::PROGRAM,
            place: format!("byte {}", self.at),
            reason: reason.to_owned(),
        }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], ImportError> {
        let end = self.at.checked_add(n);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.damaged("the file ends here"))?;
        self.at += n;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ImportError> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("as many bytes as asked for"))
    }

    /// The next type byte; no-ops are skipped.
    fn marker(&mut self) -> Result<u8, ImportError> {
        loop {
            match self.take(1)?[0] {
                b'N' => {}
                marker => return Ok(marker),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn value(&mut self, marker: u8, depth: usize) -> Result<Value, ImportError> {
        if depth > MAX_DEPTH {
            return Err(self.damaged("nested too deep"));
        }
        Ok(match marker {
            b'{' => Value::Object(self.object(depth)?),
            b'[' => Value::Array(self.list(depth)?),
            b'S' => Value::String(self.text()?),
            b'C' => Value::String(char::from(self.take(1)?[0]).to_string()),
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'Z' => Value::Null,
            b'd' => float(f64::from(f32::from_be_bytes(self.array()?))),
            b'D' => float(f64::from_be_bytes(self.array()?)),
            marker => Value::from(self.integer(marker)?),
        })
    }

    fn integer(&mut self, marker: u8) -> Result<i64, ImportError> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.array()?)),
            b'U' => i64::from(u8::from_be_bytes(self.array()?)),
            b'I' => i64::from(i16::from_be_bytes(self.array()?)),
            b'l' => i64::from(i32::from_be_bytes(self.array()?)),
            b'L' => i64::from_be_bytes(self.array()?),
            _ => return Err(self.damaged("an unknown type")),
        })
    }

    fn length(&mut self) -> Result<usize, ImportError> {
        let marker = self.marker()?;
        let length = self.integer(marker)?;
        usize::try_from(length).map_err(|_negative| self.damaged("a negative length"))
    }

    fn text(&mut self) -> Result<String, ImportError> {
        let length = self.length()?;
        let bytes = self.take(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_invalid| self.damaged("a text that is not UTF-8"))
    }

    /// The type and the count that may stand before a container's values.
    fn head(&mut self) -> Result<(Option<u8>, Option<usize>), ImportError> {
        let mut kind = None;
        if self.peek() == Some(b'$') {
            self.at += 1;
            kind = Some(self.marker()?);
        }
        if self.peek() == Some(b'#') {
            self.at += 1;
            return Ok((kind, Some(self.length()?)));
        }
        if kind.is_some() {
            return Err(self.damaged("a type without a count"));
        }
        Ok((None, None))
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, ImportError> {
        let (kind, count) = self.head()?;
        let mut values = Vec::new();
        if let Some(count) = count {
            // Values without bytes of their own would let a few bytes stand for endless memory.
            if matches!(kind, Some(b'T' | b'F' | b'Z' | b'N')) || count > self.bytes.len() {
                return Err(self.damaged("more values than bytes"));
            }
        }
        loop {
            if count.is_some_and(|count| values.len() == count) {
                return Ok(values);
            }
            let marker = match kind {
                Some(kind) => kind,
                None => self.marker()?,
            };
            if count.is_none() && marker == b']' {
                return Ok(values);
            }
            values.push(self.value(marker, depth + 1)?);
        }
    }

    fn object(&mut self, depth: usize) -> Result<Map<String, Value>, ImportError> {
        let (kind, count) = self.head()?;
        let mut values = Map::new();
        let mut n_read = 0;
        loop {
            if count == Some(n_read) {
                return Ok(values);
            }
            if count.is_none() && self.peek() == Some(b'}') {
                self.at += 1;
                return Ok(values);
            }
            let key = self.text()?;
            let marker = match kind {
                Some(kind) => kind,
                None => self.marker()?,
            };
            values.insert(key, self.value(marker, depth + 1)?);
            n_read += 1;
        }
    }
}

/// JSON has no infinity; such a number is read as a text and refused where a number is wanted.
fn float(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number)
}
