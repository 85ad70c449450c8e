//! One request as its client brought it: what differs between the protocols of clients while a request is answered.

use std::time::Duration;

use stagedoor_core::clock::Now;
use stagedoor_core::denial::Denial;
use stagedoor_core::reply::Reply;
use stagedoor_core::secret::Secret;

use crate::edge::client::Client;
use crate::edge::login::ConnectionLogin;
use crate::edge::stage_watch::StageWatch;
use crate::edge::timer::Timer;

/// The client's side of one request.
pub(super) trait Turn {
    /// What an exchange with the app is given of it.
    type Client: Client;

    /// What the exchange has to know of the client's protocol.
    fn answers(&self) -> AnswerRules;

    /// The client's side of an exchange with the app.
    fn client(&mut self) -> &mut Self::Client;

    /// Reads a small body: exactly `length` bytes, all of them within `within`.
    ///
    /// # Errors
    /// [`Denial::BadRequest`] for a body that ends early, [`Denial::BodyTimeout`] for one that is late.
    fn read_body(
        &mut self,
        length: usize,
        within: Duration,
    ) -> impl Future<Output = Result<Secret<Vec<u8>>, Denial>> + Send;

    /// Sends a local answer, and returns what the connection may do then.
    fn reply(&mut self, reply: Reply, format: LocalFormat) -> impl Future<Output = ConnectionState> + Send;
}

/// A request under way, and what lasts as long as its connection.
pub(super) struct TurnParts<'c, T> {
    pub(super) turn: T,
    pub(super) login: &'c mut ConnectionLogin,
    pub(super) timer: &'c mut Timer,
    pub(super) stage: &'c mut StageWatch,
}

/// What a client's protocol lets an answer do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AnswerRules {
    /// The client understands an answer of unknown length that does not end with its connection, and interim answers.
    pub(super) modern: bool,
    /// The connection may serve another request after this one.
    pub(super) keep_alive: bool,
}

/// How a local answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LocalFormat {
    /// For its `Date`.
    pub(super) now: Now,
    /// The request was a HEAD: the answer has no body.
    pub(super) head_only: bool,
    /// What is to become of the connection.
    pub(super) then: Then,
}

/// What is to become of a client's connection after a local answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It serves the next request, once the body of this one is dropped, where that is short.
    SkipBody,
    /// It serves the next request: nothing of this one is left.
    GoOn,
    /// It ends, because what else the client sends cannot be told apart from this request, or because the gateway ends.
    End,
}

/// The client's connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionState {
    /// It may serve the next request.
    KeepAlive,
    /// The answer is complete, and the connection ends.
    Close,
    /// The answer broke off: only a reset tells the client.
    Reset,
    /// It has ended already.
    Closed,
}
