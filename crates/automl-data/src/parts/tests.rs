//! Which files are meant, and what they are called.

use super::{SameColumns, base_of, find_parts, folder_of, parts_among, without_kind};
use crate::error::DataError;
use crate::options::ReadOptions;
use std::fs;
use std::path::{Path, PathBuf};

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn names(text: &str) -> Vec<String> {
    let found = find_parts(text).unwrap();
    let name = |name: &PathBuf| name.display().to_string();
    found.parts.iter().map(|part| name(&part.name)).collect()
}

#[test]
fn a_pattern_names_its_files_from_where_it_begins_to_vary() {
    let folder = folder(&[
        ("data/day=1/x.csv", ""),
        ("data/day=2/x.csv.gz", ""),
        ("data/day=2/y.csv", ""),
    ]);
    let at = folder.path().display();
    assert_eq!(
        names(&format!("{at}/data/day=*/*.csv*")),
        ["day=1/x", "day=2/x", "day=2/y"]
    );
    assert_eq!(names(&format!("{at}/./data/day=2/?.csv")), ["y"]);
    assert_eq!(names(&format!("{at}/data/day=1/x.csv")), ["x"]);
    assert_eq!(base_of("part-*.csv"), Path::new(""));
    assert_eq!(base_of("/a/b*/c/*.csv"), Path::new("/a"));
}

#[test]
fn names_of_an_object_store_are_meant_as_files_are() {
    let all = [
        "data/.hidden.csv",
        "data/_SUCCESS",
        "data/a.csv",
        "data/day=1/x.csv",
        "data/day=2/x.csv.gz",
        "data/readme.md",
        "data/we[i]rd.csv",
    ];
    let meant = |wanted: &str| -> Vec<(String, String)> {
        let below = folder_of(wanted);
        let names: Vec<&str> = (all.into_iter())
            .filter(|name| name.starts_with(below))
            .collect();
        let told = |path: &Path| path.display().to_string();
        let found = parts_among(wanted, &names).unwrap();
        let told = found
            .parts
            .iter()
            .map(|part| (told(&part.path), told(&part.name)));
        told.collect()
    };
    let names =
        |wanted: &str| -> Vec<String> { meant(wanted).into_iter().map(|(_, name)| name).collect() };
    assert_eq!(names("data/*.csv"), [".hidden", "a", "we[i]rd"]);
    assert_eq!(names("data/day=*/*"), ["day=1/x", "day=2/x"]);
    assert_eq!(names("data/**/x.csv"), ["day=1/x"]);
    assert_eq!(names("data/day=2/?.csv.gz"), ["x"]);
    assert_eq!(names("data/"), ["a", "day=1/x", "day=2/x", "we[i]rd"]);
    assert_eq!(
        meant("data/we[i]rd.csv"),
        [("data/we[i]rd.csv".into(), "we[i]rd".into())]
    );
    assert_eq!(names("data/a"), [""; 0]);
    assert_eq!(parts_among("", &all).unwrap().n_passed_over, 1);
    assert!(parts_among("data/[", &all).is_err());
    for (wanted, folder) in [
        ("", ""),
        ("*.csv", ""),
        ("a/b/", "a/b/"),
        ("a/b*/c", "a/"),
        ("a/b", "a/"),
    ] {
        assert_eq!(folder_of(wanted), folder);
    }
}

#[test]
fn a_folder_means_the_tables_in_it_and_below() {
    let folder = folder(&[
        ("b/2.parquet", ""),
        ("a.CSV", ""),
        ("b/1.jsonl.zst", ""),
        ("_SUCCESS", ""),
        ("_old/c.csv", ""),
        (".hidden.csv", ""),
        ("readme.md", ""),
    ]);
    let at = folder.path().to_str().unwrap();
    assert_eq!(names(at), ["a", "b/1", "b/2"]);
    assert_eq!(find_parts(at).unwrap().n_passed_over, 1);
    let empty = tempfile::tempdir().unwrap();
    let error = find_parts(empty.path().to_str().unwrap()).unwrap_err();
    assert!(matches!(error, DataError::NoTables { .. }), "{error}");
}

#[test]
fn only_what_tells_the_kind_is_no_part_of_a_name() {
    for (name, bare) in [
        ("a.csv", "a"),
        ("a.b.parquet", "a.b"),
        ("a.tsv.gz", "a"),
        ("a.v2", "a.v2"),
        ("a", "a"),
    ] {
        assert_eq!(without_kind(Path::new(name)), Path::new(bare), "{name}");
    }
}

#[test]
fn a_file_of_other_columns_is_named() {
    let folder = folder(&[
        ("1.csv", "a,b\n1,2\n"),
        ("2.csv", "b,a\n1,2\n"),
        ("3.csv", "a,c\n1,2\n"),
        ("4.jsonl", "{\"z\":1}\n"),
    ]);
    let mut same = SameColumns::default();
    let mut check = |name: &str| same.check(&folder.path().join(name), &ReadOptions::default());
    check("1.csv").unwrap();
    check("2.csv").unwrap();
    let error = check("3.csv").unwrap_err();
    let DataError::ColumnsDiffer {
        file,
        missing,
        extra,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert!(file.ends_with("3.csv"));
    assert_eq!(
        (&missing[..], &extra[..]),
        (&["b".to_owned()][..], &["c".to_owned()][..])
    );
    check("4.jsonl").unwrap();
}
