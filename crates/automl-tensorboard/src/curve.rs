//! Precision and recall of two classes at even thresholds, as the plugin `pr_curves` draws them.

use crate::message::{DT_FLOAT, Dim, PrCurvePluginData, TensorProto, TensorShapeProto};
use prost::Message;

/// Thresholds of a curve, as PyTorch's writer has them; TensorBoard's own has 201.
const N_THRESHOLDS: usize = 127;
/// Rows of the tensor: true and false positives, true and false negatives, precision, recall.
const N_ROWS: usize = 6;
/// Rows so far that no precision divides by nothing.
const LEAST: f64 = 1e-7;

/// Counts at thresholds that rise evenly from 0 to 1, rounded to the 32 bits that files keep of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PrCurve {
    /// Rows of the class at or above each threshold.
    pub true_positives: Vec<f64>,
    /// Rows of the other class at or above each threshold.
    pub false_positives: Vec<f64>,
    /// Rows of the other class below each threshold.
    pub true_negatives: Vec<f64>,
    /// Rows of the class below each threshold.
    pub false_negatives: Vec<f64>,
}

impl PrCurve {
    /// Counts rows by the probability of a class and whether they are of it.
    pub fn of(rows: impl Iterator<Item = (f64, bool)>) -> Self {
        // Rows by the last threshold that they reach.
        let mut reached = [vec![0.0; N_THRESHOLDS], vec![0.0; N_THRESHOLDS]];
        for (probability, is_of_class) in rows {
            let place = probability.clamp(0.0, 1.0) * (N_THRESHOLDS - 1) as f64;
            reached[usize::from(is_of_class)][place as usize] += 1.0;
        }
        let from_above = |counts: &[f64]| {
            let mut sums = counts.to_vec();
            for place in (0..N_THRESHOLDS - 1).rev() {
                sums[place] += sums[place + 1];
            }
            rounded(sums.into_iter())
        };
        let [others, own] = reached.map(|counts| from_above(&counts));
        let below = |above: &[f64]| rounded(above.iter().map(|count| above[0] - count));
        Self {
            true_negatives: below(&others),
            false_negatives: below(&own),
            true_positives: own,
            false_positives: others,
        }
    }

    /// The plugin's message and the tensor of counts, precision and recall.
    pub(crate) fn to_proto(&self) -> (Vec<u8>, TensorProto) {
        let n = self.true_positives.len();
        let plugin = PrCurvePluginData {
            version: 0,
            num_thresholds: n as u32,
        };
        let share = |others: &[f64]| -> Vec<f64> {
            let pairs = self.true_positives.iter().zip(others);
            pairs
                .map(|(own, other)| own / (own + other).max(LEAST))
                .collect()
        };
        let rows = [
            &self.true_positives,
            &self.false_positives,
            &self.true_negatives,
            &self.false_negatives,
            &share(&self.false_positives),
            &share(&self.false_negatives),
        ];
        let dim = |size: usize| Dim { size: size as i64 };
        let tensor = TensorProto {
            dtype: DT_FLOAT,
            tensor_shape: Some(TensorShapeProto {
                dim: vec![dim(N_ROWS), dim(n)],
            }),
            float_val: rows
                .into_iter()
                .flatten()
                .map(|&value| value as f32)
                .collect(),
            ..TensorProto::default()
        };
        (plugin.encode_to_vec(), tensor)
    }

    /// The counts of a tensor, if they are laid down as floats.
    pub(crate) fn from_proto(tensor: &TensorProto) -> Option<Self> {
        let from_content = || {
            let numbers = tensor.tensor_content.as_chunks::<4>().0.iter();
            numbers.map(|&bytes| f32::from_le_bytes(bytes)).collect()
        };
        let values: Vec<f32> = match tensor.dtype {
            DT_FLOAT if tensor.float_val.is_empty() => from_content(),
            DT_FLOAT => tensor.float_val.clone(),
            _ => return None,
        };
        let n = values.len() / N_ROWS;
        if n == 0 || values.len() != n * N_ROWS {
            return None;
        }
        let mut rows = values.chunks_exact(n);
        let mut row = || Some(rows.next()?.iter().map(|&value| f64::from(value)).collect());
        Some(Self {
            true_positives: row()?,
            false_positives: row()?,
            true_negatives: row()?,
            false_negatives: row()?,
        })
    }
}

fn rounded(counts: impl Iterator<Item = f64>) -> Vec<f64> {
    counts.map(|count| f64::from(count as f32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_at_or_above_each_threshold() {
        let rows = [(0.0, false), (0.5, true), (0.5, false), (1.0, true)];
        let curve = PrCurve::of(rows.into_iter());
        let at = |place: usize| {
            [
                curve.true_positives[place],
                curve.false_positives[place],
                curve.true_negatives[place],
                curve.false_negatives[place],
            ]
        };
        assert_eq!(at(0), [2.0, 2.0, 0.0, 0.0]);
        assert_eq!(at(1), [2.0, 1.0, 1.0, 0.0]);
        assert_eq!(at(63), [2.0, 1.0, 1.0, 0.0]);
        assert_eq!(at(64), [1.0, 0.0, 2.0, 1.0]);
        assert_eq!(at(126), [1.0, 0.0, 2.0, 1.0]);
    }
}
