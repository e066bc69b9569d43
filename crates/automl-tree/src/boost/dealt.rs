//! A fit whose rows are dealt to ranks: what is asked of all rows is asked of all ranks, so that the model is the same
//! bytes however many there are.
//!
//! Rows are numbered through, rank after rank. What is drawn for a row depends on its number; what is added up over rows
//! is added up in fixed point, where the order does not matter; and what could differ between ranks by chance, such as
//! whether time is up, is decided by all.

use super::rows::Rows;
use super::{Boosting, CatEncoding, ClassWeight, RowSampling};
use crate::gradient_boosting::GradientBoostingParams;
use crate::objective::{Goal, Loss, Objective};
use automl_core::{Coded, Collective, CollectiveError, FitError, ParamError, Params};

/// Bits of the greatest number of a sum.
const BITS: i32 = 62;

/// The ranks that share the rows of a fit.
#[derive(Clone, Copy)]
pub(crate) struct Dealt<'a> {
    pub(crate) ranks: &'a dyn Collective,
    /// The number of the first row of this rank's dataset among those of all.
    pub(crate) first_row: u64,
}

impl Dealt<'_> {
    /// The sum of numbers of all ranks, the same bits however they are dealt: each is rounded to a multiple of 2⁻⁶² of a
    /// power of two above the greatest. Not a number where one is not finite.
    pub(super) fn sum(
        &self,
        values: impl Iterator<Item = f64> + Clone,
    ) -> Result<f64, CollectiveError> {
        Ok(self.sums(1, values.map(|value| (0, value)))?[0])
    }

    /// Several such sums, of numbers that say which one they belong to.
    pub(super) fn sums(
        &self,
        n_sums: usize,
        values: impl Iterator<Item = (usize, f64)> + Clone,
    ) -> Result<Vec<f64>, CollectiveError> {
        let sizes = values.clone().map(|(_, value)| {
            if value.is_nan() {
                f64::INFINITY
            } else {
                value.abs()
            }
        });
        let mut most = [sizes.fold(0.0, f64::max)];
        self.ranks.all_reduce_max_f64(&mut most)?;
        if most[0].is_infinite() {
            return Ok(vec![f64::NAN; n_sums]);
        }
        let shift = BITS - 1 - exponent(most[0]);
        let mut sums = vec![0_i128; n_sums];
        for (place, value) in values {
            sums[place] += scaled(value, shift) as i128;
        }
        self.ranks.all_reduce_i128(&mut sums)?;
        let back = |sum: i128| scaled(sum as f64, -shift);
        Ok(sums.into_iter().map(back).collect())
    }

    /// Whether it is so on any rank.
    pub(super) fn any(&self, is_so: bool) -> Result<bool, CollectiveError> {
        let mut count = [i64::from(is_so)];
        self.ranks.all_reduce_i64(&mut count)?;
        Ok(count[0] > 0)
    }

    /// The result of something that one rank may fail at: then all fail, the others by saying what that one did.
    pub(crate) fn all<T>(&self, result: Result<T, FitError>) -> Result<T, FitError> {
        let said = result.as_ref().err().map(|error| match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        });
        let all = self.ranks.all_gather(said.unwrap_or_default().as_bytes())?;
        let done = result?;
        match all.iter().position(|said| !said.is_empty()) {
            None => Ok(done),
            Some(rank) => Err(CollectiveError::Gone {
                rank,
                reason: String::from_utf8_lossy(&all[rank]).into_owned(),
            }
            .into()),
        }
    }

    /// The best constant to start from.
    pub(super) fn base(&self, goal: &Goal, rows: &Rows) -> Result<Vec<f64>, FitError> {
        let Goal::Rows(loss) = goal else {
            unreachable!("other goals were refused");
        };
        let weight = |row: usize| rows.weights.as_ref().map_or(1.0, |weights| weights[row]);
        let all = 0..rows.targets.len();
        let total = self.sum(all.clone().map(weight))?;
        Ok(match loss {
            Loss::Softmax { n_classes } | Loss::OneVsRest { n_classes } => {
                let of_class = |row: usize| (rows.targets[row] as usize, weight(row));
                let weights = self.sums(*n_classes, all.map(of_class))?;
                loss.base_of_shares(weights.into_iter().map(|weight| weight / total))
            }
            _ => {
                let sum = self.sum(all.map(|row| weight(row) * rows.targets[row]))?;
                vec![loss.base_of_mean(sum / total)]
            }
        })
    }

    /// Whether each output has something to learn: see [`super::loss::learns`].
    pub(super) fn learns(&self, goal: &Goal, rows: &Rows) -> Result<Vec<bool>, CollectiveError> {
        let counts = |row: &usize| {
            let weights = rows.weights.as_ref();
            weights.is_none_or(|weights| weights[*row] > 0.0)
        };
        let counted = || {
            (0..rows.targets.len())
                .filter(counts)
                .map(|row| rows.targets[row])
        };
        let mut ends = [
            counted().fold(f64::NEG_INFINITY, f64::max),
            -counted().fold(f64::INFINITY, f64::min),
        ];
        self.ranks.all_reduce_max_f64(&mut ends)?;
        let differs = ends[0] > -ends[1];
        let Goal::Rows(Loss::Softmax { n_classes } | Loss::OneVsRest { n_classes }) = goal else {
            return Ok(vec![differs]);
        };
        let mut n_rows = vec![0_i64; *n_classes];
        counted().for_each(|class| n_rows[class as usize] += 1);
        self.ranks.all_reduce_i64(&mut n_rows)?;
        Ok(n_rows.into_iter().map(|n| differs && n > 0).collect())
    }

    /// The mean loss of the validation rows of all ranks.
    pub(super) fn loss(&self, loss: Loss, rows: &Rows) -> Result<f64, CollectiveError> {
        let weight = |row: usize| rows.weights.as_ref().map_or(1.0, |weights| weights[row]);
        let all = 0..rows.targets.len();
        let n_rows = rows.targets.len();
        let of_row =
            |row: usize| weight(row) * loss.of_row(&rows.scores, &rows.targets, n_rows, row);
        let sum = self.sum(all.clone().map(of_row))?;
        Ok(sum / self.sum(all.map(weight))?)
    }
}

