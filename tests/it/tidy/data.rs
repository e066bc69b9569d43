//! The tables are what their list says; every configuration file is read by the code that it is for.

use super::{assert_none, files, read, short};
use crate::harness::{Desk, repository};
use automl_features::Recipe;
use sha2::{Digest, Sha256};
use std::path::Path;

#[test]
fn every_table_is_listed_with_its_checksum() {
    let sources = read(&repository().join("datasets/SOURCES.md"));
    let mut findings = Vec::new();
    for path in files("datasets", "") {
        let name = path
            .file_name()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        if name == "SOURCES.md" {
            continue;
        }
        let content = std::fs::read(&path).expect("the table can be read");
        let hash = hex(&Sha256::digest(&content));
        let row = sources
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")));
        match row {
            None => findings.push(format!("{name} is not listed")),
            Some(row) if !row.contains(&hash) => {
                findings.push(format!("{name} has SHA-256 {hash}"));
            }
            Some(_) => {}
        }
    }
    assert_none("datasets/SOURCES.md", &findings);
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[test]
fn every_listed_table_is_there() {
    let sources = read(&repository().join("datasets/SOURCES.md"));
    let listed = sources
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once(".csv`"));
    let missing: Vec<String> = listed
        .map(|(name, _)| format!("datasets/{name}.csv"))
        .filter(|name| !repository().join(name).exists())
        .collect();
    assert_none("listed in datasets/SOURCES.md", &missing);
}

#[test]
fn every_configuration_file_loads() {
    let mut findings = Vec::new();
    for path in files("configs", "") {
        let kind = path
            .parent()
            .and_then(Path::file_name)
            .expect("a configuration lies in a folder of its kind");
        let result = match kind.to_str() {
            Some("recipes") => Recipe::from_yaml(&read(&path))
                .map(drop)
                .map_err(|error| error.to_string()),
            Some("schemas") => load_schema(&path),
            Some("studies") => load_study(&path),
            Some("train") => load_training(&path),
            _ => Err("no reader is known for this folder".to_owned()),
        };
        if let Err(reason) = result {
            findings.push(format!("{}: {reason}", short(&path)));
        }
    }
    assert_none("configuration files", &findings);
}

/// The configuration is read whole; that it trains is tested beside the other tests of training.
fn load_training(path: &Path) -> Result<(), String> {
    let desk = Desk::new();
    desk.write("train.yaml", read(path));
    let outcome = desk.automl("train train.yaml --print-config");
    match outcome.exit_code {
        Some(0) => Ok(()),
        _ => Err(outcome.stderr),
    }
}

/// The study is made and its first trials end well.
fn load_study(path: &Path) -> Result<(), String> {
    let desk = Desk::new();
    // Some name a configuration of another folder.
    std::os::unix::fs::symlink(repository().join("configs"), desk.path("configs"))
        .map_err(|error| error.to_string())?;
    desk.write("study.yaml", read(path));
    let outcome = desk.automl("tune study.yaml --trials 2 --format json");
    let told = serde_json::from_str::<serde_json::Value>(&outcome.stdout);
    match told {
        Ok(told) if told["n_complete"] == 2 => Ok(()),
        _ => Err(outcome.stderr),
    }
}

/// `configs/schemas/<table>.yaml` describes `datasets/<table>.csv`.
fn load_schema(path: &Path) -> Result<(), String> {
    let table = path
        .file_stem()
        .expect("a file has a name")
        .to_string_lossy()
        .into_owned();
    let desk = Desk::new();
    desk.write("schema.yaml", read(path));
    let outcome = desk.automl(&format!(
        "profile datasets/{table}.csv --schema schema.yaml"
    ));
    if outcome.exit_code == Some(0) {
        Ok(())
    } else {
        Err(outcome.stderr)
    }
}
