//! The rules: which kind and role a column gets from its distinct cells.

use super::times::{self, Detected, Style};
use super::values::{NumberStyle, Parsed, is_digits, loses_digits, parse_boolean, parse_number};
use automl_core::{Kind, Role};

/// Fewer rows than this do not make an id: small tables are full of distinct values.
const MIN_ROWS_ID: usize = 20;
/// A serial number may skip every other value.
const MIN_SERIAL_DENSITY: f64 = 0.5;
/// Strings of one word that repeat more seldom than this name their rows.
const MIN_ID_SHARE: f64 = 0.95;
/// A category whose levels are this many and mostly occur once is better read as text.
const MIN_TEXT_LEVELS: usize = 100;
/// Numbers of eight digits are dates only if this many of them are.
const MIN_COMPACT_DATES: usize = 10;
/// Fewer cells in the shape of dates may be anything.
const MIN_UNREAD_DATES: usize = 10;
/// A column with this share of numbers was probably meant to hold numbers.
const MOSTLY_NUMBERS: f64 = 0.9;

/// One column's distinct cells that are not missing, with how often each occurs.
pub(crate) struct Distinct<'a> {
    pub(crate) name: &'a str,
    pub(crate) texts: &'a [&'a str],
    pub(crate) counts: &'a [u32],
    pub(crate) n_missing: usize,
    /// Whether cells such as `1,5` may be numbers: they are if all cells of the column can be read so.
    pub(crate) may_have_decimal_commas: bool,
}

impl Distinct<'_> {
    /// How its numbers are written, if it holds numbers.
    fn number_style(&self) -> NumberStyle {
        NumberStyle::detect(self.texts, self.may_have_decimal_commas).unwrap_or(NumberStyle::POINT)
    }

    fn n_present(&self) -> usize {
        self.counts.iter().map(|&count| count as usize).sum()
    }
}

/// What is worth telling about the guess; `text` is the number of a distinct cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Finding {
    /// No cell holds anything.
    AllMissing,
    /// One value throughout.
    Constant,
    /// Names its rows.
    IdLike,
    /// Day and month can be exchanged.
    AmbiguousDate(&'static str),
    /// Nearly all cells are numbers, but not `text`.
    MostlyNumbers { text: usize, n_cells: usize },
    /// Nearly all cells look like dates, but not all can be read in one style: `n_cells`, such as `text`, cannot.
    MostlyDates { text: usize, n_cells: usize },
    /// All cells are numbers and `text` is infinite.
    Infinite { text: usize },
    /// All cells are numbers, but `n_cells`, such as `text`, are whole ones that a number would round.
    LongIntegers { text: usize, n_cells: usize },
}

/// A column's kind, role, and what follows from them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Guess {
    pub(crate) kind: Kind,
    pub(crate) role: Role,
    pub(crate) format: Option<String>,
    pub(crate) is_integer: bool,
    pub(crate) findings: Vec<Finding>,
}

/// Decides by the whole column; the order of rows plays no part.
pub(crate) fn guess(column: &Distinct<'_>) -> Guess {
    let mut guess = guess_kind(column);
    let n_present = column.n_present();
    if n_present == 0 {
        guess.role = Role::Ignored;
        guess.findings.push(Finding::AllMissing);
    } else if column.texts.len() == 1 && column.n_missing == 0 && n_present > 1 {
        guess.role = Role::Ignored;
        guess.findings.push(Finding::Constant);
    } else if guess.role == Role::Id {
        guess.findings.push(Finding::IdLike);
    }
    guess
}

fn plain(kind: Kind) -> Guess {
    Guess {
        kind,
        role: Role::Feature,
        format: None,
        is_integer: false,
        findings: Vec::new(),
    }
}

