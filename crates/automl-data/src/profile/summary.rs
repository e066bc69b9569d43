//! One column in numbers.

use super::histogram::histogram;
use super::model::{
    CategorySummary, LevelCount, NumberSummary, Summary, TextSummary, TimestampSummary,
};
use automl_core::{Column, Levels, MISSING_TIME, Texts};

const N_TOP: usize = 10;
const N_EXAMPLES: usize = 3;
const N_EXAMPLE_CHARS: usize = 120;

/// Distinct values, missing apart. Cost: a sort for numbers, texts and moments.
pub(super) fn n_distinct(column: &Column) -> u64 {
    fn n_distinct<T: Ord>(mut values: Vec<T>) -> u64 {
        values.sort_unstable();
        values.dedup();
        values.len() as u64
    }
    match column {
        Column::Number(values) => {
            let mut sorted: Vec<f64> = present(values);
            sorted.sort_unstable_by(f64::total_cmp);
            sorted.dedup();
            sorted.len() as u64
        }
        Column::Category { codes, levels } => level_counts(codes, levels)
            .iter()
            .filter(|count| **count > 0)
            .count() as u64,
        Column::Text(texts) => n_distinct(texts.iter().flatten().collect()),
        Column::Timestamp(times) => n_distinct(
            times
                .iter()
                .copied()
                .filter(|time| *time != MISSING_TIME)
                .collect(),
        ),
        Column::Sparse(_) => 0,
    }
}

/// What the values are.
pub(super) fn summarise(column: &Column) -> Summary {
    match column {
        Column::Number(values) => numbers(values).map_or(Summary::Nothing, Summary::Numbers),
        Column::Category { codes, levels } => category(codes, levels),
        Column::Text(texts) => text(texts),
        Column::Timestamp(times) => timestamp(times),
        Column::Sparse(_) => Summary::Nothing,
    }
}

fn present(values: &[f64]) -> Vec<f64> {
    // Adding zero turns -0 into 0.
    values
        .iter()
        .map(|value| value + 0.0)
        .filter(|value| !value.is_nan())
        .collect()
}

fn numbers(values: &[f64]) -> Option<NumberSummary> {
    let mut sorted = present(values);
    if sorted.is_empty() {
        return None;
    }
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let mean = sorted.iter().map(|value| value / n).sum::<f64>();
    let squares: f64 = sorted.iter().map(|value| (value - mean).powi(2)).sum();
    let quantile = |share| quantile(&sorted, share);
    Some(NumberSummary {
        mean,
        std: (squares / (n - 1.0).max(1.0)).sqrt(),
        min: sorted[0],
        q05: quantile(0.05),
        q25: quantile(0.25),
        median: quantile(0.5),
        q75: quantile(0.75),
        q95: quantile(0.95),
        max: sorted[sorted.len() - 1],
        histogram: histogram(&sorted),
    })
}

/// The quantile between the two nearest values, as numpy's default.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, high) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    let part = place.fract();
    if part == 0.0 {
        low
    } else {
        low * (1.0 - part) + high * part
    }
}

/// Rows of each level.
pub(super) fn level_counts(codes: &[u32], levels: &Levels) -> Vec<u64> {
    let mut counts = vec![0; levels.len()];
    for &code in codes {
        if let Some(count) = counts.get_mut(code as usize) {
            *count += 1;
        }
    }
    counts
}

fn category(codes: &[u32], levels: &Levels) -> Summary {
    let mut counted: Vec<LevelCount> = level_counts(codes, levels)
        .into_iter()
        .zip(levels.iter())
        .filter(|(count, _)| *count > 0)
        .map(|(count, level)| LevelCount {
            level: level.to_owned(),
            count,
        })
        .collect();
    counted.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.level.cmp(&b.level)));
    let Some(rarest) = counted.last().cloned() else {
        return Summary::Nothing;
    };
    let n_other = counted.iter().skip(N_TOP).map(|level| level.count).sum();
    counted.truncate(N_TOP);
    Summary::Levels(CategorySummary {
        top: counted,
        n_other,
        n_rarest: rarest.count,
        rarest: rarest.level,
    })
}

fn text(texts: &Texts) -> Summary {
    let mut lengths: Vec<f64> = texts
        .iter()
        .flatten()
        .map(|text| text.chars().count() as f64)
        .collect();
    if lengths.is_empty() {
        return Summary::Nothing;
    }
    lengths.sort_unstable_by(f64::total_cmp);
    let n = lengths.len() as f64;
    let n_words: usize = texts
        .iter()
        .flatten()
        .map(|text| text.split_whitespace().count())
        .sum();
    Summary::Texts(TextSummary {
        n_chars_min: lengths[0] as u64,
        n_chars_mean: lengths.iter().sum::<f64>() / n,
        n_chars_max: lengths[lengths.len() - 1] as u64,
        n_words_mean: n_words as f64 / n,
        histogram: histogram(&lengths),
        examples: texts
            .iter()
            .flatten()
            .take(N_EXAMPLES)
            .map(|text| text.chars().take(N_EXAMPLE_CHARS).collect())
            .collect(),
    })
}

fn timestamp(times: &[i64]) -> Summary {
    let mut sorted: Vec<i64> = times
        .iter()
        .copied()
        .filter(|time| *time != MISSING_TIME)
        .collect();
    if sorted.is_empty() {
        return Summary::Nothing;
    }
    sorted.sort_unstable();
    let is_dates = sorted.iter().all(|time| time % 86_400_000_000 == 0);
    let seconds: Vec<f64> = sorted.iter().map(|time| *time as f64 / 1e6).collect();
    Summary::Times(TimestampSummary {
        min: moment(sorted[0], is_dates),
        median: moment(sorted[sorted.len() / 2], is_dates),
        max: moment(sorted[sorted.len() - 1], is_dates),
        histogram: histogram(&seconds),
    })
}

/// `2013-08-14`, or with the time of day `2013-08-14 09:30:00`.
pub(super) fn moment(micros: i64, is_date: bool) -> String {
    let pattern = if is_date {
        "%Y-%m-%d"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    jiff::Timestamp::from_microsecond(micros).map_or_else(
        |_| format!("{micros} µs"),
        |timestamp| timestamp.strftime(pattern).to_string(),
    )
}
