//! Connections to the app. pingora keeps them in its pool; they are opened here, so that they can be ended here.
//!
//! Not every connection may serve another request. An app may send a body after an answer that has none by rule, and the
//! next exchange on the connection would read it. With NTLM and Negotiate, a connection is logged in. A handle goes with the
//! connection through the pool: pingora's hooks find it, see to which group the connection belongs, and end it.

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

/// Opens connections of one group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connector {
    /// Connect deadline.
    pub(crate) within: Duration,
    /// The group of the connections: 0 is shared, any other belongs to one client connection.
    pub(crate) group: u64,
}

/// An open connection to the app.
#[derive(Debug)]
pub(crate) struct AppConnection {
    socket: Socket,
    group: u64,
    ended: AtomicBool,
}

/// A handle of a connection, which does not keep it open.
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
        // The digest of a CONNECT proxy is the one place in a pooled connection for data of the gateway. There is no proxy.
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

    /// Closes the connection. pingora checks a connection before it keeps it and before it uses it again, but notices the end
    /// only after the reactor has: so a hook that is given a pooled connection asks [`Self::is_over`].
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Whether a pooled connection has ended: by [`Self::end`], or because it was closed.
    pub(crate) fn is_over(handle: &Handle) -> bool {
        handle.upgrade().is_none_or(|connection| connection.ended.load(Ordering::Acquire))
    }
}
