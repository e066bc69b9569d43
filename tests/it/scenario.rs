//! Scenario files: Markdown that is read by people and run by the tests.
//!
//! ````text
//! ```file people.csv          a file to lie on the desk
//! age,sex
//! ```
//! ```console
//! $ automl profile people.csv          a line of shell
//! what it prints                        stdout
//! ! what it complains about             stderr
//! [exit 2]                              where it is not 0
//! ```
//! ````
//! `…` stands for any text within a line, and alone on a line for any number of lines. With `UPDATE_EXPECT=1`, commands
//! that no longer match are rewritten in place and the others stay as they are.

use crate::harness::{Desk, Outcome, repository};
use std::fmt::Write as _;

const ANY: &str = "…";

/// One fenced block or the prose between two.
enum Part {
    Prose(String),
    File { name: String, content: String },
    Console(Vec<Step>),
}

/// A command and what it should do.
struct Step {
    command: String,
    stdout: Vec<String>,
    stderr: Vec<String>,
    exit_code: i32,
    as_written: String,
}

/// Runs the scenario file called `name` from top to bottom on a desk of its own.
pub(crate) fn check(name: &str) {
    let path = repository().join(format!("tests/cases/{name}.md"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let desk = Desk::new();
    let mut updated = String::new();
    let mut failures = String::new();
    for part in parse(&text) {
        match part {
            Part::Prose(prose) => updated.push_str(&prose),
            Part::File { name, content } => {
                desk.write(&name, &content);
                write!(updated, "```file {name}\n{content}```\n").expect("a string takes all");
            }
            Part::Console(steps) => {
                updated.push_str("```console\n");
                for step in steps {
                    let outcome = desk.shell(&step.command);
                    if step.matches(&outcome) {
                        updated.push_str(&step.as_written);
                    } else {
                        let actual = rendered(&step.command, &outcome);
                        write!(
                            failures,
                            "--- expected\n{}--- actual\n{actual}",
                            step.as_written
                        )
                        .expect("a string takes all");
                        updated.push_str(&actual);
                    }
                }
                updated.push_str("```\n");
            }
        }
    }
    if failures.is_empty() {
        return;
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, updated).expect("the repository can be written");
        return;
    }
    panic!(
        "{} does not hold; UPDATE_EXPECT=1 rewrites it\n{failures}",
        path.display()
    );
}

impl Step {
    fn matches(&self, outcome: &Outcome) -> bool {
        outcome.exit_code == Some(self.exit_code)
            && lines_match(&self.stdout, &lines(&outcome.stdout))
            && lines_match(&self.stderr, &lines(&outcome.stderr))
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn rendered(command: &str, outcome: &Outcome) -> String {
    let mut text = format!("$ {command}\n");
    for line in lines(&outcome.stdout) {
        text.push_str(&line);
        text.push('\n');
    }
    for line in lines(&outcome.stderr) {
        text.push_str(format!("! {line}").trim_end());
        text.push('\n');
    }
    if outcome.exit_code != Some(0) {
        let code = outcome
            .exit_code
            .map_or_else(|| "by a signal".to_owned(), |code| code.to_string());
        writeln!(text, "[exit {code}]").expect("a string takes all");
    }
    text
}

fn parse(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = text.lines();
    let mut prose = String::new();
    while let Some(line) = lines.next() {
        let file = line.strip_prefix("```file ");
        if file.is_none() && line != "```console" {
            prose.push_str(line);
            prose.push('\n');
            continue;
        }
        parts.push(Part::Prose(std::mem::take(&mut prose)));
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        parts.push(match file {
            Some(name) => Part::File {
                name: name.to_owned(),
                content: block.iter().flat_map(|line| [line, "\n"]).collect(),
            },
            None => Part::Console(steps(&block)),
        });
    }
    parts.push(Part::Prose(prose));
    parts
}

fn steps(block: &[&str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                command: command.to_owned(),
                stdout: Vec::new(),
                stderr: Vec::new(),
                exit_code: 0,
                as_written: format!("{line}\n"),
            });
            continue;
        }
        let step = steps
            .last_mut()
            .expect("a console block begins with a command");
        step.as_written.push_str(line);
        step.as_written.push('\n');
        let exit_code = line
            .strip_prefix("[exit ")
            .and_then(|rest| rest.strip_suffix(']'));
        if let Some(code) = exit_code.and_then(|code| code.parse().ok()) {
            step.exit_code = code;
        } else if let Some(rest) = line.strip_prefix('!') {
            step.stderr
                .push(rest.strip_prefix(' ').unwrap_or(rest).to_owned());
        } else {
            step.stdout.push((*line).to_owned());
        }
    }
    steps
}

/// Whether the lines match, where an expected [`ANY`] alone stands for any number of lines.
fn lines_match(expected: &[String], actual: &[String]) -> bool {
    match expected {
        [] => actual.is_empty(),
        [first, rest @ ..] if first == ANY => {
            (0..=actual.len()).any(|skip| lines_match(rest, &actual[skip..]))
        }
        [first, rest @ ..] => {
            actual.first().is_some_and(|line| line_matches(first, line))
                && lines_match(rest, &actual[1..])
        }
    }
}

/// Whether the line matches, where an expected [`ANY`] stands for any text.
fn line_matches(expected: &str, actual: &str) -> bool {
    let Some((head, rest)) = expected.split_once(ANY) else {
        return expected == actual;
    };
    let Some(mut tail) = actual.strip_prefix(head) else {
        return false;
    };
    loop {
        if line_matches(rest, tail) {
            return true;
        }
        let mut characters = tail.chars();
        if characters.next().is_none() {
            return false;
        }
        tail = characters.as_str();
    }
}

#[test]
fn an_ellipsis_stands_for_any_text_or_lines() {
    assert!(line_matches("took … s, … trials", "took 1.5 s, 12 trials"));
    assert!(!line_matches("took … s", "took 1.5 ms!"));
    let owned = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(lines_match(
        &owned(&["a", "…", "d"]),
        &owned(&["a", "b", "c", "d"])
    ));
    assert!(lines_match(&owned(&["…"]), &[]));
    assert!(!lines_match(&owned(&["a"]), &owned(&["a", "b"])));
}
