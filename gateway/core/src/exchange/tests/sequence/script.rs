//! Sequences as text, so that one can be read and written by hand: capital letters say what the request is, then each letter
//! or sign is something that happens. White space means nothing, and neither does any other byte.
//!
//! For example `c t "HTTP/1.1 204\r\n\r\n" y` (with real line ends): a connection is there, the app takes the request and
//! answers, and the client takes the answer.

use std::time::Duration;

use bytes::Bytes;
use stagedoor_core::exchange::{ClientSocket, Deadlines};
use stagedoor_core::request::RequestBody;

/// All different, and multiples of the steps of the clock.
pub(super) const DEADLINES: Deadlines = Deadlines {
    read: Duration::from_secs(60),
    send_idle: Duration::from_secs(30),
    body_idle: Duration::from_secs(20),
    min_rate: 1,
    stream_idle: Duration::from_secs(300),
};
/// When the credential of the caller ends, where it does.
pub(super) const EXPIRES: Duration = Duration::from_secs(40);
/// How long a verdict may take.
pub(super) const WITHIN: Duration = Duration::from_secs(7);

/// What the request, its client and the gates are.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) body: RequestBody,
    pub(super) websocket: bool,
    pub(super) head_only: bool,
    pub(super) modern: bool,
    pub(super) keep_alive: bool,
    pub(super) retries: usize,
    pub(super) repeatable: bool,
    pub(super) upload: Kind,
    pub(super) download: Kind,
    /// The credential of the caller ends.
    pub(super) expires: bool,
    /// A gate that holds replaces what it held.
    pub(super) replaces: bool,
    /// Things happen that were not asked for.
    pub(super) unruly: bool,
    /// After the text both sides go on to the end; else they are silent.
    pub(super) goes_on: bool,
}

/// What a gate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    /// It refuses the data that goes beyond [`MOST`] bytes.
    Refusing,
    /// It holds a body back and knows its verdict at the end.
    Holding,
    /// It holds a body back and asks.
    Asking,
}

/// What [`Kind::Refusing`] lets through.
pub(super) const MOST: usize = 6;

impl Kind {
    pub(super) fn holds(self) -> bool {
        matches!(self, Self::Holding | Self::Asking)
    }
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    Connected {
        reused: bool,
    },
    NotConnected,
    /// The app takes at most so many bytes.
    AppTakes(usize),
    AppStops,
    /// The client sends so many bytes of its body.
    Data(usize),
    BodyEnds,
    BodyMalformed,
    ClientSilent,
    ClientCloses,
    ClientGoes,
    Socket(ClientSocket),
    App(AppDoes),
    Verdict(Said),
    /// The edge forbids that the app's connection is used again.
    Spend,
    /// The credential of the caller is revoked.
    Revoked,
    Draining,
    Closing,
    Abort,
    /// Time passes, and the exchange is told.
    Passes(Duration),
    /// Time passes until the exchange wants to be told.
    Due,
    /// Time passes, and the next event comes before the exchange is told.
    PassesUntold(Duration),
    /// What happens next is not followed by a look at the answer.
    NotLooking,
}

/// What the app does about its answer.
#[derive(Clone, Debug)]
pub(super) enum AppDoes {
    Send(Bytes),
    Close,
    Break,
}

/// What is said of a body that is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Pass,
    Replace,
    Refuse,
}

/// Reads the text.
pub(super) fn read(text: &[u8]) -> (Setting, Vec<Happening>) {
    let mut setting = Setting {
        body: RequestBody::None,
        websocket: false,
        head_only: false,
        modern: true,
        keep_alive: true,
        retries: 1,
        repeatable: true,
        upload: Kind::Open,
        download: Kind::Open,
        expires: false,
        replaces: false,
        unruly: false,
        goes_on: false,
    };
    let begin = text.iter().position(|byte| !set(&mut setting, *byte)).unwrap_or(text.len());
    if !setting.body.is_empty() || setting.head_only {
        setting.websocket = false;
    }
    let mut rest = &text[begin..];
    let (mut happenings, mut large) = (Vec::new(), 0);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'"' {
            let end = rest.iter().position(|byte| *byte == b'"').unwrap_or(rest.len());
            happenings.push(Happening::App(AppDoes::Send(Bytes::copy_from_slice(&rest[..end]))));
            rest = rest.get(end + 1..).unwrap_or_default();
        } else if !matches!(first, b'l' | b'h') || large < LARGE_MOST {
            large += usize::from(matches!(first, b'l' | b'h'));
            happenings.extend(happening(*first));
        }
    }
    (setting, happenings)
}

