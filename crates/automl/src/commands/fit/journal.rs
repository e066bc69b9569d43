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
use serde_json::{Value, json};
use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock};

/// Limits, which a search that goes on may have others of.
const LIMITS: [&str; 4] = ["time_limit", "max_trials", "threads", "memory_limit"];

/// An earlier search of the same output.
pub(super) struct Earlier {
    journal: Journal,
    about: Value,
    pub(super) entries: Vec<JournalEntry>,
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
        let Ok(entries) = entries.collect::<Result<Vec<JournalEntry>, _>>() else {
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
                entries,
                is_cut: noted.is_cut,
            }));
        }
        let progress = Progress::of(&entries);
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
        Progress::of(&self.entries)
    }
}

/// What decides what a search finds, limits apart.
fn about(settings: &Settings, loaded: &Loaded) -> Value {
    let mut about = settings.to_config();
    about["program"] = json!(env!("CARGO_PKG_VERSION"));
    about["data"] = json!(loaded.fingerprint.sha256);
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
    pub(super) past: Vec<JournalEntry>,
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
            past: earlier.entries,
            journal: RwLock::new(Some(earlier.journal)),
            has_ended: AtomicBool::new(false),
        })
    }

    /// Removes it if there is nothing in it to go on with: neither this process nor an earlier one ended a trial.
    pub(super) fn discard_if_new(&self) {
        let is_new = Progress::of(&self.past).n_trials == 0 && !self.has_ended.load(Relaxed);
        if let Some(journal) = self.take().filter(|_| is_new) {
            journal.discard();
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

impl automl_engine::Journal for SearchJournal<'_> {
    fn note(&self, entry: &JournalEntry) {
        let note = serde_json::to_value(entry).expect("notes are plain data");
        self.write(|journal| journal.note(&note));
        if matches!(entry, JournalEntry::Ended { .. }) {
            self.has_ended.store(true, Relaxed);
        }
    }

    fn keep(&self, name: &str, artifact: &dyn Fn() -> Artifact) {
        self.write(|journal| journal.keep(name, &artifact()));
    }

    fn restore(&self, name: &str) -> Option<Artifact> {
        let journal = self.journal.read().unwrap_or_else(PoisonError::into_inner);
        journal.as_ref()?.restore(name).ok()
    }

    fn forget(&self, name: &str) {
        let journal = self.journal.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(journal) = journal.as_ref() {
            journal.forget(name);
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
