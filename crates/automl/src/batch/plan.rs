//! Which tables there are, and what is made of each.

use super::input::Input;
use crate::errors::{BatchError, CliError};
use crate::remote::{self, Buckets, Remote};
use crate::scoring::PartKind;
use automl_core::CancelToken;
use automl_data::{DataError, ReadOptions, SameColumns, find_parts};
use automl_serve::batches::Places;
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
            check_addresses_apart(&address, output)?;
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

/// Refuses addresses that lie below none of these places, before a store is asked for anything.
///
/// # Errors
/// A table, or the output, is elsewhere.
pub(super) fn check_addresses(
    data: &[String],
    output: &Path,
    places: &Places,
) -> Result<(), BatchError> {
    let tables = (data.iter()).filter_map(|text| Some((text.into(), Address::parse(text)?)));
    let folder = address_of(output).map(|address| (output.to_owned(), address));
    match tables
        .chain(folder)
        .find(|(_, address)| !places.has(address))
    {
        Some((path, _)) => Err(BatchError::Outside { path }),
        None => Ok(()),
    }
}

/// What lies below an output that is an address.
fn address_of(output: &Path) -> Option<Address> {
    let address = Address::parse(&output.display().to_string())?;
    Some(address.as_folder())
}

/// Refuses an output among the tables of a folder of an object store.
fn check_addresses_apart(address: &Address, output: &Path) -> Result<(), BatchError> {
    let is_among = |output: Address| output.is_below(address);
    if address.is_folder() && address_of(output).is_some_and(is_among) {
        let path = output.to_owned();
        return Err(BatchError::AmongTables { path });
    }
    Ok(())
}

/// Refuses an output among the tables of a folder: they would be tables of the next run.
fn check_apart(text: &str, output: &Path) -> Result<(), BatchError> {
    let folder = Path::new(text);
    if address_of(output).is_some() || !folder.is_dir() {
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
        let address = address_of(output);
        let (mut inputs, mut outputs) = (BTreeSet::new(), BTreeMap::new());
        for part in &self.parts {
            let path = part.input.path();
            let (place, is_in_output) = match &part.input {
                Input::Object(table) => {
                    let own = Address::parse(&table.url());
                    let is_in = (own.zip(address.as_ref()))
                        .is_some_and(|(own, address)| own.is_below(address));
                    (path.clone(), is_in)
                }
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

    /// Refuses what lies below none of these folders, by whatever links; addresses are checked by [`check_addresses`].
    ///
    /// # Errors
    /// A table, or the place of the output, is elsewhere.
    pub(super) fn check_within(&self, output: &Path, places: &Places) -> Result<(), BatchError> {
        let folders = &places.folders;
        let is_within = |path: &Path| {
            let place = path.canonicalize();
            place.is_ok_and(|place| folders.iter().any(|folder| place.starts_with(folder)))
        };
        // What is not there yet is made below what is.
        let is_to_be_within = |path| nearest(path).is_some_and(|there| is_within(&there));
        let is_plain = |path: &Path| {
            let mut parts = path.components();
            parts.all(|part| !matches!(part, Component::ParentDir))
        };
        // Beside the output lies its journal, which is to be within, too.
        let is_whole = |path: &Path| {
            let place = path.canonicalize();
            place.is_ok_and(|place| folders.contains(&place))
        };
        let is_allowed = address_of(output).is_some()
            || (is_plain(output) && is_to_be_within(output) && !is_whole(output));
        if !is_allowed {
            let path = output.to_owned();
            return Err(BatchError::Outside { path });
        }
        let files = self.parts.iter().filter_map(|part| match &part.input {
            Input::File(path) => Some(path),
            Input::Object(_) => None,
        });
        match files.into_iter().find(|path| !is_within(path)) {
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
