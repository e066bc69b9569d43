//! Tokens of an issuer that is made here.

use super::{Claims, Oidc, OidcConfig, OidcError, fetch, signature};
use automl_core::Clock;
use automl_store::access::Role;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// An issuer with a key of its own, on a port of its own.
struct Issuer {
    url: String,
    key: EcdsaKeyPair,
    /// What it publishes; how often it was asked for that.
    published: Arc<Mutex<(Value, usize)>>,
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).unwrap()
}

fn published(key: &EcdsaKeyPair, id: &str) -> Value {
    let point = key.public_key().as_ref();
    let (x, y) = (encoded(&point[1..33]), encoded(&point[33..]));
    json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": id, "alg": "ES256", "use": "sig", "x": x, "y": y }] })
}

impl Issuer {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = new_key();
        let shared = Arc::new(Mutex::new((published(&key, "one"), 0)));
        let (seen, place) = (Arc::clone(&shared), url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().unwrap().unwrap();
                lines
                    .take_while(|line| !line.as_ref().unwrap().is_empty())
                    .count();
                let body = if first.contains("/.well-known/openid-configuration") {
                    json!({ "issuer": place, "jwks_uri": format!("{place}/keys") })
                } else {
                    let mut seen = seen.lock().unwrap();
                    seen.1 += 1;
                    seen.0.clone()
                };
                let body = body.to_string();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
                write!(
                    stream,
                    "{head}\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
                .unwrap();
            }
        });
        Self {
            url,
            key,
            published: shared,
        }
    }

    fn oidc(&self) -> Oidc {
        Oidc::new(OidcConfig {
            issuer: self.url.clone(),
            audience: "automl".into(),
            role_claim: "realm_access.roles".into(),
        })
    }

    /// Good claims of ada, an editor, with others in their place.
    fn claims(&self, others: &Value) -> Value {
        let mut claims = json!({
            "iss": self.url,
            "aud": ["other", "automl"],
            "sub": "17",
            "preferred_username": "ada",
            "exp": now() + 600,
            "realm_access": { "roles": ["offline", "automl-editor", "viewer"] },
        });
        for (name, value) in others.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        signed(&self.key, header, claims)
    }

    fn token(&self, others: &Value) -> String {
        self.signed(
            &json!({ "alg": "ES256", "kid": "one" }),
            &self.claims(others),
        )
    }
}

fn signed(key: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
    let message = format!(
        "{}.{}",
        encoded(header.to_string()),
        encoded(claims.to_string())
    );
    let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", encoded(signature))
}

fn now() -> i64 {
    Clock::unix_micros() / 1_000_000
}

#[tokio::test]
async fn a_good_token_says_who_and_which_role() {
    let issuer = Issuer::new();
    let claims = issuer
        .oidc()
        .claims(&issuer.token(&json!({})))
        .await
        .unwrap();
    assert_eq!(
        claims,
        Claims {
            name: "ada".into(),
            subject: "17".into(),
            role: Some(Role::Editor),
            expires_us: claims.expires_us,
        }
    );
    assert!(claims.expires_us > Clock::unix_micros());
    for (roles, role) in [
        (json!("viewer admin"), Some(Role::Admin)),
        (json!(["root"]), None),
        (json!(7), None),
    ] {
        let token = issuer.token(&json!({ "realm_access": { "roles": roles } }));
        assert_eq!(issuer.oidc().claims(&token).await.unwrap().role, role);
    }
}

#[tokio::test]
async fn tokens_that_are_not_good_are_refused() {
    let issuer = Issuer::new();
    let oidc = issuer.oidc();
    for others in [
        json!({ "iss": "http://127.0.0.1:1" }),
        json!({ "aud": "other" }),
        json!({ "aud": null }),
        json!({ "exp": now() - 60 }),
        json!({ "exp": null }),
        json!({ "nbf": now() + 600 }),
        json!({ "sub": null }),
    ] {
        let refused = oidc.claims(&issuer.token(&others)).await;
        assert!(
            matches!(refused, Err(OidcError::Token(_))),
            "{others}: {refused:?}"
        );
    }
    let good = issuer.token(&json!({}));
    let forged = signed(
        &new_key(),
        &json!({ "alg": "ES256", "kid": "one" }),
        &issuer.claims(&json!({})),
    );
    let (head, rest) = good.split_once('.').unwrap();
    let unsigned = format!("{}.{}", encoded(json!({ "alg": "none" }).to_string()), rest);
    let shared = issuer.signed(
        &json!({ "alg": "HS256", "kid": "one" }),
        &issuer.claims(&json!({})),
    );
    let confused = issuer.signed(
        &json!({ "alg": "RS256", "kid": "one" }),
        &issuer.claims(&json!({})),
    );
    for token in [
        forged.as_str(),
        &unsigned,
        &shared,
        &confused,
        head,
        "a.b.c",
        "",
    ] {
        assert!(oidc.claims(token).await.is_err(), "{token}");
    }
}

