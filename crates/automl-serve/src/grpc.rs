//! gRPC, on the port of everything else: services behind the same guard, and the standard one of health.

use crate::pulse::Pulse;
use crate::routes::{Routes, grpc};
use futures_util::stream::{BoxStream, StreamExt, unfold};
use std::time::Duration;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// How often those who watch are told anew, if something changed.
const WATCHED_EVERY: Duration = Duration::from_secs(5);

/// Those who watch at once.
static WATCHERS: Semaphore = Semaphore::const_new(64);

pub(crate) fn routes(pulse: &Pulse) -> Routes {
    let health = HealthServer::new(Own(pulse.clone()));
    Routes::new().service(
        "/grpc.health.v1.Health/{*method}",
        health,
        grpc().open("Whether the record answers, as gRPC asks for health"),
    )
}

/// The health of this server, as a whole: it serves while its record answers.
struct Own(Pulse);

impl Own {
    async fn status(pulse: &Pulse) -> ServingStatus {
        if pulse.is_well().await {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        }
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

/// Only the server as a whole has a health.
fn check_whole(request: &Request<HealthCheckRequest>) -> Result<(), Status> {
    match request.get_ref().service.as_str() {
        "" => Ok(()),
        other => Err(Status::not_found(format!("no service '{other}' is known"))),
    }
}

#[tonic::async_trait]
impl Health for Own {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        check_whole(&request)?;
        Ok(Response::new(answer(Self::status(&self.0).await)))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        check_whole(&request)?;
        let place = WATCHERS.try_acquire();
        let place = place.map_err(|_none| Status::resource_exhausted("too many watch already"))?;
        let changes = unfold(
            (self.0.clone(), None, place),
            async |(pulse, told, place)| {
                loop {
                    let status = Self::status(&pulse).await;
                    if told != Some(status) {
                        return Some((Ok(answer(status)), (pulse, Some(status), place)));
                    }
                    tokio::time::sleep(WATCHED_EVERY).await;
                }
            },
        );
        Ok(Response::new(changes.boxed()))
    }
}
