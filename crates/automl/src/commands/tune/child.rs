//! A program that runs in a process group of its own, and what it prints.

use super::call::Call;
use automl_core::Clock;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

/// Bytes of a line at most; what is longer comes in parts.
const LINE_MAX: u64 = 64 << 10;
/// Lines that wait to be heard, before a program that prints more has to wait.
const LINES_WAITING: usize = 64;
/// Between two looks whether a program that prints nothing goes on.
const LOOK: Duration = Duration::from_millis(50);
/// Between two looks whether one that has closed its output has ended.
const LAST_LOOK: Duration = Duration::from_millis(2);
/// Seconds for what a program started to close the output, once the program itself has ended.
const LINGER: f64 = 1.0;

/// What is kept of the errors of a program.
const ERRORS: &str = "stderr.log";

/// What programs in this folder printed to their errors, line by line; none if there was no program.
pub(super) fn errors_of(folder: &Path) -> Vec<String> {
    let bytes = std::fs::read(folder.join(ERRORS)).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.lines().map(str::to_owned).collect()
}

/// A program that runs. Dropped, it is ended at once.
pub(crate) struct Child {
    process: std::process::Child,
    group: Pid,
    lines: Receiver<Line>,
    clock: Clock,
    /// How it ended, and when that was seen.
    ended: Option<(ExitStatus, f64)>,
    /// Whether all that it started has ended too, or closed its output.
    is_closed: bool,
    /// Seconds for what it started to end, once it has itself.
    linger: f64,
    /// Whether what it started was ended after that.
    is_swept: bool,
    /// Seconds that were waited for lines since it has ended.
    waited_s: f64,
}

/// Something that a program printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// To its output.
    Out(String),
    /// To its errors.
    Err(String),
    /// What it prints cannot be kept any more.
    NotKept(String),
}

/// What there is of a program at a moment.
#[derive(Debug)]
pub(crate) enum Heard {
    Line(Line),
    Nothing,
    Ended(ExitStatus),
}

impl Child {
    /// Starts a program whose output goes to `stdout.log` and `stderr.log` of a folder.
    ///
    /// # Errors
    /// If the program cannot be started or the files cannot be made.
    pub(crate) fn start(call: &Call, folder: &Path) -> io::Result<Self> {
        let log = |name: &str| {
            let mut options = File::options();
            options.create(true).write(true);
            let options = if call.goes_on {
                options.append(true)
            } else {
                options.truncate(true)
            };
            options.open(folder.join(name))
        };
        let logs = [log("stdout.log")?, log(ERRORS)?];
        let mut process = launcher(&call.words)?
            .envs(call.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let group = Pid::from_child(&process);
        let (tell, lines) = mpsc::sync_channel(LINES_WAITING);
        let [out, err] = logs;
        let output = process.stdout.take().expect("it was asked for as a pipe");
        let errors = process.stderr.take().expect("it was asked for as a pipe");
        let tell_errors = tell.clone();
        thread::spawn(move || listen(output, out, &tell, Line::Out));
        thread::spawn(move || listen(errors, err, &tell_errors, Line::Err));
        Ok(Self {
            process,
            group,
            lines,
            clock: Clock::start(),
            ended: None,
            is_closed: false,
            linger: LINGER,
            is_swept: false,
            waited_s: 0.0,
        })
    }

    /// Seconds since it was started.
    pub(crate) fn seconds(&self) -> f64 {
        self.clock.seconds()
    }

    /// The next line, or that nothing was printed for a moment, or how it ended once all that it printed was heard.
    ///
    /// # Errors
    /// If the system cannot tell.
    pub(crate) fn hear(&mut self) -> io::Result<Heard> {
        self.look()?;
        let now = self.clock.seconds();
        if let Some((status, at)) = self.ended {
            // What it left behind may print for ever. Lines that wait already are heard all the same, however long that takes.
            if self.waited_s > self.linger {
                return Ok(Heard::Ended(status));
            }
            if now > at + self.linger && !self.is_swept {
                self.is_swept = true;
                self.signal(Signal::KILL);
            }
        }
        let heard = self.lines.recv_timeout(LOOK);
        if self.ended.is_some() {
            self.waited_s += self.clock.seconds() - now;
        }
        match heard {
            Ok(line) => return Ok(Heard::Line(line)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.is_closed = true,
        }
        match self.ended {
            Some((status, _)) if self.is_closed => Ok(Heard::Ended(status)),
            None if self.is_closed => {
                thread::sleep(LAST_LOOK);
                Ok(Heard::Nothing)
            }
            _ => Ok(Heard::Nothing),
        }
    }

    /// Sees whether it has ended.
    fn look(&mut self) -> io::Result<()> {
        if self.ended.is_none() {
            let status = self.process.try_wait()?;
            self.ended = status.map(|status| (status, self.clock.seconds()));
        }
        Ok(())
    }

    /// Whether the program itself has not ended.
    ///
    /// # Errors
    /// If the system cannot tell.
    pub(crate) fn still_runs(&mut self) -> io::Result<bool> {
        self.look()?;
        Ok(self.ended.is_none())
    }

    /// Asks it and all that it started to end, and gives them so many seconds for it.
    pub(crate) fn ask_to_end(&mut self, grace_s: f64) {
        self.linger = self.linger.max(grace_s);
        self.signal(Signal::TERM);
    }

    /// Ends it and all that it started.
    pub(crate) fn end(&mut self) {
        self.linger = LINGER;
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // By then the number of its group may be another's.
        if self.ended.is_some() && self.is_closed {
            return;
        }
        // Fails only if nothing of it is left.
        kill_process_group(self.group, signal).ok();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
        // It ends now, and nobody asks how.
        self.process.wait().ok();
    }
}

/// This program itself, which runs the other one and ends its group when we are gone.
fn launcher(words: &[String]) -> io::Result<Command> {
    let mut launcher = Command::new(std::env::current_exe()?);
    let own = std::process::id().to_string();
    launcher
        .args(["warden", "--parent", &own, "--"])
        .args(words);
    Ok(launcher)
}

/// Keeps and tells what a stream brings, until it ends.
fn listen(stream: impl Read, mut log: File, tell: &SyncSender<Line>, line: fn(String) -> Line) {
    let mut stream = BufReader::new(stream);
    let mut bytes = Vec::new();
    let mut is_kept = true;
    loop {
        bytes.clear();
        // A stream that breaks has ended.
        let n_read = stream
            .by_ref()
            .take(LINE_MAX)
            .read_until(b'\n', &mut bytes)
            .unwrap_or(0);
        if n_read == 0 {
            return;
        }
        if is_kept && let Err(error) = log.write_all(&bytes) {
            is_kept = false;
            // Nobody may be listening any more; the program is read to its end all the same.
            tell.send(Line::NotKept(error.to_string())).ok();
        }
        let text = String::from_utf8_lossy(&bytes);
        tell.send(line(text.trim_end_matches('\n').to_owned())).ok();
    }
}
