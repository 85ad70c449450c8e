//! The front: the first reader of every connection, and the one that ends it.
//!
//! A head is read under one deadline and one byte cap, judged by the strict parser, and decided by
//! `admit`. What is refused is answered here and never reaches pingora. What is permitted goes on
//! as a head that was written from the permit; the socket comes back afterwards for the next
//! request. A forwarding loop of our own could stand in [`Turn::hand_over`]'s place.

mod own;
mod preflight;
mod record;

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::FutureExt;
use pingora::apps::HttpServerApp;
use pingora::proxy::HttpProxy;
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::ShutdownWatch;
use stagedoor_core::chunked::{Chunked, Malformed, ROOM_AFTER, ROOM_BEFORE, Recoded};
use stagedoor_core::denial::Denial;
use stagedoor_core::guard::client::Client;
use stagedoor_core::guard::upgrade::{Handshake, Upgrade};
use stagedoor_core::head::{self, Parsed};
use stagedoor_core::pipeline::{Admission, Arrival, Permit, Trail, admit};
use stagedoor_core::policy::ErrorShape;
use stagedoor_core::reply::{self, RefusalFormat, Reply};
use stagedoor_core::request::{Framing, Head, Peer, Version};
use stagedoor_core::request_out;
use stagedoor_core::response_out::{ResponseContext, ResponsePolicy};
use stagedoor_core::sign_in::ReturnPath;
use tokio::net::TcpStream;

use super::adapt;
use super::exchange::{self, Exchange, Terms};
use super::line::{Heard, Line};
use super::login::{self, ConnectionLogin, Who};
use super::proxy::Proxy;
use super::request_id;
use super::upstream::Upstreams;
use super::wire::{Body, Wire};
use crate::connection_permits::ConnectionPermit;
use crate::gateway::Gateway;
use crate::live_policy::LivePolicy;
use crate::stage::Stage;
use record::{Outcome, crowded};

/// A body that nobody wants is skipped up to this length, so that its connection can go on.
const SKIP: u64 = 64 * 1024;
const SKIP_TIME: Duration = Duration::from_secs(5);

/// What every connection is served with.
pub(crate) struct Front {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) proxy: Arc<HttpProxy<Proxy>>,
    /// For the one exchange that pingora has no part in: a preflight that the app answers.
    pub(crate) upstreams: Arc<Upstreams>,
    /// pingora asks it whether to keep connections; that is the front's business, so it never fires.
    pub(crate) never: ShutdownWatch,
}

/// One request on one connection.
struct Turn<'a> {
    front: &'a Front,
    live: &'a Arc<LivePolicy>,
    peer: Peer,
    request_id: String,
    started: std::time::Instant,
    unix: Duration,
    /// The connection may serve another request after this one.
    may_go_on: bool,
    login: &'a Arc<ConnectionLogin>,
}

/// How a turn left the connection.
enum After {
    /// So many bytes of the buffer were used and these read beyond it; the next head may follow.
    Next(TcpStream, usize, BytesMut),
    /// The last answer is out.
    HangUp(TcpStream),
    /// The last answer broke off.
    Reset(TcpStream),
    /// There is nothing left to end.
    Gone,
}

/// An answer of our own.
struct Said {
    reply: Reply,
    denial: Option<Denial>,
    /// The body, where it was read; `None` if nobody wanted it.
    taken: Option<Taken>,
    /// The app was asked for it.
    asked: Option<Asked>,
}

/// When the app was asked, and when its answer began.
#[derive(Clone, Copy)]
struct Asked {
    from: std::time::Instant,
    to: Option<std::time::Instant>,
}

/// How much of a body was read.
#[derive(Clone, Copy)]
struct Taken {
    /// All of it.
    bytes: u64,
    /// What of it had come with the head.
    buffered: usize,
}

impl Said {
    /// Without the app.
    fn by_us(reply: Reply, denial: Option<Denial>) -> Self {
        Self { reply, denial, taken: None, asked: None }
    }
}

