//! Connections of HTTP/1: one request after the other, and the end of the connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use stagedoor_core::chunked::Malformed;
use stagedoor_core::denial::Denial;
use stagedoor_core::head::{self, Parsed};
use stagedoor_core::proxy_protocol::is_header;
use stagedoor_core::reply::Reply;
use stagedoor_core::request::{Framing, Http1Meta, Http1Version};
use stagedoor_core::secret::Secret;

use super::handler::{ClientLink, Front, RequestHandler};
use super::record::too_many_fields;
use super::turn::{AnswerRules, ConnectionState, LocalFormat, Then, Turn, TurnParts};
use crate::connection_permits::ConnectionPermit;
use crate::edge::adapt;
use crate::edge::buffers;
use crate::edge::client::http1::{BodyReader, Connection, HeadRead, Http1Client};
use crate::edge::client::io::DownstreamIo;
use crate::edge::login::ConnectionLogin;
use crate::edge::stage_watch::StageWatch;
use crate::edge::timer::Timer;

/// The longest body of a refused request that is read and dropped, so that the connection can serve the next request.
const SKIP: u64 = 64 * 1024;
const SKIP_TIME: Duration = Duration::from_secs(5);

/// Why a request is none that begins with a header of the PROXY protocol.
const UNLISTED_PROXY: &str = "a header of the PROXY protocol, which is not expected here";

impl Front {
    /// Serves one connection to its end. `early`: what was read of it before.
    pub(crate) fn serve_http1<S: DownstreamIo>(
        self: Arc<Self>,
        io: S,
        early: BytesMut,
        link: ClientLink,
        permit: ConnectionPermit,
    ) -> impl Future<Output = ()> + Send {
        let mut served = ServedConnection {
            connection: Connection::begun(io, early),
            login: ConnectionLogin::default(),
            timer: Timer::new(self.gateway.started()),
            stage: StageWatch::new(self.gateway.watch_stage()),
            requests: 0,
            link,
            front: self,
            _permit: permit,
        };
        // No async function: it would hold its arguments twice, while the connection waits for a request.
        async move { served.serve().await }
    }
}

/// A connection and what lasts as long as it does.
struct ServedConnection<S> {
    connection: Connection<S>,
    login: ConnectionLogin,
    timer: Timer,
    stage: StageWatch,
    /// Requests that came.
    requests: u64,
    link: ClientLink,
    front: Arc<Front>,
    _permit: ConnectionPermit,
}

impl<S: DownstreamIo> ServedConnection<S> {
    async fn serve(&mut self) {
        loop {
            let idle = self.front.gateway.live().policy.server.timeouts.idle;
            if !self.connection.begin_head(idle, &mut self.timer, &mut self.stage).await {
                return;
            }
            // What is boxed from here on is held by no connection that waits for a request.
            let fault = match self.connection.holds_head() {
                true => None,
                false => match Box::pin(self.read_head()).await {
                    HeadRead::Closed => return,
                    HeadRead::Refused(denial) => Some(denial),
                    HeadRead::Complete => None,
                },
            };
            match Box::pin(self.answer(fault)).await {
                ConnectionState::KeepAlive => {}
                ConnectionState::Close => return Box::pin(self.close()).await,
                ConnectionState::Reset => return self.connection.reset(),
                ConnectionState::Closed => return,
            }
        }
    }

    /// Reads the rest of a head.
    async fn read_head(&mut self) -> HeadRead {
        let (limits, within) = {
            let live = self.front.gateway.live();
            (live.policy.server.limits.head, live.policy.server.timeouts.header)
        };
        self.connection.read_head(limits, within).await
    }

    /// Handles the request in the buffer of the connection, or refuses what is there.
    async fn answer(&mut self, fault: Option<Denial>) -> ConnectionState {
        let Self { connection, login, timer, stage, requests, link, front, _permit } = self;
        *requests += 1;
        let live = front.gateway.live();
        let may_go_on = *requests < live.policy.server.limits.requests_per_connection;
        let handler = RequestHandler::new(front, &live, link);
        let mut received = std::mem::take(&mut connection.buffer);
        let next = Next { connection, login, timer, stage, may_go_on };
        let state = match fault {
            Some(denial) => next.refuse(&handler, &received, &denial).await,
            None => next.run(&handler, &received).await,
        };
        buffers::give_back(&mut received);
        state
    }

    async fn close(&mut self) {
        self.connection.close(&mut self.front.gateway.watch_stage()).await;
    }
}

/// The next request of a connection, not parsed yet.
struct Next<'c, S> {
    connection: &'c mut Connection<S>,
    login: &'c mut ConnectionLogin,
    timer: &'c mut Timer,
    stage: &'c mut StageWatch,
    /// The connection may serve another request after this one.
    may_go_on: bool,
}

