//! The header of the PROXY protocol: no input panics, what follows a header changes nothing, no beginning of a header is
//! one, and a beginning of it is never refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stagedoor_core::proxy_protocol::{ParsedHeader, ToldClient, V2_MAX, parse};

fuzz_target!(|bytes: &[u8]| {
    let Ok(parsed) = parse(bytes) else { return };
    let ParsedHeader::Complete { length, client } = parsed else {
        assert!(bytes.len() < V2_MAX, "no header is longer");
        return;
    };
    assert!(length <= bytes.len() && length <= V2_MAX);
    assert_eq!(parse(&bytes[..length]), Ok(parsed));
    for cut in 0..length {
        assert_eq!(parse(&bytes[..cut]), Ok(ParsedHeader::Partial), "cut at {cut}");
    }
    match client {
        ToldClient::Address(ip) => {
            assert_eq!(ip, ip.to_canonical());
            assert!(!ip.is_unspecified() && !ip.is_multicast());
        }
        ToldClient::NotTold => {}
    }
});
