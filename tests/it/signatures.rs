//! Signed requests, as a service signs them and as somebody else may send them.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{digest, hmac};

use crate::harness::{Command, Folder, Gateway, Http2, Request, Response, SECRET, Upstream};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
body.max = "8MiB"

[[app.media.route]]
match     = "* /hook/{*rest}"
signature = { secret = { file = "webhook_secret" }, previous = { file = "secret" }, header = "X-Hub-Signature-256", within = "5m" }
"#;

const WEBHOOK: &str = "Vw3n8yLwJd5sKf1hPcUeWaM4ZiQxO6Eq7XG2mTzT9v0b";

fn before(app: &Upstream) -> Gateway {
    let folder = Folder::new(&CONFIG.replace("UPSTREAM", &app.url()));
    folder.write_private("webhook_secret", WEBHOOK);
    Gateway::start_in(folder)
}

/// Seconds since 1970, so many from now, with a fraction: the gateway may have started within this second.
fn seconds(from_now: f64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    format!("{:.3}", now + from_now)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signature(secret: &str, method: &str, target: &str, time: &str, body: &[u8]) -> String {
    let body = hex(digest::digest(&digest::SHA256, body).as_ref());
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex(hmac::sign(&key, format!("{method}\n{target}\n{time}\n{body}").as_bytes()).as_ref())
}

/// A request that was signed at `time`.
fn signed(secret: &str, target: &str, time: &str, body: &[u8]) -> Request {
    let mac = signature(secret, "POST", target, time, body);
    Request::post(target, body)
        .field("X-Hub-Signature-256", format!("sha256={mac}"))
        .field("X-Timestamp", time)
}

fn of(answer: &Response) -> (u16, String) {
    (answer.status, answer.code())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn a_signed_request_passes_once_and_no_other_reaches_the_app() {
    let app = Upstream::start();
    let gateway = before(&app);
    let time = seconds(0.0);
    let body = br#"{"ref":"refs/heads/main"}"#;
    let good = signed(WEBHOOK, "/hook/deploy?x=1", &time, body);
    for (request, code) in [
        (Request::post("/hook/deploy", body), "signature_missing"),
        (Request::get("/hook/deploy"), "signature_missing"),
        (good.clone().body("{}"), "signature_invalid"),
        (signed("another secret that is long enough", "/hook/deploy", &time, body), "signature_invalid"),
        (signed(WEBHOOK, "/hook/deploy", &seconds(-301.0), body), "signature_expired"),
        (signed(WEBHOOK, "/hook/deploy", &seconds(60.0), body), "signature_expired"),
    ] {
        assert_eq!(of(&gateway.ask(&request)), refused(403, code), "{request:?}");
    }
    assert!(app.seen().is_empty(), "nothing unsigned reaches the app");
    assert_eq!(gateway.ask(&good).status, 200);
    assert_eq!(app.sole().body_length, body.len() as u64);
    assert_eq!(of(&gateway.ask(&good)), refused(403, "signature_replayed"));
    // Another secret of the route, while senders change over.
    assert_eq!(gateway.ask(&signed(SECRET, "/hook/deploy", &time, body)).status, 200);
    // The app's other paths need none.
    assert_eq!(gateway.ask(&Request::post("/x", body)).status, 200);
    assert!(!gateway.everything_written().contains(WEBHOOK));
}

#[test]
fn what_is_wrong_with_a_signature_is_told_whatever_the_protocol() {
    let app = Upstream::start();
    let config = CONFIG.replace("UPSTREAM", &app.url());
    let folder = Folder::new(&format!("[server]\nh2c = [\"127.0.0.1:0\"]\n{config}"));
    folder.write_private("webhook_secret", WEBHOOK);
    let gateway = Gateway::start_in(folder);
    let mut client = Http2::connect(gateway.address);
    let good = signed(WEBHOOK, "/hook/h2", &seconds(0.0), b"hello");
    let changed = client.ask(&good.clone().body("hell0"));
    assert_eq!(of(&changed), refused(403, "signature_invalid"));
    let told =
        Command::new(&gateway.folder, &["why", "--config", "stagedoor.toml", changed.field("x-request-id")])
            .run();
    assert!(told.stdout.contains("deny  signature"), "{told:?}");
    assert!(app.seen().is_empty());
    assert_eq!(client.ask(&good).status, 200);
    assert_eq!(of(&client.ask(&good)), refused(403, "signature_replayed"));
    // A GET with a body is signed with it.
    let mac = signature(WEBHOOK, "GET", "/hook/get", "1790000000", b"hello");
    let old = Request::get("/hook/get").body("hello").field("X-Hub-Signature-256", mac);
    assert_eq!(of(&gateway.ask(&old.field("X-Timestamp", "1790000000"))), refused(403, "signature_expired"));
    let time = seconds(0.0);
    let mac = signature(WEBHOOK, "GET", "/hook/get", &time, b"hello");
    let get = |body| Request::get("/hook/get").body(body).field("X-Hub-Signature-256", mac.as_str());
    assert_eq!(
        of(&gateway.ask(&get("hell0").field("X-Timestamp", time.as_str()))),
        refused(403, "signature_invalid")
    );
    assert_eq!(gateway.ask(&get("hello").field("X-Timestamp", time.as_str())).status, 200);
    assert_eq!(app.seen().len(), 2);
}

#[test]
fn a_body_in_chunks_is_judged_as_a_whole_and_bounded() {
    let app = Upstream::start();
    let gateway = before(&app);
    let time = seconds(0.0);
    let chunked = |mac: &str, chunks: &[&str]| {
        let mut text = format!(
            "POST /hook/c HTTP/1.1\r\nHost: media.localhost\r\nTransfer-Encoding: chunked\r\nX-Timestamp: {time}\r\n\
             X-Hub-Signature-256: {mac}\r\n\r\n"
        );
        for chunk in chunks.iter().chain(&[""]) {
            text += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
        }
        text
    };
    let mac = signature(WEBHOOK, "POST", "/hook/c", &time, b"hello");
    assert_eq!(of(&gateway.raw(chunked(&mac, &["hel", "l0"]))), refused(403, "signature_invalid"));
    assert_eq!(of(&gateway.raw(chunked(&mac, &[]))), refused(403, "signature_invalid"));
    assert!(app.seen().is_empty());
    assert_eq!(gateway.raw(chunked(&mac, &["hel", "lo"])).status, 200);
    let empty = signature(WEBHOOK, "POST", "/hook/c", &time, b"");
    assert_eq!(gateway.raw(chunked(&empty, &[])).status, 200);
    let most = vec![b'x'; 1 << 20];
    assert_eq!(gateway.ask(&signed(WEBHOOK, "/hook/big", &time, &most)).status, 200);
    let more = vec![b'x'; (1 << 20) + 1];
    assert_eq!(of(&gateway.ask(&signed(WEBHOOK, "/hook/big", &time, &more))), refused(413, "body_too_large"));
    let block = "x".repeat(1 << 19);
    let many = chunked(&mac, &[&block, &block, "x"]);
    assert_eq!(of(&gateway.raw(many)), refused(413, "body_too_large"));
    assert_eq!(app.seen().len(), 3);
}

#[test]
fn what_was_accepted_is_known_after_a_reload_and_refused_after_a_restart() {
    let app = Upstream::start();
    let gateway = before(&app);
    let request = signed(WEBHOOK, "/hook/deploy", &seconds(0.0), b"x");
    assert_eq!(gateway.ask(&request).status, 200);
    assert_eq!(gateway.reload(), "ok");
    assert_eq!(of(&gateway.ask(&request)), refused(403, "signature_replayed"));
    let folder = gateway.stop();
    let before_the_start = signed(WEBHOOK, "/hook/deploy", &seconds(0.0), b"y");
    let gateway = Gateway::start_in(folder);
    assert_eq!(of(&gateway.ask(&before_the_start)), refused(403, "signature_expired"));
    let answer = gateway.ask(&request);
    assert_eq!(of(&answer), refused(403, "signature_expired"));
    assert!(gateway.event(&answer)["reason"].as_str().unwrap().contains("start of the gateway"));
}
