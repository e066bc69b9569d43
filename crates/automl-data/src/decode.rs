//! From cells to the values of a column whose kind is known, the same way for files and for rows that come one by one.

use crate::infer::times::Style;
use crate::infer::values::{NumberStyle, Parsed, parse_number};
use crate::infer::{Dictionary, with_text};
use crate::levels::LevelCoder;
use crate::read::Cell;
use automl_core::{Column, Field, Kind, Levels, MISSING_CODE, MISSING_TIME, Texts};
use std::sync::Arc;

/// Missing marks, with a shortcut for the usual case that none of them is a number.
pub(crate) struct Marks {
    texts: Dictionary,
    some_are_numbers: bool,
}

impl Marks {
    pub(crate) fn new(missing: &[String]) -> Self {
        let mut texts = Dictionary::default();
        texts.code("");
        for mark in missing {
            texts.code(mark.trim_ascii());
        }
        let some_are_numbers = missing
            .iter()
            .any(|mark| parse_number(mark.trim_ascii()) != Parsed::Not);
        Self {
            texts,
            some_are_numbers,
        }
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.texts.find(text).is_some()
    }
}

/// Collects the cells of one needed column.
pub(crate) enum Decoder {
    Number(Vec<f64>, NumberStyle),
    Category(Vec<u32>, Arc<LevelCoder>),
    Text(Texts),
    Timestamp(Vec<i64>, Style),
}

impl Decoder {
    /// `may_have_decimal_commas`: whether the file at hand is of a kind that has them.
    pub(crate) fn new(field: &Field, missing: &[String], may_have_decimal_commas: bool) -> Self {
        let style = NumberStyle::of(field.format.as_deref());
        let style = if may_have_decimal_commas {
            style
        } else {
            style.tolerant()
        };
        match field.kind {
            Kind::Number => Self::Number(Vec::new(), style),
            Kind::Category | Kind::Boolean => {
                let levels = Levels::new(field.levels.iter().map(String::as_str));
                Self::Category(Vec::new(), Arc::new(LevelCoder::new(levels, missing)))
            }
            Kind::Text => Self::Text(Texts::default()),
            Kind::Timestamp => Self::Timestamp(Vec::new(), Style::of(field.format.as_deref())),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Number(..) => Kind::Number,
            Self::Category(..) => Kind::Category,
            Self::Text(_) => Kind::Text,
            Self::Timestamp(..) => Kind::Timestamp,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Number(values, _) => values.len(),
            Self::Category(codes, _) => codes.len(),
            Self::Text(texts) => texts.len(),
            Self::Timestamp(times, _) => times.len(),
        }
    }

    pub(crate) fn push_missing(&mut self) {
        match self {
            Self::Number(values, _) => values.push(f64::NAN),
            Self::Category(codes, _) => codes.push(MISSING_CODE),
            Self::Text(texts) => texts.push(None),
            Self::Timestamp(times, _) => times.push(MISSING_TIME),
        }
    }

    /// A decoder of the same column that has no values yet.
    pub(crate) fn fresh(&self) -> Self {
        match self {
            Self::Number(_, style) => Self::Number(Vec::new(), *style),
            Self::Category(_, coder) => Self::Category(Vec::new(), Arc::clone(coder)),
            Self::Text(_) => Self::Text(Texts::default()),
            Self::Timestamp(_, style) => Self::Timestamp(Vec::new(), style.clone()),
        }
    }

    /// Adds a cell; one that is not of the column's kind is given back as text, with what it is as a number.
    #[inline]
    pub(crate) fn push(
        &mut self,
        cell: Cell<'_>,
        marks: &Marks,
        buffer: &mut String,
    ) -> Result<(), (String, Parsed)> {
        match (&mut *self, cell) {
            (_, Cell::Missing) => self.push_missing(),
            (Self::Number(values, _), Cell::Number(value))
                if value.is_finite() && !marks.some_are_numbers =>
            {
                values.push(value);
            }
            (Self::Number(values, _), Cell::Integer(value)) if !marks.some_are_numbers => {
                values.push(value as f64);
            }
            (Self::Timestamp(times, _), Cell::Time(time)) => times.push(time),
            _ => {
                return with_text(cell, buffer, |text| {
                    let pushed = self.push_text(text, marks);
                    pushed.map_err(|parsed| (text.to_owned(), parsed))
                });
            }
        }
        Ok(())
    }

    /// Adds trimmed text, if it is of the column's kind.
    #[inline]
    fn push_text(&mut self, text: &str, marks: &Marks) -> Result<(), Parsed> {
        match self {
            Self::Number(values, style) => {
                let parsed = style.parse(text);
                match parsed {
                    Parsed::Finite(value) if !marks.some_are_numbers => values.push(value),
                    _ if marks.has(text) => values.push(f64::NAN),
                    Parsed::Finite(value) => values.push(value),
                    other => return Err(other),
                }
            }
            Self::Category(codes, coder) => codes.push(coder.code(text)),
            Self::Text(texts) => texts.push((!marks.has(text)).then_some(text)),
            Self::Timestamp(times, style) => match style.parse(text) {
                _ if marks.has(text) => times.push(MISSING_TIME),
                Some(time) => times.push(time),
                None => return Err(Parsed::Not),
            },
        }
        Ok(())
    }

    /// The column, without further values to come.
    pub(crate) fn finish(self) -> Column {
        match self {
            Self::Number(values, _) => Column::Number(values),
            Self::Category(codes, coder) => Column::category(codes, coder.levels().clone()),
            Self::Text(texts) => Column::Text(texts),
            Self::Timestamp(times, _) => Column::Timestamp(times),
        }
    }

    /// Takes the column and starts an empty one.
    pub(crate) fn take(&mut self) -> Column {
        match self {
            Self::Number(values, _) => {
                let empty = Vec::with_capacity(values.len());
                Column::Number(std::mem::replace(values, empty))
            }
            Self::Category(codes, coder) => {
                let empty = Vec::with_capacity(codes.len());
                Column::category(std::mem::replace(codes, empty), coder.levels().clone())
            }
            Self::Text(texts) => Column::Text(std::mem::take(texts)),
            Self::Timestamp(times, _) => Column::Timestamp(std::mem::take(times)),
        }
    }
}
