//! The connection of a WebSocket to its app.
//!
//! pingora ends the tunnel when it reads the app's 101 before it has noted that the request has no
//! body, which a fast app or a busy machine bring about (cloudflare/pingora#946). So its first look
//! at the answer is put off by a turn: in that turn it notes the body.
//!
//! pingora takes a 101 of HTTP/1.0 for no switch. Apps that write that version mean one all the same, so it is read as
//! 1.1 where it stands at the start of the first bytes; whether it is a switch is judged afterwards.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use pingora::Result;
use pingora_core::connectors::l4::Connect;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::connection;

/// Makes the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tunnel {
    /// Connect deadline.
    pub(crate) within: Duration,
}

#[async_trait]
impl Connect for Tunnel {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let tcp = connection::connect(address, self.within).await?;
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
        let before = into.filled().len();
        std::task::ready!(Pin::new(&mut me.tcp).poll_read(cx, into))?;
        if me.looks == 1 {
            me.looks = 2;
            let first = into.filled_mut().get_mut(before..).unwrap_or_default();
            if let (true, Some(minor)) = (first.starts_with(OLD_SWITCH), first.get_mut(MINOR)) {
                *minor = b'1';
            }
        }
        Poll::Ready(Ok(()))
    }
}

const OLD_SWITCH: &[u8] = b"HTTP/1.0 101 ";
/// Where the minor version stands in it.
const MINOR: usize = 7;

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
