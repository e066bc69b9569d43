//! Where a model came from, as far as the machine can tell: the state of the repository that the run was started in.

use automl_store::Git;
use std::process::{Command, Stdio};

/// Commit and dirtiness of the repository around the working directory; none outside of one or without `git`.
///
/// Files that the repository does not track do not make it dirty: data and models usually are such.
pub(crate) fn git_state() -> Option<Git> {
    let commit = git(&["rev-parse", "--verify", "--quiet", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(Git {
        commit: commit.trim().to_owned(),
        is_dirty: !changes.trim().is_empty(),
    })
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
