//! One delivery: signed, sent, and tried again where that may help.

use super::guard::PublicOnly;
use super::{Happening, Manner};
use automl_core::Clock;
use automl_store::registry::webhooks::Secret;
use automl_store::rfc3339;
use automl_store::tracking::new_id;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use std::time::Duration;
use ureq::Agent;
use ureq::unversioned::transport::DefaultConnector;

/// Tries after the first.
const RETRIES: u32 = 3;
const WAIT_MAX: Duration = Duration::from_mins(1);
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read.
const ANSWER_MAX: u64 = 64 << 10;

/// Sends deliveries.
#[derive(Clone)]
pub(crate) struct Poster {
    agent: Agent,
    first_wait: Duration,
}

/// What a webhook answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// How long it asks to be left alone.
    retry_after: Option<Duration>,
}

impl Reply {
    fn is_passing(&self) -> bool {
        matches!(self.status, 429 | 500 | 502 | 503 | 504)
    }
}

impl Poster {
    pub(super) fn new(manner: &Manner) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            // A redirect could lead where the webhook was not meant to, and a proxy would hide where it leads.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("automl/", env!("CARGO_PKG_VERSION")))
            .build();
        let resolver = PublicOnly {
            allows_private: manner.allows_private,
        };
        Self {
            agent: Agent::with_parts(config, DefaultConnector::default(), resolver),
            first_wait: manner.first_wait,
        }
    }

    /// Sends an event and gives the last answer. Blocks, between tries too.
    pub(crate) fn deliver(
        &self,
        url: &str,
        secret: Option<&Secret>,
        happening: &Happening,
    ) -> Result<Reply, String> {
        let now = Clock::unix_micros() / 1_000_000;
        let body = json!({
            "entity": happening.event.entity,
            "action": happening.event.action,
            "timestamp": rfc3339(now * 1_000_000),
            "data": happening.data,
        })
        .to_string();
        let id = delivery_id()?;
        let mut wait = self.first_wait;
        let mut n_left = RETRIES;
        loop {
            let outcome = self.post(url, secret, &id, now, &body);
            let pause = match &outcome {
                Ok(reply) if !reply.is_passing() => {
                    return outcome.map_err(|error| error.to_string());
                }
                Ok(reply) => reply.retry_after.unwrap_or(wait),
                Err(ureq::Error::Other(_) | ureq::Error::BadUri(_) | ureq::Error::Http(_)) => {
                    return outcome.map_err(|error| error.to_string());
                }
                Err(_) => wait,
            };
            if n_left == 0 {
                return outcome.map_err(|error| error.to_string());
            }
            std::thread::sleep(pause.min(WAIT_MAX));
            wait *= 2;
            n_left -= 1;
        }
    }

    fn post(
        &self,
        url: &str,
        secret: Option<&Secret>,
        id: &str,
        now: i64,
        body: &str,
    ) -> Result<Reply, ureq::Error> {
        let mut request = self
            .agent
            .post(url)
            .header("content-type", "application/json")
            .header("x-mlflow-delivery-id", id)
            .header("x-mlflow-timestamp", now.to_string());
        if let Some(secret) = secret {
            request = request.header("x-mlflow-signature", signature(secret, id, now, body));
        }
        let mut answer = request.send(body)?;
        let asked = answer.headers().get("retry-after");
        let seconds = asked.and_then(|text| text.to_str().ok()?.parse().ok());
        let status = answer.status().as_u16();
        let body = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_MAX)
            .read_to_vec();
        Ok(Reply {
            status,
            // An answer that is too long or breaks off counts by its status alone.
            body: String::from_utf8_lossy(&body.unwrap_or_default()).into_owned(),
            retry_after: seconds.map(Duration::from_secs),
        })
    }
}

/// `v1,` and the HMAC-SHA-256 of `ID.TIMESTAMP.BODY` in Base64.
pub(super) fn signature(secret: &Secret, id: &str, now: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
        .expect("a key of HMAC has any length");
    mac.update(format!("{id}.{now}.{body}").as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// A random UUID of version 4.
fn delivery_id() -> Result<String, String> {
    let id = new_id().map_err(|error| error.to_string())?;
    Ok(format!(
        "{}-{}-4{}-a{}-{}",
        &id[..8],
        &id[8..12],
        &id[13..16],
        &id[17..20],
        &id[20..]
    ))
}
