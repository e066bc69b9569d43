//! What changes which version is used: aliases, promotion, approval, deletion.

use super::super::record::Record;
use super::{find, key};
use crate::cli::{AliasArgs, DecideArgs, DeleteArgs, PromoteArgs, RollbackArgs};
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::RecordError;
use crate::record::user;
use automl_store::registry::approvals::{self, State};
use automl_store::registry::moves::{self, Mover};
use automl_store::registry::{models, versions};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use serde_json::{Value, json};

fn say(console: Console, text: &str, value: &Value) -> anyhow::Result<()> {
    match console.format() {
        Format::Json => print_json(value),
        Format::Text => Ok(print_text(&format!("{text}\n"))?),
    }
}

pub(super) fn alias(args: &AliasArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let version = find(&record, &args.version)?;
    let key = key(&version);
    let target = (!args.delete).then_some(version.version);
    let (name, alias) = (version.name, args.alias.clone());
    record.write(move |sql| {
        let user = user();
        let mover = Mover {
            user: &user,
            note: None,
        };
        moves::put(sql, DEFAULT_WORKSPACE, &name, &alias, target, mover)
    })?;
    let text = if args.delete {
        format!("alias @{} is gone", args.alias)
    } else {
        format!("@{} is {key}", args.alias)
    };
    say(
        console,
        &text,
        &json!({ "alias": args.alias, "version": target }),
    )
}

pub(super) fn promote(args: PromoteArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let version = find(&record, &args.version)?;
    let (alias, note) = (args.alias.clone(), args.note);
    let promoted = record.write(move |sql| {
        let user = user();
        let mover = Mover {
            user: &user,
            note: note.as_deref(),
        };
        let target = (version.name.as_str(), version.version);
        moves::promote(sql, DEFAULT_WORKSPACE, target, &alias, mover)
    })?;
    let text = format!("@{} is {}", args.alias, key(&promoted));
    let value = json!({ "name": promoted.name, "version": promoted.version, "alias": args.alias });
    say(console, &text, &value)
}

pub(super) fn roll_back(args: RollbackArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let (name, alias, note) = (args.name, args.alias.clone(), args.note);
    let version = record.write(move |sql| {
        let user = user();
        let mover = Mover {
            user: &user,
            note: note.as_deref(),
        };
        moves::roll_back(sql, DEFAULT_WORKSPACE, &name, &alias, mover)
    })?;
    let text = format!("@{} is {} again", args.alias, key(&version));
    let value = json!({ "name": version.name, "version": version.version, "alias": args.alias });
    say(console, &text, &value)
}

pub(super) fn approve(args: DecideArgs, console: Console) -> anyhow::Result<()> {
    decide(args, State::Approved, console)
}

pub(super) fn reject(args: DecideArgs, console: Console) -> anyhow::Result<()> {
    decide(args, State::Rejected, console)
}

fn decide(args: DecideArgs, state: State, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let version = find(&record, &args.version)?;
    let key = key(&version);
    let (name, aliases) = (version.name.clone(), version.aliases.clone());
    let note = args.note;
    let decision = record.write(move |sql| {
        let target = (version.name.as_str(), version.version);
        approvals::decide(
            sql,
            DEFAULT_WORKSPACE,
            target,
            state,
            &user(),
            note.as_deref(),
        )
    })?;
    let mut text = format!("{key} is {} by {}", state.name(), decision.user_id);
    if state == State::Rejected {
        for alias in &aliases {
            let back = format!("automl models rollback {name} --alias {alias}");
            text = format!("{text}\nstill in use as @{alias}; move it with: {back}");
        }
    }
    say(
        console,
        &text,
        &json!({ "version": key, "decision": decision }),
    )
}

pub(super) fn delete(args: DeleteArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    if args.model.contains('/') || args.model.contains('@') {
        return delete_version(&record, &args, console);
    }
    let name = args.model.clone();
    let model = record.read(move |sql| models::get(sql, DEFAULT_WORKSPACE, &name))?;
    let newest = model.latest.iter().map(|version| version.version).max();
    if let Some(newest) = newest
        && !args.force
    {
        return Err(RecordError::WouldLose {
            name: args.model,
            what: format!("a model with versions up to {newest}"),
        }
        .into());
    }
    let name = model.name.clone();
    record.write(move |sql| models::delete(sql, DEFAULT_WORKSPACE, &name))?;
    say(
        console,
        &format!("model {} is gone", model.name),
        &json!({ "deleted": model.name }),
    )
}

fn delete_version(record: &Record, args: &DeleteArgs, console: Console) -> anyhow::Result<()> {
    let version = find(record, &args.model)?;
    let key = key(&version);
    if !version.aliases.is_empty() && !args.force {
        return Err(RecordError::WouldLose {
            name: key,
            what: format!("in use as @{}", version.aliases.join(", @")),
        }
        .into());
    }
    let (name, number) = (version.name, version.version);
    record.write(move |sql| versions::delete(sql, DEFAULT_WORKSPACE, &name, number))?;
    say(
        console,
        &format!("version {key} is gone"),
        &json!({ "deleted": key }),
    )
}
