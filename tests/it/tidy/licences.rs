//! Everything that is built in is free to use, change and sell.

use super::{assert_none, cargo_metadata};
use std::process::Command;

/// Licences that ask for no more than to be named, and one that asks for changes to its own files only.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

#[test]
fn every_dependency_has_an_allowed_licence() {
    let platform = host();
    let metadata = cargo_metadata(&["--filter-platform", &platform]);
    let used: Vec<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("metadata resolves the graph")
        .iter()
        .filter_map(|node| node["id"].as_str())
        .collect();
    let mut findings = Vec::new();
    for package in metadata["packages"]
        .as_array()
        .expect("metadata lists packages")
    {
        let is_used = package["id"].as_str().is_some_and(|id| used.contains(&id));
        let licence = package["license"].as_str().unwrap_or("none stated");
        if is_used && !is_allowed(licence) {
            findings.push(format!(
                "{} {}: {licence}",
                package["name"], package["version"]
            ));
        }
    }
    assert_none("licences that are not on the list", &findings);
}

fn host() -> String {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

/// Whether an SPDX expression leaves a choice of allowed licences only. `OR` binds weaker than `AND`; `/` is an old `OR`.
fn is_allowed(expression: &str) -> bool {
    let expression = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = expression.split_whitespace().collect();
    let mut rest = words.as_slice();
    let result = any_of(&mut rest);
    result && rest.is_empty()
}

fn any_of(words: &mut &[&str]) -> bool {
    let mut result = all_of(words);
    while words.first() == Some(&"OR") {
        *words = &words[1..];
        result |= all_of(words);
    }
    result
}

fn all_of(words: &mut &[&str]) -> bool {
    let mut result = one(words);
    while words.first() == Some(&"AND") {
        *words = &words[1..];
        result &= one(words);
    }
    result
}

fn one(words: &mut &[&str]) -> bool {
    let Some((first, rest)) = words.split_first() else {
        return false;
    };
    *words = rest;
    if *first == "(" {
        let result = any_of(words);
        let is_closed = words.first() == Some(&")");
        *words = words.get(1..).unwrap_or_default();
        return result && is_closed;
    }
    if words.first() == Some(&"WITH") {
        // An exception only gives further rights.
        *words = words.get(2..).unwrap_or_default();
    }
    ALLOWED.contains(first)
}

#[test]
fn licence_expressions_are_understood() {
    for allowed in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR GPL-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "",
        "none stated",
        "(MIT",
        "(MIT OR Apache-2.0) AND GPL-3.0",
    ] {
        assert!(!is_allowed(refused), "{refused}");
    }
}
