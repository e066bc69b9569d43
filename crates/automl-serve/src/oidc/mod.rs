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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
/// Characters that are kept of a name.
const TEXT_MAX: usize = 200;
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
    /// Held by the one who asks the issuer; who has a key that is known never waits for it.
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl Oidc {
    pub(crate) fn new(config: OidcConfig) -> Self {
        signature::install();
        Self {
            config: Arc::new(config),
            keys: Arc::default(),
            asking: Arc::default(),
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
            name: plain(name.unwrap_or(subject)),
            subject: plain(subject),
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

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of an id; without one, the only key there is.
    async fn key(&self, id: Option<&str>) -> Result<Jwk, OidcError> {
        if let Some(found) = self.known(id) {
            return Ok(found);
        }
        // Whoever comes meanwhile waits for the same answer.
        let _asking = self.asking.lock().await;
        if let Some(found) = self.known(id) {
            return Ok(found);
        }
        if self.keys().may_ask() {
            let set = self.fetched().await?;
            self.keys().put(set);
        }
        let missing = || OidcError::Key(plain(id.unwrap_or_default()));
        self.keys().find(id).ok_or_else(missing)
    }

    /// A key that was fetched; old ones are good, and are fetched anew meanwhile.
    fn known(&self, id: Option<&str>) -> Option<Jwk> {
        let mut keys = self.keys();
        let found = keys.find(id)?;
        if Clock::unix_micros() - keys.fetched_us > OLD_US && keys.may_ask() {
            tokio::spawn(self.clone().renew());
        }
        Some(found)
    }

    async fn renew(self) {
        match self.fetched().await {
            Ok(set) => self.keys().put(set),
            Err(error) => tracing::warn!(%error, "the keys of the issuer cannot be renewed"),
        }
    }

    async fn fetched(&self) -> Result<JwkSet, OidcError> {
        let issuer = self.config.issuer.clone();
        let fetched = tokio::task::spawn_blocking(move || fetch::keys(&issuer)).await;
        fetched.unwrap_or_else(|panicked| Err(OidcError::Issuer(panicked.to_string())))
    }
}

/// A text of a token as it can be stored and shown.
fn plain(text: &str) -> String {
    let letters = text.chars().filter(|letter| !letter.is_control());
    letters.take(TEXT_MAX).collect()
}

impl Keys {
    /// Whether the issuer may be asked now; if so, it counts as asked.
    fn may_ask(&mut self) -> bool {
        let now_us = Clock::unix_micros();
        let may = now_us - self.tried_us >= PAUSE_US;
        if may {
            self.tried_us = now_us;
        }
        may
    }

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
