//! A directory of one's own and the built binary in it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The built binary.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_automl");

/// The repository: two folders above the package, where Cargo runs its tests. The path is not compiled in, since a target
/// folder may serve several checkouts.
pub(crate) fn repository() -> PathBuf {
    let root = Path::new("../..").canonicalize();
    root.expect("the package lies in the repository")
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A directory of one's own, with `datasets` linked into it; gone at the end.
pub(crate) struct Desk {
    directory: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        std::os::unix::fs::symlink(
            repository().join("datasets"),
            directory.path().join("datasets"),
        )
        .expect("a fresh directory takes a link");
        Self { directory }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a file lies in a directory"))
            .expect("directories can be made");
        std::fs::write(path, content).expect("the desk can be written");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        let path = self.path(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Names of everything on the desk but the linked `datasets`, hidden files too, sorted.
    pub(crate) fn entries(&self) -> Vec<String> {
        let listed = std::fs::read_dir(self.directory.path()).expect("the desk can be listed");
        let mut names: Vec<String> = listed
            .map(|entry| {
                entry
                    .expect("entries can be read")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter(|name| name != "datasets")
            .collect();
        names.sort();
        names
    }

    /// `program` as a command that runs here with a plain environment.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let directory = Path::new(BINARY)
            .parent()
            .expect("the binary lies in a directory");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(directory.to_owned()).chain(std::env::split_paths(&path));
        let mut command = Command::new(program);
        command
            .current_dir(self.directory.path())
            .env(
                "PATH",
                std::env::join_paths(paths).expect("paths that were split can be joined"),
            )
            .env("LC_ALL", "C")
            .env("TERM", "dumb")
            // Tests of the record take this away.
            .env("AUTOML_NO_RECORD", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs a line of shell.
    pub(crate) fn shell(&self, line: &str) -> Outcome {
        outcome(self.command("sh").args(["-c", line]))
    }

    /// Runs `automl` with arguments split at blanks.
    pub(crate) fn automl(&self, arguments: &str) -> Outcome {
        outcome(self.command(BINARY).args(arguments.split_whitespace()))
    }

    /// Runs `automl`, which must succeed, and gives its stdout.
    pub(crate) fn automl_ok(&self, arguments: &str) -> String {
        let outcome = self.automl(arguments);
        assert_eq!(
            outcome.exit_code,
            Some(0),
            "automl {arguments}\n{}",
            outcome.stderr
        );
        outcome.stdout
    }

    /// Begins or goes on with what tells events, and kills it once it has told so many, if it has not ended by then. `each` sees
    /// every event: what it said before the kill is read to the end.
    pub(crate) fn killed_after(&self, n_lines: usize, arguments: &str, mut each: impl FnMut(&str)) {
        let mut child = self
            .command(BINARY)
            .args(arguments.split(' '))
            .args(["--format", "json"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        let stderr = child.stderr.take().expect("stderr is piped");
        for (number, line) in BufReader::new(stderr).lines().enumerate() {
            let line = line.expect("events are text");
            assert!(!line.contains("\"error\""), "{line}");
            if number + 1 == n_lines {
                child.kill().expect("the child can be killed");
            }
            each(&line);
        }
        child.wait().expect("the child can be waited for");
    }

    /// Puts a copy of the model of [`churn_model`] here as `model`.
    pub(crate) fn copy_churn_model(&self) {
        copy_directory(churn_model(), &self.path("model"));
    }
}

fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().expect("the command can be started");
    Outcome {
        exit_code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the desk can be written");
    for entry in std::fs::read_dir(from).expect("the model can be listed") {
        let entry = entry.expect("entries can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("the desk can be written");
        }
    }
}

/// A small model of `datasets/churn.csv`, fitted once for all tests that only read it.
pub(crate) fn churn_model() -> &'static Path {
    static DESK: OnceLock<(Desk, PathBuf)> = OnceLock::new();
    let (_, model) = DESK.get_or_init(|| {
        let desk = Desk::new();
        desk.automl_ok(
            "fit datasets/churn.csv --target churned --max-trials 3 --quality fast --holdout 0.3 --output model",
        );
        let model = desk.path("model");
        (desk, model)
    });
    model
}
