//! Keys that are fetched from their provider: a small provider publishes them, and the gateway follows.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::{
    Authority, Command, Exchange, Folder, Gateway, Request, Response, TlsCarrier, Upstream, poll_for,
    poll_until, unix_now,
};

const ISSUER: &str = "https://idp.test";
/// Keys are fetched as often as possible.
const OFTEN: &str = "refresh = \"1s\", cooldown = \"1s\"";
/// Keys are fetched once, unless something asks for them.
const ONCE: &str = "refresh = \"1d\", cooldown = \"1s\"";

/// A key of the provider.
struct SigningKey {
    kid: String,
    pair: EcdsaKeyPair,
}

impl SigningKey {
    fn new(kid: &str) -> Self {
        Self { kid: kid.to_owned(), pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.kid, "use": "sig"})
    }

    /// A good token of `user`, valid for an hour.
    fn token(&self, user: &str) -> String {
        self.sign(&json!({"alg": "ES256", "kid": self.kid}), user)
    }

    fn sign(&self, header: &Value, user: &str) -> String {
        let now = unix_now();
        let claims = json!({"iss": ISSUER, "aud": "media", "sub": user, "iat": now - 5, "exp": now + 3600});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

type Answer = Arc<dyn Fn(&mut Exchange<'_>) -> io::Result<()> + Send + Sync>;

/// A provider whose answer can be exchanged.
struct Idp {
    server: Upstream,
    answer: Arc<Mutex<Answer>>,
}

impl Idp {
    fn publishing(keys: &[&SigningKey]) -> Self {
        Self::on("127.0.0.1:0".parse().unwrap(), keys)
    }

    fn on(address: SocketAddr, keys: &[&SigningKey]) -> Self {
        let first = Arc::new(Mutex::new(document(keys)));
        let current = Arc::clone(&first);
        let server = Upstream::on(address, move |exchange| {
            let told = Arc::clone(&*current.lock().unwrap());
            told(exchange)
        });
        Self { server, answer: first }
    }

    fn publish(&self, keys: &[&SigningKey]) {
        self.answers(document(keys));
    }

    fn answers(&self, other: Answer) {
        *self.answer.lock().unwrap() = other;
    }

    fn url(&self) -> String {
        format!("{}/jwks", self.server.url())
    }

    /// How often it was asked.
    fn asked(&self) -> usize {
        self.server.seen().len()
    }
}

fn document(keys: &[&SigningKey]) -> Answer {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    text(json!({ "keys": keys }).to_string())
}

fn answer(with: impl Fn(&mut Exchange<'_>) -> io::Result<()> + Send + Sync + 'static) -> Answer {
    Arc::new(with)
}

fn text(body: String) -> Answer {
    answer(move |exchange| exchange.reply("200 OK", &["Content-Type: application/json"], &body))
}

/// A gateway before `app` whose provider has these lines.
fn gateway(app: &Upstream, provider: &str) -> Gateway {
    Gateway::before(app, &config(provider))
}

fn config(provider: &str) -> String {
    format!(
        "[auth.idp]\nkind = \"jwt\"\nissuer = \"{ISSUER}\"\naudience = [\"media\"]\n{provider}\n\
         [app.media]\nhosts = [\"media.localhost\"]\nupstream = {{ urls = [\"UPSTREAM\"] }}\nauth = \"required\"\n"
    )
}

fn jwks(url: &str, more: &str) -> String {
    format!("jwks = {{ url = \"{url}\", {more} }}")
}

fn ask(gateway: &Gateway, token: &str) -> Response {
    gateway.ask(&Request::get("/x").bearer(token))
}

/// Status and code.
fn told(answer: &Response) -> String {
    if answer.status == 200 { "200".to_owned() } else { format!("{} {}", answer.status, answer.code()) }
}

/// Waits until a request with this token is answered so.
fn wait_for(gateway: &Gateway, token: &str, expected: &str) {
    poll_until(&format!("the answer `{expected}`"), || {
        (told(&ask(gateway, token)) == expected).then_some(())
    });
}

/// How often keys were fetched with this result.
fn fetches(gateway: &Gateway, result: &str) -> f64 {
    gateway.metric("stagedoor_jwks_refresh_total", &["provider=\"idp\"", &format!("result=\"{result}\"")])
}

fn wait_for_fetches(gateway: &Gateway, result: &str, more: f64) {
    let before = fetches(gateway, result);
    let what = format!("{more} fetches with the result `{result}`");
    poll_until(&what, || (fetches(gateway, result) >= before + more).then_some(()));
}

#[test]
fn the_keys_of_a_provider_are_fetched_and_used() {
    let (app, a, b) = (Upstream::start(), SigningKey::new("a"), SigningKey::new("b"));
    let idp = Idp::publishing(&[&a]);
    let gateway = gateway(&app, &jwks(&idp.url(), ONCE));
    wait_for(&gateway, &a.token("alice"), "200");
    assert_eq!(app.last().fields.sole("x-auth-user"), Some("alice"));
    let seen = idp.server.sole();
    assert_eq!((&*seen.method, &*seen.target), ("GET", "/jwks"));
    assert_eq!(seen.fields.sole("host"), Some(&*idp.server.address.to_string()));
    assert!(!seen.fields.has("authorization") && !seen.fields.has("cookie"));
    // Of the same name, and another's.
    let forged = SigningKey { kid: "a".to_owned(), ..b };
    assert_eq!(told(&ask(&gateway, &forged.token("alice"))), "401 token_invalid");
    gateway.wait_for_log("the provider has other keys than before");
}

/// `jwks.refresh`
#[test]
pub(crate) fn keys_are_fetched_again_as_often_as_told() {
    let (app, a) = (Upstream::start(), SigningKey::new("a"));
    let (often, once, cached) = (Idp::publishing(&[&a]), Idp::publishing(&[&a]), Idp::publishing(&[&a]));
    let body = json!({"keys": [a.jwk()]}).to_string();
    cached.answers(answer(move |exchange| exchange.reply("200 OK", &["Cache-Control: max-age=1"], &body)));
    let _gateways = [(&often, OFTEN), (&once, ONCE), (&cached, ONCE)]
        .map(|(idp, times)| gateway(&app, &jwks(&idp.url(), times)));
    for idp in [&often, &cached] {
        poll_until("three fetches", || (idp.asked() >= 3).then_some(()));
    }
    assert_eq!(once.asked(), 1);
}

/// `jwks.url`, `algorithms`
#[test]
pub(crate) fn keys_are_used_with_the_algorithms_of_the_file() {
    let (app, a) = (Upstream::start(), SigningKey::new("a"));
    let idp = Idp::publishing(&[&a]);
    let usual = gateway(&app, &jwks(&idp.url(), ONCE));
    let other = gateway(&app, &format!("{}\nalgorithms = [\"EdDSA\", \"RS256\"]", jwks(&idp.url(), ONCE)));
    wait_for(&usual, &a.token("alice"), "200");
    wait_for_fetches_since_start(&other);
    assert_eq!(told(&ask(&other, &a.token("alice"))), "401 token_invalid");
    other.wait_for_log("has no key that verifies tokens");
    assert!(other.log().contains("none of the provider's `algorithms`"), "{}", other.log());
}

fn wait_for_fetches_since_start(gateway: &Gateway) {
    poll_until("the first fetch", || (fetches(gateway, "ok") >= 1.0).then_some(()));
}

#[test]
fn a_gateway_starts_without_its_provider_and_accepts_nobody() {
    let (app, a) = (Upstream::start(), SigningKey::new("a"));
    let address = Upstream::start().kill();
    let gateway = gateway(&app, &jwks(&format!("http://{address}/jwks"), OFTEN));
    let token = a.token("alice");
    let refused = ask(&gateway, &token);
    assert_eq!(told(&refused), "503 identity_unavailable");
    assert!(!refused.field("retry-after").is_empty(), "{refused:?}");
    assert_eq!(told(&ask(&gateway, "nonsense")), "401 token_invalid");
    assert_eq!(told(&gateway.ask(&Request::get("/x"))), "401 token_missing");
    assert_eq!(gateway.ask_admin(Request::get("/ready")).status, 200);
    gateway.wait_for_log("its tokens get 503 until they can be");
    wait_for_fetches(&gateway, "unreachable", 2.0);
    assert_eq!(gateway.log().matches("its tokens get 503 until they can be").count(), 1, "said once");
    assert!(app.seen().is_empty());
    let _idp = Idp::on(address, &[&a]);
    wait_for(&gateway, &token, "200");
    gateway.wait_for_log("can be fetched again");
}

/// A provider publishes a key before it signs with it, and withdraws one when nothing that it has signed counts any more.
#[test]
fn no_request_is_refused_while_keys_rotate_and_a_withdrawn_key_ends() {
    let app = Upstream::start();
    let [a, b] = ["a", "b"].map(SigningKey::new);
    let idp = Idp::publishing(&[&a]);
    let gateway = gateway(&app, &jwks(&idp.url(), OFTEN));
    let (of_a, of_b) = (a.token("alice"), b.token("bob"));
    wait_for(&gateway, &of_a, "200");
    let (uses_b, ends) = (AtomicBool::new(false), AtomicBool::new(false));
    let (answered, refused) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let ending = SetOnDrop(&ends);
        for _ in 0..4 {
            scope.spawn(|| {
                while !ends.load(Ordering::SeqCst) {
                    // A connection ends after as many requests as it may have.
                    let mut client = gateway.client();
                    for _ in 0..100 {
                        let token = if uses_b.load(Ordering::SeqCst) { &of_b } else { &of_a };
                        let answer = client.ask(&Request::get("/x").bearer(token));
                        answered.fetch_add(1, Ordering::SeqCst);
                        if answer.status != 200 {
                            refused.lock().unwrap().push(told(&answer));
                        }
                    }
                }
            });
        }
        let moves_on = || {
            let before = answered.load(Ordering::SeqCst);
            poll_until("further requests", || (answered.load(Ordering::SeqCst) > before + 20).then_some(()));
        };
        idp.publish(&[&a, &b]);
        wait_for(&gateway, &of_b, "200");
        uses_b.store(true, Ordering::SeqCst);
        moves_on();
        assert_eq!(told(&ask(&gateway, &of_a)), "200", "not withdrawn yet");
        idp.publish(&[&b]);
        // It was used just now, and is remembered.
        wait_for(&gateway, &of_a, "401 token_invalid");
        moves_on();
        drop(ending);
    });
    assert_eq!(*refused.lock().unwrap(), Vec::<String>::new(), "of {answered:?}");
    wait_for_fetches(&gateway, "ok", 1.0);
    assert_eq!(told(&ask(&gateway, &of_a)), "401 token_invalid");
}

/// Ends the threads of a test, also of one that fails.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_key_that_is_not_known_is_fetched_behind_the_request_that_names_it() {
    let (app, a, b) = (Upstream::start(), SigningKey::new("a"), SigningKey::new("b"));
    let idp = Idp::publishing(&[&a]);
    let gateway = gateway(&app, &jwks(&idp.url(), ONCE));
    wait_for(&gateway, &a.token("alice"), "200");
    idp.publish(&[&a, &b]);
    assert_eq!(told(&ask(&gateway, &b.token("bob"))), "401 token_invalid", "no request waits");
    wait_for(&gateway, &b.token("bob"), "200");
    assert_eq!(idp.asked(), 2);
}

