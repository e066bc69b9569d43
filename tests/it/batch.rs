//! Folders of predictions: the same bytes at any number of threads, and after kills as without.

use crate::harness::{BINARY, Desk};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

/// A desk with a model and a folder of tables of some thousand rows each.
pub(crate) fn desk_of_tables(n_tables: usize, n_repeats: usize) -> Desk {
    let desk = Desk::new();
    desk.copy_churn_model();
    let text = String::from_utf8(desk.read("datasets/churn_test.csv")).expect("it is text");
    let (header, rows) = text.split_once('\n').expect("it has a header");
    for table in 0..n_tables {
        let mut content = format!("{header}\n");
        // No two tables are alike.
        for _ in 0..=(n_repeats + table) {
            content.push_str(rows);
        }
        desk.write(&format!("tables/part-{table}.csv"), content);
    }
    desk
}

/// All files below a folder with their contents.
pub(crate) fn contents(desk: &Desk, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![desk.path(folder)];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("the folder can be listed") {
            let path = entry.expect("entries can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(desk.path(folder)).expect("it is below");
                let content = std::fs::read(&path).expect("it can be read");
                found.insert(name.display().to_string(), content);
            }
        }
    }
    found
}

pub(crate) fn manifest(desk: &Desk, folder: &str) -> Value {
    let bytes = desk.read(&format!("{folder}/_manifest.json"));
    serde_json::from_slice(&bytes).expect("it is JSON")
}

#[test]
fn a_folder_has_the_same_bytes_at_any_number_of_threads_and_those_of_single_files() {
    let desk = desk_of_tables(5, 3);
    for parts in ["csv", "jsonl.gz", "parquet"] {
        let predict = |threads: usize| {
            let output = format!("{parts}-{threads}");
            desk.automl_ok(&format!(
                "predict model tables --output {output}/ --parts {parts} --threads {threads}"
            ));
            contents(&desk, &output)
        };
        let one = predict(1);
        assert_eq!(one.len(), 7, "five parts, the account and the mark");
        assert!(one == predict(4), "threads changed {parts}");
        desk.automl_ok(&format!(
            "predict model tables/part-3.csv --output alone.{parts}"
        ));
        assert!(
            desk.read(&format!("alone.{parts}")) == one[&format!("part-3.{parts}")],
            "a part of {parts} is not what its table alone gives"
        );
    }
}

#[test]
fn the_account_has_every_row() {
    let desk = desk_of_tables(3, 0);
    desk.automl_ok("predict model tables --output out/");
    let manifest = manifest(&desk, "out");
    let numbers = |name: &str| -> Vec<u64> {
        let parts = manifest["parts"].as_array().expect("it has parts").iter();
        parts
            .map(|part| part[name].as_u64().expect("a number"))
            .collect()
    };
    assert_eq!(numbers("rows_read"), [300, 600, 900]);
    assert_eq!(numbers("rows_predicted"), [300, 600, 900]);
    assert_eq!(numbers("rows_refused"), [0, 0, 0]);
    assert_eq!(manifest["totals"]["rows_predicted"], 1800);
    for part in 0..3 {
        let lines = String::from_utf8(desk.read(&format!("out/part-{part}.csv"))).expect("text");
        assert_eq!(
            lines.lines().count() as u64,
            1 + numbers("rows_predicted")[part]
        );
    }
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_one_that_was_not() {
    let desk = desk_of_tables(12, 20);
    desk.automl_ok("predict model tables --output whole/");
    let expected = contents(&desk, "whole");
    let mut n_begun = 0;
    for round in 0_u64..8 {
        let mut child = desk
            .command(BINARY)
            .args("predict model tables --output out/ --resume --threads 2".split(' '))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary can be started");
        std::thread::sleep(Duration::from_millis(30 + 40 * round));
        child.kill().expect("the child can be killed");
        let status = child.wait().expect("the child can be waited for");
        if !desk.path("out").exists() {
            continue;
        }
        n_begun += 1;
        let found = contents(&desk, "out");
        let is_marked = found.contains_key("_SUCCESS");
        assert!(is_marked || !status.success(), "the end leaves a mark");
        assert!(
            found.len() >= expected.len() || !is_marked,
            "the mark tells of all"
        );
        // What is there is whole.
        for (name, content) in found {
            if !name.contains(".tmp-") {
                assert!(content == expected[&name], "{name} is not whole");
            }
        }
    }
    assert!(n_begun > 0, "no kill came late enough");
    desk.automl_ok("predict model tables --output out/ --resume");
    assert!(
        contents(&desk, "out") == expected,
        "the kills changed something"
    );
    assert!(!desk.path(".out.search").exists());
}

#[test]
fn a_table_that_changed_is_predicted_again_and_a_damaged_part_too() {
    let desk = desk_of_tables(3, 0);
    desk.automl_ok("predict model tables --output out/");
    let before = contents(&desk, "out");
    let mut table = desk.read("tables/part-0.csv");
    let row = table.len() - 2;
    let start = table[..row]
        .iter()
        .rposition(|&byte| byte == b'\n')
        .expect("it has rows");
    table.truncate(start + 1);
    desk.write("tables/part-0.csv", table);
    desk.write("out/part-1.csv", "cut");
    let told = desk.automl_ok("predict model tables --output out/ --resume --format json");
    let told: Value = serde_json::from_str(&told).expect("it is JSON");
    assert_eq!(told["n_parts_kept"], 1, "{told}");
    assert_eq!(told["n_rows"], 1799, "{told}");
    let after = contents(&desk, "out");
    assert!(after["part-1.csv"] == before["part-1.csv"]);
    assert!(after["part-2.csv"] == before["part-2.csv"]);
    assert!(after["part-0.csv"] != before["part-0.csv"]);
}

#[test]
fn another_model_does_not_go_on_with_a_folder() {
    let desk = desk_of_tables(2, 0);
    desk.automl_ok("predict model tables --output out/");
    desk.automl_ok(
        "fit datasets/churn.csv --target churned --max-trials 1 --holdout 0.3 --seed 5 --output other",
    );
    let outcome = desk.automl("predict other tables --output out/ --resume");
    assert_eq!(outcome.exit_code, Some(2));
    assert!(
        outcome.stderr.contains(
            "error[batch-other-model]: the folder holds predictions of another model: out"
        ),
        "{}",
        outcome.stderr
    );
    desk.automl_ok("predict other tables --output out/ --overwrite");
}

#[test]
fn rows_may_all_be_refused() {
    let desk = desk_of_tables(1, 0);
    let text = String::from_utf8(desk.read("tables/part-0.csv")).expect("it is text");
    let names: Vec<&str> = text.lines().next().expect("names").split(',').collect();
    let seats = names
        .iter()
        .position(|name| *name == "seats")
        .expect("a column");
    let mut lines = vec![names.join(",")];
    for _ in 0..5 {
        let cells = (0..names.len()).map(|column| if column == seats { "many" } else { "" });
        lines.push(cells.collect::<Vec<&str>>().join(","));
    }
    desk.write("odd/a.csv", lines.join("\n") + "\n");
    desk.automl_ok("predict model odd --output out/ --skip-bad-rows");
    let manifest = manifest(&desk, "out");
    assert_eq!(manifest["totals"]["rows_refused"], 5);
    assert_eq!(manifest["totals"]["rows_predicted"], 0);
    assert_eq!(
        manifest["parts"][0]["refused"].as_array().map(Vec::len),
        Some(5)
    );
}
