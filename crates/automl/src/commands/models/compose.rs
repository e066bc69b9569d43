//! `automl models compose`: versions of registered models as one, by a file that says which and how.

use super::super::record::Record;
use super::{key, register};
use crate::cli::{AskArgs, ComposeArgs, RegisterArgs};
use crate::console::{Console, Format, print_text};
use crate::errors::{CliError, RecordError};
use crate::modeldir::{self, COMPOSED_OF, LoadedModel};
use crate::progress::Reporter;
use crate::record::{Detail, Recorder};
use anyhow::Context as _;
use automl_core::{Clock, Decision, Field, Kind, Model as _, Role, Schema};
use automl_data::ReadOptions;
use automl_engine::{Composed, PipelineStep, StepModel, compose};
use automl_store::endpoints::{self, EndpointError, digest_of};
use automl_store::registry::files;
use automl_store::spool::Status as RunStatus;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::{Manifest, ModelContents, ModelId, Overwrite, write_model};
use file::{PipelineFile, StepFile, Weighed};
use serde_json::{Value, json};
use std::sync::Arc;

mod file;
#[cfg(test)]
mod tests;

pub(super) fn run(args: ComposeArgs, console: Console) -> anyhow::Result<()> {
    let place = args.file.display().to_string();
    let (text, file) = PipelineFile::read(&args.file)?;
    let reporter = Reporter::new(console, Clock::start());
    let record = Record::open(&args.record.workspace)?;
    let mut parts = Parts::default();
    let mut steps = Vec::with_capacity(file.steps.len());
    for step in file.steps {
        let context = format!("step '{}'", step.name);
        steps.push(parts.take(&record, step).context(context)?);
    }
    drop(record);
    let composed = compose(steps)?;
    let decision = match file.threshold {
        None => composed.decision.clone(),
        Some(_) if composed.model.task().n_classes() != 2 => {
            let task = composed.model.task().kind().name();
            return Err(CliError::ThresholdTask { task }.into());
        }
        Some(threshold) => Decision::Above(threshold),
    };
    let inputs = parts.inputs(&composed)?;
    let recorder = Recorder::begin(&args.record, "compose", Detail::Brief, &reporter);
    for id in &parts.model_ids {
        recorder.reads_model(Some(&ModelId {
            run_id: String::new(),
            model_id: id.clone(),
        }));
    }
    let id = recorder.new_model();
    let manifest = Manifest {
        threshold: decision.threshold(),
        thresholds: decision.thresholds().cloned(),
        ..manifest(&composed, &inputs, &parts, (&place, &text), id.clone())
    };
    recorder.settings(&json!({ "pipeline": manifest.lineage.config[COMPOSED_OF] }));
    let told = told(&manifest);
    let scratch = tempfile::tempdir().context("cannot make a temporary directory")?;
    let directory = scratch.path().join("model");
    let contents = ModelContents {
        manifest,
        artifact: composed.model.artifact(),
        files: vec![("pipeline.yaml".to_owned(), text.into_bytes())],
    };
    write_model(&directory, &contents, Overwrite::Refuse)?;
    recorder.makes_model(id.as_ref(), &args.name, &directory);
    let is_recorded = recorder.end(RunStatus::Finished).is_some();
    if console.format() == Format::Text {
        print_text(&told)?;
    }
    let model = match id.filter(|_| is_recorded) {
        Some(id) => id.model_id,
        None => directory.display().to_string(),
    };
    let register = RegisterArgs {
        name: args.name,
        model,
        alias: args.alias,
        description: args.description,
        require_approval: false,
        allow_signature_change: args.allow_signature_change,
        ask: AskArgs {
            workspace: args.record.workspace,
            format: args.format,
        },
    };
    register::run(register, console)
}

/// What the models of a pipeline say of themselves, gathered.
#[derive(Default)]
struct Parts {
    /// For the manifest: steps with their versions.
    said: Vec<Value>,
    /// By which the record knows the models.
    model_ids: Vec<String>,
    /// Cells that read as missing, and whose they are.
    missing: Vec<(String, String)>,
    /// Words that some model knows: column, word and model.
    words: Vec<(String, String, String)>,
    /// Columns that some model reads as numbers, and the model with its marks.
    numbers: Vec<(String, String, Vec<String>)>,
    /// Columns that some model was fitted beside, and passes over.
    passed_over: Vec<Field>,
    /// What the last model predicts.
    target: Option<Field>,
    renames_duplicates: bool,
    /// How a model reads images, if one does.
    images: Option<Value>,
}

impl Parts {
    /// The models of a step, read.
    fn take(&mut self, record: &Record, step: StepFile) -> anyhow::Result<PipelineStep> {
        let (together, wanted) = step.models()?;
        let mut models = Vec::with_capacity(wanted.len());
        let mut said = Vec::with_capacity(wanted.len());
        self.target = None;
        for Weighed { model, weight } in wanted {
            let (read, about) = self.read(record, &model, weight)?;
            models.push(read);
            said.push(about);
        }
        self.said.push(json!({
            "step": step.name,
            "by": together,
            "models": said,
            "adds": step.adds,
        }));
        Ok(PipelineStep {
            name: step.name,
            together,
            models,
            adds: step.adds,
        })
    }

