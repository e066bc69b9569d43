//! Clients of others against endpoints, when slow tests are asked for: `tests/serving` needs Python and a package registry.

use crate::harness::repository;
use std::process::Command;

#[test]
fn serving_clients_of_others_are_at_home() {
    if std::env::var_os("AUTOML_SLOW_TESTS").is_none() {
        return;
    }
    let status = Command::new("python3")
        .arg(repository().join("tests/serving/run.py"))
        .env("AUTOML_BIN", env!("CARGO_BIN_EXE_automl"))
        .status()
        .expect("python3 starts");
    assert!(status.success());
}
