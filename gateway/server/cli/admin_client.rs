//! The client of the admin API, for commands that ask a running gateway.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use stagedoor_core::policy::Policy;
use stagedoor_core::secret::Secret;

use super::failure::Failure;
use super::gateway_address;

/// A client of the admin API of one gateway.
#[derive(Debug)]
pub(super) struct AdminClient {
    /// The addresses to try, in order. The first that accepts a connection is asked.
    addresses: Vec<SocketAddr>,
    token: Secret<Vec<u8>>,
}

impl AdminClient {
    /// The client for the gateway that runs with this configuration on this machine.
    ///
    /// # Errors
    /// The admin listener is off, or there is no admin token because the gateway has never run.
    pub(super) fn of(policy: Policy) -> Result<Self, Failure> {
        let addresses = gateway_address::addresses(&policy)?;
        let Some(token) = policy.admin.token else {
            if policy.admin.listen.is_none() {
                return Err(Failure::usage(
                    "the admin token is not known while the file turns the admin listener off",
                    "set `admin.listen` for as long as the gateway is asked",
                ));
            }
            return Err(Failure::usage(
                "there is no admin token yet: it is made when the gateway starts",
                "start the gateway, or see `admin.token`",
            ));
        };
        Ok(Self { addresses, token })
    }

    /// Sends a GET, and returns the document of the answer.
    ///
    /// # Errors
    /// No answer within ten seconds, or a refusal, with its detail.
    pub(super) fn get(&self, target: &str) -> Result<Value, Failure> {
        self.ask("GET", target, None)
    }

    /// Sends a POST with this document, and returns that of the answer.
    ///
    /// # Errors
    /// As for [`AdminClient::get`].
    pub(super) fn post(&self, target: &str, document: &Value) -> Result<Value, Failure> {
        self.ask("POST", target, Some(document))
    }

    /// As [`AdminClient::get`] and [`AdminClient::post`]; `None` if nothing listens at any of the addresses.
    ///
    /// # Errors
    /// As for [`AdminClient::get`].
    pub(super) fn ask_if_running(
        &self,
        method: &str,
        target: &str,
        document: Option<&Value>,
    ) -> Result<Option<Value>, Failure> {
        let listens = |address: &SocketAddr| {
            let connected = TcpStream::connect_timeout(address, TIMEOUT);
            !connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        };
        if !self.addresses.iter().any(listens) {
            return Ok(None);
        }
        self.ask(method, target, document).map(Some)
    }

    /// Sends a POST without a document, and returns the answer with any status.
    ///
    /// # Errors
    /// No gateway answers, or another one does.
    pub(super) fn try_post(&self, target: &str) -> Result<ApiAnswer, Failure> {
        self.exchange("POST", target, None)
    }

    fn ask(&self, method: &str, target: &str, document: Option<&Value>) -> Result<Value, Failure> {
        let answer = self.exchange(method, target, document)?;
        match answer.status {
            200..=299 => Ok(answer.document),
            _ => Err(answer.refusal()),
        }
    }

    fn exchange(&self, method: &str, target: &str, document: Option<&Value>) -> Result<ApiAnswer, Failure> {
        let until = Instant::now() + TIMEOUT;
        let mut address = None;
        let exchanged = connect(&self.addresses, until).and_then(|mut stream| {
            address = stream.peer_addr().ok();
            let request = self.request(method, target, document, address);
            stream.set_write_timeout(Some(left(until)?))?;
            stream.write_all(request.expose())?;
            read_whole(&mut stream, until)
        });
        let named = || match address {
            Some(address) => format!("`{address}`"),
            None => named(&self.addresses),
        };
        let bytes = exchanged.map_err(|error| {
            anyhow::Error::new(error).context(format!(
                "no answer from the gateway at {}; hint: it has to run, with this configuration",
                named()
            ))
        })?;
        let answer = ApiAnswer::parse(&bytes)
            .ok_or_else(|| anyhow::anyhow!("the server at {} is not the admin API of a gateway", named()))?;
        if answer.status == 401 {
            return Err(anyhow::anyhow!(
                "another gateway answers at {}: it has another admin token; hint: run the command in the folder of the \
                 right one, or name its address: `admin.listen`, or STAGEDOOR_ADMIN_LISTEN",
                named()
            )
            .into());
        }
        Ok(answer)
    }

