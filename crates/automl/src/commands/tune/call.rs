//! What is started for a trial: the words of a command and the variables around it.

use crate::errors::TuneVerbError;
use crate::text::{is_plain_word, shell_word};
use automl_serve::tuning::Command;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Parameters of a trial by name, in the order of the space.
pub(super) type Params = Map<String, Value>;

/// A program with its arguments and what it finds in its environment besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) words: Vec<String>,
    pub(crate) variables: Vec<(String, String)>,
    /// Whether it goes on where an earlier attempt at the same trial was ended, whose logs are then added to.
    pub(crate) goes_on: bool,
}

/// A trial as a program hears of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) study: &'a str,
    /// None where a server keeps the study.
    pub(super) workspace: Option<&'a str>,
    pub(super) number: i64,
    /// All parameters of the space, with those that the trial has.
    pub(super) names: &'a [String],
    pub(super) params: &'a Params,
    /// Where the trial's files are.
    pub(super) folder: &'a Path,
}

/// The variable that names the workspace.
pub(super) const WORKSPACE: &str = "AUTOML_WORKSPACE";
/// The file with a trial's parameters.
pub(super) const PARAMS: &str = "params.json";
/// The file that a program may write its result to.
pub(super) const RESULT: &str = "result.json";

/// What else than parameters a command may name.
const FACTS: [&str; 5] = ["trial", "study", "folder", "params", "result"];

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
pub(crate) fn text_of(value: &Value) -> String {
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
            (
                "AUTOML_TRIAL_FOLDER".to_owned(),
                self.folder.display().to_string(),
            ),
            ("AUTOML_PARAMS".to_owned(), path(PARAMS)),
            ("AUTOML_RESULT".to_owned(), path(RESULT)),
        ];
        let workspace = self.workspace.iter();
        variables.extend(workspace.map(|&place| (WORKSPACE.to_owned(), place.to_owned())));
        let params = self.params.iter();
        variables.extend(params.map(|(name, value)| (variable_of(name), text_of(value))));
        variables
    }

    /// The variable that holds what a name stands for, if it is a name of ours.
    fn variable(&self, name: &str) -> Option<String> {
        if self.names.iter().any(|known| known == name) {
            return Some(variable_of(name));
        }
        let variable = match name {
            "trial" => "AUTOML_TRIAL",
            "study" => "AUTOML_STUDY",
            "folder" => "AUTOML_TRIAL_FOLDER",
            "params" => "AUTOML_PARAMS",
            "result" => "AUTOML_RESULT",
            _ => return None,
        };
        Some(variable.to_owned())
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
            goes_on: false,
        }
    }

    /// Words that name a parameter which the trial has not are left out.
    fn words(&self, words: &[String]) -> Vec<String> {
        let mut names_one = false;
        let mut filled = Vec::new();
        for word in words {
            let mut lacks_one = false;
            let text = fill(word, |_, name| {
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

    /// For a shell, which finds in variables what could mean something to it: no value is ever read as a part of the line.
    /// Those that the trial has not are empty.
    fn line(&self, line: &str) -> (String, bool) {
        let mut names_one = false;
        let mut quotes = Quotes::default();
        let filled = fill(line, |before, name| {
            quotes.pass(before);
            let meaning = self.meaning(name)?;
            names_one |= meaning.is_param();
            let text = match meaning {
                Meaning::Absent if quotes.open == Open::None => return Some("''".to_owned()),
                Meaning::Absent => return Some(String::new()),
                Meaning::Param(text) | Meaning::Fact(text) => text,
            };
            if is_plain_word(&text) {
                return Some(text);
            }
            let variable = self.variable(name)?;
            Some(match quotes.open {
                Open::None => format!("\"${{{variable}}}\""),
                Open::Double => format!("${{{variable}}}"),
                Open::Single => format!("'\"${{{variable}}}\"'"),
            })
        });
        (filled, names_one)
    }
}

/// The variable of a parameter.
fn variable_of(name: &str) -> String {
    let letter = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(letter).collect();
    format!("AUTOML_PARAM_{name}")
}

/// Whether each parameter has a variable of its own.
///
/// # Errors
/// Two that have not.
pub(super) fn check_variables(names: &[String]) -> Result<(), TuneVerbError> {
    let mut seen = BTreeMap::new();
    for name in names {
        if let Some(one) = seen.insert(variable_of(name), name) {
            return Err(TuneVerbError::SameVariable {
                one: one.clone(),
                other: name.clone(),
                variable: variable_of(name),
            });
        }
    }
    Ok(())
}

/// Names in the braces of a command that mean nothing but look like one that does, each with those.
pub(super) fn mistyped(command: &Command, names: &[String]) -> Vec<(String, Vec<String>)> {
    let texts = match command {
        Command::Words(words) => words.as_slice(),
        Command::Line(line) => std::slice::from_ref(line),
    };
    let known = || names.iter().map(String::as_str).chain(FACTS);
    let mut found = Vec::new();
    for text in texts {
        fill(text, |_, name| {
            if known().all(|known| known != name) {
                let near = automl_core::nearest(name, known());
                if !near.is_empty() {
                    found.push((name.to_owned(), near));
                }
            }
            None
        });
    }
    found
}

/// Which quotes of a shell are open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Open {
    #[default]
    None,
    Single,
    Double,
}

/// Follows the quotes of a shell's line.
#[derive(Debug, Clone, Copy, Default)]
struct Quotes {
    open: Open,
    /// After a backslash.
    is_escaped: bool,
    is_comment: bool,
    /// Whether a letter of a word stands before.
    is_in_word: bool,
}

impl Quotes {
    fn pass(&mut self, text: &str) {
        for letter in text.chars() {
            if self.is_comment {
                self.is_comment = letter != '\n';
                continue;
            }
            if std::mem::take(&mut self.is_escaped) {
                self.is_in_word = true;
                continue;
            }
            match (self.open, letter) {
                (Open::None, '#') if !self.is_in_word => self.is_comment = true,
                (Open::None | Open::Double, '\\') => self.is_escaped = true,
                (Open::None, '\'') => self.open = Open::Single,
                (Open::None, '"') => self.open = Open::Double,
                (Open::Single, '\'') | (Open::Double, '"') => self.open = Open::None,
                _ => {}
            }
            self.is_in_word = !(letter.is_whitespace() || ";&|()".contains(letter));
        }
    }
}

/// Replaces each `{name}` that has a meaning; `${name}` is the shell's.
///
/// `meaning` is also given the text since the name before.
pub(crate) fn fill(text: &str, mut meaning: impl FnMut(&str, &str) -> Option<String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    // Where what the meaning of a name has not been asked with begins.
    let mut since = 0;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        filled.push_str(before);
        let name = from[1..].find('}').map(|end| &from[1..=end]);
        let name = name.filter(|_| !before.ends_with('$'));
        let at = text.len() - from.len();
        let asked = name.and_then(|name| {
            let value = meaning(&text[since..at], name);
            since = at;
            Some((name, value?))
        });
        if let Some((name, value)) = asked {
            filled.push_str(&value);
            rest = &from[name.len() + 2..];
            since = text.len() - rest.len();
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
            workspace: Some(".automl"),
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
    fn a_name_that_was_probably_mistyped_is_found() {
        let names = ["learning_rate".to_owned()];
        let found = mistyped(
            &Command::Line("train --rate {learnig_rate} ${X} '{\"a\": 1}' {study}".into()),
            &names,
        );
        assert_eq!(
            found,
            [("learnig_rate".to_owned(), vec!["learning_rate".to_owned()])]
        );
        assert_eq!(mistyped(&list(&["awk", "{print}", "{trial}"]), &names), []);
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
    fn a_shell_finds_values_in_variables_whatever_quotes_are_open() {
        let filled = |line: &str| words(&Command::Line(line.to_owned()))[2].clone();
        assert_eq!(
            filled("prog ${HOME} {kind} {depth} {trial} {other} $(({rate}))"),
            r#"prog ${HOME} "${AUTOML_PARAM_KIND}" '' 7 {other} $((0.5))"#
        );
        assert_eq!(
            filled(r#"p "a {kind}" {rate}"#),
            r#"p "a ${AUTOML_PARAM_KIND}" 0.5"#
        );
        assert_eq!(
            filled("p 'a {kind}' b"),
            r#"p 'a '"${AUTOML_PARAM_KIND}"'' b"#
        );
        assert_eq!(filled(r#"p \" {kind}"#), r#"p \" "${AUTOML_PARAM_KIND}""#);
        assert_eq!(
            filled("p a#b # don't\nq {kind}"),
            "p a#b # don't\nq \"${AUTOML_PARAM_KIND}\""
        );
        assert_eq!(
            filled("awk '{print $1} {kind}'"),
            r#"awk '{print $1} '"${AUTOML_PARAM_KIND}"''"#
        );
    }

    #[test]
    fn parameters_that_would_be_one_variable_are_refused() {
        let names = |names: [&str; 2]| names.map(str::to_owned);
        assert!(check_variables(&names(["rate", "kind"])).is_ok());
        let same = check_variables(&names(["a-b", "a_b"]));
        assert!(matches!(same, Err(TuneVerbError::SameVariable { .. })));
    }
}
