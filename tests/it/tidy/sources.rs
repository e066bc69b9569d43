//! Every source file is short, says what it is for, and is finished.

use super::{assert_none, files, read, short};
use std::path::PathBuf;

const MAX_LINES: usize = 650;
/// Marks of unfinished work, in two halves so that this file has none; the last two are no mark within a comment.
const UNFINISHED: &[(&str, &str)] = &[
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X:"),
    ("todo", "!("),
    ("unimplemented", "!("),
];

fn sources() -> Vec<PathBuf> {
    ["crates", "tests", "benches"]
        .into_iter()
        .flat_map(|directory| files(directory, ".rs"))
        .collect()
}

#[test]
fn no_file_is_longer_than_650_lines() {
    let findings: Vec<String> = sources()
        .iter()
        .map(|path| (path, read(path).lines().count()))
        .filter(|(_, n_lines)| *n_lines > MAX_LINES)
        .map(|(path, n_lines)| format!("{} has {n_lines} lines", short(path)))
        .collect();
    assert_none("split these files", &findings);
}

#[test]
fn every_file_says_what_it_is_for() {
    let findings: Vec<String> = sources()
        .iter()
        .filter(|path| !read(path).starts_with("//! "))
        .map(|path| short(path))
        .collect();
    assert_none("begin these files with a module doc", &findings);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut findings = Vec::new();
    for path in sources() {
        for (number, line) in read(&path).lines().enumerate() {
            let is_comment = line.trim_start().starts_with("//");
            let is_mark = |head: &str, tail: &str| {
                let mark = format!("{head}{tail}");
                line.contains(&mark) && !(is_comment && mark.ends_with('('))
            };
            if UNFINISHED.iter().any(|(head, tail)| is_mark(head, tail)) {
                findings.push(format!("{}:{}: {}", short(&path), number + 1, line.trim()));
            }
        }
    }
    assert_none("finish these", &findings);
}
