//! Malformed messages are refused before the app sees anything; well-formed ones arrive as sent.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use serde_json::Value;

use crate::harness::{
    Authority, Client, Folder, Gateway, HOST, HalfClose, Request, TlsClient, Upstream, client_config,
    poll_until,
};

const PUBLIC: &str = r#"
[app.media]
hosts    = ["media.localhost", "a.example"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

/// Beside it, https.
const TLS: &str = r#"
[server.tls]
listen        = ["127.0.0.1:0"]
redirect_http = false
certificates  = [{ cert = "tls/0.pem", key = "tls/0.key" }]
"#;

/// How a vector reaches the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    tls: bool,
    /// The connection has carried a request before.
    used: bool,
}

/// The first is the one that the others are compared with.
const WAYS: [Way; 4] = [
    Way { tls: false, used: false },
    Way { tls: false, used: true },
    Way { tls: true, used: false },
    Way { tls: true, used: true },
];

/// A gateway, a client that trusts it, and the app behind it.
struct Stand {
    gateway: Gateway,
    config: Arc<ClientConfig>,
    app: Upstream,
}

/// One line of a corpus.
struct Vector {
    name: String,
    raw: Vec<u8>,
    expect: String,
    /// The status of the refusal, where it is fixed.
    status: Option<u64>,
    /// The method and target that the app is to see, where they are not those of the first line.
    target: Option<String>,
    /// A field that the app is not to see.
    absent: Option<String>,
    /// The refusal ends the connection.
    close: bool,
    /// The client ends its side: what it sent is all there is.
    finish: bool,
    /// The head is sound: the app may have seen it, and must not have seen the end of the body.
    body_fault: bool,
}

#[test]
fn our_vectors() {
    let vectors = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/framing.jsonl"));
    assert!(vectors.len() >= 80);
    run(&vectors);
}

/// A corpus from elsewhere, named by `STAGEDOOR_CORPUS`.
#[test]
#[ignore = "its vectors are kept elsewhere: STAGEDOOR_CORPUS names their folder"]
fn further_vectors() {
    let folder = std::env::var_os("STAGEDOOR_CORPUS").expect("STAGEDOOR_CORPUS");
    let mut vectors = load(&Path::new(&folder).join("framing.jsonl"));
    for vector in &mut vectors {
        // How a refusal of a path leaves the connection is for the contract to say, not the corpus.
        vector.close = false;
        vector.body_fault = vector.name.starts_with("chunk_");
    }
    run(&vectors);
}

#[test]
fn a_head_in_single_bytes_is_one_request() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, PUBLIC);
    let mut client = gateway.client();
    for byte in Request::post("/slow?x=1", "abc").bytes() {
        client.send([byte]);
    }
    assert_eq!(client.answer().status, 200);
    let seen = app.sole();
    assert_eq!((seen.target.as_str(), seen.body.as_slice()), ("/slow?x=1", b"abc".as_slice()));
}

#[test]
fn pipelined_requests_are_decided_one_by_one() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, PUBLIC);
    let mut client = gateway.client();
    let mut all = Vec::new();
    for request in [
        Request::get("/one"),
        Request::post("/two", "body of two"),
        Request::get("/three").host("other.localhost"),
        Request::get("/four"),
    ] {
        all.extend(request.bytes());
    }
    client.send(all);
    let statuses: Vec<u16> = (0..4).map(|_| client.answer().status).collect();
    assert_eq!(statuses, [200, 200, 421, 200]);
    let seen: Vec<String> = app.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(seen, ["/one", "/two", "/four"]);
}

#[test]
fn a_request_in_a_body_stays_a_body() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, PUBLIC);
    let inner = Request::get("/smuggled").bytes();
    let mut client = gateway.client();
    assert_eq!(client.ask(&Request::post("/outer", &inner)).status, 200);
    assert_eq!(client.ask(&Request::get("/next")).status, 200);
    let seen = app.seen();
    assert_eq!(seen.iter().map(|seen| seen.target.as_str()).collect::<Vec<_>>(), ["/outer", "/next"]);
    assert_eq!(seen[0].body, inner);
}

