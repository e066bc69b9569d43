//! `automl endpoint`: models that answer, from the command line. The verbs write what shall answer into the record, and servers
//! that run on the workspace serve it.

mod capture;

use super::Status;
use super::record::{Record, time};
use crate::cli::{
    AT_ONCE, AskArgs, EndpointCreateArgs, EndpointDeleteArgs, EndpointDeployArgs, EndpointListArgs,
    EndpointNameArgs, EndpointTrafficArgs, EndpointVerb,
};
use crate::console::{Console, Format, print_json, print_line, print_text};
use crate::record::user;
use crate::serving;
use crate::text::{self, Align};
use automl_core::Task;
use automl_engine::EXPLAINED;
use automl_store::db::Sql;
use automl_store::endpoints::{
    self, Change, Deployment, Endpoint, EndpointError, NewDeployment, NewEndpoint, Target,
    UNLOADED, Who, check_fits, digest_of,
};
use automl_store::registry::{ModelVersion, files};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use serde::Serialize;
use serde_json::json;

/// Changes that are shown.
const N_CHANGES: usize = 10;

pub(super) fn run(verb: EndpointVerb, console: Console) -> anyhow::Result<Status> {
    match verb {
        EndpointVerb::Create(args) => create(args, console)?,
        EndpointVerb::Update(args) => {
            change(&args.ask, args.note, console, move |sql, who| {
                endpoints::set_at_once(sql, W, &args.name, args.max_at_once, who)
            })?;
        }
        EndpointVerb::List(args) => list(&args, console)?,
        EndpointVerb::Deploy(args) => deploy(args, console)?,
        EndpointVerb::Traffic(args) => traffic(args, console)?,
        EndpointVerb::Capture(args) => capture::run(args, console)?,
        EndpointVerb::Feedback(args) => capture::feedback(&args, console)?,
        EndpointVerb::Promote(args) => {
            change(&args.ask, args.note, console, move |sql, who| {
                endpoints::promote(sql, W, &args.endpoint, &args.deployment, who)
            })?;
        }
        EndpointVerb::Rollback(args) => {
            change(&args.ask, args.note, console, move |sql, who| {
                endpoints::roll_back(sql, W, &args.endpoint, who)
            })?;
        }
        EndpointVerb::Undeploy(args) => {
            change(&args.ask, args.note, console, move |sql, who| {
                let which = (args.deployment.as_str(), args.force);
                endpoints::undeploy(sql, W, &args.endpoint, which, who)
            })?;
        }
        EndpointVerb::Status(args) => status(&args, console)?,
        EndpointVerb::Delete(args) => delete(&args, console)?,
    }
    Ok(Status::Done)
}

/// The state of an endpoint that no server serves.
const STOPPED: &str = "stopped";

/// An endpoint with its state.
#[derive(Serialize)]
struct Seen {
    #[serde(flatten)]
    endpoint: Endpoint,
    state: &'static str,
}

impl Seen {
    fn of(sql: &mut dyn Sql, endpoint: Endpoint) -> Result<Self, EndpointError> {
        let state = endpoint.state(endpoints::is_any_alive(sql)?);
        Ok(Self { endpoint, state })
    }
}

