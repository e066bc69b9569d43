//! Time series side by side, in the order of their time.

use super::{SeriesError, Step};
use automl_core::{Column, MISSING_TIME, Table, Warning, WarningKind, Warnings};

/// Whole numbers are exact below this.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Times of rows, or numbers that count them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Axis {
    name: String,
    /// Microseconds since 1970, or whole numbers.
    instants: Vec<i64>,
    are_times: bool,
}

/// Series of one length, with the time of their rows.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesFrame {
    names: Vec<String>,
    /// One series after the other.
    values: Vec<f64>,
    /// Which of them the table says; the others are filled in.
    known: Vec<bool>,
    /// The row of the table that each row is.
    rows: Vec<u32>,
    axis: Option<Axis>,
    step: Option<Step>,
}

impl SeriesFrame {
    /// Reads series from a table. Rows are put in the order of their time; of several rows of one time the last counts;
    /// a missing value is the one before it. Whatever was done is told as a warning, and so are gaps.
    ///
    /// # Errors
    /// A column that is not there or holds something else, a row without a time, or a series without values.
    pub fn read(
        table: &Table,
        time: Option<&str>,
        names: &[String],
        warnings: &Warnings,
    ) -> Result<Self, SeriesError> {
        let none = vec![None; names.len()];
        Self::read_with(table, time, (names, &none), warnings)
    }

    /// As [`SeriesFrame::read`], where a series without values has these in place of all, if there are any for it.
    pub(super) fn read_with(
        table: &Table,
        time: Option<&str>,
        (names, fillings): (&[String], &[Option<f64>]),
        warnings: &Warnings,
    ) -> Result<Self, SeriesError> {
        if names.is_empty() {
            return Err(SeriesError::NoSeries);
        }
        let axis = time.map(|name| axis(table, name)).transpose()?;
        let rows: Vec<u32> = match &axis {
            None => (0..table.n_rows() as u32).collect(),
            Some(axis) => in_order(axis, warnings),
        };
        let mut values = Vec::with_capacity(rows.len() * names.len());
        let mut known = Vec::with_capacity(values.capacity());
        for (name, filling) in names.iter().zip(fillings) {
            let numbers = numbers(table, name)?;
            let series = (name.as_str(), numbers, &rows[..]);
            fill((&mut values, &mut known), series, *filling, warnings)?;
        }
        let axis = axis.map(|axis| Axis {
            instants: rows
                .iter()
                .map(|&row| axis.instants[row as usize])
                .collect(),
            ..axis
        });
        let step = axis
            .as_ref()
            .and_then(|axis| Step::of(&axis.instants, axis.are_times));
        let frame = Self {
            names: names.to_vec(),
            values,
            known,
            rows,
            axis,
            step,
        };
        frame.tell_gaps(warnings);
        Ok(frame)
    }

    /// Rows of each series.
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// The row of the table that a row of this is, both from 0.
    pub fn table_row(&self, row: u32) -> u32 {
        self.rows[row as usize]
    }

    /// Names of the series.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The column that gives the time.
    pub fn time_name(&self) -> Option<&str> {
        self.axis.as_ref().map(|axis| axis.name.as_str())
    }

    /// What lies between rows, if a column gives the time.
    pub fn step(&self) -> Option<Step> {
        self.step
    }

    /// The instants of the rows, if a column gives the time.
    pub fn instants(&self) -> Option<&[i64]> {
        self.axis.as_ref().map(|axis| &axis.instants[..])
    }

    /// Names and values of the series.
    pub(super) fn series(&self) -> impl Iterator<Item = (&str, &[f64])> {
        let names = self.names.iter().map(String::as_str);
        // Frames have rows: what is empty has no values.
        names.zip(self.values.chunks_exact(self.n_rows().max(1)))
    }

    /// Which values the table says, one series after the other; the others are filled in.
    pub(super) fn known(&self) -> &[bool] {
        &self.known
    }

    /// Which series have a value that the table says.
    pub(super) fn have_values(&self) -> impl Iterator<Item = bool> {
        let known = self.known.chunks_exact(self.n_rows().max(1));
        known.map(|known| known.contains(&true))
    }

    /// The instants of the rows behind the last one, a step apart; of the numbers of rows without a time.
    pub(super) fn continued(&self, step: Option<Step>, n: usize) -> Vec<i64> {
        let (last, step) = match (&self.axis, step.or(self.step)) {
            (Some(axis), Some(step)) => (axis.instants.last().copied().unwrap_or(0), step),
            _ => (0, Step::Count(1)),
        };
        // Beyond the calendar there is nothing to count.
        (1..=n as i64)
            .map(|n| step.after(last, n).unwrap_or(MISSING_TIME))
            .collect()
    }

