//! The documents say what is true of the code.

use super::{assert_none, cargo_metadata, files, read, short};
use crate::harness::{BINARY, Desk, repository};
use std::path::PathBuf;

fn document(name: &str) -> String {
    read(&repository().join(name))
}

fn documents() -> Vec<PathBuf> {
    let top = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "datasets/SOURCES.md",
    ]
    .map(|name| repository().join(name));
    top.into_iter().chain(files("docs", ".md")).collect()
}

/// The commands of the first code block.
fn readme_commands() -> Vec<String> {
    let readme = document("README.md");
    let block = readme
        .lines()
        .skip_while(|line| !line.starts_with("```"))
        .skip(1);
    block
        .take_while(|line| *line != "```")
        .map(str::to_owned)
        .collect()
}

#[test]
fn readme_begins_with_two_commands_and_ci_runs_its_tests() {
    let commands = readme_commands();
    assert_eq!(commands.len(), 2, "{commands:?}");
    assert!(
        commands.iter().all(|command| command.starts_with("cargo ")),
        "{commands:?}"
    );
    assert!(
        commands[0].contains(" fit datasets/"),
        "the first runs the main job"
    );
    assert!(
        commands[1].starts_with("cargo test "),
        "the second runs the tests"
    );
    assert!(
        document(".ci/run").contains(&commands[1]),
        ".ci/run runs '{}'",
        commands[1]
    );
}

#[test]
fn architecture_names_every_crate_and_every_dependency() {
    let text = document("ARCHITECTURE.md");
    assert!(
        text.lines().count() <= 200,
        "ARCHITECTURE.md has more than 200 lines"
    );
    let metadata = cargo_metadata(&["--no-deps"]);
    let packages = metadata["packages"]
        .as_array()
        .expect("metadata lists packages");
    let dependencies = packages
        .iter()
        .flat_map(|package| package["dependencies"].as_array().into_iter().flatten());
    let mut names: Vec<&str> = packages
        .iter()
        .chain(dependencies)
        .filter_map(|one| one["name"].as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let missing: Vec<String> = names
        .into_iter()
        .filter(|name| !text.contains(&format!("`{name}`")))
        .map(str::to_owned)
        .collect();
    assert_none("ARCHITECTURE.md does not name", &missing);
}

#[test]
fn changelog_tells_of_the_current_version() {
    let metadata = cargo_metadata(&["--no-deps"]);
    let version = metadata["packages"][0]["version"]
        .as_str()
        .expect("packages have a version");
    assert!(
        document("CHANGELOG.md").contains(&format!("## {version}")),
        "CHANGELOG.md has no part for {version}"
    );
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut findings = Vec::new();
    for path in documents() {
        let text = read(&path);
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap_or_default();
            let is_elsewhere = target.is_empty() || target.contains("://");
            let directory = path.parent().expect("a file lies in a directory");
            if !is_elsewhere && !directory.join(target).exists() {
                findings.push(format!("{}: {link}", short(&path)));
            }
        }
    }
    assert_none("links that lead nowhere", &findings);
}

#[test]
fn documents_hold_no_paths_of_one_machine() {
    let mut findings = Vec::new();
    for path in documents()
        .into_iter()
        .chain(files("scripts", ""))
        .chain(files("configs", ""))
    {
        for (number, line) in String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default())
            .lines()
            .enumerate()
        {
            if ["/work/", "/home/", "/Users/", "/root/"]
                .iter()
                .any(|root| line.contains(root))
            {
                findings.push(format!("{}:{}: {}", short(&path), number + 1, line.trim()));
            }
        }
    }
    assert_none("paths of one machine", &findings);
}

/// The lines that do not depend on how far the search gets, with numbers as `#` and single blanks.
fn shape(output: &str) -> Vec<String> {
    let is_row = |line: &&str| {
        line.trim_start()
            .starts_with(|first: char| first.is_ascii_digit() || first == '…')
    };
    let lines = output.lines().filter(|line| !is_row(line));
    lines
        .map(|line| {
            line.split_whitespace()
                .map(without_numbers)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

fn without_numbers(word: &str) -> String {
    let is_id = word.len() >= 32
        && word.is_char_boundary(32)
        && word[..32].chars().all(|c| c.is_ascii_hexdigit());
    if is_id {
        return format!("#{}", &word[32..]);
    }
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut plain = String::new();
    for c in word.chars() {
        match c {
            c if !is_number(c) => plain.push(c),
            '.' if !plain.ends_with('#') => plain.push('.'),
            _ if !plain.ends_with('#') => plain.push('#'),
            _ => {}
        }
    }
    plain
}

#[test]
fn readme_shows_what_its_first_command_prints() {
    let command = readme_commands().remove(0);
    let (_, arguments) = command
        .split_once(" -- ")
        .expect("the arguments follow two dashes");
    let arguments = arguments.replace("--time-limit 30s", "--max-trials 3 --holdout 0.3");
    let desk = Desk::new();
    let mut command = desk.command(BINARY);
    let command = command.args(arguments.split_whitespace());
    let output = command.env_remove("AUTOML_NO_RECORD").output();
    let printed = String::from_utf8(output.expect("the binary starts").stdout).expect("UTF-8");
    let readme = document("README.md");
    let shown: Vec<&str> = readme
        .lines()
        .skip_while(|line| *line != "```text")
        .skip(1)
        .collect();
    let shown = shown
        .split(|line| *line == "```")
        .next()
        .unwrap_or_default()
        .join("\n");
    let without_validation = |text: &str| {
        // Without a time limit there is always time for the nested score.
        let lines = shape(text).into_iter();
        lines
            .map(|line| {
                line.split(" scores by ")
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(without_validation(&shown), without_validation(&printed));
}
