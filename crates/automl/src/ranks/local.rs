//! Ranks that are processes of this machine: started together, watched, and started again together when one dies.

use super::{LAUNCHER, RanksError};
use crate::console::{Colour, Console, print_line};
use crate::errors;
use crate::interrupt::Interrupt;
use anyhow::Context as _;
use automl_core::{CancelToken, Deadline};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Between two looks at the ranks.
const LOOK: Duration = Duration::from_millis(20);
/// How long ranks may take to end by themselves when one of them has.
const GRACE: Duration = Duration::from_secs(30);

/// Ranks to be started.
#[derive(Debug)]
pub(crate) struct LocalRanks {
    /// What each of them runs.
    pub(crate) program: PathBuf,
    /// Its arguments at first.
    pub(crate) args: Vec<OsString>,
    /// Its arguments when all start again.
    pub(crate) args_again: Vec<OsString>,
    /// How many there are.
    pub(crate) size: usize,
    /// How often all start again when one dies.
    pub(crate) max_restarts: u32,
}

/// How all ranks of one start ended.
enum Ended {
    Done,
    Interrupted,
    /// The first rank that did not end as it should, and how.
    Failed(usize, ExitStatus),
}

/// Runs the ranks to their end. Gives whether they did all their work; if not, they were interrupted.
///
/// # Errors
/// A rank ends for a reason that starting again does not help, or too often.
pub(crate) fn run_local(ranks: &LocalRanks, console: Console) -> anyhow::Result<bool> {
    let running: Arc<Mutex<Vec<Pid>>> = Arc::default();
    let interrupt = {
        let running = running.clone();
        Interrupt::listen(console, move || tell(&running, Signal::TERM))?
    };
    supervise(ranks, console, &running, &interrupt.token())
}

/// The same, with the ranks that are running told to who may want to end them.
pub(super) fn supervise(
    ranks: &LocalRanks,
    console: Console,
    running: &Mutex<Vec<Pid>>,
    interrupt: &CancelToken,
) -> anyhow::Result<bool> {
    let mut n_restarts = 0;
    loop {
        let args = if n_restarts == 0 {
            &ranks.args
        } else {
            &ranks.args_again
        };
        let (rank, status) = match start_all(ranks, args, running)? {
            Ended::Done => return Ok(true),
            Ended::Interrupted => return Ok(false),
            Ended::Failed(rank, status) => (rank, status),
        };
        if interrupt.is_cancelled() {
            return Ok(false);
        }
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        let is_final = code == Some(errors::BAD_INPUT) || n_restarts == ranks.max_restarts;
        if is_final {
            let how = how(status);
            return Err(RanksError::Failed {
                rank,
                how,
                n_restarts,
                code,
            }
            .into());
        }
        n_restarts += 1;
        print_line(&format!(
            "{}: rank {rank} {}; all ranks start again from the last checkpoint ({n_restarts} of {})",
            console.label("warning", Colour::Yellow),
            how(status),
            ranks.max_restarts
        ));
    }
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

fn tell(running: &Mutex<Vec<Pid>>, signal: Signal) {
    for &pid in running
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
    {
        // One that has ended by itself cannot be told.
        kill_process(pid, signal).ok();
    }
}

/// Starts all ranks once and waits for their end.
fn start_all(
    ranks: &LocalRanks,
    args: &[OsString],
    running: &Mutex<Vec<Pid>>,
) -> anyhow::Result<Ended> {
    let port = free_port().context("no port is free for the ranks")?;
    let mut children = Vec::with_capacity(ranks.size);
    for rank in 0..ranks.size {
        let mut command = command(ranks, args, (rank, port));
        let child = command.spawn();
        children.push(child.with_context(|| format!("cannot start rank {rank}"))?);
    }
    let pids = children.iter().map(Pid::from_child).collect();
    *running.lock().unwrap_or_else(PoisonError::into_inner) = pids;
    let ended = wait(&mut children);
    running
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clear();
    ended.context("a rank is lost")
}

fn command(ranks: &LocalRanks, args: &[OsString], (rank, port): (usize, u16)) -> Command {
    let mut command = Command::new(&ranks.program);
    command
        .args(args)
        .env("RANK", rank.to_string())
        .env("LOCAL_RANK", rank.to_string())
        .env("WORLD_SIZE", ranks.size.to_string())
        .env("MASTER_ADDR", "127.0.0.1")
        .env("MASTER_PORT", port.to_string())
        .env("AUTOML_JOB_ID", format!("local-{}", std::process::id()))
        .env(LAUNCHER, std::process::id().to_string())
        .stdin(Stdio::null())
        // Groups of their own, so that they hear of Ctrl-C from here alone, once.
        .process_group(0);
    if rank > 0 {
        command.stdout(Stdio::null());
    }
    command
}

/// A port that is free now.
fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Waits for all; when one has not ended as it should, the others get a while to notice.
fn wait(children: &mut [Child]) -> std::io::Result<Ended> {
    let mut ends: Vec<Option<ExitStatus>> = vec![None; children.len()];
    let mut first: Option<(usize, ExitStatus)> = None;
    let mut grace: Option<Deadline> = None;
    while ends.contains(&None) {
        for (rank, child) in children.iter_mut().enumerate() {
            if ends[rank].is_some() {
                continue;
            }
            let Some(status) = child.try_wait()? else {
                if grace.as_ref().is_some_and(Deadline::has_passed) {
                    child.kill()?;
                }
                continue;
            };
            ends[rank] = Some(status);
            if !status.success() {
                first = Some(worse(first, (rank, status)));
                grace.get_or_insert_with(|| Deadline::after(GRACE));
            }
        }
        thread::sleep(LOOK);
    }
    Ok(match first {
        None => Ended::Done,
        Some((_, status)) if status.code() == Some(i32::from(errors::INTERRUPTED)) => {
            Ended::Interrupted
        }
        Some((rank, status)) => Ended::Failed(rank, status),
    })
}

/// Which end tells more: a signal, then the first one; an interrupt says least.
fn worse(first: Option<(usize, ExitStatus)>, other: (usize, ExitStatus)) -> (usize, ExitStatus) {
    let weight = |status: ExitStatus| match status.code() {
        None => 2,
        Some(code) if code == i32::from(errors::INTERRUPTED) => 0,
        Some(_) => 1,
    };
    match first {
        Some(first) if weight(first.1) >= weight(other.1) => first,
        _ => other,
    }
}
