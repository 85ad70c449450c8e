#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

/// `ADDRESS`, `-` for a client that is not told, `…` for a header that is not complete, or what is wrong.
fn read(bytes: &[u8]) -> String {
    match parse(bytes) {
        Ok(ParsedHeader::Partial) => "…".to_owned(),
        Ok(ParsedHeader::Complete { client: ToldClient::Address(ip), .. }) => ip.to_string(),
        Ok(ParsedHeader::Complete { client: ToldClient::NotTold, .. }) => "-".to_owned(),
        Err(HeaderFault(fault)) => fault.to_owned(),
    }
}

/// A header is read alike with a request behind it and in every piece, and no piece of it is a header.
fn check(header: &[u8], expected: &str) {
    let shown = String::from_utf8_lossy(header);
    assert_eq!(read(header), expected, "{shown}");
    let followed = [header, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
    assert_eq!(read(&followed), expected, "{shown} and a request");
    if let Ok(ParsedHeader::Complete { length, .. }) = parse(header) {
        assert_eq!(length, header.len(), "{shown}");
        assert_eq!(parse(&followed), parse(header), "{shown}");
        for cut in 0..header.len() {
            assert_eq!(read(&header[..cut]), "…", "{shown} cut at {cut}");
        }
    }
}

const MALFORMED: &str = "a malformed line of the PROXY protocol";
const NONE: &str = "no header of the PROXY protocol";
const NOBODY: &str = "an address in the PROXY protocol that no client has";

#[test]
fn lines_of_version_1() {
    for (line, expected) in [
        ("PROXY TCP4 198.51.100.7 192.0.2.1 51000 443", "198.51.100.7"),
        ("PROXY TCP4 198.51.100.7 192.0.2.1 0 0", "198.51.100.7"),
        ("PROXY TCP4 255.255.255.254 255.255.255.255 65535 65535", "255.255.255.254"),
        ("PROXY TCP6 2001:db8::7 2001:db8::1 51000 443", "2001:db8::7"),
        ("PROXY TCP6 ::ffff:198.51.100.7 ::ffff:192.0.2.1 51000 443", "198.51.100.7"),
        ("PROXY TCP6 ::1 ::1 1 1", "::1"),
        ("PROXY TCP6 ffff:f00f:ffff:ffff:ffff:ffff:ffff:fff1 2001:db8::1 65535 65535", NOBODY),
        ("PROXY UNKNOWN", "-"),
        ("PROXY UNKNOWN 2001:db8::7 2001:db8::1 51000 443", "-"),
        ("PROXY UNKNOWN whatever  it says", "-"),
        ("PROXY UNKNOWN \t", MALFORMED),
        ("PROXY unknown", MALFORMED),
        ("PROXY ", MALFORMED),
        ("PROXY TCP4", MALFORMED),
        ("PROXY TCP 198.51.100.7 192.0.2.1 51000 443", MALFORMED),
        ("PROXY tcp4 198.51.100.7 192.0.2.1 51000 443", MALFORMED),
        ("PROXY UDP4 198.51.100.7 192.0.2.1 51000 443", MALFORMED),
        ("PROXY  TCP4 198.51.100.7 192.0.2.1 51000 443", MALFORMED),
        ("PROXY TCP4  198.51.100.7 192.0.2.1 51000 443", MALFORMED),
        ("PROXY TCP4 198.51.100.7 192.0.2.1 51000 443 ", MALFORMED),
        ("PROXY TCP4 198.51.100.7 192.0.2.1 51000", MALFORMED),
        ("PROXY TCP4 198.51.100.7 51000 443", MALFORMED),
        ("PROXY TCP4 198.51.100.7 192.0.2.1 51000 443 443", MALFORMED),
        ("PROXY TCP4 198.51.100.07 192.0.2.1 51000 443", MALFORMED),
        ("PROXY TCP4 198.51.100 192.0.2.1 51000 443", MALFORMED),
        ("PROXY TCP4 198.51.100.256 192.0.2.1 51000 443", MALFORMED),
        ("PROXY TCP4 0xc6336407 192.0.2.1 51000 443", MALFORMED),
        ("PROXY TCP4 198.51.100.7 192.0.2.1 051000 443", MALFORMED),
        ("PROXY TCP4 198.51.100.7 192.0.2.1 65536 443", MALFORMED),
        ("PROXY TCP4 198.51.100.7 192.0.2.1 +510 443", MALFORMED),
        ("PROXY TCP4 198.51.100.7 192.0.2.1 51000 ", MALFORMED),
        ("PROXY TCP4 2001:db8::7 2001:db8::1 51000 443", MALFORMED),
        ("PROXY TCP6 198.51.100.7 192.0.2.1 51000 443", MALFORMED),
        ("PROXY TCP6 [2001:db8::7] 2001:db8::1 51000 443", MALFORMED),
        ("PROXY TCP6 fe80::1%eth0 2001:db8::1 51000 443", MALFORMED),
        ("PROXY TCP4 198.51.100.7\t192.0.2.1 51000 443", MALFORMED),
        ("PROXY TCP4 0.0.0.0 192.0.2.1 51000 443", NOBODY),
        ("PROXY TCP4 255.255.255.255 192.0.2.1 51000 443", NOBODY),
        ("PROXY TCP4 224.0.0.1 192.0.2.1 51000 443", NOBODY),
        ("PROXY TCP6 :: 2001:db8::1 51000 443", NOBODY),
        ("proxy TCP4 198.51.100.7 192.0.2.1 51000 443", NONE),
        (" PROXY TCP4 198.51.100.7 192.0.2.1 51000 443", NONE),
        ("GET / HTTP/1.1", NONE),
    ] {
        check(format!("{line}\r\n").as_bytes(), expected);
    }
    let bare = "a line of the PROXY protocol that ends without CR";
    check(b"PROXY TCP4 198.51.100.7 192.0.2.1 51000 443\n", bare);
    check(b"PROXY UNKNOWN\nGET / HTTP/1.1\r\n", bare);
    // A CR that ends nothing is part of a word.
    check(b"PROXY TCP4 198.51.100.7 192.0.2.1 51000 443\r\r\n", MALFORMED);
    check(b"PROXY TCP4 198.51.100.7\0 192.0.2.1 51000 443\r\n", MALFORMED);
    check(b"PROXY TCP4 198.51.100.\xb2 192.0.2.1 51000 443\r\n", MALFORMED);
}

#[test]
fn a_line_has_107_bytes_at_most() {
    let line = |length: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(length - 16)).into_bytes();
    check(&line(V1_MAX), "-");
    let endless = "a line of the PROXY protocol without an end";
    assert_eq!(read(&line(V1_MAX + 1)), endless);
    assert_eq!(read(&line(V1_MAX + 1)[..V1_MAX - 1]), "…");
    assert_eq!(read(&line(V1_MAX + 1)[..V1_MAX]), endless);
}

