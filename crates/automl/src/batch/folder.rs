//! The folder of predictions: what an earlier run left there, and what becomes of it.

use super::account::{FORMAT, Manifest, Part};
use super::target::Target;
use crate::difference::difference;
use crate::errors::{BatchError, CliError};
use automl_store::{Journal, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

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
    target: Target,
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
    /// The folder at `target` for parts made as `about` says, whose files are `outputs`.
    ///
    /// # Errors
    /// Another process works on it; there is something else; predictions are there and not to be replaced, or are not what
    /// can be gone on with; a file would lie behind a link.
    pub(super) fn open(
        target: Target,
        begin: Begin,
        about: &Value,
        outputs: &BTreeSet<String>,
    ) -> anyhow::Result<Self> {
        let earlier = Earlier::find(&target)?;
        let known = earlier.iter().flat_map(|earlier| &earlier.outputs);
        for output in outputs.iter().chain(known) {
            target.check_no_links(output)?;
        }
        let mut folder = match (begin, earlier) {
            (_, None) => {
                check_empty(&target)?;
                Self::begin(target, about)?
            }
            (Begin::New, Some(earlier)) if earlier.has_parts(&target) => {
                return Err(earlier.refuse(&target).into());
            }
            (Begin::New | Begin::Replace, Some(earlier)) => {
                earlier.remove(&target)?;
                drop(earlier);
                Self::begin(target, about)?
            }
            (Begin::Resume, Some(earlier)) => {
                earlier.check(&target, about, outputs)?;
                Self::resume(target, about, earlier)?
            }
        };
        folder.note(&Note::Planned(outputs.iter().cloned().collect()))?;
        folder.earlier.retain(|output, _| outputs.contains(output));
        Ok(folder)
    }

    fn begin(target: Target, about: &Value) -> Result<Self, StoreError> {
        let noted = json!({ "format": FORMAT, "about": about });
        Ok(Self {
            journal: Journal::begin(target.local(), &noted)?,
            target,
            about: about.clone(),
            earlier: BTreeMap::new(),
        })
    }

    fn resume(target: Target, about: &Value, earlier: Earlier) -> anyhow::Result<Self> {
        target.remove(SUCCESS)?;
        let (parts, journal) = (earlier.parts, earlier.journal);
        let mut folder = if let Some(journal) = journal {
            Self {
                target,
                journal,
                about: about.clone(),
                earlier: BTreeMap::new(),
            }
        } else {
            let folder = Self::begin(target, about)?;
            for part in parts.values() {
                folder.note(&Note::Whole(part.clone()))?;
            }
            folder
        };
        folder.earlier = parts;
        Ok(folder)
    }

    /// Where its parts go.
    pub(super) fn target(&self) -> &Target {
        &self.target
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
    /// The disk or the store refuses.
    pub(super) fn finish(self, manifest: &Manifest) -> anyhow::Result<()> {
        (self.target).write(MANIFEST, manifest.to_text().as_bytes())?;
        if manifest.failed.is_empty() {
            self.target.write(SUCCESS, b"")?;
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
    fn find(target: &Target) -> anyhow::Result<Option<Self>> {
        let taken = || CliError::OutputTaken {
            path: target.shown().to_owned(),
        };
        if target.is_no_folder() {
            return Err(taken().into());
        }
        if let Some((journal, noted)) = Journal::open(target.local())? {
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
        let Some(bytes) = target.read(MANIFEST)? else {
            return Ok(None);
        };
        let manifest = Manifest::read(&bytes).ok_or_else(taken)?;
        let mut earlier = Self {
            journal: None,
            about: manifest.about,
            parts: BTreeMap::new(),
            outputs: BTreeSet::new(),
            is_complete: target.has(SUCCESS),
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
    fn has_parts(&self, target: &Target) -> bool {
        let is_there = |output: &String| target.has(output);
        !self.parts.is_empty() || self.outputs.iter().any(is_there)
    }

    /// Why no new predictions are put here.
    fn refuse(&self, target: &Target) -> BatchError {
        BatchError::There {
            output: target.shown().to_owned(),
            n_whole: self.parts.len() as u64,
            is_complete: self.is_complete,
        }
    }

    /// Whether it can be gone on with to make `outputs`.
    fn check(
        &self,
        target: &Target,
        about: &Value,
        outputs: &BTreeSet<String>,
    ) -> Result<(), BatchError> {
        if let Some((setting, then, now)) = difference("", &decisive(&self.about), &decisive(about))
        {
            let output = target.shown().to_owned();
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
        let is_stale = |output: &&String| !outputs.contains(*output) && target.has(output);
        let mut stale = self.outputs.iter().filter(is_stale);
        let Some(first) = stale.next() else {
            return Ok(());
        };
        let input = self.parts.get(first);
        Err(BatchError::OtherTables {
            n_more: stale.count() as u64,
            file: first.clone(),
            input: input.map(|part| part.input.clone()),
            output: target.shown().to_owned(),
        })
    }

    /// Removes what is known to be of earlier runs, and nothing else.
    fn remove(&self, target: &Target) -> anyhow::Result<()> {
        target.remove(SUCCESS)?;
        for output in &self.outputs {
            target.remove(output)?;
        }
        target.remove(MANIFEST)
    }
}

/// What of an account decides whether parts belong together: any version of the program goes on with what another began.
fn decisive(about: &Value) -> Value {
    let mut about = about.clone();
    if let Some(about) = about.as_object_mut() {
        about.remove("program");
    }
    about
}

/// Whether a file of an account lies below its folder, whatever the account says.
fn is_below(output: &str) -> bool {
    let mut parts = Path::new(output).components();
    !output.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Predictions are not put beside what somebody else put there.
fn check_empty(target: &Target) -> Result<(), CliError> {
    if target.is_empty() {
        return Ok(());
    }
    let path = target.shown().to_owned();
    Err(CliError::OutputTaken { path })
}
