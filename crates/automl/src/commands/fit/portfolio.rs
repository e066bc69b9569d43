//! The file of `--portfolio`: configurations to try first.

use crate::errors::SearchError;
use automl_engine::{Configuration, EngineError};
use std::path::Path;

/// Reads a list of configurations from YAML, and so from JSON.
///
/// # Errors
/// The file cannot be read, is no such list, or names what does not exist.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Configuration>> {
    let text = std::fs::read_to_string(path).map_err(|source| SearchError::PortfolioFile {
        path: path.to_owned(),
        source,
    })?;
    let configurations = parse(&text, path)?;
    if configurations.is_empty() {
        return Err(SearchError::PortfolioText {
            path: path.to_owned(),
            line: 1,
            reason: "it has no configuration".to_owned(),
        }
        .into());
    }
    for (place, configuration) in configurations.iter().enumerate() {
        configuration
            .check()
            .map_err(|source| EngineError::Configuration {
                number: place + 1,
                source: Box::new(source),
            })?;
    }
    Ok(configurations)
}

fn parse(text: &str, path: &Path) -> Result<Vec<Configuration>, SearchError> {
    serde_saphyr::from_str(text).map_err(|error| {
        let error = error.without_snippet();
        let words = error.to_string();
        SearchError::PortfolioText {
            path: path.to_owned(),
            line: error.location().map_or(1, |location| location.line()),
            reason: words.lines().next().unwrap_or_default().to_owned(),
        }
    })
}
