#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::request::Field;

fn head<'a>(fields: &[(&'a str, &'a str)]) -> Head<'a> {
    Head {
        method: "GET",
        target: b"/ws",
        host: "app.localhost",
        version: Version::Http11,
        fields: fields.iter().map(|(name, value)| Field { name, value: value.as_bytes() }).collect(),
        framing: Framing::None,
        keep_alive: true,
        expects_continue: false,
        length: 0,
    }
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
    let check = |change: fn(&mut Head<'static>), expected: Result<Upgrade, Denial>| {
        let mut head = head(&HANDSHAKE);
        change(&mut head);
        assert_eq!(UpgradePolicy::Websocket.check(&head), expected, "{head:?}");
    };
    check(|_| (), Ok(Upgrade::Websocket));
    check(|head| head.method = "POST", Err(Denial::UpgradeRefused));
    check(|head| head.method = "HEAD", Err(Denial::UpgradeRefused));
    check(|head| head.version = Version::Http10, Err(Denial::UpgradeRefused));
    check(|head| head.version = Version::Http2, Err(Denial::UpgradeRefused));
    check(|head| head.framing = Framing::Length(1), Err(Denial::UpgradeRefused));
    check(|head| head.framing = Framing::Chunked, Err(Denial::UpgradeRefused));
}

#[test]
fn a_route_without_websockets_refuses_them_and_nothing_else() {
    assert_eq!(UpgradePolicy::Forbidden.check(&head(&HANDSHAKE)), Err(Denial::UpgradeRefused));
    assert_eq!(UpgradePolicy::Forbidden.check(&head(&[])), Ok(Upgrade::None));
    assert_eq!(UpgradePolicy::Forbidden.check(&head(&[("Upgrade", "websocket")])), Ok(Upgrade::None));
}
