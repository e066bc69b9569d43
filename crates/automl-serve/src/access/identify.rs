//! Finds out who shows a credential, and remembers it for a while.
//!
//! What was found is kept for a minute under the hash of the header, with the number of the record's state of users and
//! tokens; that number is read anew once a second, so a token that is revoked, here or by another program, is refused within
//! that time.

use super::attempts::Attempts;
use super::credentials::{self, Credentials, Unreadable};
use super::usage::Usage;
use crate::error::ApiError;
use crate::oidc::{Oidc, OidcError};
use automl_core::Clock;
use automl_store::access::{Role, password, tokens, users, version};
use automl_store::db::Database;
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Microseconds that what was found is believed.
const KEPT_US: i64 = 60_000_000;
/// Microseconds after which the record is asked whether it changed.
const FRESH_US: i64 = 1_000_000;
/// Credentials that are remembered.
const KEPT_MAX: usize = 4096;
/// Passwords hashed at once: each takes 19 MiB and a core.
static HASHING: Semaphore = Semaphore::const_new(2);
/// Requests with a password that wait for their turn.
const PASSWORDS_WAITING: usize = 64;

/// The hash of a password, made in turn and where it holds up nobody.
pub(crate) async fn hashed(password: String) -> Result<String, ApiError> {
    let _turn = HASHING.acquire().await;
    let work = tokio::task::spawn_blocking(move || password::hash(&password)).await;
    Ok(work.map_err(|error| ApiError::internal(error.to_string()))??)
}

/// Someone who proved who they are.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) name: String,
    /// By what: `password`, `token …` or `oidc …`.
    pub(crate) means: String,
    /// In the workspace; nothing if they have no part in it.
    pub(crate) role: Option<Role>,
    /// Of the token.
    pub(crate) usage: Option<Arc<Usage>>,
}

impl Visitor {
    /// Whether it is a user of the record, whose name is theirs alone, and no guest of an issuer.
    pub(crate) fn is_user(&self) -> bool {
        !self.means.starts_with("oidc")
    }
}

struct Known {
    visitor: Arc<Visitor>,
    version: i64,
    until_us: i64,
}

/// Knows who is who.
pub(crate) struct Access {
    db: Database,
    oidc: Option<Oidc>,
    known: Mutex<BTreeMap<[u8; 32], Known>>,
    usages: Mutex<BTreeMap<String, Arc<Usage>>>,
    version: AtomicI64,
    asked_us: AtomicI64,
    waiting: Semaphore,
    attempts: Attempts,
}

impl Access {
    pub(crate) fn new(db: Database, oidc: Option<Oidc>) -> Self {
        Self {
            db,
            oidc,
            known: Mutex::default(),
            usages: Mutex::default(),
            version: AtomicI64::new(-1),
            asked_us: AtomicI64::new(0),
            waiting: Semaphore::new(PASSWORDS_WAITING),
            attempts: Attempts::default(),
        }
    }

    /// Who asks.
    pub(super) async fn visitor(
        &self,
        headers: &HeaderMap,
        address: Option<IpAddr>,
    ) -> Result<Arc<Visitor>, ApiError> {
        let key: [u8; 32] = match headers.get(header::AUTHORIZATION) {
            Some(value) => Sha256::digest(value.as_bytes()).into(),
            None => return Err(unknown("You are not authenticated.")),
        };
        self.refresh().await;
        if let Some(visitor) = self.remembered(&key) {
            return Ok(visitor);
        }
        let shown = credentials::read(headers).map_err(|odd| match odd {
            Unreadable::Absent => unknown("You are not authenticated."),
            Unreadable::Odd => unknown("The Authorization header cannot be read."),
        })?;
        let found = match shown {
            Credentials::Bearer(secret) if tokens::is_token(&secret) => {
                self.by_token(None, secret).await?
            }
            Credentials::Bearer(jwt) => self.by_jwt(&jwt).await?,
            Credentials::Basic { name, password } if tokens::is_token(&password) => {
                self.by_token(Some(name), password).await?
            }
            Credentials::Basic { name, password } => {
                // Those who wait hold places that others with a token want.
                let Ok(_place) = self.waiting.try_acquire() else {
                    return Err(ApiError::busy());
                };
                let _turn = HASHING.acquire().await;
                // Another request of the same client may have had the turn before.
                if let Some(visitor) = self.remembered(&key) {
                    return Ok(visitor);
                }
                let found = self.by_password(name, password, address).await?;
                return Ok(self.remember(key, found));
            }
        };
        Ok(self.remember(key, found))
    }

    /// Asks at the next request whether users or tokens changed.
    pub(crate) fn changed(&self) {
        self.asked_us.store(0, Ordering::Relaxed);
    }

    /// Asks the record whether it changed, if that was not asked just now; one request does it for all.
    async fn refresh(&self) {
        let now_us = Clock::unix_micros();
        let asked_us = self.asked_us.load(Ordering::Relaxed);
        if now_us - asked_us < FRESH_US {
            return;
        }
        let swap =
            self.asked_us
                .compare_exchange(asked_us, now_us, Ordering::Relaxed, Ordering::Relaxed);
        if swap.is_err() {
            return;
        }
        match self.db.read(version).await {
            Ok(version) => {
                self.version.fetch_max(version, Ordering::Relaxed);
            }
            // What is remembered runs out by itself.
            Err(error) => tracing::warn!(%error, "cannot ask whether users or tokens changed"),
        }
    }

