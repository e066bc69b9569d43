//! A batch script for Slurm.

use super::Job;
use crate::cli::SlurmArgs;
use std::fmt::Write as _;
use std::time::Duration;

/// How long before the end of its time a job is told.
const WARNED_S: u32 = 60;

/// The script. Ranks that end because one of them died start again together, from the last checkpoint.
pub(super) fn script(job: &Job<'_>, args: &SlurmArgs) -> String {
    let mut text = String::from("#!/bin/bash\n");
    let mut option = |name: &str, value: &dyn std::fmt::Display| {
        writeln!(text, "#SBATCH --{name}={value}").expect("texts take all that is written to them");
    };
    option("job-name", &job.name);
    option("nodes", &job.args.nodes);
    option("ntasks-per-node", &job.ranks_per_node);
    option("cpus-per-task", &job.args.cores);
    if let Some(gpus) = job.args.gpus {
        // All of a machine, which its ranks take in turn.
        option(
            "gres",
            &format!("gpu:{}", gpus.saturating_mul(job.ranks_per_node)),
        );
    }
    if let Some(bytes) = job.memory {
        let of_node = bytes.saturating_mul(u64::from(job.ranks_per_node));
        option("mem", &format!("{}K", of_node.div_ceil(1 << 10)));
    }
    if let Some(time) = args.time {
        option("time", &slurm_time(time));
        option("signal", &format!("TERM@{WARNED_S}"));
    }
    if let Some(partition) = &args.partition {
        option("partition", partition);
    }
    if let Some(account) = &args.account {
        option("account", account);
    }
    option("output", &"%x-%j.log");
    let command = job.command(|path| path.to_string_lossy().into_owned());
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    let (words, max_restarts) = (words.join(" "), job.max_restarts());
    // Slurm 22.05 and later tell steps nothing of the cores that the job was given.
    let cores = job.args.cores;
    write!(
        text,
        r#"
set -u
# Ranks find one another at the first machine.
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
MASTER_PORT=$((15000 + SLURM_JOB_ID % 16000))
export MASTER_ADDR MASTER_PORT

restarts=0
while true; do
    srun --kill-on-bad-exit=1 --cpus-per-task={cores} {words}
    status=$?
    # Done, stopped by a signal with a checkpoint written, or refused for what it was given.
    case $status in
        0 | 2 | 130) exit $status ;;
    esac
    if [ $restarts -ge {max_restarts} ]; then
        exit $status
    fi
    restarts=$((restarts + 1))
    echo "a rank failed with status $status; starting all again from the last checkpoint ($restarts of {max_restarts})" >&2
done
"#
    )
    .expect("texts take all that is written to them");
    text
}

/// `days-hours:minutes:seconds`.
fn slurm_time(time: Duration) -> String {
    let seconds = time.as_secs().max(1);
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    format!(
        "{days}-{hours:02}:{:02}:{:02}",
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
