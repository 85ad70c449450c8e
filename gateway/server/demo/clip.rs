//! A film that a browser plays: five minutes of WebM (VP8) in which every second shows its last digit.
//!
//! It is as large as a film would be, so that a browser does not load it whole and a seek becomes a request
//! for a range; it is not stored. Every second is a cluster of the same size, so each byte can be computed from its
//! position. The frames are VP8 key frames, 320 by 180, as found in a lossy WebP picture.

use std::sync::LazyLock;

use axum::body::Bytes;

use super::film::Reel;

/// The film.
pub(super) static REEL: LazyLock<Reel> = LazyLock::new(|| Reel {
    length: HEAD.len() as u64 + SECONDS * CLUSTER,
    kind: "video/webm",
    etag: "\"clip-1\"",
    bytes,
});

/// Everything before the first cluster: the EBML head, the track, and the index of the seconds.
static HEAD: LazyLock<Vec<u8>> = LazyLock::new(head);

/// The bytes of the film from `from` to before `to`.
fn bytes(from: u64, to: u64) -> Bytes {
    let head = HEAD.len() as u64;
    let mut wanted = Vec::new();
    let mut at = from;
    while at < to {
        let (part, start) = match at.checked_sub(head) {
            None => (HEAD.clone(), 0),
            Some(beyond) => (cluster(beyond / CLUSTER), head + beyond / CLUSTER * CLUSTER),
        };
        let end = to.min(start + part.len() as u64);
        wanted.extend(part.into_iter().skip((at - start) as usize).take((end - at) as usize));
        at = end;
    }
    wanted.into()
}

fn head() -> Vec<u8> {
    let ebml = element(
        0x1A45_DFA3,
        &[
            number(0x4286, 1),
            number(0x42F7, 1),
            number(0x42F2, 4),
            number(0x42F3, 8),
            element(0x4282, b"webm"),
            number(0x4287, 2),
            number(0x4285, 2),
        ]
        .concat(),
    );
    let duration = (SECONDS as f32 * 1000.0).to_be_bytes();
    let about = element(
        0x1549_A966,
        &[
            number(0x2A_D7B1, 1_000_000),
            element(0x4489, &duration),
            element(0x4D80, b"stagedoor"),
            element(0x5741, b"stagedoor"),
        ]
        .concat(),
    );
    let picture = element(0xE0, &[number(0xB0, 320), number(0xBA, 180)].concat());
    let track =
        [number(0xD7, 1), number(0x73C5, 1), number(0x9C, 0), element(0x86, b"V_VP8"), number(0x83, 1)];
    let tracks = element(0x1654_AE6B, &element(0xAE, &[track.concat(), picture].concat()));
    let before = (about.len() + tracks.len()) as u64;
    // The length of the index does not depend on its values.
    let length = cues(0).len() as u64;
    let segment = before + length + SECONDS * CLUSTER;
    let mut head = ebml;
    head.extend_from_slice(&id(0x1853_8067));
    head.push(0x01);
    head.extend(segment.to_be_bytes().into_iter().skip(1));
    head.extend([about, tracks, cues(before + length)].concat());
    head
}

/// The index: the position of each second, from the beginning of the segment's content.
fn cues(first: u64) -> Vec<u8> {
    let point = |second: u64| {
        let place = [number(0xF7, 1), number(0xF1, first + second * CLUSTER)].concat();
        element(0xBB, &[number(0xB3, second * 1000), element(0xB7, &place)].concat())
    };
    element(0x1C53_BB6B, &(0..SECONDS).flat_map(point).collect::<Vec<u8>>())
}

/// One second: the same frame a few times, and a void element up to the size of a cluster.
fn cluster(second: u64) -> Vec<u8> {
    let mut content = number(0xE7, second * 1000);
    for frame in 0..FRAMES {
        let at = (frame * 1000 / FRAMES).to_be_bytes();
        content.extend(element(0xA3, &[&[0x81], &at[..], &[0x80], picture(second)].concat()));
    }
    // The name of a cluster has four bytes, that of a void one.
    let inside = CLUSTER as usize - 4 - WIDE;
    let filling = inside - content.len() - 1 - WIDE;
    let mut cluster = wide(0x1F43_B675, inside);
    cluster.extend(content);
    cluster.extend(wide(0xEC, filling));
    cluster.resize(CLUSTER as usize, 0);
    cluster
}

/// The frame of a second.
fn picture(second: u64) -> &'static [u8] {
    let mut rest = FRAME_FILE;
    for _ in 0..second % 10 {
        rest = split(rest).1;
    }
    split(rest).0
}

/// The first frame of the file, and what follows it; each is preceded by its length.
fn split(file: &'static [u8]) -> (&'static [u8], &'static [u8]) {
    match file.split_first_chunk::<4>() {
        Some((length, rest)) => {
            rest.split_at_checked(u32::from_le_bytes(*length) as usize).unwrap_or((rest, &[]))
        }
        None => (&[], &[]),
    }
}

/// An EBML element (RFC 8794 §3) whose size takes four bytes.
fn element(name: u32, content: &[u8]) -> Vec<u8> {
    [wide(name, content.len()), content.to_vec()].concat()
}

/// Name and size.
fn wide(name: u32, size: usize) -> Vec<u8> {
    let size = (0x1000_0000 | size as u32).to_be_bytes();
    [id(name), size.to_vec()].concat()
}

/// A number, always eight bytes long.
fn number(name: u32, value: u64) -> Vec<u8> {
    element(name, &value.to_be_bytes())
}

fn id(name: u32) -> Vec<u8> {
    name.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

const FRAME_FILE: &[u8] = include_bytes!("frames.bin");
const SECONDS: u64 = 300;
/// Frames a second.
const FRAMES: u16 = 5;
/// Bytes of a second.
const CLUSTER: u64 = 128 << 10;
/// Bytes of a size.
const WIDE: usize = 4;
