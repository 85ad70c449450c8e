//! Connections of HTTP/2: one task a connection, in which each stream is a request like any other.
//!
//! The frames are read by the library `h2`. What it does not bound is bounded here and in [`crate::edge::client::http2`]:
//! the time until the preface, until the end of a header block, between requests, and until the client takes anything; the
//! number of requests; the frames that carry nothing; the streams that are answered at the same time, those that the client
//! has reset already among them. Whoever goes beyond the frames that are allowed is sent away with ENHANCE_YOUR_CALM.
//! RFC 9113; §10.5 lists what a client may try.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use h2::ext::Protocol;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, header};
use stagedoor_core::denial::Denial;
use stagedoor_core::head::HeadLimits;
use stagedoor_core::policy::{ServerLimits, Timeouts};
use stagedoor_core::reply::Reply;
use stagedoor_core::request::{Field, Head, Http2Request, PeerAddress, Scheme, SchemeRule, http2_head};
use stagedoor_core::secret::Secret;

use super::handler::{ClientLink, Front, RequestHandler};
use super::turn::{AnswerRules, ConnectionState, LocalFormat, Turn, TurnParts};
use crate::connection_permits::ConnectionPermit;
use crate::edge::client::http2::{Http2Client, Http2Socket, Unsent};
use crate::edge::client::io::DownstreamIo;
use crate::edge::date::http_date;
use crate::edge::login::ConnectionLogin;
use crate::edge::stage_watch::StageWatch;
use crate::edge::timer::Timer;
use crate::gateway::Gateway;
use crate::materials::random;
use crate::stage::Stage;
use crate::telemetry::metrics::Http2Limit;

/// How long a client may take to read a local answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// How much of a body that nobody wants is read, and for how long, so that its client can read the answer.
const UNWANTED_BYTES: usize = 16 * 1024 * 1024;
const UNWANTED_TIME: Duration = Duration::from_secs(5);
/// How long a connection that is to end may take for it once it has no streams, how long if the gateway ends, and how much
/// of it is read meanwhile.
const GOODBYE_TIME: Duration = Duration::from_secs(1);
const LAST_GOODBYE_TIME: Duration = Duration::from_millis(250);
const GOODBYE_BYTES: usize = 1024 * 1024;
/// How many streams leave what they waited by to the next ones.
const SPARE: usize = 8;
/// Of a body that is not taken by the app: in one stream, and in all of a connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 4 * STREAM_WINDOW;
/// Of an answer that is not sent, in one stream.
const SEND_BUFFER: usize = 64 * 1024;
/// What the library may hold besides the bytes of a body that came in small pieces: 256 bytes for each piece that no stream
/// has taken, less its length, so some 4,100 pieces. What comes late of a stream that the gateway has reset is never given back.
const PIECES: usize = 1024 * 1024;
/// Streams that the gateway has reset and still ignores frames of, and for how long.
const FORGOTTEN: usize = 64;
const FORGETTING: Duration = Duration::from_secs(10);
/// Streams of one connection that may break the protocol, or be opened beyond `h2_streams`, before it ends. A client opens as
/// many as it likes before it has read how many it may. The library counts them for as long as the connection lasts.
const BROKEN: usize = 300;
/// What the header list of HTTP/2 counts for each field besides its bytes (RFC 9113 §6.5.2).
const FIELD: usize = 32;
/// Pseudo-header fields of a request.
const PSEUDO: usize = 5;

