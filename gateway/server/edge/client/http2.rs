//! Clients that speak HTTP/2: one exchange, which is one stream of a connection.
//!
//! Bounds: of the request's body no more than its window is held, and the window opens again only for bytes that the app has
//! taken. Of the answer one piece of data is held here, and what [`Unsent`] allows in the library. Capacity of the client's
//! window is asked for bytes in hand alone, or streams that wait would keep it from others.

mod frames;
mod socket;
mod unsent;

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Response, StatusCode};
use stagedoor_core::answer::AnswerHead;
use stagedoor_core::answer_framing::{AnswerFraming, ConnectionLine};
use stagedoor_core::response_out;

use self::frames::SMALL;
pub(crate) use self::socket::Http2Socket;
pub(crate) use self::unsent::Unsent;
use super::{BodyFault, Client, Closed};
use crate::clock;
use crate::edge::date::http_date;
use crate::edge::login;

/// Small pieces of a body go on as one of about so many bytes.
const TOGETHER: usize = 16 * 1024;

/// The client's side of one exchange over HTTP/2.
pub(crate) struct Http2Client {
    receive: RecvStream,
    body: BodyState,
    /// Bytes of the body that its length still promises, where it has one.
    promised: Option<u64>,
    /// The last data of a body with a length, until the client has said that it is the last.
    last: Bytes,
    /// Data that was taken from the window: it opens again once the app has it.
    taken: usize,
    respond: SendResponse<Bytes>,
    /// There once the head of the answer was given to the library.
    send: Option<SendStream<Bytes>>,
    answer: AnswerState,
    /// The client can ask again over HTTP/1.1: it has chosen HTTP/2 in the handshake of TLS.
    may_fall_back: bool,
    unsent: Arc<Unsent>,
    /// Bytes that were given to the library.
    sent: u64,
}

/// The body of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyState {
    /// The client waits for `100 Continue` before it sends it.
    Expected,
    /// More may come.
    Open,
    /// All of it was taken.
    Complete,
    /// It is bytes of another protocol, without an end of its own.
    Tunnel,
}

/// The answer, as far as the library does not have it.
#[derive(Debug)]
struct AnswerState {
    head: Option<Response<()>>,
    framing: AnswerFraming,
    /// The client is sent no answer, but told to ask over HTTP/1.1.
    needs_http1: bool,
    data: Bytes,
    /// Nothing follows.
    ended: bool,
    /// The library knows that nothing follows.
    end_sent: bool,
}

impl Http2Client {
    /// The stream of a request with a body of this length, where that is known. `expects`: the client waits for
    /// `100 Continue` before it sends it. `may_fall_back`: it can ask again over HTTP/1.1.
    pub(crate) fn new(
        receive: RecvStream,
        respond: SendResponse<Bytes>,
        unsent: Arc<Unsent>,
        length: Option<u64>,
        expects: bool,
        may_fall_back: bool,
    ) -> Self {
        let body = match (receive.is_end_stream(), expects) {
            (true, _) => BodyState::Complete,
            (false, true) => BodyState::Expected,
            (false, false) => BodyState::Open,
        };
        let answer = AnswerState {
            head: None,
            framing: AnswerFraming::None,
            needs_http1: false,
            data: Bytes::new(),
            ended: false,
            end_sent: false,
        };
        Self {
            receive,
            body,
            promised: length,
            last: Bytes::new(),
            taken: 0,
            respond,
            send: None,
            answer,
            may_fall_back,
            unsent,
            sent: 0,
        }
    }

    /// Sends a local answer; `false` if the client did not take it in time.
    pub(crate) async fn respond(&mut self, head: Response<()>, body: Vec<u8>, within: Duration) -> bool {
        self.body = match self.body {
            BodyState::Expected => BodyState::Open,
            other @ (BodyState::Open | BodyState::Complete | BodyState::Tunnel) => other,
        };
        self.answer.head = Some(head);
        self.answer.framing = AnswerFraming::Length(body.len() as u64);
        self.answer.data = body.into();
        self.answer.ended = true;
        let sent = tokio::time::timeout(within, poll_fn(|cx| self.poll_give(cx))).await;
        matches!(sent, Ok(Ok(())))
    }