#[tokio::test]
async fn new_keys_are_fetched_when_they_are_named_but_not_over_and_over() {
    let issuer = Issuer::new();
    let oidc = issuer.oidc();
    oidc.claims(&issuer.token(&json!({}))).await.unwrap();
    let next = new_key();
    let token = signed(
        &next,
        &json!({ "alg": "ES256", "kid": "two" }),
        &issuer.claims(&json!({})),
    );
    issuer.published.lock().unwrap().0 = published(&next, "two");
    for _ in 0..3 {
        let refused = oidc.claims(&token).await;
        assert!(matches!(refused, Err(OidcError::Key(id)) if id == "two"));
    }
    assert_eq!(issuer.published.lock().unwrap().1, 1, "asked a moment ago");
    oidc.keys().tried_us = 0;
    oidc.claims(&token).await.unwrap();
    assert_eq!(issuer.published.lock().unwrap().1, 2);
}

#[tokio::test]
async fn an_issuer_that_is_away_or_another_is_told() {
    let issuer = Issuer::new();
    let mut config = (*issuer.oidc().config).clone();
    config.issuer.push('/');
    let other = Oidc::new(config.clone())
        .claims(&issuer.token(&json!({})))
        .await;
    assert!(
        other
            .unwrap_err()
            .to_string()
            .contains("discovery document is of")
    );
    config.issuer = "http://127.0.0.1:9".into();
    let away = Oidc::new(config).claims(&issuer.token(&json!({}))).await;
    assert!(matches!(away, Err(OidcError::Issuer(_))), "{away:?}");
}

#[test]
fn an_issuer_is_asked_by_https_or_on_this_machine() {
    for safe in [
        "https://id.example/x",
        "http://localhost:1/x",
        "http://127.0.0.1",
        "http://[::1]:8/",
    ] {
        assert!(fetch::is_safe(safe), "{safe}");
    }
    for unsafe_one in [
        "http://id.example",
        "http://localhost.example",
        "http://127.0.0.1@evil.example/",
        "file:///etc",
        "",
    ] {
        assert!(!fetch::is_safe(unsafe_one), "{unsafe_one}");
    }
}

#[test]
fn rsa_signatures_are_told_from_others() {
    // Made by OpenSSL: openssl dgst -sha256 -sign.
    const MODULUS: &str = "z65Ah5_4tt4vz2tpX5f7MzLkwptM4rCltvH4u_nmsuqfR32VGSqcBIw_LBEYecTjqXrmQtwBa52HJBRxa_-WN1L1hLp5MfC64FHBN4hQye0GOc\
        vmwgCUEN77HBa4sQPij20W1gmpQrWRWjCZrHT2-EKAI9h4NKeqLa6wcCBJRhwj8_KUHTICfovnfF7kDF28-pkCUBsttVP0OOXZjnOTqKMDJV-\
        8Y_RzDxvZE0xpx7xTibDSNjer2cRcC0rlWY26qwYTAfiN_H_Ngij4RG6Tcg29t9PR0JPTmN8voykDPNrTTxCfmAcCw76SGhfxPD-\
        t6xHkOr32dQVP5Wdco0WK9w";
    const SIGNED: &str = "HkHIG95tw6nOOpJyzqdo5ijwCjtj8VTmKl7WZ-uK8V9flwWHLOZvKhIkIbUntxTjq0tTxtcH7nNmVkyq9VmpvJBss-\
        0LLwAEjDOPT9YdLOWai1sh5v5RrR_HXgjYqu9dnoX5YcovluYzuKeoSAHOoOOQsbdRvLb47iBl2aLIsSoV3huJ8S1s0nRPBIUo5nv2xYH3QpC2\
        19v-2-\
        1r1exiUnang0jgL30aIfI1t6QlWslKAbvGRInm34OjlGXoVGheDABew0HHMxpkjIWei5GFjQVqnWanfSBFsOsiAZxCee31snWGGLwnSH_mRkec\
        xnIwWIrLUymS0myakF9DTTccBg";
    signature::install();
    let key = DecodingKey::from_rsa_components(MODULUS, "AQAB").unwrap();
    let is_good = |message: &str| {
        jsonwebtoken::crypto::verify(SIGNED, message.as_bytes(), &key, Algorithm::RS256)
    };
    assert!(is_good("header.payload").unwrap());
    assert!(!is_good("header.payloaD").unwrap());
}
