//! Apps by name: every address of it is one of the app's.

use std::net::ToSocketAddrs as _;

use super::patient;
use crate::harness::{Gateway, Request, Upstream, default_answer, poll_until};

/// `localhost` has two addresses on most machines, and a program often listens at one of them.
#[test]
fn an_app_is_found_at_whichever_address_of_its_name_it_listens() {
    for address in ("localhost", 0).to_socket_addrs().unwrap() {
        let app = Upstream::on(address, default_answer);
        let named = format!("http://localhost:{}", app.address.port());
        let gateway = patient(&app, "", "retries = 0");
        let text = std::fs::read_to_string(gateway.folder.config_path()).unwrap();
        let gateway = Gateway::start(&text.replace(&app.url(), &named));
        for request in [Request::get("/x"), Request::post("/x", "abc"), Request::get("/x")] {
            assert_eq!(gateway.ask(&request).status, 200, "{address}: {request:?}");
        }
        let address = app.kill();
        // A connection that is idle when the app goes may be used once more before its end has been noticed.
        let answer = poll_until("a request that opens a connection", || {
            let answer = gateway.ask(&Request::get("/x"));
            (gateway.event(&answer)["upstream_error"] == "refused").then_some(answer)
        });
        super::assert_failed(&gateway, &answer, 502, "refused");
        let _app = Upstream::on(address, default_answer);
        assert_eq!(gateway.ask(&Request::get("/x")).status, 200, "{address}");
    }
}
