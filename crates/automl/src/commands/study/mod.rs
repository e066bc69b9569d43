//! `automl study`: studies of the workspace, asked and told.

pub(super) mod file;
mod report;

use super::Status;
use super::record::{Record, time};
use crate::cli::{
    EndArg, StudyCreateArgs, StudyListArgs, StudyNameArgs, StudySuggestArgs, StudyTellArgs,
    StudyVerb,
};
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::TuneVerbError;
use crate::text::{self, Align};
use automl_serve::tuning::{self, Ask, Desk, Tell, TuneError};
use automl_store::studies::{self, StudiesError, Study, TrialState};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use serde_json::{Map, Value, json};

pub(super) fn run(verb: StudyVerb, console: Console) -> anyhow::Result<Status> {
    match verb {
        StudyVerb::Create(args) => create(&args, console)?,
        StudyVerb::List(args) => list(&args, console)?,
        StudyVerb::Show(args) => show(&args, console)?,
        StudyVerb::Suggest(args) => suggest(&args, console)?,
        StudyVerb::Tell(args) => tell(&args, console)?,
        StudyVerb::Best(args) => best(&args, console)?,
        StudyVerb::Report(args) => report::run(&args, console)?,
        StudyVerb::Delete(args) => delete(&args, console)?,
        StudyVerb::Export(args) => print_json(&exported(&args)?)?,
    }
    Ok(Status::Done)
}

fn create(args: &StudyCreateArgs, console: Console) -> anyhow::Result<()> {
    let mut spec = file::read(&args.file)?;
    spec.warm_start.extend(args.warm_start.iter().cloned());
    let record = Record::open_or_make(&args.ask.workspace)?;
    let name = args.name.clone();
    let made = (record.database())
        .write(move |sql| tuning::create(sql, &name, &spec))
        .wait()?;
    match console.format() {
        Format::Json => print_json(&tuning::study_view(&made)),
        Format::Text => Ok(print_text(&format!("{}\n", made.name))?),
    }
}

