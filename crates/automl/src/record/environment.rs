//! Where a verb runs, as tags of its run.

use super::{Detail, git};
use automl_core::size_text;
use automl_store::spool::Texts;
use std::path::Path;

/// Who runs this.
#[expect(
    clippy::disallowed_methods,
    reason = "who runs this is told by the environment"
)]
pub(crate) fn user() -> String {
    let names = ["USER", "LOGNAME", "USERNAME"];
    let named = names.into_iter().find_map(|name| std::env::var(name).ok());
    let named = named.filter(|name| !name.is_empty());
    named.or_else(account).unwrap_or_else(|| "unknown".into())
}

/// Whether the environment says that nothing is to be recorded.
#[expect(
    clippy::disallowed_methods,
    reason = "not an argument's variable, for usage messages would name the argument as if it had been typed"
)]
pub(super) fn is_unwanted() -> bool {
    std::env::var("AUTOML_NO_RECORD")
        .is_ok_and(|value| !["", "0", "false"].contains(&value.as_str()))
}

/// The name of the account that this process runs under, where there is a list of them.
fn account() -> Option<String> {
    let id = rustix::process::getuid().as_raw().to_string();
    let list = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut accounts = list.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let own = accounts.find(|fields| fields.get(2) == Some(&id.as_str()))?;
    Some(own[0].to_owned())
}

/// The command line, so that it can be typed again; passwords in URLs are left out.
pub(crate) fn command_line() -> String {
    let args = std::env::args_os().skip(1);
    let args = args.map(|arg| crate::text::shell_word(&without_password(&arg.to_string_lossy())));
    std::iter::once("automl".to_owned())
        .chain(args)
        .collect::<Vec<_>>()
        .join(" ")
}

/// `postgres://ada:secret@host/x` as `postgres://ada:***@host/x`.
pub(super) fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let Some(at) = rest.rfind('@') else {
        return text.to_owned();
    };
    match rest[..at].split_once(':') {
        Some((user, _password)) => format!("{scheme}://{user}:***{}", &rest[at..]),
        None => text.to_owned(),
    }
}

/// The tags of a run of a verb.
pub(super) fn tags(verb: &str, detail: Detail) -> Texts {
    let mut tags = Texts::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            tags.insert(name.to_owned(), value);
        }
    };
    put("mlflow.user", Some(user()));
    put("mlflow.source.name", Some(format!("automl {verb}")));
    put("mlflow.source.type", Some("LOCAL".into()));
    put("automl.verb", Some(verb.into()));
    put("automl.command", Some(command_line()));
    put("automl.version", Some(env!("CARGO_PKG_VERSION").into()));
    put(
        "automl.directory",
        std::env::current_dir()
            .ok()
            .map(|dir| dir.display().to_string()),
    );
    let cores = std::thread::available_parallelism().ok();
    put("automl.cores", cores.map(|cores| cores.to_string()));
    put("automl.cpu", line_of("/proc/cpuinfo", "model name"));
    put("automl.memory", memory());
    put(
        "automl.os",
        Some(format!(
            "{} {}",
            std::env::consts::OS,
            std::env::consts::ARCH
        )),
    );
    put("automl.container", container());
    put("automl.gpu", gpus());
    put(
        "mlflow.source.git.commit",
        git::head().map(|head| head.commit),
    );
    put(
        "mlflow.source.git.branch",
        git::head().and_then(|head| head.branch),
    );
    if detail == Detail::Whole {
        put(
            "mlflow.source.git.repoURL",
            git::remote().map(|url| without_password(&url)),
        );
        put(
            "automl.git.dirty",
            git::is_dirty().map(|is_dirty| is_dirty.to_string()),
        );
    }
    tags
}

/// What this machine calls itself; empty if it does not say.
pub(crate) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.unwrap_or_default().trim().to_owned()
}

/// The value of the first line of a name, as in `model name : …`.
fn line_of(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory() -> Option<String> {
    let line = line_of("/proc/meminfo", "MemTotal")?;
    let kib: u64 = line.strip_suffix(" kB")?.parse().ok()?;
    Some(size_text(kib * 1024))
}

fn container() -> Option<String> {
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        return Some("kubernetes".into());
    }
    let marks = [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")];
    let found = marks.into_iter().find(|(mark, _)| Path::new(mark).exists());
    found.map(|(_, name)| name.to_owned())
}

/// The cards that NVIDIA's driver tells of.
fn gpus() -> Option<String> {
    let cards = std::fs::read_dir("/proc/driver/nvidia/gpus").ok()?;
    let names = cards.filter_map(|card| {
        let file = card.ok()?.path().join("information");
        line_of(file.to_str()?, "Model")
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    Some(names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_left_out() {
        for (text, expected) in [
            ("postgres://ada:s/cret@host/x", "postgres://ada:***@host/x"),
            ("postgres://ada:secret@host/x", "postgres://ada:***@host/x"),
            (
                "https://token:a@b@git.host/r.git",
                "https://token:***@git.host/r.git",
            ),
            ("https://host/a@b", "https://host/a@b"),
            ("data.csv", "data.csv"),
        ] {
            assert_eq!(without_password(text), expected);
        }
    }
}
