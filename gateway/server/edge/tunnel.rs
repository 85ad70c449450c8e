//! The connection of a WebSocket to its app.
//!
//! pingora ends the tunnel when it reads the app's 101 before it has noted that the request has no
//! body, which a fast app or a busy machine bring about (cloudflare/pingora#946). So its first look
//! at the answer is put off by a turn: in that turn it notes the body.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use pingora::{Error, ErrorType, Result};
use pingora_core::connectors::l4::Connect;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Makes the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tunnel {
    /// Connect deadline.
    pub(crate) within: Duration,
}

#[async_trait]
impl Connect for Tunnel {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let address = address.as_inet().ok_or_else(|| Error::new_up(ErrorType::ConnectNoRoute))?;
        let tcp = tokio::time::timeout(self.within, TcpStream::connect(address))
            .await
            .map_err(|_| Error::new_up(ErrorType::ConnectTimedout))?
            .map_err(|_| Error::new_up(ErrorType::ConnectError))?;
        let _ = tcp.set_nodelay(true);
        Ok(VirtualSocketStream::new(Box::new(Unhurried { tcp, looks: 0 })).into())
    }
}

/// A socket whose first read waits for the next turn of its task.
#[derive(Debug)]
struct Unhurried {
    tcp: TcpStream,
    looks: u8,
}

impl AsyncRead for Unhurried {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if me.looks == 0 {
            me.looks = 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut me.tcp).poll_read(cx, into)
    }
}

impl AsyncWrite for Unhurried {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

impl VirtualSocket for Unhurried {
    /// What matters is set when the connection is made.
    fn set_socket_option(&self, _option: VirtualSockOpt) -> io::Result<()> {
        Ok(())
    }
}
