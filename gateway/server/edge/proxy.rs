//! pingora's hooks, each short. Policy has spoken before any of them runs.
//!
//! A context without an exchange means that a request came here past the front; there is no such
//! way, and the hooks refuse it all the same.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};
use pingora_core::protocols::Digest;
use stagedoor_core::denial::Denial;
use stagedoor_core::reply::{PageContext, RefusalFormat, Reply};
use stagedoor_core::response_out::{ResponseContext, ResponsePolicy};
use tokio::sync::watch;

use super::adapt::{self, Fields};
use super::connection::AppConnection;
use super::exchange::{self, Exchange, Phase};
use super::upstream::Upstreams;
use super::{failure, fault_point, login, websocket};
use crate::stage::Stage;
use crate::telemetry::metrics::{StreamEnd, StreamKind};

/// The hooks.
pub(crate) struct Proxy {
    upstreams: Arc<Upstreams>,
    stage: watch::Receiver<Stage>,
}

/// What a hook knows: the exchange of this hand-over.
pub(crate) type Context = Option<Arc<Exchange>>;

impl Proxy {
    pub(crate) fn new(upstreams: Arc<Upstreams>, stage: watch::Receiver<Stage>) -> Self {
        Self { upstreams, stage }
    }
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        exchange::current()
    }

    /// Sets what pingora would otherwise take from the client or leave open.
    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Context) -> Result<()> {
        let exchange = known(ctx)?;
        session.set_keepalive(exchange.keep_alive.then(|| exchange.timeouts.idle.as_secs().max(1)));
        session.set_read_timeout(None); // the wire's deadlines rule
        session.set_write_timeout(Some(exchange.timeouts.send_idle));
        // RFC 9110 §15.2: a client of HTTP/1.0 would take a 1xx for the answer.
        session.set_ignore_info_resp(exchange.http10);
        Ok(())
    }

    async fn upstream_peer(&self, _session: &mut Session, ctx: &mut Context) -> Result<Box<HttpPeer>> {
        fault_point::hit("connect");
        let exchange = known(ctx)?;
        exchange.mark_handed_over();
        match self.upstreams.peer(exchange).await {
            Ok(peer) => Ok(Box::new(peer)),
            Err(denial) => {
                exchange.fail(denial);
                Err(Error::new_up(ErrorType::ConnectNoRoute))
            }
        }
    }

    /// Sees whose the connection is that pingora has chosen or made.
    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        reused: bool,
        peer: &HttpPeer,
        _fd: std::os::unix::io::RawFd,
        digest: Option<&Digest>,
        ctx: &mut Context,
    ) -> Result<()> {
        let exchange = known(ctx)?;
        if exchange.handshake.is_some() {
            return Ok(());
        }
        let connection = AppConnection::of(digest, peer.group_key)
            .ok_or_else(|| Error::explain(ErrorType::InternalError, "a connection of somebody else"))?;
        if reused && AppConnection::is_over(&connection) {
            exchange.go_alone();
            return Err(Error::new_up(ENDED));
        }
        exchange.uses(connection);
        Ok(())
    }

    /// A request with a body is the last of its connection, and says so: an app that does not read the body would
    /// take it for the next request, which nobody permitted.
    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Context,
    ) -> Result<()> {
        fault_point::hit("request head");
        if known(ctx)?.has_body {
            request.insert_header(http::header::CONNECTION, "close")?;
        }
        Ok(())
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut Context,
        mut e: Box<Error>,
    ) -> Box<Error> {
        // Nothing was sent: another try is safe whatever the method.
        e.set_retry(ctx.as_ref().is_some_and(|exchange| exchange.may_retry_connect()));
        e
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut e: Box<Error>,
        ctx: &mut Context,
        client_reused: bool,
    ) -> Box<Error> {
        if *e.etype() == ENDED {
            // Nothing was sent, and the app has no part in it: this counts as no try.
            e.set_retry(true);
            return e;
        }
        let unanswered = session.response_written().is_none();
        let safe = client_reused && unanswered && e.retry != pingora::RetryType::Decided(false);
        e.set_retry(safe && ctx.as_ref().is_some_and(|exchange| exchange.may_retry()));
        e
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Context,
    ) -> Result<()> {
        fault_point::hit("request body");
        let exchange = known(ctx)?;
        let bytes = body.as_ref().map_or(0, Bytes::len);
        if session.was_upgraded() {
            exchange.count_in(bytes);
            return Ok(());
        }
        if let Err(denial) = exchange.pass_body(bytes) {
            *body = Some(Bytes::new()); // `None` would tell the app that the body is complete
            exchange.fail(denial);
            return Err(Error::new_down(ErrorType::Custom("body refused")));
        }
        if end_of_stream {
            exchange.body_complete();
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Context,
    ) -> Result<()> {
        fault_point::hit("answer head");
        let exchange = known(ctx)?;
        if response.status.is_informational() {
            ResponsePolicy::clean_interim(&mut Fields(response));
            let switches = response.status == http::StatusCode::SWITCHING_PROTOCOLS;
            return if switches { switch(exchange, response) } else { Ok(()) };
        }
        if *self.stage.borrow() != Stage::Serving {
            // The client is told in time, and sends its next request elsewhere.
            session.set_keepalive(None);
        }
        exchange.mark_answered();
        exchange.answer(response.status.as_u16());
        settle_connection(exchange, response, &session.req_header().method);
        adapt::one_framing(response);
        if !adapt::is_framed(response) {
            return Err(Error::new_up(ErrorType::InvalidHTTPHeader));
        }
        if is_event_stream(response) {
            exchange.open_stream(StreamKind::Events);
        } else {
            exchange.enter(Phase::Answering);
        }
        if exchange.http10 {
            // pingora then ends the body by closing, as that version has it.
            response.remove_header(&http::header::TRANSFER_ENCODING);
        }
        let headers = &response.headers;
        if !headers.contains_key(http::header::CONTENT_LENGTH)
            && !headers.contains_key(http::header::TRANSFER_ENCODING)
        {
            exchange.ends_by_closing();
        }
        let timing = exchange.server_timing();
        exchange.app.response.apply(&mut Fields(response), &exchange.circumstances(timing.as_deref()));
        Ok(())
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Context,
    ) -> Result<Option<Duration>> {
        fault_point::hit("answer body");
        if let (Some(exchange), Some(bytes)) = (ctx.as_ref(), body.as_ref()) {
            exchange.count_out(bytes.len());
            // The first frames may come with the 101: pingora does not call the session upgraded yet.
            if exchange.is_switched() {
                exchange.frames().feed(bytes);
            }
            if end_of_stream {
                exchange.stream_ends(StreamEnd::App);
            }
        }
        if let (Some(exchange), true) = (ctx.as_ref(), end_of_stream) {
            exchange.end_connection();
        }
        Ok(None)
    }

    async fn fail_to_proxy(&self, session: &mut Session, e: &Error, ctx: &mut Context) -> FailToProxy {
        let error_code = match ctx.as_ref() {
            Some(exchange) => fail(session, e, exchange).await,
            None => 500,
        };
        FailToProxy { error_code, can_reuse_downstream: false }
    }

    fn suppress_error_log(&self, _session: &Session, _ctx: &Context, _error: &Error) -> bool {
        true // our own line is written by the front, without addresses
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _ctx: &Context,
        _error: &Error,
        _context: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

/// A connection of the pool that was ended here before pingora had seen it.
const ENDED: ErrorType = ErrorType::Custom("EndedConnection");

fn known(ctx: &Context) -> Result<&Arc<Exchange>> {
    ctx.as_ref().ok_or_else(|| Error::explain(ErrorType::InternalError, "a request without a permit"))
}

/// Decides whether the connection to the app may serve another request once this answer is complete.
///
/// pingora keeps one whose answer it has read to the end, by its framing. That is not enough where the app may still
/// send something, nor where the connection says who asks.
fn settle_connection(exchange: &Exchange, response: &ResponseHeader, method: &http::Method) {
    let logs_in = login::in_answer(&response.headers);
    if logs_in {
        exchange.login.seen(&exchange.who);
    }
    let bodiless = adapt::is_bodiless(response, method);
    if bodiless || !adapt::keeps_connection(response) || (logs_in && exchange.group == 0) {
        exchange.spend_connection();
    }
    let empty = response.headers.get(http::header::CONTENT_LENGTH).is_some_and(|length| length == "0");
    if bodiless || empty {
        exchange.end_connection();
    }
}

/// An app that switches protocols unasked gets nowhere: only a permitted WebSocket may, by the answer to its handshake.
fn switch(exchange: &Arc<Exchange>, response: &mut ResponseHeader) -> Result<()> {
    let confirmed = exchange.handshake.as_ref().map(|handshake| match response.version {
        http::Version::HTTP_11 => handshake.confirm(&Fields(response)),
        // Behind an interim answer, where the version is not mended: pingora has taken it for no switch.
        _ => Err("its version is not HTTP/1.1"),
    });
    match confirmed {
        Some(Ok(())) => adapt::one_switch(response),
        Some(Err(fault)) => {
            tracing::warn!(app = %exchange.app.name, "the app's 101 completes no WebSocket: {fault}");
            return Err(Error::new_up(ErrorType::InvalidHTTPHeader));
        }
        None => return Err(Error::new_up(ErrorType::InvalidHTTPHeader)),
    }
    exchange.mark_answered();
    exchange.answer(101);
    exchange.ends_by_closing();
    exchange.open_stream(StreamKind::Websocket);
    Ok(())
}

fn is_event_stream(response: &ResponseHeader) -> bool {
    response.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(
        |value| {
            value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
        },
    )
}

/// Tells the client, if there is one and it has not been told otherwise. Returns the status.
async fn fail(session: &mut Session, e: &Error, exchange: &Arc<Exchange>) -> u16 {
    let denial = exchange.failure().cloned().or_else(|| failure::denial(e));
    let begun = session.response_written().map(|head| head.status);
    exchange.stream_ends(stream_end(e, exchange));
    let fault = denial.as_ref().and_then(Denial::upstream_fault);
    if let (Some(fault), true) = (fault, exchange.phase() != Phase::Streaming) {
        exchange.blame(fault);
    }
    match begun {
        Some(http::StatusCode::SWITCHING_PROTOCOLS) => close_websocket(session, exchange).await,
        Some(status) if !status.is_informational() => end_answer(session, exchange).await,
        Some(_) | None => {
            let Some(denial) = denial else { return 0 };
            exchange.fail(denial.clone());
            exchange.answer(denial.status().as_u16());
            exchange.announce_failure().await;
            refuse(session, &denial, exchange).await;
        }
    }
    exchange.status()
}

fn stream_end(e: &Error, exchange: &Exchange) -> StreamEnd {
    match (exchange.failure(), e.esource()) {
        (Some(_), _) => StreamEnd::Idle,
        (None, ErrorSource::Upstream) => StreamEnd::App,
        (None, _) if exchange.told_to_close() => StreamEnd::Draining,
        (None, _) => StreamEnd::Client,
    }
}

async fn refuse(session: &mut Session, denial: &Denial, exchange: &Arc<Exchange>) {
    let navigation = exchange.navigation.then(|| PageContext {
        app: Some(&exchange.app.name),
        repeatable: exchange.retriable,
        return_path: None,
        user: None,
    });
    let manner = RefusalFormat { shape: exchange.shape(), page: navigation, realm: &exchange.app.name };
    let timing = exchange.server_timing();
    let at = exchange.circumstances(timing.as_deref());
    let reply = Reply::refusal(denial, manner, &exchange.app.response, &at);
    session.set_keepalive(None);
    let Ok(header) = adapt::response_header(&reply) else { return };
    if session.write_response_header(Box::new(header), reply.body.is_empty()).await.is_err() {
        return;
    }
    exchange.count_out(reply.body.len());
    if !reply.body.is_empty() {
        let _ = session.write_response_body(Some(Bytes::from(reply.body)), true).await;
    }
}

/// An answer that breaks off must not look whole. An event stream that the gateway ends itself is whole wherever it
/// ends, and gets its last chunk.
async fn end_answer(session: &mut Session, exchange: &Arc<Exchange>) {
    let ends_well = exchange.told_to_close() && exchange.failure().is_none();
    if !ends_well || session.downstream_session.finish_body().await.is_err() {
        exchange.cut();
    }
}

/// Says goodbye in the client's own terms, unless a frame is half out.
async fn close_websocket(session: &mut Session, exchange: &Arc<Exchange>) {
    if !exchange.frames().at_boundary() {
        return exchange.cut();
    }
    let close = if exchange.told_to_close() { websocket::CLOSE_RESTART } else { websocket::CLOSE_AWAY };
    let _ = session.write_response_body(Some(Bytes::copy_from_slice(&close)), true).await;
}

impl Exchange {
    /// A try that sent nothing may be repeated whatever the method is.
    fn may_retry_connect(&self) -> bool {
        self.count_try() < self.app.upstream.retries
    }

    /// Under which the answer to this exchange is dressed.
    pub(crate) fn circumstances<'a>(&'a self, server_timing: Option<&'a str>) -> ResponseContext<'a> {
        ResponseContext {
            https: self.https,
            host: &self.host,
            port: self.port,
            request_id: &self.request_id,
            cors: &self.cors,
            limits: &self.limits,
            server_timing,
        }
    }

    /// The value of `Server-Timing`, where the configuration asks for it.
    pub(crate) fn server_timing(&self) -> Option<String> {
        self.tells_timing.then(|| format!("gateway;dur={:.3}", self.own_time().as_secs_f64() * 1e3))
    }
}
