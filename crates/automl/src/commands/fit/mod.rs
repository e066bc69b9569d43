//! `automl fit`: read, check, search, and write the model with all that was found on the way.

mod costs;
mod files;
mod journal;
mod plan;
mod portfolio;
mod result;
pub(super) mod settings;
mod several;
mod test_table;
#[cfg(test)]
mod tests;
mod warned;

use super::{Status, datasets};
use crate::cli::FitArgs;
use crate::console::Console;
use crate::costs::{CostScores, MEAN_COST};
use crate::errors::CliError;
use crate::interrupt::Interrupt;
use crate::memory;
use crate::modeldir;
use crate::progress::Reporter;
use crate::record::{self, Detail, Recorder, Seen};
use crate::report::{self, Course, Data, Page};
use crate::text;
use automl_core::metrics::Metric;
use automl_core::{
    CancelToken, Clock, Decision, Event, Events, Model as _, Role, Schema, Warnings,
};
use automl_data::profile::time_order_warning;
use automl_data::{Loaded, read_table, split_names};
use automl_engine::{
    ColumnImportance, EngineError, FitOptions, FitOutcome, FitRun, Journal as _, JournalEntry,
    Prepared, Preview, SplitBy,
};
use automl_store::spool;
use automl_store::{
    Lineage, Machine, Manifest, ModelContents, ModelId, Overwrite, check_target, prediction_schema,
    rfc3339, write_model,
};
use journal::{Earlier, SearchJournal};
use serde_json::json;
use settings::Settings;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A fit whose table is read.
struct Begun {
    settings: Settings,
    loaded: Loaded,
    reporter: Arc<Reporter>,
    interrupt: Interrupt,
    console: Console,
    started_micros: i64,
}

pub(super) fn run(mut args: FitArgs, console: Console) -> anyhow::Result<Status> {
    args.data = datasets::place(&args.data, &args.record.workspace.workspace)?;
    let clock = Clock::start();
    let started_micros = Clock::unix_micros();
    let is_plan_only = args.plan_only;
    let mut settings = Settings::resolve(args)?;
    let workspace = &settings.record.workspace.workspace;
    settings.source = datasets::source(&settings.data, workspace, console)?;
    let earlier = if is_plan_only {
        None
    } else {
        let earlier = Earlier::find(&settings)?;
        if earlier.is_some() {
            settings.overwrite = Overwrite::Replace;
        }
        check_target(&settings.output, settings.overwrite)?;
        earlier
    };
    let before = earlier.as_ref().map_or(0.0, |one| one.progress().seconds);
    let clock = clock.advanced(Duration::from_secs_f64(before));
    let reporter = Arc::new(Reporter::new(console, clock));
    let interrupt = listen(&reporter, console)?;
    let loaded = load(&settings, &reporter, &interrupt)?;
    let targets = several::named(&settings.targets, &loaded)?;
    if let [target] = targets.as_slice() {
        settings.prepare.target.clone_from(target);
    }
    let known: Vec<String> = loaded.table.names().map(str::to_owned).collect();
    settings.prepare.drop = split_names(&settings.prepare.drop, &known);
    let begun = Begun {
        settings,
        loaded,
        reporter,
        interrupt,
        console,
        started_micros,
    };
    match (targets.as_slice(), is_plan_only) {
        ([_], false) => one(&begun, earlier),
        (_, false) => several::run(&begun, &targets, earlier),
        (_, true) => plan::run(&begun, &targets),
    }
}

/// A search for the model of one target.
fn one(begun: &Begun, earlier: Option<Earlier>) -> anyhow::Result<Status> {
    let Begun {
        settings,
        loaded,
        reporter,
        interrupt,
        ..
    } = begun;
    let prepared = prepare(settings, loaded, reporter.warnings())?;
    reporter.show_warnings();
    say_task(settings, &prepared, reporter);
    warn_of_time(loaded, &prepared, reporter);
    warn_of_leaks(settings, &prepared, reporter);
    test_table::compare(begun, &prepared.schema)?;
    let recorder = Recorder::begin(&settings.record, "fit", Detail::Whole, &**reporter);
    note_begin(&recorder, settings, (loaded, &prepared.schema));
    let hearers = Both(&**reporter, &recorder);
    let journal = SearchJournal::start(settings, loaded, earlier, reporter)?;
    let outcome = search(
        settings,
        &prepared,
        reporter,
        &hearers,
        (interrupt, &journal),
    )
    .inspect_err(|_| journal.discard_if_new())?;
    let importance = outcome.model.column_importance()?;
    warn_of_score(
        settings,
        &prepared,
        (&outcome, importance.as_ref()),
        reporter,
    );
    let run = Finished {
        settings,
        place: &settings.output,
        loaded,
        prepared: &prepared,
        outcome: &outcome,
        importance: importance.as_ref(),
        started_micros: begun.started_micros,
        record: recorder.new_model(),
    };
    reporter.phase("write");
    {
        let mut is_written = interrupt.hold();
        run.write(reporter)?;
        *is_written = true;
        let at_seconds = reporter.clock().seconds();
        journal.of(None).note(&JournalEntry::Written { at_seconds });
    }
    run.record(&recorder);
    reporter.finish();
    let run_id = recorder.end(spool::Status::Finished);
    result::print(&run, run_id.as_deref(), reporter, begun.console)?;
    Ok(if outcome.interrupted {
        Status::Interrupted
    } else {
        Status::Done
    })
}