impl Front {
    /// Serves one connection to its end.
    pub(crate) async fn serve(&self, tcp: TcpStream, peer: Peer, _permit: ConnectionPermit) {
        let mut stage = self.gateway.watch_stage();
        let mut line = Line::new(tcp);
        let login = Arc::default();
        let mut served = 0u64;
        loop {
            let (limits, timeouts) = {
                let live = self.gateway.live();
                (live.policy.server.limits, live.policy.server.timeouts)
            };
            let heard = line.hear(&limits.head, timeouts.idle, timeouts.header, &mut stage).await;
            served += 1;
            let fault = match heard {
                Heard::Silence => return,
                Heard::Fault(denial) => Some(denial),
                Heard::Head => None,
            };
            let live = self.gateway.live();
            let turn = Turn::new(self, &live, peer, &login, served < limits.requests_per_connection);
            if let Some(denial) = fault {
                let crowded = crowded(&denial, &line.buffer, &limits.head);
                return turn.turn_away(line, crowded, &denial).await;
            }
            let Line { tcp, mut buffer } = line;
            // Boxed: what a request needs is not paid for by connections that wait for one.
            let after = Box::pin(turn.run(tcp, &buffer)).await;
            match after {
                After::Next(tcp, used, beyond) => {
                    buffer.advance(used);
                    buffer.unsplit(beyond);
                    line = Line { tcp, buffer };
                }
                After::HangUp(tcp) => return Line { tcp, buffer }.hang_up(&mut stage).await,
                After::Reset(tcp) => return Line { tcp, buffer }.reset(),
                After::Gone => return,
            }
        }
    }
}

impl<'a> Turn<'a> {
    fn new(
        front: &'a Front,
        live: &'a Arc<LivePolicy>,
        peer: Peer,
        login: &'a Arc<ConnectionLogin>,
        may_go_on: bool,
    ) -> Self {
        let unix = front.gateway.now().unix();
        Self {
            front,
            live,
            peer,
            request_id: request_id::fresh(unix),
            started: std::time::Instant::now(),
            unix,
            may_go_on,
            login,
        }
    }

    /// Answers something that is no request, and ends the connection.
    async fn turn_away(self, mut line: Line, crowded: bool, denial: &Denial) {
        let trail = Trail::default();
        let reply = Reply::early(denial, &self.request_id);
        let outcome = Outcome::local(&trail, &reply, Some(denial), self.started.elapsed());
        self.tell_decisions(None, &trail, Some(denial));
        self.remember(None, &trail, denial, crowded);
        self.record(None, &outcome);
        line.say(&adapt::to_h1(reply, self.front.gateway.now(), false, true)).await;
        line.hang_up(&mut self.front.gateway.watch_stage()).await;
    }

    async fn run(self, tcp: TcpStream, buffer: &BytesMut) -> After {
        let head = match head::parse(buffer, &self.live.policy.server.limits.head) {
            Ok(Parsed::Complete(head)) => head,
            Ok(Parsed::Partial) => {
                return self.give_up(tcp, buffer, &Denial::BadRequest("unreadable head")).await;
            }
            Err(denial) => return self.give_up(tcp, buffer, &denial).await,
        };
        // What came of the body with the head is judged with it: framing goes before everything.
        let begun = match begun_body(head.framing(), buffer.get(head.length()..).unwrap_or_default()) {
            Ok(begun) => begun,
            Err(Malformed(fault)) => return self.give_up(tcp, buffer, &Denial::BadRequest(fault)).await,
        };
        let mut trail = Trail::default();
        let verdict = if self.front.gateway.stage() == Stage::Serving {
            let arrival = Arrival { peer: self.peer, now: self.front.gateway.now() };
            admit(&self.live.policy, &head, &arrival, &mut trail)
        } else {
            Err(Denial::Draining)
        };
        self.warn_once(&trail);
        self.tell_decisions(Some(&head), &trail, verdict.as_ref().err());
        match verdict {
            Ok(Admission::Forward(permit)) => self.hand_over(tcp, buffer, &head, begun, permit, trail).await,
            Ok(Admission::Preflight(preflight)) => {
                let reply = with_circumstances(&self, &head, &trail, |policy, at| {
                    Reply::preflight(&preflight, policy, at)
                });
                self.answer(tcp, buffer, &head, &trail, Said::by_us(reply, None)).await
            }
            Ok(Admission::AppPreflight(permit)) => self.ask_the_app(tcp, buffer, &head, &permit, trail).await,
            Ok(Admission::GatewayPage(own)) => {
                self.attend(tcp, buffer, &head, &begun.given, own, trail).await
            }
            Err(denial) => {
                let reply = self.refusal(&head, &trail, &denial);
                self.answer(tcp, buffer, &head, &trail, Said::by_us(reply, Some(denial))).await
            }
        }
    }

    /// The answer to a request that is refused.
    fn refusal(&self, head: &Head<'_>, trail: &Trail, denial: &Denial) -> Reply {
        let may_come_back = own::is_repeatable(head) && reply::is_navigation(head);
        let app = trail.app.as_deref().filter(|_| may_come_back);
        let back = app.and_then(|app| self.way_back(app, head, head.target())).unwrap_or(ReturnPath::ROOT);
        self.refusal_leading(head, trail, denial, back.as_str())
    }

