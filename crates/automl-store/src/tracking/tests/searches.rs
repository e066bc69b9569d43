//! The search for runs, against a plain filter over the same runs.

use super::{Batch, Desk, Search, TrackingError, View, W, log, metric, pair, runs, search};
use crate::tracking::runs::NewRun;

/// Five runs: `r0` … `r4`, of loss 0 … 4 (`r3` has NaN), team a or b, and params only on even ones.
fn desk() -> Desk {
    let desk = Desk::new();
    for number in 0..5_i64 {
        let new = NewRun {
            name: Some(format!("r{number}")),
            start_ms: Some(100 + number),
            user_id: "me".into(),
            ..NewRun::default()
        };
        let value = if number == 3 { f64::NAN } else { number as f64 };
        let mut batch = Batch {
            metrics: vec![metric("loss", value, 0, 1)],
            tags: vec![pair("team", if number < 2 { "Alpha" } else { "beta" })],
            ..Batch::default()
        };
        if number % 2 == 0 {
            batch.params = vec![pair("depth", &number.to_string())];
        }
        desk.write(move |sql| {
            let run = runs::create(sql, W, &new)?;
            log::log(sql, W, &run.id, &batch)
        });
    }
    desk
}

fn wish(filter: &str, order_by: &[&str]) -> Search {
    Search {
        experiment_ids: vec![0],
        view: View::ActiveOnly,
        filter: filter.into(),
        order_by: order_by.iter().map(|&order| order.to_owned()).collect(),
        n_max: 100,
        page_token: None,
    }
}

fn names(desk: &Desk, filter: &str, order_by: &[&str]) -> String {
    let wish = wish(filter, order_by);
    let found = desk.write(move |sql| search::search(sql, W, &wish));
    let names: Vec<String> = found.items.into_iter().map(|run| run.info.name).collect();
    names.join(" ")
}

#[test]
fn filters_find_what_they_say() {
    let desk = desk();
    for (filter, expected) in [
        ("", "r4 r3 r2 r1 r0"),
        ("metrics.loss < 2", "r1 r0"),
        ("metric.loss >= 2", "r4 r2"),
        ("metrics.loss != 1", "r4 r3 r2 r0"),
        ("metrics.loss = 0 AND tags.team = 'Alpha'", "r0"),
        ("params.depth = '2'", "r2"),
        ("params.depth IS NULL", "r3 r1"),
        ("params.depth IS NOT NULL AND tags.team LIKE 'b%'", "r4 r2"),
        ("tags.team LIKE 'a%'", ""),
        ("tags.team ILIKE 'a%'", "r1 r0"),
        ("attributes.run_name IN ('r1', 'r4')", "r4 r1"),
        ("run_name NOT IN ('r1', 'r4')", "r3 r2 r0"),
        ("start_time > 102", "r4 r3"),
        (
            "status = 'RUNNING' AND user_id = 'me' AND start_time <= 100",
            "r0",
        ),
        ("metrics.nothing > 0", ""),
    ] {
        assert_eq!(names(&desk, filter, &[]), expected, "{filter}");
    }
}

#[test]
fn orders_put_what_is_missing_last() {
    let desk = desk();
    for (order_by, expected) in [
        (&["metrics.loss ASC"][..], "r0 r1 r2 r4 r3"),
        (&["metrics.loss DESC"], "r4 r2 r1 r0 r3"),
        (&["params.depth DESC"], "r4 r2 r0 r3 r1"),
        (&["tags.team", "start_time ASC"], "r0 r1 r2 r3 r4"),
        (&["attributes.start_time"], "r0 r1 r2 r3 r4"),
        (&["run_name DESC"], "r4 r3 r2 r1 r0"),
    ] {
        assert_eq!(names(&desk, "", order_by), expected, "{order_by:?}");
    }
}

#[test]
fn pages_join_to_the_whole() {
    let desk = desk();
    let mut token = None;
    let mut found = Vec::new();
    loop {
        let wish = Search {
            n_max: 2,
            page_token: token,
            ..wish("", &[])
        };
        let page = desk.write(move |sql| search::search(sql, W, &wish));
        found.extend(page.items.into_iter().map(|run| run.info.name));
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found.join(" "), "r4 r3 r2 r1 r0");
}

#[test]
fn what_cannot_be_searched_says_why() {
    let desk = desk();
    for (filter, reason) in [
        ("metrics.loss < 'a'", "numeric"),
        ("params.depth > '1'", "quoted string"),
        ("params.depth = 1", "quoted string"),
        ("colour.red = 'x'", "Invalid entity type 'colour'"),
        ("attributes.colour = 'x'", "Invalid attribute key 'colour'"),
        ("datasets.colour = 'x'", "Invalid dataset key 'colour'"),
        ("start_time = 'x'", "numeric"),
    ] {
        let wish = wish(filter, &[]);
        let error = desk
            .db
            .read(move |sql| search::search(sql, W, &wish))
            .wait();
        let error = error.expect_err(filter);
        assert!(matches!(error, TrackingError::Filter(_)), "{error}");
        assert!(error.to_string().contains(reason), "{filter}: {error}");
    }
    let twice = wish("", &["metrics.loss", "metrics.loss DESC"]);
    let error = desk
        .db
        .read(move |sql| search::search(sql, W, &twice))
        .wait();
    assert!(
        error
            .err()
            .unwrap()
            .to_string()
            .contains("duplicate fields")
    );
}
