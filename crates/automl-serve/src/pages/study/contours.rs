//! How good trials are over two parameters at once.

use super::super::chart::length;
use super::super::parts;
use super::plane::{Axis, Dot, SQUARE, dots, grid};
use super::slices::jitter;
use super::view::View;
use crate::insight::{Along, Insight, Row, Side, Surface, surface};
use maud::{Markup, html};
use std::fmt::Write as _;

/// Pairs that are shown if none is chosen: those of the parameters that matter most.
const PAIRS_MAX: usize = 3;
/// Nodes along numbers.
const NODES: usize = 27;
/// Choices beyond which a pair is no chart.
const CHOICES_MAX: usize = 30;
const TRIALS_MIN: usize = 8;
const DRAWN_MAX: usize = 300;
/// Shades from the worst to the best, as classes `b0` … `b8`.
const N_SHADES: usize = 9;

pub(super) fn section(insight: &Insight, objective: usize, view: &View) -> Markup {
    let name = &insight.objectives[objective].name;
    let usable: Vec<usize> = insight
        .by_weight(objective)
        .into_iter()
        .filter(|&j| is_usable(&insight.parameters[j].along))
        .collect();
    let trials = ranks(insight, objective);
    if usable.len() < 2 || trials.len() < TRIALS_MIN {
        return html! {};
    }
    let pairs = match view
        .pair
        .filter(|(x, y)| usable.contains(x) && usable.contains(y))
    {
        Some(pair) => vec![pair],
        None => strongest(insight, &usable, &trials),
    };
    if pairs.is_empty() {
        return html! {};
    }
    html! {
        section id=[(objective == view.objectives[0]).then_some("contours")] {
            h2 { (name) " over two parameters" }
            (form(insight, &usable, view))
            div.panels.large { @for &(x, y) in &pairs { (panel(insight, objective, &trials, (x, y))) } }
            p.soft.small {
                "The mean rank of the trials around each place, from the worst "
                svg.shades viewBox="0 0 108 10" aria-hidden="true" { @for shade in 0..N_SHADES { rect class=(format!("b{shade}")) x=(shade * 12) width="12" height="10" {} } }
                " to the best; blank where no trial is near. Dots are trials."
            }
        }
    }
}

/// The pairs that matter most, of `usable` parameters in that order: those of which trials enough have both, as parameters of
/// different branches exclude each other.
fn strongest(insight: &Insight, usable: &[usize], trials: &[(usize, f64)]) -> Vec<(usize, usize)> {
    let have_both = |&(x, y): &(usize, usize)| {
        let rows = trials.iter().map(|&(at, _)| &insight.rows[at]);
        let both = rows.filter(|row| row.at[x].is_some() && row.at[y].is_some());
        both.take(TRIALS_MIN).count() == TRIALS_MIN
    };
    // By the weaker of the two, then by the stronger.
    let pairs = (1..usable.len()).flat_map(|b| (0..b).map(move |a| (usable[a], usable[b])));
    pairs.filter(have_both).take(PAIRS_MAX).collect()
}

fn is_usable(along: &Along) -> bool {
    match along {
        Along::Numbers { low, high, .. } => low < high,
        Along::Choices(names) => (2..=CHOICES_MAX).contains(&names.len()),
    }
}

/// Two boxes that choose the pair.
fn form(insight: &Insight, usable: &[usize], view: &View) -> Markup {
    let Some(query) = &view.query else {
        return html! {};
    };
    let select = |name: &str, chosen: Option<usize>| {
        html! {
            select name=(name) {
                option value="" { "those that matter most" }
                @for &j in usable { @let own = &insight.parameters[j].name; option value=(own) selected[chosen == Some(j)] { (own) } }
            }
        }
    };
    html! {
        form.options method="get" action="#contours" {
            @for (key, value) in query.others(&["x", "y"]) { input type="hidden" name=(key) value=(value); }
            label { "Across" (select("x", view.pair.map(|(x, _)| x))) }
            label { "Up" (select("y", view.pair.map(|(_, y)| y))) }
            button { "Show" }
        }
    }
}

/// Position of each trial and its rank from 0, the worst, to 1; equal values share theirs.
fn ranks(insight: &Insight, objective: usize) -> Vec<(usize, f64)> {
    let ranked = super::ranked(insight, objective);
    let n = ranked.len();
    let mut ranks = Vec::with_capacity(n);
    let mut from = 0;
    while from < n {
        let same = ranked[from..]
            .iter()
            .take_while(|(_, value)| *value == ranked[from].1);
        let to = from + same.count().max(1);
        let place = f64::midpoint(from as f64, (to - 1) as f64);
        let rank = 1.0 - place / (n.max(2) - 1) as f64;
        ranks.extend(ranked[from..to].iter().map(|(at, _)| (*at, rank)));
        from = to;
    }
    ranks
}

