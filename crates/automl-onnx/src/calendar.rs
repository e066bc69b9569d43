//! Parts of times, from the year to the minute, in whole numbers.

use crate::error::OnnxError;
use crate::graph::{Element, Graph, Value};
use std::f64::consts::TAU;

const MICROS_A_DAY: i64 = 86_400_000_000;
/// Days from the first of March of the year 0 to 1970-01-01.
const DAYS_BEFORE: i64 = 719_468;
/// Days of 400 years.
const ERA: i64 = 146_097;
/// Eras that are put before all times, so that none is negative: division in a graph cuts towards zero.
const ERAS_BEFORE: i64 = 25;
/// What stands for a time that is missing.
const MISSING_TIME: i64 = i64::MIN;

/// Whole numbers in a graph.
struct Whole<'g>(&'g mut Graph);

impl Whole<'_> {
    fn op(&mut self, op: &str, value: &Value, number: i64) -> Value {
        let number = self.0.int(number);
        self.0.op(op, &[value, &number], [])
    }

    fn both(&mut self, op: &str, first: &Value, second: &Value) -> Value {
        self.0.op(op, &[first, second], [])
    }

    /// The remainder of a number that is not negative.
    fn rest(&mut self, value: &Value, divisor: i64) -> Value {
        let whole = self.op("Div", value, divisor);
        let whole = self.op("Mul", &whole, divisor);
        self.both("Sub", value, &whole)
    }

    fn chosen(&mut self, condition: &Value, one: &Value, other: &Value) -> Value {
        self.0.op("Where", &[condition, one, other], [])
    }
}

/// Year, month, day and day of the year of a time (Hinnant, "chrono-compatible low-level date algorithms").
struct Date {
    year: Value,
    month: Value,
    day: Value,
    day_of_year: Value,
}

impl Date {
    /// Of days since the first of March of the year 0, with so many eras before.
    fn of(whole: &mut Whole<'_>, days: &Value) -> Self {
        let era = whole.op("Div", days, ERA);
        let day_of_era = whole.rest(days, ERA);
        let mut year_of_era = day_of_era.clone();
        for (op, divisor) in [("Sub", 1_460), ("Add", 36_524), ("Sub", 146_096)] {
            let part = whole.op("Div", &day_of_era, divisor);
            year_of_era = whole.both(op, &year_of_era, &part);
        }
        let year_of_era = whole.op("Div", &year_of_era, 365);
        let mut day_of_march_year = day_of_era;
        let years = whole.op("Mul", &year_of_era, 365);
        day_of_march_year = whole.both("Sub", &day_of_march_year, &years);
        for (op, divisor) in [("Sub", 4), ("Add", 100)] {
            let part = whole.op("Div", &year_of_era, divisor);
            day_of_march_year = whole.both(op, &day_of_march_year, &part);
        }
        let shifted = whole.op("Mul", &day_of_march_year, 5);
        let shifted = whole.op("Add", &shifted, 2);
        let shifted = whole.op("Div", &shifted, 153);
        let before = whole.op("Mul", &shifted, 153);
        let before = whole.op("Add", &before, 2);
        let before = whole.op("Div", &before, 5);
        let day = whole.both("Sub", &day_of_march_year, &before);
        let day = whole.op("Add", &day, 1);
        let is_spring = whole.op("Less", &shifted, 10);
        let [spring, winter] = [3, -9].map(|by| whole.op("Add", &shifted, by));
        let month = whole.chosen(&is_spring, &spring, &winter);
        let years = whole.op("Mul", &era, 400);
        let year = whole.both("Add", &year_of_era, &years);
        let next = whole.op("Add", &year, 1);
        let year = whole.chosen(&is_spring, &year, &next);
        let year = whole.op("Sub", &year, ERAS_BEFORE * 400);
        let day_of_year = Self::day_of_year(whole, days, &year);
        Self {
            year,
            month,
            day,
            day_of_year,
        }
    }

