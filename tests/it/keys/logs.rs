//! What is written down, and where.

use super::{APP, two};
use crate::harness::{Gateway, Request, Upstream, poll_until};

/// Three reloads, of which the second brings the level, and one that fails: its line comes under every level.
#[test]
pub(super) fn level() {
    let app = Upstream::start();
    for (level, told) in [("info", 3), ("error", 1)] {
        let (gateway, _) = two(&app, "[log]\nlevel = \"info\"", "");
        let config = gateway.folder.read("stagedoor.toml");
        assert_eq!(gateway.reload(), "ok");
        gateway.wait_for_log("configuration reloaded");
        gateway.folder.configure(&config.replace("\"info\"", &format!("\"{level}\"")));
        assert_eq!(gateway.reload(), "ok");
        assert_eq!(gateway.reload(), "ok");
        gateway.folder.configure("nonsense = 1");
        assert_eq!(gateway.reload(), "failed");
        gateway.wait_for_log("configuration not reloaded");
        assert_eq!(gateway.log().matches("configuration reloaded").count(), told, "{level}");
    }
}

#[test]
pub(super) fn access() {
    let app = Upstream::start();
    let (stdout, file) =
        two(&app, "[log]\naccess = \"stdout\"", "[log]\naccess = { file = \"other.jsonl\" }");
    let written = |gateway: &Gateway, file: &str| {
        std::fs::read_to_string(gateway.folder.path().join(file)).unwrap_or_default()
    };
    for (gateway, in_file) in [(&stdout, false), (&file, true)] {
        let answer = gateway.ask(&Request::get("/x"));
        let id = answer.field("x-request-id");
        poll_until("the event", || {
            let text = if in_file { written(gateway, "other.jsonl") } else { gateway.everything_written() };
            text.contains(id).then_some(())
        });
        assert_eq!(gateway.everything_written().contains(id), !in_file);
        assert!(written(gateway, "access.jsonl").is_empty());
    }
}

#[test]
pub(super) fn redact_query() {
    let app = Upstream::start();
    let (usual, own) = two(&app, "", "[log]\nredact_query = [\"q\"]");
    let path = |gateway: &Gateway| {
        let answer = gateway.ask(&Request::get("/x?q=1234567&token=7654321"));
        gateway.event(&answer)["path"].as_str().unwrap().to_owned()
    };
    let (usual, own) = (path(&usual), path(&own));
    assert!(usual.contains("1234567") && !usual.contains("7654321"), "{usual}");
    assert!(!own.contains("1234567") && own.contains("7654321"), "{own}");
}

/// An app adds names of its own, its profile too; they are no other app's.
#[test]
pub(super) fn redact_query_of_an_app() {
    let app = Upstream::start();
    let second = APP.replace("app.media", "app.second").replace("media.localhost", "second.localhost");
    let own = "log.redact_query = [\"q\"]\nuse = \"navidrome\"\n";
    let config = format!("[log]\nlevel = \"debug\"\n{APP}{own}{second}").replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    let query =
        "q=V1aaaa&p=V2aaaa&t=V3aaaa&s=V4aaaa&jwt=V5aaaa&auth_token=V6aaaa&%6Awt=V7aaaa&token=V8aaaa&z=V9aaaa";
    for (host, told) in
        [("media.localhost", &["V9aaaa"][..]), ("second.localhost", &["V1", "V2", "V3", "V4", "V9"])]
    {
        // One that passes, and one that is refused and remembered.
        for path in ["/x", "/%2e%2e/x"] {
            let answer = gateway.ask(&Request::get(&format!("{path}?{query}")).host(host));
            let event = gateway.event(&answer)["path"].as_str().unwrap().to_owned();
            let values = (1..=9).map(|n| format!("V{n}aaaa"));
            let seen: Vec<String> = values.filter(|value| event.contains(value)).collect();
            assert!(seen.iter().zip(told).all(|(seen, told)| seen.starts_with(told)), "{host}: {event}");
            assert_eq!(seen.len(), told.len(), "{host}: {event}");
            let why = format!("/api/v1/why?id={}", answer.field("x-request-id"));
            let why = gateway.ask_admin_as_operator(Request::get(&why)).text();
            assert_eq!(why.contains("V2aaaa"), answer.status == 400 && told.len() > 1, "{why}");
        }
    }
    // Of a host that is nobody's it is not known whose the names are: all are kept out.
    let lost = gateway.ask(&Request::get(&format!("/x?{query}")).host("other.localhost"));
    let event = gateway.event(&lost)["path"].as_str().unwrap().to_owned();
    assert!(!event.contains("V2aaaa") && event.contains("V9aaaa"), "{event}");
}

