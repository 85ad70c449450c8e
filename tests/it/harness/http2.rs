//! Clients of HTTP/2: one that keeps the rules, and one that writes frames by hand.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

use super::message::{Fields, Response};
use super::{DEADLINE, HOST, Request, poll_until};

/// A connection of the library `h2`, with prior knowledge.
pub(crate) struct Http2 {
    runtime: Runtime,
    send: SendRequest<Bytes>,
    scheme: &'static str,
    /// How it ended.
    ended: Arc<Mutex<Option<Result<(), h2::Error>>>>,
}

/// A request of which the answer is awaited.
pub(crate) struct Pending {
    pub(crate) answer: ResponseFuture,
    pub(crate) body: SendStream<Bytes>,
}

impl Http2 {
    pub(crate) fn connect(to: SocketAddr) -> Self {
        Self::over("http", async {
            let stream = tokio::net::TcpStream::connect(to).await.unwrap();
            stream.set_nodelay(true).unwrap();
            stream
        })
    }

    /// A connection over TLS, whose handshake has to settle on HTTP/2.
    pub(crate) fn connect_over_tls(to: SocketAddr, name: &str, mut config: ClientConfig) -> Self {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Self::over("https", async {
            let stream = tokio::net::TcpStream::connect(to).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            stream
        })
    }

    fn over<S>(scheme: &'static str, stream: impl Future<Output = S>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let ended = Arc::new(Mutex::new(None));
        let send = runtime.block_on(async {
            let (send, connection) = h2::client::handshake(stream.await).await.unwrap();
            let ended = Arc::clone(&ended);
            tokio::spawn(async move {
                let end = connection.await;
                *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
            });
            send
        });
        Self { runtime, send, scheme, ended }
    }

