//! Tells webhooks what happened in the registry: deliveries wait in a bounded queue, and a few threads sign and send them.
//!
//! Deliveries are not kept: what waits when the server ends, or finds the queue full, is logged and lost.

mod event;
mod guard;
mod post;

pub(crate) use event::{Happening, example};
pub(crate) use guard::check_url;
pub(crate) use post::{Poster, Reply};

use automl_store::db::Database;
use automl_store::registry::webhooks::{Secret, Webhook, listening};
use automl_store::sealed::Sealer;
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Deliveries that may wait.
const WAITING_MAX: usize = 1000;
const N_THREADS: usize = 4;

/// How deliveries are made.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// Whether plain HTTP and addresses that are not public are taken.
    pub(crate) allows_private: bool,
    /// The wait before the second try; it doubles with each.
    pub(crate) first_wait: Duration,
}

/// An event on its way to one webhook.
struct Delivery {
    webhook: Webhook,
    secret: Option<Secret>,
    happening: Happening,
}

/// The way to all webhooks.
pub(crate) struct Webhooks {
    sender: SyncSender<Delivery>,
    pub(crate) poster: Poster,
    pub(crate) manner: Manner,
    sealer: Sealer,
}

impl Webhooks {
    /// Starts the threads; they end with the value.
    pub(crate) fn start(manner: Manner, sealer: Sealer) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let poster = Poster::new(&manner);
        for number in 0..N_THREADS {
            let (poster, receiver) = (poster.clone(), Arc::clone(&receiver));
            std::thread::Builder::new()
                .name(format!("webhooks-{number}"))
                .spawn(move || deliver(&poster, &receiver))?;
        }
        Ok(Self {
            sender,
            poster,
            manner,
            sealer,
        })
    }

    /// Hands an event over for all who listen; waits for the record, never for them.
    pub(crate) async fn tell(&self, db: &Database, happening: Happening) {
        let (event, sealer) = (happening.event.clone(), self.sealer.clone());
        let found = db
            .read(move |sql| listening(sql, DEFAULT_WORKSPACE, &event, &sealer))
            .await;
        let found = found.unwrap_or_else(|error: TrackingError| {
            tracing::error!(event = %happening, %error, "webhooks cannot be read");
            Vec::new()
        });
        for (webhook, secret) in found {
            // What would arrive unsigned is not sent.
            let secret = match secret {
                Ok(secret) => secret,
                Err(error) => {
                    tracing::error!(webhook = webhook.name, event = %happening, %error, "a webhook is not told");
                    continue;
                }
            };
            let delivery = Delivery {
                webhook,
                secret,
                happening: happening.clone(),
            };
            if let Err(TrySendError::Full(lost) | TrySendError::Disconnected(lost)) =
                self.sender.try_send(delivery)
            {
                let (id, event) = (lost.webhook.id, lost.happening);
                tracing::error!(webhook = id, %event, "too many deliveries wait: this one is lost");
            }
        }
    }
}

/// Takes deliveries until nobody is left to hand any over.
fn deliver(poster: &Poster, receiver: &Mutex<Receiver<Delivery>>) {
    loop {
        let next = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(delivery) = next else {
            return;
        };
        let (webhook, happening) = (&delivery.webhook, &delivery.happening);
        let outcome = poster.deliver(&webhook.url, delivery.secret.as_ref(), happening);
        told(&webhook.id, happening, outcome);
    }
}

/// Logs how a delivery went, without the address: it may hold a key.
fn told(id: &str, event: &Happening, outcome: Result<Reply, String>) {
    match outcome {
        Ok(reply) if reply.status < 400 => {
            tracing::info!(webhook = id, %event, status = reply.status, "told a webhook");
        }
        Ok(reply) => {
            tracing::error!(webhook = id, %event, status = reply.status, "a webhook refused an event");
        }
        Err(error) => tracing::error!(webhook = id, %event, error, "a webhook was not reached"),
    }
}

#[cfg(test)]
mod tests;
