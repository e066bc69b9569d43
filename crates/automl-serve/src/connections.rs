//! Takes connections in, with bounds on their number and on how long they may dawdle.

mod patience;

use crate::access::{Outgoing, Peer};
use crate::metrics::Metrics;
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use patience::Patient;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// Connections at once; more wait until one ends.
const OPEN_MAX: usize = 4096;
/// How long a client may take to agree on TLS.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);
/// How long it may take to send the head of a request.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// How long it may read nothing of what is answered.
const READ_WAIT: Duration = Duration::from_mins(1);
/// Fields of a head.
const HEAD_FIELDS_MAX: usize = 100;
/// Bytes of a head.
const HEAD_BYTES_MAX: usize = 128 << 10;
/// What HTTP/2 begins with.
const HTTP2_BEGINS: &[u8; 4] = b"PRI ";
/// Between looks at whether more of that came.
const PEEK_PAUSE: Duration = Duration::from_millis(50);
/// Requests at once in a connection of HTTP/2.
const STREAMS_MAX: u32 = 256;
/// How often a silent client of HTTP/2 is asked whether it is there, and how long it may take to answer.
const PING_EVERY: Duration = Duration::from_mins(1);
const PING_WAIT: Duration = Duration::from_secs(20);
/// How long requests may take that were begun when the server is told to stop.
const STOP_WAIT: Duration = Duration::from_secs(30);
/// After a connection could not be taken, such as for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` ends, then waits a while for what was begun.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    metrics: Metrics,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let (stopping, _) = watch::channel(());
    let room = Arc::new(Semaphore::new(OPEN_MAX));
    let mut stop = std::pin::pin!(stop);
    loop {
        let taken = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut stop => break,
            taken = taken => taken,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (tls, router, metrics) = (tls.clone(), router.clone(), metrics.clone());
        let end = End {
            stopping: stopping.subscribe(),
            watcher: graceful.watcher(),
        };
        tokio::spawn(async move {
            metrics.connections().inc();
            open(stream, address, tls, router, end).await;
            metrics.connections().dec();
            drop(place);
        });
    }
    drop((listener, stopping));
    if tokio::time::timeout(STOP_WAIT, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests that took too long were cut off");
    }
}

/// How a connection hears that the server is told to stop.
struct End {
    /// While nothing was asked yet.
    stopping: watch::Receiver<()>,
    watcher: Watcher,
}

async fn open(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    end: End,
) {
    let End {
        mut stopping,
        watcher,
    } = end;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection went away");
        return;
    }
    let peer = Peer {
        address,
        has_tls: tls.is_some(),
    };
    let Some(tls) = tls else {
        let begun = tokio::select! {
            begun = tokio::time::timeout(HEAD_WAIT, begins_as_http2(&stream)) => begun,
            // Nothing was asked yet.
            _ended = stopping.changed() => return,
        };
        return match begun {
            Ok(Ok(true)) => answer_http2(patient(stream), peer, router, watcher).await,
            Ok(Ok(false)) => answer(patient(stream), peer, router, watcher).await,
            Ok(Err(error)) => tracing::debug!(%error, "a connection went away"),
            Err(_late) => tracing::debug!("no request in time"),
        };
    };
    match tokio::time::timeout(HANDSHAKE_WAIT, tls.accept(patient(stream))).await {
        Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
            answer_http2(stream, peer, router, watcher).await;
        }
        Ok(Ok(stream)) => answer(stream, peer, router, watcher).await,
        Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
        Err(_late) => tracing::debug!("no TLS in time"),
    }
}

fn patient(stream: TcpStream) -> Patient<TcpStream> {
    Patient::new(stream, READ_WAIT)
}

/// Whether a client speaks HTTP/2, as gRPC does, which its first bytes tell.
async fn begins_as_http2(stream: &TcpStream) -> io::Result<bool> {
    loop {
        let mut bytes = [0; HTTP2_BEGINS.len()];
        let n_bytes = stream.peek(&mut bytes).await?;
        if n_bytes == 0 || bytes[..n_bytes] != HTTP2_BEGINS[..n_bytes] {
            return Ok(false);
        }
        if n_bytes == bytes.len() {
            return Ok(true);
        }
        // A few bytes came alone; nothing tells when more are there.
        tokio::time::sleep(PEEK_PAUSE).await;
    }
}

async fn answer_http2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    watcher: Watcher,
) {
    let router = TowerToHyperService::new(router);
    let outgoing = Outgoing::default();
    let answers = outgoing.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(answers.clone());
        // What HTTP/1 says in a header.
        let authority = request.uri().authority();
        let host = authority.and_then(|host| HeaderValue::try_from(host.as_str()).ok());
        if let Some(host) = host {
            request.headers_mut().insert(header::HOST, host);
        }
        router.call(request)
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_WAIT)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = watcher.watch(connection) => if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke off");
        },
        () = outgoing.stalled(READ_WAIT) => tracing::debug!("an answer is not read"),
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    watcher: Watcher,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_headers(HEAD_FIELDS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests;