/// What is known of a search before it runs.
fn note_begin(recorder: &Recorder<'_>, settings: &Settings, (loaded, schema): (&Loaded, &Schema)) {
    recorder.settings(&settings.to_config());
    recorder.reads(Seen {
        context: "training",
        place: &settings.data,
        sha256: Some(&loaded.fingerprint.sha256),
        n_rows: Some(loaded.fingerprint.n_rows),
        schema: serde_json::to_value(schema).ok(),
    });
}

fn listen(reporter: &Arc<Reporter>, console: Console) -> anyhow::Result<Interrupt> {
    let reporter = Arc::clone(reporter);
    Interrupt::listen(console, move || {
        reporter.note("stopping; the best so far will be saved (Ctrl-C again to leave at once)");
    })
}

/// The table. Warnings of reading are noted, not yet shown.
fn load(settings: &Settings, reporter: &Reporter, interrupt: &Interrupt) -> anyhow::Result<Loaded> {
    let loaded = {
        let _spinner = reporter.spinner(format!("reading {}", settings.data));
        let schema = settings.schema.as_ref().map(|(_, content)| content);
        read_table(&settings.source, &settings.read, schema)?
    };
    for warning in &loaded.warnings {
        reporter.warnings().push(warning.clone());
    }
    if interrupt.token().is_cancelled() {
        return Err(CliError::Interrupted.into());
    }
    Ok(loaded)
}

/// The table as a dataset; what is odd of it goes to `warnings`.
fn prepare(settings: &Settings, loaded: &Loaded, warnings: &Warnings) -> anyhow::Result<Prepared> {
    let prepared =
        automl_engine::prepare(&loaded.table, &loaded.schema, &settings.prepare, warnings);
    prepared.map_err(|error| told_columns(error, loaded))
}

/// The error, and the columns that there are if one was named that is not among them.
fn told_columns(error: EngineError, loaded: &Loaded) -> anyhow::Error {
    let known = loaded.table.names().map(str::to_owned).collect();
    match error {
        EngineError::ColumnUnknown { .. } => CliError::ColumnUnknown { error, known }.into(),
        error => error.into(),
    }
}

/// `task: binary classification of 'income' ('income' is a category with 2 levels), positive class '>50K', metric roc_auc`.
fn say_task(settings: &Settings, prepared: &Prepared, reporter: &Reporter) {
    let kind = prepared.dataset.task().kind();
    let title = if prepared.dataset.task().is_classification() {
        " classification"
    } else {
        ""
    };
    let metric = settings
        .fit
        .metric
        .unwrap_or_else(|| Metric::default_for(kind));
    let counts = match &settings.prepare.exposure {
        Some(column) => format!(", counted for each unit of '{column}'"),
        None => String::new(),
    };
    let (target, reason) = (&settings.prepare.target, &prepared.reason);
    let positive = prepared.dataset.task().positive_class();
    let positive = positive.map_or_else(String::new, |class| format!(", positive class '{class}'"));
    reporter.note(&format!(
        "task: {}{title} of '{target}' ({reason}){counts}{positive}, metric {metric}",
        kind.name()
    ));
}

fn warn_of_leaks(settings: &Settings, prepared: &Prepared, reporter: &Reporter) {
    let found = {
        let _spinner = reporter.spinner("looking for columns that give the target away".to_owned());
        warned::of_data(settings, &prepared.dataset)
    };
    for warning in found {
        reporter.warnings().push(warning);
    }
    reporter.show_warnings();
}

