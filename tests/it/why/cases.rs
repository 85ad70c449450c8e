//! Refusals of many kinds: each names its line, and passes once the proposed one is pasted.

use super::{CLOSED, OPEN, case, paste, why};
use crate::harness::{Folder, Gateway, Request, Token, Upstream, token};

#[test]
fn an_unknown_host() {
    let case = case(&[OPEN], "unknown_host", "host and path", "hosts ");
    case.check(|gateway| gateway.ask(&Request::get("/x").host("Other.localhost:8080")));
}

#[test]
fn an_unknown_host_that_a_proxy_tells() {
    let server = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\nforwarded = [\"for\", \"host\"]\n";
    let case = case(&[server, OPEN], "unknown_host", "host and path", "hosts ");
    case.check(|gateway| gateway.ask(&Request::get("/x").field("X-Forwarded-Host", "films.example")));
}

#[test]
fn a_path_that_is_not_listed() {
    let case = case(&[OPEN, "unlisted = \"deny\"\n"], "not_found", "route", "unlisted");
    case.check(|gateway| gateway.ask(&Request::get("/films/{1}/a%20b?token=x")));
}

#[test]
fn a_method_that_is_not_listed() {
    let routes = "unlisted = \"deny\"\n[[app.media.route]]\nmatch = \"GET /films/{id}\"\n";
    let case = case(&[OPEN, routes], "method_not_allowed", "route", "unlisted");
    case.check(|gateway| gateway.ask(&Request::new("DELETE", "/films/7")));
}

#[test]
fn a_slash_more_than_the_route_has() {
    let route = "[[app.media.route]]\nmatch = \"GET /items\"\nauth = \"public\"\n";
    let case = case(&[CLOSED, route], "ambiguous_path", "route", "match");
    case.check(|gateway| gateway.ask(&Request::get("/items/")));
}

#[test]
fn no_token_on_a_path_without_a_route() {
    let case = case(&[CLOSED], "token_missing", "identity", "auth  ");
    case.check(|gateway| gateway.ask(&Request::get("/posters/7.jpg")));
}

#[test]
fn no_token_on_a_route() {
    let route = "[[app.media.route]]\nmatch = [\"GET /a\", \"GET /b\"]\nauth = \"required\"\n";
    let case = case(&[OPEN, route], "token_missing", "identity", "auth = \"required\"");
    case.check(|gateway| gateway.ask(&Request::get("/b")));
}

#[test]
fn a_role_that_is_missing() {
    let route = "[[app.media.route]]\nmatch = \"* /admin/{*rest}\"\nroles = [\n  \"admin\",\n  # and nobody else\n]\n";
    let case = case(&[CLOSED, route], "forbidden", "permission", "roles");
    let token = Token::of("bob").roles(&["helper", "user"]).sign();
    case.check(|gateway| gateway.ask(&Request::get("/admin/users").bearer(&token)));
}

#[test]
fn what_belongs_to_another() {
    let route = "[[app.media.route]]\nmatch = \"GET /users/{user}/list\"\nowner = { param = \"user\" }\n";
    let case = case(&[CLOSED, route], "not_owner", "permission", "owner");
    let token = Token::of("bob").roles(&["curator"]).sign();
    case.check(|gateway| gateway.ask(&Request::get("/users/eve/list").bearer(&token)));
}

#[test]
fn a_page_of_another_origin() {
    let cors = "[app.media.origin]\ncheck = \"cookies\"\n";
    let case = case(&[OPEN, cors], "cross_origin", "origin", "check");
    let request = Request::post("/x", "a").field("Cookie", "s=1").field("Origin", "https://pages.example");
    case.check(|gateway| gateway.ask(&request));
}

#[test]
fn a_websocket_where_none_is_allowed() {
    let route = "websocket = false\n[[app.media.route]]\nmatch = \"GET /live\"\n";
    let case = case(&[OPEN, route], "upgrade_refused", "upgrade", "websocket");
    let request = Request::get("/live")
        .field("Connection", "Upgrade")
        .field("Upgrade", "websocket")
        .field("Sec-WebSocket-Version", "13")
        .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    case.check(|gateway| gateway.ask(&request));
}

#[test]
fn a_body_that_says_it_is_too_large() {
    let case = case(&[OPEN, "body = { max = \"1KiB\" } # small\n"], "body_too_large", "body size", "body");
    case.check(|gateway| gateway.ask(&Request::post("/x", vec![b'a'; 5000])));
}

#[test]
fn a_body_that_turns_out_too_large() {
    let route = "[[app.media.route]]\nmatch = \"POST /upload\"\nbody.max = \"1MiB\"\n";
    let case = case(&[OPEN, route], "body_too_large", "body", "body.max");
    case.check(|gateway| {
        let mut client = gateway.client();
        let head = "POST /upload HTTP/1.1\r\nHost: media.localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
        client.send(head);
        let chunk = [b"10000\r\n".as_slice(), &[b'a'; 65_536], b"\r\n"].concat();
        for _ in 0..20 {
            if client.try_send(&chunk).is_err() {
                break;
            }
        }
        let _ = client.try_send("0\r\n\r\n");
        client.answer()
    });
}

#[test]
fn an_app_limit_that_is_used_up() {
    let limits = "limit.ip = [\n  \"100/min\", # much\n  \"1/hour\",  # little\n]\n";
    let case = case(&[OPEN, limits], "rate_limited", "app limits", "limit.ip");
    case.check(|gateway| gateway.ask(&Request::get("/x")));
}

#[test]
fn a_route_limit_of_one_user_that_is_used_up() {
    let limits = "limit.user = [\"50/min\"]\n[[app.media.route]]\nmatch = \"GET /search\"\nlimit = { user = \"2/hour\" }\n";
    let case = case(&[CLOSED, limits], "rate_limited", "caller limits", "limit = ");
    case.check(|gateway| gateway.ask(&Request::get("/search?q=x").bearer(&token("bob"))));
}

#[test]
fn a_limit_that_routes_share() {
    let limits = "[[app.media.route]]\nmatch = \"GET /a\"\nlimit.ip = [\"2/hour\"]\nbucket = \"shared\"\n\
                  [[app.media.route]]\nmatch = \"GET /b\"\nbucket = \"shared\"\n";
    let case = case(&[OPEN, limits], "rate_limited", "route limits", "limit.ip");
    case.check(|gateway| gateway.ask(&Request::get("/b")));
}

#[test]
fn an_address_that_is_not_allowed() {
    let access = "access = { allow = [\"192.0.2.0/24\"] }\n";
    let case = case(&[OPEN, access], "address_refused", "address", "access");
    case.check(|gateway| gateway.ask(&Request::get("/x")));
}

#[test]
fn an_address_that_is_denied() {
    let access = "[app.media.access]\ndeny = [\"192.0.2.7\", \"127.0.0.0/8\", \"192.0.2.8\"]\n";
    let case = case(&[OPEN, access], "address_refused", "address", "deny");
    case.check(|gateway| gateway.ask(&Request::get("/x")));
}

#[test]
fn an_address_of_a_page_that_is_too_long() {
    let server = "[server.limits]\nuri_bytes = \"256B\"\n";
    let case = case(&[OPEN, server], "uri_too_long", "framing", "uri_bytes");
    case.check(|gateway| gateway.ask(&Request::get(&format!("/{}", "a".repeat(400)))));
}

#[test]
fn an_address_longer_than_the_default() {
    let case = case(&[OPEN], "uri_too_long", "framing", "");
    case.check(|gateway| gateway.ask(&Request::get(&format!("/{}", "a".repeat(9000)))));
}

#[test]
fn a_head_with_too_many_fields() {
    let server = "[server.limits]\nheader_count = 8\n";
    let case = case(&[OPEN, server], "headers_too_large", "framing", "header_count");
    let many = |request: Request, n: usize| request.field(&format!("X-{n}"), "a");
    case.check(|gateway| gateway.ask(&(0..12).fold(Request::get("/x"), many)));
}

#[test]
fn a_head_with_too_many_bytes() {
    let server = "[server.limits]\nheader_bytes = \"4KiB\"\n";
    let case = case(&[OPEN, server], "headers_too_large", "framing", "header_bytes");
    case.check(|gateway| gateway.ask(&Request::get("/x").field("X-Large", "a".repeat(5000))));
}

#[test]
fn an_encoded_slash() {
    let route = "[[app.media.route]]\nmatch = \"GET /files/{name}\"\n";
    let case = case(&[OPEN, route], "ambiguous_path", "route", "");
    case.check(|gateway| {
        assert_eq!(gateway.ask(&Request::get("/other%2Fpath")).status, 400, "that of no route stays shut");
        gateway.ask(&Request::get("/files/a%2Fb"))
    });
}

#[test]
fn an_encoded_slash_that_a_route_forbids() {
    let route = "encoded_slash = true\n[[app.media.route]]\nmatch = \"GET /files/{name}\"\nencoded_slash = false # here\n";
    let case = case(&[OPEN, route], "ambiguous_path", "route", "encoded_slash = false");
    case.check(|gateway| gateway.ask(&Request::get("/files/a%2Fb")));
}

/// What opens a HEAD does not open the GET of the same path.
#[test]
fn a_head_alone() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &[OPEN, "unlisted = \"deny\"\n"].concat());
    let ask = |method: &str| gateway.ask(&Request::new(method, "/films/7"));
    let refused = ask("HEAD");
    assert_eq!((refused.status, ask("GET").status), (404, 404));
    let told = why(&gateway, &refused);
    let remedy = &told["remedy"];
    assert!(remedy["advice"].as_str().unwrap().contains("`HEAD /films/7`"), "{told:#}");
    paste(&gateway, &remedy["change"]);
    assert_eq!(gateway.reload(), "ok", "{told:#}");
    assert_eq!((ask("HEAD").status, ask("GET").status), (200, 405), "{told:#}");
}

