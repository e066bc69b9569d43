//! One model of the models of all targets: its manifest, its report, and what is said of it at the end.

use super::super::next_command;
use super::result::{self, TargetResult};
use super::{Begun, path_of};
use crate::console::{Format, print_json, print_text};
use crate::modeldir;
use crate::record::{self, Recorder};
use crate::report::{self, TargetRow, TargetsPage};
use crate::text;
use automl_core::{Field, Role, Schema, TargetTask, Task};
use automl_engine::TargetPlace;
use automl_store::{
    Lineage, Machine, Manifest, ModelContents, ModelId, ModelPart, prediction_schema, rfc3339,
    write_model_of,
};
use serde_json::{Value, json};

/// All targets are done.
pub(super) struct Whole<'a> {
    pub(super) begun: &'a Begun,
    pub(super) targets: &'a [String],
    pub(super) results: &'a [TargetResult],
    /// What the record knows the model by.
    pub(super) record: Option<ModelId>,
}

impl Whole<'_> {
    /// Writes the model directory, with those of all targets below it.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        let place = |result: &TargetResult| TargetPlace {
            target: result.target.clone(),
            path: result.path.clone(),
        };
        let places: Vec<TargetPlace> = self.results.iter().map(place).collect();
        let part = |result: &TargetResult| ModelPart {
            path: result.path.clone(),
            from: result.place.clone(),
        };
        let parts: Vec<ModelPart> = self.results.iter().map(part).collect();
        let manifest = self.manifest();
        let page = report::render_targets(&self.page(&manifest));
        let contents = ModelContents {
            manifest,
            artifact: TargetPlace::artifact(&places),
            files: vec![("report.html".to_owned(), page.into_bytes())],
        };
        let settings = &self.begun.settings;
        Ok(write_model_of(
            &settings.output,
            &contents,
            &parts,
            settings.overwrite,
        )?)
    }

    fn manifest(&self) -> Manifest {
        let Begun {
            settings, loaded, ..
        } = self.begun;
        let task = self.task();
        let inputs = self.inputs();
        let rows = self.results.iter().map(|one| one.manifest.lineage.n_rows);
        Manifest {
            created: rfc3339(self.begun.started_micros),
            outputs: prediction_schema(&task),
            task,
            // Each target has its own.
            metric: String::new(),
            scores: result::scores(self.results).into_iter().collect(),
            threshold: None,
            thresholds: None,
            costs: None,
            lineage: Lineage {
                data: settings.data.clone(),
                data_fingerprint: loaded.fingerprint.sha256.clone(),
                n_rows_read: loaded.table.n_rows() as u64,
                n_rows: rows.max().unwrap_or_default(),
                n_features: inputs.with_role(Role::Feature).count() as u64,
                config: settings.to_config(),
                seed: settings.fit.seed.0,
                git: record::git::state(),
                record: self.record.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                machine: Machine::this(settings.fit.threads),
            },
            inputs: modeldir::signature(&inputs),
        }
    }

    fn task(&self) -> Task {
        let target = |result: &TargetResult| TargetTask {
            target: result.target.clone(),
            task: result.manifest.task.clone(),
        };
        Task::MultiOutput {
            targets: self.results.iter().map(target).collect(),
        }
    }

    /// All columns: targets as their own models have them, and what any of these reads.
    fn inputs(&self) -> Schema {
        let manifests = || self.results.iter().map(|result| &result.manifest.inputs);
        let mut inputs = manifests().next().cloned().unwrap_or_default();
        for field in &mut inputs.fields {
            let told = |role: Role| {
                let mut others = manifests().filter_map(|other| other.field(&field.name));
                others.find(|other| other.role == role)
            };
            let wanted: Option<&Field> = told(Role::Target).or_else(|| told(Role::Feature));
            if let Some(wanted) = wanted {
                *field = wanted.clone();
            }
        }
        inputs
    }

    fn page<'p>(&'p self, manifest: &'p Manifest) -> TargetsPage<'p> {
        let reporter = &self.begun.reporter;
        let row = |result: &'p TargetResult| TargetRow {
            target: &result.target,
            path: &result.path,
            manifest: &result.manifest,
            task: result::task_in_words(&result.manifest.task),
            score: result.score,
            n_trials: result.n_trials,
            n_started: result.n_started,
            seconds: result.seconds,
        };
        TargetsPage {
            manifest,
            rows: self.results.iter().map(row).collect(),
            next_command: next_command(&self.begun.settings.output),
            warnings: reporter.warnings().list(),
            seconds: reporter.clock().seconds(),
        }
    }

    /// What only the end tells.
    pub(super) fn record(&self, recorder: &Recorder<'_>) {
        let scores = result::scores(self.results);
        recorder.metrics(scores.iter().map(|(name, score)| (name.as_str(), *score)));
        let name = super::super::model_name(&self.targets.join("-"));
        let output = &self.begun.settings.output;
        recorder.makes_model(self.record.as_ref(), &name, output);
    }

    pub(super) fn print(&self, run_id: Option<&str>) -> anyhow::Result<()> {
        let Begun {
            settings,
            reporter,
            console,
            ..
        } = self.begun;
        let seconds = reporter.clock().seconds();
        let interrupted = self.results.iter().any(|result| result.interrupted);
        match console.format() {
            Format::Json => {
                let results: Vec<Value> = self.results.iter().map(TargetResult::to_json).collect();
                print_json(&json!({
                    "model": settings.output,
                    "run_id": run_id,
                    "task": self.task().kind().name(),
                    "targets": results,
                    "interrupted": interrupted,
                    "seconds": seconds,
                    "warnings": reporter.warnings().list(),
                }))
            }
            Format::Text => {
                let stopped = if interrupted { ", stopped by you" } else { "" };
                let output = &settings.output;
                let first = output.join(path_of(self.targets, 0));
                let run = run_id.map_or_else(String::new, |run_id| {
                    format!("run     {run_id}, shown by automl serve\n")
                });
                Ok(print_text(&format!(
                    "{}\nscores of rows that the models had not seen; `automl leaderboard {}` and the like show one target\n\n{} in {}{stopped}\nmodel   {}\nreport  {}\npredict {}\n{run}",
                    result::table(self.results),
                    text::shell_word(&first.display().to_string()),
                    text::counted(self.results.len() as u64, "target"),
                    text::seconds(seconds),
                    output.display(),
                    output.join("report.html").display(),
                    next_command(output),
                ))?)
            }
        }
    }
}
