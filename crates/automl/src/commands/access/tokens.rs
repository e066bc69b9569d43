//! `automl tokens`.

use super::users::tell;
use super::{open, time, write};
use crate::cli::TokensVerb;
use crate::commands::Status;
use crate::console::Console;
use crate::text::{self, Align};
use automl_store::access::tokens::{self, Limits, Token};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::tracking::now_ms;
use serde_json::{Value, json};

/// Letters of a token that the audit log may hold: its public start.
const PREFIX_LETTERS: usize = 15;

pub(crate) fn run(verb: TokensVerb, console: Console) -> anyhow::Result<Status> {
    match verb {
        TokensVerb::Create {
            user,
            expires,
            requests_per_second,
            burst,
            artifact_bytes_per_day,
            ask,
        } => {
            let expires_ms = expires.map(|after| now_ms() + after.as_millis() as i64);
            let limits = Limits {
                requests_per_second,
                burst,
                artifact_bytes_per_day: artifact_bytes_per_day
                    .map(|n_bytes| i64::try_from(n_bytes).unwrap_or(i64::MAX)),
            };
            let db = open(&ask)?;
            let of = user.clone();
            let secret = write(&db, ("tokens create", &of), move |sql| {
                tokens::create(sql, DEFAULT_WORKSPACE, &user, expires_ms, &limits)
            })?;
            let json = json!({ "token": secret, "expires": expires_ms.map(time) });
            tell(console, &secret, &json)
        }
        TokensVerb::List { user, ask } => {
            let db = open(&ask)?;
            let found = db
                .read(move |sql| tokens::list(sql, user.as_deref()))
                .wait()?;
            let json = json!({ "tokens": found.iter().map(wire).collect::<Value>() });
            tell(console, table(&found).trim_end(), &json)
        }
        TokensVerb::Revoke { token, ask } => {
            let db = open(&ask)?;
            let start: String = token.chars().take(PREFIX_LETTERS).collect();
            write(&db, ("tokens revoke", &start), move |sql| {
                tokens::revoke(sql, &token)
            })?;
            tell(console, "revoked", &json!({ "revoked": true }))
        }
    }
}

fn wire(token: &Token) -> Value {
    json!({
        "prefix": token.prefix,
        "user": token.user,
        "created": time(token.created_ms),
        "expires": token.expires_ms.map(time),
        "revoked": token.revoked_ms.map(time),
        "requests_per_second": token.limits.requests_per_second,
        "burst": token.limits.burst,
        "artifact_bytes_per_day": token.limits.artifact_bytes_per_day,
    })
}

fn table(found: &[Token]) -> String {
    if found.is_empty() {
        return "no tokens; make one: automl tokens create USER".into();
    }
    let heading = ["token", "user", "made", "holds"].map(|name| (name, Align::Left));
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|token| {
            let holds = match (token.revoked_ms, token.expires_ms) {
                (Some(at), _) => format!("revoked {}", time(at)),
                (None, Some(at)) if at <= now_ms() => format!("expired {}", time(at)),
                (None, Some(at)) => format!("until {}", time(at)),
                (None, None) => "until it is revoked".into(),
            };
            vec![
                format!("{}…", token.prefix),
                token.user.clone(),
                time(token.created_ms),
                holds,
            ]
        })
        .collect();
    text::table(&heading, &rows)
}
