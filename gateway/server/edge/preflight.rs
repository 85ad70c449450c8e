//! The app's answer to a preflight, where CORS is the app's.
//!
//! One exchange on a connection of its own: the head that the core wrote goes out, the head of the answer comes in, and the
//! connection is closed. The body of the answer is never read, however large or slow it is, and nothing of the exchange can
//! reach another one. Trust: none; an answer that is no HTTP is none. Bounds: [`HEAD_MAX`] bytes of heads, interim ones
//! included, [`FIELDS_MAX`] fields in each, and the app's `upstream.connect` and `upstream.read`.

use bytes::{Buf, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use stagedoor_core::denial::{Denial, UpstreamFault};
use stagedoor_core::policy::App;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::edge::failure::broken;
use crate::edge::upstream::Upstreams;

/// Bytes of heads that are read of one answer.
const HEAD_MAX: usize = 64 * 1024;
/// Fields of a head.
const FIELDS_MAX: usize = 128;

const BAD_ANSWER: Denial = Denial::UpstreamUnreachable(UpstreamFault::BadAnswer);

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
}

/// Sends `head`, and reads the head of what the app answers.
pub(crate) async fn ask(upstreams: &Upstreams, app: &App, head: &[u8]) -> Result<Answer, Denial> {
    let mut tcp = upstreams.connect(&app.upstream).await?;
    let exchange = async {
        tcp.write_all(head).await.map_err(|error| broken(&error))?;
        read(&mut tcp).await
    };
    tokio::time::timeout(app.upstream.read, exchange).await.map_err(|_| Denial::UpstreamTimeout)?
}

async fn read(tcp: &mut TcpStream) -> Result<Answer, Denial> {
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

/// What has come of the heads of an answer.
#[derive(Default)]
struct ArrivingAnswer {
    bytes: BytesMut,
    /// Of these no head can begin any more.
    passed_over: usize,
    /// So many of the bytes were there at the last look.
    seen: usize,
    #[cfg(test)]
    looks: usize,
}

impl ArrivingAnswer {
    /// The final head, once it is whole. A line that drips in is read once, when it ends.
    fn look(&mut self) -> Result<Option<Answer>, Denial> {
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

    /// Why there is no head where nothing more comes.
    fn broken_off(&self) -> Denial {
        parse(&self.bytes).err().unwrap_or(Denial::UpstreamUnreachable(UpstreamFault::Closed))
    }
}

/// The head in front and its length; `None` while it is not whole.
fn parse(bytes: &[u8]) -> Result<Option<(usize, Answer)>, Denial> {
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
    // Nobody asked to switch protocols.
    let status = status.filter(|status| *status != StatusCode::SWITCHING_PROTOCOLS);
    let status = status.ok_or(BAD_ANSWER)?;
    let mut fields = HeaderMap::new();
    for httparse::Header { name, value } in response.headers.iter() {
        let field = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_bytes(value).ok());
        let (name, value) = field.ok_or(BAD_ANSWER)?;
        fields.append(name, value);
    }
    Ok(Some((length, Answer { status, fields })))
}

#[cfg(test)]
mod tests;