#[test]
fn another_case_of_a_listed_path() {
    let route = "case = \"fold\"\n[[app.media.route]]\nmatch = \"GET /Admin\"\nlimit.ip = \"9/s\"\n";
    let case = case(&[OPEN, route], "ambiguous_path", "route", "case");
    case.check(|gateway| gateway.ask(&Request::get("/admin")));
}

#[test]
fn the_right_file_and_app_among_several() {
    let app = Upstream::start();
    let included = |name: &str| {
        format!(
            "[app]\n{name} = {{ hosts = [\"{name}.localhost\"], upstream = \"UPSTREAM\", auth = \"public\", \
             websocket = true, body = {{ max = \"1KiB\" }} }}\n"
        )
        .replace("UPSTREAM", &app.url())
    };
    let folder =
        Folder::new(&format!("include = [\"apps/*.toml\"]\n{}", OPEN.replace("UPSTREAM", &app.url())));
    folder.write("apps/films.toml", &included("films"));
    folder.write("apps/music.toml", &included("music"));
    let gateway = Gateway::start_in(folder);
    let ask = || gateway.ask(&Request::post("/x", vec![b'a'; 3000]).host("music.localhost"));
    let told = why(&gateway, &ask());
    assert!(told["file"].as_str().unwrap().ends_with("apps/music.toml"), "{told:#}");
    assert_eq!(told["line"], 2);
    assert_eq!(told["key"], "body.max");
    paste(&gateway, &told["remedy"]["change"]);
    assert_eq!(gateway.reload(), "ok", "{}", gateway.folder.read("apps/music.toml"));
    assert_eq!(ask().status, 200);
    let other = gateway.ask(&Request::post("/x", vec![b'a'; 3000]).host("films.localhost"));
    assert_eq!(other.status, 413, "the other app is as it was");
}

