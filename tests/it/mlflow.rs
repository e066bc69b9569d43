//! MLflow's own client against the server, when slow tests are asked for: `tests/mlflow` needs Python, a package registry and
//! Postgres.

use crate::harness::repository;
use std::process::Command;

#[test]
fn mlflows_client_is_at_home() {
    if std::env::var_os("AUTOML_SLOW_TESTS").is_none() {
        return;
    }
    let status = Command::new("python3")
        .arg(repository().join("tests/mlflow/run.py"))
        .env("AUTOML_BIN", env!("CARGO_BIN_EXE_automl"))
        .status()
        .expect("python3 starts");
    assert!(status.success(), "tests/mlflow/run.py: {status}");
}
