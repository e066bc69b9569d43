//! Tensors of a request on their way into the columns of a model.

use super::super::batch::Batch;
use super::super::error::ScoreError;
use super::super::filler::Filler;
use super::super::model::LoadedModel;
use super::messages::InferTensorContents;
use automl_core::Cell;
use std::borrow::Cow;
use std::fmt;

/// A tensor as it came.
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) datatype: &'a str,
    pub(super) shape: &'a [i64],
    pub(super) values: Values<'a>,
}

/// The values of a tensor, in row-major order.
pub(super) enum Values<'a> {
    Json(&'a [Scalar<'a>]),
    /// Little-endian, without gaps; texts with four bytes of length before each.
    Raw(&'a [u8]),
    Typed(&'a InferTensorContents),
}

/// A value in JSON.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    /// Beyond 63 bits.
    Unsigned(u64),
    Number(f64),
    Text(Cow<'a, str>),
}

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Unsigned(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(text) => write!(f, "'{}'", text.chars().take(40).collect::<String>()),
        }
    }
}

impl Scalar<'_> {
    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Missing,
            Self::Boolean(value) => Cell::Boolean(*value),
            Self::Integer(value) => Cell::Integer(*value),
            // As its bytes would be read.
            Self::Unsigned(value) => Cell::Number(*value as f64),
            Self::Number(value) => number(*value),
            Self::Text(text) => Cell::Text(text),
        }
    }
}

/// NaN is how arrays say that a value is not known.
fn number(value: f64) -> Cell<'static> {
    if value.is_nan() {
        Cell::Missing
    } else {
        Cell::Number(value)
    }
}