#[test]
fn the_body_of_a_refused_request_is_not_taken_for_the_next_one() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &PUBLIC.replace("\"public\"", "\"required\""));
    for length in [40, 60_000, 200_000] {
        let mut body = Request::get("/smuggled").bytes();
        body.resize(length, b'x');
        let mut client = gateway.client();
        client.send(Request::post("/x", &body).bytes());
        assert_eq!(client.answer().status, 401);
        // Either the body was skipped and the next request is read as such, or the connection ended.
        if client.try_send(Request::get("/next").bytes()).is_ok()
            && let Ok(next) = client.try_answer_to("GET")
        {
            assert_eq!(next.status, 401);
        }
    }
    assert!(app.seen().is_empty());
}

fn load(path: &Path) -> Vec<Vector> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| Vector::of(&serde_json::from_str(line).unwrap())).collect()
}

impl Vector {
    fn of(line: &Value) -> Self {
        let text = |key: &str| line.get(key).and_then(Value::as_str).map(str::to_owned);
        let flag = |key: &str| line.get(key).and_then(Value::as_bool);
        let latin: String = text("raw").unwrap();
        Self {
            name: text("name").unwrap(),
            raw: latin.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect(),
            expect: text("expect").unwrap(),
            status: line.get("status").and_then(Value::as_u64),
            target: text("target"),
            absent: text("absent"),
            close: flag("close").unwrap_or(true),
            finish: flag("finish").unwrap_or(false),
            body_fault: flag("body_fault").unwrap_or(false),
        }
    }

    /// The bytes for this way. An absolute form names the scheme of its connection, or the other one.
    fn over(&self, way: Way) -> Vec<u8> {
        let line = self.raw.iter().position(|byte| *byte == b'\n').unwrap_or(self.raw.len());
        let (line, rest) = self.raw.split_at(line);
        let line: String = line.iter().copied().map(char::from).collect();
        let line = match way.tls {
            false => line,
            true if line.contains(" https://") => line.replacen(" https://", " http://", 1),
            true => line.replacen(" http://", " https://", 1),
        };
        line.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).chain(rest.iter().copied()).collect()
    }
}

/// Every vector in each way: what the corpus expects of it, and the same answer as on a plain new connection.
fn run(vectors: &[Vector]) {
    let mut stand = Stand::new();
    let mut faults = Vec::new();
    for vector in vectors {
        let mut first = None;
        for way in WAYS {
            let outcome = judge(vector, way, &stand);
            stand.settle(vector.body_fault || ["either", "cut"].contains(&&*vector.expect));
            let answer = outcome.and_then(|answer| match first.get_or_insert_with(|| answer.clone()) {
                first if *first == answer => Ok(()),
                first => Err(format!("answered {answer:?}, and {first:?} on a plain new connection")),
            });
            faults.extend(answer.err().map(|fault| format!("{} {way:?}: {fault}", vector.name)));
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), vectors.len(), faults.join("\n"));
}

impl Stand {
    fn new() -> Self {
        let app = Upstream::start();
        let authority = Authority::new("house");
        let pair = authority.issue(&[HOST, "a.example"]);
        let folder = Folder::new(&format!("{TLS}{PUBLIC}").replace("UPSTREAM", &app.url()));
        folder.write("tls/0.pem", &pair.cert);
        folder.write_private("tls/0.key", &pair.key);
        let gateway = Gateway::start_in(folder);
        Self { gateway, config: Arc::new(client_config(&authority)), app }
    }

    /// Ends what a vector has begun. Where a second request of it, or half of one, may still be on its way to the app, another
    /// app takes its place.
    fn settle(&mut self, anew: bool) {
        if anew {
            let open = || self.gateway.metric("stagedoor_connections", &[]);
            poll_until("the connections to end", || (open() == 0.0).then_some(()));
            self.app.start_anew();
        }
        self.app.forget();
    }
}

/// What a client is answered: the status, and the code of a refusal.
type Answer = Option<(u16, String)>;

fn judge(vector: &Vector, way: Way, stand: &Stand) -> Result<Answer, String> {
    let Stand { gateway, config, .. } = stand;
    let raw = vector.over(way);
    if way.tls {
        let client = TlsClient::over_tls(gateway.https(), HOST, config).unwrap();
        judge_on(client, vector, &raw, way, stand)
    } else {
        judge_on(gateway.client(), vector, &raw, way, stand)
    }
}