fn panel(
    insight: &Insight,
    objective: usize,
    trials: &[(usize, f64)],
    (x, y): (usize, usize),
) -> Markup {
    let sides = [x, y].map(|j| &insight.parameters[j]);
    let axes = [
        Axis::of(&sides[0].along, 0.0, SQUARE.across()),
        Axis::of(&sides[1].along, 0.0, SQUARE.up()),
    ];
    let both: Vec<(usize, [f64; 3])> = trials
        .iter()
        .filter_map(|&(at, rank)| {
            let row = &insight.rows[at];
            let place = |j: usize, own: f64| match &insight.parameters[j].along {
                along @ Along::Numbers { .. } => along.share(own),
                Along::Choices(_) => own,
            };
            Some((at, [place(x, row.at[x]?), place(y, row.at[y]?), rank]))
        })
        .collect();
    let side = |along: &Along| match along {
        Along::Numbers { .. } => Side::Numbers(NODES),
        Along::Choices(names) => Side::Choices(names.len()),
    };
    let points: Vec<[f64; 3]> = both.iter().map(|(_, point)| *point).collect();
    let surface = surface(&points, [side(&sides[0].along), side(&sides[1].along)]);
    let order: Vec<usize> = both.iter().map(|(at, _)| *at).collect();
    let all: Vec<Dot> = super::drawn(&order, DRAWN_MAX)
        .into_iter()
        .filter_map(|at| {
            let row = &insight.rows[at];
            Some(Dot {
                at: (placed(&axes[0], row, x)?, placed(&axes[1], row, y)?),
                class: "small",
                title: format!("trial {}", row.number),
            })
        })
        .collect();
    html! {
        figure.panel {
            figcaption { span { (sides[0].name) " and " (sides[1].name) } }
            @if both.len() < TRIALS_MIN { (parts::nothing("Too few trials have both.")) }
            @else {
                svg.plot.contour viewBox=(SQUARE.view_box()) role="img" aria-label=(format!("Rank of {} trials over {} and {}", both.len(), sides[0].name, sides[1].name)) {
                    @let near = near(&surface);
                    @let id = format!("near-{objective}-{x}-{y}");
                    @if let Some(near) = &near { clipPath id=(id) { path d=(near) {} } }
                    g clip-path=[near.is_some().then(|| format!("url(#{id})"))] { @for (shade, path) in shapes(&surface).iter().enumerate() { @if !path.is_empty() { path class=(format!("b{shade}")) d=(path) {} } } }
                    (grid(&SQUARE, &axes[0], &axes[1], [&sides[0].name, &sides[1].name]))
                    (dots(&all, &["small"]))
                }
            }
        }
    }
}

/// Where a trial stands on an axis; trials of one choice are spread over its place.
fn placed(axis: &Axis, row: &Row, parameter: usize) -> Option<f64> {
    let spread = jitter(row.number) * axis.band();
    Some(axis.place(row.at[parameter]?) + spread)
}

/// The area in which trials are near, if that is no matter of choices.
fn near(surface: &Surface) -> Option<String> {
    let is_smooth = surface
        .sides
        .iter()
        .all(|side| matches!(side, Side::Numbers(_)));
    is_smooth.then(|| areas(surface.sides, |x, y| Some(surface.support(x, y)), 1.0))
}

/// The areas at least as good as each shade, each over those before it.
fn shapes(surface: &Surface) -> Vec<String> {
    let has_choices = surface
        .sides
        .iter()
        .any(|side| matches!(side, Side::Choices(_)));
    // From the worst to the best that is seen, so that small differences are seen too.
    let seen = || surface.supported().map(|(.., value)| value);
    let (low, high) = (
        seen().fold(f64::INFINITY, f64::min),
        seen().fold(f64::NEG_INFINITY, f64::max),
    );
    // Where all are equal there is one shade.
    let span = (high - low).max(1e-9);
    let level = |shade: usize| low + span * shade as f64 / N_SHADES as f64;
    (0..N_SHADES)
        .map(|shade| {
            if has_choices {
                blocks(surface, level(shade))
            } else {
                areas(surface.sides, |x, y| surface.at(x, y), level(shade))
            }
        })
        .collect()
}

