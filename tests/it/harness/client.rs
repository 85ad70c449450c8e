//! A client that sends exactly what it is given.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

use super::message::{self, Reader, Response};
use super::{DEADLINE, Request};

/// One connection to the gateway.
#[derive(Debug)]
pub(crate) struct Client<S = TcpStream> {
    pub(crate) reader: Reader<S>,
}

impl Client {
    pub(crate) fn connect(to: SocketAddr) -> Self {
        Self::over(TcpStream::connect_timeout(&to, DEADLINE).expect("the gateway accepts"))
    }

    /// Connects from an address of this machine other than 127.0.0.1.
    pub(crate) fn connect_from(from: IpAddr, to: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stream = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind(SocketAddr::new(from, 0)).unwrap();
            socket.connect(to).await.unwrap().into_std().unwrap()
        });
        stream.set_nonblocking(false).unwrap();
        Self::over(stream)
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { reader: Reader::new(stream) }
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _context = runtime.enter();
        self.reader.stream.set_nonblocking(true).unwrap();
        let stream = tokio::net::TcpStream::from_std(self.reader.stream).unwrap();
        stream.set_zero_linger().unwrap();
    }
}

/// A stream of which one side can tell that it sends nothing more.
pub(crate) trait HalfClose {
    fn end_sending(&mut self);
}

impl HalfClose for TcpStream {
    fn end_sending(&mut self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl<S: HalfClose> Client<S> {
    /// Nothing more will be sent.
    pub(crate) fn finish(&mut self) {
        self.reader.stream.end_sending();
    }
}

impl<S: Read + Write> Client<S> {
    /// Sends bytes; panics if the gateway does not take them.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.try_send(bytes).expect("the gateway takes the bytes");
        self
    }

    /// Sends bytes to a gateway that may have gone.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.reader.stream.write_all(bytes.as_ref())
    }

    /// Sends a request and reads the answer.
    pub(crate) fn ask(&mut self, request: &Request) -> Response {
        self.send(request.bytes());
        self.answer_to(&request.method)
    }

    pub(crate) fn answer(&mut self) -> Response {
        self.answer_to("GET")
    }

    /// Reads an answer; what its framing means depends on the method.
    pub(crate) fn answer_to(&mut self, method: &str) -> Response {
        self.try_answer_to(method).unwrap_or_else(|error| {
            panic!("no answer: {error}; so far: {}", String::from_utf8_lossy(&self.reader.all))
        })
    }

    pub(crate) fn try_answer_to(&mut self, method: &str) -> io::Result<Response> {
        let mut body = Vec::new();
        let mut response = self.answer_into(method, &mut |part| body.extend_from_slice(part))?;
        response.body = body;
        Ok(response)
    }

    /// Reads an answer and gives its body away as it comes.
    pub(crate) fn answer_into(&mut self, method: &str, take: &mut dyn FnMut(&[u8])) -> io::Result<Response> {
        let mut response = self.head()?;
        response.complete = self.body_of(method, &response, take)?;
        Ok(response)
    }

    /// Reads the head of the final answer, the informational ones before it included.
    pub(crate) fn head(&mut self) -> io::Result<Response> {
        let mut interim = Vec::new();
        let until = Instant::now() + DEADLINE * 2;
        loop {
            if Instant::now() > until {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "interim answers for ever"));
            }
            let head = self
                .reader
                .head()?
                .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "closed without an answer"))?;
            let (first, fields) = message::split_head(&head).map_err(message::invalid)?;
            let status = status_of(&first)?;
            if status < 200 && status != 101 {
                interim.push((status, fields));
                continue;
            }
            return Ok(Response { status, fields, body: Vec::new(), complete: false, interim, head });
        }
    }

    fn body_of(
        &mut self,
        method: &str,
        response: &Response,
        take: &mut dyn FnMut(&[u8]),
    ) -> io::Result<bool> {
        if method == "HEAD" || matches!(response.status, 101 | 204 | 304) {
            return Ok(true);
        }
        if let Some(coding) = response.fields.sole("transfer-encoding") {
            assert_eq!(coding, "chunked", "a coding that was not asked for: {response:?}");
            assert!(!response.fields.has("content-length"), "a length and a coding: {response:?}");
            return self.reader.chunked(take).or_else(broken);
        }
        if let Some(length) = response.fields.sole("content-length") {
            let length = length.parse().map_err(|_| message::invalid(format!("a length `{length}`")))?;
            return self.reader.exactly(length, take).or_else(broken);
        }
        // Without either the end of the connection is the end of the body.
        loop {
            let part = std::mem::take(&mut self.reader.buffer);
            take(&part);
            match self.reader.fill() {
                Ok(0) => return Ok(true),
                Ok(_) => {}
                Err(error) => return broken(error),
            }
        }
    }

    /// Reads up to the end of the connection; `true` if it came in time, by whatever means.
    pub(crate) fn is_closed(&mut self) -> bool {
        loop {
            match self.reader.fill() {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return !is_timeout(&error),
            }
        }
    }
}

/// A connection that breaks is a body that is not complete; silence is a failure.
fn broken(error: io::Error) -> io::Result<bool> {
    if is_timeout(&error) || error.kind() == io::ErrorKind::InvalidData { Err(error) } else { Ok(false) }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn status_of(line: &[u8]) -> io::Result<u16> {
    let text = String::from_utf8_lossy(line);
    text.strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| message::invalid(format!("a status line `{text}`")))
}