fn judge_on<S: Read + Write + HalfClose>(
    mut client: Client<S>,
    vector: &Vector,
    raw: &[u8],
    way: Way,
    Stand { gateway, app, .. }: &Stand,
) -> Result<Answer, String> {
    if way.used {
        let before = client.ask(&Request::post("/before", "the request before"));
        assert_eq!((before.status, app.sole().complete), (200, true));
        app.forget();
    }
    client.try_send(raw).map_err(|error| format!("cannot be sent: {error}"))?;
    if vector.finish {
        client.finish();
    }
    let method = String::from_utf8_lossy(vector.raw.split(|b| *b == b' ').next().unwrap()).into_owned();
    let answer = client.try_answer_to(&method);
    let said =
        answer.as_ref().ok().map(|answer| (answer.status, answer.field("x-stagedoor-code").to_owned()));
    match vector.expect.as_str() {
        "forward" => forwarded(vector, answer.map_err(|error| error.to_string())?.status, app),
        "either" => match answer {
            Ok(answer) if answer.status == 200 => {
                // Whatever comes behind it belongs to this vector, not to the next.
                client.finish();
                if client.is_closed() { Ok(()) } else { Err("the connection stays open".to_owned()) }
            }
            answer => refused(vector, answer, &mut client, gateway, app),
        },
        "cut" => unfinished(app),
        "refuse" => refused(vector, answer, &mut client, gateway, app),
        other => Err(format!("an expectation `{other}`")),
    }?;
    Ok(said)
}

fn forwarded(vector: &Vector, status: u16, app: &Upstream) -> Result<(), String> {
    if status != 200 {
        return Err(format!("answered {status}"));
    }
    let seen = app.seen();
    let [seen] = seen.as_slice() else { return Err(format!("the app saw {} requests", seen.len())) };
    let start = vector.raw.iter().position(|b| !b.is_ascii_whitespace()).unwrap();
    let line = vector.raw[start..].split(|b| *b == b'\r').next().unwrap();
    let parts: Vec<String> =
        line.split(|b| *b == b' ').map(|part| part.iter().map(|b| char::from(*b)).collect()).collect();
    let path = vector.target.as_ref().unwrap_or(&parts[1]);
    let path = path.strip_prefix("http://a.example").unwrap_or(path);
    if seen.method != parts[0] || seen.target != path {
        return Err(format!("the app saw `{} {}`", seen.method, seen.target));
    }
    if !seen.complete {
        return Err("the app saw half of it".to_owned());
    }
    match &vector.absent {
        Some(name) if seen.fields.has(name) => Err(format!("the app saw `{name}`")),
        Some(_) | None => Ok(()),
    }
}

fn refused<S: Read + Write + HalfClose>(
    vector: &Vector,
    answer: std::io::Result<crate::harness::Response>,
    client: &mut Client<S>,
    gateway: &Gateway,
    app: &Upstream,
) -> Result<(), String> {
    let answer = answer.map_err(|error| error.to_string())?;
    if !(400..500).contains(&answer.status) {
        return Err(format!("answered {}", answer.status));
    }
    if vector.status.is_some_and(|status| status != u64::from(answer.status)) {
        return Err(format!("answered {}", answer.status));
    }
    if !answer.fields.has("x-request-id") || !answer.fields.has("x-content-type-options") {
        return Err(format!("an answer that is not ours: {}", String::from_utf8_lossy(&answer.head)));
    }
    if !vector.close {
        client.finish();
    }
    if !client.is_closed() {
        return Err("the connection stays open".to_owned());
    }
    let rest = String::from_utf8_lossy(&client.reader.buffer).into_owned();
    if rest.contains("HTTP/1.1 2") {
        return Err(format!("something behind it was answered: {rest}"));
    }
    // Whatever was on its way to the app has overtaken this.
    assert_eq!(gateway.ask(&Request::get("/marker")).status, 200);
    let seen: Vec<_> = app.seen().into_iter().filter(|seen| seen.target != "/marker").collect();
    match seen.as_slice() {
        [] => Ok(()),
        seen if vector.body_fault && seen.iter().all(|seen| !seen.complete) => Ok(()),
        seen => Err(format!("the app saw {seen:?}")),
    }
}

fn unfinished(app: &Upstream) -> Result<(), String> {
    match app.seen().iter().find(|seen| seen.complete) {
        None => Ok(()),
        Some(seen) => Err(format!("the app saw a whole request: {seen:?}")),
    }
}
