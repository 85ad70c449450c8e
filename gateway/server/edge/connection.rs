//! Connections to the app that pingora keeps in its pool, made here so that they can be ended here.
//!
//! pingora takes an answer's end from the answer. Some answers prove none: an app may send a body after one that has
//! none by rule, and whoever has the connection next would read it. And some connections are more than a way to the
//! app: with NTLM and Negotiate the connection is the login. The handle below goes with a connection through the pool;
//! the hooks find it there, see whose it is, and end it.

use std::net::{Shutdown, TcpStream as Socket};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use pingora::http::ResponseHeader;
use pingora::{Error, ErrorType, Result};
use pingora_core::connectors::l4::Connect;
use pingora_core::protocols::Digest;
use pingora_core::protocols::GetProxyDigest as _;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::raw_connect::ProxyDigest;
use tokio::net::TcpStream;

use super::failure;

/// Makes connections of one group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connector {
    /// Connect deadline.
    pub(crate) within: Duration,
    /// Whose the connections are; 0 is everybody.
    pub(crate) group: u64,
}

/// A connection to the app, as long as it lasts.
#[derive(Debug)]
pub(crate) struct AppConnection {
    socket: Socket,
    group: u64,
    ended: AtomicBool,
}

/// The handle of a connection. It does not keep the connection open.
pub(crate) type Handle = Weak<AppConnection>;

#[async_trait]
impl Connect for Connector {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let tcp = connect(address, self.within).await?;
        let socket = tcp.as_fd().try_clone_to_owned().map_err(failure::connecting)?;
        let connection = Arc::new(AppConnection {
            socket: socket.into(),
            group: self.group,
            ended: AtomicBool::new(false),
        });
        let mut stream = Stream::from(tcp);
        // The one place of a connection that is ours to fill; no proxy is asked.
        let nothing = Box::new(ResponseHeader::build(200, None)?);
        stream.set_proxy_digest(ProxyDigest::new(nothing, Some(Box::new(connection))));
        Ok(stream)
    }
}

/// Opens a connection to the app.
pub(crate) async fn connect(address: &SocketAddr, within: Duration) -> Result<TcpStream> {
    let address = address.as_inet().ok_or_else(|| Error::new_up(ErrorType::ConnectNoRoute))?;
    let tcp = tokio::time::timeout(within, TcpStream::connect(address))
        .await
        .map_err(|_| Error::new_up(ErrorType::ConnectTimedout))?
        .map_err(failure::connecting)?;
    let _ = tcp.set_nodelay(true);
    Ok(tcp)
}

impl AppConnection {
    /// The connection of an exchange, if it is one of `group`.
    pub(crate) fn of(digest: Option<&Digest>, group: u64) -> Option<Handle> {
        let data = digest?.proxy_digest.as_ref()?.user_data.as_ref()?;
        let connection = data.downcast_ref::<Arc<Self>>()?;
        (connection.group == group).then(|| Arc::downgrade(connection))
    }

    /// Ends it for both sides. pingora looks before it keeps a connection and before it uses one again, but sees the end
    /// only once the reactor has told it: whoever is given a connection asks [`Self::is_over`].
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Whether a connection of the pool has ended, here or altogether.
    pub(crate) fn is_over(handle: &Handle) -> bool {
        handle.upgrade().is_none_or(|connection| connection.ended.load(Ordering::Acquire))
    }
}
