//! The journal of a search, kept beside its output, and what `--resume` takes from it.

use super::settings::Settings;
use crate::difference::difference;
use crate::errors::SearchError;
use crate::progress::Reporter;
use crate::text;
use automl_core::{Artifact, Warning, WarningKind};
use automl_data::Loaded;
use automl_engine::{JournalEntry, Progress};
use automl_store::{Journal, StoreError, journal_dir};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock};

/// Limits, which a search that goes on may have others of.
const LIMITS: [&str; 4] = ["time_limit", "max_trials", "threads", "memory_limit"];

/// A note, and of several targets which one it is of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Note {
    /// Its place among the targets; none where there is one, or of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<usize>,
    #[serde(flatten)]
    entry: JournalEntry,
}

/// An earlier search of the same output.
pub(super) struct Earlier {
    journal: Journal,
    about: Value,
    notes: Vec<Note>,
    is_cut: bool,
}

impl Earlier {
    /// The search that `--resume` is to go on with: none if there is none, or if a new one was asked for.
    ///
    /// # Errors
    /// Another process works on it, or it is not at its end and neither `--resume` nor `--overwrite` was given.
    pub(super) fn find(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let Some((journal, noted)) = Journal::open(&settings.output)? else {
            return Ok(None);
        };
        let entries = noted.notes.into_iter().map(serde_json::from_value);
        let Ok(notes) = entries.collect::<Result<Vec<Note>, _>>() else {
            if settings.may_overwrite() {
                return Ok(None);
            }
            let path = journal_dir(&settings.output)?;
            return Err(SearchError::Foreign { path }.into());
        };
        if settings.resume {
            return Ok(Some(Self {
                journal,
                about: noted.about,
                notes,
                is_cut: noted.is_cut,
            }));
        }
        let progress = progress(&notes);
        if progress.n_trials > 0 && !progress.is_written && !settings.may_overwrite() {
            return Err(SearchError::Unfinished {
                n_trials: progress.n_trials as u64,
                seconds: progress.seconds,
                output: settings.output.clone(),
            }
            .into());
        }
        Ok(None)
    }

    /// How far it came.
    pub(super) fn progress(&self) -> Progress {
        progress(&self.notes)
    }
}

/// The notes of one target, or of the whole.
fn of_target(notes: &[Note], target: Option<usize>) -> Vec<JournalEntry> {
    let own = notes.iter().filter(|note| note.target == target);
    own.map(|note| note.entry.clone()).collect()
}

/// How far a search came. Each of several targets has a clock of its own, and one follows the other.
fn progress(notes: &[Note]) -> Progress {
    let mut by_target: BTreeMap<Option<usize>, Vec<JournalEntry>> = BTreeMap::new();
    for note in notes {
        let own = by_target.entry(note.target).or_default();
        own.push(note.entry.clone());
    }
    let whole = Progress::of(by_target.remove(&None).as_deref().unwrap_or_default());
    let parts: Vec<Progress> = by_target.values().map(|own| Progress::of(own)).collect();
    let seconds: f64 = parts.iter().map(|part| part.seconds).sum();
    let is_end =
        |note: &Note| note.target.is_none() && matches!(note.entry, JournalEntry::Written { .. });
    Progress {
        n_trials: whole.n_trials + parts.iter().map(|part| part.n_trials).sum::<usize>(),
        seconds: whole.seconds.max(seconds),
        is_written: notes.last().is_some_and(is_end),
    }
}

/// What decides what a search finds, limits apart.
fn about(settings: &Settings, loaded: &Loaded) -> Value {
    let mut about = settings.to_config();
    about["program"] = json!(env!("CARGO_PKG_VERSION"));
    about["data"] = json!(loaded.fingerprint.sha256);
    // It changes nothing of what is found.
    if let Some(settings) = about.as_object_mut() {
        settings.remove("test");
    }
    if let Some(schema) = about["schema"].as_object_mut() {
        schema.remove("file");
    }
    if let Some(search) = about["search"].as_object_mut() {
        for limit in LIMITS {
            search.remove(limit);
        }
    }
    about
}

/// A journal to go on with, and one to begin, alike.
pub(super) struct SearchJournal<'a> {
    reporter: &'a Reporter,
    /// `None` once something could not be written.
    journal: RwLock<Option<Journal>>,
    /// What earlier processes noted.
    past: Vec<Note>,
    /// Whether a trial has ended in this process.
    has_ended: AtomicBool,
}