fn guess_kind(column: &Distinct<'_>) -> Guess {
    if column.texts.is_empty() {
        return plain(Kind::Number);
    }
    if is_boolean(column.texts) {
        return plain(Kind::Boolean);
    }
    if is_code(column.texts) {
        return guess_string(column);
    }
    if let Some(guess) = guess_number(column) {
        return long_integers(column).map_or(guess, |finding| {
            let mut guess = guess_string(column);
            guess.findings.push(finding);
            guess
        });
    }
    if let Some(detected) = times::detect(column.texts) {
        let mut guess = plain(Kind::Timestamp);
        let (Detected::Clear(style) | Detected::Ambiguous(style)) = &detected;
        guess.format = style.format();
        if let Detected::Ambiguous(style) = &detected {
            let read_as = match style {
                Style::MonthFirst => "month first",
                _ => "day first",
            };
            guess.findings.push(Finding::AmbiguousDate(read_as));
        }
        return guess;
    }
    guess_string(column)
}

/// Both words of one pair, and no others.
fn is_boolean(texts: &[&str]) -> bool {
    let Some((pair, _)) = texts.first().and_then(|text| parse_boolean(text)) else {
        return false;
    };
    let mut met = [false; 2];
    for text in texts {
        match parse_boolean(text) {
            Some((other, value)) if other == pair => met[usize::from(value)] = true,
            _ => return false,
        }
    }
    met == [true, true]
}

/// Digits of one width of which some begin with zero: post codes and account numbers, not amounts.
fn is_code(texts: &[&str]) -> bool {
    let width = texts.first().map_or(0, |text| text.len());
    width > 1
        && texts
            .iter()
            .all(|text| text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit()))
        && texts.iter().any(|text| text.starts_with('0'))
}

fn guess_number(column: &Distinct<'_>) -> Option<Guess> {
    let mut guess = plain(Kind::Number);
    let style = column.number_style();
    guess.format = style.format();
    let (mut all_integral, mut all_digits) = (true, true);
    let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut infinite = None;
    for (position, text) in column.texts.iter().enumerate() {
        match style.parse(text) {
            Parsed::Finite(value) => {
                all_integral &= value.fract() == 0.0;
                all_digits &= is_digits(text);
                min = min.min(value);
                max = max.max(value);
            }
            Parsed::Infinite => infinite = infinite.or(Some(position)),
            Parsed::Not => return None,
        }
    }
    if min > max {
        // Nothing but words for infinity.
        return None;
    }
    if let Some(text) = infinite {
        guess.findings.push(Finding::Infinite { text });
        return Some(guess);
    }
    if all_digits && is_compact_dates(column.texts) {
        return Some(plain(Kind::Timestamp));
    }
    guess.is_integer = all_integral;
    if all_digits && is_serial(column, min, max) {
        guess.role = Role::Id;
    }
    Some(guess)
}

/// Whole numbers that differ in digits beyond those that a double keeps would become one.
fn long_integers(column: &Distinct<'_>) -> Option<Finding> {
    let style = column.number_style();
    let is_long = |text: &&str| style.loses_digits(text);
    let text = column.texts.iter().position(is_long)?;
    let n_cells = (column.texts.iter().zip(column.counts))
        .filter(|(text, _)| is_long(text))
        .map(|(_, &count)| count as usize)
        .sum();
    Some(Finding::LongIntegers { text, n_cells })
}

/// `20141013` and the like, all valid dates between 1900 and 2100.
fn is_compact_dates(texts: &[&str]) -> bool {
    texts.len() >= MIN_COMPACT_DATES
        && texts.iter().all(|text| {
            text.len() == 8
                && (text.starts_with("19") || text.starts_with("20"))
                && Style::Iso.parse(text).is_some()
        })
}

/// Integers that differ in all rows and are either named like an id or nearly without gaps (but are no years).
fn is_serial(column: &Distinct<'_>, min: f64, max: f64) -> bool {
    let n_distinct = column.texts.len();
    let all_differ = n_distinct == column.n_present() && column.n_missing == 0;
    if !all_differ || n_distinct < MIN_ROWS_ID {
        return false;
    }
    let is_dense = n_distinct as f64 / (max - min + 1.0) >= MIN_SERIAL_DENSITY;
    let are_years = min >= 1000.0 && max <= 2200.0;
    is_id_name(column.name) || (is_dense && !are_years)
}