/// The line stands in the profile, which is no file: what is proposed goes into the app's own.
#[test]
fn what_a_profile_refuses_is_mended_in_the_apps_own_file() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &[CLOSED, "use = \"sonarr\"\n"].concat());
    let ask = |request: Request| gateway.ask(&request.field("X-Stagedoor-Token", token("bob")));
    let handshake = Request::get("/live")
        .field("Connection", "Upgrade")
        .field("Upgrade", "websocket")
        .field("Sec-WebSocket-Version", "13")
        .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let refused = ask(handshake.clone());
    assert_eq!(refused.code(), "upgrade_refused");
    let told = why(&gateway, &refused);
    assert!(told["file"].as_str().unwrap().starts_with("profile sonarr"), "{told:#}");
    assert!(told["remedy"]["change"]["file"].as_str().unwrap().ends_with("stagedoor.toml"), "{told:#}");
    paste(&gateway, &told["remedy"]["change"]);
    assert_eq!(gateway.reload(), "ok", "{told:#}");
    assert_eq!(ask(handshake).status, 200);
    let upload = "/api/v3/system/backup/restore/upload";
    let large = Request::new("POST", upload).field("Content-Length", (600 << 20).to_string());
    let told = why(&gateway, &ask(large));
    let text = told["remedy"]["change"]["text"].as_str().unwrap();
    assert!(text.contains("auth = \"required\"\nbody.max = \"600MiB\""), "{told:#}");
}
