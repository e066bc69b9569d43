//! Studies over standard input and output, one JSON value a line: how other programs compare samplers with ours.
//!
//! Requests, each answered by one line:
//! `{"op": "study", "space": …, "objectives": [{"name": …}], "sampler": "gp", "seed": 1, "budget": 100}`,
//! `{"op": "ask"}` (answers `{"id": …, "params": …, "seconds": …}`),
//! `{"op": "start", "params": …}` (a point of the caller's; answers its id),
//! `{"op": "tell", "id": …, "values": […], "constraints": […]}`; without values the trial has failed.

use automl_core::{Clock, ParamMap, Seed};
use automl_tune::{Algorithm, Objective, Outcome, Sampler, Space, Study};
use serde::Deserialize;
use serde_json::{Value, json};
use std::error::Error;
use std::io::{BufRead, Write};

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Request {
    Study {
        space: Box<Space>,
        objectives: Vec<Objective>,
        sampler: Value,
        seed: u64,
        budget: Option<usize>,
    },
    Ask,
    Start {
        params: ParamMap,
    },
    Tell {
        id: u64,
        #[serde(default)]
        values: Vec<f64>,
        #[serde(default)]
        constraints: Vec<f64>,
    },
}

struct Session {
    study: Study,
    sampler: Algorithm,
    seed: Seed,
    n_trials: u64,
}

/// The sampler of a name, or of a name with settings.
fn algorithm(value: Value) -> Result<Algorithm, serde_json::Error> {
    match value {
        Value::String(name) => serde_json::from_value(json!({ "name": name })),
        other => serde_json::from_value(other),
    }
}

fn answer(request: Request, session: &mut Option<Session>) -> Result<Value, Box<dyn Error>> {
    if let Request::Study {
        space,
        objectives,
        sampler: name,
        seed,
        budget,
    } = request
    {
        let mut study = Study::new(*space, objectives)?;
        if let Some(n_trials) = budget {
            study = study.with_budget(n_trials);
        }
        *session = Some(Session {
            study,
            sampler: algorithm(name)?,
            seed: Seed(seed),
            n_trials: 0,
        });
        return Ok(json!({}));
    }
    let session = session.as_mut().ok_or("no study yet")?;
    let id = session.n_trials;
    match request {
        Request::Study { .. } => {}
        Request::Ask => {
            let clock = Clock::start();
            let params = session
                .sampler
                .suggest(&session.study, session.seed.indexed(id));
            let seconds = clock.elapsed().as_secs_f64();
            session.study.start(id, params.clone())?;
            session.n_trials += 1;
            return Ok(json!({"id": id, "params": params, "seconds": seconds}));
        }
        Request::Start { params } => {
            session.study.start(id, params)?;
            session.n_trials += 1;
            return Ok(json!({"id": id}));
        }
        Request::Tell {
            id,
            values,
            constraints,
        } => {
            let outcome = if values.is_empty() {
                Outcome::Failed
            } else {
                Outcome::Complete {
                    values,
                    constraints,
                }
            };
            session.study.finish(id, outcome)?;
        }
    }
    Ok(json!({}))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut session = None;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let reply = serde_json::from_str(&line?)
            .map_err(Into::into)
            .and_then(|request| answer(request, &mut session))
            .unwrap_or_else(|error| json!({"error": error.to_string()}));
        writeln!(out, "{reply}")?;
        out.flush()?;
    }
    Ok(())
}
