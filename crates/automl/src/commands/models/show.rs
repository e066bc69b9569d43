//! What is registered, and its files.

use super::super::record::{Record, time};
use super::{find, key, manifest_of};
use crate::cli::{ExportArgs, ModelsListArgs, ModelsShowArgs};
use crate::console::{Console, Format, print_json, print_text};
use crate::text::{self, Align};
use automl_core::Role;
use automl_store::db::Sql;
use automl_store::registry::approvals::{self, Decision, State};
use automl_store::registry::moves::{self, Move};
use automl_store::registry::search::{self, Search};
use automl_store::registry::{ModelVersion, RegisteredModel, files, models, versions};
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use serde_json::{Value, json};

/// Models, and versions of one, that are listed at most.
const N_LISTED: usize = 10_000;

pub(super) fn list(args: &ModelsListArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let everything = Search {
        filter: String::new(),
        order_by: vec!["name ASC".into()],
        n_max: N_LISTED,
        page_token: None,
    };
    let found = record.read(move |sql| search::models(sql, DEFAULT_WORKSPACE, &everything))?;
    let found = found.items;
    match console.format() {
        Format::Json => print_json(&found.iter().map(model_json).collect::<Vec<_>>())?,
        Format::Text if found.is_empty() => {
            print_text("no models; `automl models register` makes one\n")?;
        }
        Format::Text => {
            let heading = [
                ("model", Align::Left),
                ("newest", Align::Right),
                ("aliases", Align::Left),
                ("changed (UTC)", Align::Left),
            ];
            let rows = found.iter().map(|model| {
                anyhow::Ok(vec![
                    model.name.clone(),
                    newest(model).map_or_else(String::new, |version| version.to_string()),
                    aliases(model),
                    time(model.updated_ms),
                ])
            });
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            print_text(&text::table(&heading, &rows))?;
        }
    }
    Ok(())
}

fn newest(model: &RegisteredModel) -> Option<i64> {
    model.latest.iter().map(|version| version.version).max()
}

fn aliases(model: &RegisteredModel) -> String {
    let each = model.aliases.iter();
    let each: Vec<String> = each
        .map(|(alias, version)| format!("@{alias} {version}"))
        .collect();
    each.join(", ")
}

fn model_json(model: &RegisteredModel) -> Value {
    let aliases = model.aliases.iter();
    json!({
        "name": model.name,
        "description": model.description,
        "newest": newest(model),
        "aliases": aliases.map(|(alias, version)| json!({ "alias": alias, "version": version })).collect::<Vec<_>>(),
        "created_ms": model.created_ms,
        "updated_ms": model.updated_ms,
    })
}

/// A name with all its versions, and how its aliases moved.
struct Whole {
    model: RegisteredModel,
    versions: Vec<(ModelVersion, State)>,
    moves: Vec<Move>,
}

fn whole(sql: &mut dyn Sql, name: &str) -> Result<Whole, TrackingError> {
    let model = models::get(sql, DEFAULT_WORKSPACE, name)?;
    let mut found = Vec::new();
    for version in versions::of_model(sql, DEFAULT_WORKSPACE, name, N_LISTED, None)?.items {
        let state = approvals::state(sql, DEFAULT_WORKSPACE, name, version.version)?;
        found.push((version, state));
    }
    let moves = moves::moves(sql, DEFAULT_WORKSPACE, name)?;
    Ok(Whole {
        model,
        versions: found,
        moves,
    })
}

