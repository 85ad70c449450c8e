//! Host and path: no input panics, what is accepted is kept byte for byte but for a dot at the end of the host, and no
//! reading of an accepted path holds a dot segment.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stagedoor_core::guard::target::{HostTable, PathPolicy};
use stagedoor_core::head::HeadLimits;
use stagedoor_core::request::{Http2Request, Scheme, SchemeRule, http2_head};

const LIMITS: HeadLimits = HeadLimits { bytes: 1 << 16, count: 100, uri: 1 << 16 };

fuzz_target!(|input: (&str, &[u8])| {
    let (name, raw) = input;
    let entries = [("a.example".to_owned(), 0), ("*.example".to_owned(), 1), (name.to_owned(), 2)];
    let _ = HostTable::build(&entries);
    let Ok(hosts) = HostTable::build(&entries[..2]) else { panic!("the table") };
    if let Ok(found) = hosts.find(name) {
        assert!(found.name().len() + 1 >= name.len() && name.starts_with(found.name().split(':').next().unwrap_or("")));
    }

    // What no head can hold, no guard is asked about.
    let request = Http2Request {
        method: "GET",
        scheme: "http",
        authority: Some("a.example"),
        path: raw,
        end_stream: true,
        protocol: None,
        websocket_key: "",
    };
    let Ok(head) = http2_head(&request, [], &LIMITS, Scheme::Http, SchemeRule::OfConnection) else { return };
    let Ok(host) = hosts.find(head.host()) else { panic!("the host") };
    let Ok(target) = PathPolicy::default().normalise(&head, host) else { return };
    assert_eq!(target.raw(), head.target());
    let segments = target.raw_path().split(|b| *b == b'/').count() - 1;
    for at in 0..segments {
        // A segment that is not UTF-8 is read by nobody.
        let Some(segment) = target.param(at) else { continue };
        let read = segment.split([';', '/']).next().unwrap_or_default();
        assert!(read != "." && read != "..", "{segment}");
        assert!(!segment.contains(|c: char| c.is_ascii_control() || c == '\\'));
        assert!(!target.segment_is_plain(at) || !segment.contains([';', '/']));
    }
    assert!(target.param(segments).is_none());
});