    fn request(
        &self,
        method: &str,
        target: &str,
        document: Option<&Value>,
        address: Option<SocketAddr>,
    ) -> Secret<Vec<u8>> {
        let host = address.map_or_else(|| "localhost".to_owned(), |address| address.to_string());
        let mut bytes = format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer "
        )
        .into_bytes();
        bytes.extend_from_slice(self.token.expose());
        bytes.extend_from_slice(b"\r\n");
        if let Some(document) = document {
            let body = document.to_string();
            let fields = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
            bytes.extend_from_slice(fields.as_bytes());
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(body.as_bytes());
        } else {
            bytes.extend_from_slice(b"\r\n");
        }
        Secret::new(bytes)
    }
}

/// Connects and sends `request`.
pub(super) fn call(address: SocketAddr, request: &[u8], until: Instant) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, left(until)?)?;
    stream.set_write_timeout(Some(left(until)?))?;
    stream.write_all(request)?;
    Ok(stream)
}

/// Reads once, until the deadline at most.
pub(super) fn read_some(stream: &mut TcpStream, into: &mut Vec<u8>, until: Instant) -> io::Result<usize> {
    let mut chunk = [0; 4096];
    stream.set_read_timeout(Some(left(until)?))?;
    let length = stream.read(&mut chunk).map_err(in_time)?.min(chunk.len());
    let (read, _) = chunk.split_at(length);
    into.extend_from_slice(read);
    Ok(length)
}

/// The status in the first line of an answer, such as `HTTP/1.1 200 `.
pub(super) fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, after) = rest.split_at_checked(3)?;
    let sound = digits.iter().all(u8::is_ascii_digit) && matches!(after.first(), Some(b' ' | b'\r'));
    sound.then(|| digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0')))
}

/// Addresses, for a message.
pub(super) fn named(addresses: &[SocketAddr]) -> String {
    let all: Vec<String> = addresses.iter().map(|address| format!("`{address}`")).collect();
    all.join(" or ")
}

/// Connects to the first address that accepts a connection.
fn connect(addresses: &[SocketAddr], until: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect_timeout(address, left(until)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Reads until the other side closes.
fn read_whole(stream: &mut TcpStream, until: Instant) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    while read_some(stream, &mut answer, until)? > 0 {
        if answer.len() > ANSWER_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "the answer is larger than 4 MiB"));
        }
    }
    Ok(answer)
}

/// A readable error for a timeout: the socket itself reports that it would block.
fn in_time(error: io::Error) -> io::Error {
    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
        return io::Error::new(ErrorKind::TimedOut, "no answer in time");
    }
    error
}

fn left(until: Instant) -> io::Result<Duration> {
    match until.checked_duration_since(Instant::now()) {
        Some(left) if !left.is_zero() => Ok(left),
        Some(_) | None => Err(in_time(ErrorKind::TimedOut.into())),
    }
}

/// An answer of the API. It is always JSON.
#[derive(Debug, PartialEq)]
pub(super) struct ApiAnswer {
    pub(super) status: u16,
    pub(super) document: Value,
}

impl ApiAnswer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let (head, body) = bytes.split_at_checked(end + 4)?;
        Some(Self { status: status(head)?, document: serde_json::from_slice(body).ok()? })
    }

    /// The failure for a refusal, with its detail.
    pub(super) fn refusal(&self) -> Failure {
        anyhow::anyhow!("{} (status `{}`)", self.detail(), self.status).into()
    }

    fn detail(&self) -> &str {
        ["detail", "title"]
            .into_iter()
            .find_map(|key| self.document.get(key)?.as_str())
            .unwrap_or("the gateway refuses")
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests;
