//! Which hosts and pages may ask: browsers must not be led here by other sites.

use crate::error::ApiError;
use axum::http::{HeaderMap, Method, StatusCode, header};

/// The names that this server answers to; without them it answers to any.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts(Option<Vec<String>>);

impl Hosts {
    /// Any name.
    pub(crate) fn any() -> Self {
        Self(None)
    }

    /// These names, and this machine's own. A name may have a port; without one it is meant with any.
    pub(crate) fn only(names: &[String]) -> Self {
        let own = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        let given = names.iter().map(|name| name.to_ascii_lowercase());
        Self(Some(own.into_iter().chain(given).collect()))
    }

    /// Refuses a name that is not ours. What names no host is no browser.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let (Some(names), Some(host)) = (&self.0, headers.get(header::HOST)) else {
            return Ok(());
        };
        let host = host.to_str().unwrap_or_default();
        let is_ours = names.iter().any(|name| {
            name.eq_ignore_ascii_case(host) || name.eq_ignore_ascii_case(without_port(host))
        });
        if is_ours {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "PERMISSION_DENIED",
            "Invalid Host header - possible DNS rebinding attack detected; name the host in --allowed-hosts if it is this server's",
        ))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The colons of [::1] are none before a port.
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Refuses what a page of another site would change.
pub(super) fn check_origin(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let is_read = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    let origin = origin.to_str().unwrap_or_default();
    let site = origin
        .split_once("://")
        .map(|(_, site)| site.to_ascii_lowercase());
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let is_own = site.is_some() && site == host.map(str::to_ascii_lowercase);
    if is_read || is_own {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "PERMISSION_DENIED",
        "Cross-origin request blocked",
    ))
}

#[cfg(test)]
mod tests {
    use super::{Hosts, check_origin};
    use axum::http::{HeaderMap, HeaderValue, Method};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                let name = name.parse().unwrap();
                (name, HeaderValue::from_static(value))
            })
            .collect()
    }

    #[test]
    fn a_name_that_is_not_ours_is_refused() {
        let hosts = Hosts::only(&["box.example".to_owned(), "a.example:81".to_owned()]);
        for ours in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:5",
            "box.example:9",
            "a.example:81",
        ] {
            assert!(hosts.check(&headers(&[("host", ours)])).is_ok(), "{ours}");
        }
        for other in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io:80",
            "a.example",
            "",
            ":80",
        ] {
            assert!(
                hosts.check(&headers(&[("host", other)])).is_err(),
                "{other}"
            );
            assert!(Hosts::any().check(&headers(&[("host", other)])).is_ok());
        }
    }

    #[test]
    fn a_page_of_another_site_reads_at_most() {
        let evil = headers(&[("origin", "https://evil.example"), ("host", "localhost:1")]);
        let own = headers(&[("origin", "http://localhost:1"), ("host", "localhost:1")]);
        assert!(check_origin(&Method::POST, &evil).is_err());
        assert!(check_origin(&Method::DELETE, &headers(&[("origin", "null")])).is_err());
        assert!(check_origin(&Method::POST, &own).is_ok());
        assert!(check_origin(&Method::GET, &evil).is_ok());
        assert!(check_origin(&Method::POST, &headers(&[])).is_ok());
    }
}
