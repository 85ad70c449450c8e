//! Chunked bodies, both ways: no input panics, cutting the input changes nothing, a plain reader finds the same data, and
//! what is encoded again holds the same data and ends in the same place.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use stagedoor_core::chunked::{
    CHUNK_END, Chunked, LAST_CHUNK, Malformed, ROOM_AFTER, ROOM_BEFORE, chunk_size_line,
};

/// The data, how many bytes belong to the body, and whether it is complete.
type Read = Result<(Vec<u8>, usize, bool), Malformed>;

fuzz_target!(|bytes: &[u8]| {
    let whole = decode(bytes, bytes.len());
    for step in [1, 2, 7] {
        assert_eq!(decode(bytes, step), whole);
        match (&whole, recode(bytes, step)) {
            (Ok((data, length, done)), Ok((again, same, finished))) => {
                assert_eq!((same, finished), (*length, *done));
                let room = again.len();
                assert_eq!(decode(&again, room), Ok((data.clone(), room, *done)));
            }
            (Err(fault), Err(same)) => assert_eq!(*fault, same),
            (one, other) => panic!("{one:?} {other:?}"),
        }
    }
    let Ok((data, length, true)) = whole else { return };
    assert_eq!(plain(&bytes[..length]), Some(data.clone()));
    let mut written = Vec::new();
    if !data.is_empty() {
        written = [chunk_size_line(data.len()).as_bytes(), &data, CHUNK_END].concat();
    }
    written.extend_from_slice(LAST_CHUNK);
    assert_eq!(decode(&written, 3), Ok((data, written.len(), true)));
});

fn decode(bytes: &[u8], step: usize) -> Read {
    let (mut chunked, mut taking) = (Chunked::default(), Chunked::default());
    let (mut data, mut length) = (Vec::new(), 0);
    for piece in bytes.chunks(step.max(1)) {
        let mut room = piece.to_vec();
        let decoded = chunked.decode(&mut room)?;
        assert!(decoded.data <= decoded.of_body);
        assert_eq!(room[decoded.of_body..], piece[decoded.of_body..]);
        let mut buffer = BytesMut::from(piece);
        assert_eq!(taking.take(&mut buffer)?, room[..decoded.data]);
        assert_eq!(buffer, piece[decoded.of_body..]);
        data.extend_from_slice(&room[..decoded.data]);
        length += decoded.of_body;
    }
    Ok((data, length, chunked.is_done()))
}

/// The body as it goes on.
fn recode(bytes: &[u8], step: usize) -> Read {
    let (mut chunked, mut sent, mut length) = (Chunked::default(), Vec::new(), 0);
    for piece in bytes.chunks(step.max(1)) {
        let mut room = [&[0; ROOM_BEFORE], piece, &[0; ROOM_AFTER]].concat();
        let recoded = chunked.recode(&mut room, piece.len())?;
        sent.extend_from_slice(&room[..recoded.length]);
        length += recoded.of_body;
    }
    Ok((sent, length, chunked.is_done()))
}

/// Reads a whole body without a state.
fn plain(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let line = body.windows(2).position(|two| two == b"\r\n")?;
        let digits = body[..line].split(|byte| *byte == b';').next()?;
        let size = usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        body = body.get(line + 2..)?;
        if size == 0 {
            return (body == b"\r\n" || body.ends_with(b"\r\n\r\n")).then_some(data);
        }
        data.extend_from_slice(body.get(..size)?);
        body = body.get(size..)?.strip_prefix(b"\r\n")?;
    }
}