    fn tell_gaps(&self, warnings: &Warnings) {
        let (Some(axis), Some(step)) = (&self.axis, self.step) else {
            return;
        };
        let is_gap = |pair: &&[i64]| step.after(pair[0], 1) != Some(pair[1]);
        let n_gaps = axis.instants.windows(2).filter(is_gap).count();
        if n_gaps == 0 {
            return;
        }
        let first = axis.instants.windows(2).position(|pair| is_gap(&pair));
        let after = first.map_or(0, |row| axis.instants[row]);
        let after = instant_text(after, axis.are_times);
        let gaps = if n_gaps == 1 {
            "1 step"
        } else {
            &format!("{n_gaps} steps")
        };
        let message = format!(
            "{gaps} of '{}' {} not as long as the others, the first after {after}; rows count as neighbours all the same",
            axis.name,
            if n_gaps == 1 { "is" } else { "are" }
        );
        warnings.push(Warning::new(WarningKind::TimeOrder, [&axis.name], message));
    }
}

fn instant_text(instant: i64, is_time: bool) -> String {
    if !is_time {
        return instant.to_string();
    }
    jiff::Timestamp::from_microsecond(instant)
        .map_or_else(|_| instant.to_string(), |time| time.to_string())
}

fn axis(table: &Table, name: &str) -> Result<Axis, SeriesError> {
    let column = table
        .column(name)
        .ok_or_else(|| SeriesError::column(name, table.names()))?;
    let other = || SeriesError::NotTimes {
        name: name.to_owned(),
        kind: column.kind_name(),
    };
    let missing = |row: usize| SeriesError::TimeMissing {
        name: name.to_owned(),
        row: row + 1,
    };
    let (instants, are_times) = match column {
        Column::Timestamp(micros) => (micros.clone(), true),
        Column::Number(numbers) => {
            if let Some(row) = numbers.iter().position(|number| number.is_nan()) {
                return Err(missing(row));
            }
            let is_whole = |number: &f64| number.fract() == 0.0 && number.abs() < WHOLE_MAX;
            if !numbers.iter().all(is_whole) {
                return Err(other());
            }
            (numbers.iter().map(|&number| number as i64).collect(), false)
        }
        _ => return Err(other()),
    };
    if are_times && let Some(row) = instants.iter().position(|&micros| micros == MISSING_TIME) {
        return Err(missing(row));
    }
    Ok(Axis {
        name: name.to_owned(),
        instants,
        are_times,
    })
}

/// Rows in the order of their time, the last one of each.
fn in_order(axis: &Axis, warnings: &Warnings) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..axis.instants.len() as u32).collect();
    let instant = |row: u32| axis.instants[row as usize];
    let tell = |kind, message: String| warnings.push(Warning::new(kind, [&axis.name], message));
    if !rows.is_sorted_by_key(|&row| instant(row)) {
        rows.sort_by_key(|&row| instant(row));
        tell(
            WarningKind::TimeOrder,
            format!(
                "the rows are not in the order of '{}'; they were sorted",
                axis.name
            ),
        );
    }
    let n_before = rows.len();
    let mut kept: Vec<u32> = Vec::with_capacity(n_before);
    for row in rows {
        match kept.last_mut() {
            Some(last) if instant(*last) == instant(row) => *last = row,
            _ => kept.push(row),
        }
    }
    let n_repeated = n_before - kept.len();
    if n_repeated > 0 {
        let rows = if n_repeated == 1 {
            "1 row repeats"
        } else {
            &format!("{n_repeated} rows repeat")
        };
        tell(
            WarningKind::DuplicateRows,
            format!(
                "{rows} a time of '{}'; the last row of each time counts",
                axis.name
            ),
        );
    }
    kept
}

/// The numbers of a column.
fn numbers<'a>(table: &'a Table, name: &str) -> Result<&'a [f64], SeriesError> {
    let column = table
        .column(name)
        .ok_or_else(|| SeriesError::column(name, table.names()))?;
    column.as_number().ok_or_else(|| SeriesError::NotNumbers {
        name: name.to_owned(),
        kind: column.kind_name(),
    })
}

/// Adds a series; what is missing is what was last known, and before that what is known first, or else `filling`.
fn fill(
    (values, known): (&mut Vec<f64>, &mut Vec<bool>),
    (name, numbers, rows): (&str, &[f64], &[u32]),
    filling: Option<f64>,
    warnings: &Warnings,
) -> Result<(), SeriesError> {
    let of_rows = || rows.iter().map(|&row| numbers[row as usize]);
    let Some(first) = of_rows().find(|number| !number.is_nan()) else {
        let filling = filling.ok_or_else(|| SeriesError::Empty {
            name: name.to_owned(),
        })?;
        values.extend(rows.iter().map(|_| filling));
        known.extend(rows.iter().map(|_| false));
        return Ok(());
    };
    let mut last = first;
    let mut n_missing = 0;
    for number in of_rows() {
        if number.is_nan() {
            n_missing += 1;
        } else {
            last = number;
        }
        values.push(last);
        known.push(!number.is_nan());
    }
    if n_missing > 0 {
        let cells = if n_missing == 1 {
            "1 value"
        } else {
            &format!("{n_missing} values")
        };
        let message = format!(
            "{cells} of '{name}' missing; each counts as the one before it, and forecasts of it are not scored"
        );
        warnings.push(Warning::new(WarningKind::UnreadCells, [name], message));
    }
    Ok(())
}
