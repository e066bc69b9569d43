//! What a training writes and says.

use super::learn::Forecasts;
use super::plan::CONFIG_FILE;
use super::{Done, Plan, Training};
use crate::commands::{Status, leaderboard};
use crate::console::{Console, Format, print_json, print_text};
use crate::forecasting;
use crate::modeldir;
use crate::progress::{Reporter, json_line};
use crate::record;
use crate::text::{self, Align};
use automl_core::{Artifact, ParamMap};
use automl_engine::{Leaderboard, LeaderboardRow};
use automl_neural::config::TrainConfig;
use automl_neural::network::LayerSummary;
use automl_neural::train::EpochRecord;
use automl_store::{
    Lineage, Machine, Manifest, ModelContents, ModelDir, ModelId, prediction_schema, rfc3339,
    write_model,
};
use serde_json::json;
use std::path::Path;

/// Lines of the table of layers at most; what is in the middle of longer ones is left out.
const MAX_LAYERS: usize = 24;

/// Shows the layers of the network, on stderr.
pub(super) fn show_layers(reporter: &Reporter, layers: &[LayerSummary]) {
    let heading = [
        ("layer", Align::Left),
        ("shapes", Align::Left),
        ("parameters", Align::Right),
        ("operations a row", Align::Right),
    ];
    let row = |layer: &LayerSummary| {
        vec![
            layer.name.clone(),
            text::clip(&layer.shapes, 40),
            text::count(layer.n_parameters),
            text::count(layer.flops),
        ]
    };
    let mut rows: Vec<Vec<String>> = layers.iter().map(row).collect();
    if rows.len() > MAX_LAYERS {
        let n_left_out = rows.len() - MAX_LAYERS;
        let words = format!("… {n_left_out} more");
        let middle = MAX_LAYERS / 2..MAX_LAYERS / 2 + n_left_out;
        rows.splice(
            middle,
            [vec![words, String::new(), String::new(), String::new()]],
        );
    }
    let total = |of: fn(&LayerSummary) -> u64| text::count(layers.iter().map(of).sum());
    rows.push(vec![
        "in all".into(),
        String::new(),
        total(|layer| layer.n_parameters),
        total(|layer| layer.flops),
    ]);
    reporter.note(text::table(&heading, &rows).trim_end());
}

/// The epoch that the model is of.
fn best(done: &Done) -> Option<&EpochRecord> {
    done.history
        .iter()
        .find(|record| record.epoch == done.best_epoch)
}

/// What is told of a training that is to be gone on with, and has come to its end before.
pub(super) fn print_ended(output: &Path, console: Console) -> anyhow::Result<Status> {
    if console.format() == Format::Json {
        let model = ModelDir::open(output)?;
        let manifest = model.manifest();
        print_json(&json!({
            "model": output,
            "has_ended_before": true,
            "metric": manifest.metric,
            "scores": manifest.scores,
        }))?;
    } else {
        let output = output.display();
        print_text(&format!(
            "the training has ended already; its model is {output}\n"
        ))?;
    }
    Ok(Status::Done)
}

/// Writes the model directory, and keeps it in the record.
pub(super) fn write(
    training: &Training<'_>,
    (artifact, config): (Artifact, &TrainConfig),
    done: &Done,
    tensorboard: (String, Vec<u8>),
) -> anyhow::Result<()> {
    let plan = training.plan;
    let id = training.recorder.new_model();
    let mut events = String::new();
    for event in training.reporter.events() {
        events.push_str(&json_line(&event));
        events.push('\n');
    }
    let leaderboard = leaderboard_of(plan, done, training.reporter.clock().seconds());
    let contents = ModelContents {
        manifest: Manifest {
            lineage: Lineage {
                config: config.to_value(),
                ..lineage(plan, id.clone(), training.threads.count())
            },
            ..manifest(plan, done)
        },
        artifact,
        files: vec![
            (
                leaderboard::FILE.to_owned(),
                serde_json::to_vec_pretty(&leaderboard)?,
            ),
            ("events.jsonl".to_owned(), events.into_bytes()),
            (CONFIG_FILE.to_owned(), config.to_yaml().into_bytes()),
            tensorboard,
        ],
    };
    write_model(&plan.args.output, &contents, plan.overwrite())?;
    if let Some(record) = best(done) {
        let scores = record.scores.iter();
        let scores: Vec<(String, f64)> = scores
            .map(|(name, value)| (format!("best_{name}"), *value))
            .collect();
        training
            .recorder
            .metrics(scores.iter().map(|(name, value)| (name.as_str(), *value)));
    }
    training
        .recorder
        .makes_model(id.as_ref(), &plan.material.target(), &plan.args.output);
    Ok(())
}