    /// The model of a reference, with the version that it means now.
    fn read(
        &mut self,
        record: &Record,
        reference: &str,
        weight: f64,
    ) -> anyhow::Result<(StepModel, Value)> {
        let version = {
            let reference = reference.to_owned();
            let found = record
                .database()
                .read(move |sql| endpoints::resolve(sql, DEFAULT_WORKSPACE, &reference));
            let found: Result<_, EndpointError> = found.wait();
            found?.version
        };
        let name = key(&version);
        let digest = digest_of(record.artifacts(), &version)?;
        let files = files::local(record.artifacts(), &version)?;
        let loaded = LoadedModel::read(files.as_ref()).with_context(|| name.clone())?;
        self.model_ids.extend(version.model_id);
        let inputs = &loaded.manifest.inputs;
        let features: Vec<Field> = inputs.with_role(Role::Feature).cloned().collect();
        if self.target.is_none() {
            self.target = inputs.with_role(Role::Target).next().cloned();
        }
        // Where none is said, the usual ones hold.
        let usual = ReadOptions::default().missing;
        let marks = if inputs.missing.is_empty() {
            &usual
        } else {
            &inputs.missing
        };
        for mark in marks {
            if !self.missing.iter().any(|(known, _)| known == mark) {
                self.missing.push((mark.clone(), name.clone()));
            }
        }
        if let Some(number) = features.iter().find(|field| field.kind == Kind::Number) {
            self.numbers
                .push((number.name.clone(), name.clone(), marks.clone()));
        }
        let is_beside = |field: &&Field| !matches!(field.role, Role::Feature | Role::Target);
        let beside = inputs.fields.iter().filter(is_beside);
        self.passed_over.extend(beside.cloned());
        for field in &features {
            let levels = field.levels.iter();
            self.words
                .extend(levels.map(|level| (field.name.clone(), level.clone(), name.clone())));
        }
        self.renames_duplicates |= loaded.renames_duplicates();
        if loaded.reads_images() {
            self.images = Some(loaded.manifest.lineage.config["images"].clone());
        }
        let about = json!({ "version": name, "sha256": digest, "weight": weight });
        let model = StepModel {
            name,
            weight,
            decision: loaded.manifest.decision(),
            has_costs: loaded.manifest.costs.is_some(),
            features,
            model: Arc::new(loaded.model),
        };
        Ok((model, about))
    }

    /// Refuses a mark of one model that another knows as a word, or would read as a number.
    fn check_marks(&self) -> Result<(), RecordError> {
        for (mark, whose) in &self.missing {
            let (mark, whose) = (mark.trim(), whose.clone());
            let known = |(_, word, _): &&(String, String, String)| word.trim() == mark;
            if let Some((column, _, model)) = self.words.iter().find(known) {
                return Err(RecordError::PipelineMark {
                    mark: mark.to_owned(),
                    whose,
                    model: model.clone(),
                    column: column.clone(),
                });
            }
            let is_number = mark.parse::<f64>().is_ok_and(f64::is_finite);
            let lacks = |marks: &[String]| !marks.iter().any(|known| known.trim() == mark);
            let odd = self.numbers.iter().find(|(_, _, marks)| lacks(marks));
            if let Some((column, model, _)) = odd.filter(|_| is_number) {
                return Err(RecordError::PipelineNumber {
                    mark: mark.to_owned(),
                    whose,
                    model: model.clone(),
                    column: column.clone(),
                });
            }
        }
        Ok(())
    }

    /// The columns of the pipeline, with what it predicts.
    ///
    /// # Errors
    /// It would read what it predicts, or one model takes a word or a number as missing that another knows.
    fn inputs(&self, composed: &Composed) -> Result<Schema, RecordError> {
        let of_task = || Field::target("target".to_owned(), composed.model.task());
        let target = self.target.clone().unwrap_or_else(of_task);
        let mut fields = composed.features.clone();
        if fields.iter().any(|field| field.name == target.name) {
            let column = target.name;
            return Err(RecordError::PipelineTarget { column });
        }
        self.check_marks()?;
        for field in &self.passed_over {
            let is_known = |known: &Field| known.name == field.name;
            if !fields.iter().any(is_known) && field.name != target.name {
                fields.push(Field {
                    role: Role::Ignored,
                    ..field.clone()
                });
            }
        }
        fields.push(target);
        Ok(Schema {
            fields,
            missing: self.missing.iter().map(|(mark, _)| mark.clone()).collect(),
        })
    }
}

/// The manifest of a pipeline.
fn manifest(
    composed: &Composed,
    inputs: &Schema,
    parts: &Parts,
    (place, text): (&str, &str),
    record: Option<ModelId>,
) -> Manifest {
    let task = composed.model.task().clone();
    let mut config = json!({ COMPOSED_OF: parts.said });
    if parts.renames_duplicates {
        config["read"] = json!({ "rename_duplicates": true });
    }
    if let Some(images) = &parts.images {
        config["images"] = images.clone();
    }
    let mut manifest = modeldir::not_learned(inputs, task, (place, text.as_bytes()), config);
    manifest.lineage.record = record;
    manifest
}

/// The steps with their versions, and the columns, in lines.
fn told(manifest: &Manifest) -> String {
    let mut told = Vec::new();
    let steps = manifest.lineage.config[COMPOSED_OF].as_array();
    for step in steps.into_iter().flatten() {
        let models = step["models"].as_array().into_iter().flatten();
        let models: Vec<&str> = models
            .filter_map(|model| model["version"].as_str())
            .collect();
        let by = match step["by"].as_str() {
            Some("mean") => "mean of ",
            Some("vote") => "vote of ",
            _ => "",
        };
        let name = step["step"].as_str().unwrap_or_default();
        told.push(format!("step    {name}: {by}{}\n", models.join(", ")));
    }
    let features = manifest.inputs.with_role(Role::Feature);
    let features: Vec<&str> = features.map(|field| field.name.as_str()).collect();
    told.push(format!("columns {}\n", super::import::first_few(&features)));
    let target = manifest.inputs.with_role(Role::Target).next();
    let target = target.map_or("", |field| field.name.as_str());
    let predicted = super::import::predicted(&manifest.task);
    told.push(format!("target  {target}, {predicted}\n"));
    told.concat()
}
