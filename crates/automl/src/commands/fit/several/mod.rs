//! `automl fit` of several targets: a search for each, one after another, and one model of all.
//!
//! Each target is learned for itself (binary relevance), by the search that it would have alone, from the rows that have it. What one
//! leaves of the time passes to the next. Its model is written as soon as it is there, beside the journal, so no more than one search
//! is in memory, and whoever goes on with a killed fit does not search again for targets that are done. At the end the directories of
//! all stand below one, which appears whole.

mod result;
mod whole;

use super::journal::{Earlier, SearchJournal};
use super::settings::{Settings, check_metric};
use super::{
    Begun, Finished, note_begin, options, prepare, say_task, search_run, told_columns,
    warn_of_score, warn_of_time,
};
use crate::commands::Status;
use crate::errors::TargetsError;
use crate::record::{Detail, Recorder};
use automl_core::{Clock, Role, Schema, Warning, Warnings, nearest};
use automl_data::Loaded;
use automl_engine::prepare::check_told_once;
use automl_engine::{
    EngineError, FitOptions, Journal as _, JournalEntry, PrepareOptions, Progress,
};
use automl_store::{ModelDir, Overwrite, Scratch, journal_dir, prediction_schema, spool};
use result::TargetResult;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use whole::Whole;

/// The share of the time that is kept for putting the models together.
const WHOLE_SHARE: f64 = 0.01;
/// Letters of a target in the name of its directory.
const PATH_LETTERS: usize = 60;

/// The targets that are meant: a text that is the name of a column, else the parts between its commas.
///
/// # Errors
/// One is named twice, or of several one is no column.
pub(super) fn named(asked: &[String], loaded: &Loaded) -> anyhow::Result<Vec<String>> {
    let known: BTreeSet<&str> = loaded.table.names().collect();
    let mut targets: Vec<String> = Vec::new();
    for text in asked {
        let parts: Vec<&str> = if known.contains(text.as_str()) {
            vec![text]
        } else {
            let parts = text.split(',').map(str::trim);
            parts.filter(|part| !part.is_empty()).collect()
        };
        for name in parts {
            if targets.iter().any(|target| target == name) {
                let name = name.to_owned();
                return Err(TargetsError::Twice { name }.into());
            }
            targets.push(name.to_owned());
        }
    }
    if targets.is_empty() {
        targets.push(asked.join(","));
    }
    let unknown = targets
        .iter()
        .find(|target| !known.contains(target.as_str()));
    if let Some(name) = unknown {
        let error = EngineError::ColumnUnknown {
            name: name.clone(),
            role: "target",
            near: nearest(name, loaded.table.names()),
        };
        return Err(told_columns(error, loaded));
    }
    Ok(targets)
}

/// The settings of a fit as those of one of its targets. Limits stay those of the whole.
pub(super) fn of_target(settings: &Settings, targets: &[String], number: usize) -> Settings {
    let target = &targets[number];
    let others = targets.iter().filter(|other| *other != target);
    Settings {
        prepare: PrepareOptions {
            target: target.clone(),
            others: others.cloned().collect(),
            ..settings.prepare.clone()
        },
        output: settings.output.join(path_of(targets, number)),
        overwrite: Overwrite::Replace,
        ..settings.clone()
    }
}

/// The directory of the model of a target, below that of the whole: its name in letters that files have everywhere.
fn path_of(targets: &[String], number: usize) -> String {
    let plain = |target: &String| {
        let letter = |letter: char| {
            let is_plain = letter.is_ascii_alphanumeric() || "_-".contains(letter);
            if is_plain { letter } else { '_' }
        };
        let name: String = target.chars().map(letter).take(PATH_LETTERS).collect();
        if name.is_empty() {
            "column".to_owned()
        } else {
            name.to_ascii_lowercase()
        }
    };
    let own = plain(&targets[number]);
    let is_alone = targets.iter().filter(|target| plain(target) == own).count() == 1;
    if is_alone {
        format!("targets/{own}")
    } else {
        // No name of a target alone ends so, or it would not be alone.
        format!("targets/{own}.{}", number + 1)
    }
}

/// Refuses options that are of one target, and columns with two roles.
///
/// # Errors
/// The first of them.
pub(super) fn check_options(settings: &Settings, targets: &[String]) -> anyhow::Result<()> {
    if targets.len() == 1 {
        return Ok(());
    }
    let asked = &settings.prepare;
    let is_quantile = asked.task == Some(automl_core::TaskKind::Quantile);
    let of_one = [
        ("--positive", asked.positive.is_some()),
        ("--cost-matrix", asked.costs.is_some()),
        ("--quantiles", !asked.quantiles.is_empty()),
        ("--task quantile", is_quantile),
        ("--exposure", asked.exposure.is_some()),
    ];
    if let Some((option, _)) = of_one.into_iter().find(|(_, is_given)| *is_given) {
        let targets = targets.to_vec();
        return Err(TargetsError::Option { option, targets }.into());
    }
    for target in targets {
        check_told_once(&PrepareOptions {
            target: target.clone(),
            ..asked.clone()
        })?;
    }
    Ok(())
}