/// `jwks.cooldown`
#[test]
pub(crate) fn a_thousand_unknown_keys_cause_one_fetch_a_cooldown() {
    let (app, a) = (Upstream::start(), SigningKey::new("a"));
    let (short, long) = (Idp::publishing(&[&a]), Idp::publishing(&[&a]));
    let often = gateway(&app, &jwks(&short.url(), ONCE));
    let seldom = gateway(&app, &jwks(&long.url(), "refresh = \"1d\", cooldown = \"1h\""));
    let begun = Instant::now();
    for gateway in [&often, &seldom] {
        wait_for(gateway, &a.token("alice"), "200");
        let mut client = gateway.client();
        for n in 0..500 {
            let token = a.sign(&json!({"alg": "ES256", "kid": format!("unknown-{n}")}), "mallory");
            let answer = client.ask(&Request::get("/x").bearer(&token));
            assert_eq!(told(&answer), "401 token_invalid");
        }
    }
    poll_until("a fetch for the unknown keys", || (short.asked() >= 2).then_some(()));
    let most = begun.elapsed().as_secs() as usize + 2;
    assert!(short.asked() <= most, "{} fetches, {most} would be one a second", short.asked());
    assert_eq!(long.asked(), 1, "the first fetch alone");
    // Another provider's tokens, and those of algorithms that are not accepted, ask for nothing.
    assert_eq!(told(&ask(&seldom, &a.token("alice"))), "200");
}

