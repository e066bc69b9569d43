//! Lanes, one a column, beside one another above one axis of numbers.

use super::axes::tick_text;
use super::chart;
use crate::text;
use maud::{Markup, html};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 210.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 44.0;
/// Characters of a name.
const NAME_WIDTH: usize = 28;

/// A drawing of lanes.
pub(super) struct Lanes<'a> {
    /// One a lane, from above.
    pub(super) names: Vec<&'a str>,
    /// From the least to the greatest value; zero is in it.
    pub(super) x: (f64, f64),
    /// Pixels of one lane.
    pub(super) height: f64,
}

impl<'a> Lanes<'a> {
    /// Lanes that hold all of these values, and zero.
    pub(super) fn of(
        names: Vec<&'a str>,
        values: impl Iterator<Item = f64>,
        height: f64,
    ) -> Lanes<'a> {
        let (low, high) = values.fold((0.0_f64, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let room = if high > low { 0.04 * (high - low) } else { 1.0 };
        let low = if low < 0.0 { low - room } else { 0.0 };
        Self {
            names,
            x: (low, high + room),
            height,
        }
    }

    pub(super) fn view_box(&self) -> String {
        let height = TOP + self.height * self.names.len() as f64 + BOTTOM;
        format!("0 0 {WIDTH} {height}")
    }

    /// Pixels across of a value.
    pub(super) fn across(&self, value: f64) -> f64 {
        let share = (value - self.x.0) / (self.x.1 - self.x.0);
        LEFT + (WIDTH - LEFT - RIGHT) * share.clamp(0.0, 1.0)
    }

    /// The same as text.
    pub(super) fn at_x(&self, value: f64) -> String {
        format!("{:.1}", self.across(value))
    }

    /// Pixels down to the middle of a lane.
    pub(super) fn middle(&self, lane: usize) -> f64 {
        TOP + self.height * (lane as f64 + 0.5)
    }

    /// The axis, what it means, and the names of the lanes.
    pub(super) fn frame(&self, x_title: &str) -> Markup {
        let bottom = TOP + self.height * self.names.len() as f64;
        html! {
            @for tick in chart::ticks(self.x.0, self.x.1) {
                line.grid x1=(self.at_x(tick)) x2=(self.at_x(tick)) y1=(TOP) y2=(bottom) {}
                text x=(self.at_x(tick)) y=(bottom + 18.0) text-anchor="middle" { (tick_text(tick)) }
            }
            line.even x1=(self.at_x(0.0)) x2=(self.at_x(0.0)) y1=(TOP) y2=(bottom) {}
            @for (lane, name) in self.names.iter().enumerate() {
                text x=(LEFT - 12.0) y=(self.middle(lane)) dy="4" text-anchor="end" { (text::clip(name, NAME_WIDTH)) }
            }
            text x=(f64::midpoint(LEFT, WIDTH - RIGHT)) y=(bottom + 36.0) text-anchor="middle" { (x_title) }
        }
    }
}
