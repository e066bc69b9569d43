//! Requests to a server, with credentials and typed failures.

use automl_store::moving::ImportError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::io::Read;
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

/// How long a server may take to be reached, and to begin an answer.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
const ANSWER_WAIT: Duration = Duration::from_mins(5);
/// MiB of the longest answer that is no file.
pub(super) const ANSWER_MAX_MIB: u64 = 256;
const ANSWER_MAX: u64 = ANSWER_MAX_MIB << 20;

/// How a server is told who calls.
#[derive(Clone, Default)]
pub struct Credentials {
    /// A token, sent as Bearer.
    pub token: Option<String>,
    /// A user and a password, sent as Basic where there is no token.
    pub login: Option<(String, String)>,
}

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// The server cannot be reached, or takes too long.
    Away(String),
    /// There is one, longer than is read.
    TooLong,
    /// What comes is no answer.
    Odd(String),
}

impl From<ureq::Error> for Unanswered {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::BodyExceedsLimit(_) => Self::TooLong,
            other => Self::Away(other.to_string()),
        }
    }
}

/// A server.
pub(super) struct Server {
    agent: Agent,
    /// Its address without credentials, and without a slash at the end.
    url: String,
    authorization: Option<String>,
}

impl Server {
    /// A server at an address, in which credentials may stand: `http://USER:PASSWORD@HOST`.
    pub(super) fn new(url: &str, credentials: &Credentials) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = match host.rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, host),
        };
        let login = login.map(|login| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            let decoded = automl_store::artifact_uri::percent_decoded;
            (decoded(user), decoded(password))
        });
        let basic = |(user, password): &(String, String)| {
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        };
        let authorization = match &credentials.token {
            Some(token) => Some(format!("Bearer {token}")),
            None => credentials.login.as_ref().or(login.as_ref()).map(basic),
        };
        let agent = Agent::config_builder()
            .timeout_connect(Some(CONNECT_WAIT))
            .timeout_recv_response(Some(ANSWER_WAIT))
            .http_status_as_error(false)
            .build();
        Self {
            agent: agent.into(),
            url: format!("{scheme}://{host}/{path}")
                .trim_end_matches('/')
                .to_owned(),
            authorization,
        }
    }

    /// Its address, without credentials.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A GET, or a POST of a JSON object, that takes no longer than `wait` in all, and whose refusal is the caller's to
    /// understand: the status of the answer with what it holds, which is nothing where that is no JSON.
    pub(super) fn call(
        &self,
        path: &str,
        body: Option<&Value>,
        wait: Duration,
    ) -> Result<(u16, Value), Unanswered> {
        let url = format!("{}{path}", self.url);
        let authorization = self.authorization.iter();
        let answer = match body {
            None => {
                let request = self.agent.get(&url);
                let request = authorization
                    .fold(request, |request, own| request.header("Authorization", own));
                let request = request.config().timeout_global(Some(wait)).build();
                request.call()
            }
            Some(body) => {
                let request = self.agent.post(&url);
                let request = authorization
                    .fold(request, |request, own| request.header("Authorization", own));
                let request = request.header("Content-Type", "application/json");
                let request = request.config().timeout_global(Some(wait)).build();
                request.send(body.to_string())
            }
        };
        let answer = answer?;
        let status = answer.status().as_u16();
        let text = answer
            .into_body()
            .into_with_config()
            .limit(ANSWER_MAX)
            .read_to_string()?;
        match serde_json::from_str(&text) {
            Ok(value) => Ok((status, value)),
            Err(_odd) if !(200..300).contains(&status) => Ok((status, Value::Null)),
            Err(error) => Err(Unanswered::Odd(format!("the answer is not JSON: {error}"))),
        }
    }

    /// A GET with a query.
    pub(super) fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, ImportError> {
        let answer = self.fetch(path, query)?;
        self.json(path, answer)
    }

    /// A POST of a JSON object.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, ImportError> {
        let mut request = self.agent.post(format!("{}{path}", self.url));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let request = request.header("Content-Type", "application/json");
        let answer = request.send(body.to_string());
        let answer = self.checked(path, answer)?;
        self.json(path, answer)
    }

    /// The bytes of a file.
    pub(super) fn download(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Box<dyn Read>, ImportError> {
        let answer = self.fetch(path, query)?;
        Ok(Box::new(answer.into_body().into_reader()))
    }

    fn fetch(&self, path: &str, query: &[(&str, &str)]) -> Result<Response<Body>, ImportError> {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        for (name, value) in query {
            request = request.query(*name, *value);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        self.checked(path, request.call())
    }

    fn checked(
        &self,
        path: &str,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, ImportError> {
        let url = format!("{}{path}", self.url);
        let answer = answer.map_err(|error| ImportError::Away {
            url: url.clone(),
            reason: error.to_string(),
        })?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let text = answer
            .into_body()
            .into_with_config()
            .limit(1 << 16)
            .read_to_string();
        let text = text.unwrap_or_default();
        let told: Option<String> = serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|value| Some(value.get("message")?.as_str()?.to_owned()));
        let reason = told.unwrap_or_else(|| text.lines().next().unwrap_or_default().to_owned());
        Err(ImportError::Refused {
            url,
            status,
            reason,
        })
    }

    fn json(&self, path: &str, answer: Response<Body>) -> Result<Value, ImportError> {
        let status = answer.status().as_u16();
        let text = answer
            .into_body()
            .into_with_config()
            .limit(ANSWER_MAX)
            .read_to_string();
        let place = format!("{}{path}", self.url);
        let text = text.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => ImportError::Refused {
                url: place.clone(),
                status,
                reason: format!("the answer is longer than {ANSWER_MAX_MIB} MiB"),
            },
            other => ImportError::Away {
                url: place.clone(),
                reason: other.to_string(),
            },
        })?;
        serde_json::from_str(&text).map_err(|error| ImportError::Malformed {
            place,
            reason: format!("the answer is not JSON: {error}"),
        })
    }
}
