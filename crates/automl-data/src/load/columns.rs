//! Makes a typed column from codes once its kind is settled.

use super::codes::Codes;
use super::{Dictionary, Places};
use crate::error::{DataError, SettledBy, shorten};
use crate::infer::times::Style;
use crate::infer::values::{NumberStyle, Parsed, parse_boolean};
use crate::levels::{LevelCoder, sort_levels};
use automl_core::{
    Column, Kind, Levels, MISSING_CODE, MISSING_TIME, Texts, UNSEEN_CODE, Warning, WarningKind,
};

/// What column to make.
pub(super) struct Request<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) format: Option<&'a str>,
    /// Levels that the user gave, in code order.
    pub(super) levels: Option<&'a [String]>,
    pub(super) missing: &'a [String],
    pub(super) places: &'a Places,
}

/// Whether trimmed `text` is a missing mark. Marks are few.
pub(super) fn is_missing(text: &str, missing: &[String]) -> bool {
    text.is_empty() || missing.iter().any(|mark| mark.trim_ascii() == text)
}

/// The column, and its levels if it has any.
pub(super) fn make(
    request: &Request<'_>,
    codes: Codes,
    warnings: &mut Vec<Warning>,
) -> Result<(Column, Vec<String>), DataError> {
    let Codes { codes, dictionary } = codes;
    let column = match request.kind {
        Kind::Number => {
            let style = NumberStyle::of(request.format);
            let values = request.each(&dictionary, &codes, f64::NAN, |text| {
                match style.parse(text) {
                    Parsed::Finite(value) => Ok(value),
                    Parsed::Infinite => Err(Problem::Infinite),
                    Parsed::Not => Err(Problem::Unread),
                }
            })?;
            Column::Number(codes.iter().map(|&code| values[code as usize]).collect())
        }
        Kind::Timestamp => {
            let style = Style::of(request.format);
            let times = request.each(&dictionary, &codes, MISSING_TIME, |text| {
                style.parse(text).ok_or(Problem::Unread)
            })?;
            Column::Timestamp(codes.iter().map(|&code| times[code as usize]).collect())
        }
        Kind::Text => {
            let present = request.each(&dictionary, &codes, false, |_| Ok(true))?;
            let texts: Texts = (codes.iter())
                .map(|&code| present[code as usize].then(|| dictionary.get(code)))
                .collect();
            Column::Text(texts)
        }
        Kind::Category | Kind::Boolean => {
            let levels = match request.levels {
                Some(levels) => Levels::new(levels.iter().map(String::as_str)),
                None if request.kind == Kind::Boolean => {
                    request.boolean_levels(&dictionary, &codes)?
                }
                None => request.category_levels(&dictionary),
            };
            return Ok(request.category(codes, &dictionary, levels, warnings));
        }
    };
    Ok((column, Vec::new()))
}

enum Problem {
    Unread,
    Infinite,
}

impl Request<'_> {
    /// Reads each distinct cell once; the first that cannot be read is an error with its row.
    fn each<T: Clone>(
        &self,
        dictionary: &Dictionary,
        codes: &[u32],
        missing: T,
        read: impl Fn(&str) -> Result<T, Problem>,
    ) -> Result<Vec<T>, DataError> {
        let mut values = Vec::with_capacity(dictionary.len());
        for (code, text) in dictionary.iter().enumerate() {
            if is_missing(text, self.missing) {
                values.push(missing.clone());
                continue;
            }
            match read(text) {
                Ok(value) => values.push(value),
                Err(problem) => return Err(self.refuse(code as u32, text, codes, &problem)),
            }
        }
        Ok(values)
    }

    fn refuse(&self, code: u32, text: &str, codes: &[u32], problem: &Problem) -> DataError {
        let row = codes.iter().position(|&other| other == code);
        let place = self.places.of(row.unwrap_or_default());
        let column = self.name.to_owned();
        let value = shorten(text);
        match problem {
            Problem::Unread => DataError::Cell {
                place,
                column,
                kind: self.kind,
                value,
                settled_by: SettledBy::SchemaFile,
            },
            Problem::Infinite => DataError::Infinite {
                place,
                column,
                value,
            },
        }
    }

    fn present<'d>(&self, dictionary: &'d Dictionary) -> Vec<&'d str> {
        dictionary
            .iter()
            .filter(|text| !is_missing(text, self.missing))
            .collect()
    }

    fn category_levels(&self, dictionary: &Dictionary) -> Levels {
        let mut levels = self.present(dictionary);
        sort_levels(&mut levels);
        Levels::new(levels)
    }

    /// False, then true, each in its first spelling by letters; any two values if they are no truth values.
    fn boolean_levels(&self, dictionary: &Dictionary, codes: &[u32]) -> Result<Levels, DataError> {
        let mut texts = self.present(dictionary);
        sort_levels(&mut texts);
        let mut spellings: [Option<&str>; 2] = [None; 2];
        for text in &texts {
            match parse_boolean(text) {
                Some((_, value)) => {
                    spellings[usize::from(value)].get_or_insert(text);
                }
                None if texts.len() <= 2 => return Ok(Levels::new(texts)),
                None => {
                    let code = dictionary.find(text).unwrap_or_default();
                    return Err(self.refuse(code, text, codes, &Problem::Unread));
                }
            }
        }
        Ok(Levels::new(spellings.into_iter().flatten()))
    }

    fn category(
        &self,
        mut codes: Vec<u32>,
        dictionary: &Dictionary,
        levels: Levels,
        warnings: &mut Vec<Warning>,
    ) -> (Column, Vec<String>) {
        let coder = LevelCoder::new(levels, self.missing);
        let level_codes: Vec<u32> = dictionary.iter().map(|text| coder.code(text)).collect();
        let unseen = level_codes.iter().position(|&code| code == UNSEEN_CODE);
        if let Some(unseen) = unseen {
            let row = codes.iter().position(|&code| code as usize == unseen);
            warnings.push(Warning::new(
                WarningKind::UnreadCells,
                [self.name],
                format!(
                    "'{}' holds values that are none of its levels, such as '{}' ({})",
                    self.name,
                    shorten(dictionary.get(unseen as u32)),
                    self.places.of(row.unwrap_or_default()),
                ),
            ));
        }
        for code in &mut codes {
            *code = level_codes[*code as usize];
        }
        debug_assert!(codes.iter().all(|&code| {
            code == MISSING_CODE || code == UNSEEN_CODE || (code as usize) < coder.levels().len()
        }));
        let names = coder.levels().iter().map(str::to_owned).collect();
        let column = Column::Category {
            codes,
            levels: coder.levels().clone(),
        };
        (column, names)
    }
}