/// `jwks.stale`
#[test]
pub(crate) fn known_keys_stay_for_a_time_while_the_provider_is_down() {
    let (app, a) = (Upstream::start(), SigningKey::new("a"));
    let idp = Idp::publishing(&[&a]);
    let short = gateway(&app, &jwks(&idp.url(), &format!("{OFTEN}, stale = \"1s\"")));
    let long = gateway(&app, &jwks(&idp.url(), OFTEN));
    let token = a.token("alice");
    for gateway in [&short, &long] {
        wait_for(gateway, &token, "200");
    }
    let address = idp.server.kill();
    long.wait_for_log("the known ones stay in force");
    wait_for(&short, &token, "503 identity_unavailable");
    short.wait_for_log("have not been fetched for longer than");
    assert_eq!(told(&ask(&long, &token)), "200");
    assert_eq!(told(&ask(&long, &SigningKey::new("b").token("bob"))), "401 token_invalid");
    let _idp = Idp::on(address, &[&a]);
    wait_for(&short, &token, "200");
}

#[test]
fn no_document_of_a_provider_harms_the_keys_that_are_known() {
    let app = Upstream::start();
    let [a, b] = ["a", "b"].map(SigningKey::new);
    let twin = SigningKey { kid: "b".to_owned(), ..SigningKey::new("c") };
    let idp = Idp::publishing(&[&a]);
    let gateway = gateway(&app, &jwks(&idp.url(), OFTEN));
    let (of_a, of_b) = (a.token("alice"), b.token("bob"));
    wait_for(&gateway, &of_a, "200");
    let elsewhere = Idp::publishing(&[&b]);
    let location = format!("Location: {}", elsewhere.url());
    let good = b.jwk().to_string();
    let deep = format!("{{\"keys\":[{good}],\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    let many = json!({"keys": vec![b.jwk(); 101]}).to_string();
    let rows: Vec<(&str, &str, Answer)> = vec![
        ("a redirect", "refused", answer(move |exchange| exchange.reply("302 Found", &[&location], ""))),
        ("an error", "refused", answer(|exchange| exchange.reply("500 Internal Server Error", &[], "x"))),
        ("a page", "refused", text("<html>sign in</html>".to_owned())),
        ("nothing", "refused", text(String::new())),
        ("a member twice", "refused", text(format!("{{\"keys\":[],\"keys\":[{good}]}}"))),
        ("depth", "refused", text(deep)),
        ("wrong types", "refused", text(format!("{{\"keys\":{good}}}"))),
        ("no key", "refused", text(format!("{{\"keys\":[{good},null]}}"))),
        ("too many keys", "refused", text(many)),
        ("two keys of one name", "refused", document(&[&b, &twin])),
        (
            "a gigabyte that is announced",
            "refused",
            answer(|exchange| exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")),
        ),
        (
            "a gigabyte",
            "refused",
            answer(|exchange| {
                exchange.write("HTTP/1.1 200 OK\r\n\r\n{\"keys\":[")?;
                let part = vec![b' '; 1 << 16];
                (0..1 << 14).try_for_each(|_| exchange.write(&part))
            }),
        ),
        (
            "a head without an end",
            "refused",
            answer(|exchange| {
                exchange.write("HTTP/1.1 200 OK\r\n")?;
                (0..1 << 14).try_for_each(|n| exchange.write(format!("X-{n}: {}\r\n", "y".repeat(1000))))
            }),
        ),
        (
            "half of an answer",
            "refused",
            answer(|exchange| {
                exchange.hang_up();
                exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"keys\":[]}")
            }),
        ),
        (
            "silence",
            "timeout",
            answer(|exchange| {
                exchange.wait_for_the_end();
                Ok(())
            }),
        ),
    ];
    for (name, result, hostile) in rows {
        idp.answers(hostile);
        wait_for_fetches(&gateway, result, if result == "timeout" { 1.0 } else { 2.0 });
        assert_eq!(told(&ask(&gateway, &of_a)), "200", "{name}");
        assert_eq!(told(&ask(&gateway, &of_b)), "401 token_invalid", "{name}");
    }
    assert_eq!(elsewhere.asked(), 0, "no redirect is followed");
    let log = gateway.log();
    let lines = log.lines().filter(|line| line.contains("the known ones stay in force")).count();
    assert!(lines <= 8, "each kind is said once, and this said {lines}:\n{log}");
    assert!(gateway.memory() < 200 << 20, "{} bytes", gateway.memory());
    idp.publish(&[&a, &b]);
    wait_for(&gateway, &of_b, "200");
}

/// `jwks.discovery`
#[test]
pub(crate) fn the_keys_of_a_provider_are_found_by_its_description() {
    let (app, a) = (Upstream::start(), SigningKey::new("a"));
    let idp = Idp::publishing(&[&a]);
    let address = idp.server.address;
    let keys = json!({"keys": [a.jwk()]}).to_string();
    let describing = |issuer: &str| -> Answer {
        let (keys, issuer) = (keys.clone(), issuer.to_owned());
        answer(move |exchange| match &*exchange.path() {
            "/.well-known/openid-configuration" => {
                let uri = format!("http://{address}/the-keys");
                exchange.reply("200 OK", &[], json!({"issuer": issuer, "jwks_uri": uri}).to_string())
            }
            "/the-keys" => exchange.reply("200 OK", &[], &keys),
            _ => exchange.reply("404 Not Found", &[], ""),
        })
    };
    idp.answers(describing("https://other.test"));
    let url = format!("{}/.well-known/openid-configuration", idp.server.url());
    let gateway = gateway(&app, &format!("jwks = {{ discovery = \"{url}\", {OFTEN} }}"));
    gateway.wait_for_log("its `issuer` is not the one of the configuration: `https://other.test`");
    assert_eq!(told(&ask(&gateway, &a.token("alice"))), "503 identity_unavailable");
    assert!(idp.server.seen().iter().all(|seen| seen.target != "/the-keys"), "its keys are of no interest");
    idp.answers(describing(ISSUER));
    wait_for(&gateway, &a.token("alice"), "200");
}

/// `jwks.ca`
#[test]
pub(crate) fn the_certificate_of_a_provider_is_verified() {
    let (app, a, authority) = (Upstream::start(), SigningKey::new("a"), Authority::new("home"));
    let idp = Idp::publishing(&[&a]);
    let tls = TlsCarrier::to(idp.server.address, &authority.issue(&["127.0.0.1"]));
    let start = |more: &str| {
        let provider = jwks(&format!("{}/jwks", tls.url()), &format!("{OFTEN}{more}"));
        let folder = Folder::new(&config(&provider).replace("UPSTREAM", &app.url()));
        folder.write("ca.pem", &authority.pem);
        Gateway::start_in(folder)
    };
    let usual = start("");
    usual.wait_for_log("TLS with it failed");
    assert_eq!(told(&ask(&usual, &a.token("alice"))), "503 identity_unavailable");
    assert!(fetches(&usual, "unreachable") >= 1.0);
    assert_eq!(idp.asked(), 0);
    let own = start(", ca = \"ca.pem\"");
    wait_for(&own, &a.token("alice"), "200");
}

/// `jwks.dangerous_plain_http`
#[test]
pub(crate) fn keys_are_fetched_without_tls_from_private_networks_alone() {
    let (app, a) = (Upstream::start(), SigningKey::new("a"));
    let idp = Idp::publishing(&[&a]);
    // This machine, by an address that is none of a private network.
    let url = format!("http://0.0.0.0:{}/jwks", idp.server.address.port());
    let shut = Folder::new(&config(&jwks(&url, ONCE)).replace("UPSTREAM", &app.url()));
    let output = Command::new(&shut, &["check", "stagedoor.toml"]).run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("dangerous_plain_http") || output.stdout.contains("dangerous_plain_http"));
    let open = gateway(&app, &jwks(&url, &format!("{ONCE}, dangerous_plain_http = true")));
    wait_for(&open, &a.token("alice"), "200");
}