/// `false`: the byte is no setting.
fn set(setting: &mut Setting, byte: u8) -> bool {
    match byte {
        b' ' | b'\n' => {}
        b'B' => setting.body = RequestBody::Known(10),
        b'E' => setting.body = RequestBody::Known(0),
        b'L' => setting.body = RequestBody::Known(2_000_000),
        b'K' => setting.body = RequestBody::Unknown,
        b'W' => setting.websocket = true,
        b'H' => setting.head_only = true,
        b'O' => setting.modern = false,
        b'X' => setting.keep_alive = false,
        b'N' => setting.retries = 0,
        b'P' => setting.repeatable = false,
        b'R' => setting.upload = Kind::Refusing,
        b'F' => setting.upload = Kind::Holding,
        b'Q' => setting.upload = Kind::Asking,
        b'D' => setting.download = Kind::Refusing,
        b'G' => setting.download = Kind::Holding,
        b'A' => setting.download = Kind::Asking,
        b'C' => setting.expires = true,
        b'V' => setting.replaces = true,
        b'Z' => setting.unruly = true,
        b'Y' => setting.goes_on = true,
        _ => return false,
    }
    true
}

fn happening(byte: u8) -> Option<Happening> {
    let sends = |bytes: &'static [u8]| Happening::App(AppDoes::Send(Bytes::from_static(bytes)));
    Some(match byte {
        b'c' => Happening::Connected { reused: false },
        b'e' => Happening::Connected { reused: true },
        b'n' => Happening::NotConnected,
        b't' => Happening::AppTakes(usize::MAX),
        b'u' => Happening::AppTakes(1),
        b'v' => Happening::AppTakes(7),
        b's' => Happening::AppStops,
        b'd' => Happening::Data(1),
        b'b' => Happening::Data(5),
        b'l' => Happening::Data(LARGE),
        b'z' => Happening::BodyEnds,
        b'm' => Happening::BodyMalformed,
        b'i' => Happening::ClientSilent,
        b'x' => Happening::ClientCloses,
        b'g' => Happening::ClientGoes,
        b'o' => Happening::Socket(ClientSocket::Open),
        b'y' => Happening::Socket(ClientSocket::Empty),
        b'w' => Happening::Socket(ClientSocket::Full),
        b'p' => Happening::App(AppDoes::Close),
        b'r' => Happening::App(AppDoes::Break),
        b'a' => Happening::Verdict(Said::Pass),
        b'j' => Happening::Verdict(Said::Replace),
        b'k' => Happening::Verdict(Said::Refuse),
        b'f' => Happening::Spend,
        b'h' => Happening::App(AppDoes::Send(vec![b'h'; LARGE].into())),
        b'0' => sends(b"0\r\n\r\n"),
        b'1' => sends(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        b'2' => sends(SWITCH),
        b'3' => sends(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
        b'4' => sends(b"HTTP/1.1 204 No Content\r\n\r\n"),
        b'5' => sends(FIVE),
        b'6' => sends(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        b'7' => sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        b'8' => sends(b"5\r\nhello\r\n"),
        b'9' => sends(b"HTTP/1.0 200 OK\r\n\r\n"),
        b'@' => {
            sends(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        }
        b'#' => sends(b"\x81\x02hi"),
        b'%' => sends(b"\x81\x05he"),
        b'&' => sends(b"HTTP/1.1 200 OK\r\n"),
        b'~' => sends(b"\r\n"),
        b':' => sends(b"hello"),
        b';' => sends(b"he"),
        b'^' => sends(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"),
        b'+' => Happening::Passes(Duration::from_secs(1)),
        b'*' => Happening::Passes(Duration::from_secs(15)),
        b'>' => Happening::Due,
        b'<' => Happening::PassesUntold(Duration::from_secs(7)),
        b',' => Happening::PassesUntold(Duration::from_secs(60)),
        b'$' => Happening::Revoked,
        b'!' => Happening::Draining,
        b'?' => Happening::Closing,
        b'\\' => Happening::Abort,
        b'_' => Happening::NotLooking,
        _ => return None,
    })
}

/// A third of what a gate holds.
const LARGE: usize = 400_000;
/// So often in one sequence.
const LARGE_MOST: usize = 4;
/// An answer that leaves nothing to be wished for.
pub(super) const FIVE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
/// The 101 to the handshake of [`super::terms`].
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