    /// Ends the stream after an answer. Where the answer is whole, what is left of the body is read for a while, so that a
    /// client that sends it without listening can still read the answer (RFC 9113 §8.1).
    pub(crate) async fn finish(mut self, most: usize, within: Duration) {
        if !self.answer.end_sent {
            if self.answer.framing == AnswerFraming::Tunnel && self.send.is_some() {
                self.answer.ended = true;
                let _ = tokio::time::timeout(within, poll_fn(|cx| self.poll_give(cx))).await;
            } else {
                return self.reset(Reason::INTERNAL_ERROR, within).await;
            }
        }
        let _ = tokio::time::timeout(within, self.discard_body(most)).await;
        // What is given is sent before the stream is forgotten. If the client still sends, the library then resets the
        // stream with NO_ERROR.
    }

    /// Resets the stream: the client cannot take what it has for the whole answer.
    pub(crate) async fn reset(mut self, reason: Reason, within: Duration) {
        // A reset drops what is not sent yet.
        let _ = tokio::time::timeout(within, poll_fn(|cx| self.unsent.poll_sent(cx))).await;
        match &mut self.send {
            Some(send) => send.send_reset(reason),
            None => self.respond.send_reset(reason),
        }
        self.unsent.give_head();
    }

    async fn discard_body(&mut self, most: usize) {
        let mut read = 0usize;
        while read < most {
            match poll_fn(|cx| self.poll_body(cx)).await {
                Ok(Some(data)) => read = read.saturating_add(data.len()),
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Reads a small body of exactly `length` bytes; `None` for one of another length or that breaks off.
    pub(crate) async fn read_body(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut body = Vec::with_capacity(length);
        while let Some(data) = poll_fn(|cx| self.poll_body(cx)).await.ok()? {
            if body.len() + data.len() > length {
                return None;
            }
            body.extend_from_slice(&data);
        }
        (body.len() == length).then_some(body)
    }

    /// Gives the answer to the library as far as the client's window and the bound of the connection allow; ready once it has all.
    fn poll_give(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { answer, send, respond, unsent, sent, .. } = self;
        let AnswerState { head, data, needs_http1, ended, end_sent, .. } = answer;
        if let Some(head) = head.take() {
            if *needs_http1 {
                respond.send_reset(Reason::HTTP_1_1_REQUIRED);
                unsent.give_head();
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let end = *ended && data.is_empty();
            *send = Some(respond.send_response(head, end).map_err(gone)?);
            *end_sent = end;
            *sent += 1;
            unsent.give_head();
        }
        let Some(send) = send else { return Poll::Ready(Ok(())) };
        while !data.is_empty() {
            if ready!(unsent.poll_room(cx)).is_err() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            send.reserve_capacity(data.len());
            let room = match send.capacity() {
                0 => match ready!(send.poll_capacity(cx)) {
                    Some(Ok(room)) => room,
                    Some(Err(error)) => return Poll::Ready(Err(gone(error))),
                    None => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                },
                room => room,
            };
            let part = data.split_to(room.min(data.len()));
            let length = part.len();
            let end = *ended && data.is_empty();
            send.send_data(part, end).map_err(gone)?;
            *end_sent = end;
            *sent += length as u64;
            unsent.give(length);
        }
        if *ended && !*end_sent {
            send.send_data(Bytes::new(), true).map_err(gone)?;
            *end_sent = true;
            unsent.give_head();
        }
        Poll::Ready(Ok(()))
    }

    /// Whether this data is the last of its length. It is held back until the client has ended the body: one that is
    /// longer than its length must not look whole to the app.
    fn is_last(&mut self, data: &Bytes) -> bool {
        let Some(promised) = &mut self.promised else { return false };
        *promised = promised.saturating_sub(data.len() as u64);
        *promised == 0 && !self.receive.is_end_stream()
    }

    /// A small piece of a body, and what is there behind it: the app is sent many small pieces as one.
    fn gather(&mut self, first: Bytes, cx: &mut Context<'_>) -> Bytes {
        let mut all = BytesMut::new();
        // An end or an error is told again when it is asked for next.
        while all.len() < TOGETHER
            && let Poll::Ready(Some(Ok(data))) = self.receive.poll_data(cx)
        {
            if self.is_last(&data) {
                self.last = data;
                break;
            }
            if all.is_empty() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&data);
        }
        if all.is_empty() { first } else { all.freeze() }
    }

    /// Opens the window for what the app has taken.
    fn release(&mut self) {
        let taken = std::mem::take(&mut self.taken);
        if taken > 0 {
            // It was taken from this window.
            let _ = self.receive.flow_control().release_capacity(taken);
        }
    }

    fn send_continue(&mut self) {
        self.body = BodyState::Open;
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::CONTINUE;
        // A stream that has ended shows it by its body.
        let _ = self.respond.send_informational(head);
        self.unsent.give_head();
    }
}

impl Client for Http2Client {
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyFault>> {
        self.release();
        loop {
            if self.body == BodyState::Complete {
                return Poll::Ready(Ok(None));
            }
            let Poll::Ready(read) = self.receive.poll_data(cx) else {
                if self.body == BodyState::Expected {
                    self.send_continue();
                }
                return Poll::Pending;
            };
            if self.body == BodyState::Expected {
                self.body = BodyState::Open;
            }
            match read {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) if self.is_last(&data) => self.last = data,
                Some(Ok(data)) => {
                    let data = if data.len() < SMALL { self.gather(data, cx) } else { data };
                    self.taken = data.len();
                    return Poll::Ready(Ok(Some(data)));
                }
                Some(Err(error)) if error.is_library() && error.is_reset() => {
                    return Poll::Ready(Err(BodyFault::Malformed("a body that is not as its length says")));
                }
                Some(Err(_)) => return Poll::Ready(Err(BodyFault::Gone)),
                None if self.body == BodyState::Tunnel => return Poll::Ready(Err(BodyFault::Closed)),
                None => {
                    self.body = BodyState::Complete;
                    let last = std::mem::take(&mut self.last);
                    if !last.is_empty() {
                        return Poll::Ready(Ok(Some(last)));
                    }
                }
            }
        }
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Closed> {
        if self.answer.end_sent {
            return Poll::Pending;
        }
        let reset = match &mut self.send {
            Some(send) => send.poll_reset(cx),
            None => self.respond.poll_reset(cx),
        };
        reset.map(|_| Closed::Gone)
    }

    fn interim(&mut self, head: &AnswerHead) {
        if head.status == StatusCode::CONTINUE && self.body == BodyState::Expected {
            self.body = BodyState::Open;
        }
        let date = http_date(clock::unix());
        let head = response_out::http2_answer(head, AnswerFraming::None, &date);
        // A stream that has ended shows it by its answer.
        let _ = self.respond.send_informational(head);
        self.unsent.give_head();
    }

    fn begin(&mut self, head: &AnswerHead, framing: AnswerFraming, _: ConnectionLine) {
        if self.body == BodyState::Expected {
            self.body = BodyState::Open;
        }
        let date = http_date(clock::unix());
        self.answer.head = Some(response_out::http2_answer(head, framing, &date));
        self.answer.framing = framing;
        // A login that belongs to a connection needs one of its own, which HTTP/1.1 has (RFC 9113 §7).
        self.answer.needs_http1 = self.may_fall_back && head.asks_for_credentials() && login::in_answer(head);
    }

    fn give(&mut self, data: Bytes) {
        let held = &mut self.answer.data;
        if held.is_empty() {
            *held = data;
        } else {
            // Only a close frame of the gateway's own does not wait for room.
            let mut both = BytesMut::from(&**held);
            both.extend_from_slice(&data);
            *held = both.freeze();
        }
    }

    fn end(&mut self) {
        self.answer.ended = true;
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.answer.data.is_empty() { Poll::Ready(Ok(())) } else { self.poll_give(cx) }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_give(cx)
    }

    fn sent(&self) -> u64 {
        self.sent
    }

    fn take_back(&mut self) -> bool {
        let untold = self.send.is_none();
        if untold {
            self.answer.head = None;
            self.answer.data = Bytes::new();
            self.answer.ended = false;
        }
        untold
    }

    fn open(&mut self) {
        self.body = BodyState::Tunnel;
    }
}

fn gone(error: h2::Error) -> io::Error {
    error.into_io().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
}