/// Searches for the models of all targets, and writes the whole.
pub(super) fn run(
    begun: &Begun,
    targets: &[String],
    earlier: Option<Earlier>,
) -> anyhow::Result<Status> {
    let Begun {
        settings,
        loaded,
        reporter,
        interrupt,
        ..
    } = begun;
    check_options(settings, targets)?;
    let checked = check_all(begun, targets)?;
    let recorder = Recorder::begin(&settings.record, "fit", Detail::Whole, &**reporter);
    note_begin(
        &recorder,
        settings,
        (loaded, &with_targets(loaded, targets)),
    );
    let journal = SearchJournal::start(settings, loaded, earlier, reporter)?;
    // Without a journal nobody goes on with them.
    let passing = (!settings.keeps_journal).then(|| Scratch::beside(&settings.output));
    let passing = passing.transpose()?;
    let search = Search {
        begun,
        targets,
        journal: &journal,
        places: match &passing {
            Some(scratch) => scratch.path().join("targets"),
            None => journal_dir(&settings.output)?,
        },
    };
    let mut results = Vec::new();
    for (number, known) in checked.iter().enumerate() {
        let result = search.target(number, known);
        let result = result.inspect_err(|_| journal.discard_if_new())?;
        result.record(&recorder);
        results.push(result);
    }
    let whole = Whole {
        begun,
        targets,
        results: &results,
        record: recorder.new_model(),
    };
    reporter.phase("write");
    {
        let mut is_written = interrupt.hold();
        whole.write()?;
        *is_written = true;
        let at_seconds = reporter.clock().seconds();
        journal.of(None).note(&JournalEntry::Written { at_seconds });
    }
    whole.record(&recorder);
    reporter.finish();
    let run_id = recorder.end(spool::Status::Finished);
    whole.print(run_id.as_deref())?;
    Ok(if results.iter().any(|result| result.interrupted) {
        Status::Interrupted
    } else {
        Status::Done
    })
}

/// The columns of the table, with all targets as such.
fn with_targets(loaded: &Loaded, targets: &[String]) -> Schema {
    let mut schema = loaded.schema.clone();
    for field in &mut schema.fields {
        if targets.contains(&field.name) {
            field.role = Role::Target;
        }
    }
    schema
}

/// Looks at every target before the first search begins; gives what is odd of each, which is shown.
///
/// # Errors
/// One cannot be learned, or columns of predictions would have one name.
fn check_all(begun: &Begun, targets: &[String]) -> anyhow::Result<Vec<Vec<Warning>>> {
    let Begun {
        settings,
        loaded,
        reporter,
        ..
    } = begun;
    let mut checked = Vec::new();
    let mut columns = BTreeSet::new();
    for (number, target) in targets.iter().enumerate() {
        let own = of_target(settings, targets, number);
        let warnings = Warnings::default();
        for warning in &loaded.warnings {
            warnings.push(warning.clone());
        }
        let prepared = prepare(&own, loaded, &warnings)?;
        let task = prepared.dataset.task();
        check_metric(own.fit.metric, Some(task.kind()))?;
        if number == 0 {
            warn_of_time(loaded, &prepared, reporter);
            super::test_table::compare(begun, &prepared.schema)?;
        }
        let leaks = {
            let _spinner =
                reporter.spinner(format!("looking for columns that give '{target}' away"));
            super::warned::of_data(&own, &prepared.dataset)
        };
        for warning in leaks {
            warnings.push(warning);
        }
        for warning in warnings.list() {
            reporter.warnings().push(warning);
        }
        checked.push(warnings.list());
        let one = automl_core::TargetTask {
            target: target.clone(),
            task: task.clone(),
        };
        let targets_alone = automl_core::Task::MultiOutput { targets: vec![one] };
        for field in prediction_schema(&targets_alone).fields {
            if !columns.insert(field.name.clone()) {
                return Err(TargetsError::Alike {
                    column: field.name,
                    targets: targets.to_vec(),
                }
                .into());
            }
        }
    }
    reporter.show_warnings();
    Ok(checked)
}

/// What all searches share.
struct Search<'a> {
    begun: &'a Begun,
    targets: &'a [String],
    journal: &'a SearchJournal<'a>,
    /// Where the models of targets are until the whole is written.
    places: PathBuf,
}