/// Reads tensors as rows of a model.
pub(super) fn batch(tensors: &[Tensor<'_>], model: &LoadedModel) -> Result<Batch, ScoreError> {
    let mut filler = Filler::new(&model.facts, &*model.reader);
    if let [only] = tensors
        && let &[n_rows, n_columns] = only.shape
        && n_columns > 0
        && n_columns == filler.n_features() as i64
        && filler.column(only.name, 0).is_err()
    {
        let n_columns = n_columns as usize;
        let mut place = 0;
        only.each(&mut |cell| {
            let column = place % n_columns;
            place += 1;
            filler.cell(column, cell)
        })?;
        let all: Vec<usize> = (0..n_columns).collect();
        filler.end_columns(n_rows as usize, &all)?;
        return Ok(filler.finish().into());
    }
    let mut n_rows = None;
    let mut seen = Vec::new();
    for (place, tensor) in tensors.iter().enumerate() {
        let Some(column) = filler.column(tensor.name, place)? else {
            continue;
        };
        if seen.contains(&column) {
            let told = format!("tensor '{}' stands there twice", tensor.name);
            return Err(ScoreError::form(told));
        }
        seen.push(column);
        let length = tensor.length()?;
        n_rows.get_or_insert(length);
        tensor.each(&mut |cell| filler.cell(column, cell))?;
    }
    filler.end_columns(n_rows.unwrap_or(0), &seen)?;
    Ok(filler.finish().into())
}

impl Tensor<'_> {
    /// The rows of a column.
    fn length(&self) -> Result<usize, ScoreError> {
        match self.shape {
            [n_rows] | [n_rows, 1] if *n_rows >= 0 => Ok(*n_rows as usize),
            other => Err(ScoreError::form(format!(
                "tensor '{}' has the shape {other:?}; a column has [rows] or [rows, 1]",
                self.name
            ))),
        }
    }

    /// The number of values that the shape tells of.
    fn n_values(&self) -> Result<usize, ScoreError> {
        let mut sizes = self.shape.iter();
        let product = sizes.try_fold(1_usize, |product, size| {
            product.checked_mul(usize::try_from(*size).ok()?)
        });
        product.ok_or_else(|| {
            let told = format!(
                "tensor '{}' has the shape {:?}, which none has",
                self.name, self.shape
            );
            ScoreError::form(told)
        })
    }

    /// Gives each value to `put`, as many as the shape tells of.
    fn each(
        &self,
        put: &mut dyn FnMut(Cell<'_>) -> Result<(), ScoreError>,
    ) -> Result<(), ScoreError> {
        let n_values = self.n_values()?;
        let check = |found: usize| {
            if found == n_values {
                return Ok(());
            }
            Err(ScoreError::form(format!(
                "tensor '{}' has {found} values, its shape {:?} has {n_values}",
                self.name, self.shape
            )))
        };
        match &self.values {
            Values::Json(values) => {
                let element = self.element()?;
                check(values.len())?;
                values.iter().enumerate().try_for_each(|(place, value)| {
                    if !element.has(value) {
                        return Err(self.beyond(place, value));
                    }
                    put(value.cell())
                })
            }
            Values::Raw(bytes) => self.each_raw(bytes, n_values, put),
            Values::Typed(contents) => check(self.each_typed(contents, put)?),
        }
    }

    /// What is wrong with a value that is none of the datatype.
    fn beyond(&self, place: usize, value: &Scalar<'_>) -> ScoreError {
        ScoreError::form(format!(
            "value {} of tensor '{}' is {value}, which is no {}",
            place + 1,
            self.name,
            self.datatype
        ))
    }

    /// The datatype, if it is one that columns can have.
    fn element(&self) -> Result<Element, ScoreError> {
        let known = ELEMENTS.iter().find(|(name, _)| *name == self.datatype);
        known.map(|(_, element)| *element).ok_or_else(|| {
            ScoreError::form(format!(
                "tensor '{}' has the datatype '{}'; columns have BOOL, INT8 to INT64, UINT8 to UINT64, FP32, FP64 or BYTES",
                self.name, self.datatype
            ))
        })
    }

    fn each_raw(
        &self,
        bytes: &[u8],
        n_values: usize,
        put: &mut dyn FnMut(Cell<'_>) -> Result<(), ScoreError>,
    ) -> Result<(), ScoreError> {
        let element = self.element()?;
        let wrong = || {
            ScoreError::form(format!(
                "tensor '{}' has {} bytes, which are not {n_values} values of {}",
                self.name,
                bytes.len(),
                self.datatype
            ))
        };
        if element == Element::Bytes {
            let mut rest = bytes;
            for _ in 0..n_values {
                let (length, after) = rest.split_first_chunk::<4>().ok_or_else(wrong)?;
                let length = u32::from_le_bytes(*length) as usize;
                let (text, after) = after.split_at_checked(length).ok_or_else(wrong)?;
                put(Cell::Text(self.text(text)?))?;
                rest = after;
            }
            return if rest.is_empty() {
                Ok(())
            } else {
                Err(wrong())
            };
        }
        let size = element.n_bytes();
        if n_values.checked_mul(size) != Some(bytes.len()) {
            return Err(wrong());
        }
        bytes
            .chunks_exact(size)
            .try_for_each(|value| put(element.cell(value)))
    }

    /// Gives the values of the field that the datatype has; tells how many there were.
    fn each_typed(
        &self,
        contents: &InferTensorContents,
        put: &mut dyn FnMut(Cell<'_>) -> Result<(), ScoreError>,
    ) -> Result<usize, ScoreError> {
        let mut n_values = 0;
        let element = self.element()?;
        let mut count = |cell: Cell<'_>| {
            // Narrow numbers travel in fields of 32 bits.
            if let Cell::Integer(value) = cell
                && !element.has(&Scalar::Integer(value))
            {
                return Err(self.beyond(n_values, &Scalar::Integer(value)));
            }
            n_values += 1;
            put(cell)
        };
        match element {
            Element::Bool => {
                let mut values = contents.bool_contents.iter();
                values.try_for_each(|value| count(Cell::Boolean(*value)))?;
            }
            Element::Int(8) => {
                let mut values = contents.int64_contents.iter();
                values.try_for_each(|value| count(Cell::Integer(*value)))?;
            }
            Element::Int(_) => {
                let mut values = contents.int_contents.iter();
                values.try_for_each(|value| count(Cell::Integer(i64::from(*value))))?;
            }
            Element::Uint(8) => {
                let mut values = contents.uint64_contents.iter();
                values.try_for_each(|value| with_unsigned(*value, &mut count))?;
            }
            Element::Uint(_) => {
                let mut values = contents.uint_contents.iter();
                values.try_for_each(|value| count(Cell::Integer(i64::from(*value))))?;
            }
            Element::Float(4) => {
                let mut values = contents.fp32_contents.iter();
                values.try_for_each(|value| count(number(f64::from(*value))))?;
            }
            Element::Float(_) => {
                let mut values = contents.fp64_contents.iter();
                values.try_for_each(|value| count(number(*value)))?;
            }
            Element::Bytes => {
                let mut values = contents.bytes_contents.iter();
                values.try_for_each(|value| count(Cell::Text(self.text(value)?)))?;
            }
        }
        Ok(n_values)
    }

    fn text<'v>(&self, bytes: &'v [u8]) -> Result<&'v str, ScoreError> {
        std::str::from_utf8(bytes).map_err(|error| {
            ScoreError::form(format!(
                "tensor '{}' has text that is not UTF-8: {error}",
                self.name
            ))
        })
    }
}

/// A whole number that perhaps only text can hold.
fn with_unsigned(
    value: u64,
    put: &mut dyn FnMut(Cell<'_>) -> Result<(), ScoreError>,
) -> Result<(), ScoreError> {
    match i64::try_from(value) {
        Ok(value) => put(Cell::Integer(value)),
        Err(_beyond) => put(Cell::Text(&value.to_string())),
    }
}

/// What one value is, with its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Bool,
    Int(usize),
    Uint(usize),
    Float(usize),
    Bytes,
}

const ELEMENTS: [(&str, Element); 12] = [
    ("BOOL", Element::Bool),
    ("INT8", Element::Int(1)),
    ("INT16", Element::Int(2)),
    ("INT32", Element::Int(4)),
    ("INT64", Element::Int(8)),
    ("UINT8", Element::Uint(1)),
    ("UINT16", Element::Uint(2)),
    ("UINT32", Element::Uint(4)),
    ("UINT64", Element::Uint(8)),
    ("FP32", Element::Float(4)),
    ("FP64", Element::Float(8)),
    ("BYTES", Element::Bytes),
];

