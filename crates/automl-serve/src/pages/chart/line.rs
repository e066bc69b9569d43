//! Lines over steps or time.

use super::super::format;
use super::scale::Scale;
use super::{class, length};
use maud::{Markup, html};
use std::fmt::Write as _;

/// A point of a line, perhaps the mean of many with their range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Point {
    pub(in super::super) x: f64,
    pub(in super::super) y: f64,
    pub(in super::super) low: f64,
    pub(in super::super) high: f64,
}

/// One line.
#[derive(Debug, Clone)]
pub(in super::super) struct Series {
    pub(in super::super) name: String,
    /// Which colour it has, the same on all charts of a page.
    pub(in super::super) number: usize,
    pub(in super::super) points: Vec<Point>,
    /// The points before they were smoothed, to be shown faintly.
    pub(in super::super) raw: Vec<Point>,
}

/// A chart of lines.
#[derive(Debug)]
pub(in super::super) struct LineChart<'a> {
    pub(in super::super) title: &'a str,
    /// What the lines run along.
    pub(in super::super) x_title: &'a str,
    pub(in super::super) is_log: bool,
    pub(in super::super) is_wide: bool,
    pub(in super::super) series: &'a [Series],
}

/// Where the parts of a drawing are.
struct Frame {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    n_ticks: usize,
}

const SMALL: Frame = Frame {
    width: 380.0,
    height: 210.0,
    left: 52.0,
    right: 12.0,
    top: 10.0,
    bottom: 34.0,
    n_ticks: 4,
};
const WIDE: Frame = Frame {
    width: 1100.0,
    height: 420.0,
    left: 64.0,
    right: 16.0,
    top: 12.0,
    bottom: 40.0,
    n_ticks: 7,
};

impl LineChart<'_> {
    /// The drawing.
    pub(in super::super) fn svg(&self) -> Markup {
        let frame = if self.is_wide { &WIDE } else { &SMALL };
        let (x, y) = self.scales(frame);
        // There is no step between two steps.
        let least = f64::from(u8::from(self.x_title == "step"));
        let (right, floor) = (frame.width - frame.right, frame.height - frame.bottom);
        html! {
            svg.plot viewBox=(format!("0 0 {} {}", frame.width, frame.height)) role="img" aria-label=(self.told())
                data-x=(x.for_script()) data-y=(y.for_script()) data-along=(self.x_title) {
                @for (value, text) in y.ticks(frame.n_ticks) {
                    @let place = y.place(value);
                    line.grid x1=(frame.left) x2=(right) y1=(length(place)) y2=(length(place)) {}
                    text x=(frame.left - 7.0) y=(length(place + 4.0)) text-anchor="end" { (text) }
                }
                @for (value, text) in x.ticks_apart(frame.n_ticks, least) {
                    text x=(length(x.place(value))) y=(floor + 16.0) text-anchor="middle" { (text) }
                }
                line.axis x1=(frame.left) x2=(right) y1=(floor) y2=(floor) {}
                text.along x=(right) y=(frame.height - 4.0) text-anchor="end" { (self.x_title) }
                @for series in self.series { (self.line(series, &x, &y)) }
            }
        }
    }

    fn line(&self, series: &Series, x: &Scale, y: &Scale) -> Markup {
        let class = class(series.number);
        let points = self.drawn(&series.points);
        html! {
            @if !series.raw.is_empty() {
                path.raw.(class) d=(path(&self.drawn(&series.raw), x, y)) {}
            } @else if points.iter().any(|point| point.high > point.low) {
                path.band.(class) d=(band(&points, x, y)) {}
            }
            path.line.(class) d=(path(&points, x, y)) data-name=(series.name) {}
            @if let Some(last) = points.last() {
                circle.end.(class) cx=(length(x.place(last.x))) cy=(length(y.place(last.y))) r="2.6" {}
            }
        }
    }

    /// What has a place on the axes.
    fn drawn(&self, points: &[Point]) -> Vec<Point> {
        let is_drawn = |point: &&Point| !self.is_log || point.low > 0.0;
        points.iter().filter(is_drawn).copied().collect()
    }

    fn scales(&self, frame: &Frame) -> (Scale, Scale) {
        let all = || {
            let each = |series: &Series| {
                let mut points = self.drawn(&series.points);
                points.extend(self.drawn(&series.raw));
                points
            };
            self.series.iter().flat_map(each)
        };
        let across = (frame.left, frame.width - frame.right);
        let up = (frame.height - frame.bottom, frame.top);
        let (first, last) = all().fold((f64::INFINITY, 0.0_f64), |(first, last), point| {
            (first.min(point.x), last.max(point.x))
        });
        // The mean of the first points stands a little behind their beginning.
        let zero = (first > 0.0 && first < 0.02 * last).then_some(0.0);
        let x = Scale::over(all().map(|point| point.x).chain(zero), false, 0.0, across);
        let heights = all().flat_map(|point| [point.low, point.high]);
        (x, Scale::over(heights, self.is_log, 0.05, up))
    }

    /// The chart in words, for those who do not see it.
    fn told(&self) -> String {
        let mut told = format!("{} by {}.", self.title, self.x_title);
        for series in self.series.iter().take(super::N_COLOURS) {
            let Some(last) = series.points.last() else {
                continue;
            };
            let low = series
                .points
                .iter()
                .map(|point| point.low)
                .fold(f64::INFINITY, f64::min);
            let high = series
                .points
                .iter()
                .map(|point| point.high)
                .fold(f64::NEG_INFINITY, f64::max);
            // Writing to a string cannot fail.
            write!(
                told,
                " {}: last {}, from {} to {}.",
                series.name,
                format::number(last.y),
                format::number(low),
                format::number(high)
            )
            .ok();
        }
        told
    }

    /// Points that powers of ten have no place for.
    pub(in super::super) fn n_left_out(&self) -> usize {
        let all: usize = self.series.iter().map(|series| series.points.len()).sum();
        let drawn: usize = self
            .series
            .iter()
            .map(|series| self.drawn(&series.points).len())
            .sum();
        all - drawn
    }
}

fn path(points: &[Point], x: &Scale, y: &Scale) -> String {
    let mut path = String::with_capacity(points.len() * 14);
    for (index, point) in points.iter().enumerate() {
        path.push(if index == 0 { 'M' } else { 'L' });
        path.push_str(&length(x.place(point.x)));
        path.push(' ');
        path.push_str(&length(y.place(point.y)));
    }
    path
}

/// The area between the least and the greatest values.
fn band(points: &[Point], x: &Scale, y: &Scale) -> String {
    let at = |point: &Point, value: f64| format!("{:.1} {:.1}", x.place(point.x), y.place(value));
    let above = points.iter().map(|point| at(point, point.high));
    let below = points.iter().rev().map(|point| at(point, point.low));
    let corners: Vec<String> = above.chain(below).collect();
    format!("M{}Z", corners.join("L"))
}

/// Points smoothed as TensorBoard does: an average that forgets by `weight` a point, corrected for its beginning.
pub(in super::super) fn smoothed(points: &[Point], weight: f64) -> Vec<Point> {
    let (mut sum, mut remaining) = (0.0, 1.0);
    let each = points.iter().map(|point| {
        sum = sum * weight + (1.0 - weight) * point.y;
        remaining *= weight;
        let y = sum / (1.0 - remaining);
        Point {
            y,
            low: y,
            high: y,
            ..*point
        }
    });
    each.collect()
}