    /// As [`Turn::refusal`]; a person who comes in by its page is led to `back`.
    fn refusal_leading(&self, head: &Head<'_>, trail: &Trail, denial: &Denial, back: &str) -> Reply {
        let user = self.user_to_tell(head, trail, denial);
        let manner = RefusalFormat {
            shape: trail.app.as_ref().map_or(ErrorShape::Problem, |app| app.errors),
            page: self.navigation(head, trail, back, user.as_deref()),
            realm: trail.app.as_ref().map_or("stagedoor", |app| &app.name),
        };
        with_circumstances(self, head, trail, |policy, at| Reply::refusal(denial, manner, policy, at))
    }

    /// A head that ends in a fault after all.
    async fn give_up(self, tcp: TcpStream, buffer: &[u8], denial: &Denial) -> After {
        let crowded = crowded(denial, buffer, &self.live.policy.server.limits.head);
        self.turn_away(Line::new(tcp), crowded, denial).await;
        After::Gone
    }

    /// Sends an answer of our own.
    async fn answer(
        self,
        tcp: TcpStream,
        buffer: &BytesMut,
        head: &Head<'_>,
        trail: &Trail,
        said: Said,
    ) -> After {
        let Said { reply, denial, taken, asked } = said;
        let unwanted = match head.framing() {
            _ if taken.is_some() => Some(0),
            Framing::None => Some(0),
            Framing::Length(length) if length <= SKIP && !head.expects_continue() => {
                usize::try_from(length).ok()
            }
            Framing::Length(_) | Framing::Chunked => None,
        };
        let goes_on = self.may_go_on
            && head.keep_alive()
            && !reply.close
            && unwanted.is_some()
            && self.front.gateway.stage() == Stage::Serving;
        let own_time = asked.map_or_else(|| self.started.elapsed(), |asked| asked.from - self.started);
        let mut line = Line::new(tcp);
        let bytes_in = taken.map_or(0, |taken| taken.bytes);
        let outcome = Outcome {
            bytes_in,
            upstream_time: asked.and_then(|asked| Some(asked.to? - asked.from)),
            asked: trail.app.as_deref().filter(|_| asked.is_some()),
            upstream_fault: denial.as_ref().filter(|_| asked.is_some()).and_then(Denial::upstream_fault),
            ..Outcome::local(trail, &reply, denial.as_ref(), own_time)
        };
        let bytes = adapt::to_h1(reply, self.front.gateway.now(), head.method() == "HEAD", !goes_on);
        if let Some(denial) = &denial {
            self.remember(Some(head), trail, denial, false);
        }
        // Whoever has the answer finds what was written down of it.
        self.record(Some(head), &outcome);
        if !line.say(&bytes).await {
            return After::Gone;
        }
        let Some(unwanted) = unwanted.filter(|_| goes_on) else { return After::HangUp(line.tcp) };
        let used = head.length() + taken.map_or(0, |taken| taken.buffered);
        let buffered = buffer.len().saturating_sub(used).min(unwanted);
        if !line.skip_ahead(unwanted - buffered, SKIP_TIME).await {
            return After::Gone;
        }
        After::Next(line.tcp, used + buffered, BytesMut::new())
    }

    /// Lets a permitted request go to the app, by way of pingora.
    async fn hand_over(
        self,
        mut tcp: TcpStream,
        buffer: &BytesMut,
        head: &Head<'_>,
        begun: Begun<'_>,
        permit: Box<Permit<'_>>,
        trail: Trail,
    ) -> After {
        let handshake = match permit.upgrade() {
            Upgrade::Websocket(handshake) => Some(handshake.clone()),
            Upgrade::None => None,
        };
        let mut handed = BytesMut::with_capacity(head.length() + 1024);
        request_out::write_head(&permit, head, &self.request_id, &mut handed);
        if head.version() == Version::Http10 {
            adapt::speak_http10(&mut handed);
        }
        let early = buffer.get(head.length()..).unwrap_or_default();
        let Begun { given, of_body, body } = match &handshake {
            Some(_) => Begun { given: early.into(), of_body: early.len(), body: Body::Open },
            None => begun,
        };
        handed.extend_from_slice(&given);
        let used = head.length() + of_body;
        if head.expects_continue() && head.framing() != Framing::None && of_body == 0 {
            use tokio::io::AsyncWriteExt;
            if tcp.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_err() {
                return After::Gone;
            }
        }
        let exchange = Exchange::new(self.terms(head, &permit, &trail, handshake), permit.into_gate());
        let wire = Wire::new(tcp, Arc::clone(&exchange), body, self.front.gateway.watch_stage());
        let reusable = self.attend_to(&exchange, head, &trail, self.run_proxy(wire, handed, &exchange)).await;
        let own_time = self.own_time(&exchange);
        let outcome = Outcome::of(&trail, &exchange, own_time);
        self.record(Some(head), &outcome);
        self.settle(&exchange, reusable, used).await
    }