    /// Sends a request and reads the answer.
    pub(crate) fn ask(&mut self, request: &Request) -> Response {
        self.try_ask(request).unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    pub(crate) fn try_ask(&mut self, request: &Request) -> Result<Response, h2::Error> {
        let (head, body) = request.http2(self.scheme);
        let end = body.as_ref().is_none_or(Vec::is_empty);
        let pending = self.begin(head, end)?;
        let Pending { answer, body: mut sending } = pending;
        if let Some(body) = body.filter(|body| !body.is_empty()) {
            self.runtime.spawn(async move { send_all(&mut sending, body.into()).await });
        }
        self.answer(answer)
    }

    /// Sends a body in these pieces, a frame each, and reads the answer.
    pub(crate) fn upload(&mut self, path: &str, pieces: Vec<Bytes>) -> Result<Response, h2::Error> {
        let (head, _) = Request::new("POST", path).http2(self.scheme);
        let Pending { answer, mut body } = self.begin(head, false)?;
        self.runtime.spawn(async move {
            for piece in pieces {
                send_piece(&mut body, piece).await?;
            }
            body.send_data(Bytes::new(), true)
        });
        self.answer(answer)
    }

    /// Sends the head of a request.
    pub(crate) fn begin(&mut self, head: http::Request<()>, end: bool) -> Result<Pending, h2::Error> {
        let send = self.send.clone();
        let (answer, body) =
            self.runtime.block_on(async { within(send.ready()).await?.send_request(head, end) })?;
        Ok(Pending { answer, body })
    }

    /// Reads the head of an answer.
    pub(crate) fn head(&self, answer: ResponseFuture) -> Result<Response, h2::Error> {
        let (head, _) = self.runtime.block_on(within(answer))?.into_parts();
        Ok(response(head.status.as_u16(), &head.headers))
    }

    /// Reads an answer to its end.
    pub(crate) fn answer(&self, answer: ResponseFuture) -> Result<Response, h2::Error> {
        self.runtime.block_on(within(read_answer(answer)))
    }

    /// Reads several answers to their ends, at the same time.
    pub(crate) fn answers(&self, answers: Vec<ResponseFuture>) -> Vec<Result<Response, h2::Error>> {
        self.runtime.block_on(within(futures_util::future::join_all(answers.into_iter().map(read_answer))))
    }

    /// Waits until the gateway has ended the connection; the reason that it gave.
    pub(crate) fn wait_for_the_end(&self) -> Option<Reason> {
        poll_until("the end of the connection", || {
            let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            ended.as_ref().map(|end| end.as_ref().err().and_then(h2::Error::reason))
        })
    }
}

/// Sends a piece of a body in one frame, once the windows have room for it.
async fn send_piece(sending: &mut SendStream<Bytes>, piece: Bytes) -> Result<(), h2::Error> {
    sending.reserve_capacity(piece.len());
    while sending.capacity() < piece.len() {
        match std::future::poll_fn(|cx| sending.poll_capacity(cx)).await {
            Some(room) => room?,
            None => return Err(Reason::CANCEL.into()),
        };
    }
    sending.send_data(piece, false)
}

/// Sends a body as far as the gateway takes it.
pub(crate) async fn send_all(sending: &mut SendStream<Bytes>, mut body: Bytes) -> Result<(), h2::Error> {
    while !body.is_empty() {
        sending.reserve_capacity(body.len());
        let room = match std::future::poll_fn(|cx| sending.poll_capacity(cx)).await {
            Some(room) => room?,
            None => return Err(Reason::CANCEL.into()),
        };
        let part = body.split_to(room.min(body.len()));
        sending.send_data(part, body.is_empty())?;
    }
    Ok(())
}

async fn read_answer(answer: ResponseFuture) -> Result<Response, h2::Error> {
    let (head, mut body) = answer.await?.into_parts();
    let mut response = response(head.status.as_u16(), &head.headers);
    response.complete = read_all(&mut body, &mut response.body).await.is_ok();
    Ok(response)
}

async fn read_all(body: &mut RecvStream, into: &mut Vec<u8>) -> Result<(), h2::Error> {
    while let Some(data) = body.data().await {
        let data = data?;
        into.extend_from_slice(&data);
        body.flow_control().release_capacity(data.len())?;
    }
    Ok(())
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("it comes in time")
}

fn response(status: u16, fields: &http::HeaderMap) -> Response {
    let fields = fields.iter().map(|(name, value)| {
        (name.as_str().to_owned(), value.as_bytes().iter().map(|byte| char::from(*byte)).collect())
    });
    Response {
        status,
        fields: Fields(fields.collect()),
        body: Vec::new(),
        complete: false,
        interim: Vec::new(),
        head: Vec::new(),
    }
}

/// A connection of which every frame is written by hand.
pub(crate) struct RawHttp2 {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

/// One frame (RFC 9113 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RESET: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;

    pub(crate) const END_STREAM: u8 = 1;
    pub(crate) const END_HEADERS: u8 = 4;
    pub(crate) const ACK: u8 = 1;

    /// The status of an answer; its fields are not read.
    pub(crate) fn status(&self) -> u16 {
        assert_eq!(self.kind, Self::HEADERS, "{self:?}");
        let mut block = &*self.payload;
        // Updates of the size of a table that has no entries.
        while let [0x20..=0x3f, rest @ ..] = block {
            block = rest;
        }
        match block {
            [first @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(first - 0x88)],
            [0x08 | 0x18 | 0x48, length, code @ ..] if *length >= 0x80 => huffman_digits(code),
            other => panic!("no status at the beginning of {other:02x?}"),
        }
    }

