//! Which tables there are, and what is made of each.

use crate::errors::{BatchError, CliError};
use crate::scoring::PartKind;
use automl_core::CancelToken;
use automl_data::{DataError, ReadOptions, SameColumns, find_parts};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// A table and the file of its predictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) input: PathBuf,
    /// Below the folder.
    pub(crate) output: PathBuf,
}

impl Planned {
    /// The table for messages and accounts.
    pub(crate) fn input_name(&self) -> String {
        self.input.display().to_string()
    }

    /// The file for accounts.
    pub(crate) fn output_name(&self) -> String {
        self.output.display().to_string()
    }
}

/// All tables, in the order in which they were named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) parts: Vec<Planned>,
    /// Files of folders whose names are not those of tables.
    pub(crate) n_passed_over: usize,
}

/// The tables that `data` means (paths, patterns, folders), each with its file below `output`.
///
/// # Errors
/// A table is not there or no file, is named twice or lies in `output`; two of them would have one file.
pub(crate) fn plan(data: &[String], output: &Path, kind: PartKind) -> anyhow::Result<Plan> {
    let mut plan = Plan {
        parts: Vec::new(),
        n_passed_over: 0,
    };
    for text in data {
        if text == "-" {
            return Err(BatchError::Stdin.into());
        }
        let found = find_parts(text)?;
        check_apart(text, output)?;
        plan.n_passed_over += found.n_passed_over;
        plan.parts
            .extend(found.parts.into_iter().map(|part| Planned {
                output: kind.file(&part.name),
                input: part.path,
            }));
    }
    let folder = output.canonicalize().ok();
    let (mut inputs, mut outputs) = (BTreeSet::new(), BTreeMap::new());
    for part in &plan.parts {
        let place = (part.input.canonicalize())
            .map_err(|error| DataError::reading(part.input_name(), error))?;
        if !place.is_file() {
            let path = part.input.clone();
            return Err(BatchError::NotFile { path }.into());
        }
        if folder
            .as_ref()
            .is_some_and(|folder| place.starts_with(folder))
        {
            let path = part.input.clone();
            return Err(BatchError::InputInOutput { path }.into());
        }
        if !inputs.insert(place) {
            let path = part.input.clone();
            return Err(BatchError::NamedTwice { path }.into());
        }
        if let Some(first) = outputs.insert(&part.output, &part.input) {
            return Err(BatchError::SameOutput {
                output: part.output.clone(),
                first: first.clone(),
                second: part.input.clone(),
            }
            .into());
        }
    }
    Ok(plan)
}

/// Refuses an output among the tables of a folder: they would be tables of the next run.
fn check_apart(text: &str, output: &Path) -> Result<(), BatchError> {
    let folder = Path::new(text);
    if !folder.is_dir() {
        return Ok(());
    }
    match (folder.canonicalize(), nearest(output)) {
        (Ok(folder), Some(place)) if place.starts_with(&folder) => Err(BatchError::AmongTables {
            path: output.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The place of a path, or of the nearest folder above it that is there.
fn nearest(path: &Path) -> Option<PathBuf> {
    path.ancestors().find_map(|path| {
        let path = if path == Path::new("") {
            Path::new(".")
        } else {
            path
        };
        path.canonicalize().ok()
    })
}

impl Plan {
    /// Refuses what lies below none of these folders, by whatever links; anything goes if there are none.
    ///
    /// # Errors
    /// A table, or the place of the output, is elsewhere.
    pub(super) fn check_within(
        &self,
        output: &Path,
        folders: &[PathBuf],
    ) -> Result<(), BatchError> {
        if folders.is_empty() {
            return Ok(());
        }
        let is_within = |path: &Path| {
            let place = path.canonicalize();
            place.is_ok_and(|place| folders.iter().any(|folder| place.starts_with(folder)))
        };
        // What is not there yet is made below what is.
        let there = nearest(output);
        let is_plain = |path: &Path| {
            let mut parts = path.components();
            parts.all(|part| !matches!(part, Component::ParentDir))
        };
        // Beside the output lies its journal, which is to be within, too.
        let is_whole = |path: &Path| {
            let place = path.canonicalize();
            place.is_ok_and(|place| folders.contains(&place))
        };
        if !is_plain(output) || !there.is_some_and(|there| is_within(&there)) || is_whole(output) {
            let path = output.to_owned();
            return Err(BatchError::Outside { path });
        }
        match self.parts.iter().find(|part| !is_within(&part.input)) {
            Some(part) => {
                // What lies behind the link is nobody's business.
                let above = part.input.ancestors().find(|path| is_within(path));
                let path = above.unwrap_or(Path::new("")).to_owned();
                Err(BatchError::LedOutside { path })
            }
            None => Ok(()),
        }
    }

    /// Refuses tables of different columns before anything is predicted. One that cannot be opened is told of when it is its turn.
    ///
    /// # Errors
    /// The first table that has other columns than those before it; or that the user stopped it.
    pub(crate) fn check_columns(
        &self,
        read: &ReadOptions,
        cancel: &CancelToken,
    ) -> anyhow::Result<()> {
        let mut same = SameColumns::default();
        for part in &self.parts {
            if cancel.is_cancelled() {
                return Err(CliError::Interrupted.into());
            }
            if let Err(error @ DataError::ColumnsDiffer { .. }) = same.check(&part.input, read) {
                return Err(error.into());
            }
        }
        Ok(())
    }
}
