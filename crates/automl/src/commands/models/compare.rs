//! `automl models diff`: how two versions differ.

use super::super::record::Record;
use super::{find, key, manifest_of};
use crate::cli::DiffArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::record::flatten;
use crate::text::{self, Align};
use automl_core::Role;
use automl_store::Manifest;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Characters of a value in a table.
const VALUE_WIDTH: usize = 50;

pub(super) fn run(args: &DiffArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let versions = [find(&record, &args.old)?, find(&record, &args.new)?];
    let mut facts = Vec::new();
    for version in &versions {
        let mut known = BTreeMap::from([
            ("run".to_owned(), version.run_id.clone().unwrap_or_default()),
            ("source".to_owned(), version.source.clone()),
        ]);
        if let Some(manifest) = manifest_of(&record, version)? {
            known.extend(of_manifest(&manifest));
        }
        facts.push(known);
    }
    let names: BTreeSet<&String> = facts.iter().flat_map(BTreeMap::keys).collect();
    let value = |side: usize, name: &str| facts[side].get(name).cloned().unwrap_or_default();
    let differing: Vec<[String; 3]> = names
        .into_iter()
        .map(|name| [name.clone(), value(0, name), value(1, name)])
        .filter(|[_, old, new]| old != new)
        .collect();
    let [old, new] = [key(&versions[0]), key(&versions[1])];
    if console.format() == Format::Json {
        let each = differing.iter();
        let each: Vec<Value> = each
            .map(|[name, old, new]| json!({ "name": name, "old": old, "new": new }))
            .collect();
        return print_json(&json!({ "old": old, "new": new, "differences": each }));
    }
    if differing.is_empty() {
        return Ok(print_text("no difference\n")?);
    }
    let heading = [
        ("", Align::Left),
        (old.as_str(), Align::Left),
        (new.as_str(), Align::Left),
    ];
    let rows: Vec<Vec<String>> = differing
        .iter()
        .map(|row| {
            row.iter()
                .map(|text| text::clip(text, VALUE_WIDTH))
                .collect()
        })
        .collect();
    Ok(print_text(&text::table(&heading, &rows))?)
}

/// What a manifest says, flat: settings, scores, columns and data.
pub(super) fn of_manifest(manifest: &Manifest) -> BTreeMap<String, String> {
    let lineage = &manifest.lineage;
    let mut facts = BTreeMap::from([
        ("created".to_owned(), manifest.created.clone()),
        ("task".to_owned(), manifest.task.kind().name().to_owned()),
        ("data".to_owned(), lineage.data.clone()),
        ("data.sha256".to_owned(), lineage.data_fingerprint.clone()),
        ("data.rows".to_owned(), lineage.n_rows.to_string()),
        ("program".to_owned(), lineage.version.clone()),
    ]);
    if let Some(git) = &lineage.git {
        facts.insert("commit".into(), git.commit.clone());
    }
    for (metric, score) in &manifest.scores {
        facts.insert(format!("score.{metric}"), text::score(*score));
    }
    for field in manifest.inputs.with_role(Role::Feature) {
        facts.insert(
            format!("column.{}", field.name),
            field.kind.name().to_owned(),
        );
    }
    flatten(&lineage.config, "setting", &mut facts);
    facts
}