impl Element {
    /// Whether a value in JSON is one of these; null is for what is not known.
    fn has(self, value: &Scalar<'_>) -> bool {
        match (self, value) {
            (_, Scalar::Null)
            | (Self::Bool, Scalar::Boolean(_))
            | (Self::Float(_), Scalar::Integer(_))
            | (Self::Bytes, Scalar::Text(_))
            | (Self::Uint(8) | Self::Float(_), Scalar::Unsigned(_)) => true,
            (Self::Float(n_bytes), Scalar::Number(value)) => {
                n_bytes == 8 || value.abs() <= f64::from(f32::MAX)
            }
            (Self::Bool, Scalar::Integer(value)) => (0..=1).contains(value),
            (Self::Int(n_bytes), Scalar::Integer(value)) => {
                let shift = 64 - 8 * n_bytes as u32;
                (value << shift) >> shift == *value
            }
            (Self::Uint(n_bytes), Scalar::Integer(value)) => {
                *value >= 0 && (n_bytes == 8 || *value < 1 << (8 * n_bytes))
            }
            _ => false,
        }
    }

    fn n_bytes(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::Int(n_bytes) | Self::Uint(n_bytes) | Self::Float(n_bytes) => n_bytes,
            Self::Bytes => 0,
        }
    }

    /// The value of as many bytes as it has; of numbers beyond 63 bits the nearest double.
    fn cell(self, bytes: &[u8]) -> Cell<'static> {
        let mut whole = [0; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        let unsigned = u64::from_le_bytes(whole);
        match self {
            Self::Bool => Cell::Boolean(unsigned != 0),
            Self::Int(n_bytes) => {
                // The sign is that of the highest byte there is.
                let shift = 64 - 8 * n_bytes as u32;
                Cell::Integer((unsigned << shift).cast_signed() >> shift)
            }
            Self::Uint(_) => match i64::try_from(unsigned) {
                Ok(value) => Cell::Integer(value),
                Err(_beyond) => Cell::Number(unsigned as f64),
            },
            Self::Float(4) => number(f64::from(f32::from_bits(unsigned as u32))),
            Self::Float(_) => number(f64::from_bits(unsigned)),
            Self::Bytes => Cell::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_within_their_datatype() {
        let has = |name: &str, value: &Scalar<'_>| {
            let found = ELEMENTS.iter().find(|(known, _)| *known == name);
            found.unwrap().1.has(value)
        };
        for (name, least, most) in [
            ("INT8", -128, 127),
            ("INT16", -32_768, 32_767),
            ("INT32", i64::from(i32::MIN), i64::from(i32::MAX)),
            ("UINT8", 0, 255),
            ("UINT32", 0, i64::from(u32::MAX)),
            ("BOOL", 0, 1),
        ] {
            assert!(has(name, &Scalar::Integer(least)) && has(name, &Scalar::Integer(most)));
            assert!(!has(name, &Scalar::Integer(least - 1)), "{name}");
            assert!(!has(name, &Scalar::Integer(most + 1)), "{name}");
        }
        for name in ["INT64", "UINT64"] {
            assert!(has(name, &Scalar::Integer(i64::MAX)) && has(name, &Scalar::Null));
            assert!(!has(name, &Scalar::Number(1.5)), "{name}");
        }
        assert!(has("UINT64", &Scalar::Unsigned(u64::MAX)));
        assert!(!has("INT64", &Scalar::Unsigned(u64::MAX)));
        assert!(has("FP64", &Scalar::Number(1e300)) && !has("FP32", &Scalar::Number(1e300)));
        assert!(!has("FP64", &Scalar::Text("1".into())));
        assert!(!has("BYTES", &Scalar::Integer(1)));
    }

    #[test]
    fn values_are_read_by_their_datatype() {
        let read = |name: &str, bytes: &[u8]| {
            let found = ELEMENTS.iter().find(|(known, _)| *known == name);
            found.unwrap().1.cell(bytes)
        };
        assert_eq!(read("INT8", &[0xff]), Cell::Integer(-1));
        assert_eq!(read("UINT8", &[0xff]), Cell::Integer(255));
        assert_eq!(
            read("INT16", &(-300_i16).to_le_bytes()),
            Cell::Integer(-300)
        );
        assert_eq!(
            read("INT64", &i64::MIN.to_le_bytes()),
            Cell::Integer(i64::MIN)
        );
        assert_eq!(
            read("UINT64", &u64::MAX.to_le_bytes()),
            Cell::Number(1.844_674_407_370_955_2e19)
        );
        assert_eq!(read("FP32", &1.5_f32.to_le_bytes()), Cell::Number(1.5));
        assert_eq!(read("FP64", &f64::NAN.to_le_bytes()), Cell::Missing);
        assert_eq!(read("BOOL", &[1]), Cell::Boolean(true));
    }
}
