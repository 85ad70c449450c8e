//! How an exchange ended.

use std::time::Duration;

use crate::denial::{Denial, UpstreamFault};

/// What the client has of its answer at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All of it.
    Answered,
    /// Nothing; this refusal is to be sent.
    Refused(Denial),
    /// The beginning; the end of the connection shows that the rest is missing.
    Broken,
    /// The client left, or took nothing more.
    ClientGone,
}

/// A long-lived answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A WebSocket.
    Websocket,
    /// `text/event-stream`
    Events,
}

impl StreamKind {
    /// The stable name, as in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Events => "events",
        }
    }
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The app ended it.
    App,
    /// The client ended it, or took nothing more.
    Client,
    /// It was silent for too long.
    Idle,
    /// The gateway is shutting down.
    Draining,
    /// The credential of its caller has expired.
    Expired,
    /// The credential of its caller was revoked.
    Revoked,
}

impl StreamEnd {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Client, Self::App, Self::Idle, Self::Draining, Self::Expired, Self::Revoked];

    /// The stable name, as in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::App => "app",
            Self::Idle => "idle",
            Self::Draining => "draining",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// Whether the connection to the app may serve another exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppReuse {
    /// It may.
    Yes,
    /// It ends.
    No,
}

/// What becomes of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientReuse {
    /// It may serve the next request.
    KeepAlive,
    /// It is closed, so that the client can still read the answer.
    Close,
    /// It is reset: nothing else tells the client that its answer is not whole, or it is gone.
    Reset,
}

/// What is known of an exchange that has ended, for its record.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the client has.
    pub ended: Ended,
    /// The status of the answer that was begun, 101 included.
    pub status: Option<u16>,
    /// Data of the request body that came, in bytes.
    pub bytes_in: u64,
    /// Data of the answer's body that was given to the client's side, in bytes.
    pub bytes_out: u64,
    /// Why the exchange failed, where it is the gateway's decision.
    pub failure: Option<Denial>,
    /// What was wrong with the app.
    pub fault: Option<UpstreamFault>,
    /// What exactly was wrong, for the log.
    pub detail: Option<&'static str>,
    /// How often the request was tried again.
    pub retries: usize,
    /// When a connection to the app was first asked for.
    pub asked: Option<Duration>,
    /// When its final head was complete.
    pub answered: Option<Duration>,
    /// Why a stream ended.
    pub stream_end: Option<StreamEnd>,
    /// The connection to the app.
    pub app: AppReuse,
    /// The client's connection.
    pub client: ClientReuse,
}

impl Outcome {
    /// Who or what ended an exchange that left the client without the whole of an answer, or that was a stream: `client`, `app`,
    /// `idle`, `draining`, `expired`, `revoked` or `gateway`. `None` for a whole answer, and for a refusal, which says it itself.
    #[must_use]
    pub fn ended_by(&self) -> Option<&'static str> {
        if let Some(end) = self.stream_end {
            return Some(end.label());
        }
        match (&self.ended, self.fault, &self.failure) {
            (Ended::Answered | Ended::Refused(_), _, _) => None,
            (Ended::ClientGone, _, _) => Some(StreamEnd::Client.label()),
            (Ended::Broken, Some(_), _) => Some(StreamEnd::App.label()),
            (Ended::Broken, None, Some(Denial::Draining)) => Some(StreamEnd::Draining.label()),
            // Of its body.
            (Ended::Broken, None, Some(denial)) if denial.status().is_client_error() => {
                Some(StreamEnd::Client.label())
            }
            (Ended::Broken, None, _) => Some("gateway"),
        }
    }
}
