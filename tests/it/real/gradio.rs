//! Gradio (PyPI): a queue that tells of its work in event streams, uploads, and files with ranges.

use std::path::Path;

use serde_json::{Value, json};

use super::program::in_environment;
use super::visitor::{Visitor, between, form};
use super::{Program, Stand};
use crate::harness::{Client, Request, Response};

const RECORD: &str = "/gradio_api/call/record";
const STOP: &str = "/gradio_api/call/stop";

/// The tape recorder of `examples/gradio`.
fn tape() -> Program {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gradio/app.py");
    Program::start(&in_environment("python"), |home, port, command| {
        command
            .arg(&script)
            .arg(port.to_string())
            .env("GRADIO_TEMP_DIR", home.path().join("files"))
            .env("GRADIO_ANALYTICS_ENABLED", "False")
            .env("HF_HUB_OFFLINE", "1")
            .env("NO_PROXY", "127.0.0.1,localhost");
    })
}

fn press(visitor: &mut Visitor, button: &str) -> Response {
    let answer = visitor.post_json(button, &json!({ "data": [] }));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// Reads an event stream to its end and runs `first` as soon as `sign` has come; what came in all.
fn listen(to: &Stand, request: &Request, sign: &str, first: impl FnOnce()) -> (Response, String) {
    let (mut text, mut first) = (String::new(), Some(first));
    let mut client = Client::connect(to.gateway.address);
    client.send(request.bytes());
    let answer = client.answer_into("GET", &mut |part| {
        text.push_str(&String::from_utf8_lossy(part));
        if text.contains(sign)
            && let Some(first) = first.take()
        {
            first();
        }
    });
    assert!(first.is_none(), "`{sign}` never came: {text}");
    (answer.unwrap(), text)
}

/// The `data` of the last event that is called `name`.
fn last(stream: &str, name: &str) -> Value {
    let (_, rest) = stream.rsplit_once(&format!("event: {name}\n")).unwrap_or_else(|| panic!("{stream}"));
    serde_json::from_str(between(rest, "data: ", "\n")).unwrap()
}

#[test]
fn strangers_and_other_pages_never_reach_gradio() {
    let stand = Stand::of("gradio", tape());
    let (kind, body) = form(&[], ("files", "take.wav", "audio/wav"), b"RIFF");
    let upload = Request::post("/gradio_api/upload", body).field("Content-Type", kind);
    stand.refuses_strangers(&[
        Request::get("/"),
        Request::get("/gradio_api/queue/data?session_hash=abc"),
        Request::get("/gradio_api/file=/etc/passwd"),
        Request::post(RECORD, r#"{"data":[]}"#).field("Content-Type", "application/json"),
        upload.clone(),
    ]);
    stand.refuses_other_pages(upload);
}

/// The recording goes on until the test has read of it and pressed the button: a gateway that held back
/// what streams would wait for ever.
#[test]
fn events_arrive_while_the_work_goes_on_and_the_result_can_be_sought() {
    let stand = Stand::of("gradio", tape());
    let mut client = stand.stranger().with("Authorization", &format!("Bearer {}", stand.token));
    let job = press(&mut client, RECORD).json()["event_id"].as_str().unwrap().to_owned();

    let request = client.dress(Request::get(&format!("{RECORD}/{job}")));
    let (answer, stream) = listen(&stand, &request, "event: generating\ndata: [\"0.1 s\"", || {
        press(&mut client, STOP);
    });
    assert!(answer.field("content-type").starts_with("text/event-stream"), "{answer:?}");
    assert!(answer.complete, "{answer:?}");
    let result = last(&stream, "complete");
    assert_eq!(result[0], "stopped", "{stream}");

    // The app writes addresses as the visitor sees them: it was told the right host and port.
    let url = result[1]["url"].as_str().unwrap();
    let own = format!("http://{}", client.authority);
    let file = url.strip_prefix(&own).unwrap_or_else(|| panic!("`{url}` is not at `{own}`"));
    the_file_honours_ranges(&stand.browser(), file);
    stand.told_the_app_of_alice();
}

/// As a media element asks: with the cookie, from anywhere in the file.
fn the_file_honours_ranges(browser: &Visitor, file: &str) {
    let whole = browser.clone().get(file);
    assert_eq!((whole.status, whole.field("accept-ranges")), (200, "bytes"), "{whole:?}");
    assert!(whole.body.starts_with(b"RIFF"), "{whole:?}");
    let length = whole.body.len();
    let ask = |range: &str| browser.clone().with("Range", range).get(file);
    let part = ask("bytes=100-199");
    assert_eq!((part.status, part.body), (206, whole.body[100..200].to_vec()));
    assert_eq!(part.fields.sole("content-range"), Some(&*format!("bytes 100-199/{length}")));
    let rest = ask(&format!("bytes={}-", length - 7));
    assert_eq!((rest.status, rest.body), (206, whole.body[length - 7..].to_vec()));
    let head = browser.clone().send(Request::new("HEAD", file));
    assert_eq!((head.status, head.field("content-length")), (200, &*length.to_string()), "{head:?}");
}

#[test]
fn a_browser_gets_the_page_the_queue_and_an_upload() {
    let stand = Stand::of("gradio", tape());
    let mut browser = stand.browser();
    let page = browser.get("/");
    let text = page.text();
    assert!(text.contains("\"title\":\"Tape\""), "{text}");
    for (before, kind) in [("src=\"./assets/", "javascript"), ("href=\"./assets/", "css")] {
        let asset = browser.get(&format!("/assets/{}", between(&text, before, "\"")));
        assert_eq!(asset.status, 200);
        assert!(asset.field("content-type").contains(kind), "{:?}", asset.fields);
    }

    // The page's own way: it joins the queue, then hears of its jobs in one stream.
    let join = json!({ "data": [], "fn_index": 1, "session_hash": "f0r5t1ng" });
    let joined = browser.post_json("/gradio_api/queue/join", &join);
    assert_eq!(joined.status, 200, "{joined:?}");
    let request = browser.dress(Request::get("/gradio_api/queue/data?session_hash=f0r5t1ng"));
    let (answer, stream) = listen(&stand, &request, "process_completed", || {});
    assert!(answer.field("content-type").starts_with("text/event-stream"), "{answer:?}");
    assert!(stream.contains("\"success\":true") && stream.contains("close_stream"), "{stream}");

    let take = b"RIFF\0\0\0\0WAVE".repeat(40_000);
    let (kind, body) = form(&[], ("files", "take.wav", "audio/wav"), &take);
    let uploaded = browser.post("/gradio_api/upload", &kind, body);
    assert_eq!(uploaded.status, 200, "{uploaded:?}");
    let path = uploaded.json()[0].as_str().unwrap().to_owned();
    assert_eq!(browser.get(&format!("/gradio_api/file={path}")).body, take);

    // The app's own refusals pass.
    let forbidden = browser.get("/gradio_api/file=/etc/passwd");
    assert_eq!((forbidden.status, &*forbidden.code()), (403, "-"), "{forbidden:?}");
    let wrong = browser.post("/gradio_api/queue/join", "application/json", "{}");
    assert_eq!(wrong.status, 422, "{wrong:?}");
    stand.told_the_app_of_alice();

    // A browser asks for the manifest without cookies.
    let manifest = stand.stranger().get("/manifest.json");
    assert!(text.contains("\"/manifest.json\"") && manifest.json()["icons"].is_array(), "{manifest:?}");
}
