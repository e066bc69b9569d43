//! What is started for a trial: the words of a command and the variables around it.

use crate::text::shell_word;
use automl_serve::tuning::Command;
use serde_json::{Map, Value};
use std::path::Path;

/// Parameters of a trial by name, in the order of the space.
pub(super) type Params = Map<String, Value>;

/// A program with its arguments and what it finds in its environment besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) words: Vec<String>,
    pub(super) variables: Vec<(String, String)>,
}

/// A trial as a program hears of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) study: &'a str,
    pub(super) workspace: &'a str,
    pub(super) number: i64,
    /// All parameters of the space, with those that the trial has.
    pub(super) names: &'a [String],
    pub(super) params: &'a Params,
    /// Where the trial's files are.
    pub(super) folder: &'a Path,
}

/// The file with a trial's parameters.
pub(super) const PARAMS: &str = "params.json";
/// The file that a program may write its result to.
pub(super) const RESULT: &str = "result.json";

/// What a name in a command stands for.
enum Meaning {
    /// The value of a parameter.
    Param(String),
    /// A parameter that the trial has not.
    Absent,
    /// Something about the trial.
    Fact(String),
}

impl Meaning {
    fn is_param(&self) -> bool {
        !matches!(self, Self::Fact(_))
    }

    fn text(self) -> String {
        match self {
            Self::Param(text) | Self::Fact(text) => text,
            Self::Absent => String::new(),
        }
    }
}

/// A value as a program reads it.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl About<'_> {
    /// What `{name}` stands for, if it is a name of ours.
    fn meaning(&self, name: &str) -> Option<Meaning> {
        if self.names.iter().any(|known| known == name) {
            let value = self.params.get(name);
            return Some(value.map_or(Meaning::Absent, |value| Meaning::Param(text_of(value))));
        }
        let path = |file: &str| self.folder.join(file).display().to_string();
        let text = match name {
            "trial" => self.number.to_string(),
            "study" => self.study.to_owned(),
            "folder" => self.folder.display().to_string(),
            "params" => path(PARAMS),
            "result" => path(RESULT),
            _ => return None,
        };
        Some(Meaning::Fact(text))
    }

    fn variables(&self) -> Vec<(String, String)> {
        let path = |file: &str| self.folder.join(file).display().to_string();
        let mut variables = vec![
            ("AUTOML_STUDY".to_owned(), self.study.to_owned()),
            ("AUTOML_TRIAL".to_owned(), self.number.to_string()),
            ("AUTOML_WORKSPACE".to_owned(), self.workspace.to_owned()),
            (
                "AUTOML_TRIAL_FOLDER".to_owned(),
                self.folder.display().to_string(),
            ),
            ("AUTOML_PARAMS".to_owned(), path(PARAMS)),
            ("AUTOML_RESULT".to_owned(), path(RESULT)),
        ];
        let letter = |letter: char| {
            if letter.is_ascii_alphanumeric() {
                letter.to_ascii_uppercase()
            } else {
                '_'
            }
        };
        variables.extend(self.params.iter().map(|(name, value)| {
            let name: String = name.chars().map(letter).collect();
            (format!("AUTOML_PARAM_{name}"), text_of(value))
        }));
        variables
    }

    /// `--name=value` for each parameter.
    fn arguments(&self) -> impl Iterator<Item = String> {
        let params = self.params.iter();
        params.map(|(name, value)| format!("--{name}={}", text_of(value)))
    }

    /// The command with what its `{names}` stand for. If none names a parameter, all follow as arguments.
    pub(super) fn call(&self, command: &Command) -> Call {
        let words = match command {
            Command::Words(words) => self.words(words),
            Command::Line(line) => {
                let (mut line, names_one) = self.line(line);
                if !names_one {
                    for argument in self.arguments() {
                        line.push(' ');
                        line.push_str(&shell_word(&argument));
                    }
                }
                vec!["sh".to_owned(), "-c".to_owned(), line]
            }
        };
        Call {
            words,
            variables: self.variables(),
        }
    }

    /// Words that name a parameter which the trial has not are left out.
    fn words(&self, words: &[String]) -> Vec<String> {
        let mut names_one = false;
        let mut filled = Vec::new();
        for word in words {
            let mut lacks_one = false;
            let text = fill(word, |name| {
                let meaning = self.meaning(name)?;
                names_one |= meaning.is_param();
                lacks_one |= matches!(meaning, Meaning::Absent);
                Some(meaning.text())
            });
            if !lacks_one {
                filled.push(text);
            }
        }
        if !names_one {
            filled.extend(self.arguments());
        }
        filled
    }

    /// For a shell: values are quoted, and those that the trial has not are empty.
    fn line(&self, line: &str) -> (String, bool) {
        let mut names_one = false;
        let filled = fill(line, |name| {
            let meaning = self.meaning(name)?;
            names_one |= meaning.is_param();
            Some(shell_word(&meaning.text()))
        });
        (filled, names_one)
    }
}

/// Replaces each `{name}` that has a meaning; `${name}` is the shell's.
fn fill(text: &str, mut meaning: impl FnMut(&str) -> Option<String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        filled.push_str(before);
        let name = from[1..].find('}').map(|end| &from[1..=end]);
        let name = name.filter(|_| !before.ends_with('$'));
        if let Some((name, value)) = name.and_then(|name| Some((name, meaning(name)?))) {
            filled.push_str(&value);
            rest = &from[name.len() + 2..];
        } else {
            filled.push('{');
            rest = &from[1..];
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The words of a trial with a rate and a kind, but no depth.
    fn words(command: &Command) -> Vec<String> {
        let names = ["rate", "kind", "depth"].map(str::to_owned);
        let params = json!({ "rate": 0.5, "kind": "it's" });
        let about = About {
            study: "s",
            workspace: ".automl",
            number: 7,
            names: &names,
            params: params.as_object().expect("an object"),
            folder: Path::new("/f"),
        };
        about.call(command).words
    }

    fn list(texts: &[&str]) -> Command {
        Command::Words(texts.iter().map(|&text| text.to_owned()).collect())
    }

    #[test]
    fn parameters_follow_as_arguments_if_none_is_named() {
        let plain = list(&["prog", "--trial={trial}"]);
        assert_eq!(
            words(&plain),
            ["prog", "--trial=7", "--rate=0.5", "--kind=it's"]
        );
        let line = Command::Line("cd x && prog".to_owned());
        assert_eq!(words(&line)[2], r"cd x && prog --rate=0.5 '--kind=it'\''s'");
    }

    #[test]
    fn a_word_with_a_parameter_that_the_trial_has_not_is_left_out() {
        let named = list(&["prog", "-r{rate}", "--depth={depth}", "{result}", "{other}"]);
        assert_eq!(
            words(&named),
            ["prog", "-r0.5", "/f/result.json", "{other}"]
        );
    }

    #[test]
    fn a_shell_gets_quoted_values_and_keeps_its_own_braces() {
        let line = Command::Line("prog ${HOME} {kind} '{depth}' {".to_owned());
        assert_eq!(
            words(&line)[2],
            r"prog ${HOME} 'it'\''s' ''''  {".replace("  ", " ")
        );
    }
}
