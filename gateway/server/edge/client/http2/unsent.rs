//! How much of the answers of one connection its socket has not taken yet.
//!
//! What a stream gives to the library is in its memory until the socket takes it. One connection may have a hundred streams,
//! so the sum is bounded and not the part of each: a stream that finds [`MOST`] bytes unsent waits. Meanwhile it holds the
//! piece that it is about to give, and what was read of the app behind it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Bytes that may be unsent, besides the last piece that was given.
const MOST: usize = 64 * 1024;
/// What a head counts.
const HEAD: usize = 512;

/// The bytes that are unsent, and the streams that wait until they are sent.
#[derive(Debug, Default)]
pub(crate) struct Unsent(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    bytes: usize,
    /// Something was given since the connection last sent.
    fresh: bool,
    /// The connection has ended: nothing is sent any more.
    closed: bool,
    waiting: Vec<Waker>,
}

/// The connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionEnded;

impl Unsent {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready when a stream may give more.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionEnded>> {
        self.poll_below(MOST, cx)
    }

    /// Ready when everything that was given is sent.
    pub(super) fn poll_sent(&self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionEnded>> {
        self.poll_below(1, cx)
    }

    fn poll_below(&self, limit: usize, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionEnded>> {
        let mut state = self.state();
        if state.closed {
            return Poll::Ready(Err(ConnectionEnded));
        }
        if state.bytes < limit {
            return Poll::Ready(Ok(()));
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// A stream has given a head, or a frame without data.
    pub(super) fn give_head(&self) {
        self.give(HEAD);
    }

    /// A stream has given so many bytes.
    pub(super) fn give(&self, bytes: usize) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_add(bytes);
        state.fresh = true;
    }

    /// Whether anything was given since this was last asked.
    pub(crate) fn take_fresh(&self) -> bool {
        std::mem::take(&mut self.state().fresh)
    }

    /// The socket has taken everything.
    pub(crate) fn sent(&self) {
        let waiting = {
            let mut state = self.state();
            state.bytes = 0;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// The connection has ended.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.sent();
    }
}