impl Front {
    /// Serves one connection to its end. `early`: what was read of it before.
    pub(crate) async fn serve_http2<S: DownstreamIo>(
        self: Arc<Self>,
        io: S,
        early: BytesMut,
        link: ClientLink,
        _permit: ConnectionPermit,
    ) {
        let (limits, timeouts) = {
            let live = self.gateway.live();
            (live.policy.server.limits, live.policy.server.timeouts)
        };
        let socket = Http2Socket::new(io, early, self.gateway.started());
        let opened = {
            let mut opening = std::pin::pin!(settings(&limits).handshake::<_, Bytes>(socket.clone()));
            let opening = std::future::poll_fn(|cx| {
                let opened = opening.as_mut().poll(cx);
                // What the socket does not take goes out later.
                let _ = socket.poll_send(cx);
                opened
            });
            tokio::time::timeout(timeouts.header, opening).await
        };
        let connection = match opened {
            Ok(Ok(connection)) => connection,
            Ok(Err(_)) => return,
            Err(_) => return self.gateway.metrics.http2_limited(Http2Limit::Header),
        };
        let outdated = AtomicBool::new(false);
        let mut streams = FuturesUnordered::new();
        let unsent = Arc::new(Unsent::default());
        let mut connection = Connection {
            connection,
            socket: &socket,
            unsent: &unsent,
            outdated: &outdated,
            gateway: &self.gateway,
            address: link.peer.address,
            timer: Timer::new(self.gateway.started()),
            stage: StageWatch::new(self.gateway.watch_stage()),
            limits,
            timeouts,
            accepted: 0,
            spare: Vec::new(),
            window: STREAM_WINDOW,
            idle_since: None,
            ending: Ending::No,
        };
        let answer = |request, respond, waits, permit| {
            let shared = (&link, Arc::clone(&unsent), &outdated);
            let answered = self.answer_stream(request, respond, shared, waits, permit);
            // Boxed, as it is large, and would be copied into the list of streams more than once.
            Box::pin(AssertUnwindSafe(answered).catch_unwind())
        };
        std::future::poll_fn(|cx| connection.poll(cx, &mut streams, &answer)).await;
        drop(connection);
        unsent.close();
        // The streams find out that their client is gone, and record it.
        let last_streams = async { while streams.next().await.is_some() {} };
        let _ = tokio::join!(last_streams, tokio::time::timeout(GOODBYE_TIME, discard(&socket)));
    }

    /// Answers the request of one stream. Returns what it waited by.
    async fn answer_stream(
        &self,
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        (link, unsent, outdated): (&ClientLink, Arc<Unsent>, &AtomicBool),
        mut waits: StreamWaits,
        _permit: ConnectionPermit,
    ) -> StreamWaits {
        let (parts, receive) = request.into_parts();
        let expects = parts.headers.contains_key(header::EXPECT);
        let end_stream = receive.is_end_stream();
        let length =
            parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let mut client = Http2Client::new(receive, respond, unsent, length, expects, link.peer.tls);
        let live = self.gateway.live();
        let handler = RequestHandler::new(self, &live, link);
        if live.policy.outlives(&link.transport, handler.arrived) {
            outdated.store(true, Ordering::Relaxed);
        }
        let limits = &live.policy.server.limits.head;
        let key = websocket_key(&parts);
        let scheme = (link.peer.scheme(), live.policy.client.scheme_rule(link.peer.address));
        let state = match read_head(&parts, end_stream, &key, limits, scheme) {
            Ok(head) => {
                let mut login = ConnectionLogin::default();
                let StreamWaits { timer, stage } = &mut waits;
                let turn = Http2Turn { client };
                // A login of a connection would be one of all its streams: each has one of its own.
                let mut turn = TurnParts { turn, login: &mut login, timer, stage };
                let state = handler.run(&mut turn, &head).await;
                client = turn.turn.client;
                state
            }
            Err(denial) => {
                let too_many = denial == Denial::HeadersTooLarge && parts.headers.len() > limits.count;
                // What the list takes is not held for as long as the client does not take the answer.
                drop(parts);
                let reply = handler.refuse_early(&denial, too_many);
                send_reply(&mut client, reply, self.gateway.now().unix(), false).await
            }
        };
        let patience = match self.gateway.stage() {
            Stage::Serving => UNWANTED_TIME,
            Stage::Draining | Stage::Closing => GOODBYE_TIME,
        };
        match state {
            ConnectionState::KeepAlive | ConnectionState::Close => {
                client.finish(UNWANTED_BYTES, patience).await;
            }
            ConnectionState::Reset => client.reset(Reason::INTERNAL_ERROR, patience).await,
            ConnectionState::Closed => client.reset(Reason::CANCEL, Duration::ZERO).await,
        }
        waits
    }
}

/// What a stream waits by.
struct StreamWaits {
    timer: Timer,
    stage: StageWatch,
}

/// The end of a stream: none where it panicked.
type StreamEnd = std::thread::Result<StreamWaits>;

