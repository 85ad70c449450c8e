//! A film of 64 MiB that is not stored: each byte is computed from its position.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

/// Bytes of the film.
pub(super) const LENGTH: u64 = 64 << 20;

/// A film whose bytes are computed from their positions.
pub(super) struct Reel {
    /// Its length in bytes.
    pub(super) length: u64,
    /// Its media type.
    pub(super) kind: &'static str,
    /// Its entity tag.
    pub(super) etag: &'static str,
    /// The bytes from one position to before another.
    pub(super) bytes: fn(u64, u64) -> Bytes,
}

/// A film that no program can play.
pub(super) static REEL: Reel =
    Reel { length: LENGTH, kind: "application/octet-stream", etag: "\"film-1\"", bytes };

impl Reel {
    /// Serves the film, or the range of it that was asked for (RFC 9110 §14); `HEAD` loses its body on the way.
    pub(super) fn serve(&'static self, fields: &HeaderMap) -> Response {
        let Self { length, etag, .. } = *self;
        let text = |name: HeaderName| fields.get(name).and_then(|value| value.to_str().ok());
        if text(header::IF_NONE_MATCH) == Some(etag) {
            return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
        }
        let unchanged = text(header::IF_RANGE).is_none_or(|tag| tag == etag);
        let range = text(header::RANGE).filter(|_| unchanged);
        match range.map_or(Wanted::All, |range| wanted(range, length)) {
            Wanted::All => self.show(StatusCode::OK, 0, length, None),
            Wanted::Part(first, last) => {
                let range = format!("bytes {first}-{last}/{length}");
                self.show(StatusCode::PARTIAL_CONTENT, first, last + 1, Some(range))
            }
            Wanted::Nothing => {
                let range = format!("bytes */{length}");
                (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, range)]).into_response()
            }
        }
    }

    fn show(&'static self, status: StatusCode, from: u64, to: u64, range: Option<String>) -> Response {
        let chunks = stream::unfold(from, move |at| async move {
            let end = to.min(at + CHUNK);
            (at < to).then(|| (Ok::<_, std::convert::Infallible>((self.bytes)(at, end)), end))
        });
        let fields = [
            (header::CONTENT_TYPE, self.kind.to_owned()),
            (header::CONTENT_LENGTH, (to - from).to_string()),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
            (header::ETAG, self.etag.to_owned()),
        ];
        let body = Body::from_stream(chunks);
        match range {
            Some(range) => (status, fields, [(header::CONTENT_RANGE, range)], body).into_response(),
            None => (status, fields, body).into_response(),
        }
    }
}

/// What a `Range` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Everything: no range, several, or none that could be read.
    All,
    /// From the first to the last byte.
    Part(u64, u64),
    /// A range beyond the end.
    Nothing,
}

/// Reads the value of `Range`.
pub(super) fn wanted(range: &str, length: u64) -> Wanted {
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|set| set.split_once('-')) else {
        return Wanted::All;
    };
    match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(first), _) if to.is_empty() && first < length => Wanted::Part(first, length - 1),
        (Ok(first), Ok(last)) if first > last => Wanted::All,
        (Ok(first), Ok(last)) if first < length => Wanted::Part(first, last.min(length - 1)),
        (Ok(_), Ok(_)) => Wanted::Nothing,
        (Ok(_), Err(_)) if to.is_empty() => Wanted::Nothing,
        (Err(_), Ok(0)) if from.is_empty() => Wanted::Nothing,
        (Err(_), Ok(last)) if from.is_empty() => Wanted::Part(length.saturating_sub(last), length - 1),
        (Ok(_) | Err(_), _) => Wanted::All,
    }
}

/// The bytes of the film from `from` to before `to`.
pub(super) fn bytes(from: u64, to: u64) -> Bytes {
    (from..to).map(|at| (mix(at / 8) >> (at % 8 * 8)) as u8).collect()
}

/// The step of SplitMix64.
fn mix(n: u64) -> u64 {
    let z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const CHUNK: u64 = 64 << 10;
