//! Asks a service one question over HTTP/1.1, on a connection of its own.
//!
//! Trust: a service is believed what it was asked for, once its certificate is verified, or its address is one of this machine or of a
//! private network. It is sent nowhere else: no redirect is followed, and no proxy of the environment is asked. Bounds: one deadline for
//! all of it, from the resolution of the name to the last byte of the body; a cap on the head and one on the body; [`ADDRESSES`] addresses.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONNECTION, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Body as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use stagedoor_core::policy::{ServiceAddress, ServiceSecurity};
use stagedoor_core::private_network::is_private;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::edge::app_tls;

/// How many addresses of a name are tried.
const ADDRESSES: usize = 8;
/// How long the connection to one of them may take.
const CONNECT: Duration = Duration::from_secs(3);
/// Most bytes of the head of an answer, and of its trailers.
const HEAD_MAX: usize = 32 << 10;
/// Most bytes of an answer that are held unread.
const BUFFER_MAX: usize = 64 << 10;

/// A request to a service, besides its address.
pub(super) struct Question<'q> {
    pub(super) method: Method,
    /// Fields besides `host`, `user-agent`, `connection`, `accept-encoding` and those that frame the body.
    pub(super) fields: &'q [(HeaderName, HeaderValue)],
    pub(super) body: Bytes,
}

/// How long a service may take, and how much it may say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// For all of it, the resolution of the name included.
    pub(super) deadline: Duration,
    /// Most bytes of the body of an answer.
    pub(super) body: usize,
}

/// The answer of a service, whatever its status is.
#[derive(Debug)]
pub(super) struct ServiceAnswer {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    pub(super) body: Bytes,
}

/// Why a service gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServiceFault {
    #[error("its name cannot be resolved: {0}")]
    Name(io::Error),
    #[error(
        "its name leads to no address of this machine or of a private network, and it is asked without TLS"
    )]
    NotPrivate,
    #[error("it cannot be reached: {0}")]
    Connect(io::Error),
    #[error("TLS with it failed: {0}")]
    Tls(io::Error),
    #[error("it took longer than {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("its answer is not HTTP, or broke off: {0}")]
    Http(#[from] hyper::Error),
    #[error("its answer has more than {0} bytes")]
    TooLarge(usize),
    #[error("its answer broke off: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error("it cannot be asked: {0}")]
    Question(#[from] http::Error),
}

/// Asks the service at `address`.
pub(super) async fn ask(
    address: &ServiceAddress,
    question: Question<'_>,
    bounds: Bounds,
) -> Result<ServiceAnswer, ServiceFault> {
    let asked = async {
        let stream = connect(address).await?;
        match &address.security {
            ServiceSecurity::Tls(tls) => {
                let settings = Arc::new(app_tls::settings(&tls.trust));
                let connector = TlsConnector::from(settings);
                let stream =
                    connector.connect(tls.server_name.clone(), stream).await.map_err(ServiceFault::Tls)?;
                exchange(stream, address, question, bounds.body).await
            }
            ServiceSecurity::PrivateNetwork | ServiceSecurity::Unprotected => {
                exchange(stream, address, question, bounds.body).await
            }
        }
    };
    timeout(bounds.deadline, asked).await.unwrap_or(Err(ServiceFault::Timeout(bounds.deadline)))
}

/// Opens a connection to the first address that accepts one.
async fn connect(address: &ServiceAddress) -> Result<TcpStream, ServiceFault> {
    let found = tokio::net::lookup_host(&*address.authority).await.map_err(ServiceFault::Name)?;
    let allowed = |to: &SocketAddr| match address.security {
        ServiceSecurity::Tls(_) | ServiceSecurity::Unprotected => true,
        // The name was resolved by somebody whose word is not protected either.
        ServiceSecurity::PrivateNetwork => is_private(to.ip()),
    };
    let mut fault = ServiceFault::NotPrivate;
    for to in found.filter(allowed).take(ADDRESSES) {
        match timeout(CONNECT, TcpStream::connect(to)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => fault = ServiceFault::Connect(error),
            Err(_) => fault = ServiceFault::Timeout(CONNECT),
        }
    }
    Err(fault)
}

/// Sends the question over `stream`, and reads the whole answer.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    address: &ServiceAddress,
    question: Question<'_>,
    body_max: usize,
) -> Result<ServiceAnswer, ServiceFault> {
    let Question { method, fields, body } = question;
    let mut request = Request::builder()
        .method(method)
        .uri(&*address.target)
        .header(HOST, &*address.host)
        .header(USER_AGENT, "stagedoor")
        .header(CONNECTION, "close")
        .header(ACCEPT_ENCODING, "identity");
    for (name, value) in fields {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body))?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(BUFFER_MAX)
        .max_header_size(HEAD_MAX)
        .handshake(TokioIo::new(stream))
        .await?;
    // It ends with this function, however that ends.
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    // What it announces may never come.
    if body.size_hint().lower() > u64::try_from(body_max).unwrap_or(u64::MAX) {
        return Err(ServiceFault::TooLarge(body_max));
    }
    let body = Limited::new(body, body_max).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            ServiceFault::TooLarge(body_max)
        } else {
            ServiceFault::Body(error)
        }
    })?;
    Ok(ServiceAnswer { status: head.status, fields: head.headers, body: body.to_bytes() })
}

#[cfg(test)]
mod tests;