fn warn_of_score(
    settings: &Settings,
    prepared: &Prepared,
    (outcome, importance): (&FitOutcome, Option<&ColumnImportance>),
    reporter: &Reporter,
) {
    let about = (settings.prepare.target.as_str(), &prepared.dataset);
    let known = reporter.warnings().list();
    if let Some(warning) = warned::of_score(about, outcome, importance, &known) {
        reporter.warnings().push(warning);
    }
    reporter.show_warnings();
}

fn warn_of_time(loaded: &Loaded, prepared: &Prepared, reporter: &Reporter) {
    if let Some(warning) = time_order_warning(&loaded.table, &prepared.schema) {
        reporter.warnings().push(warning);
    }
    reporter.show_warnings();
}

fn search(
    settings: &Settings,
    prepared: &Prepared,
    reporter: &Reporter,
    events: &dyn Events,
    (interrupt, journal): (&Interrupt, &SearchJournal<'_>),
) -> anyhow::Result<FitOutcome> {
    let (past, journal) = (journal.past(None), journal.of(None));
    let run = search_run(
        prepared,
        reporter,
        events,
        interrupt.token(),
        (&journal, &past),
    );
    let outcome = automl_engine::fit(&prepared.dataset, &options(settings, prepared), &run)?;
    Ok(match &settings.prepare.exposure {
        Some(column) => outcome.exposed_to(column),
        None => outcome,
    })
}

/// What the caller decides, with what only the table tells.
fn options(settings: &Settings, prepared: &Prepared) -> FitOptions {
    FitOptions {
        costs: prepared.costs.clone(),
        ..settings.fit.clone()
    }
}

/// What surrounds a search.
fn search_run<'a>(
    prepared: &'a Prepared,
    reporter: &'a Reporter,
    events: &'a dyn Events,
    cancel: CancelToken,
    (journal, past): (&'a dyn automl_engine::Journal, &'a [JournalEntry]),
) -> FitRun<'a> {
    let name_of = |role| {
        let mut fields = prepared.schema.with_role(role);
        fields.next().map(|field| field.name.as_str())
    };
    FitRun {
        clock: reporter.clock(),
        cancel,
        memory_in_use: &memory::in_use,
        split_by: SplitBy {
            group: name_of(Role::Group),
            time: name_of(Role::Time),
        },
        journal,
        past,
        warnings: reporter.warnings(),
        events,
    }
}

/// The target as a name that the record takes.
fn model_name(target: &str) -> String {
    let is_taken = |letter: char| !"/:.%\"'".contains(letter);
    let name: String = target
        .chars()
        .filter(|&letter| is_taken(letter))
        .take(200)
        .collect();
    if name.trim().is_empty() {
        "model".to_owned()
    } else {
        name
    }
}

/// Two that hear of everything.
struct Both<'a>(&'a dyn Events, &'a dyn Events);

impl Events for Both<'_> {
    fn emit(&self, event: &Event) {
        self.0.emit(event);
        self.1.emit(event);
    }
}

/// A search that gave a model.
struct Finished<'a> {
    settings: &'a Settings,
    /// Where the model is written to.
    place: &'a Path,
    loaded: &'a Loaded,
    prepared: &'a Prepared,
    outcome: &'a FitOutcome,
    /// How much each column matters, if any part of the model can say.
    importance: Option<&'a ColumnImportance>,
    started_micros: i64,
    /// What the record knows the model by.
    record: Option<ModelId>,
}

