//! TLS from a certificate and its key.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use tokio_rustls::{TlsAcceptor, rustls};

/// A certificate and its key, both as PEM.
#[derive(Clone)]
pub struct Tls {
    /// The server's certificate first, then those that vouch for it.
    pub certificates: Vec<u8>,
    /// The key of the first certificate.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Makes what takes connections in.
///
/// # Errors
/// A word on what is wrong with the certificate or the key.
pub(crate) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, String> {
    let certificates = CertificateDer::pem_slice_iter(&tls.certificates);
    let certificates: Vec<CertificateDer<'static>> = certificates
        .collect::<Result<_, _>>()
        .map_err(|error| format!("the certificate cannot be read: {error}"))?;
    if certificates.is_empty() {
        return Err("the file of the certificate has none (PEM is wanted)".into());
    }
    let key = PrivateKeyDer::from_pem_slice(&tls.key)
        .map_err(|error| format!("the key cannot be read: {error}"))?;
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| format!("certificate and key do not go together: {error}"))?;
    // Who speaks both gets HTTP/1.1, in which an upload that is refused early still has its answer; gRPC offers h2 alone.
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
