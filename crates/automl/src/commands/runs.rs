//! `automl runs`: what was recorded.

mod table;

use super::record::{Record, maybe_time};
use super::{Status, events};
use crate::cli::{RunsCompareArgs, RunsListArgs, RunsShowArgs, RunsVerb};
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::RecordError;
use crate::record::STOPPED_TAG;
use crate::text::{self, Align};
use automl_store::db::Sql;
use automl_store::filter::parse;
use automl_store::lineage;
use automl_store::spool::{ERROR_CODE_TAG, ERROR_MESSAGE_TAG};
use automl_store::tracking::experiments::{self, DEFAULT_WORKSPACE};
use automl_store::tracking::search::{Run, Search, search, whole};
use automl_store::tracking::{KeyValue, Stage, TrackingError, View, runs};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Experiments whose runs are listed together, those made last first.
const N_EXPERIMENTS: usize = 10_000;
/// Characters of a run's id that a list shows.
const ID_DIGITS: usize = 8;
/// Characters of a value in a table.
const VALUE_WIDTH: usize = 60;

pub(super) fn run(verb: RunsVerb, console: Console) -> anyhow::Result<Status> {
    match verb {
        RunsVerb::List(args) => list(args, console)?,
        RunsVerb::Show(args) => show(&args, console)?,
        RunsVerb::Compare(args) => compare(&args, console)?,
        RunsVerb::ImportEvents(args) => return events::import(&args, console),
    }
    Ok(Status::Done)
}

fn list(args: RunsListArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let found = record.read(move |sql| {
        let ids = match &args.experiment {
            Some(name) => vec![experiment(sql, name)?],
            None => all_experiments(sql)?,
        };
        let typed = args.filter.filter(|filter| !filter.trim().is_empty());
        // By itself first, so that an error shows what was typed; its places are the same in the whole, where it comes first.
        parse(typed.as_deref().unwrap_or_default())?;
        let mut clauses: Vec<String> = typed.into_iter().collect();
        if !args.all {
            clauses.push("tags.`mlflow.parentRunId` IS NULL".to_owned());
        }
        let wanted = Search {
            experiment_ids: ids,
            view: View::ActiveOnly,
            filter: clauses.join(" AND "),
            order_by: args.sort.into_iter().collect(),
            n_max: args.limit as usize,
            page_token: None,
        };
        search(sql, DEFAULT_WORKSPACE, &wanted)
    })?;
    let runs = &found.items;
    match console.format() {
        Format::Json => print_json(&runs.iter().map(to_json).collect::<Vec<_>>())?,
        Format::Text if runs.is_empty() => print_text("no runs\n")?,
        Format::Text => {
            print_text(&table::of(runs))?;
            if found.next.is_some() {
                print_text("… and more; --limit shows them\n")?;
            }
        }
    }
    Ok(())
}

fn experiment(sql: &mut dyn Sql, name: &str) -> Result<i64, TrackingError> {
    let found = experiments::by_name(sql, DEFAULT_WORKSPACE, name)?;
    let found =
        found.ok_or_else(|| TrackingError::Absent(format!("There is no experiment '{name}'")))?;
    if found.stage == Stage::Deleted.name() {
        return Err(TrackingError::Absent(format!(
            "Experiment '{name}' is deleted; MlflowClient().restore_experiment(\"{}\") restores it with its runs",
            found.id
        )));
    }
    Ok(found.id)
}

fn all_experiments(sql: &mut dyn Sql) -> Result<Vec<i64>, TrackingError> {
    let everything = experiments::Search {
        view: View::ActiveOnly,
        filter: String::new(),
        order_by: Vec::new(),
        n_max: N_EXPERIMENTS,
        page_token: None,
    };
    let found = experiments::search(sql, DEFAULT_WORKSPACE, &everything)?;
    Ok(found.items.iter().map(|experiment| experiment.id).collect())
}

fn value_of<'a>(pairs: &'a [KeyValue], key: &str) -> &'a str {
    let found = pairs.iter().find(|pair| pair.key == key);
    found.map_or("", |pair| &pair.value)
}

/// Why it failed: the code and what was said.
fn error_of(run: &Run) -> String {
    let (code, message) = (
        value_of(&run.tags, ERROR_CODE_TAG),
        value_of(&run.tags, ERROR_MESSAGE_TAG),
    );
    match code {
        "" => message.to_owned(),
        code => format!("{code}: {message}"),
    }
}

/// How it ended; MLflow has one word for what was stopped and what was killed.
fn status_of(run: &Run) -> String {
    match value_of(&run.tags, STOPPED_TAG) {
        "" => run.info.status.to_lowercase(),
        _ => "stopped".to_owned(),
    }
}

fn took(run: &Run) -> String {
    match (run.info.start_ms, run.info.end_ms) {
        (Some(start), Some(end)) => text::seconds((end - start) as f64 / 1000.0),
        _ => String::new(),
    }
}

/// Tags that the record itself needs, which people need not see.
fn is_plain(tag: &KeyValue) -> bool {
    let is_told = [runs::NAME_TAG, ERROR_CODE_TAG, ERROR_MESSAGE_TAG].contains(&tag.key.as_str());
    !tag.key.starts_with("mlflow.log-model") && !is_told
}

