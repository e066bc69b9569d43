//! From values to places in a drawing, and the round numbers beside an axis.

use super::super::format;

/// One axis: linear, or by powers of ten.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Scale {
    /// The ends in values, or in powers of ten.
    pub(in super::super) low: f64,
    pub(in super::super) high: f64,
    pub(in super::super) is_log: bool,
    /// The ends in the drawing.
    pub(in super::super) from: f64,
    pub(in super::super) to: f64,
}

impl Scale {
    /// A scale over values that are finite (and positive if it is by powers of ten), widened by a share at both ends.
    pub(in super::super) fn over(
        values: impl Iterator<Item = f64>,
        is_log: bool,
        margin: f64,
        (from, to): (f64, f64),
    ) -> Self {
        let values = values.map(|value| if is_log { value.log10() } else { value });
        let (mut low, mut high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // One value stands in the middle, whatever its size.
        let span = high - low;
        let pad = if span.is_infinite() {
            0.0
        } else if span > 0.0 {
            span * margin
        } else if low == 0.0 || is_log {
            0.5
        } else {
            low.abs() * 0.1
        };
        if span <= 0.0 || margin > 0.0 {
            (low, high) = (low - pad, high + pad);
        }
        Self {
            low,
            high,
            is_log,
            from,
            to,
        }
    }

    /// Where a value stands.
    pub(in super::super) fn place(&self, value: f64) -> f64 {
        let value = if self.is_log { value.log10() } else { value };
        // Halves, so that the span of very great numbers stays finite.
        let share = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        self.from + (self.to - self.from) * share
    }

    /// Some round values in the range, with their texts.
    pub(in super::super) fn ticks(&self, n_wished: usize) -> Vec<(f64, String)> {
        self.ticks_apart(n_wished, 0.0)
    }

    /// The same, but no nearer to one another than `least`.
    pub(in super::super) fn ticks_apart(&self, n_wished: usize, least: f64) -> Vec<(f64, String)> {
        if self.is_log {
            let decades = powers(self.low, self.high, n_wished);
            if decades.len() >= 2 {
                return decades;
            }
            let (low, high) = (10_f64.powf(self.low), 10_f64.powf(self.high));
            return round(low, high, n_wished, least);
        }
        round(self.low, self.high, n_wished, least)
    }

    /// What the script needs to read a value back.
    pub(in super::super) fn for_script(&self) -> String {
        format!(
            "{} {} {} {} {}",
            self.low,
            self.high,
            self.from,
            self.to,
            u8::from(self.is_log)
        )
    }
}

fn powers(low: f64, high: f64, n_wished: usize) -> Vec<(f64, String)> {
    let (first, last) = (low.ceil() as i32, high.floor() as i32);
    let stride = ((last - first) / n_wished.max(1) as i32 + 1).max(1) as usize;
    (first..=last)
        .step_by(stride)
        .map(|power| {
            let value = 10_f64.powi(power);
            (value, format::number(value))
        })
        .collect()
}

fn round(low: f64, high: f64, n_wished: usize, least: f64) -> Vec<(f64, String)> {
    let rough = (high / 2.0 - low / 2.0) * 2.0 / n_wished as f64;
    if !rough.is_finite() || rough <= 0.0 {
        return Vec::new();
    }
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(rough)
        .max(least);
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    let n_ticks = (last - first).clamp(0.0, 50.0) as usize;
    (0..=n_ticks)
        .map(|index| (first + index as f64) * step)
        .filter(|value| *value <= high)
        .map(|value| (value, label(value, step)))
        .collect()
}

/// A round value with as many decimals as its step has, and letters for thousands and millions.
fn label(value: f64, step: f64) -> String {
    let size = value.abs().max(step);
    if value == 0.0 || !(1e-5..1e15).contains(&size) {
        return format::number(value);
    }
    let (unit, letter) = match size {
        1e9.. => (1e9, "G"),
        1e6.. => (1e6, "M"),
        1e4.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    let n_decimals = (-(step / unit).log10() - 1e-9).ceil().clamp(0.0, 12.0) as usize;
    format!("{:.n_decimals$}{letter}", value / unit).replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::{Scale, label};

    #[test]
    fn ticks_are_round_and_inside() {
        let scale = Scale::over([0.0, 1.0].into_iter(), false, 0.0, (0.0, 100.0));
        let texts: Vec<String> = scale.ticks(5).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(label(15_000.0, 5000.0), "15k");
        assert_eq!(label(-0.25, 0.05), "−0.25");
    }

    #[test]
    fn powers_of_ten_stand_at_even_distances() {
        let scale = Scale::over([0.001, 1000.0].into_iter(), true, 0.0, (0.0, 60.0));
        assert_eq!(scale.place(1.0), 30.0);
        assert_eq!(
            scale.ticks(6).len(),
            4,
            "at most about as many as asked for"
        );
    }

    #[test]
    fn any_numbers_have_a_scale() {
        for values in [
            vec![],
            vec![7.0],
            vec![0.0],
            vec![-1.7e308, 1.7e308],
            vec![1e-300, 2e-300],
            vec![f64::NAN, f64::INFINITY],
        ] {
            for is_log in [false, true] {
                let scale = Scale::over(values.iter().copied(), is_log, 0.05, (0.0, 10.0));
                assert!(scale.ticks(5).len() < 60, "{values:?}");
                for value in &values {
                    let place = scale.place(*value);
                    let is_inside = (-1e-6..=10.0 + 1e-6).contains(&place);
                    assert!(
                        is_inside || !value.is_finite() || is_log,
                        "{values:?} {place}"
                    );
                }
            }
        }
    }
}
