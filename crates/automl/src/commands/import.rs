//! What verbs share that move the record of another program in.

use super::Status;
use crate::cli::PlaceArgs;
use crate::console::Console;
use crate::errors::MovingError;
use crate::interrupt::Interrupt;
use crate::workspace;
use anyhow::Context as _;
use automl_core::CancelToken;
use automl_store::moving::Watch;
use automl_store::workspace::Record;
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;

/// The record that is copied into.
pub(super) struct Opened {
    pub(super) record: Record,
    /// The place of an empty record that stands for a workspace that is not there.
    _scratch: TempDir,
}

impl Opened {
    /// A dry run makes nothing: against a workspace that is not there, an empty record stands for it.
    pub(super) fn of(place: &PlaceArgs, is_dry: bool) -> anyhow::Result<Self> {
        let workspace = workspace::of(place);
        let scratch = tempfile::tempdir().context("cannot make a temporary directory")?;
        let record = if is_dry && !workspace.is_there() {
            let place = scratch.path().join("record").display().to_string();
            workspace::named(&place).open()?
        } else {
            workspace.open()?
        };
        Ok(Self {
            record,
            _scratch: scratch,
        })
    }
}

/// How an import ends that has told of its failures.
pub(super) fn ended(n_failed: usize, n_all: u64, interrupt: &Interrupt) -> anyhow::Result<Status> {
    if n_failed > 0 {
        let n_failed = n_failed as u64;
        return Err(MovingError::ImportIncomplete { n_failed, n_all }.into());
    }
    Ok(if interrupt.token().is_cancelled() {
        Status::Interrupted
    } else {
        Status::Done
    })
}

/// How far an import is.
pub(super) struct Bar {
    bar: ProgressBar,
    cancel: CancelToken,
}

impl Bar {
    pub(super) fn new(console: Console, cancel: CancelToken) -> Self {
        let bar = if console.is_live() {
            ProgressBar::no_length()
        } else {
            ProgressBar::hidden()
        };
        // The template is a constant, and sound.
        let style = ProgressStyle::with_template("{bar:32} {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, cancel }
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Bar {
    fn total(&mut self, n_all: u64) {
        self.bar.set_length(n_all);
    }

    fn done(&mut self, what: &str) {
        self.bar.set_message(what.to_owned());
        self.bar.inc(1);
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
