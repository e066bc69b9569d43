//! What pages show of many runs and many points.

use super::{Batch, Desk, W, metric, pair, runs};
use crate::tracking::curve::{self, Axis};
use crate::tracking::overview::{self, Activity, PARENT_TAG};
use crate::tracking::runs::{NewRun, RunInfo};
use crate::tracking::search::{self, Search};
use crate::tracking::{Stage, View, log};

impl Desk {
    fn started(&self, start_ms: i64, parent: Option<&RunInfo>) -> RunInfo {
        let new = NewRun {
            start_ms: Some(start_ms),
            tags: parent
                .map(|parent| pair(PARENT_TAG, &parent.id))
                .into_iter()
                .collect(),
            ..NewRun::default()
        };
        self.write(move |sql| runs::create(sql, W, &new))
    }

    fn points(&self, run: &RunInfo, values: impl Iterator<Item = f64>) {
        let metrics: Vec<_> = (values.enumerate())
            .map(|(step, value)| metric("loss", value, step as i64, 5 + step as i64))
            .collect();
        for chunk in metrics.chunks(1000) {
            self.log(
                run,
                Batch {
                    metrics: chunk.to_vec(),
                    ..Batch::default()
                },
            );
        }
    }
}

#[test]
fn an_experiment_tells_how_many_runs_it_has_and_when_the_last_began() {
    let desk = Desk::new();
    assert!(
        desk.write(|sql| overview::activity(sql, &[0])).is_empty(),
        "no runs"
    );
    desk.started(7, None);
    desk.started(5, None);
    let gone = desk.started(9, None).id;
    desk.write(move |sql| runs::set_stage(sql, W, &gone, Stage::Deleted));
    let found = desk.write(|sql| overview::activity(sql, &[0, 1]));
    let expected = Activity {
        n_runs: 2,
        last_start_ms: Some(7),
    };
    assert_eq!(found.get(&0), Some(&expected));
    assert_eq!(found.get(&1), None);
}

#[test]
fn the_best_of_a_metric_is_a_number_of_one_of_the_latest_runs() {
    let desk = Desk::new();
    let mut ids = Vec::new();
    for (start_ms, value) in [(1, 0.1), (2, 0.5), (3, f64::NAN), (4, 0.3)] {
        let run = desk.started(start_ms, None);
        let batch = Batch {
            metrics: vec![metric("loss", value, 0, 1)],
            ..Batch::default()
        };
        desk.log(&run, batch);
        ids.push(run.id);
    }
    let best = |is_greater_better, n_runs| {
        desk.write(move |sql| overview::best(sql, 0, "loss", is_greater_better, n_runs))
    };
    assert_eq!(best(true, 10), Some((0.5, ids[1].clone())));
    assert_eq!(best(false, 10), Some((0.1, ids[0].clone())));
    assert_eq!(best(false, 3), Some((0.3, ids[3].clone())), "of the latest");
    assert_eq!(
        desk.write(|sql| overview::best(sql, 0, "none", true, 10)),
        None
    );
    assert_eq!(
        desk.write(|sql| overview::metric_keys(sql, 0, 10)),
        ["loss"]
    );
}

#[test]
fn children_are_told_in_the_order_they_began() {
    let desk = Desk::new();
    let parent = desk.started(1, None);
    let late = desk.started(9, Some(&parent));
    let early = desk.started(3, Some(&parent));
    let gone = desk.started(4, Some(&parent)).id;
    desk.write(move |sql| runs::set_stage(sql, W, &gone, Stage::Deleted));
    let id = parent.id.clone();
    let first = desk.write(move |sql| overview::children(sql, W, &id, 1, None));
    assert_eq!(first.items, [early]);
    let id = parent.id.clone();
    let next = desk.write(move |sql| overview::children(sql, W, &id, 1, first.next.as_deref()));
    assert_eq!((next.items, next.next), (vec![late.clone()], None));
    let id = parent.id.clone();
    let counts =
        desk.write(move |sql| overview::child_counts(sql, &[id.as_str(), late.id.as_str()], 100));
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(parent.id, 2)]);
}

#[test]
fn a_run_stands_alone_once_its_parent_is_gone() {
    let desk = Desk::new();
    let parent = desk.started(1, None);
    desk.started(2, Some(&parent));
    let wish = Search {
        experiment_ids: vec![0],
        view: View::ActiveOnly,
        filter: String::new(),
        order_by: Vec::new(),
        n_max: 10,
        page_token: None,
    };
    let roots = || {
        let wish = wish.clone();
        let found = desk.write(move |sql| search::roots(sql, W, &wish));
        let starts = found.items.into_iter().map(|run| run.info.start_ms);
        starts.collect::<Vec<_>>()
    };
    assert_eq!(roots(), [Some(1)]);
    let id = parent.id.clone();
    desk.write(move |sql| runs::set_stage(sql, W, &id, Stage::Deleted));
    assert_eq!(roots(), [Some(2)]);
}

#[test]
fn a_short_history_is_told_point_by_point() {
    let desk = Desk::new();
    let run = desk.run();
    desk.points(&run, [3.0, f64::NAN, f64::INFINITY, 1.0].into_iter());
    let number = run.number;
    let found = desk.write(move |sql| curve::of_run(sql, number, "loss", Axis::Step, 100));
    assert_eq!((found.n_points, found.n_not_finite), (4, 2));
    let points: Vec<_> = found.bins.iter().map(|bin| (bin.x, bin.mean)).collect();
    assert_eq!(points, [(0.0, 3.0), (3.0, 1.0)]);
    let found = desk.write(move |sql| curve::of_run(sql, number, "loss", Axis::Time, 100));
    assert_eq!(found.bins[0].x, 5.0, "milliseconds");
    assert_eq!(desk.write(move |sql| curve::keys(sql, number)), ["loss"]);
}

#[test]
fn a_long_history_keeps_its_peaks_and_its_mean() {
    let desk = Desk::new();
    let run = desk.run();
    let value = |step: i32| match step {
        700 => 100.0,
        701 => -100.0,
        _ => f64::from(step % 2),
    };
    desk.points(&run, (0..2000).map(value));
    let number = run.number;
    let found = desk.write(move |sql| curve::of_run(sql, number, "loss", Axis::Step, 50));
    assert!(
        (49..=51).contains(&found.bins.len()),
        "{}",
        found.bins.len()
    );
    assert_eq!(found.bins.iter().map(|bin| bin.n_points).sum::<i64>(), 2000);
    assert!(found.bins.iter().any(|bin| bin.high == 100.0));
    assert!(found.bins.iter().any(|bin| bin.low == -100.0));
    let calm = found.bins[0];
    assert_eq!((calm.low, calm.mean, calm.high), (0.0, 0.5, 1.0));
    assert!(found.bins.is_sorted_by(|a, b| a.x < b.x));
}

#[test]
fn points_of_one_step_are_told_by_time() {
    let desk = Desk::new();
    let run = desk.run();
    let id = run.id.clone();
    let batch = Batch {
        metrics: vec![metric("loss", 2.0, 0, 10), metric("loss", 1.0, 0, 20)],
        ..Batch::default()
    };
    desk.write(move |sql| log::log(sql, W, &id, &batch));
    let number = run.number;
    let found = desk.write(move |sql| curve::of_run(sql, number, "loss", Axis::Step, 10));
    assert_eq!(found.axis, Axis::Time);
    assert_eq!(found.bins.len(), 2);
}
