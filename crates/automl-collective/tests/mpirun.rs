//! The same program under Open MPI and under MPICH, where they are installed, and without MPI.
//!
//! This file is both: the tests start `mpirun` on their own executable, whose test `the_program_of_a_rank` finds itself in a
//! job then.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test is a program of its own, whose launcher speaks to it by the environment"
)]

use automl_collective::{Place, Transport, TransportKind, start};
use automl_core::{Collective, agree};
use std::process::{Command, Output};
use std::time::Duration;

/// Says what the rank shall do.
const TASK: &str = "AUTOML_TEST_TASK";

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Runs a task on so many ranks; `None`, with the reason printed, where the launcher is not installed.
fn mpirun(program: &str, size: usize, task: &str) -> Option<Output> {
    if !is_installed(program) {
        println!("skipped: {program} is not installed");
        return None;
    }
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["-n", &size.to_string()]);
    command.arg(own);
    command.args([
        "--exact",
        "the_program_of_a_rank",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.env(TASK, task);
    // As root in a container, on fewer cores than ranks.
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1");
    command.env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.env("OMPI_MCA_rmaps_base_oversubscribe", "1");
    command.env("OMPI_MCA_btl_vader_single_copy_mechanism", "none");
    Some(command.output().unwrap())
}

fn text(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    stdout + &String::from_utf8_lossy(&output.stderr)
}

/// The lines of a task that all ranks print, without their order.
fn told(output: &Output, size: usize) -> Vec<String> {
    let text = text(output);
    let mut lines: Vec<String> = text
        .lines()
        .filter_map(|line| line.split_once("told: "))
        .map(|(_, told)| told.to_owned())
        .collect();
    assert_eq!(lines.len(), size, "{text}");
    lines.sort();
    lines.dedup();
    lines
}

#[test]
fn sums_under_mpi_have_the_bits_of_sums_over_threads() {
    for (program, library) in [("mpirun.openmpi", "Open MPI"), ("mpirun.mpich", "MPICH")] {
        for size in [2, 4] {
            let Some(output) = mpirun(program, size, "sums") else {
                continue;
            };
            let lines = told(&output, size);
            assert_eq!(lines.len(), 1, "all ranks hold the same: {lines:?}");
            let (transport, digest) = lines[0].split_once(" gives ").unwrap();
            assert!(
                transport.starts_with(&format!("MPI ({library} ")),
                "{transport}"
            );
            assert_eq!(digest, by_threads(size));
            assert!(output.status.success(), "{}", text(&output));
        }
    }
}

#[test]
fn a_rank_that_dies_ends_the_job() {
    for program in ["mpirun.openmpi", "mpirun.mpich"] {
        if let Some(output) = mpirun(program, 3, "die") {
            assert!(!output.status.success(), "{}", text(&output));
        }
    }
}

#[test]
fn ranks_that_disagree_stop_under_mpi_too() {
    for program in ["mpirun.openmpi", "mpirun.mpich"] {
        if let Some(output) = mpirun(program, 2, "disagree") {
            let line = "the ranks disagree on the config: line 1 is 'rank 0' on rank 0 and 'rank 1' on rank 1";
            assert_eq!(told(&output, 2), [line]);
        }
    }
}

fn by_threads(size: usize) -> String {
    let ranks = automl_collective::threads(size, Duration::from_mins(1));
    std::thread::scope(|scope| {
        let work = |rank: &dyn Collective| digest(rank);
        let started: Vec<_> = ranks
            .into_iter()
            .map(|rank| scope.spawn(move || work(&rank)))
            .collect();
        let mut all: Vec<String> = started.into_iter().map(|one| one.join().unwrap()).collect();
        all.dedup();
        assert_eq!(all.len(), 1);
        all.remove(0)
    })
}

/// A number that depends on every bit of sums of all lengths, of a broadcast and of what was gathered.
fn digest(ranks: &dyn Collective) -> String {
    let mut sum = 14_695_981_039_346_656_037_u64;
    let mut take = |bytes: &[u8]| {
        for byte in bytes {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211);
        }
    };
    for count in [1_usize, 100, 5000, 1_000_003] {
        let of = |at: usize| ((at * 7919 + ranks.rank() * 31) % 1009) as f32 * 1.37e-3;
        let mut values: Vec<f32> = (0..count).map(of).collect();
        ranks.all_reduce_f32(&mut values).unwrap();
        for value in &values {
            take(&value.to_le_bytes());
        }
    }
    let mut bytes = vec![ranks.rank() as u8; 3_000_000];
    ranks.broadcast(&mut bytes, 1).unwrap();
    take(&bytes);
    let gathered = ranks.all_gather(&vec![7; 1000 * ranks.rank()]).unwrap();
    for bytes in &gathered {
        take(bytes);
    }
    for _ in 0..100 {
        ranks.barrier().unwrap();
    }
    format!("{sum:016x}")
}

/// What a rank does, if this process is one.
#[test]
fn the_program_of_a_rank() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let place = Place::from_variables(|name| std::env::var(name).ok());
    let place = place.unwrap().expect("a launcher started this");
    let transport = Transport {
        kind: Some(TransportKind::Mpi),
        timeout: Duration::from_secs(30),
        ..Transport::default()
    };
    let ranks = start(&place, &transport).unwrap();
    match task.as_str() {
        "sums" => println!(
            "told: {} gives {}",
            ranks.transport(),
            digest(ranks.as_ref())
        ),
        "disagree" => {
            let text = format!("rank {}", place.rank);
            let error = agree(ranks.as_ref(), "the config", &text).unwrap_err();
            println!("told: {error}");
        }
        "die" => {
            ranks.barrier().unwrap();
            if place.rank == 1 {
                std::process::abort();
            }
            ranks.barrier().unwrap_err();
        }
        other => panic!("no task {other}"),
    }
}
