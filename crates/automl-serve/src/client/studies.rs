//! Studies of a server, as workers on other machines ask and tell there.

use super::http::{ANSWER_MAX_MIB, Credentials, Server, Unanswered};
use crate::tuning::{Ask, Tell, TuneError};
use automl_store::studies::{Measurement, Objective, Param, Study, StudyState, Trial, TrialState};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long a call may take in all while a trial runs, which must give signs of life meanwhile, and how long between trials,
/// where a sampler may think.
const HELD_WAIT: Duration = Duration::from_secs(20);
const WAIT: Duration = Duration::from_mins(2);
/// Statuses of a server that is up again soon, or that another one in front of it cannot reach.
const AWAY: [u16; 4] = [429, 502, 503, 504];
/// Codes of refusals that a worker understands, or that have advice of their own.
const CODES: [&str; 7] = [
    "study-missing",
    "study-closed",
    "study-foreign",
    "study-trial-unknown",
    "study-trial-finished",
    "study-trial-not-held",
    "study-value-not-finite",
];

/// The studies of a server.
pub struct StudyServer {
    server: Server,
}

impl StudyServer {
    /// Those of the server at an address, in which a user and a password may stand.
    pub fn new(url: &str, credentials: &Credentials) -> Self {
        Self {
            server: Server::new(url, credentials),
        }
    }

    /// Its address, without credentials.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// A study that a worker joins, whose trials are held for a time from then on.
    ///
    /// # Errors
    /// If the server is away, refuses who asks, or has no such study.
    pub fn join(&self, name: &str) -> Result<Study, TuneError> {
        let answer = self.post(&format!("{}/join", path(name)), &json!({}))?;
        self.study(&answer["study"])
    }

    /// Trials to run, as [`Desk::suggest`](crate::tuning::Desk::suggest) gives them.
    ///
    /// # Errors
    /// As [`Self::join`], and if the study takes no trials.
    pub fn suggest(&self, study: &Study, ask: &Ask) -> Result<Vec<Trial>, TuneError> {
        let body = json!({
            "count": ask.count,
            "client": ask.client,
            "request_id": ask.request,
            "limit": ask.limit,
            "ends": ask.ends,
        });
        let answer = self.post(&format!("{}/suggest", path(&study.name)), &some(body))?;
        self.trials_in(study, answer)
    }

    /// Keeps what a trial measured that the client holds. Says whether to end it.
    ///
    /// # Errors
    /// As [`Self::join`], and if the client does not hold it.
    pub fn measure(
        &self,
        study: &Study,
        number: i64,
        client: &str,
        (step, values): (i64, &Value),
    ) -> Result<bool, TuneError> {
        let body = json!({ "client": client, "step": step, "values": values });
        self.should_stop(study, number, "measure", &body)
    }

    /// A sign of life. Says whether to end the trial.
    ///
    /// # Errors
    /// As [`Self::measure`].
    pub fn beat(&self, study: &Study, number: i64, client: &str) -> Result<bool, TuneError> {
        self.should_stop(study, number, "heartbeat", &json!({ "client": client }))
    }

    /// Gives a trial up, for another worker.
    ///
    /// # Errors
    /// As [`Self::measure`].
    pub fn release(&self, study: &Study, number: i64, client: &str) -> Result<(), TuneError> {
        let place = format!("{}/trials/{number}/release", path(&study.name));
        self.post(&place, &json!({ "client": client })).map(|_| ())
    }

    /// Says how a trial ended that the client holds.
    ///
    /// # Errors
    /// As [`Self::measure`], and if what is told makes no sense.
    pub fn tell(
        &self,
        study: &Study,
        number: i64,
        client: &str,
        told: &Tell,
    ) -> Result<Trial, TuneError> {
        let body = json!({
            "client": client,
            "state": told.state.name(),
            "values": told.values,
            "constraints": told.constraints,
            "note": told.note,
            "request_id": told.request,
        });
        let place = format!("{}/trials/{number}/tell", path(&study.name));
        let mut answer = self.post(&place, &some(body))?;
        self.trial_of(study, &answer["trial"].take())
    }

    /// A trial as it is now.
    ///
    /// # Errors
    /// As [`Self::join`], and if there is no such trial.
    pub fn trial(&self, study: &Study, number: i64) -> Result<Trial, TuneError> {
        let mut answer = self.get(&format!("{}/trials/{number}", path(&study.name)))?;
        self.trial_of(study, &answer["trial"].take())
    }