#[test]
fn a_reload_keeps_the_keys_of_a_provider_that_is_the_same() {
    let (app, a) = (Upstream::start(), SigningKey::new("a"));
    let idp = Idp::publishing(&[&a]);
    let provider = jwks(&idp.url(), OFTEN);
    let gateway = gateway(&app, &provider);
    let token = a.token("alice");
    wait_for(&gateway, &token, "200");
    idp.server.kill();
    let reload = |provider: &str, more: &str| {
        gateway.folder.configure(&format!("{}{more}", config(provider).replace("UPSTREAM", &app.url())));
        assert_eq!(gateway.reload(), "ok", "{}", gateway.log());
    };
    reload(&provider, "body.max = \"2MiB\"\n");
    assert_eq!(told(&ask(&gateway, &token)), "200");
    reload(&provider.replace("cooldown = \"1s\"", "cooldown = \"1s\", stale = \"1h\""), "");
    assert_eq!(told(&ask(&gateway, &token)), "200");
    reload(&provider.replace("/jwks", "/other"), "");
    assert_eq!(told(&ask(&gateway, &token)), "503 identity_unavailable", "another place, other keys");
    let replaced = poll_for("the new place to be asked", crate::harness::DEADLINE, || {
        gateway.log().contains("/other").then_some(true)
    });
    assert!(replaced);
}
