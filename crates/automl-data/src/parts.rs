//! Tables that are predicted one by one: which files a path, a pattern or a folder means, and what each is called below it.

#[cfg(test)]
mod tests;

use crate::error::DataError;
use crate::options::ReadOptions;
use crate::read::Rows;
use crate::source::Source;
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Names of compressed files end so.
const COMPRESSED: [&str; 2] = ["gz", "zst"];
/// Names of tables end so, perhaps with one of the above behind.
const TABLES: [&str; 12] = [
    "csv", "tsv", "tab", "txt", "parquet", "pq", "jsonl", "ndjson", "json", "arrow", "feather",
    "ipc",
];

/// What makes a pattern of a name.
const VARYING: [char; 3] = ['*', '?', '['];

/// A file that is a table of its own among others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// The file, as the user's words lead to it.
    pub path: PathBuf,
    /// What it is called below the folder or pattern that was named, without what tells its kind: `day=1/x` for
    /// `data/day=1/x.csv.gz` of `data/*/*.csv.gz`.
    pub name: PathBuf,
}

/// The files of what was named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// In the order of their paths; at least one.
    pub parts: Vec<Part>,
    /// Files of a folder whose names are not those of tables.
    pub n_passed_over: usize,
}

/// The files that `text` means: itself, all that match a pattern, or the tables in a folder and those below it.
///
/// In a folder, files are tables if their names end as those of tables do; names that begin with `.` or `_` are passed over, as
/// are links to folders.
///
/// # Errors
/// No such file, none that matches, none in the folder.
pub fn find_parts(text: &str) -> Result<Parts, DataError> {
    match Source::parse(text) {
        Source::Path(path) if path.is_dir() => in_folder(&path),
        Source::Glob(pattern) => {
            let base = base_of(&pattern);
            let files = Source::Glob(pattern).files()?;
            let part = |path: PathBuf| Part {
                name: without_kind(&below(&base, &path)),
                path,
            };
            Ok(Parts {
                parts: files.into_iter().map(part).collect(),
                n_passed_over: 0,
            })
        }
        source => {
            let files = source.files()?;
            let part = |path: PathBuf| Part {
                name: without_kind(Path::new(path.file_name().unwrap_or_default())),
                path,
            };
            Ok(Parts {
                parts: files.into_iter().map(part).collect(),
                n_passed_over: 0,
            })
        }
    }
}

/// The folder whose names [`parts_among`] looks at: what `wanted` begins with up to the last `/` before it begins to vary.
pub fn folder_of(wanted: &str) -> &str {
    let plain = wanted.find(VARYING).map_or(wanted, |end| &wanted[..end]);
    plain.rfind('/').map_or("", |end| &plain[..=end])
}

/// As [`find_parts`], of names in an object store: the one that is `wanted`, all that match if it is a pattern, or, if it ends with `/`
/// or is empty, the tables below it. There may be none. `names` are those below [`folder_of`] it, in order.
///
/// # Errors
/// It is no pattern that could be read.
pub fn parts_among(wanted: &str, names: &[&str]) -> Result<Parts, DataError> {
    let mut found = Parts::default();
    let part = |name: &str, below: &Path| Part {
        path: name.into(),
        name: without_kind(below),
    };
    if wanted.is_empty() || wanted.ends_with('/') {
        for name in names {
            let Some(rest) = name.strip_prefix(wanted) else {
                continue;
            };
            if rest.split('/').any(|step| step.starts_with(['.', '_'])) {
                continue;
            }
            let rest = Path::new(rest);
            if is_table(rest) {
                found.parts.push(part(name, rest));
            } else {
                found.n_passed_over += 1;
            }
        }
    } else if names.contains(&wanted) || !wanted.contains(VARYING) {
        let is_it = names.iter().filter(|name| **name == wanted);
        let file = Path::new(wanted).file_name().unwrap_or_default();
        found.parts = is_it.map(|name| part(name, Path::new(file))).collect();
    } else {
        let pattern = glob::Pattern::new(wanted).map_err(|error| DataError::Pattern {
            pattern: wanted.to_owned(),
            reason: error.msg.to_owned(),
        })?;
        let how = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: false,
        };
        let base = base_of(wanted);
        let is_meant = names.iter().filter(|name| pattern.matches_with(name, how));
        found.parts = is_meant
            .map(|name| part(name, &below(&base, Path::new(name))))
            .collect();
    }
    Ok(found)
}

