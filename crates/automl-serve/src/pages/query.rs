//! What stands behind the question mark of an address, and addresses made from it: a page's state is its address.

use crate::fields::form_pairs;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::convert::Infallible;
use std::fmt::Write as _;

/// The decoded pairs of a query, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts.uri.query().unwrap_or_default()))
    }
}

impl Query {
    pub(super) fn of(text: &str) -> Self {
        Self(form_pairs(text))
    }

    /// The first value of a name; empty if there is none.
    pub(super) fn one(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// All values of a name that are not empty.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let is_named = move |(key, value): &&(String, String)| key == name && !value.is_empty();
        let pairs: Vec<_> = self.0.iter().filter(is_named).collect();
        pairs.into_iter().map(|(_, value)| value.as_str())
    }

    /// A whole number between two bounds, or what counts if there is none.
    pub(super) fn number(&self, name: &str, default: usize, max: usize) -> usize {
        self.one(name).parse().unwrap_or(default).clamp(1, max)
    }

    /// The same address with some names set anew; a name set to nothing goes.
    pub(super) fn with(&self, changes: &[(&str, &str)]) -> String {
        let is_kept = |key: &str| changes.iter().all(|(name, _)| *name != key);
        let kept = self.0.iter().filter(|(key, _)| is_kept(key));
        let kept = kept.map(|(key, value)| (key.as_str(), value.as_str()));
        href(kept.chain(changes.iter().copied()))
    }

    /// The same address with one value more.
    pub(super) fn and(&self, name: &str, value: &str) -> String {
        let pairs = self
            .0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        href(pairs.chain([(name, value)]))
    }

    /// The same address without one value of a name.
    pub(super) fn without(&self, name: &str, value: &str) -> String {
        let pairs = self
            .0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        href(pairs.filter(|pair| *pair != (name, value)))
    }

    /// Pairs of other names, for a form that must keep them.
    pub(super) fn others<'a>(
        &'a self,
        names: &'a [&str],
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let is_other = |(key, value): &(&str, &str)| !names.contains(key) && !value.is_empty();
        let pairs = self
            .0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        pairs.filter(is_other)
    }
}

/// `?key=value&…` of pairs that have a value; `?` alone if none has.
pub(super) fn href<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::from("?");
    for (key, value) in pairs.filter(|(_, value)| !value.is_empty()) {
        if text.len() > 1 {
            text.push('&');
        }
        text.push_str(&encoded(key));
        text.push('=');
        text.push_str(&encoded(value));
    }
    text
}

/// A text as one part of a path or a query.
pub(super) fn encoded(text: &str) -> String {
    let mut done = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            done.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            write!(done, "%{byte:02X}").ok();
        }
    }
    done
}