/// What the gateway tells its clients, and how much the library may hold.
fn settings(limits: &ServerLimits) -> Builder {
    let HeadLimits { bytes, count, .. } = limits.head;
    // Of a longer list the library answers 431 itself, without a trace and without the fields of other refusals. It counts 33 bytes for
    // a field with next to nothing in it, which takes more than twice that in memory.
    let list = bytes.saturating_add((count + PSEUDO) * FIELD);
    let list = list.saturating_add(list / 4);
    let streams = u32::try_from(limits.h2_streams).unwrap_or(u32::MAX);
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(streams)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(STREAM_WINDOW)
        .max_header_list_size(u32::try_from(list).unwrap_or(u32::MAX))
        .max_send_buffer_size(SEND_BUFFER)
        .data_frame_budget(PIECES)
        .max_concurrent_reset_streams(FORGOTTEN)
        .reset_stream_duration(FORGETTING)
        .max_pending_accept_reset_streams(2 * limits.h2_streams)
        .max_local_error_reset_streams(Some(BROKEN))
        .enable_connect_protocol();
    builder
}

/// A connection that has begun.
struct Connection<'c, S> {
    connection: h2::server::Connection<Http2Socket<S>, Bytes>,
    socket: &'c Http2Socket<S>,
    unsent: &'c Unsent,
    /// What the client has proven in the handshake is not what its host asks for any more.
    outdated: &'c AtomicBool,
    gateway: &'c Gateway,
    address: PeerAddress,
    timer: Timer,
    stage: StageWatch,
    limits: ServerLimits,
    timeouts: Timeouts,
    /// Requests that came.
    accepted: u64,
    /// Those of streams that have ended, for the next ones.
    spare: Vec<StreamWaits>,
    /// What the client may send that the app has not taken.
    window: u32,
    /// Since when there is no request.
    idle_since: Option<Duration>,
    ending: Ending,
}

/// Whether the connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It is not.
    No,
    /// The client was told to open no more streams. Those that are open go on.
    Graceful,
    /// The client was sent away, at this time.
    Abrupt(Duration),
}

