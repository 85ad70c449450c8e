//! The operator's API of a running gateway, asked by commands.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use stagedoor_core::policy::{AdminPolicy, Policy};
use stagedoor_core::secret::Secret;

use super::Failure;

/// A running gateway, as its operator reaches it.
#[derive(Debug)]
pub(super) struct Operator {
    address: SocketAddr,
    token: Secret<Vec<u8>>,
}

impl Operator {
    /// The gateway that runs by this configuration on this machine.
    ///
    /// # Errors
    /// It has no admin listener, or its token is not there: it never ran.
    pub(super) fn of(policy: Policy) -> Result<Self, Failure> {
        let address = address(&policy.admin)?;
        let Some(token) = policy.admin.token else {
            return Err(Failure::usage(
                "there is no admin token yet: it is made when the gateway starts",
                "start the gateway, or see `admin.token`",
            ));
        };
        Ok(Self { address, token })
    }

    /// What a GET gives.
    ///
    /// # Errors
    /// No answer within ten seconds, or a refusal, in its own words.
    pub(super) fn get(&self, target: &str) -> Result<Value, Failure> {
        self.ask("GET", target, None)
    }

    /// What a POST of this document gives.
    ///
    /// # Errors
    /// Those of [`Operator::get`].
    pub(super) fn post(&self, target: &str, document: &Value) -> Result<Value, Failure> {
        self.ask("POST", target, Some(document))
    }

    fn ask(&self, method: &str, target: &str, document: Option<&Value>) -> Result<Value, Failure> {
        let request = self.request(method, target, document);
        let bytes = exchange(self.address, &request, Instant::now() + TIMEOUT).map_err(|error| {
            anyhow::Error::new(error).context(format!(
                "no answer from the gateway at `{}`; hint: it has to run, with this configuration",
                self.address
            ))
        })?;
        let answer = Answer::parse(&bytes).ok_or_else(|| {
            anyhow::anyhow!("what answers at `{}` is not the operator's API of a gateway", self.address)
        })?;
        match answer.status {
            200..=299 => Ok(answer.document),
            401 => Err(anyhow::anyhow!(
                "another gateway answers at `{}`: it has another admin token; hint: go to the folder of the one \
                 that is meant, or say where it is asked: `admin.listen`, or STAGEDOOR_ADMIN_LISTEN",
                self.address
            )
            .into()),
            status => Err(anyhow::anyhow!("{} (status `{status}`)", answer.detail()).into()),
        }
    }

    fn request(&self, method: &str, target: &str, document: Option<&Value>) -> Secret<Vec<u8>> {
        let mut bytes = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer ",
            self.address
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

/// Where the admin listener can be reached from this machine.
///
/// # Errors
/// It is off.
pub(super) fn address(admin: &AdminPolicy) -> Result<SocketAddr, Failure> {
    let Some(mut address) = admin.listen else {
        return Err(Failure::usage("the admin listener is off", "set `admin.listen`"));
    };
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    Ok(address)
}

/// Connects and says `request`.
pub(super) fn call(address: SocketAddr, request: &[u8], until: Instant) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, left(until)?)?;
    stream.set_write_timeout(Some(left(until)?))?;
    stream.write_all(request)?;
    Ok(stream)
}

/// Reads once, for no longer than there is time.
pub(super) fn read_some(stream: &mut TcpStream, into: &mut Vec<u8>, until: Instant) -> io::Result<usize> {
    let mut chunk = [0; 4096];
    stream.set_read_timeout(Some(left(until)?))?;
    let length = stream.read(&mut chunk).map_err(in_time)?.min(chunk.len());
    let (read, _) = chunk.split_at(length);
    into.extend_from_slice(read);
    Ok(length)
}

/// The status of an answer whose first line begins so: `HTTP/1.1 200 `.
pub(super) fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, after) = rest.split_at_checked(3)?;
    let sound = digits.iter().all(u8::is_ascii_digit) && matches!(after.first(), Some(b' ' | b'\r'));
    sound.then(|| digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0')))
}

/// The whole answer to one request on a connection of its own.
fn exchange(address: SocketAddr, request: &Secret<Vec<u8>>, until: Instant) -> io::Result<Vec<u8>> {
    let mut stream = call(address, request.expose(), until)?;
    let mut answer = Vec::new();
    while read_some(&mut stream, &mut answer, until)? > 0 {
        if answer.len() > ANSWER_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "the answer is larger than 4 MiB"));
        }
    }
    Ok(answer)
}

/// A socket whose time is over says only that it would have to wait.
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

/// An answer of the API: always JSON, and whole.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    document: Value,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let (head, body) = bytes.split_at_checked(end + 4)?;
        Some(Self { status: status(head)?, document: serde_json::from_slice(body).ok()? })
    }

    /// A refusal in its own words.
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
