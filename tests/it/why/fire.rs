//! Refusals in numbers: asked about at once, from all sides, while the configuration is loaded anew.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{CLOSED, OPEN, Request, Response, Upstream, id, token};
use crate::harness::{Client, Gateway};

fn known(gateway: &Gateway, answer: &Response) -> bool {
    let about = Request::get(&format!("/api/v1/why?id={}", id(answer)));
    gateway.ask_admin_as_operator(about).status == 200
}

/// Whoever reads the answer may ask about it: there is no moment between.
#[test]
fn a_refusal_is_known_with_its_answer() {
    let app = Upstream::start();
    let limits = "body = { max = \"1KiB\" }\n";
    let gateway = Gateway::before(&app, &[CLOSED, limits].concat());
    app.kill();
    let bearer = token("bob");
    let late = format!(
        "POST /x HTTP/1.1\r\nHost: media.localhost\r\nAuthorization: Bearer {bearer}\r\n\
         Transfer-Encoding: chunked\r\n\r\n800\r\n{}\r\n0\r\n\r\n",
        "a".repeat(0x800)
    );
    for _ in 0..100 {
        for refused in [
            gateway.ask(&Request::get("/x")),
            gateway.ask(&Request::get("/x").host("other.localhost")),
            gateway.raw("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
            gateway.raw(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000))),
            gateway.ask(&Request::get("/x").bearer(&bearer)),
            gateway.raw(&late),
        ] {
            assert!(refused.status >= 400, "{refused:?}");
            assert!(known(&gateway, &refused), "{refused:?}");
        }
    }
}

/// Behind the permit too, where the answer is sent from a hook.
#[test]
fn a_body_that_turns_out_too_large_is_known_with_its_answer() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &[OPEN, "body = { max = \"1KiB\" }\n"].concat());
    let chunk = format!("800\r\n{}\r\n0\r\n\r\n", "a".repeat(0x800));
    for _ in 0..50 {
        let refused = gateway.raw(format!(
            "POST /x HTTP/1.1\r\nHost: media.localhost\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"
        ));
        assert_eq!(refused.code(), "body_too_large", "{refused:?}");
        assert!(known(&gateway, &refused), "{refused:?}");
    }
}

/// Nothing waits for anything else for ever: every refusal is answered, every question too, every reload works.
#[test]
fn questions_and_reloads_amid_a_flood_of_refusals() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CLOSED);
    let before = gateway.memory();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let floods: Vec<_> = (0..16).map(|_| scope.spawn(|| flood(&gateway))).collect();
        let asking: Vec<_> = (0..24).map(|_| scope.spawn(|| ask_until(&gateway, &over))).collect();
        for _ in 0..20 {
            gateway.signal("HUP");
            let asked = gateway.ask_admin_as_operator(Request::post("/api/v1/reload", ""));
            assert_eq!(asked.status, 200, "{asked:?}");
        }
        floods.into_iter().for_each(|flood| flood.join().unwrap());
        over.store(true, Ordering::Relaxed);
        asking.into_iter().for_each(|asking| assert!(asking.join().unwrap() > 0));
    });
    let last = gateway.ask(&Request::get("/last"));
    assert!(known(&gateway, &last));
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes");
}

fn flood(gateway: &Gateway) {
    for _ in 0..3 {
        let mut client: Client = gateway.client();
        for _ in 0..420 {
            assert_eq!(client.ask(&Request::get("/x")).status, 401);
        }
    }
}

/// Asks about a refusal of its own and about the newest, until it is over; returns how often.
fn ask_until(gateway: &Gateway, over: &AtomicBool) -> usize {
    let mut times = 0;
    while times == 0 || !over.load(Ordering::Relaxed) {
        let refused = gateway.ask(&Request::get("/mine"));
        let about = gateway.ask_admin_as_operator(Request::get(&format!("/api/v1/why?id={}", id(&refused))));
        // It may have been pushed out by ten thousand others, and by nothing else.
        assert!(matches!(about.status, 200 | 404), "{about:?}");
        assert_eq!(gateway.ask_admin_as_operator(Request::get("/api/v1/why")).status, 200);
        times += 1;
    }
    times
}