    /// The error code of a reset or of the end of the connection.
    pub(crate) fn code(&self) -> u32 {
        let at = match self.kind {
            Self::RESET => 0,
            Self::GOAWAY => 4,
            _ => panic!("no error code in {self:?}"),
        };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// Three digits in the code of RFC 7541, appendix B.
fn huffman_digits(code: &[u8]) -> u16 {
    let bits: Vec<u8> = code.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let (mut at, mut number) = (0, 0);
    for _ in 0..3 {
        let value =
            |length: usize| bits[at..at + length].iter().fold(0u16, |sum, bit| sum * 2 + u16::from(*bit));
        let (digit, length) = match value(5) {
            short @ 0..=2 => (short, 5),
            _ => (value(6) - 0x19 + 3, 6),
        };
        number = number * 10 + digit;
        at += length;
    }
    number
}

impl RawHttp2 {
    /// Connects and sends the preface with these settings; the gateway is told to use no table for its heads.
    pub(crate) fn connect(to: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut raw = Self::silent(to);
        let mut payload = vec![0, 1, 0, 0, 0, 0];
        for (name, value) in settings {
            payload.extend(name.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        raw.send(frame(Frame::SETTINGS, 0, 0, payload));
        raw
    }

    /// Connects and sends nothing.
    pub(crate) fn silent(to: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&to, DEADLINE).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the gateway takes the bytes");
    }

    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends the head of a GET without a body.
    pub(crate) fn get(&mut self, stream: u32, path: &str) {
        let flags = Frame::END_STREAM | Frame::END_HEADERS;
        self.send(frame(Frame::HEADERS, flags, stream, request_block("GET", path, &[])));
    }

    /// The next frame; `None` once the connection has ended. Settings and pings are answered.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        loop {
            let next = self.next_of_all()?;
            let answers = matches!(next.kind, Frame::SETTINGS | Frame::PING);
            if !answers {
                return Some(next);
            }
            if next.flags & Frame::ACK == 0 {
                let payload = if next.kind == Frame::PING { next.payload } else { Vec::new() };
                let _ = self.try_send(frame(next.kind, Frame::ACK, 0, payload));
            }
        }
    }

    /// The next frame of any kind.
    pub(crate) fn next_of_all(&mut self) -> Option<Frame> {
        loop {
            if let [high, middle, low, kind, flags, a, b, c, d, rest @ ..] = &*self.buffer {
                let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
                if let Some(payload) = rest.get(..length) {
                    let next = Frame {
                        kind: *kind,
                        flags: *flags,
                        stream: u32::from_be_bytes([*a, *b, *c, *d]),
                        payload: payload.to_vec(),
                    };
                    self.buffer.drain(..9 + length);
                    return Some(next);
                }
            }
            let mut part = [0; 16 * 1024];
            match self.stream.read(&mut part) {
                Ok(0) => return None,
                Ok(came) => self.buffer.extend_from_slice(&part[..came]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    panic!("nothing came in time")
                }
                Err(_) => return None,
            }
        }
    }

    /// Reads up to a frame of this kind, of any stream.
    pub(crate) fn next_of_kind(&mut self, kind: u8) -> Frame {
        loop {
            let next = self.next().unwrap_or_else(|| panic!("the end before a frame of kind {kind}"));
            if next.kind == kind {
                return next;
            }
        }
    }

    /// Reads up to a frame of this kind of a stream.
    pub(crate) fn wait_for(&mut self, kind: u8, stream: u32) -> Frame {
        loop {
            let next = self.next().unwrap_or_else(|| panic!("the end before a frame of kind {kind}"));
            if (next.kind, next.stream) == (kind, stream) {
                return next;
            }
        }
    }

    /// The status of the answer to a stream.
    pub(crate) fn status(&mut self, stream: u32) -> u16 {
        self.wait_for(Frame::HEADERS, stream).status()
    }

    /// Reads to the end of the connection; the error code of the last GOAWAY. Nothing is answered: what is sent meanwhile may be
    /// in the middle of a header block, which no other frame may interrupt.
    pub(crate) fn end(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(next) = self.next_of_all() {
            if next.kind == Frame::GOAWAY {
                code = Some(next.code());
            }
        }
        code
    }
}

/// A frame as bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// Fields as a header block: literals that no table keeps (RFC 7541 §6.2.2).
pub(crate) fn header_block<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name.as_ref(), value.as_ref()] {
            put_length(&mut out, text.len());
            out.extend_from_slice(text);
        }
    }
    out
}

/// RFC 7541 §5.1, with a prefix of seven bits.
fn put_length(out: &mut Vec<u8>, length: usize) {
    if length < 127 {
        return out.push(length as u8);
    }
    out.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        out.push((rest % 128 + 128) as u8);
        rest /= 128;
    }
    out.push(rest as u8);
}

/// The header block of a request to the app of most tests.
pub(crate) fn request_block(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut all = vec![(":method", method), (":scheme", "http"), (":authority", HOST), (":path", path)];
    all.extend_from_slice(fields);
    header_block(&all)
}
