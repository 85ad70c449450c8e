//! WebSockets from both ends.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{DEADLINE, Exchange, HOST};

pub(crate) type WebSocket = tungstenite::WebSocket<TcpStream>;

/// Opens a WebSocket through the gateway.
pub(crate) fn websocket(to: SocketAddr, path: &str, fields: &[(&str, &str)]) -> Result<WebSocket, u16> {
    websocket_of(HOST, to, path, fields)
}

/// The same to another host.
pub(crate) fn websocket_of(
    host: &str,
    to: SocketAddr,
    path: &str,
    fields: &[(&str, &str)],
) -> Result<WebSocket, u16> {
    let stream = TcpStream::connect_timeout(&to, DEADLINE).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    websocket_over(stream, host, path, fields)
}

/// The same over a connection that is there.
pub(crate) fn websocket_over<S: Read + Write>(
    stream: S,
    host: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> Result<tungstenite::WebSocket<S>, u16> {
    let mut request = http::Request::builder()
        .uri(format!("ws://{host}{path}"))
        .header("Host", host)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", tungstenite::handshake::client::generate_key());
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    match tungstenite::client::client(request.body(()).unwrap(), stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
            Err(response.status().as_u16())
        }
        Err(error) => panic!("the handshake failed: {error}"),
    }
}

impl Exchange<'_> {
    /// Answers the handshake; what comes behind it is a WebSocket.
    pub(crate) fn accept_websocket(&mut self) -> io::Result<WebSocket> {
        let seen = self.seen();
        let key = seen.fields.sole("sec-websocket-key").unwrap_or_default();
        self.write(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            derive_accept_key(key.as_bytes())
        ))?;
        let early = self.early();
        Ok(WebSocket::from_partially_read(self.stream(), early, Role::Server, None))
    }

    /// A WebSocket that gives every message back.
    pub(crate) fn echo_websocket(&mut self) -> io::Result<()> {
        let mut socket = self.accept_websocket()?;
        while let Ok(message) = socket.read() {
            if (message.is_text() || message.is_binary()) && socket.send(message).is_err() {
                break;
            }
        }
        Ok(())
    }
}