fn list(args: &StudyListArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let found = (record.database())
        .read(|sql| studies::list(sql, DEFAULT_WORKSPACE))
        .wait()?;
    if console.format() == Format::Json {
        return print_json(&found.iter().map(tuning::study_view).collect::<Vec<_>>());
    }
    if found.is_empty() {
        return Ok(print_text("no studies; `automl study create` makes one\n")?);
    }
    let heading = [
        ("study", Align::Left),
        ("state", Align::Left),
        ("objectives", Align::Left),
        ("trials", Align::Right),
        ("client", Align::Left),
        ("made (UTC)", Align::Left),
    ];
    let row = |study: &Study| {
        let names: Vec<&str> = study
            .objectives
            .iter()
            .map(|own| own.name.as_str())
            .collect();
        vec![
            study.name.clone(),
            study.state.name().to_owned(),
            names.join(", "),
            text::count(study.n_trials.unsigned_abs()),
            study.protocol.clone(),
            time(study.created_us / 1000),
        ]
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    Ok(print_text(&text::table(&heading, &rows))?)
}

fn exported(args: &StudyNameArgs) -> anyhow::Result<Value> {
    let record = Record::open(&args.ask.workspace)?;
    let name = args.name.clone();
    let read = record
        .database()
        .read(move |sql| tuning::export(sql, &name));
    Ok(read.wait()?)
}

fn show(args: &StudyNameArgs, console: Console) -> anyhow::Result<()> {
    let study = exported(args)?;
    if console.format() == Format::Json {
        return print_json(&study);
    }
    let trials = study["trials"].as_array().map_or(&[][..], Vec::as_slice);
    let head = format!(
        "{}, {}, {}\n",
        args.name,
        study["state"].as_str().unwrap_or_default(),
        text::counted(trials.len() as u64, "trial"),
    );
    print_text(&head)?;
    if !trials.is_empty() {
        print_text(&trial_table(trials))?;
    }
    Ok(())
}

/// One line of `name=value` pairs; parameters are not rounded, as somebody will set them.
pub(super) fn pairs(values: &Value, is_rounded: bool) -> String {
    let pairs = values.as_object().map(|map| {
        let pair = |(name, value): (&String, &Value)| match value {
            Value::String(text) => format!("{name}={text}"),
            Value::Number(number) if is_rounded && number.is_f64() => {
                format!(
                    "{name}={}",
                    text::score(number.as_f64().unwrap_or_default())
                )
            }
            other => format!("{name}={other}"),
        };
        map.iter().map(pair).collect::<Vec<_>>()
    });
    pairs.unwrap_or_default().join(" ")
}

/// What there is to say of a trial besides.
pub(super) fn note(trial: &Value) -> String {
    let excesses = trial["constraints"].as_array();
    let is_beyond = |excess: &Value| excess.as_f64().is_none_or(|excess| excess > 0.0);
    let note = trial["note"].as_str().unwrap_or_default();
    match excesses {
        Some(excesses) if note.is_empty() && excesses.iter().any(is_beyond) => {
            "breaks a constraint".to_owned()
        }
        _ => note.to_owned(),
    }
}

fn trial_table(trials: &[Value]) -> String {
    let heading = [
        ("trial", Align::Right),
        ("state", Align::Left),
        ("values", Align::Left),
        ("parameters", Align::Left),
        ("note", Align::Left),
    ];
    let row = |trial: &Value| {
        vec![
            trial["number"].to_string(),
            trial["state"].as_str().unwrap_or_default().to_owned(),
            pairs(&trial["values"], true),
            pairs(&trial["params"], false),
            note(trial),
        ]
    };
    let rows: Vec<Vec<String>> = trials.iter().map(row).collect();
    text::table(&heading, &rows)
}

fn print_trials(trials: &[Value], console: Console) -> anyhow::Result<()> {
    match console.format() {
        Format::Json => print_json(&trials),
        Format::Text if trials.is_empty() => Ok(print_text("no trial is complete\n")?),
        Format::Text => Ok(print_text(&trial_table(trials))?),
    }
}

fn suggest(args: &StudySuggestArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let ask = Ask {
        count: usize::from(args.count),
        client: args.client.clone(),
        ..Ask::default()
    };
    let (study, given) = Desk::default().suggest(record.database(), &args.name, &ask)?;
    let views: Vec<Value> = (given.iter())
        .map(|trial| tuning::trial_view(&study, trial))
        .collect();
    print_trials(&views, console)
}

fn of_name(record: &Record, name: &str) -> anyhow::Result<Study> {
    let name = name.to_owned();
    let read = record
        .database()
        .read(move |sql| studies::by_name(sql, DEFAULT_WORKSPACE, &name));
    Ok(read.wait()?)
}

/// `loss=0.3` as fields; numbers stay texts, for the study to read.
fn values_of(typed: &[String]) -> anyhow::Result<Option<Value>> {
    let mut values = Map::new();
    for pair in typed {
        let (name, value) = pair.split_once('=').ok_or(TuneError::Setting {
            field: "a value",
            wanted: "written OBJECTIVE=VALUE",
        })?;
        if value.trim().parse::<f64>().is_err() {
            let (name, value) = (name.to_owned(), value.to_owned());
            return Err(TuneVerbError::Value { name, value }.into());
        }
        values.insert(name.to_owned(), json!(value));
    }
    Ok((!values.is_empty()).then_some(Value::Object(values)))
}

fn tell(args: &StudyTellArgs, console: Console) -> anyhow::Result<()> {
    let told = Tell {
        state: match args.state {
            EndArg::Complete => TrialState::Complete,
            EndArg::Pruned => TrialState::Pruned,
            EndArg::Failed => TrialState::Failed,
        },
        values: values_of(&args.values)?,
        constraints: Vec::new(),
        note: args.note.clone(),
        request: None,
    };
    let record = Record::open(&args.ask.workspace)?;
    let (name, number) = (args.name.clone(), args.trial);
    let written = record
        .database()
        .write(move |sql| tuning::tell(sql, &name, number, &told));
    let trial = written.wait()?;
    let study = of_name(&record, &args.name)?;
    print_trials(&[tuning::trial_view(&study, &trial)], console)
}

fn best(args: &StudyNameArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let found = tuning::best(&Desk::default(), record.database(), &args.name)?;
    print_trials(&found, console)
}

fn delete(args: &StudyNameArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let name = args.name.clone();
    let written = record.database().write(move |sql| {
        let study = studies::by_name(sql, DEFAULT_WORKSPACE, &name)?;
        studies::delete(sql, DEFAULT_WORKSPACE, study.id)?;
        Ok::<_, StudiesError>(study)
    });
    let study = written.wait()?;
    match console.format() {
        Format::Json => print_json(&tuning::study_view(&study)),
        Format::Text => Ok(print_text(&format!(
            "deleted {} with {}\n",
            study.name,
            text::counted(study.n_trials.unsigned_abs(), "trial")
        ))?),
    }
}
