//! Local ranks are started again together, and what the environment says is read strictly.

use super::*;
use crate::console::{Console, Format};
use std::path::PathBuf;

fn ranks(script: &str, folder: &tempfile::TempDir, max_restarts: u32) -> LocalRanks {
    let args = |is_again: &str| {
        let words = [
            "-c",
            script,
            "sh",
            is_again,
            &folder.path().to_string_lossy(),
        ];
        words.iter().map(Into::into).collect()
    };
    LocalRanks {
        program: PathBuf::from("/bin/sh"),
        args: args("first"),
        args_again: args("again"),
        size: 3,
        max_restarts,
    }
}

fn run(script: &str, max_restarts: u32) -> (anyhow::Result<bool>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let done = supervise(
        &ranks(script, &folder, max_restarts),
        Console::from_environment(Format::Text),
        &Arc::default(),
        &automl_core::CancelToken::default(),
    );
    let files = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    (done, names)
}

#[test]
fn each_rank_is_told_who_it_is() {
    let (done, names) = run(r#"touch "$2/$1-$RANK-of-$WORLD_SIZE-at-$MASTER_ADDR""#, 0);
    assert!(done.unwrap());
    let expected = [0, 1, 2].map(|rank| format!("first-{rank}-of-3-at-127.0.0.1"));
    assert_eq!(names, expected);
}

#[test]
fn all_ranks_start_again_when_one_is_killed() {
    let script = r#"touch "$2/$1-$RANK"
        if [ "$1$RANK" = first1 ]; then kill -9 $$; fi
        if [ "$1" = first ]; then sleep 0.2; exit 1; fi"#;
    let (done, names) = run(script, 1);
    assert!(done.unwrap());
    let expected = [
        "again-0", "again-1", "again-2", "first-0", "first-1", "first-2",
    ];
    assert_eq!(names, expected);
}

#[test]
fn starting_again_ends_where_it_does_not_help() {
    let (done, _) = run("exit $((RANK + 3))", 2);
    let error = done.unwrap_err().to_string();
    assert!(
        error.ends_with(", after all ranks had started again 2 times"),
        "{error}"
    );
    // Bad input is bad input however often it is tried.
    let (done, names) = run(r#"touch "$2/$1-$RANK"; exit 2"#, 5);
    assert!(
        done.unwrap_err()
            .to_string()
            .ends_with("ended with exit code 2")
    );
    assert_eq!(names.len(), 3);
    // A checkpoint was written, by all of them.
    assert!(!run("exit 130", 5).0.unwrap());
}

#[test]
fn the_transport_is_read_from_the_environment() {
    let read = |name: &'static str, value: &'static str| {
        transport(move |wanted| (wanted == name).then(|| value.to_owned()))
    };
    assert_eq!(
        read(TRANSPORT, "tcp").unwrap().kind,
        Some(TransportKind::Tcp)
    );
    assert_eq!(read(TIMEOUT, "7").unwrap().timeout, Duration::from_secs(7));
    assert_eq!(
        read(MPI_LIBRARY, "l.so").unwrap().mpi_library.as_deref(),
        Some("l.so")
    );
    assert_eq!(
        read(TRANSPORT, "pigeon").unwrap_err().to_string(),
        "the variable AUTOML_TRANSPORT is 'pigeon', not mpi or tcp"
    );
    assert!(read(TIMEOUT, "0").is_err());
}
