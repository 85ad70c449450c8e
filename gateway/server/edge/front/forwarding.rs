//! A permitted request: its exchange with the app, from the permit to the record.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt as _;
use stagedoor_core::answer::AnswerHead;
use stagedoor_core::denial::{Denial, UpstreamFault};
use stagedoor_core::exchange::{
    AppReuse, ClientReuse, Deadlines, Direction, Ended, Exchange, ExchangeTerms, Outcome, PassAll,
    StreamKind, Verdict,
};
use stagedoor_core::guard::streams::StreamPlace;
use stagedoor_core::guard::upgrade::Upgrade;
use stagedoor_core::pipeline::{Permit, Trail};
use stagedoor_core::policy::App;
use stagedoor_core::reply::Reply;
use stagedoor_core::request::{Head, Protocol};
use stagedoor_core::request_out;
use stagedoor_core::response_out::{ResponseContext, ResponsePolicy};

use super::handler::RequestHandler;
use super::record::RequestOutcome;
use super::turn::{AnswerRules, ConnectionState, Then, Turn, TurnParts};
use crate::edge::buffers;
use crate::edge::client::Client as _;
use crate::edge::forward::{Surroundings, forward};
use crate::edge::login::{self, ConnectionLogin, Who};
use crate::edge::pool::AppStream;
use crate::edge::revocation_watch::RevocationWatch;
use crate::stage::Stage;
use crate::telemetry::metrics::OpenStream;

impl RequestHandler<'_> {
    /// Forwards a permitted request to the app, and records it.
    pub(super) async fn forward<T: Turn>(
        &self,
        parts: &mut TurnParts<'_, T>,
        head: &Head<'_>,
        mut permit: Box<Permit<'_>>,
        trail: Trail,
        place: Option<Box<StreamPlace>>,
    ) -> ConnectionState {
        let app = Arc::clone(permit.app());
        let gate = permit.take_gate();
        let outgoing = request_out::write_head(&permit, head, &self.request_id, buffers::take());
        let TurnParts { turn, login, timer, stage } = parts;
        let who = || Who::of(&permit, head, self.peer);
        let own = login.applies(who, login::in_request(head, &outgoing));
        let terms = self.terms(head, turn.answers(), &permit);
        let mut surroundings = AppSide {
            handler: self,
            app: &app,
            permit: &permit,
            trail: &trail,
            host: permit.target().host(),
            https: permit.client().https(),
            port: permit.client().port(),
            who: &who,
            login,
            own,
            switches: head.protocol() != Protocol::Http2,
            open_stream: None,
            place,
            revocations: None,
        };
        let client = turn.client();
        let now = timer.now();
        let mut exchange = Exchange::new(outgoing, terms, (gate, PassAll), buffers::take(), now);
        let work = forward(&mut exchange, client, &mut surroundings, timer, now, stage);
        let stream = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(stream) => stream,
            // The panic hook has counted and logged the panic. The connection ends, the process goes on.
            Err(_) => {
                exchange.abort(Denial::Internal("a panic"), turn.client().take_back());
                None
            }
        };
        let (outcome, used) = exchange.finish();
        for mut buffer in used {
            buffers::give_back(&mut buffer);
        }
        surroundings.keep(&outcome, stream);
        let reply = self.conclude(head, &trail, &app, &outcome);
        surroundings.end_stream(&outcome);
        if let Some(reply) = reply {
            return turn.reply(reply, self.local_format(head, Then::End)).await;
        }
        match outcome.client {
            ClientReuse::KeepAlive if self.front.gateway.stage() == Stage::Serving => {
                ConnectionState::KeepAlive
            }
            ClientReuse::KeepAlive | ClientReuse::Close => ConnectionState::Close,
            ClientReuse::Reset => ConnectionState::Reset,
        }
    }

    fn terms(&self, head: &Head<'_>, answers: AnswerRules, permit: &Permit<'_>) -> ExchangeTerms {
        let timeouts = &self.live.policy.server.timeouts;
        let upstream = &permit.app().upstream;
        ExchangeTerms {
            head_only: head.method() == "HEAD",
            repeatable: head.body().is_empty() && matches!(head.method(), "GET" | "HEAD" | "OPTIONS"),
            body: head.body(),
            handshake: match permit.upgrade() {
                Upgrade::Websocket(handshake) => Some(handshake.clone()),
                Upgrade::None => None,
            },
            modern_client: answers.modern,
            keep_alive: answers.keep_alive,
            retries: upstream.retries,
            credential_end: permit.route().streams.end(permit.caller(), self.arrived),
            deadlines: Deadlines {
                read: upstream.read,
                send_idle: timeouts.send_idle,
                body_idle: timeouts.body_idle,
                min_rate: timeouts.min_rate,
                stream_idle: timeouts.stream_idle,
            },
        }
    }

    /// Records the exchange. Returns a refusal, where the client has no answer yet.
    fn conclude(&self, head: &Head<'_>, trail: &Trail, app: &App, outcome: &Outcome) -> Option<Reply> {
        let own_time = outcome.asked.map_or_else(|| self.elapsed(), |asked| self.since(asked));
        let mut recorded = RequestOutcome {
            trail,
            status: outcome.status.unwrap_or(0),
            denial: outcome.failure.as_ref(),
            bytes_in: outcome.bytes_in,
            bytes_out: outcome.bytes_out,
            own_time,
            upstream_time: outcome.answered.zip(outcome.asked).map(|(to, from)| to.saturating_sub(from)),
            asked: Some(app),
            upstream_fault: outcome.fault,
            ended_by: outcome.ended_by(),
            detail: outcome.detail,
            retries: outcome.retries,
        };
        if let Some(denial) = &outcome.failure {
            self.remember(Some(head), trail, denial, false);
        }
        let reply = match &outcome.ended {
            Ended::Refused(denial) => Some(self.refusal(head, trail, denial)),
            Ended::Answered | Ended::Broken | Ended::ClientGone => None,
        };
        if let Some(reply) = &reply {
            recorded.status = reply.status.as_u16();
            recorded.bytes_out = reply.body.len() as u64;
        }
        // Recorded before a refusal goes out: a client that has it can find its record.
        self.record(Some(head), &recorded);
        reply
    }
}

