//! What all charts of a study stand on: a frame, two axes, a grid, and dots.

use super::super::chart::{Scale, length};
use super::super::format;
use crate::insight::Along;
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Where the parts of a drawing are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) n_ticks: usize,
}

/// A chart among others.
pub(super) const PANEL: Frame = Frame {
    width: 380.0,
    height: 230.0,
    left: 54.0,
    right: 12.0,
    top: 10.0,
    bottom: 28.0,
    n_ticks: 4,
};
/// A chart of two parameters or two objectives.
pub(super) const SQUARE: Frame = Frame {
    width: 460.0,
    height: 380.0,
    left: 66.0,
    right: 14.0,
    top: 10.0,
    bottom: 44.0,
    n_ticks: 5,
};
/// A chart that has the page to itself.
pub(super) const WIDE: Frame = Frame {
    width: 1100.0,
    height: 340.0,
    left: 64.0,
    right: 16.0,
    top: 12.0,
    bottom: 40.0,
    n_ticks: 7,
};

impl Frame {
    pub(super) fn across(&self) -> (f64, f64) {
        (self.left, self.width - self.right)
    }

    /// From the low end, which is at the bottom.
    pub(super) fn up(&self) -> (f64, f64) {
        (self.height - self.bottom, self.top)
    }

    pub(super) fn view_box(&self) -> String {
        format!("0 0 {} {}", self.width, self.height)
    }
}

/// One axis.
pub(super) enum Axis {
    Numbers(Scale),
    Choices {
        names: Vec<String>,
        from: f64,
        to: f64,
    },
}

/// Letters of a choice beside its axis.
const NAME_MAX: usize = 12;
/// Letters of all choices below an axis.
const LINE_MAX: usize = 44;
const CHOICES_MAX: usize = 14;

impl Axis {
    pub(super) fn of(along: &Along, margin: f64, (from, to): (f64, f64)) -> Self {
        match along {
            Along::Numbers { low, high, is_log } => Self::Numbers(Scale::over(
                [*low, *high].into_iter(),
                *is_log,
                margin,
                (from, to),
            )),
            Along::Choices(names) => Self::Choices {
                names: names.clone(),
                from,
                to,
            },
        }
    }

    /// Where a number or a choice stands; a number beyond the ends at the nearer one.
    pub(super) fn place(&self, at: f64) -> f64 {
        match self {
            Self::Numbers(scale) => {
                let (low, high) = (scale.from.min(scale.to), scale.from.max(scale.to));
                let place = scale.place(at);
                if place.is_nan() {
                    low
                } else {
                    place.clamp(low, high)
                }
            }
            Self::Choices { from, to, .. } => {
                from + self.band() * (at + 0.5) * (to - from).signum()
            }
        }
    }

    /// How wide the place of a choice is; nothing for numbers.
    pub(super) fn band(&self) -> f64 {
        match self {
            Self::Numbers(_) => 0.0,
            Self::Choices { names, from, to } => (to - from).abs() / names.len().max(1) as f64,
        }
    }

    /// Places of some round numbers, or of choices, with their texts.
    pub(super) fn ticks(&self, n_wished: usize, is_below: bool) -> Vec<(f64, String)> {
        match self {
            Self::Numbers(scale) => {
                let ticks = scale.ticks(n_wished).into_iter();
                ticks
                    .map(|(value, text)| (scale.place(value), text))
                    .collect()
            }
            Self::Choices { names, .. } => {
                let room = if is_below {
                    (LINE_MAX / names.len().clamp(1, CHOICES_MAX)).clamp(3, NAME_MAX)
                } else {
                    NAME_MAX - 4
                };
                let stride = names.len().div_ceil(CHOICES_MAX).max(1);
                let shown = names.iter().enumerate().step_by(stride);
                shown
                    .map(|(at, name)| (self.place(at as f64), short(name, room)))
                    .collect()
            }
        }
    }
}

/// The beginning of a text, with a mark where it was cut.
pub(super) fn short(text: &str, n_max: usize) -> String {
    if !format::clip(text, n_max).1 {
        return text.to_owned();
    }
    let (beginning, _) = format::clip(text, n_max.saturating_sub(1));
    format!("{beginning}…")
}

/// The grid and the texts beside two axes.
pub(super) fn grid(frame: &Frame, x: &Axis, y: &Axis, titles: [&str; 2]) -> Markup {
    let (left, right) = frame.across();
    let (floor, _) = frame.up();
    html! {
        @for (place, text) in y.ticks(frame.n_ticks, false) {
            line.grid x1=(left) x2=(right) y1=(length(place)) y2=(length(place)) {}
            text x=(left - 7.0) y=(length(place + 4.0)) text-anchor="end" { (text) }
        }
        @for (place, text) in x.ticks(frame.n_ticks, true) {
            text x=(length(place)) y=(floor + 16.0) text-anchor="middle" { (text) }
        }
        line.axis x1=(left) x2=(right) y1=(floor) y2=(floor) {}
        @if !titles[0].is_empty() { text.along x=(right) y=(frame.height - 4.0) text-anchor="end" { (short(titles[0], 48)) } }
        @if !titles[1].is_empty() {
            text.along x=(12.0) y=(frame.top) text-anchor="end" transform=(format!("rotate(-90 12 {})", frame.top)) { (short(titles[1], 40)) }
        }
    }
}

/// A dot: where it is, its classes, and what is told where a pointer rests on it.
pub(super) struct Dot {
    pub(super) at: (f64, f64),
    pub(super) class: &'static str,
    pub(super) title: String,
}

/// Dots that can be told apart; more are drawn as one shape a class, without titles.
const TITLED_MAX: usize = 150;
/// Of dots of a class, one a square of this side is drawn.
const CELL: f64 = 1.5;

/// Dots, those of later classes over those before them.
pub(super) fn dots(dots: &[Dot], classes: &[&'static str]) -> Markup {
    let each = |class: &'static str| dots.iter().filter(move |dot| dot.class == class);
    html! {
        @for class in classes {
            @if dots.len() <= TITLED_MAX {
                @for dot in each(class) {
                    circle.dot.(class) cx=(length(dot.at.0)) cy=(length(dot.at.1)) r="3.2" { title { (dot.title) } }
                }
            } @else {
                @let path = shape(each(class));
                @if !path.is_empty() { path.dots.(class) d=(path) {} }
            }
        }
    }
}

fn shape<'a>(dots: impl Iterator<Item = &'a Dot>) -> String {
    let mut cells = BTreeMap::new();
    for dot in dots {
        let cell = |place: f64| (place / CELL).round() as i64;
        cells.insert((cell(dot.at.0), cell(dot.at.1)), dot.at);
    }
    let mut path = String::with_capacity(cells.len() * 14);
    for (x, y) in cells.values() {
        // Writing to a string cannot fail.
        write!(path, "M{x:.1} {y:.1}h0").ok();
    }
    path
}

/// The classes of fifths, from the worst or earliest to the best or latest.
pub(super) const FIFTHS: [&str; 5] = ["q0", "q1", "q2", "q3", "q4"];

/// The fifth that place `rank` of `n` is in.
pub(super) fn fifth(rank: usize, n: usize) -> &'static str {
    FIFTHS[(rank * FIFTHS.len() / n.max(1)).min(FIFTHS.len() - 1)]
}

/// Five strokes from one end to the other.
pub(super) fn shades() -> Markup {
    html! { svg.shades viewBox="0 0 60 6" aria-hidden="true" { @for (at, class) in FIFTHS.iter().enumerate() { path class=(class) d=(format!("M{} 3h10", at * 12)) {} } } }
}
