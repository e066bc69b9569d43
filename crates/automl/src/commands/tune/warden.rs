//! Stands between `automl tune` and a program of a trial, in the program's process group: when `automl tune` is gone, however
//! it went, the whole group ends.

use crate::cli::WardenArgs;
use crate::commands::Status;
use anyhow::Context as _;
use rustix::process::{Pid, Signal, getpgrp, getpid, getppid, kill_process, kill_process_group};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Duration;

/// Between two looks whether the parent lives.
const LOOK: Duration = Duration::from_millis(200);
/// What shells say of a program that cannot be started.
const NOT_STARTED: i32 = 127;

/// Runs a program and ends as it does.
///
/// # Errors
/// If the program cannot be started.
pub(crate) fn run(args: &WardenArgs) -> anyhow::Result<Status> {
    // What asks the group to end asks the program; the warden stays as long as that does.
    ctrlc::set_handler(|| {}).context("cannot listen for signals")?;
    let (program, rest) = args.words.split_first().context("no program is named")?;
    let mut child = match Command::new(program).args(rest).spawn() {
        Ok(child) => child,
        Err(error) => {
            let program = program.to_string_lossy();
            crate::console::print_line(&format!("cannot start {program}: {error}"));
            end_as(ExitStatus::from_raw(NOT_STARTED << 8));
        }
    };
    let parent = Pid::from_raw(args.parent);
    thread::spawn(move || {
        while getppid() == parent {
            thread::sleep(LOOK);
        }
        // This process goes with its group.
        kill_process_group(getpgrp(), Signal::KILL).ok();
    });
    end_as(child.wait().context("a program is lost")?);
}

/// Ends as another process did.
#[expect(
    clippy::exit,
    reason = "the end of the program is the end of its warden"
)]
fn end_as(status: ExitStatus) -> ! {
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        // Those that it listens to would not end it.
        let signal = if matches!(signal, Signal::TERM | Signal::INT | Signal::HUP) {
            Signal::KILL
        } else {
            signal
        };
        kill_process(getpid(), signal).ok();
        thread::sleep(LOOK);
    }
    std::process::exit(status.code().unwrap_or(1))
}
