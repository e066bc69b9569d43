//! The folder of predictions: what an earlier run left there, and what becomes of it.

use super::account::{FORMAT, Manifest, Part};
use crate::difference::difference;
use crate::errors::{BatchError, CliError};
use automl_store::{Journal, StoreError, write_atomic};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The account of a folder, by which it is known.
pub(crate) const MANIFEST: &str = "_manifest.json";
const SUCCESS: &str = "_SUCCESS";

/// What to do with predictions that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Keep them and fail.
    New,
    /// Go on with them.
    Resume,
    /// Begin anew in their place.
    Replace,
}

/// A note of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Note {
    /// Files that may come to be.
    Planned(Vec<String>),
    /// One that is whole.
    Whole(Part),
}

/// A folder in which parts appear. No other process works in it meanwhile.
pub(super) struct Folder {
    path: PathBuf,
    journal: Journal,
    about: Value,
    /// Parts of earlier runs by their files, not checked yet.
    earlier: BTreeMap<String, Part>,
}

/// What earlier runs left.
struct Earlier {
    journal: Option<Journal>,
    about: Value,
    /// By their files.
    parts: BTreeMap<String, Part>,
    /// Files that may be there.
    outputs: BTreeSet<String>,
    is_complete: bool,
}

impl Folder {
    /// The folder at `path` for parts made as `about` says, whose files are `outputs`.
    ///
    /// # Errors
    /// Another process works on it; there is something else; predictions are there and not to be replaced, or are not what
    /// can be gone on with; a file would lie behind a link.
    pub(super) fn open(
        path: &Path,
        begin: Begin,
        about: &Value,
        outputs: &BTreeSet<String>,
    ) -> anyhow::Result<Self> {
        let earlier = Earlier::find(path)?;
        let known = earlier.iter().flat_map(|earlier| &earlier.outputs);
        for output in outputs.iter().chain(known) {
            check_no_links(path, output)?;
        }
        let mut folder = match (begin, earlier) {
            (_, None) => {
                check_empty(path)?;
                Self::begin(path, about)?
            }
            (Begin::New, Some(earlier)) if earlier.has_parts(path) => {
                return Err(earlier.refuse(path).into());
            }
            (Begin::New | Begin::Replace, Some(earlier)) => {
                earlier.remove(path)?;
                drop(earlier);
                Self::begin(path, about)?
            }
            (Begin::Resume, Some(earlier)) => {
                earlier.check(path, about, outputs)?;
                Self::resume(path, about, earlier)?
            }
        };
        folder.note(&Note::Planned(outputs.iter().cloned().collect()))?;
        folder.earlier.retain(|output, _| outputs.contains(output));
        Ok(folder)
    }

    fn begin(path: &Path, about: &Value) -> Result<Self, StoreError> {
        let noted = json!({ "format": FORMAT, "about": about });
        Ok(Self {
            path: path.to_owned(),
            journal: Journal::begin(path, &noted)?,
            about: about.clone(),
            earlier: BTreeMap::new(),
        })
    }

    fn resume(path: &Path, about: &Value, earlier: Earlier) -> anyhow::Result<Self> {
        remove(&path.join(SUCCESS))?;
        let (parts, journal) = (earlier.parts, earlier.journal);
        let mut folder = if let Some(journal) = journal {
            Self {
                path: path.to_owned(),
                journal,
                about: about.clone(),
                earlier: BTreeMap::new(),
            }
        } else {
            let folder = Self::begin(path, about)?;
            for part in parts.values() {
                folder.note(&Note::Whole(part.clone()))?;
            }
            folder
        };
        folder.earlier = parts;
        Ok(folder)
    }

    /// The part that earlier runs made as this file, if they say so.
    pub(super) fn earlier(&self, output: &str) -> Option<&Part> {
        self.earlier.get(output)
    }

    /// Notes that a part is whole.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn is_whole(&self, part: &Part) -> Result<(), StoreError> {
        self.note(&Note::Whole(part.clone()))
    }

    fn note(&self, note: &Note) -> Result<(), StoreError> {
        let note = serde_json::to_value(note).expect("notes are plain data");
        self.journal.note(&note)
    }

    /// Writes the account of all parts, and that they are all there if they are.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn finish(self, manifest: &Manifest) -> Result<(), StoreError> {
        write_atomic(&self.path.join(MANIFEST), manifest.to_text().as_bytes())?;
        if manifest.failed.is_empty() {
            write_atomic(&self.path.join(SUCCESS), b"")?;
        }
        self.journal.discard();
        Ok(())
    }

    /// Lets go of it before its end: what is whole is gone on with, if anything is.
    pub(super) fn leave(self, has_parts: bool) {
        if !has_parts && self.earlier.is_empty() {
            self.journal.discard();
        }
    }

    /// Program, model and settings of its parts.
    pub(super) fn about(&self) -> &Value {
        &self.about
    }
}