/// Blocks about nodes that reach a level, neighbours of a row in one.
fn blocks(surface: &Surface, level: f64) -> String {
    let [width, height] = surface.sides.map(Side::n);
    let ((left, right), (floor, top)) = (SQUARE.across(), SQUARE.up());
    let across = |at: usize| left + (right - left) * at as f64 / width as f64;
    let up = |at: usize| floor + (top - floor) * at as f64 / height as f64;
    let mut path = String::new();
    for y in 0..height {
        for (from, to) in runs(width, |x| {
            surface.is_supported(x, y) && surface.at(x, y).is_some_and(|value| value >= level)
        }) {
            rectangle(&mut path, (across(from), across(to)), (up(y), up(y + 1)));
        }
    }
    path
}

/// The places from `from` to below `to` of each run in which a test holds.
fn runs(n: usize, holds: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for at in (0..n).filter(|&at| holds(at)) {
        match runs.last_mut() {
            Some((_, to)) if *to == at => *to = at + 1,
            _ => runs.push((at, at + 1)),
        }
    }
    runs
}

fn rectangle(path: &mut String, (left, right): (f64, f64), (floor, top): (f64, f64)) {
    // Writing to a string cannot fail.
    write!(
        path,
        "M{} {}H{}V{}H{}Z",
        length(left),
        length(floor),
        length(right),
        length(top),
        length(left)
    )
    .ok();
}

/// The area in which values at nodes, linear along the edges of cells, reach a level.
fn areas(sides: [Side; 2], value: impl Fn(usize, usize) -> Option<f64>, level: f64) -> String {
    let [width, height] = sides.map(|side| side.n() - 1);
    let ((left, right), (floor, top)) = (SQUARE.across(), SQUARE.up());
    let across = |at: f64| left + (right - left) * at / width as f64;
    let up = |at: f64| floor + (top - floor) * at / height as f64;
    let corners = |x: usize, y: usize| -> Option<[(f64, f64, f64); 4]> {
        let corner = |x: usize, y: usize| Some((x as f64, y as f64, value(x, y)?));
        Some([
            corner(x, y)?,
            corner(x + 1, y)?,
            corner(x + 1, y + 1)?,
            corner(x, y + 1)?,
        ])
    };
    let is_full = |x: usize, y: usize| {
        corners(x, y).is_some_and(|all| all.iter().all(|(.., value)| *value >= level))
    };
    let mut path = String::new();
    for y in 0..height {
        for (from, to) in runs(width, |x| is_full(x, y)) {
            let (left, right) = (across(from as f64), across(to as f64));
            rectangle(&mut path, (left, right), (up(y as f64), up(y as f64 + 1.0)));
        }
        for x in (0..width).filter(|&x| !is_full(x, y)) {
            let Some(corners) = corners(x, y) else {
                continue;
            };
            for (at, (x, y)) in clipped(&corners, level).into_iter().enumerate() {
                let letter = if at == 0 { 'M' } else { 'L' };
                // Writing to a string cannot fail.
                write!(path, "{letter}{:.1} {:.1}", across(x), up(y)).ok();
            }
        }
    }
    path
}

/// The part of a cell that reaches a level, corner by corner; empty if none does.
fn clipped(corners: &[(f64, f64, f64); 4], level: f64) -> Vec<(f64, f64)> {
    let mut part = Vec::new();
    for at in 0..4 {
        let (x, y, value) = corners[at];
        let (next_x, next_y, next) = corners[(at + 1) % 4];
        if value >= level {
            part.push((x, y));
        }
        if (value >= level) != (next >= level) {
            let share = (level - value) / (next - value);
            part.push((x + share * (next_x - x), y + share * (next_y - y)));
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::{clipped, runs};

    #[test]
    fn a_cell_is_cut_where_the_level_runs_through_it() {
        let corners = [
            (0.0, 0.0, 0.0),
            (1.0, 0.0, 1.0),
            (1.0, 1.0, 1.0),
            (0.0, 1.0, 0.0),
        ];
        let half = [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)];
        assert_eq!(clipped(&corners, 0.5), half);
        assert!(clipped(&corners, 2.0).is_empty());
        assert_eq!(clipped(&corners, 0.0).len(), 4);
    }

    #[test]
    fn neighbours_are_one_run() {
        assert_eq!(runs(6, |at| at != 2 && at != 5), [(0, 2), (3, 5)]);
        assert!(runs(3, |_| false).is_empty());
    }
}
