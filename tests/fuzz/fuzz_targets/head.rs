//! The head parser: no input panics, cutting the input changes no verdict, and what is accepted is
//! accepted again, unchanged, once it is written anew.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stagedoor_core::denial::Denial;
use stagedoor_core::head::{IncrementalParser, HeadLimits, Parsed, Progress, parse};
use stagedoor_core::request::{Head, Version};

const LIMITS: HeadLimits = HeadLimits { bytes: 2048, count: 16, uri: 256 };
/// A head written anew may be longer: `: ` for `:`, and `%XX` for a raw byte of the target.
const ROOMY: HeadLimits = HeadLimits { bytes: 4096, uri: 3 * 256, ..LIMITS };

fuzz_target!(|bytes: &[u8]| {
    let whole = verdict(bytes);
    let first =
        (0..=bytes.len()).map(|end| verdict(&bytes[..end])).find(|v| *v != Ok(None)).unwrap_or(Ok(None));
    assert_eq!(first, whole);
    let mut arriving = IncrementalParser::default();
    let kept = (0..=bytes.len()).map(|end| arriving.look(&bytes[..end], &LIMITS)).find(|p| *p != Ok(Progress::Partial));
    match kept {
        None => assert_eq!(whole, Ok(None)),
        Some(Ok(_)) => assert_ne!(whole, Ok(None)),
        Some(Err(denial)) => assert_eq!(whole, Err(denial)),
    }

    let Ok(Parsed::Complete(head)) = parse(bytes, &LIMITS) else { return };
    let again = serialise(&head);
    let Ok(Parsed::Complete(second)) = parse(&again, &ROOMY) else { panic!("{}", again.escape_ascii()) };
    assert_eq!((head.method(), head.target(), head.host()), (second.method(), second.target(), second.host()));
    assert_eq!((head.framing(), head.version(), head.fields()), (second.framing(), second.version(), second.fields()));
    assert_eq!((head.keep_alive(), head.expects_continue()), (second.keep_alive(), second.expects_continue()));
    assert_eq!(second.length(), again.len());
});

/// The length of a whole head, `None` for the beginning of one.
fn verdict(bytes: &[u8]) -> Result<Option<usize>, Denial> {
    match parse(bytes, &LIMITS)? {
        Parsed::Partial => Ok(None),
        Parsed::Complete(head) => Ok(Some(head.length())),
    }
}

fn serialise(head: &Head<'_>) -> Vec<u8> {
    let version: &[u8] = if head.version() == Version::Http10 { b"1.0" } else { b"1.1" };
    let mut out = [head.method().as_bytes(), b" ", head.target(), b" HTTP/", version, b"\r\n"].concat();
    for field in head.fields() {
        out.extend_from_slice(&[field.name.as_bytes(), b": ", field.value, b"\r\n"].concat());
    }
    out.extend_from_slice(b"\r\n");
    out
}
