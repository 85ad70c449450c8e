//! `use` and `sources` of an app: what the operator writes over a profile, and where tokens are read and taken off.

use std::time::Duration;

use bytes::BytesMut;

use super::{APP, Desk, GOOD, HOUSE, compiled, loaded, now, policy, text, warnings};
use crate::{Compiled, decided_by, dry_run};
use stagedoor_core::guard::caller::AssumedIdentity;
use stagedoor_core::guard::routes::Route;
use stagedoor_core::guard::upgrade::UpgradePolicy;
use stagedoor_core::head::{Parsed, parse};
use stagedoor_core::pipeline::{Admission, Arrival, Trail, admit};
use stagedoor_core::policy::Policy;
use stagedoor_core::request::{Peer, PeerAddress, Scheme};
use stagedoor_core::request_out::write_head;
use stagedoor_core::tls::Transport;

/// `forward` or a code, and the key and line that decided.
fn ask(Compiled { policy, source, .. }: &Compiled, request: &str, user: Option<&str>) -> (String, Trail) {
    let assumed = user.map(|user| AssumedIdentity { user: user.to_owned(), ..AssumedIdentity::default() });
    let ip = "192.0.2.1".parse().unwrap();
    let (outcome, trail) = dry_run(policy, request, "media.example.com", assumed.as_ref(), ip, now());
    let by =
        decided_by(&outcome, &trail, source).map_or("-".to_owned(), |(key, line)| format!("{key} at {line}"));
    let told = outcome.map_or_else(|denial| denial.code().to_owned(), |()| "forward".to_owned());
    (format!("{told}, {by}"), trail)
}

fn using(profile: &str, own: &str) -> Compiled {
    loaded(&text(&[HOUSE, APP, &format!("use = \"{profile}\"\n"), own]))
}

fn route(policy: &Compiled, request: &str) -> std::sync::Arc<Route> {
    ask(policy, request, Some("bob")).1.route.unwrap()
}

