//! The heads of the frames of one direction of an HTTP/2 connection, read as its bytes pass, and a budget of what they cost.
//!
//! The library that reads the frames bounds what they hold, and not how many there are: a frame that carries nothing costs
//! a client nine bytes, and the gateway as much work as any other. So frames have a cost, and a connection has a budget
//! that refills with time. Data costs nothing unless it comes in tiny pieces, and a request pays for what follows it. What a
//! client does in order to read answers costs nothing: each 500 bytes of data that it is sent pay for a window update.

use std::time::Duration;

/// Bytes of a frame's head (RFC 9113 §4.1).
const HEAD: usize = 9;
/// Bytes of a client's preface (RFC 9113 §3.4).
pub(super) const PREFACE: usize = 24;

/// What a budget holds at most, and at first.
const FULL: u32 = 60_000;
/// What is added to a budget in each second.
const REFILL: u32 = 3000;
/// Bytes of data sent that are worth one.
const PAID: usize = 50;
/// Data of fewer bytes is a small piece: the library needs more memory for its place in a queue.
pub(super) const SMALL: usize = 256;
/// Data of fewer bytes is a tiny piece: more than a third of what is sent is the head of the frame.
const TINY: usize = 16;

/// The frames of one direction.
#[derive(Debug)]
pub(super) struct FrameReader {
    /// Bytes that pass before the next head begins: of the preface, or of the payload of the last frame.
    skip: usize,
    head: [u8; HEAD],
    /// Bytes of the head that are there.
    have: usize,
    /// The last frame is a part of a header block.
    in_block: bool,
    /// The block goes on after this frame.
    block_goes_on: bool,
    /// When the last header block began.
    block_began: Duration,
}

/// What the head of a frame says, as far as the budget asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    kind: Kind,
    stream: u32,
    /// Bytes of the payload.
    length: usize,
    /// The last frame of its stream.
    ends: bool,
}

impl FrameHead {
    /// The payload is empty and ends nothing.
    fn carries_nothing(self) -> bool {
        self.length == 0 && !self.ends
    }

    /// Whether the client pays for it where the gateway sends it.
    pub(super) fn costs(self) -> bool {
        self.kind == Kind::Reset
    }

    /// Whether it is data that costs the library more memory than it has bytes.
    pub(super) fn is_small_piece(self) -> bool {
        self.kind == Kind::Data && self.length < SMALL && !self.ends
    }
}

/// The types of frames (RFC 9113 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Data,
    Headers,
    Priority,
    Reset,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    Unknown,
}

impl FrameReader {
    /// The frames that begin after so many bytes.
    pub(super) fn after(skip: usize) -> Self {
        Self {
            skip,
            head: [0; HEAD],
            have: 0,
            in_block: false,
            block_goes_on: false,
            block_began: Duration::ZERO,
        }
    }

    /// Reads the next bytes, which came at this time, and tells of each frame that begins in them.
    pub(super) fn read(&mut self, mut bytes: &[u8], now: Duration, mut tell: impl FnMut(FrameHead)) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let passed = self.skip.min(bytes.len());
                self.skip -= passed;
                bytes = bytes.get(passed..).unwrap_or_default();
                continue;
            }
            let more = (HEAD - self.have).min(bytes.len());
            let (part, rest) = bytes.split_at(more);
            if let Some(place) = self.head.get_mut(self.have..self.have + more) {
                place.copy_from_slice(part);
            }
            self.have += more;
            bytes = rest;
            if self.have == HEAD {
                self.have = 0;
                let frame = self.begin();
                if frame.kind == Kind::Headers {
                    self.block_began = now;
                }
                tell(frame);
            }
        }
    }

    /// Begins the frame of which the head is there.
    fn begin(&mut self) -> FrameHead {
        let [high, middle, low, kind, flags, stream @ ..] = self.head;
        // The highest bit is reserved.
        let stream = u32::from_be_bytes(stream) & !(1 << 31);
        self.skip = u32::from_be_bytes([0, high, middle, low]) as usize;
        let kind = Kind::of(kind);
        self.in_block = matches!(kind, Kind::Headers | Kind::Continuation);
        self.block_goes_on = self.in_block && flags & END_HEADERS == 0;
        FrameHead { kind, stream, length: self.skip, ends: flags & END_STREAM != 0 }
    }

    /// When the header block began of which not all is there.
    pub(super) fn header_since(&self) -> Option<Duration> {
        (self.block_goes_on || (self.in_block && self.skip > 0)).then_some(self.block_began)
    }
}

