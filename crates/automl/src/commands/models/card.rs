//! A model card, made of what the record and the version's files say (after Mitchell et al., Model Cards for Model
//! Reporting, 2019): what it is for people to fill in stands there as a question.

use super::super::record::{Record, time};
use super::{find, key, manifest_of};
use crate::cli::CardArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::text;
use automl_core::Role;
use automl_store::registry::approvals::{self, Decision};
use automl_store::registry::{ModelVersion, files};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::{Manifest, write_atomic};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Columns that a card names of the importance.
const TOP_COLUMNS: usize = 10;

pub(super) fn run(args: &CardArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let version = find(&record, &args.version)?;
    let (name, number) = (version.name.clone(), version.version);
    let decisions =
        record.read(move |sql| approvals::decisions(sql, DEFAULT_WORKSPACE, &name, number))?;
    let manifest = manifest_of(&record, &version)?;
    let importance = match files::of_version(&version) {
        Ok(path) => files::read(record.artifacts(), &path, "importance.json")?,
        Err(_elsewhere) => None,
    };
    let importance = importance.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let card = card(&version, &decisions, manifest.as_ref(), importance.as_ref())?;
    match (&args.output, console.format()) {
        (Some(path), format) => {
            write_atomic(path, card.as_bytes())?;
            if format == Format::Json {
                print_json(&json!({ "version": key(&version), "output": path }))?;
            }
        }
        (None, Format::Json) => print_json(&json!({ "version": key(&version), "card": card }))?,
        (None, Format::Text) => print_text(&card)?,
    }
    Ok(())
}

/// The card in Markdown.
pub(super) fn card(
    version: &ModelVersion,
    decisions: &[Decision],
    manifest: Option<&Manifest>,
    importance: Option<&Value>,
) -> anyhow::Result<String> {
    let mut card = format!("# {}\n\n", key(version));
    if let Some(description) = &version.description {
        writeln!(card, "{description}\n")?;
    }
    let mut facts = vec![
        (
            "Registered",
            format!(
                "{} UTC by {}",
                time(version.created_ms),
                version.user_id.as_deref().unwrap_or("unknown")
            ),
        ),
        ("Aliases", version.aliases.join(", ")),
        ("Run", version.run_id.clone().unwrap_or_default()),
        ("Model", version.model_id.clone().unwrap_or_default()),
    ];
    if let Some(manifest) = manifest {
        facts.push(("Task", manifest.task.kind().name().to_owned()));
        facts.push(("Trained", manifest.created.clone()));
        facts.push(("Program", format!("automl {}", manifest.lineage.version)));
        if let Some(git) = &manifest.lineage.git {
            let dirty = if git.is_dirty { ", with changes" } else { "" };
            facts.push(("Commit", format!("{}{dirty}", git.commit)));
        }
    }
    section(&mut card, None, &facts)?;
    card.push_str("## Intended use\n\nWho should use it for what, and for what not?\n\n");
    if let Some(manifest) = manifest {
        of_manifest(&mut card, manifest)?;
    }
    if let Some(columns) = importance.and_then(|importance| importance["columns"].as_array()) {
        card.push_str("## What it looks at\n\n| column | share |\n|---|---:|\n");
        for column in columns.iter().take(TOP_COLUMNS) {
            let share = column["share"].as_f64().unwrap_or_default();
            let name = column["column"].as_str().unwrap_or_default();
            writeln!(card, "| {} | {} |", cell(name), text::percent(share))?;
        }
        card.push('\n');
    }
    card.push_str("## Decisions\n\n");
    if decisions.is_empty() {
        card.push_str("Nobody has decided of it yet.\n");
    }
    for decision in decisions {
        let note = decision
            .note
            .as_ref()
            .map_or_else(String::new, |note| format!(": {note}"));
        writeln!(
            card,
            "- {} UTC: {} by {}{note}",
            time(decision.at_ms),
            decision.state.name(),
            decision.user_id
        )?;
    }
    card.push_str("\n## Limits and risks\n\nOn whom is it worse? What happens where it is wrong? Who watches it?\n");
    Ok(card)
}

fn of_manifest(card: &mut String, manifest: &Manifest) -> anyhow::Result<()> {
    let lineage = &manifest.lineage;
    let data = [
        ("Source", lineage.data.clone()),
        ("SHA-256", lineage.data_fingerprint.clone()),
        ("Rows", text::count(lineage.n_rows)),
        ("Features", text::count(lineage.n_features)),
        ("Seed", lineage.seed.to_string()),
    ];
    section(card, Some("Training data"), &data)?;
    card.push_str("## Scores on rows that it had not seen\n\n");
    for (metric, score) in &manifest.scores {
        writeln!(card, "- {metric}: {}", text::score(*score))?;
    }
    card.push_str("\n## What it takes\n\n| column | kind |\n|---|---|\n");
    for field in manifest.inputs.with_role(Role::Feature) {
        writeln!(card, "| {} | {} |", cell(&field.name), field.kind.name())?;
    }
    card.push_str("\n## What it gives\n\n");
    for field in &manifest.outputs.fields {
        writeln!(card, "- {}", field.name)?;
    }
    card.push('\n');
    Ok(())
}

fn section(card: &mut String, title: Option<&str>, facts: &[(&str, String)]) -> anyhow::Result<()> {
    if let Some(title) = title {
        writeln!(card, "## {title}\n")?;
    }
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(card, "- **{name}:** {value}")?;
    }
    card.push('\n');
    Ok(())
}

/// A text that does not end a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
