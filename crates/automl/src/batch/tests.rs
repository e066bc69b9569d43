//! Which file each table gets.

use super::plan::{Planned, check_addresses, plan};
use crate::errors::Report;
use crate::scoring::PartKind;
use automl_serve::batches::Places;
use automl_store::buckets::Address;
use std::fs;
use std::path::Path;

fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "a\n1\n").unwrap();
    }
    folder
}

/// The files of a plan, or the code of the error.
fn files(at: &Path, data: &[&str], kind: &str) -> Result<Vec<String>, &'static str> {
    let data: Vec<String> = (data.iter())
        .map(|name| at.join(name).display().to_string())
        .collect();
    let kind: PartKind = kind.parse().unwrap();
    match plan(&data, &at.join("out"), kind) {
        Ok(plan) => Ok(plan.parts.iter().map(Planned::output_name).collect()),
        Err(error) => Err(Report::of(&error).code.unwrap_or("none")),
    }
}

#[test]
fn each_table_has_a_file_in_the_order_of_what_was_named() {
    let folder = folder(&["b/2.csv.gz", "b/1.jsonl", "a.parquet"]);
    let at = folder.path();
    assert_eq!(
        files(at, &["b", "a.parquet"], "csv").unwrap(),
        ["1.csv", "2.csv", "a.csv"]
    );
    assert_eq!(
        files(at, &["*/*.csv.gz"], "jsonl.gz").unwrap(),
        ["b/2.jsonl.gz"]
    );
}

#[test]
fn tables_that_cannot_have_a_file_each_are_refused() {
    let folder = folder(&["a/x.csv", "b/x.csv", "c/x.csv", "c/x.parquet", "out/y.csv"]);
    let at = folder.path();
    for (data, code) in [
        (&["a/x.csv", "b/x.csv"][..], "batch-same-output"),
        (&["c"], "batch-same-output"),
        (&["a/x.csv", "a/*.csv"], "batch-named-twice"),
        (&["a/x.csv", "*/y.csv"], "output-is-input"),
        (&["a/x.csv", "d/*.csv"], "data-not-found"),
        (&["a/x.csv", "d.csv"], "data-not-found"),
    ] {
        assert_eq!(files(at, data, "csv"), Err(code), "{data:?}");
    }
    assert_eq!(files(at, &["[ab]/x.csv"], "csv").unwrap().len(), 2);
}

#[test]
fn addresses_lie_below_the_places_that_are_allowed() {
    let places = Places {
        addresses: vec![Address::parse("s3://bucket/in").unwrap()],
        ..Places::default()
    };
    let is_allowed = |data: &str, output: &str| {
        check_addresses(&[data.to_owned()], Path::new(output), &places).is_ok()
    };
    assert!(is_allowed("s3://bucket/in/*.csv", "s3://bucket/in/out"));
    assert!(is_allowed("x.csv", "out"), "of folders others decide");
    assert!(!is_allowed("s3://bucket/x.csv", "s3://bucket/in/out"));
    assert!(!is_allowed("s3://bucket/in/x.csv", "s3://bucket/out"));
    assert!(!is_allowed("x.csv", "s3://bucket//in/out"));
}

#[test]
fn tables_and_output_lie_below_the_folders_that_are_allowed() {
    let folder = folder(&["in/a/x.csv", "out/y.csv"]);
    let at = folder.path().canonicalize().unwrap();
    std::os::unix::fs::symlink(at.join("out/y.csv"), at.join("in/a/link.csv")).unwrap();
    std::os::unix::fs::symlink(at.join("out"), at.join("in/linked")).unwrap();
    let within = Places {
        folders: vec![at.join("in")],
        ..Places::default()
    };
    let is_allowed = |data: &str, output: &str| {
        let output = at.join(output);
        let data = [at.join(data).display().to_string()];
        let plan = plan(&data, &output, PartKind::default()).unwrap();
        plan.check_within(&output, &within).is_ok()
    };
    assert!(is_allowed("in/a/x.csv", "in/new/deep"));
    assert!(
        !is_allowed("in/a/link.csv", "in/new"),
        "a link leads elsewhere"
    );
    assert!(!is_allowed("in/linked/y.csv", "in/new"));
    assert!(!is_allowed("out/y.csv", "in/new"));
    assert!(!is_allowed("in/a/x.csv", "elsewhere"));
    assert!(!is_allowed("in/a/x.csv", "in/linked/new"));
    assert!(!is_allowed("in/a/x.csv", "in/../elsewhere"));
}
