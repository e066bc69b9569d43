//! What charts draw.

use super::{Column, LineChart, Parallel, Point, Series, class, smoothed};

fn point(x: f64, y: f64) -> Point {
    Point {
        x,
        y,
        low: y,
        high: y,
    }
}

fn series(name: &str, points: Vec<Point>) -> Series {
    Series {
        name: name.into(),
        number: 0,
        points,
        raw: Vec::new(),
    }
}

fn drawn(series: &[Series], is_log: bool) -> String {
    let chart = LineChart {
        title: "loss",
        x_title: "step",
        is_log,
        is_wide: false,
        series,
    };
    chart.svg().into_string()
}

#[test]
fn a_line_runs_from_its_first_point_to_its_last() {
    let svg = drawn(
        &[series("a <b>", vec![point(0.0, 1.0), point(10.0, 3.0)])],
        false,
    );
    // From the left end of the axis to the right, a little inside the upper and lower ends.
    assert!(svg.contains("d=\"M52 168.45L368 17.55\""), "{svg}");
    assert!(svg.contains("data-name=\"a &lt;b&gt;\""), "{svg}");
    assert!(
        svg.contains("loss by step. a &lt;b&gt;: last 3, from 1 to 3."),
        "{svg}"
    );
}

#[test]
fn powers_of_ten_leave_out_what_is_not_above_zero() {
    let lines = [series(
        "a",
        vec![
            point(0.0, -1.0),
            point(1.0, 10.0),
            point(2.0, 0.0),
            point(3.0, 1000.0),
        ],
    )];
    let svg = drawn(&lines, true);
    let path = svg
        .split(" d=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert_eq!(path.matches(['M', 'L']).count(), 2, "{path}");
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn a_chart_of_nothing_or_of_one_point_is_drawn() {
    for points in [
        vec![],
        vec![point(0.0, 0.0)],
        vec![point(5.0, 1e300), point(5.0, -1e300)],
    ] {
        let svg = drawn(&[series("a", points)], false);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}

#[test]
fn ranges_are_shaded() {
    let wide = Point {
        x: 0.0,
        y: 1.0,
        low: 0.0,
        high: 2.0,
    };
    let svg = drawn(&[series("a", vec![wide, point(1.0, 1.0)])], false);
    assert!(svg.contains("class=\"band s0 d0\""), "{svg}");
}

#[test]
fn smoothing_keeps_a_level_and_follows_a_step() {
    let level = smoothed(&[point(0.0, 2.0), point(1.0, 2.0), point(2.0, 2.0)], 0.9);
    assert!(
        level.iter().all(|point| (point.y - 2.0).abs() < 1e-12),
        "{level:?}"
    );
    let step = smoothed(&[point(0.0, 0.0), point(1.0, 1.0)], 0.5);
    assert!(
        (step[1].y - 2.0 / 3.0).abs() < 1e-12,
        "weights 1 and 1/2: {step:?}"
    );
}

#[test]
fn colours_begin_again_with_dashes() {
    assert_eq!(
        (class(0), class(7), class(8)),
        ("s0 d0".into(), "s7 d0".into(), "s0 d1".into())
    );
}

#[test]
fn runs_cross_axes_of_numbers_and_of_texts() {
    let column = |name: &str, values: [Option<&str>; 3]| Column {
        name: name.into(),
        values: values.map(|value| value.map(str::to_owned)).into(),
    };
    let columns = [
        column("depth", [Some("2"), Some("4"), Some("6")]),
        column("kind", [Some("<i>"), None, Some("b")]),
        column("loss", [Some("0.5"), Some("0.1"), None]),
    ];
    let runs: Vec<(String, String)> = (0..3)
        .map(|number| (format!("r{number}"), format!("/runs/{number}")))
        .collect();
    let svg = Parallel {
        columns: &columns,
        runs: &runs,
    }
    .svg()
    .into_string();
    assert!(svg.contains("&lt;i&gt;") && !svg.contains("<i>"), "{svg}");
    assert!(svg.contains("href=\"/runs/1\""), "{svg}");
    // The run that lacks a text goes from its number to its metric.
    assert!(svg.contains("d=\"M70 175L710 316\""), "{svg}");
    assert!(
        svg.contains("class=\"run q3\"") && svg.contains("class=\"run q0\""),
        "{svg}"
    );
}
