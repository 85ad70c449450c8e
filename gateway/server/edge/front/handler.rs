//! One request: who handles it, and the values that its steps pass on.

use std::sync::Arc;
use std::time::Duration;

use stagedoor_core::clock::Now;
use stagedoor_core::denial::Denial;
use stagedoor_core::guard::client::Client;
use stagedoor_core::pipeline::Trail;
use stagedoor_core::reply::Reply;
use stagedoor_core::request::{Head, Peer};
use stagedoor_core::response_out::{ResponseContext, ResponsePolicy};
use stagedoor_core::tls::Transport;

use crate::edge::request_id;
use crate::gateway::Gateway;
use crate::live_policy::LivePolicy;

/// What all connections of the public listeners share.
pub(crate) struct Front {
    pub(crate) gateway: Arc<Gateway>,
}

/// The other end of a client's connection, and how its bytes come.
#[derive(Clone)]
pub(crate) struct ClientLink {
    pub(crate) peer: Peer,
    pub(crate) transport: Transport,
}

/// Handles one request: from its head to its record.
pub(super) struct RequestHandler<'a> {
    pub(super) front: &'a Front,
    pub(super) live: &'a Arc<LivePolicy>,
    pub(super) peer: Peer,
    pub(super) transport: &'a Transport,
    pub(super) request_id: String,
    /// When the head had arrived.
    pub(super) arrived: Now,
}

/// An answer that does not come from a proxied exchange.
pub(super) struct LocalReply {
    pub(super) reply: Reply,
    pub(super) denial: Option<Denial>,
    /// Bytes of the request body, where it was read.
    pub(super) body: Option<u64>,
    /// Set where the app was asked all the same, for a preflight.
    pub(super) upstream: Option<UpstreamTiming>,
}

/// When the app was asked, and when its answer began: times since the process started.
#[derive(Clone, Copy)]
pub(super) struct UpstreamTiming {
    pub(super) from: Duration,
    pub(super) to: Option<Duration>,
}

impl LocalReply {
    /// A reply for which the app was not asked and no body was read.
    pub(super) fn new(reply: Reply, denial: Option<Denial>) -> Self {
        Self { reply, denial, body: None, upstream: None }
    }
}

impl<'a> RequestHandler<'a> {
    pub(super) fn new(front: &'a Front, live: &'a Arc<LivePolicy>, link: &'a ClientLink) -> Self {
        let arrived = front.gateway.now();
        let ClientLink { peer, transport } = link;
        Self { front, live, peer: *peer, transport, request_id: request_id::fresh(arrived.unix()), arrived }
    }

    /// The time since the head had arrived.
    pub(super) fn elapsed(&self) -> Duration {
        self.since(self.front.gateway.started().elapsed())
    }

    /// How long after the head had arrived `moment` is, a time since the process started.
    pub(super) fn since(&self, moment: Duration) -> Duration {
        moment.saturating_sub(self.arrived.mono())
    }

    /// The host that is matched: a trusted proxy may report another one than its own request names.
    pub(super) fn host<'h>(&self, head: &'h Head<'h>) -> &'h str {
        self.live.policy.client.identify(self.peer, head).host().unwrap_or(head.host())
    }

    /// Makes a reply for this request: with the headers of the app, where one is known.
    pub(super) fn with_context<T>(
        &self,
        head: &Head<'_>,
        trail: &Trail,
        make: impl FnOnce(&ResponsePolicy, &ResponseContext<'_>) -> T,
    ) -> T {
        let at = ResponseContext {
            https: trail.client.as_ref().map_or(self.peer.tls, |client| client.https()),
            host: self.host(head),
            port: trail.client.as_ref().and_then(Client::port),
            request_id: &self.request_id,
            cors: &trail.cors,
            limits: &trail.limits,
            server_timing: None,
        };
        match &trail.app {
            Some(app) => make(&app.response, &at),
            None => make(ResponsePolicy::bare(), &at),
        }
    }
}
