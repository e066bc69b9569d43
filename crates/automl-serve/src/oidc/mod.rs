//! Tokens of an OpenID Connect issuer: who they are of, and which role they give.
//!
//! The issuer is known by its discovery document. Its keys are fetched when the first token comes, again when a token names a
//! key that is not known, and once an hour; never more often than each half minute, so that nobody can make this server ask.

mod fetch;
mod signature;

pub(crate) use fetch::is_safe;

use automl_core::Clock;
use automl_store::access::Role;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Which tokens are taken.
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// The URL of the issuer, as its tokens name it.
    pub issuer: String,
    /// What the tokens must be meant for.
    pub audience: String,
    /// The claim with the roles: a name, or names joined by dots for one inside another.
    pub role_claim: String,
}

/// Why a token is refused, or nothing can be said of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    #[error("the token is not good: {0}")]
    Token(#[from] jsonwebtoken::errors::Error),
    #[error("the token is signed by {0:?}, which is not taken")]
    Algorithm(Algorithm),
    #[error("the issuer has no key '{0}'")]
    Key(String),
    #[error("the token has no '{0}'")]
    Claim(&'static str),
    #[error("the issuer cannot be asked: {0}")]
    Issuer(String),
}

/// What a good token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) role: Option<Role>,
    pub(crate) expires_us: i64,
}

/// Signatures that are taken: of keys that the issuer publishes, never of shared secrets.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::RS256, Algorithm::ES256];
/// Seconds by which clocks may differ.
const LEEWAY: u64 = 30;
/// Microseconds after which keys are fetched anew, and between two tries.
const OLD_US: i64 = 3_600_000_000;
const PAUSE_US: i64 = 30_000_000;

#[derive(Default)]
struct Keys {
    set: Option<JwkSet>,
    fetched_us: i64,
    tried_us: i64,
}

/// Knows an issuer. Clones share its keys.
#[derive(Clone)]
pub(crate) struct Oidc {
    config: Arc<OidcConfig>,
    keys: Arc<Mutex<Keys>>,
}

impl Oidc {
    pub(crate) fn new(config: OidcConfig) -> Self {
        signature::install();
        Self {
            config: Arc::new(config),
            keys: Arc::default(),
        }
    }

    /// What a token says, if it is good.
    pub(crate) async fn claims(&self, jwt: &str) -> Result<Claims, OidcError> {
        let header = decode_header(jwt)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(OidcError::Algorithm(header.alg));
        }
        let key = self.key(header.kid.as_deref()).await?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_audience(&[&self.config.audience]);
        let claims = decode::<Value>(jwt, &DecodingKey::from_jwk(&key)?, &validation)?.claims;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let subject = text("sub").ok_or(OidcError::Claim("sub"))?;
        let name = ["preferred_username", "email"].into_iter().find_map(text);
        let expires = claims.get("exp").and_then(Value::as_f64);
        Ok(Claims {
            name: name.unwrap_or(subject).to_owned(),
            subject: subject.to_owned(),
            role: self.role(&claims),
            expires_us: (expires.ok_or(OidcError::Claim("exp"))? * 1e6) as i64,
        })
    }

    /// The highest role that the claim names, as `admin` or `automl-admin`.
    fn role(&self, claims: &Value) -> Option<Role> {
        let mut claim = claims.get(&self.config.role_claim);
        if claim.is_none() {
            let mut path = self.config.role_claim.split('.');
            claim = path.try_fold(claims, |at, name| at.get(name));
        }
        let names: Vec<&str> = match claim? {
            Value::String(name) => name.split([' ', ',']).collect(),
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let roles = names
            .into_iter()
            .filter_map(|name| Role::of_name(name.strip_prefix("automl-").unwrap_or(name)));
        roles.max()
    }

    /// The key of an id; without one, the only key there is.
    async fn key(&self, id: Option<&str>) -> Result<Jwk, OidcError> {
        let mut keys = self.keys.lock().await;
        let now_us = Clock::unix_micros();
        let may_ask = now_us - keys.tried_us >= PAUSE_US;
        let found = keys.find(id);
        if let Some(found) = found {
            if now_us - keys.fetched_us > OLD_US && may_ask {
                keys.tried_us = now_us;
                // Keys that were good an hour ago do meanwhile.
                tokio::spawn(self.clone().renew());
            }
            return Ok(found);
        }
        if may_ask {
            keys.tried_us = now_us;
            // Whoever comes meanwhile waits for the same answer.
            keys.put(self.fetched().await?);
        }
        let missing = || OidcError::Key(id.unwrap_or_default().escape_debug().to_string());
        keys.find(id).ok_or_else(missing)
    }

    async fn renew(self) {
        match self.fetched().await {
            Ok(set) => self.keys.lock().await.put(set),
            Err(error) => tracing::warn!(%error, "the keys of the issuer cannot be renewed"),
        }
    }

    async fn fetched(&self) -> Result<JwkSet, OidcError> {
        let issuer = self.config.issuer.clone();
        let fetched = tokio::task::spawn_blocking(move || fetch::keys(&issuer)).await;
        fetched.unwrap_or_else(|panicked| Err(OidcError::Issuer(panicked.to_string())))
    }
}

impl Keys {
    fn put(&mut self, set: JwkSet) {
        self.set = Some(set);
        self.fetched_us = Clock::unix_micros();
    }

    fn find(&self, id: Option<&str>) -> Option<Jwk> {
        let set = self.set.as_ref()?;
        match (id, set.keys.as_slice()) {
            (Some(id), _) => set.find(id).cloned(),
            (None, [only]) => Some(only.clone()),
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests;
