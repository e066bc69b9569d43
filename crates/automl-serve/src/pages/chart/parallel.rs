//! Runs as lines across parallel axes, one a param and the last a metric, coloured by the metric.

use super::length;
use super::scale::Scale;
use maud::{Markup, html};
use std::fmt::Write as _;

/// The values of all runs on one axis; a run may have none.
#[derive(Debug, Clone)]
pub(in super::super) struct Column {
    pub(in super::super) name: String,
    pub(in super::super) values: Vec<Option<String>>,
}

/// The chart; the last column is the metric.
#[derive(Debug)]
pub(in super::super) struct Parallel<'a> {
    pub(in super::super) columns: &'a [Column],
    /// Name and address of each run.
    pub(in super::super) runs: &'a [(String, String)],
}

const HEIGHT: f64 = 340.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 24.0;
const SIDE: f64 = 70.0;
/// The whole, if the gaps between axes are neither too narrow nor too wide for it.
const WIDTH: f64 = 1400.0;
const GAPS: (f64, f64) = (140.0, 320.0);
/// Texts on an axis; more would overlap.
const TEXTS_MAX: usize = 14;
const N_SHADES: usize = 5;

/// An axis of numbers, or of texts at even distances.
enum Axis {
    Numbers(Scale),
    Texts(Vec<String>),
}

impl Axis {
    fn of(column: &Column) -> Self {
        let texts = || column.values.iter().flatten();
        let numbers: Vec<f64> = texts().filter_map(|text| finite(text)).collect();
        if numbers.len() == texts().count() {
            let is_wide = numbers.iter().all(|value| *value > 0.0)
                && numbers.iter().copied().fold(0.0, f64::max)
                    > 100.0 * numbers.iter().copied().fold(f64::INFINITY, f64::min);
            let ends = (HEIGHT - BOTTOM, TOP);
            return Self::Numbers(Scale::over(numbers.into_iter(), is_wide, 0.0, ends));
        }
        let mut texts: Vec<String> = texts().cloned().collect();
        texts.sort();
        texts.dedup();
        Self::Texts(texts)
    }

    fn place(&self, text: &str) -> Option<f64> {
        match self {
            Self::Numbers(scale) => Some(scale.place(finite(text)?)),
            Self::Texts(texts) => {
                let place = texts.iter().position(|known| known == text)?;
                let share = (place as f64 + 0.5) / texts.len() as f64;
                Some(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share)
            }
        }
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        match self {
            Self::Numbers(scale) => {
                let ticks = scale.ticks(5).into_iter();
                ticks
                    .map(|(value, text)| (scale.place(value), text))
                    .collect()
            }
            Self::Texts(texts) => {
                let stride = texts.len().div_ceil(TEXTS_MAX);
                let shown = texts.iter().step_by(stride.max(1));
                shown
                    .filter_map(|text| {
                        let (short, is_cut) = super::super::format::clip(text, 14);
                        let mark = if is_cut { "…" } else { "" };
                        Some((self.place(text)?, format!("{short}{mark}")))
                    })
                    .collect()
            }
        }
    }
}

fn finite(text: &str) -> Option<f64> {
    text.trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

impl Parallel<'_> {
    /// The drawing.
    pub(in super::super) fn svg(&self) -> Markup {
        let axes: Vec<Axis> = self.columns.iter().map(Axis::of).collect();
        let gap = self.gap();
        let width = 2.0 * SIDE + gap * (axes.len() as f64 - 1.0);
        let shades = self.shades();
        let at = |index: usize| SIDE + gap * index as f64;
        html! {
            svg.parallel viewBox=(format!("0 0 {width} {HEIGHT}")) width=(width) role="group"
                aria-label=(format!("{} runs across {}", self.runs.len(), self.names())) {
                @for (number, (name, address)) in self.runs.iter().enumerate() {
                    @let path = self.path(number, &axes);
                    @if !path.is_empty() {
                        a href=(address) aria-label=(name) {
                            path class=(format!("run q{}", shades[number])) d=(path) { title { (name) } }
                        }
                    }
                }
                @for (index, (axis, column)) in axes.iter().zip(self.columns).enumerate() {
                    line.axis x1=(at(index)) x2=(at(index)) y1=(TOP) y2=(HEIGHT - BOTTOM) {}
                    text.name x=(at(index)) y=(TOP - 14.0) text-anchor="middle" {
                        @let (short, is_cut) = super::super::format::clip(&column.name, 20);
                        (short) @if is_cut { "…" } title { (column.name) }
                    }
                    @for (place, text) in axis.ticks() {
                        text.tick x=(at(index) - 6.0) y=(length(place + 4.0)) text-anchor="end" { (text) }
                    }
                }
            }
        }
    }

    fn gap(&self) -> f64 {
        let n_gaps = self.columns.len().saturating_sub(1).max(1);
        ((WIDTH - 2.0 * SIDE) / n_gaps as f64).clamp(GAPS.0, GAPS.1)
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        names.join(", ")
    }

    fn path(&self, run: usize, axes: &[Axis]) -> String {
        let gap = self.gap();
        let mut path = String::new();
        for (index, (axis, column)) in axes.iter().zip(self.columns).enumerate() {
            let text = column.values.get(run).and_then(Option::as_deref);
            let Some(place) = text.and_then(|text| axis.place(text)) else {
                continue;
            };
            let letter = if path.is_empty() { 'M' } else { 'L' };
            let across = length(SIDE + gap * index as f64);
            // Writing to a string cannot fail.
            write!(path, "{letter}{across} {}", length(place)).ok();
        }
        path
    }

    /// Which fifth of the runs each is in, by the metric.
    fn shades(&self) -> Vec<usize> {
        let values = self.columns.last().map(|column| &column.values);
        let value = |run: usize| -> f64 {
            let text = values.and_then(|values| values.get(run)?.as_deref());
            text.and_then(finite).unwrap_or(f64::NEG_INFINITY)
        };
        let mut order: Vec<usize> = (0..self.runs.len()).collect();
        order.sort_by(|a, b| value(*a).total_cmp(&value(*b)));
        let mut shades = vec![0; order.len()];
        for (rank, run) in order.iter().enumerate() {
            shades[*run] = rank * N_SHADES / order.len();
        }
        shades
    }
}