impl Finished<'_> {
    /// What rows that the model has not seen cost on average, if costs decide.
    fn costs(&self) -> Option<CostScores> {
        let rows = &self.outcome.out_of_fold;
        let costs = self.prepared.costs.as_ref()?;
        let decision = Decision::Cheapest(costs.clone());
        let weight = rows.weight.as_deref();
        let compared = costs.compared(&rows.target, &rows.predictions, &decision, weight)?;
        Some(CostScores::of(compared, self.prepared.dataset.task()))
    }

    /// What only the end tells: the score, what each trial was given, and the model itself.
    fn record(&self, recorder: &Recorder<'_>) {
        let outcome = self.outcome;
        let cost = self.costs().map(|costs| (MEAN_COST, costs.mean));
        let score = (outcome.metric.name(), outcome.score);
        recorder.metrics(std::iter::once(score).chain(cost));
        for row in &outcome.leaderboard.rows {
            let Some(trial) = row.trial else { continue };
            let given =
                json!({ "learner": row.learner, "recipe": row.recipe, "params": row.params });
            recorder.trial(trial, &given);
        }
        let output = &self.settings.output;
        let name = model_name(&self.settings.prepare.target);
        recorder.makes_model(self.record.as_ref(), &name, output);
    }

    fn write(&self, reporter: &Reporter) -> anyhow::Result<()> {
        let manifest = self.manifest();
        let artifact = self.outcome.model.artifact();
        let files = self.files(&manifest, reporter)?;
        let contents = ModelContents {
            manifest,
            artifact,
            files,
        };
        Ok(write_model(self.place, &contents, self.settings.overwrite)?)
    }

    /// The options, with the time that this search had: of several targets each has a share.
    fn options(&self, course: &Course) -> FitOptions {
        FitOptions {
            time_limit: course.time_limit_seconds.map(Duration::from_secs_f64),
            ..options(self.settings, self.prepared)
        }
    }

    /// What was planned before the search began.
    fn plan(&self, options: &FitOptions) -> Option<Preview> {
        let plan = &self.outcome.plan;
        Preview::of(plan, &self.prepared.dataset, options, 0.0).ok()
    }

    fn manifest(&self) -> Manifest {
        let (dataset, outcome) = (&self.prepared.dataset, self.outcome);
        let task = dataset.task().clone();
        Manifest {
            created: rfc3339(self.started_micros),
            inputs: modeldir::signature(&self.prepared.schema),
            outputs: prediction_schema(&task),
            task,
            metric: outcome.metric.name().to_owned(),
            scores: [(outcome.metric.name().to_owned(), outcome.score)].into(),
            threshold: outcome.decision.threshold(),
            thresholds: outcome.decision.thresholds().cloned(),
            costs: self.prepared.costs.clone(),
            lineage: Lineage {
                data: self.settings.data.clone(),
                data_fingerprint: self.loaded.fingerprint.sha256.clone(),
                n_rows_read: self.loaded.table.n_rows() as u64,
                n_rows: dataset.n_rows() as u64,
                n_features: dataset.table().n_columns() as u64,
                config: self.settings.to_config(),
                seed: self.settings.fit.seed.0,
                git: record::git::state(),
                record: self.record.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                machine: Machine::this(self.settings.fit.threads),
            },
        }
    }

    fn files(
        &self,
        manifest: &Manifest,
        reporter: &Reporter,
    ) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let events = reporter.events();
        let outcome = self.outcome;
        let target = &self.settings.prepare.target;
        let course = Course::of(&events);
        let options = self.options(&course);
        let page = report::render(&Page {
            manifest,
            target,
            model: &self.settings.output,
            data: &Data::of(self.loaded, &self.prepared.schema, target, self.importance),
            plan: self.plan(&options).as_ref(),
            options: &options,
            learners: &outcome.plan.learners,
            course: &course,
            leaderboard: &outcome.leaderboard,
            metric: outcome.metric,
            score: outcome.score,
            distilled: outcome.distilled.as_ref(),
            costs: self.costs().as_ref(),
            nested: outcome.nested,
            n_started: outcome.n_started,
            out_of_fold: &outcome.out_of_fold,
            trials: &files::trial_points(&events),
            importance: self.importance,
            explanations: &outcome.explanations,
            next_command: &next_command(&self.settings.output),
            warnings: &reporter.warnings().list(),
            seconds: reporter.clock().seconds(),
            interrupted: outcome.interrupted,
        });
        let unix_seconds = self.started_micros as f64 / 1e6;
        let importance = self.importance.map(|importance| {
            let text = serde_json::to_vec_pretty(importance)?;
            anyhow::Ok((super::importance::FILE.to_owned(), text))
        });
        let mut files = vec![
            (
                super::leaderboard::FILE.to_owned(),
                serde_json::to_vec_pretty(&outcome.leaderboard)?,
            ),
            ("events.jsonl".to_owned(), files::events_jsonl(&events)),
            ("report.html".to_owned(), page.into_bytes()),
            files::tensorboard(&events, outcome.metric.name(), unix_seconds),
        ];
        files.extend(importance.transpose()?);
        if let Some(intervals) = &outcome.intervals {
            let text = serde_json::to_vec(intervals)?;
            files.push((crate::scoring::INTERVALS_FILE.to_owned(), text));
        }
        Ok(files)
    }
}

/// What to type when a model is there.
fn next_command(model: &Path) -> String {
    let quoted = text::shell_word(&model.display().to_string());
    format!("automl predict {quoted} DATA --output predictions.csv")
}