    /// All trials, or those in a state.
    ///
    /// # Errors
    /// As [`Self::join`].
    pub fn trials(
        &self,
        study: &Study,
        state: Option<TrialState>,
    ) -> Result<Vec<Trial>, TuneError> {
        let query = state.map_or_else(String::new, |state| format!("?state={}", state.name()));
        let answer = self.get(&format!("{}/trials{query}", path(&study.name)))?;
        self.trials_in(study, answer)
    }

    /// The best trial or the front, as [`best`](crate::tuning::best) gives them.
    ///
    /// # Errors
    /// As [`Self::join`].
    pub fn best(&self, study: &Study) -> Result<Vec<Value>, TuneError> {
        let mut answer = self.get(&format!("{}/best", path(&study.name)))?;
        match answer["trials"].take() {
            Value::Array(trials) => Ok(trials),
            _ => Err(self.odd("trials")),
        }
    }

    fn should_stop(
        &self,
        study: &Study,
        number: i64,
        what: &str,
        body: &Value,
    ) -> Result<bool, TuneError> {
        let place = format!("{}/trials/{number}/{what}", path(&study.name));
        let answer = self.understood(self.server.call(&place, Some(body), HELD_WAIT))?;
        let told = answer["should_stop"].as_bool();
        told.ok_or_else(|| self.odd("should_stop"))
    }

