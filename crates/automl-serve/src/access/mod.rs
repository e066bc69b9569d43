//! Who asks, and whether they may.
//!
//! [`guard`] stands before every route. It asks in this order, cheapest first, and goes on only if all is well: is the host
//! one of ours and the page that asks as well; is there room; who is it; may they; do they not ask too often; is the body not
//! too long; has the endpoint room that is to predict. What a route needs is said where the route is made ([`crate::routes`]).
//! Bodies are bounded as they come ([`arriving`]), answers until they are sent ([`sending`]).

mod arriving;
mod attempts;
mod bucket;
mod credentials;
mod guard;
mod hosts;
mod identify;
mod memory;
mod sending;
mod usage;

pub(crate) use arriving::Stop;
pub(crate) use guard::{Bounds, Gate, guard, is_grpc};
pub(crate) use hosts::Hosts;
pub(crate) use identify::{Access, Visitor, hashed};
pub(crate) use memory::{Extra, Held, Memory, NoRoom, Room};
pub(crate) use sending::Outgoing;
pub(crate) use usage::Usage;

use axum::Extension;
use axum::http::Request;
use std::net::SocketAddr;
use std::sync::Arc;

/// Who asks; nothing where nobody is asked who calls.
pub(crate) type Asker = Option<Extension<Arc<Visitor>>>;

/// The other end of a connection, put into each of its requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) has_tls: bool,
}

impl Peer {
    fn of<B>(request: &Request<B>) -> Option<SocketAddr> {
        request.extensions().get::<Self>().map(|peer| peer.address)
    }
}

#[cfg(test)]
mod tests;