impl Kind {
    fn of(byte: u8) -> Self {
        match byte {
            0 => Self::Data,
            1 => Self::Headers,
            2 => Self::Priority,
            3 => Self::Reset,
            4 => Self::Settings,
            5 => Self::PushPromise,
            6 => Self::Ping,
            7 => Self::GoAway,
            8 => Self::WindowUpdate,
            9 => Self::Continuation,
            _ => Self::Unknown,
        }
    }
}

/// What the frames of a client may still cost.
#[derive(Debug)]
pub(super) struct FrameBudget {
    left: u32,
    /// Bytes of data that were sent and have earned nothing yet: fewer than [`PAID`].
    unpaid: usize,
    /// When it was last refilled.
    refilled: Duration,
    spent: bool,
    /// The last stream that the client opened.
    last_stream: u32,
    /// The client was told to open no more streams.
    ending: bool,
}

impl FrameBudget {
    pub(super) fn new(now: Duration) -> Self {
        Self { left: FULL, unpaid: 0, refilled: now, spent: false, last_stream: 0, ending: false }
    }

    /// Adds what the time since the last call is worth. What is left of it counts in the next one.
    pub(super) fn refill(&mut self, now: Duration) {
        let nanos = now.saturating_sub(self.refilled).as_nanos();
        let Ok(earned) = u32::try_from(nanos * u128::from(REFILL) / NANOS) else {
            self.refilled = now;
            return self.earn(FULL);
        };
        self.refilled += Duration::from_secs(earned.into()) / REFILL;
        self.earn(earned);
    }

    /// A frame came from the client.
    pub(super) fn came(&mut self, frame: FrameHead) {
        match frame.kind {
            // A browser that leaves a page of posters resets the stream of each.
            Kind::Headers if self.opens(frame.stream) => self.earn(20),
            // Trailers, for which the head has paid; or a stream that is ignored.
            Kind::Headers => self.spend(20),
            Kind::Reset => self.spend(30),
            Kind::Data if frame.carries_nothing() => self.spend(120),
            Kind::Data if frame.length < TINY => self.spend(1),
            Kind::Data => {}
            Kind::WindowUpdate | Kind::Priority => self.spend(10),
            Kind::Unknown => self.spend(60),
            Kind::Ping | Kind::Continuation | Kind::GoAway | Kind::PushPromise => self.spend(120),
            Kind::Settings => self.spend(600),
        }
    }

    /// A frame went to the client.
    pub(super) fn went(&mut self, frame: FrameHead) {
        match frame.kind {
            Kind::Data => {
                let bytes = self.unpaid.saturating_add(frame.length);
                self.unpaid = bytes % PAID;
                self.earn(u32::try_from(bytes / PAID).unwrap_or(FULL));
            }
            // The client did what a stream is reset for.
            Kind::Reset => self.spend(30),
            Kind::GoAway => self.ending = true,
            Kind::Headers
            | Kind::Priority
            | Kind::Settings
            | Kind::PushPromise
            | Kind::Ping
            | Kind::WindowUpdate
            | Kind::Continuation
            | Kind::Unknown => {}
        }
    }

    /// Whether the client has cost more than it may. It stays so.
    pub(super) fn is_spent(&self) -> bool {
        self.spent
    }

    /// Whether a head opens a stream, of a client that may.
    fn opens(&mut self, stream: u32) -> bool {
        let new = stream > self.last_stream;
        self.last_stream = self.last_stream.max(stream);
        new && !self.ending
    }

    fn earn(&mut self, amount: u32) {
        self.left = self.left.saturating_add(amount).min(FULL);
    }

    fn spend(&mut self, amount: u32) {
        match self.left.checked_sub(amount) {
            Some(left) => self.left = left,
            None => self.spent = true,
        }
    }
}

/// Of a second.
const NANOS: u128 = 1_000_000_000;

/// RFC 9113 §6.1, §6.2
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

#[cfg(test)]
mod tests;