pub(super) fn show(args: &ModelsShowArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    if args.model.contains(['/', '@']) {
        return show_version(&record, &args.model, console);
    }
    let name = args.model.clone();
    let whole = record.read(move |sql| whole(sql, &name))?;
    if console.format() == Format::Json {
        let mut value = model_json(&whole.model);
        let versions = whole.versions.iter();
        value["versions"] = versions
            .map(|(version, state)| version_json(version, *state))
            .collect();
        value["alias_moves"] = json!(whole.moves);
        return print_json(&value);
    }
    let heading = [
        ("version", Align::Right),
        ("aliases", Align::Left),
        ("state", Align::Left),
        ("run", Align::Left),
        ("by", Align::Left),
        ("made (UTC)", Align::Left),
    ];
    let rows = whole.versions.iter().map(|(version, state)| {
        anyhow::Ok(vec![
            version.version.to_string(),
            version
                .aliases
                .iter()
                .map(|alias| format!("@{alias}"))
                .collect::<Vec<_>>()
                .join(" "),
            state.name().to_owned(),
            version
                .run_id
                .as_deref()
                .unwrap_or_default()
                .chars()
                .take(8)
                .collect(),
            version.user_id.clone().unwrap_or_default(),
            time(version.created_ms),
        ])
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    print_text(&format!(
        "model   {}\n\n{}",
        whole.model.name,
        text::table(&heading, &rows)
    ))?;
    for past in &whole.moves {
        print_text(&format!("{}\n", move_text(past)))?;
    }
    Ok(())
}

fn move_text(past: &Move) -> String {
    let named = |version: Option<i64>| {
        version.map_or_else(|| "none".to_owned(), |version| version.to_string())
    };
    let note = past
        .note
        .as_ref()
        .map_or_else(String::new, |note| format!(": {note}"));
    let back = if past.is_rollback { " back" } else { "" };
    format!(
        "{}  @{} moved{back} from {} to {} by {}{note}",
        time(past.at_ms),
        past.alias,
        named(past.old_version),
        named(past.new_version),
        past.user_id,
    )
}

fn version_json(version: &ModelVersion, state: State) -> Value {
    json!({
        "name": version.name,
        "version": version.version,
        "aliases": version.aliases,
        "state": state,
        "stage": version.stage,
        "description": version.description,
        "user": version.user_id,
        "source": version.source,
        "storage_location": version.storage_location,
        "run_id": version.run_id,
        "model_id": version.model_id,
        "created_ms": version.created_ms,
    })
}

fn show_version(record: &Record, reference: &str, console: Console) -> anyhow::Result<()> {
    let version = find(record, reference)?;
    let decisions: Vec<Decision> = {
        let (name, number) = (version.name.clone(), version.version);
        record.read(move |sql| approvals::decisions(sql, DEFAULT_WORKSPACE, &name, number))?
    };
    let state = decisions.last().map_or(State::Pending, |last| last.state);
    let manifest = manifest_of(record, &version)?;
    if console.format() == Format::Json {
        let mut value = version_json(&version, state);
        value["decisions"] = json!(decisions);
        value["manifest"] = json!(manifest);
        return print_json(&value);
    }
    let mut lines = vec![
        ("version", key(&version)),
        ("aliases", version.aliases.join(", ")),
        ("state", state.name().to_owned()),
        ("made", time(version.created_ms)),
        ("by", version.user_id.clone().unwrap_or_default()),
        ("run", version.run_id.clone().unwrap_or_default()),
        ("source", version.source.clone()),
    ];
    if let Some(manifest) = &manifest {
        lines.push(("task", manifest.task.kind().name().to_owned()));
        for (metric, score) in &manifest.scores {
            lines.push(("score", format!("{metric} {}", text::score(*score))));
        }
        let features: Vec<&str> = manifest
            .inputs
            .with_role(Role::Feature)
            .map(|field| field.name.as_str())
            .collect();
        lines.push(("takes", features.join(", ")));
        let outputs: Vec<&str> = manifest
            .outputs
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        lines.push(("gives", outputs.join(", ")));
        lines.push(("data", manifest.lineage.data.clone()));
    }
    for decision in &decisions {
        let note = decision
            .note
            .as_ref()
            .map_or_else(String::new, |note| format!(": {note}"));
        lines.push((
            "decided",
            format!(
                "{} by {} at {}{note}",
                decision.state.name(),
                decision.user_id,
                time(decision.at_ms)
            ),
        ));
    }
    Ok(print_text(&text::facts(&lines))?)
}

pub(super) fn export(args: &ExportArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let version = find(&record, &args.version)?;
    let path = files::of_version(&version)?;
    let (n_files, n_bytes) =
        files::export(record.artifacts(), &path, &key(&version), &args.output)?;
    let output = args.output.display();
    match console.format() {
        Format::Json => print_json(
            &json!({ "version": key(&version), "output": args.output, "n_files": n_files, "n_bytes": n_bytes }),
        ),
        Format::Text => Ok(print_text(&format!(
            "{}, {} bytes: {output}\n",
            text::counted(n_files, "file"),
            text::count(n_bytes)
        ))?),
    }
}
