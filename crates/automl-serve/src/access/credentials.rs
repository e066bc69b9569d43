//! What a request shows: a name with a password or a token (Basic), or a token alone (Bearer).

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a request shows.
#[derive(PartialEq, Eq)]
pub(super) enum Credentials {
    Basic { name: String, password: String },
    Bearer(String),
}

/// Why there is nothing to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    Absent,
    Odd,
}

/// Reads the header.
pub(super) fn read(headers: &HeaderMap) -> Result<Credentials, Unreadable> {
    let value = headers
        .get(header::AUTHORIZATION)
        .ok_or(Unreadable::Absent)?;
    let text = value.to_str().map_err(|_not_ascii| Unreadable::Odd)?;
    let (scheme, rest) = text.split_once(' ').ok_or(Unreadable::Odd)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !rest.is_empty() {
        return Ok(Credentials::Bearer(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Unreadable::Odd);
    }
    let pair = STANDARD.decode(rest).map_err(|_odd| Unreadable::Odd)?;
    // Clients send Latin-1 or UTF-8; what is no UTF-8 is the former.
    let pair = String::from_utf8(pair)
        .unwrap_or_else(|odd| odd.as_bytes().iter().copied().map(char::from).collect());
    let (name, password) = pair.split_once(':').ok_or(Unreadable::Odd)?;
    Ok(Credentials::Basic {
        name: name.to_owned(),
        password: password.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Credentials, Unreadable, read};
    use axum::http::{HeaderMap, HeaderValue, header};

    fn of(value: &'static str) -> Result<Credentials, Unreadable> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
        read(&headers)
    }

    #[test]
    fn both_schemes_are_read_and_others_are_not() {
        let basic = Credentials::Basic {
            name: "ada".into(),
            password: "a:b".into(),
        };
        assert!(of("Basic YWRhOmE6Yg==").is_ok_and(|found| found == basic));
        assert!(of("bearer abc").is_ok_and(|found| found == Credentials::Bearer("abc".into())));
        let latin = Credentials::Basic {
            name: "é".into(),
            password: "x".into(),
        };
        assert!(of("Basic 6Tp4").is_ok_and(|found| found == latin));
        for odd in ["Basic", "Basic !!", "Basic YWRh", "Bearer ", "Digest x", ""] {
            assert_eq!(of(odd).err(), Some(Unreadable::Odd), "{odd}");
        }
        assert_eq!(read(&HeaderMap::new()).err(), Some(Unreadable::Absent));
    }
}