impl Earlier {
    fn find(path: &Path) -> anyhow::Result<Option<Self>> {
        let taken = || CliError::OutputTaken {
            path: path.to_owned(),
        };
        if path.exists() && !path.is_dir() {
            return Err(taken().into());
        }
        if let Some((journal, noted)) = Journal::open(path)? {
            if noted.about["format"] != FORMAT {
                return Err(taken().into());
            }
            let notes = noted.notes.into_iter().map(serde_json::from_value);
            let Ok(notes) = notes.collect::<Result<Vec<Note>, _>>() else {
                return Err(taken().into());
            };
            let mut earlier = Self {
                journal: Some(journal),
                about: noted.about["about"].clone(),
                parts: BTreeMap::new(),
                outputs: BTreeSet::new(),
                is_complete: false,
            };
            for note in notes {
                match note {
                    Note::Planned(outputs) => earlier.outputs.extend(outputs),
                    Note::Whole(part) => earlier.take(part),
                }
            }
            earlier.outputs.retain(|output| is_below(output));
            return Ok(Some(earlier));
        }
        let bytes = match fs::read(path.join(MANIFEST)) {
            Ok(bytes) => bytes,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let manifest = Manifest::read(&bytes).ok_or_else(taken)?;
        let mut earlier = Self {
            journal: None,
            about: manifest.about,
            parts: BTreeMap::new(),
            outputs: BTreeSet::new(),
            is_complete: path.join(SUCCESS).exists(),
        };
        for part in manifest.parts {
            earlier.take(part);
        }
        Ok(Some(earlier))
    }

    /// A later part of the same file takes the place of an earlier one; what would lie elsewhere is nothing of ours.
    fn take(&mut self, part: Part) {
        if is_below(&part.output) {
            self.outputs.insert(part.output.clone());
            self.parts.insert(part.output.clone(), part);
        }
    }

    /// Whether anything was done.
    fn has_parts(&self, path: &Path) -> bool {
        let is_there = |output: &String| path.join(output).exists();
        !self.parts.is_empty() || self.outputs.iter().any(is_there)
    }

    /// Why no new predictions are put here.
    fn refuse(&self, path: &Path) -> BatchError {
        BatchError::There {
            output: path.to_owned(),
            n_whole: self.parts.len() as u64,
            is_complete: self.is_complete,
        }
    }

    /// Whether it can be gone on with to make `outputs`.
    fn check(
        &self,
        path: &Path,
        about: &Value,
        outputs: &BTreeSet<String>,
    ) -> Result<(), BatchError> {
        if let Some((setting, then, now)) = difference("", &decisive(&self.about), &decisive(about))
        {
            let output = path.to_owned();
            return Err(if setting == "model" {
                BatchError::OtherModel { output }
            } else {
                BatchError::Differs {
                    setting,
                    then,
                    now,
                    output,
                }
            });
        }
        let is_stale = |output: &&String| !outputs.contains(*output) && path.join(output).exists();
        let mut stale = self.outputs.iter().filter(is_stale);
        let Some(first) = stale.next() else {
            return Ok(());
        };
        let input = self.parts.get(first);
        Err(BatchError::OtherTables {
            n_more: stale.count() as u64,
            file: first.clone(),
            input: input.map(|part| part.input.clone()),
            output: path.to_owned(),
        })
    }

    /// Removes what is known to be of earlier runs, and nothing else.
    fn remove(&self, path: &Path) -> io::Result<()> {
        remove(&path.join(SUCCESS))?;
        for output in &self.outputs {
            remove(&path.join(output))?;
        }
        remove(&path.join(MANIFEST))
    }
}

/// Removes a file; fine if it is not there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if is_absent(&error) => Ok(()),
        other => other,
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// What of an account decides whether parts belong together: any version of the program goes on with what another began.
fn decisive(about: &Value) -> Value {
    let mut about = about.clone();
    if let Some(about) = about.as_object_mut() {
        about.remove("program");
    }
    about
}

/// Refuses a file of the folder that is a link, or lies behind one: what is written or removed by it would be elsewhere.
fn check_no_links(path: &Path, output: &str) -> Result<(), BatchError> {
    let mut place = path.to_owned();
    for part in Path::new(output).components() {
        place.push(part);
        if place.is_symlink() {
            return Err(BatchError::Link { path: place });
        }
    }
    Ok(())
}

/// Whether a file of an account lies below its folder, whatever the account says.
fn is_below(output: &str) -> bool {
    let mut parts = Path::new(output).components();
    !output.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Predictions are not put beside what somebody else put there.
fn check_empty(path: &Path) -> Result<(), CliError> {
    let is_taken = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
    if is_taken {
        let path = path.to_owned();
        return Err(CliError::OutputTaken { path });
    }
    Ok(())
}
