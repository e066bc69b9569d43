//! Networks trained by several processes: started here, by `mpirun` and by Slurm, killed and started again.

#![expect(clippy::print_stdout, reason = "a test that is skipped says why")]

use crate::harness::{BINARY, Desk, repository};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A small network on the churn table, in 15 steps an epoch.
const SMALL: &str = "data: {path: datasets/churn.csv, target: churned}
model: {type: mlp, width: 16}
trainer: {epochs: 4, batch_size: 64, shard_rows: 16}
checkpoint: {every_steps: 2}
";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("small.yaml", SMALL);
    desk
}

fn losses(told: &str) -> Vec<f64> {
    let told: serde_json::Value = serde_json::from_str(told).expect("the result is JSON");
    let history = told["history"].as_array().expect("it has a history");
    let loss = |record: &serde_json::Value| record["loss"].as_f64().expect("it is a number");
    history.iter().map(loss).collect()
}

fn weights(desk: &Desk, model: &str) -> Vec<u8> {
    desk.read(&format!("{model}/weights.safetensors"))
}

/// A launcher, if it is installed: its words before the program's.
fn launcher(words: &[&str]) -> Option<Command> {
    if Command::new(words[0]).arg("--version").output().is_err() {
        println!("skipped: {} is not installed", words[0]);
        return None;
    }
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    // As root in a container, on fewer cores than ranks.
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1");
    command.env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.env("OMPI_MCA_rmaps_base_oversubscribe", "1");
    command.env("OMPI_MCA_btl_vader_single_copy_mechanism", "none");
    Some(command)
}

#[test]
fn ranks_that_mpi_starts_have_the_bits_of_those_started_here() {
    let desk = desk();
    let told = desk.automl_ok("train small.yaml --ranks 2 --output here --format json");
    for (name, program) in [("open", "mpirun.openmpi"), ("mpich", "mpirun.mpich")] {
        let Some(mut command) = launcher(&[program, "-n", "2", BINARY]) else {
            continue;
        };
        command.args(["train", "small.yaml", "--output", name, "--format", "json"]);
        command.args(["--max-restarts", "1"]);
        let output = command
            .current_dir(desk.path(""))
            .output()
            .expect("it can be started");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{program}: {stderr}");
        assert!(stderr.contains("2 ranks, joined by MPI"), "{stderr}");
        assert!(
            stderr.contains("--max-restarts 1 does nothing here"),
            "{stderr}"
        );
        assert_eq!(
            losses(&String::from_utf8_lossy(&output.stdout)),
            losses(&told)
        );
        assert!(weights(&desk, name) == weights(&desk, "here"), "{program}");
    }
}

/// The processes that another one has started.
fn children(parent: u32) -> Vec<i32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let listed = std::fs::read_to_string(path).unwrap_or_default();
    listed
        .split_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}

#[test]
fn a_rank_that_is_killed_starts_again_with_the_others_and_nothing_is_lost() {
    let desk = desk();
    desk.automl_ok("train small.yaml --ranks 2 --set trainer.epochs=40 --output whole");
    let child = desk
        .command(BINARY)
        .args(["train", "small.yaml", "--ranks", "2", "--output", "model"])
        .args(["--set", "trainer.epochs=40", "--max-restarts", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let folder = desk.path("model.run/checkpoints");
    let n_checkpoints = || std::fs::read_dir(&folder).into_iter().flatten().count();
    while n_checkpoints() < 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let ranks = children(child.id());
    assert_eq!(ranks.len(), 2);
    let killed = Command::new("kill")
        .args(["-9", &ranks[1].to_string()])
        .status();
    assert!(killed.expect("it can be killed").success());
    let output = child.wait_with_output().expect("it can be waited for");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    for said in [
        "rank 1 is gone",
        "all ranks start again",
        "going on after step",
    ] {
        assert!(stderr.contains(said), "{said} in {stderr}");
    }
    assert!(
        weights(&desk, "model") == weights(&desk, "whole"),
        "the weights differ"
    );
}

#[test]
fn ranks_that_disagree_on_the_configuration_all_stop_with_the_difference() {
    let desk = desk();
    desk.write("other.yaml", SMALL.replace("width: 16", "width: 17"));
    let rank = |rank: &str, config: &str| {
        desk.command(BINARY)
            .args(["train", config, "--output", "m"])
            .env("RANK", rank)
            .env("WORLD_SIZE", "2")
            .env("MASTER_ADDR", "127.0.0.1")
            .env("MASTER_PORT", "29731")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started")
    };
    let ranks = [rank("0", "small.yaml"), rank("1", "other.yaml")];
    for rank in ranks {
        let output = rank.wait_with_output().expect("it can be waited for");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains("the ranks disagree on the training: line")
                && stderr.contains("\"width\": 16")
                && stderr.contains("\"width\": 17"),
            "{stderr}"
        );
    }
    assert!(!desk.path("m").exists());
}

#[test]
fn steps_of_a_slurm_of_two_nodes_train_one_network() {
    if Command::new("slurmctld").arg("-V").output().is_err() {
        println!("skipped: Slurm is not installed; tests/collective/slurm.sh installs it");
        return;
    }
    let desk = desk();
    let script = desk.automl_ok("launch slurm small.yaml --nodes 2 --ranks 2 -- --output model");
    desk.write(
        "job.sbatch",
        script.replace(" automl train ", &format!(" {BINARY} train ")),
    );
    let output = Command::new(repository().join("tests/collective/slurm.sh"))
        .args(["sbatch", "--wait", "job.sbatch"])
        .current_dir(desk.path(""))
        .output()
        .expect("the script can be started");
    if output.status.code() == Some(77) {
        println!("{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    desk.automl_ok("train small.yaml --ranks 2 --output here");
    assert!(
        weights(&desk, "model") == weights(&desk, "here"),
        "the weights differ"
    );
}

#[test]
fn the_record_has_a_run_of_the_job_with_one_below_for_each_rank() {
    let desk = desk();
    let recorded = |words: &str| {
        let mut command = desk.command(BINARY);
        command.env_remove("AUTOML_NO_RECORD");
        let output = command.args(words.split_whitespace()).output();
        let output = output.expect("the binary can be started");
        assert!(output.status.success(), "{words}");
        output.stdout
    };
    recorded("train small.yaml --ranks 2 --threads 1 --output model --run-name job");
    let listed = recorded("runs list --all --format json");
    let listed: serde_json::Value = serde_json::from_slice(&listed).expect("it is JSON");
    let runs = listed.as_array().expect("runs are a list");
    let of_name = |name: &str| {
        let found = runs.iter().find(|run| run["name"] == name);
        found.unwrap_or_else(|| panic!("{name} in {listed:#}"))
    };
    assert_eq!(runs.len(), 3);
    let job = of_name("job");
    for rank in ["0", "1"] {
        let run = of_name(&format!("rank {rank}"));
        assert_eq!(run["tags"]["mlflow.parentRunId"], job["run_id"]);
        assert_eq!(run["status"], "FINISHED");
        let params = &run["params"];
        assert_eq!(
            (&params["rank"], &params["ranks"]),
            (&rank.into(), &"2".into())
        );
        assert_eq!(
            (&params["transport"], &params["threads"]),
            (&"TCP".into(), &"1".into())
        );
        for metric in ["seconds", "cpu_seconds", "memory_bytes"] {
            assert!(
                run["metrics"][metric].as_f64() > Some(0.0),
                "{metric} in {run:#}"
            );
        }
    }
}