impl<'a> SearchJournal<'a> {
    /// The journal of this search: the earlier one's, if there is one, else a new one.
    ///
    /// # Errors
    /// The earlier search was of other data or settings.
    pub(super) fn start(
        settings: &Settings,
        loaded: &Loaded,
        earlier: Option<Earlier>,
        reporter: &'a Reporter,
    ) -> anyhow::Result<Self> {
        let about = about(settings, loaded);
        let Some(earlier) = earlier else {
            if settings.resume {
                reporter.note("nothing to go on with: the search begins anew");
            }
            let this = Self {
                reporter,
                journal: RwLock::new(None),
                past: Vec::new(),
                has_ended: AtomicBool::new(false),
            };
            if settings.keeps_journal {
                match Journal::begin(&settings.output, &about) {
                    Ok(journal) => this.put(Some(journal)),
                    Err(error @ StoreError::InUse { .. }) => return Err(error.into()),
                    Err(error) => this.warn(&error),
                }
            }
            return Ok(this);
        };
        if let Some((setting, then, now)) = difference("", &earlier.about, &about) {
            let path = journal_dir(&settings.output)?;
            return Err(SearchError::Differs {
                setting,
                then,
                now,
                path,
            }
            .into());
        }
        say_progress(&earlier, reporter);
        Ok(Self {
            reporter,
            past: earlier.notes,
            journal: RwLock::new(Some(earlier.journal)),
            has_ended: AtomicBool::new(false),
        })
    }

    /// Removes it if there is nothing in it to go on with: neither this process nor an earlier one ended a trial.
    pub(super) fn discard_if_new(&self) {
        let is_new = progress(&self.past).n_trials == 0 && !self.has_ended.load(Relaxed);
        if let Some(journal) = self.take().filter(|_| is_new) {
            journal.discard();
        }
    }

    /// What earlier processes noted of a target, or of the whole.
    pub(super) fn past(&self, target: Option<usize>) -> Vec<JournalEntry> {
        of_target(&self.past, target)
    }

    /// Whether an earlier process worked on this search.
    pub(super) fn is_gone_on_with(&self) -> bool {
        !self.past.is_empty()
    }

    /// The part of it that is of one of several targets; of none, the whole.
    pub(super) fn of(&self, target: Option<usize>) -> TargetJournal<'_> {
        TargetJournal {
            journal: self,
            target,
        }
    }

    fn put(&self, journal: Option<Journal>) {
        *self.journal.write().unwrap_or_else(PoisonError::into_inner) = journal;
    }

    fn take(&self) -> Option<Journal> {
        let mut journal = self.journal.write().unwrap_or_else(PoisonError::into_inner);
        journal.take()
    }

    /// Writes something; if that fails, the search goes on without noting more, and what was noted stays.
    fn write(&self, write: impl FnOnce(&Journal) -> Result<(), StoreError>) {
        let written = {
            let journal = self.journal.read().unwrap_or_else(PoisonError::into_inner);
            journal.as_ref().map_or(Ok(()), write)
        };
        if let Err(error) = written
            && self.take().is_some()
        {
            self.warn(&error);
        }
    }

    fn warn(&self, error: &StoreError) {
        let why = error
            .source()
            .map_or_else(String::new, |source| format!(": {source}"));
        let message = format!(
            "a kill would lose what this search does from here on, since its journal cannot be written: {error}{why}"
        );
        let none = Vec::<String>::new();
        let warning = Warning::new(WarningKind::BudgetReached, none, message);
        self.reporter.warnings().push(warning);
    }
}

/// The part of a journal that is of one target.
pub(super) struct TargetJournal<'a> {
    journal: &'a SearchJournal<'a>,
    target: Option<usize>,
}

impl TargetJournal<'_> {
    /// The name under which an artifact is kept.
    fn name(&self, name: &str) -> String {
        match self.target {
            Some(target) => format!("{target}-{name}"),
            None => name.to_owned(),
        }
    }
}

impl automl_engine::Journal for TargetJournal<'_> {
    fn note(&self, entry: &JournalEntry) {
        let note = Note {
            target: self.target,
            entry: entry.clone(),
        };
        let note = serde_json::to_value(note).expect("notes are plain data");
        self.journal.write(|journal| journal.note(&note));
        if matches!(entry, JournalEntry::Ended { .. }) {
            self.journal.has_ended.store(true, Relaxed);
        }
    }

    fn keep(&self, name: &str, artifact: &dyn Fn() -> Artifact) {
        let name = self.name(name);
        self.journal
            .write(|journal| journal.keep(&name, &artifact()));
    }

    fn restore(&self, name: &str) -> Option<Artifact> {
        let journal = self.journal.journal.read();
        let journal = journal.unwrap_or_else(PoisonError::into_inner);
        journal.as_ref()?.restore(&self.name(name)).ok()
    }

    fn forget(&self, name: &str) {
        let journal = self.journal.journal.read();
        let journal = journal.unwrap_or_else(PoisonError::into_inner);
        if let Some(journal) = journal.as_ref() {
            journal.forget(&self.name(name));
        }
    }
}

fn say_progress(earlier: &Earlier, reporter: &Reporter) {
    let Progress {
        n_trials, seconds, ..
    } = earlier.progress();
    let (trials, seconds) = (
        text::counted(n_trials as u64, "trial"),
        text::seconds(seconds),
    );
    let cut = if earlier.is_cut {
        "; its last note was cut and is left out"
    } else {
        ""
    };
    reporter.note(&format!(
        "going on with a search of {trials} and {seconds}{cut}"
    ));
}