    /// Runs pingora for one exchange; `true` if the connection can serve another request.
    async fn run_proxy(&self, wire: Wire, handed: BytesMut, exchange: &Arc<Exchange>) -> bool {
        let mut session = ServerSession::new_http1(Box::new(wire));
        session.set_pipelined_prefix(handed);
        let work = self.front.proxy.process_new_http(session, &self.front.never);
        // The panic hook has counted and logged it; the connection ends, the process goes on.
        let Ok(back) = AssertUnwindSafe(exchange::scope(Arc::clone(exchange), work)).catch_unwind().await
        else {
            exchange.fail(Denial::Internal("a panic"));
            exchange.cut();
            return false;
        };
        back.is_some()
    }

    /// Takes the socket back and decides how it goes on.
    async fn settle(&self, exchange: &Arc<Exchange>, reusable: bool, used: usize) -> After {
        let Some(returned) = exchange.take_back() else { return After::Gone };
        let mut line = Line::new(returned.tcp);
        if exchange.needs_reset() {
            return After::Reset(line.tcp);
        }
        if !returned.unsent.is_empty() && !line.say(&returned.unsent).await {
            return After::Gone;
        }
        if reusable && self.front.gateway.stage() == Stage::Serving {
            return After::Next(line.tcp, used, returned.beyond);
        }
        After::HangUp(line.tcp)
    }

    fn terms(
        &self,
        head: &Head<'_>,
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
            keep_alive: head.keep_alive() && self.may_go_on,
            http10: head.version() == Version::Http10,
            handshake,
            login: Arc::clone(self.login),
            who,
            group,
            retriable: head.framing() == Framing::None && matches!(head.method(), "GET" | "HEAD" | "OPTIONS"),
            has_body: head.framing() != Framing::None,
            timeouts: server.timeouts,
            tells_timing: server.server_timing,
            started: self.started,
        }
    }

    /// The host that was judged: a trusted proxy may tell another than it asked for.
    fn host<'h>(&self, head: &'h Head<'h>) -> &'h str {
        self.live.policy.client.identify(self.peer, head).host().unwrap_or(head.host())
    }
}

/// The part of the body that came with the head, and what is still to come.
struct Begun<'b> {
    /// As it goes on.
    given: Cow<'b, [u8]>,
    /// So many of the bytes behind the head belong to it.
    of_body: usize,
    body: Body,
}

fn begun_body(framing: Framing, early: &[u8]) -> Result<Begun<'_>, Malformed> {
    Ok(match framing {
        Framing::None => Begun { given: Cow::default(), of_body: 0, body: Body::Length(0) },
        Framing::Length(length) => {
            let given = early.get(..usize::try_from(length).unwrap_or(usize::MAX)).unwrap_or(early);
            let left = length - given.len() as u64;
            Begun { given: given.into(), of_body: given.len(), body: Body::Length(left) }
        }
        Framing::Chunked => {
            let mut chunked = Chunked::default();
            let mut room = [&[0; ROOM_BEFORE], early, &[0; ROOM_AFTER]].concat();
            let Recoded { of_body, length } = chunked.recode(&mut room, early.len())?;
            room.truncate(length);
            Begun { given: room.into(), of_body, body: Body::Chunked(chunked) }
        }
    })
}

fn with_circumstances<T>(
    turn: &Turn<'_>,
    head: &Head<'_>,
    trail: &Trail,
    make: impl FnOnce(&ResponsePolicy, &ResponseContext<'_>) -> T,
) -> T {
    let at = ResponseContext {
        https: trail.client.as_ref().map_or(turn.peer.tls, |client| client.https()),
        host: turn.host(head),
        port: trail.client.as_ref().and_then(Client::port),
        request_id: &turn.request_id,
        cors: &trail.cors,
        limits: &trail.limits,
        server_timing: None,
    };
    match &trail.app {
        Some(app) => make(&app.response, &at),
        None => make(ResponsePolicy::bare(), &at),
    }
}
