//! Where deliveries may go: public addresses over HTTPS, unless the server was told otherwise.
//!
//! The addresses that a connection is made to are checked, not those of an earlier look-up, so that a name that changes
//! its address between the two gains nothing.

use crate::error::ApiError;
use axum::http::Uri;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Finds the addresses of a host and refuses those that are not public.
#[derive(Debug)]
pub(super) struct PublicOnly {
    pub(super) allows_private: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("{0} is not a public address")]
struct NotPublic(IpAddr);

impl Resolver for PublicOnly {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        let private = found.iter().map(SocketAddr::ip).find(|ip| !is_public(*ip));
        match private {
            Some(ip) if !self.allows_private => Err(ureq::Error::Other(Box::new(NotPublic(ip)))),
            _ => Ok(found),
        }
    }
}

/// Whether anybody on the Internet can have an address.
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => embedded(ip).map_or_else(|| is_public_v6(ip), is_public_v4),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_for_protocols = a == 192 && b == 0 && c == 0;
    let is_for_measuring = a == 198 && (b == 18 || b == 19);
    let is_reserved = a == 0 || a >= 224;
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || is_shared
        || is_for_protocols
        || is_for_measuring
        || is_reserved)
}

/// The older address that a newer one stands for: mapped, compatible, 6to4 or NAT64.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let of = |high: u16, low: u16| {
        let ([p, q], [r, s]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(p, q, r, s)
    };
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => Some(of(g, h)),
        (0x2002, ..) => Some(of(b, c)),
        _ => None,
    }
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let is_global = (0x2000..0x4000).contains(&a);
    let is_for_protocols = a == 0x2001 && b < 0x200;
    let is_documentation = (a == 0x2001 && b == 0xdb8) || (a == 0x3fff && b < 0x1000);
    is_global && !is_for_protocols && !is_documentation
}

/// Checks the address of a webhook: its scheme, its host, and where that leads. A host that is not known today may be
/// tomorrow: each delivery checks again.
pub(crate) async fn check_url(url: &str, allows_private: bool) -> Result<(), ApiError> {
    let invalid = |why: String| ApiError::invalid(format!("Invalid webhook URL: {why}"));
    if url.trim().is_empty() {
        return Err(ApiError::invalid(
            "Webhook URL cannot be empty or just whitespace",
        ));
    }
    let uri: Uri = url
        .parse()
        .map_err(|error: axum::http::uri::InvalidUri| invalid(error.to_string()))?;
    let schemes: &[&str] = if allows_private {
        &["https", "http"]
    } else {
        &["https"]
    };
    let scheme = uri.scheme_str().unwrap_or_default();
    if !schemes.contains(&scheme) {
        return Err(ApiError::invalid(format!(
            "Invalid webhook URL scheme: '{scheme}'. Allowed schemes are: {}.",
            schemes.join(", ")
        )));
    }
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else {
        return Err(ApiError::invalid("Webhook URL must include a hostname"));
    };
    if allows_private {
        return Ok(());
    }
    let host = host.trim_matches(['[', ']']).to_owned();
    let looked_up = host.clone();
    let found =
        tokio::task::spawn_blocking(move || (looked_up.as_str(), 443).to_socket_addrs()).await;
    let addresses: Vec<SocketAddr> = match found {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    match addresses
        .into_iter()
        .find(|address| !is_public(address.ip()))
    {
        Some(address) => Err(invalid(format!(
            "'{host}' leads to {}, which is not a public address",
            address.ip()
        ))),
        None => Ok(()),
    }
}
