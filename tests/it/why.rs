//! Why something was refused: the right guard, the right line, and a proposal that works when it is pasted.

mod cases;
mod fire;

use std::fs;

use serde_json::Value;

use crate::harness::{
    Client, Command, Folder, Gateway, Output, Request, Response, Token, Upstream, poll_until, token,
};

/// What an app has besides what a test is about.
const OPEN: &str = r#"
[app.media]
hosts    = ["media.localhost"] # its own name
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

const CLOSED: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "required"
"#;

/// One refusal from first to last.
struct Case {
    config: String,
    code: &'static str,
    guard: &'static str,
    /// What stands on the line that refused; empty where none is written.
    line: &'static str,
}

fn case(parts: &[&str], code: &'static str, guard: &'static str, line: &'static str) -> Case {
    Case { config: parts.concat(), code, guard, line }
}

impl Case {
    /// Is refused, asks why in both forms, pastes what is proposed, reloads, and is let through.
    fn check(&self, ask: impl Fn(&Gateway) -> Response) {
        let app = Upstream::start();
        let gateway = Gateway::before(&app, &self.config);
        self.check_in(&app, &gateway, ask);
    }

    fn check_in(&self, app: &Upstream, gateway: &Gateway, ask: impl Fn(&Gateway) -> Response) {
        let refused = poll_until("the refusal", || Some(ask(gateway)).filter(|answer| answer.status >= 400));
        assert_eq!(refused.code(), self.code, "{refused:?}");
        let why = why(gateway, &refused);
        assert_eq!(why["code"], self.code);
        assert_eq!(why["guard"], self.guard, "{why:#}");
        let expected = line_of(gateway, self.line);
        assert_eq!(why["line"].as_u64(), expected, "{why:#}");
        let told = ask_cli(gateway, &[id(&refused)]);
        assert_eq!(told.code, Some(0), "{told:?}");
        if let Some(line) = expected {
            assert!(why["file"].as_str().unwrap().ends_with("stagedoor.toml"), "{why:#}");
            assert!(told.stdout.contains(&format!("stagedoor.toml:{line}")), "{told:?}");
        }
        let change = &why["remedy"]["change"];
        assert!(change["text"].is_string(), "{why:#}");
        for line in change["text"].as_str().unwrap().lines() {
            assert!(told.stdout.contains(line.trim_end()), "no `{line}` in {told:?}");
        }
        assert!(told.stdout.contains("caution: "), "{told:?}");
        paste(gateway, change);
        assert_eq!(gateway.reload(), "ok", "{why:#}\n{}", gateway.folder.read("stagedoor.toml"));
        let before = app.seen().len();
        let answer = ask(gateway);
        assert_eq!(answer.status, 200, "{why:#}\n{}\n{answer:?}", gateway.folder.read("stagedoor.toml"));
        assert_eq!(app.seen().len(), before + 1, "it reaches the app");
    }
}

fn id(answer: &Response) -> &str {
    answer.field("x-request-id")
}

/// What the command says as JSON.
fn why(gateway: &Gateway, refused: &Response) -> Value {
    let told = ask_cli(gateway, &[id(refused), "--json"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    serde_json::from_str(&told.stdout).unwrap()
}

fn ask_cli(gateway: &Gateway, arguments: &[&str]) -> Output {
    // The file says port 0; the operator's command has to be told the one that was taken.
    let text = gateway.folder.read("stagedoor.toml");
    let text = text.replace("listen = \"127.0.0.1:0\"", &format!("listen = \"{}\"", gateway.admin));
    gateway.folder.write("running.toml", &text);
    let mut all = vec!["why", "--config", "running.toml"];
    all.extend(arguments);
    Command::new(&gateway.folder, &all).run()
}

/// The number of the line that begins with `text`; `None` if there is nothing to look for.
fn line_of(gateway: &Gateway, text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let file = gateway.folder.read("stagedoor.toml");
    let found = file.lines().position(|line| line.trim_start().starts_with(text));
    let at = found.unwrap_or_else(|| panic!("no `{text}` in {file}"));
    Some(at as u64 + 1)
}

/// Does with a text file what the answer says, and nothing else.
fn paste(gateway: &Gateway, change: &Value) {
    let number = |key: &str| usize::try_from(change[key].as_u64().unwrap()).unwrap();
    let file = gateway.folder.path().join(change["file"].as_str().unwrap());
    let text = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let new = change["text"].as_str().unwrap();
    if change["replaces"].as_bool().unwrap() {
        lines.splice(number("line") - 1..number("last"), [new]);
    } else {
        lines.insert(number("line"), new);
    }
    let next = file.with_extension("next");
    fs::write(&next, lines.join("\n") + "\n").unwrap();
    fs::rename(next, file).unwrap();
}

#[test]
fn a_refusal_without_a_line_says_what_to_look_at() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CLOSED);
    for (answer, code, words) in [
        (gateway.ask(&Request::get("/x").bearer("a.b.c")), "token_invalid", "new token"),
        (gateway.ask(&Request::get("/a/../b")), "ambiguous_path", "no key"),
        (gateway.raw("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), "bad_request", "no key"),
    ] {
        let why = why(&gateway, &answer);
        assert_eq!(why["code"], code);
        assert!(why["remedy"]["change"].is_null(), "{why:#}");
        assert!(why["remedy"]["advice"].as_str().unwrap().contains(words), "{why:#}");
    }
    app.kill();
    let answer = gateway.ask(&Request::get("/x").bearer(&token("bob")));
    assert_eq!(answer.status, 502);
    let why = why(&gateway, &answer);
    assert_eq!((&why["guard"], &why["user"]), (&"app".into(), &"bob".into()), "{why:#}");
    assert_eq!(why["line"].as_u64(), line_of(&gateway, "upstream"));
}

#[test]
fn the_command_that_is_proposed_works() {
    let app = Upstream::start();
    let route = "[[app.media.route]]\nmatch = \"GET /admin\"\nroles = [\"admin\"]\nscopes = [\"read\"]\n";
    let gateway = Gateway::before(&app, &[CLOSED, route].concat());
    let told = why(&gateway, &gateway.ask(&Request::get("/admin").bearer(&token("bob"))));
    let command = told["remedy"]["command"].as_str().unwrap();
    let mut words: Vec<&str> = command.split(' ').skip(1).collect();
    words.extend(["--config", "stagedoor.toml"]);
    let made = Command::new(&gateway.folder, &words).run();
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(gateway.ask(&Request::get("/admin").bearer(made.stdout.trim())).status, 200, "{command}");
}

#[test]
fn after_a_reload_no_line_is_named() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CLOSED);
    let refused = gateway.ask(&Request::get("/x"));
    assert_eq!(why(&gateway, &refused)["reloaded"], false);
    assert_eq!(gateway.reload(), "ok");
    let why = why(&gateway, &refused);
    assert_eq!((&why["reloaded"], &why["code"]), (&true.into(), &"token_missing".into()));
    assert!(why["line"].is_null() && why["remedy"]["change"].is_null(), "{why:#}");
}

