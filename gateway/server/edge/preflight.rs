//! A preflight that the app answers (`cors = "app"`).
//!
//! One exchange on a connection of its own: it sends the head that the core wrote, reads the head of the answer, and closes.
//! The body of the answer is never read, and nothing of it can reach another exchange. Trust: none; an answer that is not
//! HTTP is an error. Bounds: [`HEAD_MAX`] bytes of heads, interim ones
//! included, [`FIELDS_MAX`] fields in each, and the app's `upstream.connect` and `upstream.read`.

use bytes::{Buf, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use stagedoor_core::denial::{Denial, UpstreamFault};
use stagedoor_core::policy::App;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::edge::failure::broken;
use crate::edge::upstream::Upstreams;

/// The most bytes of heads in one answer.
const HEAD_MAX: usize = 64 * 1024;
/// The most fields of a head.
const FIELDS_MAX: usize = 128;

const BAD_ANSWER: Denial = Denial::UpstreamUnreachable(UpstreamFault::BadAnswer);

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct PreflightAnswer {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
}

/// Sends `head`, and reads the head of what the app answers.
pub(crate) async fn ask(upstreams: &Upstreams, app: &App, head: &[u8]) -> Result<PreflightAnswer, Denial> {
    let mut tcp = upstreams.connect(&app.upstream).await?;
    let exchange = async {
        tcp.write_all(head).await.map_err(|error| broken(&error))?;
        read(&mut tcp).await
    };
    tokio::time::timeout(app.upstream.read, exchange).await.map_err(|_| Denial::UpstreamTimeout)?
}

async fn read(tcp: &mut TcpStream) -> Result<PreflightAnswer, Denial> {
    let mut arriving = ArrivingAnswer::default();
    loop {
        let room = HEAD_MAX.saturating_sub(arriving.passed_over + arriving.bytes.len());
        let read = (&mut *tcp).take(room as u64).read_buf(&mut arriving.bytes).await;
        if read.map_err(|error| broken(&error))? == 0 {
            return Err(arriving.broken_off());
        }
        if let Some(answer) = arriving.look()? {
            return Ok(answer);
        }
    }
}

/// The bytes of an answer that have arrived, up to the end of its final head.
#[derive(Default)]
struct ArrivingAnswer {
    bytes: BytesMut,
    /// How many bytes have been dropped from the front: empty lines and interim answers.
    passed_over: usize,
    /// How many of the bytes the last call of `look` had.
    seen: usize,
    #[cfg(test)]
    looks: usize,
}

impl ArrivingAnswer {
    /// The final head, once it is complete. The bytes are parsed only when a line has ended, so that a head that arrives
    /// byte by byte is not parsed for each of them.
    fn look(&mut self) -> Result<Option<PreflightAnswer>, Denial> {
        let ended = self.bytes.get(self.seen..).is_some_and(|fresh| fresh.contains(&b'\n'));
        self.seen = self.bytes.len();
        if !ended {
            return Ok(None);
        }
        let empty = self.bytes.iter().take_while(|byte| b"\r\n".contains(byte)).count();
        self.pass_over(empty);
        #[cfg(test)]
        {
            self.looks += 1;
        }
        while let Some((length, answer)) = parse(&self.bytes)? {
            if !answer.status.is_informational() {
                return Ok(Some(answer));
            }
            self.pass_over(length);
        }
        Ok(None)
    }

    fn pass_over(&mut self, length: usize) {
        self.bytes.advance(length);
        self.passed_over += length;
        self.seen = self.bytes.len();
    }

    /// Why there is no head when the app has closed the connection.
    fn broken_off(&self) -> Denial {
        parse(&self.bytes).err().unwrap_or(Denial::UpstreamUnreachable(UpstreamFault::Closed))
    }
}

/// The first head and its length; `None` while it is incomplete.
fn parse(bytes: &[u8]) -> Result<Option<(usize, PreflightAnswer)>, Denial> {
    let mut room = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut room);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        // An alert of TLS (RFC 8446 §5.1).
        Err(_) if bytes.starts_with(b"\x15\x03") => {
            return Err(Denial::UpstreamUnreachable(UpstreamFault::Tls));
        }
        Err(_) => return Err(BAD_ANSWER),
    };
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
    // The request did not ask to switch protocols.
    let status = status.filter(|status| *status != StatusCode::SWITCHING_PROTOCOLS);
    let status = status.ok_or(BAD_ANSWER)?;
    let mut fields = HeaderMap::new();
    for httparse::Header { name, value } in response.headers.iter() {
        let field = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_bytes(value).ok());
        let (name, value) = field.ok_or(BAD_ANSWER)?;
        fields.append(name, value);
    }
    Ok(Some((length, PreflightAnswer { status, fields })))
}

#[cfg(test)]
mod tests;
