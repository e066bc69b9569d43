//! One gRPC call as a service: a message in, a message out.

use axum::extract::Request;
use axum::http;
use prost::Message;
use std::convert::Infallible;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic::{Request as Asked, Response, Status};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

/// The longest message that is read: templates of trials carry all that was measured, requests for predictions all rows.
const MESSAGE_MAX: usize = 64 << 20;

/// A service that answers each message by `handler`.
pub(crate) fn unary<Ask, Answer, Handler, Answered>(
    handler: Handler,
) -> impl Service<Request, Response = http::Response<Body>, Error = Infallible, Future: Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static
where
    Ask: Message + Default + Send + 'static,
    Answer: Message + Default + Send + 'static,
    Handler: Fn(Ask) -> Answered + Clone + Send + Sync + 'static,
    Answered: Future<Output = Result<Answer, Status>> + Send + 'static,
{
    unary_whole(MESSAGE_MAX, move |ask: Asked<Ask>| {
        handler(ask.into_inner())
    })
}

/// As [`unary`], of messages of at most so many bytes, with what came beside them.
pub(crate) fn unary_whole<Ask, Answer, Handler, Answered>(
    n_bytes_max: usize,
    handler: Handler,
) -> impl Service<Request, Response = http::Response<Body>, Error = Infallible, Future: Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static
where
    Ask: Message + Default + Send + 'static,
    Answer: Message + Default + Send + 'static,
    Handler: Fn(Asked<Ask>) -> Answered + Clone + Send + Sync + 'static,
    Answered: Future<Output = Result<Answer, Status>> + Send + 'static,
{
    service_fn(move |request: Request| {
        let handler = handler.clone();
        async move {
            let answer = service_fn(move |ask: Asked<Ask>| {
                let answered = handler(ask);
                async move { answered.await.map(Response::new) }
            });
            let codec = ProstCodec::<Answer, Ask>::default();
            let mut grpc = Grpc::new(codec).max_decoding_message_size(n_bytes_max);
            Ok(grpc.unary(answer, request).await)
        }
    })
}