/// Refuses tables whose columns are not those of the first.
#[derive(Debug, Default)]
pub struct SameColumns {
    first: Option<(String, Vec<String>)>,
}

impl SameColumns {
    /// Looks at the column names of one more file. Those of JSON lines are known at their end only, and not looked at.
    ///
    /// # Errors
    /// It cannot be opened; [`DataError::ColumnsDiffer`] if it has other columns.
    pub fn check(&mut self, path: &Path, options: &ReadOptions) -> Result<(), DataError> {
        let rows = Rows::open(&Source::Path(path.to_owned()), options, None)?;
        if rows.may_add_columns() {
            return Ok(());
        }
        let (file, names) = (rows.first_file().to_owned(), rows.names().to_vec());
        let Some((first, known)) = &self.first else {
            self.first = Some((file, names));
            return Ok(());
        };
        let only_in = |some: &[String], other: &[String]| -> Vec<String> {
            let is_only = |name: &&String| !other.contains(name);
            some.iter().filter(is_only).cloned().collect()
        };
        let (missing, extra) = (only_in(known, &names), only_in(&names, known));
        if missing.is_empty() && extra.is_empty() {
            return Ok(());
        }
        Err(DataError::ColumnsDiffer {
            file,
            first: first.clone(),
            missing,
            extra,
        })
    }
}

fn in_folder(folder: &Path) -> Result<Parts, DataError> {
    let mut found = Parts::default();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let failed = |error| DataError::reading(next.display().to_string(), error);
        for entry in fs::read_dir(&next).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".")
                || name.as_encoded_bytes().starts_with(b"_")
            {
                continue;
            }
            let path = entry.path();
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                if is_table(&path) {
                    let name = without_kind(&below(folder, &path));
                    found.parts.push(Part { path, name });
                } else {
                    found.n_passed_over += 1;
                }
            }
        }
    }
    if found.parts.is_empty() {
        return Err(DataError::NoTables {
            folder: folder.display().to_string(),
        });
    }
    found.parts.sort();
    Ok(found)
}

/// The folders of a pattern before its first `*`, `?` or `[`.
fn base_of(pattern: &str) -> PathBuf {
    let is_plain = |part: &Component<'_>| {
        let text = part.as_os_str().to_string_lossy();
        !text.contains(VARYING)
    };
    let plain = Path::new(pattern).components().take_while(is_plain);
    plain.collect()
}

/// `path` as seen from `base`, which it begins with but for `.`.
fn below(base: &Path, path: &Path) -> PathBuf {
    let clean = |path: &Path| -> PathBuf {
        let is_step = |part: &Component<'_>| *part != Component::CurDir;
        path.components().filter(is_step).collect()
    };
    let (base, path) = (clean(base), clean(path));
    path.strip_prefix(&base).map_or_else(
        |_elsewhere| PathBuf::from(path.file_name().unwrap_or_default()),
        Path::to_owned,
    )
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    let extension = extension.map(str::to_ascii_lowercase);
    extension.is_some_and(|extension| known.contains(&extension.as_str()))
}

fn is_table(path: &Path) -> bool {
    if has_extension(path, &COMPRESSED) {
        has_extension(&path.with_extension(""), &TABLES)
    } else {
        has_extension(path, &TABLES)
    }
}

/// The name without `.csv`, `.csv.gz` and the like; another extension is a part of the name.
fn without_kind(name: &Path) -> PathBuf {
    let mut bare = name.to_owned();
    if has_extension(&bare, &COMPRESSED) {
        bare.set_extension("");
    }
    if has_extension(&bare, &TABLES) {
        bare.set_extension("");
    }
    bare
}