impl Search<'_> {
    /// The model of a target, in its directory: an earlier process's if it was done with these limits, else a search's.
    fn target(&self, number: usize, known: &[Warning]) -> anyhow::Result<TargetResult> {
        let own = of_target(&self.begun.settings, self.targets, number);
        let target = &self.targets[number];
        let path = path_of(self.targets, number);
        let place = self.places.join(format!("target-{number}"));
        let order = format!("target {} of {}", number + 1, self.targets.len());
        if self.is_done(&own, &place) {
            let note = format!("{order}: '{target}' was done before");
            self.begun.reporter.note(&note);
            let told = self.told(&result::warnings(&place), (number, known));
            let reporter = &self.begun.reporter;
            for warning in told {
                reporter.warnings().push(warning);
            }
            reporter.show_warnings();
        } else {
            self.begun.reporter.note(&format!("{order}: '{target}'"));
            self.search(number, (&own, &place), known)?;
        }
        TargetResult::read(target, path, place)
    }

    /// Whether an earlier process of this search has written a model there, with the limits that hold now.
    fn is_done(&self, own: &Settings, place: &Path) -> bool {
        if !self.journal.is_gone_on_with() {
            return false;
        }
        let Ok(dir) = ModelDir::open(place) else {
            return false;
        };
        let (then, now) = (&dir.manifest().lineage.config, own.to_config());
        let is_same = |limit: &str| then["search"][limit] == now["search"][limit];
        let is_whole = dir.files().iter().all(|file| dir.file(&file.path).is_ok());
        let is_interrupted = result::is_interrupted(&dir);
        is_same("time_limit") && is_same("max_trials") && is_whole && !is_interrupted
    }

    fn search(
        &self,
        number: usize,
        (own, place): (&Settings, &Path),
        known: &[Warning],
    ) -> anyhow::Result<()> {
        let Begun {
            loaded,
            reporter: whole,
            interrupt,
            ..
        } = self.begun;
        let started_micros = Clock::unix_micros();
        let past = self.journal.past(Some(number));
        let before = Duration::from_secs_f64(Progress::of(&past).seconds);
        let reporter = whole.beside(Clock::start().advanced(before), known);
        // What is odd of it was told already.
        let prepared = prepare(own, loaded, &Warnings::default())?;
        say_task(own, &prepared, &reporter);
        let scope = self.journal.of(Some(number));
        let run = search_run(
            &prepared,
            &reporter,
            &reporter,
            interrupt.token(),
            (&scope, &past),
        );
        let options = FitOptions {
            time_limit: self.share(number, before),
            inference_limit: (own.fit.inference_limit)
                .map(|limit| limit / self.targets.len() as u32),
            ..options(own, &prepared)
        };
        let outcome = automl_engine::fit(&prepared.dataset, &options, &run);
        let is_last = number + 1 == self.targets.len();
        let is_stopped = interrupt.token().is_cancelled();
        if is_stopped && (!is_last || outcome.is_err()) {
            return Err(self.stopped(number).into());
        }
        let outcome = outcome?;
        let importance = outcome.model.column_importance()?;
        warn_of_score(own, &prepared, (&outcome, importance.as_ref()), &reporter);
        let finished = Finished {
            settings: own,
            place,
            loaded,
            prepared: &prepared,
            outcome: &outcome,
            importance: importance.as_ref(),
            started_micros,
            record: None,
        };
        finished.write(&reporter)?;
        let at_seconds = reporter.clock().seconds();
        scope.note(&JournalEntry::Written { at_seconds });
        reporter.finish();
        let told = self.told(&reporter.warnings().list(), (number, known));
        self.begun.reporter.take_shown(&told);
        Ok(())
    }

    /// The limit of a target on its own clock: what it had taken before, and its share of what is left of the whole.
    fn share(&self, number: usize, before: Duration) -> Option<Duration> {
        let limit = self.begun.settings.fit.time_limit?;
        let until = limit.mul_f64(1.0 - WHOLE_SHARE);
        let left = until.saturating_sub(self.begun.reporter.clock().elapsed());
        let n_left = (self.targets.len() - number) as u32;
        Some(before + left / n_left)
    }

    fn stopped(&self, number: usize) -> TargetsError {
        TargetsError::Stopped {
            target: self.targets[number].clone(),
            n_done: number,
            n_targets: self.targets.len(),
            is_kept: self.begun.settings.keeps_journal,
        }
    }

    /// What a search warned of is part of what the whole tells, with its target, but not shown twice.
    fn told(&self, all: &[Warning], (number, known): (usize, &[Warning])) -> Vec<Warning> {
        let new = all.iter().filter(|warning| !known.contains(warning));
        let told = new.map(|warning| Warning {
            message: format!("'{}': {}", self.targets[number], warning.message),
            ..warning.clone()
        });
        told.collect()
    }
}