    fn remembered(&self, key: &[u8; 32]) -> Option<Arc<Visitor>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(key)?;
        let is_good = found.version >= self.version.load(Ordering::Relaxed)
            && found.until_us > Clock::unix_micros();
        is_good.then(|| Arc::clone(&found.visitor))
    }

    fn remember(&self, key: [u8; 32], new: Known) -> Arc<Visitor> {
        let visitor = Arc::clone(&new.visitor);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT_MAX {
            let now_us = Clock::unix_micros();
            known.retain(|_, one| one.until_us > now_us);
        }
        if known.len() >= KEPT_MAX {
            let oldest = known.iter().min_by_key(|(_, one)| one.until_us);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                known.remove(&oldest);
            }
        }
        known.insert(key, new);
        visitor
    }

    async fn by_token(&self, name: Option<String>, secret: String) -> Result<Known, ApiError> {
        let now_us = Clock::unix_micros();
        let found = self.db.read(move |sql| {
            let version = version(sql)?;
            let Some((user, token)) = tokens::holder(sql, DEFAULT_WORKSPACE, &secret)? else {
                return Ok(None);
            };
            let used = tokens::used(sql, &token.prefix, Usage::day_of(now_us))?;
            Ok::<_, TrackingError>(Some((version, user, token, used)))
        });
        let (version, user, token, used) = found
            .await?
            .filter(|(_, user, _, _)| name.is_none_or(|name| name == user.name))
            .ok_or_else(|| unknown("The token does not hold: it is wrong, expired or revoked."))?;
        let expires_us = token
            .expires_ms
            .map_or(i64::MAX, |ms| ms.saturating_mul(1000));
        let mut usages = self.usages.lock().unwrap_or_else(PoisonError::into_inner);
        let usage = usages
            .entry(token.prefix.clone())
            .or_insert_with(|| Arc::new(Usage::new(&token, used, now_us)));
        Ok(Known {
            visitor: Arc::new(Visitor {
                name: user.name,
                means: format!("token {}", token.prefix),
                role: user.role,
                usage: Some(Arc::clone(usage)),
            }),
            version,
            until_us: expires_us.min(now_us + KEPT_US),
        })
    }

    async fn by_password(
        &self,
        name: String,
        password: String,
        address: Option<IpAddr>,
    ) -> Result<Known, ApiError> {
        let now_us = Clock::unix_micros();
        self.attempts
            .begin(address, &name, now_us as f64 / 1e6)
            .map_err(|wait| ApiError::too_many("too many wrong passwords", wait))?;
        let asked = name.clone();
        let found = self.db.read(move |sql| {
            let version = version(sql)?;
            let user = users::with_hash(sql, DEFAULT_WORKSPACE, &asked)?;
            Ok::<_, TrackingError>((version, user))
        });
        let (version, user) = found.await?;
        let (user, hash) = match user {
            Some((user, hash)) => (Some(user), hash),
            None => (None, None),
        };
        let work = move || password::is_right(&password, hash.as_deref());
        let is_right = tokio::task::spawn_blocking(work).await;
        let is_right = is_right.map_err(|error| ApiError::internal(error.to_string()))?;
        let user = user
            .filter(|_| is_right)
            .ok_or_else(|| unknown("The username or the password is wrong."))?;
        self.attempts.was_right(address, &name);
        let visitor = Arc::new(Visitor {
            name: user.name,
            means: "password".into(),
            role: user.role,
            usage: None,
        });
        Ok(Known {
            visitor,
            version,
            until_us: now_us + KEPT_US,
        })
    }

    async fn by_jwt(&self, jwt: &str) -> Result<Known, ApiError> {
        let wrong = "The bearer token does not hold: it is wrong, expired or revoked.";
        let oidc = self.oidc.as_ref().ok_or_else(|| unknown(wrong))?;
        let claims = oidc.claims(jwt).await.map_err(|error| {
            tracing::info!(%error, "a token of the issuer was refused");
            match error {
                // The token may be good: the client is to try again.
                OidcError::Issuer(_) => ApiError::away("the issuer of tokens cannot be asked"),
                _ => unknown(wrong),
            }
        })?;
        let now_us = Clock::unix_micros();
        Ok(Known {
            visitor: Arc::new(Visitor {
                // Never the name of a user of the record, which has no colon.
                name: format!("oidc:{}", claims.name),
                means: format!("oidc {}", claims.subject),
                role: claims.role,
                usage: None,
            }),
            version: i64::MAX,
            until_us: claims.expires_us.min(now_us + KEPT_US),
        })
    }
}

fn unknown(told: &str) -> ApiError {
    ApiError::unauthenticated(format!(
        "{told} Send a user and a password, or a token: MLflow's clients take MLFLOW_TRACKING_USERNAME with \
         MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
    ))
}
