//! Small charts as SVG: drawn once, no script, colours from the page's style.

use super::format::{count, number_or_year};
use super::model::Histogram;
use super::summary::moment;
use maud::{Markup, html};

// Twenty bars, the usual number, stand on whole numbers.
const WIDTH: f64 = 472.0;
const HEIGHT: f64 = 188.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 46.0;

/// What the numbers along the axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// Plain numbers.
    Numbers,
    /// Whole numbers that are years.
    Years,
    /// Seconds since 1970.
    Moments,
}

impl Axis {
    fn label(self, value: f64) -> String {
        match self {
            Self::Numbers | Self::Years => number_or_year(value, self == Self::Years),
            Self::Moments => moment((value * 1e6) as i64, true),
        }
    }
}

/// A histogram with both axes, a title for readers of the page source and of screens, and a hint on each bar.
pub(super) fn histogram(
    histogram: &Histogram,
    title: &str,
    axis_title: &str,
    axis: Axis,
) -> Markup {
    let n_bars = histogram.counts.len() as f64;
    let most = histogram.counts.iter().copied().max().unwrap_or(0).max(1);
    let (plot_width, plot_height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    let step = plot_width / n_bars;
    let floor = TOP + plot_height;
    let ticks = ticks(histogram, axis);
    html! {
        svg class="chart" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" {
            title { (title) }
            @for (share, label) in [(0.0, String::new()), (0.5, count(most / 2)), (1.0, count(most))] {
                @let y = round(floor - share * plot_height);
                line class="grid" x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y) y2=(y) {}
                @if !label.is_empty() && (share == 1.0 || most > 1) {
                    text x=(LEFT - 6.0) y=(y + 4.0) class="e" { (label) }
                }
            }
            g class="bar" {
                @for (bar, &n) in histogram.counts.iter().enumerate() {
                    @if n > 0 {
                        @let height = (n as f64 / most as f64 * plot_height).round().max(1.0);
                        @let (x, width) = (round(LEFT + bar as f64 * step + 1.0), round(step - 2.0));
                        path d=(format!("M{x} {floor}v-{height}h{width}v{height}z")) {
                            title { (hint(histogram, bar, axis)) ": " (count(n)) }
                        }
                    }
                }
            }
            line class="axis" x1=(LEFT) x2=(WIDTH - RIGHT) y1=(floor) y2=(floor) {}
            @for (place, anchor, label) in &ticks {
                text x=(round(LEFT + place * step)) y=(floor + 18.0) class=(anchor) { (label) }
            }
            text class="axis-title" x=(LEFT + plot_width / 2.0) y=(HEIGHT - 4.0) { (axis_title) }
            text class="axis-title" x="12" y=(TOP + plot_height / 2.0)
                transform=(format!("rotate(-90 12 {})", TOP + plot_height / 2.0)) { "rows" }
        }
    }
}

/// The marks under a histogram: how many bars from the left, how their text is set, and the text.
fn ticks(histogram: &Histogram, axis: Axis) -> Vec<(f64, &'static str, String)> {
    let n_bars = histogram.counts.len();
    let (first, last) = (histogram.edges[0], histogram.edges[n_bars]);
    let is_whole = is_whole(histogram);
    if is_whole && histogram.edges[1] - first == 1.0 {
        let bars = (0..n_bars)
            .step_by(n_bars.div_ceil(8))
            .map(|bar| bar as f64 + 0.5);
        return bars
            .map(|middle| (middle, "m", axis.label(first + middle)))
            .collect();
    }
    let (half, middle) = if is_whole {
        (0.5, f64::midpoint(first, last).round())
    } else {
        (0.0, f64::midpoint(first, last))
    };
    let below = if histogram.is_open_below { "≤ " } else { "" };
    let above = if histogram.is_open_above { "≥ " } else { "" };
    let n_bars = n_bars as f64;
    vec![
        (0.0, "s", format!("{below}{}", axis.label(first + half))),
        (n_bars / 2.0, "m", axis.label(middle)),
        (n_bars, "e", format!("{above}{}", axis.label(last - half))),
    ]
}

/// Whether the bars hold whole numbers: their edges stand half-way between.
fn is_whole(histogram: &Histogram) -> bool {
    histogram.edges.iter().all(|edge| edge.fract().abs() == 0.5)
}

fn hint(histogram: &Histogram, bar: usize, axis: Axis) -> String {
    let half = if is_whole(histogram) { 0.5 } else { 0.0 };
    let (start, end) = (
        axis.label(histogram.edges[bar] + half),
        axis.label(histogram.edges[bar + 1] - half),
    );
    if bar == 0 && histogram.is_open_below {
        format!("up to {end}")
    } else if bar + 1 == histogram.counts.len() && histogram.is_open_above {
        format!("{start} and above")
    } else if start == end {
        start
    } else {
        format!("{start} to {end}")
    }
}

/// A small histogram without axes, for a cell of a table.
pub(super) fn sparkline(counts: &[u64]) -> Markup {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let mut bars = String::new();
    for (bar, &n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let height = (n as f64 / most as f64 * 22.0).round().max(1.0);
        let (x, height) = ((bar * 10).to_string(), height.to_string());
        bars.extend(["M", &x, " 24v-", &height, "h9v", &height, "z"]);
    }
    html! {
        svg class="spark" viewBox=(format!("0 0 {} 24", counts.len() * 10)) preserveAspectRatio="none" aria-hidden="true" {
            path d=(bars) {}
        }
    }
}

/// A horizontal bar of a share.
pub(super) fn meter(share: f64) -> Markup {
    let width = round(share.clamp(0.0, 1.0) * 100.0);
    html! {
        svg class="meter" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
            path d=(format!("M0 0h{width}v1H0z")) {}
        }
    }
}

/// One decimal is finer than a pixel and keeps the page small.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
