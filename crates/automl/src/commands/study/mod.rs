//! `automl study`: studies of the workspace, asked and told.

pub(super) mod file;
mod report;
mod typed;

use super::Status;
use super::record::{Record, time};
use crate::cli::{
    EndArg, StudyAddArgs, StudyCreateArgs, StudyListArgs, StudyMeasureArgs, StudyNameArgs,
    StudySuggestArgs, StudyTellArgs, StudyVerb,
};
use crate::console::{Console, Format, print_json, print_text};
use crate::text::{self, Align};
use automl_serve::tuning::{self, Ask, Desk, Spec, Tell};
use automl_store::studies::{self, StudiesError, Study, TrialState};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use serde_json::{Value, json};

pub(super) fn run(verb: StudyVerb, console: Console) -> anyhow::Result<Status> {
    match verb {
        StudyVerb::Create(args) => create(&args, console)?,
        StudyVerb::List(args) => list(&args, console)?,
        StudyVerb::Show(args) => show(&args, console)?,
        StudyVerb::Suggest(args) => suggest(&args, console)?,
        StudyVerb::Add(args) => add(&args, console)?,
        StudyVerb::Measure(args) => measure(&args, console)?,
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

/// The spec of a study.
fn spec_of(record: &Record, name: &str) -> anyhow::Result<Spec> {
    let name = name.to_owned();
    let read = (record.database()).read(move |sql| tuning::open(sql, &name));
    Ok(read.wait()?.1)
}

/// By how much constraints are exceeded, as the study knows them.
fn excesses(
    record: &Record,
    name: &str,
    typed: &[String],
    is_complete: bool,
) -> anyhow::Result<Vec<f64>> {
    if typed.is_empty() && !is_complete {
        return Ok(Vec::new());
    }
    // Studies of other protocols have a specification of their own, which names no constraints.
    let run = spec_of(record, name).ok().and_then(|spec| spec.run);
    typed::constraints(typed, &run.map(|run| run.constraints).unwrap_or_default())
}

fn add(args: &StudyAddArgs, console: Console) -> anyhow::Result<()> {
    let (params, values) = (typed::params(&args.params)?, typed::values(&args.value)?);
    let record = Record::open(&args.ask.workspace)?;
    let constraints = excesses(&record, &args.name, &args.constraint, values.is_some())?;
    let told = values.map(|values| Tell {
        state: TrialState::Complete,
        values: Some(values),
        constraints,
        note: None,
        request: None,
    });
    let point = tuning::typed_point(&spec_of(&record, &args.name)?, &params);
    let (name, request) = (args.name.clone(), args.request_id.clone());
    let written = (record.database())
        .write(move |sql| tuning::add(sql, &name, &point, told.as_ref(), request.as_deref()));
    let trial = written.wait()?;
    let study = of_name(&record, &args.name)?;
    print_trials(&[tuning::trial_view(&study, &trial)], console)
}

fn measure(args: &StudyMeasureArgs, console: Console) -> anyhow::Result<()> {
    let values = typed::values(&args.values)?.unwrap_or_default();
    let record = Record::open(&args.ask.workspace)?;
    let (name, number, step) = (args.name.clone(), args.trial, args.step);
    let client = args.client.clone();
    let written = (record.database()).write(move |sql| match client {
        Some(client) => tuning::measure_held(sql, (&name, number), &client, step, &values),
        None => tuning::measure(sql, &name, number, step, &values),
    });
    let trial = written.wait()?;
    let stops = tuning::should_stop(&Desk::default(), record.database(), &args.name, &trial)?;
    match console.format() {
        Format::Json => print_json(&json!({ "should_stop": stops })),
        Format::Text => Ok(print_text(if stops { "stop\n" } else { "go on\n" })?),
    }
}

fn tell(args: &StudyTellArgs, console: Console) -> anyhow::Result<()> {
    let values = typed::values(&args.values)?;
    let record = Record::open(&args.ask.workspace)?;
    let told = Tell {
        state: match args.state {
            EndArg::Complete => TrialState::Complete,
            EndArg::Pruned => TrialState::Pruned,
            EndArg::Failed => TrialState::Failed,
        },
        values,
        constraints: excesses(
            &record,
            &args.name,
            &args.constraint,
            args.state == EndArg::Complete,
        )?,
        note: args.note.clone(),
        request: None,
    };
    let (name, number) = (args.name.clone(), args.trial);
    let client = args.client.clone();
    let written = (record.database()).write(move |sql| match client {
        Some(client) => tuning::tell_held(sql, (&name, number), &client, &told),
        None => tuning::tell(sql, &name, number, &told),
    });
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
