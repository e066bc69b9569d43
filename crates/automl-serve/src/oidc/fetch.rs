//! Asks an issuer for its discovery document and its keys. Blocking: not for threads that run futures.

use super::OidcError;
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take altogether.
const WAIT: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const LENGTH_MAX: u64 = 1 << 20;

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// The keys of an issuer.
pub(super) fn keys(issuer: &str) -> Result<JwkSet, OidcError> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(WAIT))
        .max_redirects(0)
        .build();
    let agent = config.new_agent();
    let place = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    let discovery: Discovery = json(&agent, &place)?;
    if discovery.issuer != issuer {
        return Err(OidcError::Issuer(format!(
            "its discovery document is of '{}', not of '{issuer}'",
            discovery.issuer.escape_debug()
        )));
    }
    let published: Published = json(&agent, &discovery.jwks_uri)?;
    // Keys of kinds that are not known here, and those for encryption, are the issuer's own affair.
    let is_for_signatures = |key: &Value| key.get("use").is_none_or(|word| word == "sig");
    let keys = published.keys.into_iter().filter(is_for_signatures);
    Ok(JwkSet {
        keys: keys
            .filter_map(|key| serde_json::from_value(key).ok())
            .collect(),
    })
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

fn json<T: DeserializeOwned>(agent: &ureq::Agent, url: &str) -> Result<T, OidcError> {
    if !is_safe(url) {
        return Err(OidcError::Issuer(format!(
            "'{}' is not https",
            url.escape_debug()
        )));
    }
    let failed = |error: &dyn std::fmt::Display| OidcError::Issuer(format!("{url}: {error}"));
    let mut answer = agent.get(url).call().map_err(|error| failed(&error))?;
    let body = answer.body_mut().with_config().limit(LENGTH_MAX);
    let bytes = body.read_to_vec().map_err(|error| failed(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| failed(&error))
}

/// Whether what is asked for there cannot be changed on the way: https, or on this machine.
pub(crate) fn is_safe(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return url.starts_with("https://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    };
    ["localhost", "127.0.0.1", "[::1]"].contains(&host)
}
