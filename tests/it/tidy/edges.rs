//! Which crate may depend on which.

use super::{assert_none, cargo_metadata, read};
use crate::harness::repository;
use serde_json::Value;

/// Our crates, and which of ours each may use: down the layers only, never sideways.
const OURS: &[(&str, &[&str])] = &[
    ("automl-macros", &[]),
    ("automl-core", &["automl-macros"]),
    ("automl-testkit", &["automl-core"]),
    ("automl-collective", &["automl-core"]),
    ("automl-data", &["automl-core"]),
    ("automl-features", &["automl-core"]),
    ("automl-tree", &["automl-core"]),
    ("automl-linear", &["automl-core"]),
    ("automl-neural", &["automl-core"]),
    ("automl-tune", &["automl-core"]),
    ("automl-tensorboard", &[]),
    ("automl-onnx", &["automl-core"]),
    (
        "automl-engine",
        &[
            "automl-core",
            "automl-features",
            "automl-tree",
            "automl-linear",
            "automl-neural",
            "automl-onnx",
            "automl-tune",
        ],
    ),
    ("automl-store", &["automl-core", "automl-tensorboard"]),
    (
        "automl-serve",
        &["automl-core", "automl-store", "automl-tune"],
    ),
    (
        "automl",
        &[
            "automl-collective",
            "automl-core",
            "automl-data",
            "automl-features",
            "automl-engine",
            "automl-onnx",
            "automl-neural",
            "automl-serve",
            "automl-store",
            "automl-tensorboard",
            "automl-tree",
        ],
    ),
    // What users may write beside them.
    (
        "custom-job",
        &["automl-core", "automl-neural", "automl-store"],
    ),
];

/// Crates of others that only these of ours may use.
const OWNERS: &[(&str, &[&str])] = &[
    ("anyhow", &["automl"]),
    ("argon2", &["automl-store"]),
    ("arrow", &["automl-data"]),
    ("async-graphql-parser", &["automl-serve"]),
    ("async-graphql-value", &["automl-serve"]),
    ("axum", &["automl-serve"]),
    ("base64", &["automl-data", "automl-neural", "automl-serve"]),
    ("burn-autodiff", &["automl-neural"]),
    ("burn-core", &["automl-neural"]),
    ("burn-cuda", &["automl-neural"]),
    ("burn-flex", &["automl-neural"]),
    ("burn-nn", &["automl-neural"]),
    ("clap", &["automl"]),
    ("csv", &["automl-data"]),
    ("ctrlc", &["automl"]),
    ("encoding_rs", &["automl-data"]),
    ("flate2", &["automl-data", "automl-store"]),
    ("glob", &["automl-data"]),
    ("hmac", &["automl-serve", "automl-store"]),
    ("hyper", &["automl-serve"]),
    ("image", &["automl-neural"]),
    ("indicatif", &["automl"]),
    ("jsonwebtoken", &["automl-serve"]),
    ("libloading", &["automl-collective"]),
    ("object_store", &["automl-store"]),
    ("parquet", &["automl-data"]),
    ("postgres", &["automl-store"]),
    ("prometheus-client", &["automl-serve"]),
    (
        "prost",
        &["automl-onnx", "automl-serve", "automl-tensorboard"],
    ),
    ("rayon", &["automl-core"]),
    ("ring", &["automl-serve", "automl-store"]),
    ("rusqlite", &["automl-store"]),
    ("safetensors", &["automl-store"]),
    ("syn", &["automl-macros"]),
    ("tonic", &["automl-serve"]),
    ("tar", &["automl-store"]),
    ("tokio", &["automl-serve", "automl-store"]),
    ("tract-onnx", &["automl-onnx"]),
    ("ureq", &["automl-serve"]),
    ("zstd", &["automl-data", "automl-store"]),
];

/// What only tests may use, wherever they are.
const FOR_TESTS: &[&str] = &["automl-testkit", "expect-test", "proptest", "rcgen"];

struct Package {
    name: String,
    /// Names that the product needs.
    normal: Vec<String>,
    /// Names that its tests need.
    dev: Vec<String>,
}

fn packages() -> Vec<Package> {
    let metadata = cargo_metadata(&["--no-deps"]);
    let packages = metadata["packages"]
        .as_array()
        .expect("metadata lists packages");
    let name = |value: &Value| {
        value["name"]
            .as_str()
            .expect("everything has a name")
            .to_owned()
    };
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"]
                .as_array()
                .expect("packages list dependencies");
            let (dev, normal) = dependencies
                .iter()
                .partition::<Vec<_>, _>(|one| one["kind"] == "dev");
            Package {
                name: name(package),
                normal: normal.into_iter().map(name).collect(),
                dev: dev.into_iter().map(name).collect(),
            }
        })
        .collect()
}

#[test]
fn crates_depend_down_the_layers_only() {
    let mut findings = Vec::new();
    for package in packages() {
        let Some((_, allowed)) = OURS.iter().find(|(name, _)| *name == package.name) else {
            findings.push(format!("{} is not in the table of crates", package.name));
            continue;
        };
        for used in package.normal.iter().filter(|used| is_ours(used)) {
            if !allowed.contains(&used.as_str()) {
                findings.push(format!("{} must not know {used}", package.name));
            }
        }
    }
    assert_none("crate edges", &findings);
}

#[test]
fn every_crate_in_the_table_is_there() {
    let packages = packages();
    let is_there = |name: &str| packages.iter().any(|package| package.name == name);
    let findings: Vec<String> = OURS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .filter(|name| !is_there(name))
        .collect();
    assert_none("crates that are gone", &findings);
}

#[test]
fn crates_of_others_stay_with_their_owners() {
    let mut findings = Vec::new();
    for package in packages() {
        for used in &package.normal {
            let owners = OWNERS
                .iter()
                .find(|(name, _)| name == used)
                .map(|(_, owners)| *owners);
            if owners.is_some_and(|owners| !owners.contains(&package.name.as_str())) {
                findings.push(format!("{} must not know {used}", package.name));
            }
            if FOR_TESTS.contains(&used.as_str()) {
                findings.push(format!("{} uses {used} outside tests", package.name));
            }
        }
    }
    assert_none("owned dependencies", &findings);
}

#[test]
fn tests_of_a_crate_see_no_crate_above_it() {
    let mut findings = Vec::new();
    let layer = |name: &str| OURS.iter().position(|(known, _)| *known == name);
    for package in packages() {
        for used in package.dev.iter().filter(|used| is_ours(used)) {
            if layer(used) > layer(&package.name) {
                findings.push(format!(
                    "the tests of {} must not know {used}",
                    package.name
                ));
            }
        }
    }
    assert_none("crate edges of tests", &findings);
}

#[test]
fn every_stated_dependency_is_used() {
    let manifest = read(&repository().join("Cargo.toml"));
    let stated = manifest
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1);
    let stated = stated
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "));
    let packages = packages();
    let is_used = |name: &str| {
        packages
            .iter()
            .any(|one| one.normal.iter().chain(&one.dev).any(|used| used == name))
    };
    let findings: Vec<String> = stated
        .map(|(name, _)| name.to_owned())
        .filter(|name| !is_used(name))
        .collect();
    assert_none("dependencies that nothing uses", &findings);
}

fn is_ours(name: &str) -> bool {
    name == "automl" || name.starts_with("automl-")
}
