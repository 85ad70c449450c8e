//! The host of a request against the server name of its connection.

use std::sync::Arc;

use super::{Wish, connect, folder};
use crate::harness::{Authority, Gateway, HOST, Request, Upstream, client_config};

#[test]
fn a_connection_carries_requests_for_the_hosts_of_its_certificate_alone() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let pairs = [authority.issue(&[HOST, "*.wild.localhost"]), authority.issue(&["films.localhost"])];
    let gateway = Gateway::start_in(folder(&app, &pairs.each_ref(), &Wish::default()));
    let mut nameless = client_config(&authority);
    nameless.enable_sni = false;
    let (named, nameless) = (Arc::new(client_config(&authority)), Arc::new(nameless));
    for (name, config, host, status, code) in [
        (HOST, &named, HOST, 200, ""),
        (HOST, &named, "a.wild.localhost", 200, ""),
        (HOST, &named, "films.localhost", 421, "misdirected"),
        ("films.localhost", &named, "films.localhost:8443", 200, ""),
        ("films.localhost", &named, HOST, 421, "misdirected"),
        // A client that names no server may ask for any host.
        (HOST, &nameless, "films.localhost", 200, ""),
        // The host is judged first.
        (HOST, &named, "nobody.localhost", 421, "unknown_host"),
    ] {
        app.forget();
        let mut client = connect(&gateway, name, config);
        let answer = client.ask(&Request::get("/x").host(host));
        assert_eq!((answer.status, answer.field("x-stagedoor-code")), (status, code), "{name} {host}");
        assert_eq!(app.seen().len(), usize::from(status == 200), "{name} {host}");
        // The connection goes on: only this host was wrong on it.
        assert_eq!(client.ask(&Request::get("/y").host(name)).status, 200, "{name} {host}");
    }
}

/// A proxy reaches the gateway under a name of its own and tells the host of its client.
#[test]
fn the_host_that_a_trusted_proxy_tells_need_not_be_that_of_the_connection() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let server = "trusted_proxies = [\"127.0.0.1\"]\nforwarded = [\"for\", \"proto\", \"host\"]";
    let gateway =
        Gateway::start_in(folder(&app, &[&authority.issue(&[HOST])], &Wish { server, ..Wish::default() }));
    let config = Arc::new(client_config(&authority));
    let request = Request::get("/x").field("X-Forwarded-Host", "films.localhost");
    assert_eq!(connect(&gateway, HOST, &config).ask(&request).status, 200);
    assert_eq!(app.last().fields.sole("x-forwarded-host"), Some("films.localhost"));
}