/// The power of two that a number is at least, and below twice as much; for zero any will do.
fn exponent(number: f64) -> i32 {
    ((number.to_bits() >> 52) & 0x7ff).max(1) as i32 - 1023
}

/// `number · 2^shift`, by halves, so that no factor overflows.
fn scaled(number: f64, shift: i32) -> f64 {
    let half = shift / 2;
    let power = |shift: i32| f64::from_bits(((1023 + shift) as u64) << 52);
    number * power(half) * power(shift - half)
}

/// Refuses what a fit over ranks has not learned yet.
pub(crate) fn check(params: &GradientBoostingParams, is_custom: bool) -> Result<(), FitError> {
    let is_by_row = matches!(
        params.objective,
        Objective::Squared
            | Objective::Poisson
            | Objective::Gamma
            | Objective::Tweedie
            | Objective::LogLoss
    );
    let draws_by_row = params.row_sampling == RowSampling::Uniform;
    let refused = [
        (
            "objective",
            !is_by_row || is_custom,
            "needs all rows in one place",
        ),
        (
            "boosting",
            params.boosting == Boosting::Dart,
            "is not done over ranks",
        ),
        (
            "row_sampling",
            !draws_by_row,
            "looks at all rows; use uniform",
        ),
        (
            "class_weight",
            params.class_weight != ClassWeight::None,
            "is not done over ranks; give rows weights",
        ),
        (
            "cat_encoding",
            params.cat_encoding != CatEncoding::Sorted,
            "needs the order of all rows; use sorted",
        ),
        (
            "eval_metric",
            !params.eval_metric.trim().is_empty(),
            "is not watched over ranks; leave it empty to watch the loss",
        ),
        (
            "offset_column",
            !params.offset_column.trim().is_empty(),
            "is not done over ranks",
        ),
        (
            "linear_leaves",
            params.linear_leaves,
            "is not done over ranks",
        ),
        (
            "quantized_gradients",
            params.quantized_gradients,
            "is not needed over ranks, which add up whole numbers anyhow",
        ),
        (
            "generalization_budget",
            params.generalization_budget > 0.0,
            "is not done over ranks",
        ),
    ];
    let Some((name, _, reason)) = refused.iter().find(|(_, is_asked, _)| *is_asked) else {
        return Ok(());
    };
    Err(FitError::Param(ParamError::Conflict {
        name: (*name).to_owned(),
        value: params.get(name).expect("it is a parameter"),
        reason: (*reason).to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_core::Solo;

    #[test]
    fn sums_do_not_depend_on_the_order_and_are_right() {
        let dealt = Dealt {
            ranks: &Solo,
            first_row: 0,
        };
        let values: Vec<f64> = (0..1000)
            .map(|i| f64::from(i * 7919 % 1000) * 1e3 + 1e-9 * f64::from(i))
            .collect();
        let sum = dealt.sum(values.iter().copied()).unwrap();
        assert_eq!(
            sum.to_bits(),
            dealt.sum(values.iter().rev().copied()).unwrap().to_bits()
        );
        let expected: f64 = values.iter().sum();
        assert!((sum / expected - 1.0).abs() < 1e-14, "{sum} {expected}");
        assert_eq!(dealt.sum([].into_iter()).unwrap(), 0.0);
        assert_eq!(
            dealt
                .sum([f64::MAX, -f64::MAX, 5e-324].into_iter())
                .unwrap(),
            0.0
        );
        assert_eq!(dealt.sum([5e-324, 5e-324].into_iter()).unwrap(), 1e-323);
        assert!(dealt.sum([1.0, f64::NAN].into_iter()).unwrap().is_nan());
    }
}
