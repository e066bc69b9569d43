//! One boosted model from rows on 1, 2 and 4 processes, joined by Open MPI, by MPICH, by Slurm and by TCP: the same bytes.
//!
//! The tests start this file's own executable as ranks, whose test `the_program_of_a_rank` finds itself in a job then.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test is a program of its own, whose launcher speaks to it by the environment"
)]

use automl_collective::{Place, Transport, start};
use automl_core::{
    Budget, Collective, Column, Dataset, FitContext, Levels, Seed, Solo, Table, Target, Task,
    Threads, TrainingData, Warnings,
};
use automl_tree::{GradientBoosting, GradientBoostingParams};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

/// Set where the executable is a rank.
const IS_RANK: &str = "AUTOML_TEST_RANK";
const N_ROWS: usize = 5000;

/// The rows of one of `size` ranks.
fn shard(rank: usize, size: usize) -> Dataset {
    let rows = N_ROWS * rank / size..N_ROWS * (rank + 1) / size;
    let x = |row: usize| ((row * 7919) % 1009) as f64 / 1009.0;
    let group = |row: usize| (row * 31 % 17) as u32;
    let y = |row: usize| (6.0 * x(row)).sin() + f64::from(group(row) % 4) + x(row * 13 + 5);
    let columns = vec![
        (
            "x".to_owned(),
            Column::Number(rows.clone().map(x).collect()),
        ),
        (
            "z".to_owned(),
            Column::Number(rows.clone().map(|row| x(row * 13 + 5)).collect()),
        ),
        (
            "group".to_owned(),
            Column::category(
                rows.clone().map(group).collect(),
                Levels::new((0..17).map(|level| level.to_string())),
            ),
        ),
    ];
    let target: Vec<f64> = rows.map(y).collect();
    let table = Table::new(columns).unwrap();
    Dataset::new(table, Task::Regression, Target::Numbers(target.into())).unwrap()
}

/// The whole model as text: every number of it in the form that gives its bits back.
fn model(ranks: &dyn Collective) -> String {
    let data = shard(ranks.rank(), ranks.size());
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(3),
        threads: Threads::one(),
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    let (valid, train): (Vec<u32>, Vec<u32>) = data.all_rows().iter().partition(|&&row| {
        let number = N_ROWS * ranks.rank() / ranks.size() + row as usize;
        number.is_multiple_of(5)
    });
    let params = GradientBoostingParams {
        n_trees: 20,
        ..GradientBoostingParams::default()
    };
    let training = TrainingData {
        train: data.view(&train),
        valid: Some(data.view(&valid)),
    };
    let learner = GradientBoosting::new(params).unwrap();
    let fitted = learner.fit_dealt(&ctx, &training, ranks).unwrap();
    format!("{:?}", fitted.model.artifact())
}

/// A number that depends on every byte.
fn digest(text: &str) -> String {
    let sum = text
        .bytes()
        .fold(14_695_981_039_346_656_037_u64, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(1_099_511_628_211)
        });
    format!("{sum:016x} of {} bytes", text.len())
}

/// This executable, as a rank.
fn of_rank(command: &mut Command) -> &mut Command {
    command.args([
        "--exact",
        "the_program_of_a_rank",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.env(IS_RANK, "1")
}

fn check(name: &str, size: usize, outputs: &[Output], expected: &str) {
    let text: String = outputs
        .iter()
        .map(|output| {
            String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr)
        })
        .collect();
    let found = text.lines().filter_map(|line| line.split_once("model: "));
    let found: Vec<&str> = found.map(|(_, digest)| digest).collect();
    assert_eq!(found, vec![expected; size], "{name}: {text}");
}

#[test]
fn processes_joined_by_mpi_make_the_model_of_one() {
    let expected = digest(&model(&Solo));
    for program in ["mpirun.openmpi", "mpirun.mpich"] {
        if Command::new(program).arg("--version").output().is_err() {
            println!("skipped: {program} is not installed");
            continue;
        }
        for size in [2, 4] {
            let mut command = Command::new(program);
            command.args(["-n", &size.to_string()]);
            command.arg(std::env::current_exe().unwrap());
            // As root in a container, on fewer cores than ranks.
            command.env("OMPI_ALLOW_RUN_AS_ROOT", "1");
            command.env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
            command.env("OMPI_MCA_rmaps_base_oversubscribe", "1");
            command.env("OMPI_MCA_btl_vader_single_copy_mechanism", "none");
            let output = of_rank(&mut command).output().unwrap();
            check(program, size, &[output], &expected);
        }
    }
}

#[test]
fn processes_joined_by_tcp_make_the_model_of_one() {
    let expected = digest(&model(&Solo));
    for size in [2, 4] {
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let ranks: Vec<_> = (0..size)
            .map(|rank| {
                let mut command = Command::new(std::env::current_exe().unwrap());
                of_rank(&mut command)
                    .env("RANK", rank.to_string())
                    .env("WORLD_SIZE", size.to_string())
                    .env("MASTER_ADDR", "127.0.0.1")
                    .env("MASTER_PORT", port.to_string())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let outputs: Vec<Output> = ranks
            .into_iter()
            .map(|rank| rank.wait_with_output().unwrap())
            .collect();
        check("TCP", size, &outputs, &expected);
    }
}

#[test]
fn steps_of_a_slurm_of_two_nodes_make_the_model_of_one() {
    if Command::new("slurmctld").arg("-V").output().is_err() {
        println!("skipped: Slurm is not installed; tests/collective/slurm.sh installs it");
        return;
    }
    let script = "../../tests/collective/slurm.sh";
    let mut command = Command::new(script);
    command.args(["srun", "--nodes=2", "--ntasks=4"]);
    command.arg(std::env::current_exe().unwrap());
    let output = of_rank(&mut command).output().unwrap();
    if output.status.code() == Some(77) {
        print!("{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    check("Slurm", 4, &[output], &digest(&model(&Solo)));
}

/// What a rank does, if this process is one.
#[test]
fn the_program_of_a_rank() {
    if std::env::var(IS_RANK).is_err() {
        return;
    }
    let place = Place::from_variables(|name| std::env::var(name).ok());
    let place = place.unwrap().expect("a launcher started this");
    let ranks = start(&place, &Transport::default()).unwrap();
    println!("model: {}", digest(&model(ranks.as_ref())));
}