fn manifest(plan: &Plan, done: &Done) -> Manifest {
    let material = &plan.material;
    let task = material.task().clone();
    let scores = best(done)
        .map(|record| record.scores.clone())
        .unwrap_or_default();
    Manifest {
        created: rfc3339(plan.started_micros),
        inputs: modeldir::signature(material.schema()),
        outputs: prediction_schema(&task),
        task,
        metric: plan.metric.name().to_owned(),
        scores: scores.into_iter().collect(),
        threshold: None,
        thresholds: None,
        costs: None,
        lineage: Lineage::default(),
    }
}

/// Where the model is from, without its configuration.
fn lineage(plan: &Plan, id: Option<ModelId>, n_threads: usize) -> Lineage {
    let material = &plan.material;
    Lineage {
        data: plan.config.data.path.clone(),
        data_fingerprint: plan.fingerprint.clone(),
        n_rows_read: plan.n_rows_read,
        n_rows: material.n_rows()[0] as u64,
        n_features: material.n_features() as u64,
        config: serde_json::Value::Null,
        seed: plan.config.trainer.seed,
        git: record::git::state(),
        record: id,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: Machine::this(n_threads),
    }
}

fn leaderboard_of(plan: &Plan, done: &Done, seconds: f64) -> Leaderboard {
    let scores = best(done)
        .map(|record| record.scores.clone())
        .unwrap_or_default();
    let row = |(_, score): &(String, f64)| LeaderboardRow {
        rank: 1,
        name: plan.config.model.name().replace('_', " "),
        learner: plan.config.model.name().to_owned(),
        trial: None,
        score: *score,
        mean_cost: None,
        fold_scores: vec![*score],
        fit_seconds: seconds,
        weight: 1.0,
        recipe: plan.recipe().into(),
        params: ParamMap::new(),
        learned: ParamMap::new(),
        is_partial: done.is_partial,
    };
    Leaderboard {
        metric: plan.metric.name().to_owned(),
        higher_is_better: plan.metric.higher_is_better(),
        validation: format!(
            "{} rows held out",
            text::count(plan.material.n_rows()[1] as u64)
        ),
        rows: scores.first().map(row).into_iter().collect(),
    }
}

/// Prints what came of it.
pub(super) fn print(
    plan: &Plan,
    done: &Done,
    run_id: Option<&str>,
    reporter: &Reporter,
    console: Console,
) -> anyhow::Result<()> {
    let seconds = reporter.clock().seconds();
    if console.format() == Format::Json {
        return print_json(&json!({
            "model": plan.args.output,
            "run_id": run_id,
            "target": plan.material.target(),
            "task": plan.material.task(),
            "metric": plan.metric,
            "scores": best(done).map(|record| &record.scores),
            "forecasts": done.forecasts,
            "best_epoch": done.best_epoch,
            "n_epochs": done.history.len(),
            "n_steps": done.n_steps,
            "interrupted": done.is_partial,
            "seconds": seconds,
            "history": done.history,
            "warnings": reporter.warnings().list(),
        }));
    }
    let scores = best(done)
        .map(|record| record.scores.as_slice())
        .unwrap_or_default();
    let scores: Vec<String> = scores
        .iter()
        .map(|(name, value)| format!("{name} {}", text::score(*value)))
        .collect();
    let scores = if scores.is_empty() {
        "no rows were held out to score on".to_owned()
    } else {
        scores.join(", ")
    };
    let stopped = if done.is_partial {
        ", stopped by you"
    } else {
        ""
    };
    let go_on = if done.is_partial {
        "more    the same command with --resume goes on where it was stopped\n"
    } else {
        ""
    };
    let output = plan.args.output.display().to_string();
    let run = run_id.map_or_else(String::new, |id| {
        format!("run     {id}, shown by automl serve\n")
    });
    let forecasts = done.forecasts.as_ref().map(forecasts_text);
    Ok(print_text(&format!(
        "score   {scores}, epoch {} of {} in {}{stopped}\n{}model   {output}\npredict automl predict {} DATA --output predictions.csv\n{go_on}{run}",
        done.best_epoch,
        done.history.len(),
        text::seconds(seconds),
        forecasts.unwrap_or_default(),
        text::shell_word(&output),
    ))?)
}

/// How good forecasts are, of scaled values, and by series in units of the data.
fn forecasts_text(forecasts: &Forecasts) -> String {
    let parts = [
        ("watched", &forecasts.validation),
        ("test", &forecasts.test),
    ];
    let lines = parts.iter().filter_map(|(name, scores)| {
        let line = forecasting::scores_line(scores.as_ref()?);
        Some(format!("{name:7} {line}\n"))
    });
    let last = forecasts.test.as_ref().or(forecasts.validation.as_ref());
    lines.collect::<String>() + &last.map(forecasting::series_table).unwrap_or_default()
}