/// Pasted there, the lines would land in another table.
#[test]
fn where_the_file_is_not_the_one_in_force_no_line_is_named() {
    let app = Upstream::start();
    let route = |path: &str| format!("[[app.media.route]]\nmatch = \"GET {path}\"\nroles = [\"admin\"]\n");
    let config = [CLOSED, &route("/first"), &route("/second")].concat();
    let folder =
        Folder::new(&format!("include = [\"more.toml\"]\n{}", config.replace("UPSTREAM", &app.url())));
    folder.write("more.toml", "# nothing yet\n");
    let gateway = Gateway::start_in(folder);
    let refused =
        gateway.ask(&Request::get("/second").bearer(&Token::of("bob").claim("roles", ["clerk"]).sign()));
    let loaded = gateway.folder.read("stagedoor.toml");
    let before = why(&gateway, &refused);
    assert!(before["line"].is_u64() && before["remedy"]["change"].is_object(), "{before:#}");
    let check = |what: &str| {
        let query = Request::get(&format!("/api/v1/why?id={}", id(&refused)));
        let why = gateway.ask_admin_as_operator(query).json();
        assert_eq!((&why["reloaded"], &why["line"]), (&false.into(), &Value::Null), "{what}: {why:#}");
        assert!(why["remedy"]["change"].is_null(), "{what}: {why:#}");
        let advice = why["remedy"]["advice"].as_str().unwrap();
        assert!(advice.contains("is not the one in force"), "{what}: {advice}");
        assert!(why["checks"].as_array().unwrap().iter().all(|check| check["line"].is_null()), "{why:#}");
    };
    // What drops a route is left alone by the watch.
    gateway.folder.write("stagedoor.toml", &loaded.replace(&route("/first"), ""));
    check("a route less");
    // The file of this command is still the one that was loaded, but for the port.
    let told = Command::new(&gateway.folder, &["why", "--config", "running.toml", id(&refused)]).run();
    assert!(told.stdout.contains("by:      permission, `roles`\n"), "{told:?}");
    assert!(told.stdout.contains("or put it back, and ask again"), "{told:?}");
    assert!(!told.stdout.contains(".toml:"), "{told:?}");
    gateway.folder.write("stagedoor.toml", &format!("{loaded}\n["));
    check("a mistake");
    let told = Command::new(&gateway.folder, &["why", "--config", "stagedoor.toml", id(&refused)]).run();
    assert_eq!(told.code, Some(0), "the gateway that runs is asked all the same: {told:?}");
    assert!(told.stdout.contains("or put it back, and ask again"), "{told:?}");
    gateway.folder.write("stagedoor.toml", &loaded);
    gateway.folder.write("more.toml", "[");
    check("a mistake in an include");
    fs::remove_file(gateway.folder.path().join("more.toml")).unwrap();
    check("an include that is gone");
    gateway.folder.write("more.toml", "# nothing yet\n");
    assert_eq!(why(&gateway, &refused), before, "put back, it is told again");
}

