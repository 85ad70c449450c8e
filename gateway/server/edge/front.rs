//! The front: it reads the requests of a client connection, and ends the connection.
//!
//! A head is read under one deadline and one cap of bytes, parsed by the strict parser, and decided by `admit`. A refused
//! request is answered here and never reaches pingora. A permitted request is forwarded by pingora, with a head that was
//! written from the permit; afterwards the socket returns for the next request. Another forwarding loop would replace
//! [`RequestHandler::forward`].

mod gateway_pages;
mod handler;
mod preflight;
mod record;

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::FutureExt;
use pingora::apps::HttpServerApp;
use pingora_core::protocols::http::ServerSession;
use stagedoor_core::chunked::{Chunked, Malformed, ROOM_AFTER, ROOM_BEFORE, Recoded};
use stagedoor_core::denial::Denial;
use stagedoor_core::guard::upgrade::{Handshake, Upgrade};
use stagedoor_core::head::{self, Parsed};
use stagedoor_core::pipeline::{Admission, Arrival, Permit, Trail, admit};
use stagedoor_core::policy::ErrorShape;
use stagedoor_core::reply::{self, RefusalFormat, Reply};
use stagedoor_core::request::{Framing, Head, Http1Meta, Http1Version, Peer};
use stagedoor_core::request_out;
use stagedoor_core::sign_in::ReturnPath;
use tokio::net::TcpStream;

use super::adapt;
use super::client::http1::{Connection, HeadRead};
use super::exchange::{self, Exchange, Terms};
use super::fault_point;
use super::login::{self, Who};
use super::wire::{Body, Wire};
use crate::connection_permits::ConnectionPermit;
use crate::stage::Stage;
pub(crate) use handler::Front;
use handler::{ConnectionState, LocalReply, RequestHandler};
use record::{RequestOutcome, too_many_fields};

/// The longest body of a refused request that is read and dropped, so that the connection can serve the next request.
const SKIP: u64 = 64 * 1024;
const SKIP_TIME: Duration = Duration::from_secs(5);

impl Front {
    /// Serves one connection to its end.
    pub(crate) async fn serve(&self, tcp: TcpStream, peer: Peer, _permit: ConnectionPermit) {
        let mut stage = self.gateway.watch_stage();
        let mut connection = Connection::new(tcp);
        let login = Arc::default();
        let mut served = 0u64;
        loop {
            let (limits, timeouts) = {
                let live = self.gateway.live();
                (live.policy.server.limits, live.policy.server.timeouts)
            };
            let read = connection.read_head(&limits.head, timeouts.idle, timeouts.header, &mut stage).await;
            served += 1;
            let fault = match read {
                HeadRead::Closed => return,
                HeadRead::Refused(denial) => Some(denial),
                HeadRead::Complete => None,
            };
            let live = self.gateway.live();
            let handler =
                RequestHandler::new(self, &live, peer, &login, served < limits.requests_per_connection);
            if let Some(denial) = fault {
                let too_many_fields = too_many_fields(&denial, &connection.buffer, &limits.head);
                return handler.refuse_early(connection, too_many_fields, &denial).await;
            }
            let Connection { io: tcp, mut buffer } = connection;
            // Boxed, so that idle connections do not hold the memory that a request needs.
            let state = Box::pin(handler.run(tcp, &buffer)).await;
            match state {
                ConnectionState::KeepAlive { tcp, used, beyond } => {
                    buffer.advance(used);
                    buffer.unsplit(beyond);
                    connection = Connection { io: tcp, buffer };
                }
                ConnectionState::Close(tcp) => return Connection { io: tcp, buffer }.close(&mut stage).await,
                ConnectionState::Reset(tcp) => return Connection { io: tcp, buffer }.reset(),
                ConnectionState::Closed => return,
            }
        }
    }
}