/// A header of version 2: version and command, family and transport, and a block of addresses and extensions.
fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [V2_SIGNATURE.as_slice(), &[command, family], &length, block].concat()
}

fn v4(source: [u8; 4]) -> Vec<u8> {
    [source.as_slice(), &[192, 0, 2, 1], &51000u16.to_be_bytes(), &443u16.to_be_bytes()].concat()
}

fn v6(source: &str) -> Vec<u8> {
    let octets = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
    [octets(source).as_slice(), &octets("2001:db8::1"), &[0, 1, 0, 2]].concat()
}

#[test]
fn headers_of_version_2() {
    let four = v4([198, 51, 100, 7]);
    let extended = [four.as_slice(), b"\x04\x00\x02ab"].concat();
    // An extension that claims to be longer than the header.
    let lying = [four.as_slice(), b"\x02\xff\xffx"].concat();
    let short = "a header of the PROXY protocol too short for its addresses";
    let datagrams = "a header of the PROXY protocol for datagrams";
    let version = "a version or command of the PROXY protocol that there is not";
    let family = "a family of addresses of the PROXY protocol that there is not";
    let rows: &[(u8, u8, &[u8], &str)] = &[
        (0x21, 0x11, &four, "198.51.100.7"),
        (0x21, 0x11, &extended, "198.51.100.7"),
        (0x21, 0x11, &lying, "198.51.100.7"),
        (0x21, 0x21, &v6("2001:db8::7"), "2001:db8::7"),
        (0x21, 0x21, &v6("::ffff:198.51.100.7"), "198.51.100.7"),
        (0x21, 0x21, &v6("::"), NOBODY),
        (0x21, 0x21, &v6("ff02::1"), NOBODY),
        (0x21, 0x11, &v4([0; 4]), NOBODY),
        (0x21, 0x31, &[b'x'; 216], "-"),
        (0x21, 0x00, &[], "-"),
        (0x21, 0x00, b"anything", "-"),
        // LOCAL: the block is dropped, whatever it says.
        (0x20, 0x00, &[], "-"),
        (0x20, 0x11, &four, "-"),
        (0x20, 0x11, &[], "-"),
        (0x20, 0x22, &four, "-"),
        (0x20, 0x41, &four, "-"),
        (0x20, 0xff, b"anything", "-"),
        (0x21, 0x11, &four[..11], short),
        (0x21, 0x21, &four, short),
        (0x21, 0x31, &[b'x'; 215], short),
        (0x21, 0x12, &four, datagrams),
        (0x21, 0x22, &four, datagrams),
        (0x21, 0x32, &[b'x'; 216], datagrams),
        (0x21, 0x01, &four, family),
        (0x21, 0x10, &four, family),
        (0x21, 0x13, &four, family),
        (0x21, 0x41, &four, family),
        (0x22, 0x11, &four, version),
        (0x11, 0x11, &four, version),
        (0x31, 0x11, &four, version),
        (0x2f, 0x11, &four, version),
    ];
    for (command, kind, block, expected) in rows {
        check(&v2(*command, *kind, block), expected);
    }
    let mut other = v2(0x21, 0x11, &four);
    other[11] = b'\r';
    check(&other, NONE);
    // The four bytes of line ends that begin the signature are no request either.
    assert_eq!(read(b"\r\n\r\n"), "…");
    assert_eq!(read(b"\r\n\r\nGET"), NONE);
}