/// Whatever the level: credentials that browsers and clients send are in no line.
#[test]
fn basic_credentials_and_cookies_are_never_written() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        exchange.reply("200 OK", &["Set-Cookie: sid=C00kie5; HttpOnly"], "ok")
    });
    // `alice:S3cret1` and `proxy:S3cret2`
    let (basic, proxied) = ("Basic YWxpY2U6UzNjcmV0MQ==", "Basic cHJveHk6UzNjcmV0Mg==");
    for (level, format) in [("trace", "json"), ("debug", "text"), ("info", "json")] {
        let config = format!(
            "[log]\nlevel = \"{level}\"\nformat = \"{format}\"\n{APP}[[app.media.route]]\nmatch = \"* /shut\"\nbody.max = \"1B\"\n"
        );
        let config = config.replace("UPSTREAM", &app.url());
        let gateway = Gateway::start(&config);
        let mut ids = Vec::new();
        for request in [
            Request::get("/x"),
            Request::post("/shut", "too much"),
            Request::get("/%2e%2e/x"),
            Request::get("/x").host("other.localhost"),
            Request::new("bad method", "/x"),
            Request::get("http://alice:S3cret3@media.localhost/x"),
            Request::get("/x")
                .field("Sec-WebSocket-Version", "13")
                .field("Connection", "upgrade")
                .field("Upgrade", "websocket"),
        ] {
            let request = request
                .field("Authorization", basic)
                .field("Proxy-Authorization", proxied)
                .field("Cookie", "sid=C00kie1; stagedoor=C00kie2")
                .field("X-Stagedoor-Token", "T0ken4")
                .field("Origin", "http://alice:S3cret5@media.localhost");
            let answer = gateway.ask(&request);
            ids.push(answer.field("x-request-id").to_owned());
        }
        gateway.folder.configure(&format!("nonsense = 1\n{config}"));
        assert_eq!(gateway.reload(), "failed");
        poll_until("the last event", || {
            ids.iter().all(|id| gateway.everything_written().contains(id)).then_some(())
        });
        let written = gateway.everything_written();
        for secret in ["YWxpY2U6", "cHJveHk6", "S3cret", "C00kie", "T0ken"] {
            let line = written.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{level}: {secret}");
        }
    }
}

#[test]
pub(super) fn rotation() {
    let app = Upstream::start();
    let gateway = |max_size: &str, keep: usize| {
        let access = format!("{{ file = \"logs/a.jsonl\", max_size = \"{max_size}\", keep = {keep} }}");
        let folder = crate::harness::Folder::new(
            &format!("[log]\naccess = {access}\n{APP}").replace("UPSTREAM", &app.url()),
        );
        folder.write("logs/.here", "");
        Gateway::start_in(folder)
    };
    // The file that is being written counts too.
    for (max_size, keep, files) in [("1KiB", 1, 2), ("1KiB", 3, 4), ("1MiB", 3, 1)] {
        let gateway = gateway(max_size, keep);
        let count = || {
            let names = std::fs::read_dir(gateway.folder.path().join("logs")).unwrap();
            names
                .filter(|name| !name.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'))
                .count()
        };
        let ask = || {
            let answer = gateway.ask(&Request::get(&format!("/{}", "x".repeat(200))));
            assert_eq!(answer.status, 200);
            answer.field("x-request-id").to_owned()
        };
        poll_until("as many files", || {
            ask();
            (count() == files).then_some(())
        });
        let last = (0..30).fold(String::new(), |_, _| ask());
        // Events of two workers may change places, so it may have moved on to an older file.
        let logs = gateway.folder.path().join("logs");
        let written = || {
            std::fs::read_dir(&logs)
                .unwrap()
                .filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok())
                .any(|text| text.contains(&last))
        };
        poll_until("the last event", || written().then_some(()));
        assert_eq!(count(), files, "{max_size}, {keep}");
    }
}
