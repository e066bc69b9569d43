//! The repository around the working directory.

use automl_store::Git;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A diff larger than this is cut.
const MAX_DIFF_BYTES: usize = 1 << 20;

/// The commit that is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) commit: String,
    pub(super) branch: Option<String>,
}

/// What is checked out, read from the repository's files: starting `git` takes longer than short verbs may.
pub(super) fn head() -> Option<Head> {
    let here = std::env::current_dir().ok()?;
    let found = here
        .ancestors()
        .map(|dir| dir.join(".git"))
        .find(|git| git.exists())?;
    head_of(&found)
}

fn head_of(git: &Path) -> Option<Head> {
    let dir = directory(git)?;
    let head = fs::read_to_string(dir.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref: ") else {
        let commit = head.trim().to_owned();
        return Some(Head {
            commit,
            branch: None,
        });
    };
    let branch = name.strip_prefix("refs/heads/").map(str::to_owned);
    // A worktree has its own HEAD, and shares the branches.
    let common = fs::read_to_string(dir.join("commondir"));
    let common = common.map_or_else(|_| dir.clone(), |common| dir.join(common.trim()));
    let loose = fs::read_to_string(common.join(name)).ok();
    let commit = loose.map(|text| text.trim().to_owned()).or_else(|| {
        let packed = fs::read_to_string(common.join("packed-refs")).ok()?;
        let line = packed
            .lines()
            .find(|line| line.ends_with(&format!(" {name}")))?;
        Some(line.split(' ').next()?.to_owned())
    });
    Some(Head {
        commit: commit?,
        branch,
    })
}

/// `.git` itself, or where the file `.git` of a worktree points to.
fn directory(git: &Path) -> Option<PathBuf> {
    if git.is_dir() {
        return Some(git.to_owned());
    }
    let text = fs::read_to_string(git).ok()?;
    let target = text.trim().strip_prefix("gitdir: ")?;
    Some(git.parent()?.join(target))
}

/// The commit and whether tracked files differ from it; files that are not tracked, as data and models usually are not, do
/// not count.
pub(crate) fn state() -> Option<Git> {
    Some(Git {
        commit: head()?.commit,
        is_dirty: is_dirty()?,
    })
}

/// Where the repository came from.
pub(super) fn remote() -> Option<String> {
    let url = git(&["remote", "get-url", "origin"])?;
    Some(url.trim().to_owned())
}

/// Whether tracked files differ from the commit.
pub(super) fn is_dirty() -> Option<bool> {
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(!changes.trim().is_empty())
}

/// How tracked files differ from the commit, if they do.
pub(super) fn diff() -> Option<String> {
    let mut diff = git(&["diff", "HEAD", "--no-color", "--no-ext-diff"])?;
    if diff.len() > MAX_DIFF_BYTES {
        let end = diff.floor_char_boundary(MAX_DIFF_BYTES);
        diff.truncate(end);
        diff.push_str("\n[cut]\n");
    }
    Some(diff).filter(|diff| !diff.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_is_read_from_loose_and_packed_branches_and_worktrees() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let dir = root.join("repo/.git");
        fs::create_dir_all(dir.join("refs/heads")).unwrap();
        let write = |path: &Path, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(&dir.join("HEAD"), "ref: refs/heads/main\n");
        assert_eq!(head_of(&dir), None);
        write(
            &dir.join("packed-refs"),
            "# pack-refs\n0a0b refs/heads/other\n1a2b refs/heads/main\n",
        );
        assert_eq!(head_of(&dir).unwrap().commit, "1a2b");
        write(&dir.join("refs/heads/main"), "3c4d\n");
        let head = head_of(&dir).unwrap();
        assert_eq!(
            (head.commit.as_str(), head.branch.as_deref()),
            ("3c4d", Some("main"))
        );

        let own = dir.join("worktrees/side");
        write(&own.join("HEAD"), "ref: refs/heads/other\n");
        write(&own.join("commondir"), "../..\n");
        write(
            &root.join("side/.git"),
            &format!("gitdir: {}\n", own.display()),
        );
        assert_eq!(head_of(&root.join("side/.git")).unwrap().commit, "0a0b");
        write(&own.join("HEAD"), "5e6f\n");
        assert_eq!(head_of(&root.join("side/.git")).unwrap().branch, None);
    }
}
