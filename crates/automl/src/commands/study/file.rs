//! The file of a study: read, and told where it says something that nobody knows.

use crate::errors::TuneVerbError;
use automl_serve::tuning::{Spec, TuneError};
use std::path::Path;

/// Reads a study's file.
///
/// # Errors
/// If it cannot be read or makes no sense; names the file, and the line of a field that is not known.
pub(in crate::commands) fn read(file: &Path) -> anyhow::Result<Spec> {
    let text = std::fs::read_to_string(file).map_err(|source| TuneVerbError::File {
        path: file.display().to_string(),
        source,
    })?;
    match Spec::read_text(&text) {
        Ok(spec) => Ok(spec),
        Err(TuneError::Spec { reason }) => Err(unreadable(&reason, &text, file)),
        Err(other) => Err(other.into()),
    }
}

fn unreadable(reason: &str, text: &str, file: &Path) -> anyhow::Error {
    let file = file.display().to_string();
    if let Some((name, known)) = unknown_field(reason) {
        let place = match line_of(text, &name) {
            Some(line) => format!("line {line} of {file}"),
            None => file,
        };
        return TuneVerbError::Field { name, known, place }.into();
    }
    let reason = format!("{file}: {reason}");
    TuneError::Spec { reason }.into()
}

/// The field that is not known and those that are, of what serde says: ``unknown field `a`, expected `b` or `c` ``.
fn unknown_field(reason: &str) -> Option<(String, Vec<String>)> {
    let mut names = reason
        .strip_prefix("unknown field `")?
        .split('`')
        .step_by(2);
    let name = names.next()?.to_owned();
    let known = names.filter(|name| !name.is_empty()).map(str::to_owned);
    Some((name, known.collect()))
}

/// The line (from 1) on which a file has a key of this name, at any depth; none if there are several, as nobody can tell
/// which is meant.
fn line_of(text: &str, name: &str) -> Option<usize> {
    let mut found = None;
    for (index, line) in text.lines().enumerate() {
        if has_key(line, name) {
            if found.is_some() {
                return None;
            }
            found = Some(index + 1);
        }
    }
    found
}

fn has_key(line: &str, name: &str) -> bool {
    let quotes = ['"', '\''];
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].trim_end_matches(quotes);
        let before = before.trim_start();
        let begins = before.is_empty() || before.ends_with([' ', '{', ',', '-', '\t']);
        let is_comment = before.contains('#');
        let after = line[at + name.len()..].trim_start_matches(quotes);
        begins && !is_comment && after.trim_start().starts_with(':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_nobody_knows_is_found_where_it_stands() {
        let said = "unknown field `objectivs`, expected one of `space`, `objectives`";
        let (name, known) = unknown_field(said).expect("it is read");
        assert_eq!(
            (name.as_str(), known),
            ("objectivs", vec!["space".into(), "objectives".into()])
        );
        assert_eq!(unknown_field("missing field `name`"), None);
        let text = "# objectivs: x\nspace: {}\nobjectivs: [{name: loss}]\n";
        assert_eq!(line_of(text, "objectivs"), Some(3));
        assert_eq!(
            line_of("{\"a\": 1,\n\"objectivs\":[]}", "objectivs"),
            Some(2)
        );
        assert_eq!(line_of("x:\n  - {name: a, lo: 1, low: 2}", "lo"), Some(2));
        assert_eq!(line_of("x: {lo: 1}\ny: {lo: 1}", "lo"), None);
    }
}
