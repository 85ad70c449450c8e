#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::request::heads;

fn head<'a>(fields: &[(&'a str, &'a str)]) -> Head<'a> {
    heads::get(b"/ws", "app.localhost", fields.iter().map(|(name, value)| (*name, value.as_bytes())))
}

const HANDSHAKE: [(&str, &str); 2] = [("Connection", "Upgrade"), ("Upgrade", "websocket")];

#[test]
fn only_one_websocket_leaves_http() {
    let check = |fields: &[(&str, &str)], expected: Result<Upgrade, Denial>| {
        assert_eq!(UpgradePolicy::Websocket.check(&head(fields)), expected, "{fields:?}");
    };
    check(&[], Ok(Upgrade::None));
    check(&HANDSHAKE, Ok(Upgrade::Websocket));
    check(&[("connection", "keep-alive, UPGRADE"), ("upgrade", "WebSocket")], Ok(Upgrade::Websocket));
    // What `Connection` does not name is no request to upgrade.
    check(&[("Upgrade", "websocket")], Ok(Upgrade::None));
    check(&[("Connection", "keep-alive"), ("Upgrade", "h2c")], Ok(Upgrade::None));
    check(&[("Connection", "upgrade")], Ok(Upgrade::None));
    let refused = Err(Denial::UpgradeRefused);
    check(&[("Connection", "Upgrade"), ("Upgrade", "h2c")], refused.clone());
    check(&[("Connection", "Upgrade"), ("Upgrade", "")], refused.clone());
    check(&[("Connection", "Upgrade"), ("Upgrade", "websocket, h2c")], refused.clone());
    check(&[("Connection", "Upgrade"), ("Upgrade", "websocket/13")], refused.clone());
    check(&[("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Upgrade", "h2c")], refused.clone());
    check(&[("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Upgrade", "websocket")], refused);
}

#[test]
fn a_handshake_is_a_get_without_a_body_on_http_1_1() {
    let check =
        |method, version, body: Option<(&'static str, &'static str)>, expected: Result<Upgrade, Denial>| {
            let fields = HANDSHAKE.into_iter().chain(body).map(|(name, value)| (name, value.as_bytes()));
            let head = heads::build((method, b"/ws", version), "app.localhost", fields).unwrap();
            assert_eq!(UpgradePolicy::Websocket.check(&head), expected, "{head:?}");
        };
    let refused = || Err(Denial::UpgradeRefused);
    check("GET", Version::Http11, None, Ok(Upgrade::Websocket));
    check("POST", Version::Http11, None, refused());
    check("HEAD", Version::Http11, None, refused());
    check("GET", Version::Http10, None, refused());
    check("GET", Version::Http2, None, refused());
    check("GET", Version::Http11, Some(("Content-Length", "1")), refused());
    check("GET", Version::Http11, Some(("Transfer-Encoding", "chunked")), refused());
}

#[test]
fn a_route_without_websockets_refuses_them_and_nothing_else() {
    assert_eq!(UpgradePolicy::Forbidden.check(&head(&HANDSHAKE)), Err(Denial::UpgradeRefused));
    assert_eq!(UpgradePolicy::Forbidden.check(&head(&[])), Ok(Upgrade::None));
    assert_eq!(UpgradePolicy::Forbidden.check(&head(&[("Upgrade", "websocket")])), Ok(Upgrade::None));
}