/// The line of the profile that starts with `text`, `skip` of which come before it.
fn line(profile: &str, text: &str, skip: usize) -> usize {
    let file = format!("{}/../../config/profiles/{profile}.toml", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::read_to_string(file).unwrap();
    file.lines().enumerate().filter(|(_, line)| line.starts_with(text)).nth(skip).unwrap().0 + 1
}

#[test]
fn what_a_profile_decides_is_told_with_its_line() {
    let policy = using("sonarr", "");
    let (told, trail) = ask(&policy, "GET /ping", None);
    assert_eq!(told, format!("forward, auth at profile sonarr:{}", line("sonarr", "auth = ", 0)));
    let route = trail.route.unwrap();
    assert_eq!(
        policy.source.of_route(&policy.policy.apps[0], &route).of("match").unwrap().to_string(),
        format!("profile sonarr:{}", line("sonarr", "match", 0))
    );
    assert_eq!(ask(&policy, "GET /", None).0, "token_missing, auth at stagedoor.toml:9");
    let lines = policy.source.of_app(&policy.policy.apps[0]);
    for (key, starts) in [("websocket", "websocket = false"), ("sources", "sources")] {
        assert_eq!(
            lines.of(key).unwrap().to_string(),
            format!("profile sonarr:{}", line("sonarr", starts, 0))
        );
    }
    assert_eq!(lines.of("use").unwrap().to_string(), "stagedoor.toml:10");
    // A version that is the newest is the same file.
    assert_eq!(ask(&using("sonarr@1", ""), "GET /ping", None).0, told);
}

#[test]
fn mistakes_beside_a_profile_stand_at_the_operators_own_lines() {
    let file = text(&[HOUSE, APP, "use = \"mopidy\"\nby = [\"nobody\"]\nsources = []\n"]);
    let problems = compiled(&file, &Desk::default()).map(drop).unwrap_err();
    let told: Vec<String> = problems.iter().map(|p| format!("{}:{} {}", p.file, p.line, p.path)).collect();
    assert_eq!(told, ["stagedoor.toml:11 app.media.by[0]", "stagedoor.toml:12 app.media.sources"]);
}

#[test]
fn the_operators_routes_close_what_the_profile_opens() {
    for (own, request, expected) in [
        ("* /ping", "GET /ping", "token_missing"),
        ("GET /ping", "GET /ping", "token_missing"),
        ("GET /ping", "HEAD /ping", "token_missing"),
        ("GET /{any}", "GET /ping", "token_missing"),
        ("* /{*rest}", "GET /ping", "token_missing"),
        // Another method, another path: not what was meant.
        ("POST /ping", "GET /ping", "forward"),
        ("GET /pong", "GET /ping", "forward"),
    ] {
        let own = format!("[[app.media.route]]\nmatch = \"{own}\"\nauth = \"required\"\n");
        let (told, _) = ask(&using("sonarr", &own), request, None);
        assert!(told.starts_with(expected), "{own}{request}: {told}");
    }
    // And a route that only says something else is still the operator's: it is not public because the profile's was.
    let (told, _) = ask(
        &using("sonarr", "[[app.media.route]]\nmatch = \"GET /ping\"\nbody.max = \"1B\"\n"),
        "GET /ping",
        None,
    );
    assert_eq!(told, "token_missing, auth at stagedoor.toml:9");
    assert!(ask(&using("sonarr", "unlisted = \"deny\"\n"), "GET /", Some("bob")).0.starts_with("not_found"));
    assert!(ask(&using("sonarr", "unlisted = \"deny\"\n"), "GET /ping", None).0.starts_with("forward"));
}

#[test]
fn the_operators_keys_win_one_by_one() {
    let own = "websocket = true\nbody.max = \"1MiB\"\n";
    let film = using("jellyfin", own);
    assert_eq!(route(&film, "GET /").body.max, 1 << 20);
    assert_eq!(route(&film, "GET /").upgrade, UpgradePolicy::Websocket);
    assert_eq!(
        film.source.of_app(&film.policy.apps[0]).of("body.max").unwrap().to_string(),
        "stagedoor.toml:12"
    );
    // And over what the profile says of a route of its own: whoever shuts something finds it shut.
    let (upload, hub) = ("POST /api/v3/system/backup/restore/upload", "GET /signalr/messages");
    let shut = using("sonarr", "websocket = false\nbody.max = \"1MiB\"\n");
    assert_eq!(route(&shut, upload).body.max, 1 << 20);
    assert_eq!(route(&shut, hub).upgrade, UpgradePolicy::Forbidden);
    // Where nothing is said, the profile's word holds.
    let untold = using("sonarr", "");
    assert_eq!(route(&untold, upload).body.max, 512 << 20);
    assert_eq!(route(&untold, hub).upgrade, UpgradePolicy::Websocket);
    // Within a table: the profile's host mode beside the operator's deadline.
    let upstream = "upstream = { urls = [\"http://127.0.0.1:3000\"], read = \"5m\" }\n";
    let file = text(&[
        HOUSE,
        &APP.replace("upstream = \"http://127.0.0.1:3000\"\n", upstream),
        "use = \"transmission\"\n",
    ]);
    let joined = policy(&file);
    assert_eq!(joined.apps[0].upstream.read, Duration::from_secs(300));
    assert_eq!(format!("{:?}", joined.apps[0].forward.host), "Upstream(\"127.0.0.1:3000\")");
    warnings(&file, &[]);
}

/// What of these fields becomes of `GET /?q=1&t=TOKEN`: the head for the app, or a code. `TOKEN` is a good one.
fn forwarded(policy: &Policy, fields: &str) -> String {
    let token = policy.providers[0]
        .jwt()
        .unwrap()
        .sign("bob", &[], &[], Duration::from_secs(60), "j", now())
        .unwrap();
    let request = format!("GET /?q=1&t={token} HTTP/1.1\r\nHost: media.example.com\r\n{fields}\r\n")
        .replace("TOKEN", &token);
    let Ok(Parsed::Complete(head, _)) = parse(request.as_bytes(), &policy.server.limits.head, Scheme::Http)
    else {
        panic!("not a head: {request}");
    };
    let peer = Peer { address: PeerAddress::Ip("192.0.2.1".parse().unwrap()), port: 8080, tls: false };
    let arrival = Arrival { peer, transport: &Transport::Plain, now: now() };
    match admit(policy, &head, &arrival, &mut Trail::default()) {
        Ok(Admission::Forward(permit)) => {
            let to_app = write_head(&permit, &head, "1", BytesMut::new()).finish(head.body());
            String::from_utf8(to_app.to_vec()).unwrap().replace(&token, "TOKEN")
        }
        Ok(
            Admission::Preflight(_)
            | Admission::AppPreflight(_)
            | Admission::GatewayPage(_)
            | Admission::Redirect(_),
        ) => "answered here".to_owned(),
        Err(denial) => denial.code().to_owned(),
    }
}

#[test]
fn the_apps_own_authorization_reaches_it_and_ours_does_not() {
    let policy = using("transmission", "").policy;
    for own in [
        "Authorization: Basic dTpw",
        "authorization: Bearer of-the-app",
        "Authorization: MediaBrowser Token=\"x\"",
    ] {
        let head = forwarded(
            &policy,
            &format!("{own}\r\nX-Stagedoor-Token: TOKEN\r\nCookie: SID=1; stagedoor=TOKEN; b=2\r\n"),
        );
        let value = own.split_once(": ").unwrap().1;
        assert!(
            head.to_ascii_lowercase().contains(&format!("authorization: {}\r\n", value.to_ascii_lowercase())),
            "{head}"
        );
        assert!(head.contains("SID=1; b=2") && head.contains("x-auth-user: bob"), "{head}");
        let (path, rest) = head.split_once(' ').unwrap().1.split_once(' ').unwrap();
        // In the query nothing was looked for, so nothing was taken off.
        assert!(
            path == "/?q=1&t=TOKEN"
                && !rest.contains("TOKEN")
                && !rest.to_ascii_lowercase().contains("stagedoor"),
            "{head}"
        );
    }
    // Only what is listed is a credential.
    assert_eq!(forwarded(&policy, "Authorization: Bearer TOKEN\r\n"), "token_missing");
    assert_eq!(forwarded(&policy, "Cookie: other=TOKEN\r\n"), "token_missing");
    assert_eq!(
        forwarded(&policy, "X-Stagedoor-Token: TOKEN\r\nCookie: stagedoor=x\r\n"),
        "ambiguous_credentials"
    );
}

#[test]
fn sources_of_the_app_stand_in_for_those_of_its_providers() {
    let house =
        HOUSE.replace("kind = \"jwt\"\n", "kind = \"jwt\"\nsources = [\"bearer\", \"cookie:theirs\"]\n");
    let own = |sources: &str| policy(&text(&[&house, APP, sources]));
    let shown = |policy: &Policy| -> Vec<String> {
        policy.apps[0].sources().iter().map(|source| format!("{source:?}")).collect()
    };
    assert_eq!(shown(&own("")), ["Bearer", "Cookie(\"theirs\")"]);
    let policy = own("sources = [\"query:t\", \"cookie:ours\"]\n");
    assert_eq!(shown(&policy), ["Query(\"t\")", "Cookie(\"ours\")"]);
    // Read there, taken off there, and left out of the log.
    let head = forwarded(&policy, "Cookie: theirs=1; ours=TOKEN\r\n");
    assert!(
        head.starts_with("GET /?q=1 HTTP/1.1\r\n") && head.contains("theirs=1") && !head.contains("ours"),
        "{head}"
    );
    assert!(policy.log.redact_query.iter().any(|name| name == "t"));
    // A profile's are those of the app; the operator's come before them.
    assert_eq!(shown(&using("transmission", "sources = [\"bearer\"]\n").policy), ["Bearer"]);
    // A route with a provider of its own reads where the app does.
    let tower =
        HOUSE.replace("auth.house", "auth.tower").replace("jwt_secret", "b").replace("stagedoor", "t");
    let file = text(&[
        &house,
        &tower,
        APP,
        "by = [\"house\"]\nsources = [\"header:x-own\"]\n[[app.media.route]]\nmatch = \"GET /\"\nby = [\"tower\"]\n",
    ]);
    let both = compiled(&file, &Desk::default().file("b", GOOD)).unwrap().policy;
    let token =
        both.providers[1].jwt().unwrap().sign("eve", &[], &[], Duration::from_secs(60), "j", now()).unwrap();
    assert!(forwarded(&both, &format!("X-Own: {token}\r\n")).contains("x-auth-user: eve"));
    assert_eq!(forwarded(&both, &format!("Authorization: Bearer {token}\r\n")), "token_missing");
    assert_eq!(shown(&both), ["Header(\"x-own\")"]);
}

#[test]
fn sources_of_an_app_are_checked_like_those_of_a_provider() {
    for (own, expected) in [
        ("sources = []", "10 app.media.sources: a list without a source of tokens"),
        ("sources = [\"bearer\", \"bearer\"]", "10 app.media.sources[1]: listed twice: `bearer`"),
        (
            "sources = [\"header:authorization\"]",
            "10 app.media.sources[0]: the authorization header is read by a source",
        ),
        ("sources = [\"header:host\"]", "10 app.media.sources[0]: this header cannot carry a token"),
        ("sources = [\"cookie:a b\"]", "10 app.media.sources[0]: not a cookie name"),
        ("sources = [\"body:x\"]", "10 app.media.sources[0]: not a source of tokens"),
        ("sources = \"bearer\"", "10 app.media.sources: not a list of strings"),
    ] {
        super::check(&text(&[HOUSE, APP, own, "\n"]), &[expected]);
    }
}