fn to_json(run: &Run) -> Value {
    let texts = |pairs: &[KeyValue]| -> Map<String, Value> {
        let pairs = pairs.iter();
        pairs
            .map(|pair| (pair.key.clone(), pair.value.clone().into()))
            .collect()
    };
    let metrics = run.metrics.iter();
    let metrics: Map<String, Value> = metrics
        .map(|metric| (metric.key.clone(), json!(metric.value)))
        .collect();
    let datasets = run.datasets.iter();
    let datasets: Vec<Value> = datasets
        .map(|input| {
            json!({
                "name": input.dataset.name,
                "digest": input.dataset.digest,
                "source": input.dataset.source,
                "context": value_of(&input.tags, "mlflow.data.context"),
            })
        })
        .collect();
    json!({
        "run_id": run.info.id,
        "name": run.info.name,
        "experiment_id": run.info.experiment_id,
        "user": run.info.user_id,
        "status": run.info.status,
        "start_ms": run.info.start_ms,
        "end_ms": run.info.end_ms,
        "artifact_uri": run.info.artifact_uri,
        "params": texts(&run.params),
        "metrics": metrics,
        "tags": texts(&run.tags),
        "datasets": datasets,
        "models_read": run.model_inputs.iter().map(|link| &link.model_id).collect::<Vec<_>>(),
        "models_made": run.model_outputs.iter().map(|link| &link.model_id).collect::<Vec<_>>(),
    })
}

/// The runs of ids, of their first digits, or of names.
fn find(record: &Record, ids: &[String]) -> anyhow::Result<Vec<Run>> {
    let ids = ids.to_vec();
    record.read(move |sql| {
        let mut infos = Vec::new();
        for id in &ids {
            let known = lineage::run(sql, DEFAULT_WORKSPACE, id)?;
            let id = known.as_deref().unwrap_or(id);
            infos.push(runs::get(sql, DEFAULT_WORKSPACE, id)?);
        }
        whole(sql, infos)
    })
}

fn show(args: &RunsShowArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    for run in find(&record, std::slice::from_ref(&args.run))? {
        match console.format() {
            Format::Json => print_json(&to_json(&run))?,
            Format::Text => print_text(&shown(&run))?,
        }
    }
    Ok(())
}

fn shown(run: &Run) -> String {
    let mut rows = vec![
        ("run", run.info.id.clone()),
        ("name", run.info.name.clone()),
        ("status", status_of(run)),
        ("error", error_of(run)),
        ("user", run.info.user_id.clone()),
        ("started", maybe_time(run.info.start_ms)),
        ("took", took(run)),
    ];
    for input in &run.datasets {
        let context = value_of(&input.tags, "mlflow.data.context");
        rows.push((
            "read",
            format!(
                "{} for {context}, digest {}",
                input.dataset.name, input.dataset.digest
            ),
        ));
    }
    rows.extend(
        run.model_inputs
            .iter()
            .map(|link| ("read", link.model_id.clone())),
    );
    rows.extend(
        run.model_outputs
            .iter()
            .map(|link| ("made", link.model_id.clone())),
    );
    let head = text::facts(&rows);
    let pairs = |title: &str, pairs: Vec<Vec<String>>| {
        if pairs.is_empty() {
            return String::new();
        }
        format!(
            "\n{}",
            text::table(&[(title, Align::Left), ("", Align::Left)], &pairs)
        )
    };
    let metrics = run
        .metrics
        .iter()
        .map(|metric| vec![metric.key.clone(), table::number(&metric.key, metric.value)]);
    let texts = |pairs: &mut dyn Iterator<Item = &KeyValue>| -> Vec<Vec<String>> {
        pairs
            .map(|pair| vec![pair.key.clone(), text::clip(&pair.value, VALUE_WIDTH)])
            .collect()
    };
    format!(
        "{head}{}{}{}",
        pairs("metric", metrics.collect()),
        pairs("param", texts(&mut run.params.iter())),
        pairs(
            "tag",
            texts(&mut run.tags.iter().filter(|tag| is_plain(tag)))
        ),
    )
}

fn compare(args: &RunsCompareArgs, console: Console) -> anyhow::Result<()> {
    if args.runs.len() < 2 {
        return Err(RecordError::CompareOne.into());
    }
    let record = Record::open(&args.ask.workspace)?;
    let found = find(&record, &args.runs)?;
    if console.format() == Format::Json {
        return print_json(&found.iter().map(to_json).collect::<Vec<_>>());
    }
    let ids: Vec<String> = found
        .iter()
        .map(|run| run.info.id.chars().take(ID_DIGITS).collect())
        .collect();
    let mut heading = vec![("", Align::Left)];
    heading.extend(ids.iter().map(|id| (id.as_str(), Align::Right)));
    let each = |name: &str, value: &dyn Fn(&Run) -> String| {
        let mut row = vec![name.to_owned()];
        row.extend(found.iter().map(value));
        row
    };
    let mut rows = vec![
        each("name", &|run| run.info.name.clone()),
        each("status", &status_of),
        each("took", &took),
    ];
    let keys = |of: &dyn Fn(&Run) -> Vec<String>| -> BTreeSet<String> {
        found.iter().flat_map(of).collect()
    };
    for key in keys(&|run| {
        run.metrics
            .iter()
            .map(|metric| metric.key.clone())
            .collect()
    }) {
        rows.push(each(&key, &|run| table::metric_text(run, &key)));
    }
    let mut n_same = 0;
    for key in keys(&|run| run.params.iter().map(|param| param.key.clone()).collect()) {
        let row = each(&key, &|run| {
            text::clip(value_of(&run.params, &key), VALUE_WIDTH)
        });
        if !args.all && row[1..].windows(2).all(|pair| pair[0] == pair[1]) {
            n_same += 1;
        } else {
            rows.push(row);
        }
    }
    print_text(&text::table(&heading, &rows))?;
    if n_same > 0 {
        print_text(&format!(
            "{} the same in all; --all shows them\n",
            text::counted(n_same, "param")
        ))?;
    }
    Ok(())
}
