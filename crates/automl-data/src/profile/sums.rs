//! Sets of number columns that add up, or multiply, to the target.
//!
//! A least-squares fit over all number columns is scored on rows it did not learn from. If nothing is left to explain,
//! columns are taken out one by one, the least important first, as long as that stays so; the few that remain are the
//! leak. Products are sums of logarithms. Cost: rows × columns² + columns⁴, at 4,000 rows and 40 columns a few
//! milliseconds.

use super::association::pearson;
use super::format::number;
use super::leak::{Speaker, drop_flags};
use automl_core::{Warning, WarningKind};

const MAX_ROWS: usize = 4_000;
const MIN_ROWS: usize = 40;
const MAX_COLUMNS: usize = 40;
/// More columns than this are a model, not a leak.
const MAX_PARTS: usize = 6;
/// Share of the target's variance that may be left unexplained.
const LEFT: f64 = 1e-4;

/// A warning about number columns (names, all rows) that together give the target of `rows`, called `name`.
pub(super) fn warning(
    columns: &[(&str, &[f64])],
    rows: &[u32],
    target: &[f64],
    (name, speaker): (&str, Speaker),
) -> Option<Warning> {
    let (parts, formula) = find(columns, rows, target, Scale::Plain)
        .or_else(|| find(columns, rows, target, Scale::Logarithm))?;
    let advice = format!(
        "drop {} with {} if they are not known when predicting",
        if parts.len() == 1 { "it" } else { "them" },
        drop_flags(speaker, parts.iter().copied()),
    );
    let message = format!("{formula} gives '{name}' in unseen rows; {advice}");
    Some(Warning::new(WarningKind::TargetLeak, parts, message))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Plain,
    Logarithm,
}

impl Scale {
    /// The number on this scale; NaN where it has no place there.
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Plain => value,
            Self::Logarithm if value > 0.0 => value.ln(),
            Self::Logarithm => f64::NAN,
        }
    }
}

