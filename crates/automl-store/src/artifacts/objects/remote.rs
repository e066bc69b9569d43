//! The connection to an object store.

use super::super::ArtifactError;
use super::told;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer, Url};
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long a request is repeated while the store is away.
pub const RETRY_SECONDS: u64 = 20;
/// How long a signed address is good.
const SIGNED: Duration = Duration::from_hours(1);

/// An object store that can be spoken to.
pub struct Remote {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(super) parts: Arc<dyn MultipartStore>,
    /// Where clients may write parts by signed addresses.
    pub(super) signer: Option<Arc<dyn Signer>>,
    /// What all keys begin with.
    pub(super) prefix: Path,
    runtime: Option<Runtime>,
}

impl Remote {
    /// Checks that a URL and the options are enough to connect, without connecting.
    pub(in super::super) fn check(
        url: &str,
        options: &BTreeMap<String, String>,
    ) -> Result<(), ArtifactError> {
        connect(url, options).map(drop)
    }

    pub(crate) fn open(
        url: &str,
        options: &BTreeMap<String, String>,
    ) -> Result<Self, ArtifactError> {
        let connected = connect(url, options)?;
        Self::with(
            connected.objects,
            connected.parts,
            connected.signer,
            connected.prefix,
        )
    }

    pub(crate) fn with(
        objects: Arc<dyn ObjectStore>,
        parts: Arc<dyn MultipartStore>,
        signer: Option<Arc<dyn Signer>>,
        prefix: Path,
    ) -> Result<Self, ArtifactError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("objects")
            .enable_all()
            .build()
            .map_err(|source| ArtifactError::Io { source })?;
        Ok(Self {
            objects,
            parts,
            signer,
            prefix,
            runtime: Some(runtime),
        })
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is there until the drop")
    }

    /// Blocks this thread until a request is answered.
    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime().block_on(future)
    }

    /// Where requests run that this thread does not wait for yet.
    pub(super) fn handle(&self) -> &tokio::runtime::Handle {
        self.runtime().handle()
    }

    /// An address that lets its holder make one request to an object.
    pub(super) fn sign(
        &self,
        method: &str,
        key: &str,
        query: &[(String, String)],
    ) -> Result<String, ArtifactError> {
        let Some(signer) = &self.signer else {
            return Err(ArtifactError::NoParts);
        };
        let method = if method == "PUT" {
            Method::PUT
        } else {
            Method::GET
        };
        let options = SignedUrlOptions::default().with_query(query.iter().cloned());
        let place = Path::from(key);
        let signed = signer.signed_url_opts(method, &place, SIGNED, &options);
        let url = self.wait(signed).map_err(|error| told(key, error))?;
        Ok(url.to_string())
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // The last holder may be on a thread that runs futures, which must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Connected {
    objects: Arc<dyn ObjectStore>,
    parts: Arc<dyn MultipartStore>,
    signer: Option<Arc<dyn Signer>>,
    prefix: Path,
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: 1000,
        retry_timeout: Duration::from_secs(RETRY_SECONDS),
    }
}

/// How requests are made, where the options do not say it.
const CLIENT: [(ClientConfigKey, &str); 2] = [
    (ClientConfigKey::ConnectTimeout, "5 seconds"),
    (ClientConfigKey::Timeout, "300 seconds"),
];

/// Makes what speaks to one kind of store: options of other stores are passed over.
macro_rules! build {
    ($builder:ident, $key:ident, $url:expr, $options:expr) => {{
        let mut builder = $builder::new().with_url($url).with_retry(retry());
        for (name, value) in CLIENT {
            builder = builder.with_config($key::Client(name), value);
        }
        let is_plain = |(name, value): (&String, &String)| {
            (name.contains("endpoint") || name.contains("base_url")) && value.starts_with("http://")
        };
        if $options.iter().any(is_plain) {
            // Who names an address without TLS wants it.
            builder = builder.with_config($key::Client(ClientConfigKey::AllowHttp), "true");
        }
        for (name, value) in $options {
            if let Ok(key) = name.parse::<$key>() {
                builder = builder.with_config(key, value);
            }
        }
        builder.build().map(Arc::new)
    }};
}

fn connect(url: &str, options: &BTreeMap<String, String>) -> Result<Connected, ArtifactError> {
    let odd = |reason: String| ArtifactError::Location {
        location: url.to_owned(),
        reason,
    };
    // Another part of the process may have chosen already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let parsed = Url::parse(url).map_err(|error| odd(error.to_string()))?;
    let unknown = || {
        odd("expected s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX, file:///DIR or a directory".into())
    };
    let (scheme, prefix) = ObjectStoreScheme::parse(&parsed).map_err(|_unknown| unknown())?;
    let failed = |error: object_store::Error| odd(error.to_string());
    Ok(match scheme {
        ObjectStoreScheme::AmazonS3 => {
            let store = build!(AmazonS3Builder, AmazonS3ConfigKey, url, options).map_err(failed)?;
            Connected {
                objects: Arc::clone(&store) as _,
                parts: Arc::clone(&store) as _,
                signer: Some(store),
                prefix,
            }
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            let store =
                build!(GoogleCloudStorageBuilder, GoogleConfigKey, url, options).map_err(failed)?;
            Connected {
                objects: Arc::clone(&store) as _,
                parts: store,
                signer: None,
                prefix,
            }
        }
        ObjectStoreScheme::MicrosoftAzure => {
            let store =
                build!(MicrosoftAzureBuilder, AzureConfigKey, url, options).map_err(failed)?;
            Connected {
                objects: Arc::clone(&store) as _,
                parts: store,
                signer: None,
                prefix,
            }
        }
        _ => return Err(unknown()),
    })
}
