//! What an exchange is told.

use bytes::Bytes;

use super::gate::Verdict;
use crate::denial::UpstreamFault;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection to the app is about to be asked for.
    Connecting,
    /// A connection to the app is there.
    Connected {
        /// It served another exchange before.
        reused: bool,
    },
    /// No connection to the app could be made.
    NotConnected(UpstreamFault),
    /// The client sent data of its body, its coding taken off.
    ClientData(Bytes),
    /// The client has nothing to read at present.
    ClientSilent,
    /// The body of the request is complete.
    ClientEnd,
    /// The body of the request breaks its coding.
    ClientMalformed(&'static str),
    /// The client has closed its side.
    ClientClosed,
    /// The client's connection broke.
    ClientGone,
    /// The client's socket took bytes, or is in another state than before.
    ClientSocket {
        /// It took bytes.
        took: bool,
        /// Its state now.
        state: ClientSocket,
    },
    /// The app's socket took so many bytes of [`super::Exchange::outgoing`].
    AppTook(usize),
    /// The app's socket takes no more bytes. Why shows by its answer, or by how that ends.
    AppStopped {
        /// The connection was reset, where otherwise the app has closed it in order: what it sent may have been cut. The system
        /// tells a reset once, to the writer or to the reader.
        reset: bool,
    },
    /// The app has been told that the client has closed its side.
    AppTold,
    /// Bytes of the app were appended to [`super::Exchange::incoming`].
    AppData,
    /// The app has closed its side.
    AppClosed,
    /// The connection to the app broke.
    AppBroken(UpstreamFault),
    /// The verdict about a body that `RequestStep::Ask` or `AnswerStep::Ask` asked for.
    Verdict(Direction, Verdict),
    /// The credential of the caller was revoked: a stream ends at once, another answer goes on.
    CredentialRevoked,
    /// The gateway has begun to shut down: streams end at once, other exchanges go on.
    Draining,
    /// The drain is over: everything ends.
    Closing,
    /// Time has passed.
    Time,
}

/// The direction of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the app.
    Request,
    /// To the client.
    Answer,
}

/// The state of the client's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientSocket {
    /// It has sent everything that it was given.
    Empty,
    /// It takes more.
    Open,
    /// It takes no more at present.
    Full,
}
