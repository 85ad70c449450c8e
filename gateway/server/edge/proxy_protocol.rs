//! The header of the PROXY protocol at the start of a connection: what reads it, and its deadline.
//!
//! Not a byte behind the header is taken from the socket, so that TLS and HTTP begin as on any other connection. The core
//! says what is a header.

use std::io;
use std::time::Duration;

use stagedoor_core::proxy_protocol::{HeaderFault, ParsedHeader, ToldClient, parse};
use tokio::io::AsyncReadExt as _;

use super::client_socket::ClientSocket;

/// How many bytes are looked at in one go: more than a header has that names two addresses.
const PIECE: usize = 512;

/// Why a connection has no header.
#[derive(Debug)]
pub(super) enum NoHeader {
    /// It ended before its first byte, as probes of a port do.
    Unused,
    /// It ended within the header, or broke.
    Broken(io::Error),
    /// It began with something else.
    Malformed(HeaderFault),
    /// The deadline has passed.
    Late,
}

/// Reads the header, and nothing that follows it.
pub(super) async fn read(socket: &mut ClientSocket, within: Duration) -> Result<ToldClient, NoHeader> {
    match tokio::time::timeout(within, read_header(socket)).await {
        Ok(read) => read,
        Err(_) => Err(NoHeader::Late),
    }
}

async fn read_header(socket: &mut ClientSocket) -> Result<ToldClient, NoHeader> {
    // The core ends a header that grows beyond its bound.
    let mut received = Vec::new();
    loop {
        let mut piece = [0; PIECE];
        let seen = socket.peek(&mut piece).await.map_err(NoHeader::Broken)?;
        if seen == 0 {
            let unused = received.is_empty();
            return Err(if unused {
                NoHeader::Unused
            } else {
                NoHeader::Broken(io::ErrorKind::UnexpectedEof.into())
            });
        }
        let known = received.len();
        received.extend_from_slice(piece.get(..seen).unwrap_or_default());
        let parsed = parse(&received).map_err(NoHeader::Malformed)?;
        let of_header = match parsed {
            ParsedHeader::Partial => seen,
            ParsedHeader::Complete { length, client: _ } => length.saturating_sub(known),
        };
        // These bytes have arrived already.
        let taken = piece.get_mut(..of_header).unwrap_or_default();
        socket.read_exact(taken).await.map_err(NoHeader::Broken)?;
        if let ParsedHeader::Complete { client, length: _ } = parsed {
            return Ok(client);
        }
    }
}

#[cfg(test)]
mod tests;
