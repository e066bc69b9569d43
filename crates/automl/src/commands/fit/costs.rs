//! The cost matrix of `--cost-matrix`: a file, or the costs themselves.

use crate::errors::SearchError;
use automl_engine::NamedCosts;
use std::path::PathBuf;

/// What the argument says: costs where it begins like an object, else a file of them.
///
/// # Errors
/// The file cannot be read, or the text is no costs by class and class.
pub(super) fn read(argument: &str) -> Result<NamedCosts, SearchError> {
    if argument.trim_start().starts_with('{') {
        return parse(argument, "--cost-matrix");
    }
    let text = std::fs::read_to_string(argument).map_err(|source| SearchError::CostsFile {
        path: PathBuf::from(argument),
        source,
    })?;
    parse(&text, argument)
}

/// Reads YAML, and so JSON, in which each pair is said once.
fn parse(text: &str, place: &str) -> Result<NamedCosts, SearchError> {
    // A class may well be called y or no, which older YAML takes for truth values.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let words = error.to_string();
        SearchError::CostsText {
            place: place.to_owned(),
            line: error.location().map_or(1, |location| location.line()),
            reason: words.lines().next().unwrap_or_default().to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(text: &str, actual: &str, predicted: &str) -> f64 {
        parse(text, "here").unwrap().0[actual][predicted]
    }

    #[test]
    fn costs_are_read_from_json_and_yaml_whatever_classes_are_called() {
        assert_eq!(cost(r#"{"bad": {"good": 5}}"#, "bad", "good"), 5.0);
        assert_eq!(cost("0: {1: 2.5}\n", "0", "1"), 2.5);
        assert_eq!(cost("no: {yes: 1}\n", "no", "yes"), 1.0);
        assert_eq!(cost("true: {false: 3}\n", "true", "false"), 3.0);
    }

    #[test]
    fn what_is_no_matrix_names_the_line() {
        let line = |text: &str| match parse(text, "here") {
            Err(SearchError::CostsText { line, .. }) => line,
            other => panic!("{other:?}"),
        };
        assert_eq!(line("a: {b: 1}\na: {b: 2}\n"), 2);
        assert_eq!(line("a: {b: dear}\n"), 1);
        assert!(parse("[[0, 1], [1, 0]]", "here").is_err());
    }
}