#[test]
fn the_operator_alone_may_ask() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CLOSED);
    let refused = gateway.ask(&Request::get("/x"));
    let ask = |query: &str| Request::get(&format!("/api/v1/why{query}"));
    why(&gateway, &refused);
    let one = format!("?id={}", id(&refused));
    assert_eq!(gateway.ask_admin(ask(&one)).status, 401);
    assert_eq!(gateway.ask_admin(ask("")).status, 401);
    assert_eq!(gateway.ask_admin_as_operator(ask(&one)).status, 200);
    assert_eq!(gateway.ask_admin_as_operator(Request::post("/api/v1/why", "")).status, 405);
    for query in ["?id=", "?id=x", "?di=1", "?id=0190a3c4-8f2e-7b11-9d3a-5c6f7e8d9a0"] {
        assert_eq!(gateway.ask_admin_as_operator(ask(query)).status, 400, "{query}");
    }
    let unknown = gateway.ask_admin_as_operator(ask("?id=0190a3c4-8f2e-7b11-9d3a-5c6f7e8d9a0b"));
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "not_found"));
    assert_eq!(unknown.json()["instance"], format!("urn:uuid:{}", id(&unknown)));
    assert!(unknown.json()["detail"].as_str().unwrap().contains("10000"), "{unknown:?}");
    let told = ask_cli(&gateway, &["0190a3c4-8f2e-7b11-9d3a-5c6f7e8d9a0b"]);
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.stderr.contains("10000"), "{told:?}");
    for bad in ["no-id", "urn:uuid:no-id", "urn:uuid:", "urn:isbn:1"] {
        assert_eq!(ask_cli(&gateway, &[bad]).code, Some(2), "{bad}");
    }
    // As `instance` of a refusal has it.
    let known = ask_cli(&gateway, &[&format!("URN:uuid:{}", id(&gateway.ask(&Request::get("/x"))))]);
    assert!(known.stdout.contains("token_missing"), "{known:?}");
    let newest = ask_cli(&gateway, &[]);
    assert!(
        newest.stdout.contains(id(&refused)) && newest.stdout.contains("401 token_missing"),
        "{newest:?}"
    );
}

#[test]
fn nobody_answers_where_no_gateway_runs() {
    let folder = Folder::new(&CLOSED.replace("UPSTREAM", "http://127.0.0.1:9"));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let text = folder.read("stagedoor.toml");
    folder
        .write("running.toml", &text.replace("listen = \"127.0.0.1:0\"", &format!("listen = \"{address}\"")));
    let told = Command::new(&folder, &["why", "--config", "running.toml"]).run();
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.stderr.contains("hint"), "{told:?}");
}

#[test]
fn no_secret_is_kept() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CLOSED);
    let secrets = ["s3cretquery", "s3cretcookie", "s3cretbearer", "s3cretfield", "s3cretuser", "s3cretbody"];
    let long = "x".repeat(500);
    let signed = token("bob");
    for request in [
        Request::post(&format!("/x?a={long}&token=s3cretquery&b={signed}"), "s3cretbody")
            .field("Cookie", "s=s3cretcookie")
            .field("X-Any", "s3cretfield")
            .bearer("s3cretbearer"),
        Request::post(&format!("/x?b={signed}&token=s3cretquery"), "s3cretbody")
            .field("Cookie", "s=s3cretcookie")
            .field("Origin", "https://me:s3cretuser@pages.example"),
        Request::get(&format!("http://media.localhost/{signed}?token=s3cretquery")),
        // A link that was mangled on its way, a form that was sent as a query, an answer of a provider.
        Request::post("/.stagedoor/enter?code=s3cretquery", ""),
        Request::get("/login?user=bob&password=s3cretquery"),
        Request::get("/back?state=1&code=s3cretquery&id_token=s3cretuser&refresh_token=s3cretbody"),
    ] {
        let refused = gateway.ask(&request);
        assert!(refused.status >= 400, "{refused:?}");
        let told = why(&gateway, &refused).to_string() + &ask_cli(&gateway, &[id(&refused)]).stdout;
        let all = told + &ask_cli(&gateway, &["--json"]).stdout;
        for secret in secrets.iter().copied().chain(signed.split('.')) {
            assert!(!all.contains(secret), "`{secret}` in {all}");
        }
        let logged = gateway.event(&refused).to_string();
        for secret in secrets.iter().copied().chain(signed.split('.')) {
            assert!(!logged.contains(secret), "`{secret}` in {logged}");
        }
    }
}

#[test]
fn the_last_ten_thousand_are_known() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CLOSED);
    let first = gateway.ask(&Request::get("/first"));
    why(&gateway, &first);
    let known = |answer: &Response| {
        let request = Request::get(&format!("/api/v1/why?id={}", id(answer)));
        gateway.ask_admin_as_operator(request).status
    };
    let before = gateway.memory();
    let target = format!("/{}", "a".repeat(1000));
    let mut last = None;
    for _ in 0..20 {
        let mut client: Client = gateway.client();
        for _ in 0..500 {
            last = Some(client.ask(&Request::get(&target)));
        }
    }
    let last = last.unwrap();
    let told = why(&gateway, &last);
    assert!(told["target"].as_str().unwrap().len() <= 512, "{told:#}");
    assert_eq!(known(&first), 404, "ten thousand later ones have pushed it out");
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes for ten thousand refusals");
}