#[test]
fn a_header_has_4096_bytes_at_most() {
    let with = |length: usize| {
        let mut block = v4([198, 51, 100, 7]);
        block.resize(length - V2_FIXED, 0);
        v2(0x21, 0x11, &block)
    };
    assert_eq!(read(&with(V2_MAX)), "198.51.100.7");
    let large = with(V2_MAX + 1);
    // Its length is enough: no further byte is waited for.
    for received in [&large[..], &large[..V2_FIXED]] {
        assert_eq!(read(received), "a header of the PROXY protocol of more than 4096 bytes");
    }
}

#[test]
fn the_first_bytes_tell_a_header() {
    for (bytes, expected) in [
        (&b"PROXY TCP4"[..], true),
        (b"PROXY ", true),
        (b"PROXY", false),
        (b"PROXY\r", false),
        (V2_SIGNATURE, true),
        (&V2_SIGNATURE[..11], false),
        (b"GET / HTTP/1.1", false),
        (b"\x16\x03\x01", false),
        (b"", false),
    ] {
        assert_eq!(begins_header(bytes), expected, "{bytes:?}");
    }
}

proptest! {
    /// Whatever comes: no panic, and a header is never longer than its bound and than what came.
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), prefix in 0usize..4) {
        let start: &[u8] = [b"".as_slice(), b"PROXY TCP4 ", V2_SIGNATURE, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c"][prefix];
        let all = [start, &bytes].concat();
        if let Ok(ParsedHeader::Complete { length, client }) = parse(&all) {
            prop_assert!(length <= all.len() && length <= V2_MAX);
            prop_assert_eq!(parse(&all[..length]), Ok(ParsedHeader::Complete { length, client }));
        }
    }
}