/// What the exchange of one request needs besides the two connections.
struct AppSide<'a, W> {
    handler: &'a RequestHandler<'a>,
    app: &'a Arc<App>,
    permit: &'a Permit<'a>,
    trail: &'a Trail,
    host: &'a str,
    https: bool,
    port: Option<u16>,
    who: &'a W,
    login: &'a mut ConnectionLogin,
    /// The request uses connections that no other client uses.
    own: bool,
    /// A WebSocket is answered with 101, an interim answer. Over HTTP/2 it is a final answer, 200.
    switches: bool,
    open_stream: Option<OpenStream>,
    /// Among the streams of the caller.
    place: Option<Box<StreamPlace>>,
    /// Of a stream whose caller has a credential that can be revoked.
    revocations: Option<Box<RevocationWatch>>,
}

impl<W: Fn() -> Who> AppSide<'_, W> {
    /// Counts the end of a stream, after its record: a client that sees the count can find the record.
    fn end_stream(&mut self, outcome: &Outcome) {
        if let (Some(open), Some(end)) = (&mut self.open_stream, outcome.stream_end) {
            open.ends(end);
        }
        self.open_stream = None;
        self.place = None;
    }

    /// Whether the credential of the caller was revoked since the request was permitted.
    fn check_revocations(&self) -> Result<(), Denial> {
        self.permit.caller().check_again(self.handler.live.policy.tokens.revocations())
    }

    /// Keeps the connection to the app for another exchange, where it can serve one.
    fn keep(&mut self, outcome: &Outcome, stream: Option<AppStream>) {
        let Some(stream) = stream else { return };
        match outcome.app {
            AppReuse::No => {}
            AppReuse::Yes if self.own => self.login.keep(stream),
            AppReuse::Yes => stream.give_back(),
        }
    }
}

impl<W: Fn() -> Who> Surroundings for AppSide<'_, W> {
    async fn connect(&mut self, fresh: bool, tries: usize) -> Result<(AppStream, bool), UpstreamFault> {
        let upstream = self.handler.live.upstream(self.app);
        if self.own && tries == 0 {
            // A login is one of the connection: no other one will do.
            if let Some(stream) = self.login.take(&upstream) {
                return Ok((stream, true));
            }
        }
        let (stream, reused) = upstream.get(self.app.upstream.connect, fresh || self.own).await?;
        Ok((stream, reused.is_reused()))
    }

    fn edit_interim(&mut self, head: &mut AnswerHead) {
        ResponsePolicy::clean_interim(head);
    }

    fn open_stream(&mut self, kind: StreamKind) -> Result<(), Denial> {
        // A WebSocket has its place since before the app was asked.
        if self.place.is_none() {
            self.place = Some(self.handler.open_stream(self.permit)?);
        }
        if self.permit.caller().user().is_some() {
            // Watched before it is checked, so that nothing is missed in between.
            let watch = RevocationWatch::new(self.handler.front.gateway.watch_revocations());
            self.check_revocations()?;
            self.revocations = Some(Box::new(watch));
        }
        self.open_stream = Some(self.handler.live.counters.open_stream(self.app.index, kind));
        Ok(())
    }

    fn edit_answer(&mut self, head: &mut AnswerHead, stream: Option<StreamKind>, asked: Duration) -> bool {
        if stream.is_none() {
            // The app has refused the WebSocket.
            self.place = None;
        }
        let websocket = stream == Some(StreamKind::Websocket);
        if websocket {
            ResponsePolicy::clean_interim(head);
            if self.switches {
                return false;
            }
        }
        let logs_in = login::in_answer(head);
        if logs_in {
            self.login.seen((self.who)());
        }
        // Judged before any field is removed or set.
        let goes_on =
            if self.own { !(self.who)().may_be_another() || login::is_challenge(head) } else { !logs_in };
        let own_time = self.handler.since(asked);
        let timing = self
            .handler
            .live
            .policy
            .server
            .server_timing
            .then(|| format!("gateway;dur={:.3}", own_time.as_secs_f64() * 1e3));
        let at = ResponseContext {
            https: self.https,
            host: self.host,
            port: self.port,
            request_id: &self.handler.request_id,
            cors: &self.trail.cors,
            limits: &self.trail.limits,
            server_timing: timing.as_deref(),
        };
        self.app.response.apply(head, &at);
        goes_on && !websocket
    }

    fn credential_end(&self) -> Option<Duration> {
        self.permit.route().streams.end(self.permit.caller(), self.handler.front.gateway.now())
    }

    fn poll_revoked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(watch) = &mut self.revocations {
            ready!(watch.poll_changed(cx));
            if self.check_revocations().is_err() {
                self.revocations = None;
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    fn poll_verdict(&mut self, _cx: &mut Context<'_>, _direction: Direction, _held: &[u8]) -> Poll<Verdict> {
        // No gate of today asks. One that did would get no body past this.
        Poll::Ready(Verdict::Refuse(Denial::Internal("a body waits for a verdict that nobody gives")))
    }
}