/// Changes an endpoint and shows it.
fn change(
    ask: &AskArgs,
    note: Option<String>,
    console: Console,
    work: impl FnOnce(&mut dyn Sql, Who<'_>) -> Result<Endpoint, EndpointError> + Send + 'static,
) -> anyhow::Result<()> {
    let record = Record::open(&ask.workspace)?;
    let written = record.database().write(move |sql| {
        let user = user();
        let who = Who {
            user: &user,
            note: note.as_deref(),
        };
        let endpoint = work(sql, who)?;
        Seen::of(sql, endpoint)
    });
    show(&written.wait()?, None, console)
}

fn create(args: EndpointCreateArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open_or_make(&args.ask.workspace)?;
    let new = NewEndpoint {
        name: args.name,
        description: args.description,
        max_at_once: args.max_at_once,
    };
    let written = record.database().write(move |sql| {
        let user = user();
        let who = Who {
            user: &user,
            note: None,
        };
        let endpoint = endpoints::create(sql, W, &new, who)?;
        Seen::of(sql, endpoint)
    });
    show(&written.wait()?, None, console)
}

fn deploy(args: EndpointDeployArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open_with(&args.ask.workspace, args.artifacts)?;
    let (reference, endpoint) = (args.model, args.endpoint.clone());
    let found = record.database().read(move |sql| {
        let target = endpoints::resolve(sql, W, &reference)?;
        Ok::<_, EndpointError>((target, endpoints::answering(sql, W, &endpoint)?))
    });
    let (target, answering) = found.wait()?;
    if !args.allow_signature_change {
        check_fits(record.artifacts(), &answering, &target)?;
    }
    let unexplained = check_answers(&record, &target)?;
    let new = NewDeployment {
        digest: digest_of(record.artifacts(), &target.version)?,
        target,
        name: args.name,
        share: args.traffic,
        is_shadow: args.shadow,
        replicas: args.replicas,
    };
    drop(record);
    change(&args.ask, args.note, console, move |sql, who| {
        endpoints::deploy(sql, W, &args.endpoint, &new, who)
    })?;
    if let Some(note) = unexplained {
        print_line(&note);
    }
    Ok(())
}

/// Whether a version can be read, and predicts rows. Tells if its predictions cannot be explained.
fn check_answers(record: &Record, target: &Target) -> anyhow::Result<Option<String>> {
    let version = &target.version;
    let files = files::local(record.artifacts(), version)?;
    match serving::load(files.as_ref()) {
        Ok(loaded) if loaded.can_explain() => Ok(None),
        Ok(loaded) => Ok(Some(unexplained(version, &loaded.facts.task))),
        Err(error) => Err(EndpointError::Unable {
            version: format!("{}/{}", version.name, version.version),
            reason: error.to_string(),
        }
        .into()),
    }
}

/// What to do about predictions that cannot be explained.
fn unexplained(version: &ModelVersion, task: &Task) -> String {
    if !task.targets().is_empty() {
        return format!(
            "note: predictions of {}/{} cannot be explained, since it has several targets: deploy the model of one to have them explained",
            version.name, version.version
        );
    }
    if !task.levels().is_empty() {
        return format!(
            "note: predictions of {}/{} cannot be explained, since it predicts quantiles: deploy a model of --task regression to have them explained",
            version.name, version.version
        );
    }
    let learners: Vec<&str> = EXPLAINED.iter().map(|learner| learner.id).collect();
    format!(
        "note: predictions of {}/{} cannot be explained, which takes a model whose members all tell what columns do: `automl fit --include {}` makes one",
        version.name,
        version.version,
        learners.join(",")
    )
}

fn traffic(args: EndpointTrafficArgs, console: Console) -> anyhow::Result<()> {
    change(&args.ask, args.note, console, move |sql, who| {
        endpoints::set_shares(sql, W, &args.endpoint, &args.shares, who)
    })
}

fn status(args: &EndpointNameArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let name = args.name.clone();
    let read = record.database().read(move |sql| {
        let endpoint = endpoints::by_name(sql, W, &name)?;
        let changes = endpoints::changes(sql, &endpoint, N_CHANGES)?;
        Ok::<_, EndpointError>((Seen::of(sql, endpoint)?, changes))
    });
    let (seen, changes) = read.wait()?;
    show(&seen, Some(&changes), console)
}

fn delete(args: &EndpointDeleteArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let (name, loses) = (args.name.clone(), args.force);
    let deleted = record
        .database()
        .write(move |sql| endpoints::delete(sql, W, &name, loses));
    let deleted = deleted.wait()?;
    match console.format() {
        Format::Json => print_json(&json!({ "deleted": deleted.name })),
        Format::Text => Ok(print_text(&format!("endpoint {} is gone\n", deleted.name))?),
    }
}

fn list(args: &EndpointListArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let read = record.database().read(|sql| {
        let all = endpoints::list(sql, W)?;
        all.into_iter()
            .map(|endpoint| Seen::of(sql, endpoint))
            .collect::<Result<Vec<_>, EndpointError>>()
    });
    let found = read.wait()?;
    if console.format() == Format::Json {
        return print_json(&found);
    }
    if found.is_empty() {
        return Ok(print_text(
            "no endpoints; `automl endpoint create` makes one\n",
        )?);
    }
    let heading = [
        ("endpoint", Align::Left),
        ("state", Align::Left),
        ("answering", Align::Left),
        ("made (UTC)", Align::Left),
    ];
    let row = |seen: &Seen| {
        let endpoint = &seen.endpoint;
        let answering = endpoint.deployments.iter().filter(|one| one.share > 0);
        let answering: Vec<String> = answering
            .map(|one| format!("{}/{} {} %", one.model, one.version, one.share))
            .collect();
        vec![
            endpoint.name.clone(),
            seen.state.to_owned(),
            answering.join(", "),
            time(endpoint.created_ms),
        ]
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    Ok(print_text(&text::table(&heading, &rows))?)
}

fn show(seen: &Seen, changes: Option<&[Change]>, console: Console) -> anyhow::Result<()> {
    if console.format() == Format::Json {
        return match changes {
            Some(changes) => print_json(&json!({ "endpoint": seen, "changes": changes })),
            None => print_json(seen),
        };
    }
    let endpoint = &seen.endpoint;
    let mut told = format!(
        "{}, {}, revision {}\n",
        endpoint.name, seen.state, endpoint.revision
    );
    if seen.state == STOPPED {
        told.push_str("no server runs on this workspace; `automl serve` starts one\n");
    }
    if let Some(problem) = &endpoint.problem {
        if problem != UNLOADED {
            told.push_str("the last change is not served: ");
        }
        told.push_str(problem);
        told.push('\n');
    }
    if endpoint.max_at_once != AT_ONCE {
        let limit = format!("at most {} requests at once\n", endpoint.max_at_once);
        told.push_str(&limit);
    }
    told.push_str(&capture::line(seen));
    if !endpoint.deployments.is_empty() {
        told.push_str(&deployments(&endpoint.deployments));
    }
    if let Some(changes) = changes {
        told.push('\n');
        told.push_str(&history(changes));
    }
    Ok(print_text(&told)?)
}

/// Where replicas stand among the columns of deployments.
const REPLICAS: usize = 4;

fn deployments(all: &[Deployment]) -> String {
    let mut heading = vec![
        ("deployment", Align::Left),
        ("model", Align::Left),
        ("follows", Align::Left),
        ("traffic", Align::Right),
        ("by", Align::Left),
        ("since (UTC)", Align::Left),
    ];
    // Few say how many there are.
    let has_replicas = all.iter().any(|one| one.replicas.is_some());
    if has_replicas {
        heading.insert(REPLICAS, ("replicas", Align::Right));
    }
    let row = |one: &Deployment| {
        let mut cells = vec![
            one.name.clone(),
            format!("{}/{}", one.model, one.version),
            (one.alias.as_ref()).map_or_else(String::new, |alias| format!("@{alias}")),
            if one.is_shadow {
                "shadow".to_owned()
            } else {
                format!("{} %", one.share)
            },
            one.user_id.clone(),
            time(one.deployed_ms),
        ];
        if has_replicas {
            let replicas = one.replicas.map_or_else(String::new, |n| n.to_string());
            cells.insert(REPLICAS, replicas);
        }
        cells
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    text::table(&heading, &rows)
}

fn history(changes: &[Change]) -> String {
    let heading = [
        ("revision", Align::Right),
        ("change", Align::Left),
        ("then", Align::Left),
        ("by", Align::Left),
        ("at (UTC)", Align::Left),
        ("note", Align::Left),
    ];
    let row = |one: &Change| {
        let then: Vec<String> = (one.deployments.iter())
            .map(|one| {
                if one.is_shadow {
                    format!("{} shadow", one.name)
                } else {
                    format!("{}={}", one.name, one.share)
                }
            })
            .collect();
        vec![
            one.revision.to_string(),
            one.what.clone(),
            then.join(","),
            one.user_id.clone(),
            time(one.at_ms),
            one.note.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = changes.iter().map(row).collect();
    text::table(&heading, &rows)
}
