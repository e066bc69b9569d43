//! Where a table comes from: a path, a pattern of paths, standard input, or bytes in memory.

use crate::error::DataError;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A table's origin, not yet opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One file.
    Path(PathBuf),
    /// All files that match a pattern, in the order of their names; they hold the same columns.
    Glob(String),
    /// Copies of what lies elsewhere.
    Fetched {
        /// What was named.
        name: String,
        /// The copies in reading order, each with the name of what it is a copy of, which messages use; at least one.
        files: Vec<(PathBuf, String)>,
    },
    /// Standard input.
    Stdin,
    /// Bytes in memory under a name that messages use: a request body, a test.
    Bytes {
        /// The name.
        name: String,
        /// The content of the file.
        bytes: Arc<[u8]>,
    },
}

impl Source {
    /// What a user means by `text`: `-` is standard input, a name with `*`, `?` or `[` that is no file is a pattern.
    ///
    /// ```
    /// use automl_data::Source;
    /// assert_eq!(Source::parse("-"), Source::Stdin);
    /// assert_eq!(Source::parse("part-*.csv"), Source::Glob("part-*.csv".into()));
    /// assert_eq!(Source::parse("a.csv"), Source::Path("a.csv".into()));
    /// ```
    pub fn parse(text: &str) -> Self {
        if text == "-" {
            Self::Stdin
        } else if text.contains(['*', '?', '[']) && !Path::new(text).exists() {
            Self::Glob(text.to_owned())
        } else {
            Self::Path(text.into())
        }
    }

    /// Content in memory, under a name for messages.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Bytes {
            name: name.into(),
            bytes: bytes.into(),
        }
    }

    /// The name as a user would write it.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Glob(pattern) => pattern.clone(),
            Self::Stdin => "standard input".into(),
            Self::Fetched { name, .. } | Self::Bytes { name, .. } => name.clone(),
        }
    }

    /// Whether one of its files is the file at `path`, by whatever name.
    ///
    /// # Errors
    /// As when it is read: no such file, a directory.
    pub fn has_file(&self, path: &Path) -> Result<bool, DataError> {
        let Ok(path) = path.canonicalize() else {
            return Ok(false);
        };
        let is_same = |file: &Path| file.canonicalize().is_ok_and(|file| file == path);
        let inputs = self.inputs()?;
        Ok(inputs.iter().filter_map(InputRef::path).any(is_same))
    }

    /// The files in reading order; standard input and bytes are none.
    ///
    /// # Errors
    /// As when it is read: no such file, a directory, no file of the pattern.
    pub fn files(&self) -> Result<Vec<PathBuf>, DataError> {
        let inputs = self.inputs()?;
        let paths = inputs.iter().filter_map(InputRef::path);
        Ok(paths.map(Path::to_owned).collect())
    }

    /// The single inputs in reading order; at least one.
    pub(crate) fn inputs(&self) -> Result<Vec<InputRef>, DataError> {
        match self {
            Self::Path(path) => {
                check_file(path)?;
                Ok(vec![InputRef::File(path.clone())])
            }
            Self::Glob(pattern) => expand(pattern),
            Self::Fetched { files, .. } => {
                let input = |(path, name): &(PathBuf, String)| InputRef::Fetched {
                    path: path.clone(),
                    name: name.clone(),
                };
                Ok(files.iter().map(input).collect())
            }
            Self::Stdin => Ok(vec![InputRef::Stdin]),
            Self::Bytes { name, bytes } => Ok(vec![InputRef::Bytes {
                name: name.clone(),
                bytes: bytes.clone(),
            }]),
        }
    }
}

/// One file of a source.
#[derive(Debug, Clone)]
pub(crate) enum InputRef {
    File(PathBuf),
    /// A copy of what has another name.
    Fetched {
        path: PathBuf,
        name: String,
    },
    Stdin,
    Bytes {
        name: String,
        bytes: Arc<[u8]>,
    },
}

impl InputRef {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".into(),
            Self::Fetched { name, .. } | Self::Bytes { name, .. } => name.clone(),
        }
    }

    /// Its file, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Fetched { path, .. } => Some(path),
            Self::Stdin | Self::Bytes { .. } => None,
        }
    }
}

fn check_file(path: &Path) -> Result<(), DataError> {
    let shown = path.display().to_string();
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(DataError::Directory { path: shown }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(DataError::NotFound {
            near: near_files(path),
            path: shown,
        }),
        Err(error) => Err(DataError::reading(shown, error)),
    }
}

/// Files of the same directory whose names look like the one asked for.
fn near_files(path: &Path) -> Vec<String> {
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let (Some(wanted), Ok(entries)) = (path.file_name(), std::fs::read_dir(parent)) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    automl_core::nearest(&wanted.to_string_lossy(), names.iter().map(String::as_str))
}

fn expand(pattern: &str) -> Result<Vec<InputRef>, DataError> {
    let bad = |reason: String| DataError::Pattern {
        pattern: pattern.to_owned(),
        reason,
    };
    let paths = glob::glob(pattern).map_err(|error| bad(error.msg.to_owned()))?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.map_err(|error| {
            let shown = error.path().display().to_string();
            DataError::reading(shown, error.into())
        })?;
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(DataError::NoMatch {
            pattern: pattern.to_owned(),
        });
    }
    Ok(files.into_iter().map(InputRef::File).collect())
}
