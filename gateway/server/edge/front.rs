//! The front: it reads the requests of a client connection, and ends the connection.
//!
//! A head is read under one deadline and one cap of bytes, parsed by the strict parser, and decided by `admit`. A refused
//! request is answered here. A permitted one is forwarded (`front/forwarding.rs`), with a head that was written from the permit.

mod forwarding;
mod gateway_pages;
mod handler;
mod preflight;
mod record;

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use stagedoor_core::chunked::Malformed;
use stagedoor_core::denial::Denial;
use stagedoor_core::head::{self, Parsed};
use stagedoor_core::pipeline::{Admission, Arrival, Trail, admit};
use stagedoor_core::policy::ErrorShape;
use stagedoor_core::reply::{self, RefusalFormat, Reply};
use stagedoor_core::request::{Framing, Head, Http1Meta, Peer};
use stagedoor_core::sign_in::ReturnPath;

use super::adapt;
use super::buffers;
use super::client::http1::{BodyReader, Connection, HeadRead};
use super::client::io::DownstreamIo;
use super::fault_point;
use super::login::ConnectionLogin;
use super::stage_watch::StageWatch;
use super::timer::Timer;
use crate::connection_permits::ConnectionPermit;
use crate::stage::Stage;
pub(crate) use handler::Front;
use handler::{ConnectionParts, ConnectionState, LocalReply, RequestHandler};
use record::{RequestOutcome, too_many_fields};

/// The longest body of a refused request that is read and dropped, so that the connection can serve the next request.
const SKIP: u64 = 64 * 1024;
const SKIP_TIME: Duration = Duration::from_secs(5);

impl Front {
    /// Serves one connection to its end.
    pub(crate) async fn serve<S: DownstreamIo>(
        self: Arc<Self>,
        io: S,
        peer: Peer,
        _permit: ConnectionPermit,
    ) {
        let mut stage = self.gateway.watch_stage();
        let mut stage_watch = StageWatch::new(self.gateway.watch_stage());
        let mut connection = Connection::new(io);
        let mut login = ConnectionLogin::default();
        let mut timer = Timer::new(self.gateway.started());
        let mut served = 0u64;
        loop {
            let (limits, timeouts) = {
                let live = self.gateway.live();
                (live.policy.server.limits, live.policy.server.timeouts)
            };
            let read = connection
                .read_head(&limits.head, (timeouts.idle, timeouts.header), &mut timer, &mut stage)
                .await;
            served += 1;
            let may_go_on = served < limits.requests_per_connection;
            let parts = ConnectionParts {
                connection: &mut connection,
                login: &mut login,
                timer: &mut timer,
                stage: &mut stage_watch,
            };
            let fault = match read {
                HeadRead::Closed => return,
                HeadRead::Refused(denial) => Some(denial),
                HeadRead::Complete => None,
            };
            // Boxed, so that idle connections do not hold the memory that a request needs.
            let state = Box::pin(self.answer_next(parts, peer, fault, may_go_on)).await;
            match state {
                ConnectionState::KeepAlive => {}
                ConnectionState::Close => return Box::pin(connection.close(&mut stage)).await,
                ConnectionState::Reset => return connection.reset(),
                ConnectionState::Closed => return,
            }
        }
    }

    /// Handles the request in the buffer of the connection, or refuses what is there.
    async fn answer_next<S: DownstreamIo>(
        &self,
        mut parts: ConnectionParts<'_, S>,
        peer: Peer,
        fault: Option<Denial>,
        may_go_on: bool,
    ) -> ConnectionState {
        let live = self.gateway.live();
        let handler = RequestHandler::new(self, &live, peer, may_go_on);
        let mut received = std::mem::take(&mut parts.connection.buffer);
        let state = match fault {
            Some(denial) => handler.refuse_early(&mut parts, &received, &denial).await,
            None => handler.run(&mut parts, &received).await,
        };
        buffers::give_back(&mut received);
        state
    }
}