impl<S: DownstreamIo> Next<'_, S> {
    async fn run(self, handler: &RequestHandler<'_>, received: &BytesMut) -> ConnectionState {
        let limits = &handler.live.policy.server.limits.head;
        let (head, meta) = match head::parse(received, limits, handler.peer.scheme()) {
            Ok(Parsed::Complete(head, meta)) => (head, meta),
            Ok(Parsed::Partial) => {
                return self.refuse(handler, received, &Denial::BadRequest("unreadable head")).await;
            }
            Err(denial) => return self.refuse(handler, received, &denial).await,
        };
        // The part of the body that came with the head is checked with it: framing goes before all other checks.
        let mut body = BodyReader::new(meta.framing);
        let buffer = &mut self.connection.buffer;
        buffer.extend_from_slice(received.get(meta.length..).unwrap_or_default());
        if let Err(Malformed(fault)) = body.check_begun(buffer) {
            return self.refuse(handler, received, &Denial::BadRequest(fault)).await;
        }
        let Self { connection, login, timer, stage, may_go_on } = self;
        let http10 = meta.version == Http1Version::Http10;
        let client = Http1Client::new(connection, body, http10, meta.expects_continue);
        let turn = Http1Turn { client, meta, may_go_on };
        handler.run(&mut TurnParts { turn, login, timer, stage }, &head).await
    }

    /// Refuses bytes that are not a request.
    async fn refuse(self, handler: &RequestHandler<'_>, received: &[u8], denial: &Denial) -> ConnectionState {
        // Else the operator reads of white space or of empty lines, and not that a proxy is not listed.
        let unlisted = matches!(denial, Denial::BadRequest(_)) && is_header(received);
        let denial = if unlisted { &Denial::BadRequest(UNLISTED_PROXY) } else { denial };
        let limits = &handler.live.policy.server.limits.head;
        let reply = handler.refuse_early(denial, too_many_fields(denial, received, limits));
        let answer = adapt::to_h1(reply, handler.front.gateway.now(), false, true);
        self.connection.write_answer(&answer).await;
        ConnectionState::Close
    }
}

/// A request of HTTP/1.
struct Http1Turn<'c, S> {
    client: Http1Client<'c, S>,
    meta: Http1Meta,
    /// The connection may serve another request after this one.
    may_go_on: bool,
}

impl<S: DownstreamIo> Http1Turn<'_, S> {
    /// Bytes of the body that are dropped before the next request can be read; `None` where the connection rather ends.
    fn unread(&self) -> Option<usize> {
        match self.meta.framing {
            Framing::None => Some(0),
            Framing::Length(length) if length <= SKIP && !self.meta.expects_continue => {
                usize::try_from(length).ok()
            }
            Framing::Length(_) | Framing::Chunked => None,
        }
    }
}

impl<'c, S: DownstreamIo> Turn for Http1Turn<'c, S> {
    type Client = Http1Client<'c, S>;

    fn answers(&self) -> AnswerRules {
        AnswerRules {
            modern: self.meta.version == Http1Version::Http11,
            keep_alive: self.meta.keep_alive && self.may_go_on,
        }
    }

    fn client(&mut self) -> &mut Http1Client<'c, S> {
        &mut self.client
    }

    async fn read_body(&mut self, length: usize, within: Duration) -> Result<Secret<Vec<u8>>, Denial> {
        let connection = self.client.connection();
        let asks = self.meta.expects_continue && connection.buffer.is_empty() && length > 0;
        if asks && !connection.send_continue().await {
            return Err(Denial::BadRequest("the body ends in the middle"));
        }
        let mut body = Vec::with_capacity(length);
        let read = connection.read_body(&mut body, length, within).await;
        let body = Secret::new(body);
        read.map(|()| body)
    }

    async fn reply(&mut self, reply: Reply, format: LocalFormat) -> ConnectionState {
        let LocalFormat { now, head_only, then } = format;
        let unread = match then {
            Then::SkipBody => self.unread(),
            Then::GoOn => Some(0),
            Then::End => None,
        };
        let unread = unread.filter(|_| self.may_go_on && self.meta.keep_alive && !reply.close);
        let answer = adapt::to_h1(reply, now, head_only, unread.is_none());
        let connection = self.client.connection();
        if !connection.write_answer(&answer).await {
            return ConnectionState::Closed;
        }
        match unread {
            None => ConnectionState::Close,
            Some(unread) => match connection.discard_body(unread, SKIP_TIME).await {
                true => ConnectionState::KeepAlive,
                false => ConnectionState::Closed,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::client_socket::ClientSocket;

    /// A block of 512 bytes has room for it and for the 104 that the runtime adds. A larger task takes 768.
    #[test]
    fn a_connection_that_waits_for_a_request_is_small() {
        fn size<F>(
            _: impl Fn(Arc<Front>, ClientSocket, BytesMut, ClientLink, ConnectionPermit) -> F,
        ) -> usize {
            size_of::<F>()
        }
        assert!(size(Front::serve_http1) <= 512 - 104);
    }
}