fn find<'a>(
    columns: &[(&'a str, &[f64])],
    rows: &[u32],
    target: &[f64],
    scale: Scale,
) -> Option<(Vec<&'a str>, String)> {
    let stride = rows.len().div_ceil(MAX_ROWS).max(1);
    let places: Vec<usize> = (0..rows.len())
        .step_by(stride)
        .filter(|&place| !scale.of(target[place]).is_nan())
        .collect();
    if places.len() < MIN_ROWS || places.len() * stride * 2 < rows.len() {
        return None;
    }
    let y: Vec<f64> = places
        .iter()
        .map(|&place| scale.of(target[place]))
        .collect();
    let mut candidates = candidates(columns, rows, &places, &y, scale);
    // Only rows with all the numbers can be added up.
    let complete: Vec<usize> = (0..places.len())
        .filter(|&row| candidates.iter().all(|(_, x)| !x[row].is_nan()))
        .collect();
    candidates.truncate(complete.len() / 4);
    if complete.len() < MIN_ROWS || candidates.len() < 2 {
        return None;
    }
    let x: Vec<Vec<f64>> = candidates
        .iter()
        .map(|(_, x)| complete.iter().map(|&row| x[row]).collect())
        .collect();
    let y: Vec<f64> = complete.iter().map(|&row| y[row]).collect();
    let system = System::new(&x, &y)?;
    let kept = system.least_columns()?;
    let line = system.line(&kept)?;
    if line.left_unseen > LEFT || kept.len() > MAX_PARTS {
        return None;
    }
    let names: Vec<&str> = kept
        .iter()
        .map(|&column| columns[candidates[column].0].0)
        .collect();
    let formula = match scale {
        Scale::Plain => sum_formula(&names, &line, &y),
        Scale::Logarithm => product_formula(&names, &line)?,
    };
    Some((names, formula))
}

/// Columns that vary and are mostly there, those closest to the target first: position and numbers.
fn candidates(
    columns: &[(&str, &[f64])],
    rows: &[u32],
    places: &[usize],
    y: &[f64],
    scale: Scale,
) -> Vec<(usize, Vec<f64>)> {
    let mut found: Vec<(f64, usize, Vec<f64>)> = Vec::new();
    for (position, (_, values)) in columns.iter().enumerate() {
        let x: Vec<f64> = places
            .iter()
            .map(|&place| scale.of(values[rows[place] as usize]))
            .collect();
        let n_missing = x.iter().filter(|x| x.is_nan()).count();
        let (present, target): (Vec<f64>, Vec<f64>) = x
            .iter()
            .zip(y)
            .filter(|(x, _)| !x.is_nan())
            .map(|(&x, &y)| (x, y))
            .unzip();
        if n_missing * 10 <= x.len()
            && let Some(r) = pearson(&present, &target)
        {
            found.push((r.abs(), position, x));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    found.truncate(MAX_COLUMNS);
    // In the table's order from here on, so that formulas read naturally.
    found.sort_by_key(|found| found.1);
    found
        .into_iter()
        .map(|(_, position, x)| (position, x))
        .collect()
}

/// Standardised columns and target; even rows are learned from, odd rows are not.
struct System {
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    x_scales: Vec<(f64, f64)>,
    y_scale: (f64, f64),
    gram: Vec<Vec<f64>>,
    moments: Vec<f64>,
}

/// A straight line: slopes and intercept in the columns' own units.
struct Line {
    slopes: Vec<f64>,
    intercept: f64,
    /// Share of variance unexplained in the rows not learned from.
    left_unseen: f64,
    /// Greatest error in those rows, in the target's units.
    error_max: f64,
}

impl System {
    fn new(x: &[Vec<f64>], y: &[f64]) -> Option<Self> {
        let (y, y_scale) = standardised(y)?;
        let mut columns = Vec::new();
        let mut x_scales = Vec::new();
        for x in x {
            // A column that is constant in the rows learned from counts as zero.
            let (x, scale) = standardised(x).unwrap_or_else(|| (vec![0.0; x.len()], (0.0, 1.0)));
            columns.push(x);
            x_scales.push(scale);
        }
        let dot = |a: &[f64], b: &[f64]| -> f64 {
            let products = a.iter().zip(b).step_by(2).map(|(a, b)| a * b);
            products.sum::<f64>() / a.len().div_ceil(2) as f64
        };
        let gram = columns
            .iter()
            .map(|a| columns.iter().map(|b| dot(a, b)).collect())
            .collect();
        let moments = columns.iter().map(|a| dot(a, &y)).collect();
        Some(Self {
            x: columns,
            y,
            x_scales,
            y_scale,
            gram,
            moments,
        })
    }

    /// The fewest columns, by taking out the least important first, that explain the target; `None` if all do not.
    fn least_columns(&self) -> Option<Vec<usize>> {
        let mut kept: Vec<usize> = (0..self.x.len()).collect();
        let weights = self.solve(&kept)?;
        if self.left(&kept, &weights) > LEFT {
            return None;
        }
        let mut order = kept.clone();
        order.sort_by(|&a, &b| {
            weights[a]
                .abs()
                .total_cmp(&weights[b].abs())
                .then(b.cmp(&a))
        });
        for column in order {
            let fewer: Vec<usize> = kept
                .iter()
                .copied()
                .filter(|&other| other != column)
                .collect();
            if let Some(weights) = self.solve(&fewer)
                && self.left(&fewer, &weights) <= LEFT
            {
                kept = fewer;
            }
        }
        (!kept.is_empty()).then_some(kept)
    }

    /// Share of the target's variance that is left in the rows learned from.
    fn left(&self, columns: &[usize], weights: &[f64]) -> f64 {
        let explained: f64 = columns
            .iter()
            .zip(weights)
            .map(|(&column, weight)| weight * self.moments[column])
            .sum();
        1.0 - explained
    }

    /// Least squares by Cholesky; a trace of ridge keeps repeated columns apart.
    fn solve(&self, columns: &[usize]) -> Option<Vec<f64>> {
        let n = columns.len();
        let mut factor = vec![vec![0.0; n]; n];
        for i in 0..n {
            for j in 0..=i {
                let mut sum = self.gram[columns[i]][columns[j]];
                if i == j {
                    sum += 1e-9;
                }
                sum -= factor[i][..j]
                    .iter()
                    .zip(&factor[j])
                    .map(|(a, b)| a * b)
                    .sum::<f64>();
                if i == j {
                    if sum <= 0.0 {
                        return None;
                    }
                    factor[i][i] = sum.sqrt();
                } else {
                    factor[i][j] = sum / factor[j][j];
                }
            }
        }
        let mut weights: Vec<f64> = columns.iter().map(|&column| self.moments[column]).collect();
        for i in 0..n {
            for k in 0..i {
                weights[i] -= factor[i][k] * weights[k];
            }
            weights[i] /= factor[i][i];
        }
        for i in (0..n).rev() {
            for k in i + 1..n {
                weights[i] -= factor[k][i] * weights[k];
            }
            weights[i] /= factor[i][i];
        }
        Some(weights)
    }

    fn line(&self, columns: &[usize]) -> Option<Line> {
        let weights = self.solve(columns)?;
        let (mut left, mut total, mut error_max) = (0.0, 0.0, 0.0_f64);
        for row in (1..self.y.len()).step_by(2) {
            let guess: f64 = columns
                .iter()
                .zip(&weights)
                .map(|(&column, weight)| weight * self.x[column][row])
                .sum();
            left += (self.y[row] - guess).powi(2);
            total += self.y[row].powi(2);
            error_max = error_max.max((self.y[row] - guess).abs());
        }
        let (y_mean, y_std) = self.y_scale;
        let slopes: Vec<f64> = columns
            .iter()
            .zip(&weights)
            .map(|(&column, weight)| weight * y_std / self.x_scales[column].1)
            .collect();
        let intercept = columns
            .iter()
            .zip(&slopes)
            .fold(y_mean, |sum, (&column, slope)| {
                sum - slope * self.x_scales[column].0
            });
        Some(Line {
            slopes,
            intercept,
            left_unseen: left / total,
            error_max: error_max * y_std,
        })
    }
}

/// Numbers less their mean over their standard deviation, both of the even rows; `None` if those do not vary.
fn standardised(values: &[f64]) -> Option<(Vec<f64>, (f64, f64))> {
    let n = values.len().div_ceil(2) as f64;
    let learned = || values.iter().step_by(2);
    let mean = learned().sum::<f64>() / n;
    let std = (learned().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    let scaled = values.iter().map(|value| (value - mean) / std).collect();
    (std > 1e-12 * mean.abs().max(1e-300)).then_some((scaled, (mean, std)))
}

fn is_near(value: f64, goal: f64) -> bool {
    (value - goal).abs() < 1e-4
}

/// `'a' + 2 × 'b' − 'c'`, with the intercept unless it is nothing beside the target.
fn sum_formula(names: &[&str], line: &Line, y: &[f64]) -> String {
    let mut formula = String::new();
    for (name, &slope) in names.iter().zip(&line.slopes) {
        let sign = match (formula.is_empty(), slope < 0.0) {
            (true, true) => "−",
            (true, false) => "",
            (false, true) => " − ",
            (false, false) => " + ",
        };
        formula.push_str(sign);
        if !is_near(slope.abs(), 1.0) {
            formula.extend([&number(slope.abs()), " × "]);
        }
        formula.extend(["'", name, "'"]);
    }
    let size = y.iter().map(|value| value.abs()).sum::<f64>() / y.len() as f64;
    if line.intercept.abs() > 1e-4 * size.max(line.error_max) {
        let sign = if line.intercept < 0.0 { " − " } else { " + " };
        formula.extend([sign, &number(line.intercept.abs())]);
    }
    formula
}

/// `'a' × 'b' / 'c'²`; `None` unless every power is a whole number.
fn product_formula(names: &[&str], line: &Line) -> Option<String> {
    let mut formula = String::new();
    let factor = line.intercept.exp();
    if !is_near(factor, 1.0) {
        formula.push_str(&number(factor));
    }
    for (name, &power) in names.iter().zip(&line.slopes) {
        let whole = power.round();
        if (power - whole).abs() > 1e-2 || !(1.0..=3.0).contains(&whole.abs()) {
            return None;
        }
        let sign = match (formula.is_empty(), whole < 0.0) {
            (true, true) => "1 / ",
            (true, false) => "",
            (false, true) => " / ",
            (false, false) => " × ",
        };
        let raised = ["", "²", "³"][whole.abs() as usize - 1];
        formula.extend([sign, "'", name, "'", raised]);
    }
    Some(formula)
}
