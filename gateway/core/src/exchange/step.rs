//! What an exchange asks for.

use bytes::Bytes;

use crate::answer::AnswerHead;
use crate::answer_framing::{AnswerFraming, ConnectionLine};

/// What to do next in the direction of the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestStep {
    /// Get a connection: tell [`super::Event::Connected`] or [`super::Event::NotConnected`].
    Connect {
        /// A connection of the pool will not do.
        fresh: bool,
        /// How many tries failed before.
        tries: usize,
        /// Meanwhile, watch whether the client closes its side. Otherwise its body would have to be read for that.
        watch: bool,
    },
    /// Write [`super::Exchange::outgoing`] to the app.
    Write,
    /// Read the client's body.
    Read,
    /// Watch whether the client closes its side.
    Watch,
    /// Ask for the verdict about [`super::Exchange::held`].
    Ask,
    /// Close the writing side of the connection to the app.
    Shutdown,
    /// Nothing.
    Wait,
}

/// What to do next in the direction of the client.
#[derive(Debug)]
pub enum AnswerStep {
    /// Read from the app into [`super::Exchange::incoming`].
    Read,
    /// Give the client this interim answer (1xx).
    Interim(AnswerHead),
    /// Begin the answer.
    Begin {
        /// Its head, as the app sent it.
        head: AnswerHead,
        /// How its body is delimited for the client.
        framing: AnswerFraming,
        /// What it says of the client's connection.
        connection: ConnectionLine,
    },
    /// Give the client data of the body.
    Give(Bytes),
    /// End the body.
    End,
    /// Send what the client was given.
    Flush,
    /// Ask for the verdict about [`super::Exchange::held`].
    Ask,
    /// Nothing.
    Wait,
}
