//! From values to points of a small drawing, and the round numbers along its sides.

use maud::{Markup, html};
use std::fmt::Write as _;

const LEFT: f64 = 74.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 46.0;

/// A drawing of a range of values across, and one upwards.
pub(super) struct Axes {
    pub(super) x: (f64, f64),
    pub(super) y: (f64, f64),
    /// Width and height in pixels.
    pub(super) size: (f64, f64),
}

impl Axes {
    /// As wide as high.
    pub(super) const SQUARE: (f64, f64) = (420.0, 420.0);

    pub(super) fn view_box(&self) -> String {
        format!("0 0 {} {}", self.size.0, self.size.1)
    }

    pub(super) fn at_x(&self, value: f64) -> String {
        let share = (value - self.x.0) / (self.x.1 - self.x.0);
        let width = self.size.0 - LEFT - TOP;
        format!("{:.1}", LEFT + width * share.clamp(0.0, 1.0))
    }

    pub(super) fn at_y(&self, value: f64) -> String {
        let share = (value - self.y.0) / (self.y.1 - self.y.0);
        let height = self.size.1 - TOP - BOTTOM;
        format!(
            "{:.1}",
            self.size.1 - BOTTOM - height * share.clamp(0.0, 1.0)
        )
    }

    /// Round numbers along both axes, and what they mean.
    pub(super) fn frame(&self, x_title: &str, y_title: &str) -> Markup {
        let x_ticks = super::chart::ticks(self.x.0, self.x.1);
        let x_ticks = x_ticks.into_iter().map(|tick| (tick, tick_text(tick)));
        self.frame_with(&x_ticks.collect::<Vec<_>>(), x_title, y_title)
    }

    /// The same with words of the caller's along the bottom.
    pub(super) fn frame_with(
        &self,
        x_ticks: &[(f64, String)],
        x_title: &str,
        y_title: &str,
    ) -> Markup {
        let (width, height) = self.size;
        let middle = f64::midpoint(height - BOTTOM, TOP);
        html! {
            @for tick in super::chart::ticks(self.y.0, self.y.1) {
                line.grid x1=(self.at_x(self.x.0)) x2=(self.at_x(self.x.1)) y1=(self.at_y(tick)) y2=(self.at_y(tick)) {}
                text x=(LEFT - 8.0) y=(self.at_y(tick)) dy="4" text-anchor="end" { (tick_text(tick)) }
            }
            @for (tick, name) in x_ticks {
                text x=(self.at_x(*tick)) y=(height - BOTTOM + 18.0) text-anchor="middle" { (name) }
            }
            text x=((width + LEFT - TOP) / 2.0) y=(height - 8.0) text-anchor="middle" { (x_title) }
            text x="14" y=(middle) text-anchor="middle" transform=(format!("rotate(-90 14 {middle})")) { (y_title) }
        }
    }

    /// The path through points in values.
    pub(super) fn line(&self, points: impl IntoIterator<Item = (f64, f64)>) -> String {
        let mut path = String::new();
        for (index, (x, y)) in points.into_iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            // Writing to a string cannot fail.
            write!(path, "{command}{} {}", self.at_x(x), self.at_y(y)).ok();
        }
        path
    }
}

/// Few digits: ticks are round.
pub(super) fn tick_text(value: f64) -> String {
    let rounded = format!("{value:.4}");
    let short = rounded.trim_end_matches('0').trim_end_matches('.');
    if value != 0.0 && !(1e-3..1e6).contains(&value.abs()) {
        format!("{value:.0e}")
    } else {
        short.to_owned()
    }
}
