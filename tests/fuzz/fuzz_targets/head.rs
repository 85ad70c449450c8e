//! The head parser: no input panics, cutting the input changes no verdict, and what is accepted is
//! accepted again, unchanged, once it is written anew.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stagedoor_core::denial::Denial;
use stagedoor_core::head::{self, HeadLimits, IncrementalParser, Parsed, Progress};
use stagedoor_core::request::{Head, Http1Meta, Scheme};

const LIMITS: HeadLimits = HeadLimits { bytes: 2048, count: 16, uri: 256 };
/// A head written anew may be longer: `: ` for `:`, and `%XX` for a raw byte of the target.
const ROOMY: HeadLimits = HeadLimits { bytes: 4096, uri: 3 * 256, ..LIMITS };

fuzz_target!(|bytes: &[u8]| {
    let whole = verdict(bytes);
    let first =
        (0..=bytes.len()).map(|end| verdict(&bytes[..end])).find(|v| *v != Ok(None)).unwrap_or(Ok(None));
    assert_eq!(first, whole);
    let mut arriving = IncrementalParser::new(Scheme::Http);
    let kept = (0..=bytes.len()).map(|end| arriving.look(&bytes[..end], &LIMITS)).find(|p| *p != Ok(Progress::Partial));
    match kept {
        None => assert_eq!(whole, Ok(None)),
        Some(Ok(_)) => assert_ne!(whole, Ok(None)),
        Some(Err(denial)) => assert_eq!(whole, Err(denial)),
    }

    let Ok(Parsed::Complete(head, meta)) = parse(bytes, &LIMITS) else { return };
    let again = serialise(&head);
    let Ok(Parsed::Complete(second, after)) = parse(&again, &ROOMY) else { panic!("{}", again.escape_ascii()) };
    assert_eq!((head.method(), head.target(), head.host()), (second.method(), second.target(), second.host()));
    assert_eq!((head.body(), head.protocol(), head.fields()), (second.body(), second.protocol(), second.fields()));
    assert_eq!(after, Http1Meta { length: again.len(), ..meta });
});

fn parse<'a>(bytes: &'a [u8], limits: &HeadLimits) -> Result<Parsed<'a>, Denial> {
    head::parse(bytes, limits, Scheme::Http)
}

/// The length of a whole head, `None` for the beginning of one.
fn verdict(bytes: &[u8]) -> Result<Option<usize>, Denial> {
    match parse(bytes, &LIMITS)? {
        Parsed::Partial => Ok(None),
        Parsed::Complete(_, meta) => Ok(Some(meta.length)),
    }
}

fn serialise(head: &Head<'_>) -> Vec<u8> {
    let version = head.protocol().as_str().as_bytes();
    let mut out = [head.method().as_bytes(), b" ", head.target(), b" ", version, b"\r\n"].concat();
    for field in head.fields() {
        out.extend_from_slice(&[field.name.as_bytes(), b": ", field.value, b"\r\n"].concat());
    }
    out.extend_from_slice(b"\r\n");
    out
}