impl RequestHandler<'_> {
    /// Refuses bytes that are not a request.
    async fn refuse_early<S: DownstreamIo>(
        &self,
        parts: &mut ConnectionParts<'_, S>,
        received: &[u8],
        denial: &Denial,
    ) -> ConnectionState {
        let too_many_fields = too_many_fields(denial, received, &self.live.policy.server.limits.head);
        let trail = Trail::default();
        let reply = Reply::early(denial, &self.request_id);
        let outcome = RequestOutcome::local(&trail, &reply, Some(denial), self.elapsed());
        self.log_decisions(None, &trail, Some(denial));
        self.remember(None, &trail, denial, too_many_fields);
        self.record(None, &outcome);
        parts.connection.write_answer(&adapt::to_h1(reply, self.front.gateway.now(), false, true)).await;
        ConnectionState::Close
    }

    /// Handles the request that `received` begins with.
    async fn run<S: DownstreamIo>(
        self,
        parts: &mut ConnectionParts<'_, S>,
        received: &BytesMut,
    ) -> ConnectionState {
        let limits = &self.live.policy.server.limits.head;
        let (head, meta) = match head::parse(received, limits, self.peer.scheme()) {
            Ok(Parsed::Complete(head, meta)) => (head, meta),
            Ok(Parsed::Partial) => {
                return self.refuse_early(parts, received, &Denial::BadRequest("unreadable head")).await;
            }
            Err(denial) => return self.refuse_early(parts, received, &denial).await,
        };
        // The part of the body that came with the head is checked with it: framing goes before all other checks.
        let mut body = BodyReader::new(meta.framing);
        let buffer = &mut parts.connection.buffer;
        buffer.extend_from_slice(received.get(meta.length..).unwrap_or_default());
        if let Err(Malformed(fault)) = body.check_begun(buffer) {
            return self.refuse_early(parts, received, &Denial::BadRequest(fault)).await;
        }
        fault_point::arm(head.first(fault_point::FIELD));
        let mut trail = Trail::default();
        let verdict = if self.front.gateway.stage() == Stage::Serving {
            let arrival = Arrival { peer: self.peer, now: self.arrived };
            admit(&self.live.policy, &head, &arrival, &mut trail)
        } else {
            Err(Denial::Draining)
        };
        self.warn_of_untrusted_proxy(&trail);
        self.log_decisions(Some(&head), &trail, verdict.as_ref().err());
        match verdict {
            Ok(Admission::Forward(permit)) => self.forward(parts, (&head, &meta), body, permit, trail).await,
            Ok(Admission::Preflight(preflight)) => {
                let reply =
                    self.with_context(&head, &trail, |policy, at| Reply::preflight(&preflight, policy, at));
                self.answer(parts, (&head, &meta), &trail, LocalReply::new(reply, None)).await
            }
            Ok(Admission::AppPreflight(permit)) => {
                self.answer_app_preflight(parts, (&head, &meta), &permit, trail).await
            }
            Ok(Admission::GatewayPage(own)) => self.answer_page(parts, (&head, &meta), own, trail).await,
            Err(denial) => {
                let reply = self.refusal(&head, &trail, &denial);
                self.answer(parts, (&head, &meta), &trail, LocalReply::new(reply, Some(denial))).await
            }
        }
    }

    /// The reply to a refused request.
    fn refusal(&self, head: &Head<'_>, trail: &Trail, denial: &Denial) -> Reply {
        let may_come_back = gateway_pages::is_repeatable(head) && reply::is_navigation(head);
        let app = trail.app.as_deref().filter(|_| may_come_back);
        let back = app.and_then(|app| self.way_back(app, head, head.target())).unwrap_or(ReturnPath::ROOT);
        self.refusal_leading(head, trail, denial, back.as_str())
    }

    /// As [`RequestHandler::refusal`]; a user who signs in on its page is sent to `back`.
    fn refusal_leading(&self, head: &Head<'_>, trail: &Trail, denial: &Denial, back: &str) -> Reply {
        let user = self.user_to_tell(head, trail, denial);
        let manner = RefusalFormat {
            shape: trail.app.as_ref().map_or(ErrorShape::Problem, |app| app.errors),
            page: self.navigation(head, trail, back, user.as_deref()),
            realm: trail.app.as_ref().map_or("stagedoor", |app| &app.name),
        };
        self.with_context(head, trail, |policy, at| Reply::refusal(denial, manner, policy, at))
    }

    /// Sends a local reply, and keeps the connection if it can serve the next request.
    async fn answer<S: DownstreamIo>(
        &self,
        parts: &mut ConnectionParts<'_, S>,
        (head, meta): (&Head<'_>, &Http1Meta),
        trail: &Trail,
        local: LocalReply,
    ) -> ConnectionState {
        let LocalReply { reply, denial, body, upstream } = local;
        let unwanted = match meta.framing {
            _ if body.is_some() => Some(0),
            Framing::None => Some(0),
            Framing::Length(length) if length <= SKIP && !meta.expects_continue => {
                usize::try_from(length).ok()
            }
            Framing::Length(_) | Framing::Chunked => None,
        };
        let goes_on = self.may_go_on
            && meta.keep_alive
            && !reply.close
            && unwanted.is_some()
            && self.front.gateway.stage() == Stage::Serving;
        let own_time = upstream.map_or_else(|| self.elapsed(), |asked| self.since(asked.from));
        let outcome = RequestOutcome {
            bytes_in: body.unwrap_or(0),
            upstream_time: upstream.and_then(|asked| Some(asked.to?.saturating_sub(asked.from))),
            asked: trail.app.as_deref().filter(|_| upstream.is_some()),
            upstream_fault: denial.as_ref().filter(|_| upstream.is_some()).and_then(Denial::upstream_fault),
            ..RequestOutcome::local(trail, &reply, denial.as_ref(), own_time)
        };
        let bytes = adapt::to_h1(reply, self.front.gateway.now(), head.method() == "HEAD", !goes_on);
        if let Some(denial) = &denial {
            self.remember(Some(head), trail, denial, false);
        }
        // Recorded before the answer goes out: a client that has it can find its record.
        self.record(Some(head), &outcome);
        if !parts.connection.write_answer(&bytes).await {
            return ConnectionState::Closed;
        }
        match unwanted {
            Some(unwanted) if goes_on => match parts.connection.discard_body(unwanted, SKIP_TIME).await {
                true => ConnectionState::KeepAlive,
                false => ConnectionState::Closed,
            },
            Some(_) | None => ConnectionState::Close,
        }
    }
}