    fn get(&self, path: &str) -> Result<Value, TuneError> {
        self.understood(self.server.call(path, None, WAIT))
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, TuneError> {
        self.understood(self.server.call(path, Some(body), WAIT))
    }

    fn understood(&self, answer: Result<(u16, Value), Unanswered>) -> Result<Value, TuneError> {
        let url = || self.url().to_owned();
        let (status, body) = answer.map_err(|error| match error {
            Unanswered::Away(reason) => TuneError::ServerAway { url: url(), reason },
            Unanswered::Odd(reason) => TuneError::ServerOdd { url: url(), reason },
            Unanswered::TooLong => TuneError::ServerTooLong {
                url: url(),
                max_mib: ANSWER_MAX_MIB,
            },
        })?;
        let reason = || {
            let told = body["message"].as_str();
            told.map_or_else(|| format!("status {status}"), str::to_owned)
        };
        match status {
            200..300 => Ok(body),
            _ if AWAY.contains(&status) => Err(TuneError::ServerAway {
                url: url(),
                reason: reason(),
            }),
            401 | 403 => Err(TuneError::ServerDenied {
                url: url(),
                reason: reason(),
            }),
            _ => {
                let told = body["error_code"].as_str().unwrap_or_default();
                let code = CODES.into_iter().find(|code| *code == told);
                Err(TuneError::ServerRefused {
                    url: url(),
                    code: code.unwrap_or("server-refused"),
                    reason: reason(),
                })
            }
        }
    }

    fn odd(&self, field: &str) -> TuneError {
        TuneError::ServerOdd {
            url: self.url().to_owned(),
            reason: format!("an answer has no '{field}' that is one"),
        }
    }

    fn study(&self, view: &Value) -> Result<Study, TuneError> {
        let known = || {
            let state = match view["state"].as_str()? {
                "active" => StudyState::Active,
                "inactive" => StudyState::Inactive,
                _ => StudyState::Completed,
            };
            Some(Study {
                // Ids are the server's own; by it, studies are known by name.
                id: 0,
                name: view["name"].as_str()?.to_owned(),
                protocol: view["protocol"].as_str()?.to_owned(),
                state,
                objectives: serde_json::from_value::<Vec<Objective>>(view["objectives"].clone())
                    .ok()?,
                spec: view["spec"].to_string(),
                lease_ms: view["spec"]["lease_s"]
                    .as_f64()
                    .map(|seconds| (seconds * 1000.0).ceil() as i64),
                n_retries: view["spec"]["retries"].as_i64().unwrap_or_default(),
                created_us: view["created_us"].as_i64()?,
                n_trials: view["n_trials"].as_i64()?,
                n_events: view["n_events"].as_i64()?,
            })
        };
        known().ok_or_else(|| self.odd("study"))
    }

    fn trials_in(&self, study: &Study, mut answer: Value) -> Result<Vec<Trial>, TuneError> {
        let Value::Array(views) = answer["trials"].take() else {
            return Err(self.odd("trials"));
        };
        let trials = views.iter().map(|view| self.trial_of(study, view));
        trials.collect()
    }

    fn trial_of(&self, study: &Study, view: &Value) -> Result<Trial, TuneError> {
        read_trial(study, view).ok_or_else(|| self.odd("trial"))
    }
}

/// What [`trial_view`](crate::tuning::trial_view) says of a trial.
fn read_trial(study: &Study, view: &Value) -> Option<Trial> {
    let text = |name: &str| view[name].as_str().map(str::to_owned);
    let params = view["params"]
        .as_object()?
        .iter()
        .map(|(name, value)| Param {
            name: name.clone(),
            value: value.to_string(),
            distribution: None,
        });
    let measured = |one: &Value| {
        Some(Measurement {
            step: one["step"].as_i64()?,
            figures: figures(study, &one["values"])?,
            extra: None,
        })
    };
    Some(Trial {
        id: 0,
        study_id: 0,
        number: view["number"].as_i64()?,
        state: state_of(view["state"].as_str()?)?,
        figures: figures(study, &view["values"]),
        constraints: numbers(&view["constraints"])?,
        note: text("note"),
        client: text("client"),
        started_us: view["started_us"].as_i64(),
        ended_us: view["ended_us"].as_i64(),
        end_event: None,
        expires_ms: view["expires_ms"].as_i64(),
        n_lost: view["n_lost"].as_i64()?,
        extra: None,
        params: params.collect(),
        measurements: view["measurements"]
            .as_array()?
            .iter()
            .map(measured)
            .collect::<Option<_>>()?,
        attributes: Vec::new(),
    })
}

fn state_of(name: &str) -> Option<TrialState> {
    use TrialState as T;
    let all = [
        T::Waiting,
        T::Running,
        T::Stopping,
        T::Complete,
        T::Pruned,
        T::Failed,
    ];
    all.into_iter().find(|state| state.name() == name)
}

/// A number; those that JSON has not are texts.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}

fn numbers(list: &Value) -> Option<Vec<f64>> {
    list.as_array()?.iter().map(number).collect()
}

/// A number for each objective.
fn figures(study: &Study, values: &Value) -> Option<Vec<f64>> {
    match values {
        Value::Object(map) => {
            let objectives = study.objectives.iter();
            objectives.map(|own| number(map.get(&own.name)?)).collect()
        }
        list => numbers(list),
    }
}

/// The fields that hold something.
fn some(body: Value) -> Value {
    let Value::Object(map) = body else {
        return body;
    };
    let map = map.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(map.collect::<Map<String, Value>>())
}

/// The path of a study; its name may hold what means something in one.
fn path(name: &str) -> String {
    let letter = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    format!(
        "/api/studies/{}",
        name.bytes().map(letter).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::trial_view;
    use automl_store::studies::Direction;

    #[test]
    fn a_trial_is_read_as_it_is_told_whatever_its_numbers() {
        let objective = |name: &str| Objective {
            name: name.to_owned(),
            direction: Direction::Minimize,
        };
        let study = Study {
            id: 0,
            name: "s".into(),
            protocol: "automl".into(),
            state: StudyState::Active,
            objectives: vec![objective("loss"), objective("size")],
            spec: "{}".into(),
            lease_ms: None,
            n_retries: 0,
            created_us: 0,
            n_trials: 3,
            n_events: 9,
        };
        let param = |name: &str, value: &str| Param {
            name: name.into(),
            value: value.into(),
            distribution: None,
        };
        let trial = Trial {
            id: 0,
            study_id: 0,
            number: 2,
            state: TrialState::Complete,
            figures: Some(vec![0.1, f64::INFINITY]),
            constraints: vec![-1.5],
            note: Some("as told".into()),
            client: Some("me".into()),
            started_us: Some(1),
            ended_us: None,
            end_event: None,
            expires_ms: Some(5),
            n_lost: 1,
            extra: None,
            params: vec![
                param("kind", "\"tree\""),
                param("rate", "1e-300"),
                param("deep", "true"),
            ],
            measurements: vec![Measurement {
                step: 1,
                figures: vec![0.1 + 0.2, 2.0],
                extra: None,
            }],
            attributes: Vec::new(),
        };
        assert_eq!(read_trial(&study, &trial_view(&study, &trial)), Some(trial));
    }

    #[test]
    fn a_name_stands_in_a_path_whatever_is_in_it() {
        assert_eq!(path("me/lr 1"), "/api/studies/me%2Flr%201");
    }
}