/// `id`, `Id`, `customer_id`, `customerID`, `PassengerId`, `IDpol`, `uuid`, but not `paid` or `idle`.
pub(super) fn is_id_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    if [
        "id",
        "uuid",
        "guid",
        "index",
        "key",
        "rownames",
        "row_number",
    ]
    .contains(&lower.as_str())
    {
        return true;
    }
    let ends = ["_id", "-id", ".id", " id", "_uuid", "_key"]
        .iter()
        .any(|end| lower.ends_with(end));
    let starts = ["id_", "id-", "id.", "id "]
        .iter()
        .any(|start| lower.starts_with(start));
    let after_upper_id = name.strip_prefix("ID").and_then(|rest| rest.chars().next());
    ends || starts
        || name.ends_with("Id")
        || name.ends_with("ID")
        || after_upper_id.is_some_and(|next| next.is_ascii_lowercase())
}

fn guess_string(column: &Distinct<'_>) -> Guess {
    if let Some(finding) = mostly_numbers(column) {
        let mut guess = plain(Kind::Category);
        guess.findings.push(finding);
        return guess;
    }
    let dates = mostly_dates(column);
    let mut guess = guess_words(column);
    if dates.is_some() {
        // Moments differ in all rows too, but tell something.
        guess.role = Role::Feature;
    }
    guess.findings.extend(dates);
    guess
}

/// Category, text or id, by how often and how many words repeat.
fn guess_words(column: &Distinct<'_>) -> Guess {
    let n_distinct = column.texts.len();
    let n_present = column.n_present();
    let share = n_distinct as f64 / n_present as f64;
    let mean = |measure: fn(&str) -> usize| {
        let total: usize = column.texts.iter().map(|text| measure(text)).sum();
        total as f64 / n_distinct as f64
    };
    let n_words = mean(|text| text.split_ascii_whitespace().count());
    let n_bytes = mean(str::len);
    if n_present >= MIN_ROWS_ID && n_words < 1.5 && n_bytes < 60.0 && share >= MIN_ID_SHARE {
        let mut guess = plain(Kind::Text);
        guess.role = Role::Id;
        return guess;
    }
    let are_sentences = (n_words >= 3.0 && share > 0.5 && n_distinct >= MIN_ROWS_ID)
        || (n_words >= 5.0 && share > 0.1 && n_distinct >= 50)
        || (n_words >= 4.0 && share == 1.0 && n_distinct > 1);
    let are_names = n_distinct >= MIN_TEXT_LEVELS && share > 0.5;
    if are_sentences || are_names {
        return plain(Kind::Text);
    }
    plain(Kind::Category)
}

fn mostly_numbers(column: &Distinct<'_>) -> Option<Finding> {
    let n_present = column.n_present();
    let is_not = |text: &&str| parse_number(text) == Parsed::Not;
    let n_cells: usize = (column.texts.iter().zip(column.counts))
        .filter(|(text, _)| is_not(text))
        .map(|(_, &count)| count as usize)
        .sum();
    let n_numbers = n_present - n_cells;
    let text = column.texts.iter().position(is_not)?;
    // Numbers with so many digits are names, and so is what stands among them.
    let are_names = column.texts.iter().any(|text| loses_digits(text));
    let many = column.texts.len() >= MIN_ROWS_ID && !are_names;
    (many && n_numbers as f64 >= MOSTLY_NUMBERS * n_present as f64)
        .then_some(Finding::MostlyNumbers { text, n_cells })
}

fn mostly_dates(column: &Distinct<'_>) -> Option<Finding> {
    if column.texts.len() < MIN_UNREAD_DATES {
        return None;
    }
    let unread = times::unread(column.texts)?;
    Some(Finding::MostlyDates {
        text: *unread.first()?,
        n_cells: (unread.iter())
            .map(|&text| column.counts[text] as usize)
            .sum(),
    })
}