impl<S: DownstreamIo> Connection<'_, S> {
    /// Ready when the connection has ended, or is to be dropped.
    fn poll<F: Future<Output = StreamEnd> + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        streams: &mut FuturesUnordered<F>,
        answer: &impl Fn(Request<RecvStream>, SendResponse<Bytes>, StreamWaits, ConnectionPermit) -> F,
    ) -> Poll<()> {
        loop {
            if self.poll_frames(cx, streams, answer).is_ready() {
                return Poll::Ready(());
            }
            let mut answered = false;
            while let Poll::Ready(Some(end)) = streams.poll_next_unpin(cx) {
                answered = true;
                self.keep_spare(end);
            }
            if self.outdated.load(Ordering::Relaxed) && self.ending == Ending::No {
                self.end_gracefully();
                continue;
            }
            self.open_window(streams.len());
            // What streams gave has to be made frames of, and streams that ended make room for others.
            if self.unsent.take_fresh() || answered {
                continue;
            }
            match self.socket.poll_send(cx) {
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) if self.socket.take_refused() => continue,
                Poll::Ready(Ok(())) => self.unsent.sent(),
                Poll::Pending => {}
            }
            // The streams have taken what was read.
            if self.socket.take_paused() {
                continue;
            }
            if self.stage.poll_changed(cx).is_ready() {
                self.end_gracefully();
                continue;
            }
            let now = self.timer.now();
            let Some((wait, due)) = self.next_wait(now, streams.is_empty()) else { return Poll::Pending };
            ready!(self.timer.poll_until(cx, due));
            match wait {
                Wait::Request => self.end_gracefully(),
                Wait::Header => self.send_away(due, Http2Limit::Header),
                Wait::Socket => {
                    self.gateway.metrics.http2_limited(Http2Limit::Unread);
                    return Poll::Ready(());
                }
                Wait::Goodbye => return Poll::Ready(()),
            }
        }
    }

    /// Reads and writes frames until that has to wait, and begins the streams that come.
    fn poll_frames<F: Future<Output = StreamEnd> + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        streams: &mut FuturesUnordered<F>,
        answer: &impl Fn(Request<RecvStream>, SendResponse<Bytes>, StreamWaits, ConnectionPermit) -> F,
    ) -> Poll<()> {
        loop {
            // Streams that their client has reset may still be under way, and count.
            let read = if streams.len() < 2 * self.limits.h2_streams {
                self.connection.poll_accept(cx)
            } else {
                self.connection.poll_closed(cx).map(|closed| closed.err().map(Err))
            };
            match read {
                Poll::Ready(Some(Ok((request, respond)))) => self.accept(request, respond, streams, answer),
                Poll::Ready(Some(Err(error))) => {
                    tracing::debug!(%error, "a connection of HTTP/2 ended");
                    match error.reason() {
                        Some(Reason::ENHANCE_YOUR_CALM) => {
                            self.gateway.metrics.http2_limited(Http2Limit::Frames)
                        }
                        Some(_) if error.is_library() => {
                            self.gateway.metrics.http2_limited(Http2Limit::Protocol)
                        }
                        Some(_) | None => {}
                    }
                    return Poll::Ready(());
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending if self.socket.is_over_budget() && !self.is_sent_away() => {
                    let now = self.timer.now();
                    self.send_away(now, Http2Limit::Frames);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn accept<F: Future<Output = StreamEnd> + Unpin>(
        &mut self,
        request: Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
        streams: &mut FuturesUnordered<F>,
        answer: &impl Fn(Request<RecvStream>, SendResponse<Bytes>, StreamWaits, ConnectionPermit) -> F,
    ) {
        self.accepted += 1;
        // A client that was told to open no more may have some on their way, and no more than it may have open.
        let most = self.limits.requests_per_connection.saturating_add(self.limits.h2_streams as u64);
        if self.accepted > most {
            return self.refuse(&mut respond, Http2Limit::Requests);
        }
        if self.accepted >= self.limits.requests_per_connection {
            self.end_gracefully();
        }
        self.idle_since = None;
        match self.gateway.permit_stream(self.address) {
            Ok(permit) => {
                let waits = self.take_spare();
                streams.push(answer(request, respond, waits, permit));
            }
            Err(limit) => self.refuse(&mut respond, limit),
        }
    }

    fn take_spare(&mut self) -> StreamWaits {
        self.spare.pop().unwrap_or_else(|| StreamWaits {
            timer: Timer::new(self.gateway.started()),
            stage: StageWatch::new(self.gateway.watch_stage()),
        })
    }

    fn keep_spare(&mut self, end: StreamEnd) {
        if let Ok(waits) = end
            && self.spare.len() < SPARE
        {
            self.spare.push(waits);
        }
    }

    /// Refuses a stream of which nothing was looked at: its client may ask again (RFC 9113 §8.7).
    fn refuse(&self, respond: &mut SendResponse<Bytes>, limit: Http2Limit) {
        self.gateway.metrics.http2_limited(limit);
        respond.send_reset(Reason::REFUSED_STREAM);
    }

    /// Opens the window of the connection as far as its streams have permits for: a connection without any holds no more
    /// than one of HTTP/1 does.
    fn open_window(&mut self, streams: usize) {
        let streams = u32::try_from(streams).unwrap_or(u32::MAX);
        let window = STREAM_WINDOW.saturating_mul(streams).clamp(STREAM_WINDOW, CONNECTION_WINDOW);
        if window != self.window {
            self.window = window;
            self.connection.set_target_window_size(window);
        }
    }

    /// Tells the client to open no more streams.
    fn end_gracefully(&mut self) {
        if self.ending == Ending::No {
            self.ending = Ending::Graceful;
            // A client that was idle gets its goodbye from now on, for a request that is on its way.
            self.idle_since = None;
            self.connection.graceful_shutdown();
        }
    }

    /// Sends the client away, in the middle of what it does.
    fn send_away(&mut self, now: Duration, limit: Http2Limit) {
        self.gateway.metrics.http2_limited(limit);
        self.ending = Ending::Abrupt(now);
        self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
    }

    fn is_sent_away(&self) -> bool {
        match self.ending {
            Ending::No | Ending::Graceful => false,
            Ending::Abrupt(_) => true,
        }
    }

    /// What is waited for, and until when.
    fn next_wait(&mut self, now: Duration, idle: bool) -> Option<(Wait, Duration)> {
        if let Ending::Abrupt(since) = self.ending {
            return Some((Wait::Goodbye, since.saturating_add(GOODBYE_TIME)));
        }
        let waits = self.socket.waits();
        let header = waits.header.map(|since| (Wait::Header, since.saturating_add(self.timeouts.header)));
        let socket = waits.full.map(|since| (Wait::Socket, since.saturating_add(self.timeouts.send_idle)));
        let goodbye = match self.stage.stage() {
            Stage::Serving => GOODBYE_TIME,
            Stage::Draining | Stage::Closing => LAST_GOODBYE_TIME,
        };
        let request = idle.then(|| {
            let since = *self.idle_since.get_or_insert(now);
            match self.ending {
                Ending::No => (Wait::Request, since.saturating_add(self.timeouts.h2_idle)),
                Ending::Graceful | Ending::Abrupt(_) => (Wait::Goodbye, since.saturating_add(goodbye)),
            }
        });
        [header, socket, request].into_iter().flatten().min_by_key(|(_, due)| *due)
    }
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// For the next request.
    Request,
    /// For the rest of a header block.
    Header,
    /// For the client to take anything.
    Socket,
    /// For its end.
    Goodbye,
}

/// Reads what a client still sends that was told that its connection ends: the system would answer it with a reset, and
/// the client might not see why it ended.
async fn discard<S: DownstreamIo>(socket: &Http2Socket<S>) {
    let mut read = 0usize;
    while read < GOODBYE_BYTES {
        match std::future::poll_fn(|cx| socket.poll_discard(cx)).await {
            Ok(0) | Err(_) => return,
            Ok(came) => read += came,
        }
    }
}

/// The checked head of a request.
fn read_head<'p>(
    parts: &'p Parts,
    end_stream: bool,
    websocket_key: &'p str,
    limits: &HeadLimits,
    (connection, rule): (Scheme, SchemeRule),
) -> Result<Head<'p>, Denial> {
    let path = match parts.uri.path_and_query() {
        // The library reads an absent path as one slash, and this as none.
        Some(path) if path.as_str() == "/" && *path != PathAndQuery::from_static("/") => "",
        Some(path) => path.as_str(),
        None => "",
    };
    let request = Http2Request {
        method: parts.method.as_str(),
        // The library checks its syntax, and drops it where there is no authority.
        scheme: parts.uri.scheme_str().unwrap_or(connection.as_str()),
        authority: parts.uri.authority().map(|authority| authority.as_str()),
        path: path.as_bytes(),
        end_stream,
        protocol: parts.extensions.get::<Protocol>().map(Protocol::as_str),
        websocket_key,
    };
    let fields =
        parts.headers.iter().map(|(name, value)| Field { name: name.as_str(), value: value.as_bytes() });
    http2_head(&request, fields, limits, connection, rule)
}

/// The key for the handshake of a WebSocket.
fn websocket_key(parts: &Parts) -> String {
    match parts.extensions.get::<Protocol>() {
        Some(_) => STANDARD.encode(random::<16>()),
        None => String::new(),
    }
}

/// A request of HTTP/2.
struct Http2Turn {
    client: Http2Client,
}

impl Turn for Http2Turn {
    type Client = Http2Client;

    fn answers(&self) -> AnswerRules {
        AnswerRules { modern: true, keep_alive: true }
    }

    fn client(&mut self) -> &mut Http2Client {
        &mut self.client
    }

    async fn read_body(&mut self, length: usize, within: Duration) -> Result<Secret<Vec<u8>>, Denial> {
        match tokio::time::timeout(within, self.client.read_body(length)).await {
            Ok(Some(body)) => Ok(Secret::new(body)),
            Ok(None) => Err(Denial::BadRequest("the body ends in the middle")),
            Err(_) => Err(Denial::BodyTimeout),
        }
    }

    async fn reply(&mut self, reply: Reply, format: LocalFormat) -> ConnectionState {
        let LocalFormat { now, head_only, then: _ } = format;
        send_reply(&mut self.client, reply, now.unix(), head_only).await
    }
}

/// Sends a local answer. What of the body is not read is nothing to the other streams.
async fn send_reply(
    client: &mut Http2Client,
    mut reply: Reply,
    unix: Duration,
    head_only: bool,
) -> ConnectionState {
    let date: HeaderValue = http_date(unix);
    reply.fields.insert(header::DATE, date);
    let (head, body) = reply.into_http2(head_only);
    match client.respond(head, body, ANSWER_TIME).await {
        true => ConnectionState::KeepAlive,
        false => ConnectionState::Closed,
    }
}
