//! Which tables there are, and what is made of each.

use super::input::Input;
use crate::errors::{BatchError, CliError};
use crate::remote::{self, Buckets, Remote};
use crate::scoring::PartKind;
use automl_core::CancelToken;
use automl_data::{DataError, ReadOptions, SameColumns, find_parts};
use automl_store::buckets::Address;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// A table and the file of its predictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) input: Input,
    /// Below the folder.
    pub(crate) output: PathBuf,
}

impl Planned {
    /// The table for messages and accounts.
    pub(crate) fn input_name(&self) -> String {
        self.input.name()
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

/// The tables that `data` means (paths, patterns, folders, and the same as addresses in object stores), each with its file below
/// `output`.
///
/// # Errors
/// A table is not there or no file, is named twice or lies in `output`; two of them would have one file.
pub(crate) fn plan(data: &[String], output: &Path, kind: PartKind) -> anyhow::Result<Plan> {
    let mut plan = Plan {
        parts: Vec::new(),
        n_passed_over: 0,
    };
    let mut buckets = Buckets::default();
    for text in data {
        if text == "-" {
            return Err(BatchError::Stdin.into());
        }
        if let Some(address) = Address::parse(text) {
            let found = remote::find(text, &address, &mut buckets)?;
            check_addresses_apart(text, &address, output)?;
            plan.n_passed_over += found.n_passed_over;
            let part = |(table, name): (Remote, PathBuf)| Planned {
                output: kind.file(&name),
                input: Input::Object(table),
            };
            plan.parts.extend(found.tables.into_iter().map(part));
            continue;
        }
        let found = find_parts(text)?;
        check_apart(text, output)?;
        plan.n_passed_over += found.n_passed_over;
        plan.parts
            .extend(found.parts.into_iter().map(|part| Planned {
                output: kind.file(&part.name),
                input: Input::File(part.path),
            }));
    }
    plan.check_single(output)?;
    Ok(plan)
}

/// Whether an address lies below another, or is the same.
pub(super) fn is_below(address: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    let rest = address.strip_prefix(folder);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Refuses an output among the tables of a folder of an object store.
fn check_addresses_apart(text: &str, address: &Address, output: &Path) -> Result<(), BatchError> {
    if address.is_folder() && is_below(&output.display().to_string(), text) {
        let path = output.to_owned();
        return Err(BatchError::AmongTables { path });
    }
    Ok(())
}

/// Refuses an output among the tables of a folder: they would be tables of the next run.
fn check_apart(text: &str, output: &Path) -> Result<(), BatchError> {
    let folder = Path::new(text);
    let is_elsewhere = Address::parse(&output.display().to_string()).is_some();
    if is_elsewhere || !folder.is_dir() {
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
    /// Refuses tables that are named twice or lie in `output`, and two that would have one file.
    fn check_single(&self, output: &Path) -> anyhow::Result<()> {
        let folder = output.canonicalize().ok();
        let address = output.display().to_string();
        let (mut inputs, mut outputs) = (BTreeSet::new(), BTreeMap::new());
        for part in &self.parts {
            let path = part.input.path();
            let (place, is_in_output) = match &part.input {
                Input::Object(table) => (path.clone(), is_below(&table.url(), &address)),
                Input::File(path) => {
                    let place = (path.canonicalize())
                        .map_err(|error| DataError::reading(part.input_name(), error))?;
                    if !place.is_file() {
                        let path = path.clone();
                        return Err(BatchError::NotFile { path }.into());
                    }
                    let is_in = (folder.as_ref()).is_some_and(|folder| place.starts_with(folder));
                    (place, is_in)
                }
            };
            if is_in_output {
                return Err(BatchError::InputInOutput { path }.into());
            }
            if !inputs.insert(place) {
                return Err(BatchError::NamedTwice { path }.into());
            }
            if let Some(first) = outputs.insert(&part.output, part.input.path()) {
                return Err(BatchError::SameOutput {
                    output: part.output.clone(),
                    first,
                    second: path,
                }
                .into());
            }
        }
        Ok(())
    }

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
        let paths = self.parts.iter().map(|part| part.input.path());
        match paths.into_iter().find(|path| !is_within(path)) {
            Some(path) => {
                // What lies behind the link is nobody's business.
                let above = path.ancestors().find(|path| is_within(path));
                let path = above.unwrap_or(Path::new("")).to_owned();
                Err(BatchError::LedOutside { path })
            }
            None => Ok(()),
        }
    }

    /// Refuses tables of different columns before anything is predicted. One that cannot be opened is told of when it is its turn, as
    /// is one in an object store, which is not fetched twice.
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
            if let Input::File(path) = &part.input
                && let Err(error @ DataError::ColumnsDiffer { .. }) = same.check(path, read)
            {
                return Err(error.into());
            }
        }
        Ok(())
    }
}