    fn day_of_year(whole: &mut Whole<'_>, days: &Value, year: &Value) -> Value {
        let past = whole.op("Add", year, ERAS_BEFORE * 400 - 1);
        let mut before = whole.op("Mul", &past, 365);
        for (op, divisor) in [("Add", 4), ("Sub", 100), ("Add", 400)] {
            let part = whole.op("Div", &past, divisor);
            before = whole.both(op, &before, &part);
        }
        // The first of January of the year 1 is 306 days after the first of March of the year 0.
        let since = whole.both("Sub", days, &before);
        whole.op("Sub", &since, 305)
    }
}

/// The parts of times, with their names; those that come round also as sine and cosine, if `has_cycles`.
pub(crate) fn parts(
    graph: &mut Graph,
    times: &Value,
    names: &[String],
    has_cycles: bool,
) -> Result<Vec<(String, Value)>, OnnxError> {
    let mut whole = Whole(graph);
    let is_missing = whole.op("Equal", times, MISSING_TIME);
    let zero = whole.0.int(0);
    let time = whole.chosen(&is_missing, &zero, times);
    let from_start = (DAYS_BEFORE + ERAS_BEFORE * ERA) * MICROS_A_DAY;
    let time = whole.op("Add", &time, from_start);
    let days = whole.op("Div", &time, MICROS_A_DAY);
    let micros = whole.rest(&time, MICROS_A_DAY);
    let date = Date::of(&mut whole, &days);
    let missing = whole.0.double(f64::NAN);
    let mut made = Vec::new();
    for name in names {
        let (value, cycle) = match name.as_str() {
            "year" => (date.year.clone(), None),
            "month" => (date.month.clone(), Some((1.0, 12.0))),
            "day" => (date.day.clone(), Some((1.0, 31.0))),
            "weekday" => {
                // The first of March of the year 0 was a Wednesday, as 400 years are whole weeks.
                let shifted = whole.op("Add", &days, 2);
                (whole.rest(&shifted, 7), Some((0.0, 7.0)))
            }
            "hour" => (whole.op("Div", &micros, 3_600_000_000), Some((0.0, 24.0))),
            "minute" => {
                let minutes = whole.op("Div", &micros, 60_000_000);
                (whole.rest(&minutes, 60), Some((0.0, 60.0)))
            }
            "day_of_year" => (date.day_of_year.clone(), Some((1.0, 366.0))),
            "elapsed_days" => {
                let since = whole.op("Sub", &days, DAYS_BEFORE + ERAS_BEFORE * ERA);
                let value = elapsed(whole.0, &since, &micros);
                let value = whole.0.op("Where", &[&is_missing, &missing, &value], []);
                made.push((name.clone(), value));
                continue;
            }
            other => {
                return Err(OnnxError::unsupported(format!(
                    "the part '{other}' of times"
                )));
            }
        };
        let value = whole.0.cast(&value, Element::Double);
        let value = whole.0.op("Where", &[&is_missing, &missing, &value], []);
        if let Some(cycle) = cycle.filter(|_| has_cycles) {
            for (suffix, op) in [("sin", "Sin"), ("cos", "Cos")] {
                let angle = angle(whole.0, &value, cycle);
                made.push((format!("{name}_{suffix}"), whole.0.op(op, &[&angle], [])));
            }
        }
        made.push((name.clone(), value));
    }
    Ok(made)
}

fn elapsed(graph: &mut Graph, days: &Value, micros: &Value) -> Value {
    let days = graph.cast(days, Element::Double);
    let micros = graph.cast(micros, Element::Double);
    let a_day = graph.double(MICROS_A_DAY as f64);
    let part = graph.op("Div", &[&micros, &a_day], []);
    graph.op("Add", &[&days, &part], [])
}

fn angle(graph: &mut Graph, value: &Value, (least, length): (f64, f64)) -> Value {
    let (least, length, turn) = (graph.double(least), graph.double(length), graph.double(TAU));
    let value = graph.op("Sub", &[value, &least], []);
    let value = graph.op("Mul", &[&turn, &value], []);
    graph.op("Div", &[&value, &length], [])
}