impl RequestHandler<'_> {
    /// Refuses bytes that are not a request, and closes the connection.
    async fn refuse_early(
        self,
        mut connection: Connection<TcpStream>,
        too_many_fields: bool,
        denial: &Denial,
    ) {
        let trail = Trail::default();
        let reply = Reply::early(denial, &self.request_id);
        let outcome = RequestOutcome::local(&trail, &reply, Some(denial), self.started.elapsed());
        self.log_decisions(None, &trail, Some(denial));
        self.remember(None, &trail, denial, too_many_fields);
        self.record(None, &outcome);
        connection.write_answer(&adapt::to_h1(reply, self.front.gateway.now(), false, true)).await;
        connection.close(&mut self.front.gateway.watch_stage()).await;
    }

    async fn run(self, tcp: TcpStream, buffer: &BytesMut) -> ConnectionState {
        let limits = &self.live.policy.server.limits.head;
        let (head, meta) = match head::parse(buffer, limits, self.peer.scheme()) {
            Ok(Parsed::Complete(head, meta)) => (head, meta),
            Ok(Parsed::Partial) => {
                return self.refuse_head(tcp, buffer, &Denial::BadRequest("unreadable head")).await;
            }
            Err(denial) => return self.refuse_head(tcp, buffer, &denial).await,
        };
        fault_point::arm(head.first(fault_point::FIELD));
        // The part of the body that came with the head is checked with it: framing goes before all other checks.
        let begun = match begun_body(meta.framing, buffer.get(meta.length..).unwrap_or_default()) {
            Ok(begun) => begun,
            Err(Malformed(fault)) => return self.refuse_head(tcp, buffer, &Denial::BadRequest(fault)).await,
        };
        let mut trail = Trail::default();
        let verdict = if self.front.gateway.stage() == Stage::Serving {
            let arrival = Arrival { peer: self.peer, now: self.front.gateway.now() };
            admit(&self.live.policy, &head, &arrival, &mut trail)
        } else {
            Err(Denial::Draining)
        };
        self.warn_of_untrusted_proxy(&trail);
        self.log_decisions(Some(&head), &trail, verdict.as_ref().err());
        match verdict {
            Ok(Admission::Forward(permit)) => {
                self.forward(tcp, buffer, (&head, &meta), begun, permit, trail).await
            }
            Ok(Admission::Preflight(preflight)) => {
                let reply =
                    self.with_context(&head, &trail, |policy, at| Reply::preflight(&preflight, policy, at));
                self.answer(tcp, buffer, (&head, &meta), &trail, LocalReply::new(reply, None)).await
            }
            Ok(Admission::AppPreflight(permit)) => {
                self.answer_app_preflight(tcp, buffer, (&head, &meta), &permit, trail).await
            }
            Ok(Admission::GatewayPage(own)) => {
                self.answer_page(tcp, buffer, (&head, &meta), &begun.given, own, trail).await
            }
            Err(denial) => {
                let reply = self.refusal(&head, &trail, &denial);
                self.answer(tcp, buffer, (&head, &meta), &trail, LocalReply::new(reply, Some(denial))).await
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

    /// Refuses a head that the parser rejects.
    async fn refuse_head(self, tcp: TcpStream, buffer: &[u8], denial: &Denial) -> ConnectionState {
        let too_many_fields = too_many_fields(denial, buffer, &self.live.policy.server.limits.head);
        self.refuse_early(Connection::new(tcp), too_many_fields, denial).await;
        ConnectionState::Closed
    }

    /// Sends a local reply, and keeps the connection if it can serve the next request.
    async fn answer(
        self,
        tcp: TcpStream,
        buffer: &BytesMut,
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
        let own_time = upstream.map_or_else(|| self.started.elapsed(), |asked| asked.from - self.started);
        let mut connection = Connection::new(tcp);
        let bytes_in = body.map_or(0, |body| body.bytes);
        let outcome = RequestOutcome {
            bytes_in,
            upstream_time: upstream.and_then(|asked| Some(asked.to? - asked.from)),
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
        if !connection.write_answer(&bytes).await {
            return ConnectionState::Closed;
        }
        let Some(unwanted) = unwanted.filter(|_| goes_on) else {
            return ConnectionState::Close(connection.io);
        };
        let used = meta.length + body.map_or(0, |body| body.buffered);
        let buffered = buffer.len().saturating_sub(used).min(unwanted);
        if !connection.discard_body(unwanted - buffered, SKIP_TIME).await {
            return ConnectionState::Closed;
        }
        ConnectionState::KeepAlive { tcp: connection.io, used: used + buffered, beyond: BytesMut::new() }
    }

    /// Forwards a permitted request to the app, through pingora.
    async fn forward(
        self,
        mut tcp: TcpStream,
        buffer: &BytesMut,
        (head, meta): (&Head<'_>, &Http1Meta),
        begun: BodyStart<'_>,
        permit: Box<Permit<'_>>,
        trail: Trail,
    ) -> ConnectionState {
        let handshake = match permit.upgrade() {
            Upgrade::Websocket(handshake) => Some(handshake.clone()),
            Upgrade::None => None,
        };
        let mut handed = BytesMut::with_capacity(meta.length + 1024);
        request_out::write_head(&permit, head, &self.request_id, &mut handed);
        if meta.version == Http1Version::Http10 {
            adapt::speak_http10(&mut handed);
        }
        let early = buffer.get(meta.length..).unwrap_or_default();
        let BodyStart { given, of_body, body } = match &handshake {
            Some(_) => BodyStart { given: early.into(), of_body: early.len(), body: Body::Open },
            None => begun,
        };
        handed.extend_from_slice(&given);
        let used = meta.length + of_body;
        if meta.expects_continue && meta.framing != Framing::None && of_body == 0 {
            use tokio::io::AsyncWriteExt;
            if tcp.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_err() {
                return ConnectionState::Closed;
            }
        }
        let exchange =
            Exchange::new(self.terms((head, meta), &permit, &trail, handshake), permit.into_gate());
        let wire = Wire::new(tcp, Arc::clone(&exchange), body, self.front.gateway.watch_stage());
        let reusable = self.drive(&exchange, head, &trail, self.run_proxy(wire, handed, &exchange)).await;
        let own_time = self.own_time(&exchange);
        let outcome = RequestOutcome::of(&trail, &exchange, own_time);
        self.record(Some(head), &outcome);
        self.settle(&exchange, reusable, used).await
    }

    /// Runs pingora for one exchange; `true` if the connection can serve another request.
    async fn run_proxy(&self, wire: Wire, handed: BytesMut, exchange: &Arc<Exchange>) -> bool {
        let mut session = ServerSession::new_http1(Box::new(wire));
        session.set_pipelined_prefix(handed);
        let work = self.front.proxy.process_new_http(session, &self.front.never);
        // The panic hook has counted and logged the panic. The connection ends, the process goes on.
        let Ok(back) = AssertUnwindSafe(exchange::scope(Arc::clone(exchange), work)).catch_unwind().await
        else {
            exchange.fail(Denial::Internal("a panic"));
            exchange.cut();
            return false;
        };
        back.is_some()
    }

    /// Takes the socket back from pingora, and decides what becomes of the connection.
    async fn settle(&self, exchange: &Arc<Exchange>, reusable: bool, used: usize) -> ConnectionState {
        let Some(returned) = exchange.take_back() else { return ConnectionState::Closed };
        let mut connection = Connection::new(returned.tcp);
        if exchange.needs_reset() {
            return ConnectionState::Reset(connection.io);
        }
        if !returned.unsent.is_empty() && !connection.write_answer(&returned.unsent).await {
            return ConnectionState::Closed;
        }
        if reusable && self.front.gateway.stage() == Stage::Serving {
            return ConnectionState::KeepAlive { tcp: connection.io, used, beyond: returned.beyond };
        }
        ConnectionState::Close(connection.io)
    }

    fn terms(
        &self,
        (head, meta): (&Head<'_>, &Http1Meta),
        permit: &Permit<'_>,
        trail: &Trail,
        handshake: Option<Handshake>,
    ) -> Terms {
        let server = &self.live.policy.server;
        let client = permit.client();
        let user = permit.caller().user().cloned();
        let who = Who { ip: client.ip(), user, proxied: client.is_proxied() };
        let group = self.login.group(&who, login::in_request(head));
        Terms {
            live: Arc::clone(self.live),
            app: Arc::clone(permit.app()),
            request_id: self.request_id.clone(),
            host: permit.target().host().to_owned(),
            port: permit.client().port(),
            https: permit.client().https(),
            cors: trail.cors.clone(),
            limits: trail.limits.clone(),
            navigation: reply::is_navigation(head),
            keep_alive: meta.keep_alive && self.may_go_on,
            http10: meta.version == Http1Version::Http10,
            handshake,
            login: Arc::clone(self.login),
            who,
            group,
            retriable: head.body().is_empty() && matches!(head.method(), "GET" | "HEAD" | "OPTIONS"),
            has_body: !head.body().is_empty(),
            timeouts: server.timeouts,
            tells_timing: server.server_timing,
            started: self.started,
        }
    }
}

/// The part of a body that came with the head, and what remains to be read.
struct BodyStart<'b> {
    /// The bytes as they are forwarded.
    given: Cow<'b, [u8]>,
    /// How many of the bytes after the head belong to the body.
    of_body: usize,
    body: Body,
}

fn begun_body(framing: Framing, early: &[u8]) -> Result<BodyStart<'_>, Malformed> {
    Ok(match framing {
        Framing::None => BodyStart { given: Cow::default(), of_body: 0, body: Body::Length(0) },
        Framing::Length(length) => {
            let given = early.get(..usize::try_from(length).unwrap_or(usize::MAX)).unwrap_or(early);
            let left = length - given.len() as u64;
            BodyStart { given: given.into(), of_body: given.len(), body: Body::Length(left) }
        }
        Framing::Chunked => {
            let mut chunked = Chunked::default();
            let mut room = [&[0; ROOM_BEFORE], early, &[0; ROOM_AFTER]].concat();
            let Recoded { of_body, length } = chunked.recode(&mut room, early.len())?;
            room.truncate(length);
            BodyStart { given: room.into(), of_body, body: Body::Chunked(chunked) }
        }
    })
}
