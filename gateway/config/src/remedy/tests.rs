#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod hostile;
mod slashes;
mod spellings;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::*;
use crate::tests::{APP, Desk, HOUSE, loaded, now, policy, source, text};
use crate::{Compiled, SourceFile};
use stagedoor_core::denial::{LimitExceeded, TokenFault, UpstreamFault};

/// A request that is refused, as the tests below tell it.
#[derive(Clone, Copy)]
struct Asked<'a> {
    /// Behind an app that asks for a token; its lines begin at 10.
    config: &'a str,
    request: &'a str,
    host: &'a str,
    roles: &'a [&'a str],
    known: bool,
}

const ASKED: Asked<'_> =
    Asked { config: "", request: "GET /x", host: "media.example.com", roles: &[], known: false };

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

impl Asked<'_> {
    fn loaded(&self) -> Compiled {
        loaded(&text(&[HOUSE, APP, self.config]))
    }

    /// What is proposed against the refusal that a dry run meets.
    fn remedy(&self) -> (SourceFile, Remedy, Option<(&'static str, Line)>) {
        let Compiled { policy, source, .. } = self.loaded();
        let roles: Vec<String> = self.roles.iter().map(|role| (*role).to_owned()).collect();
        let assumed = self.known.then(|| AssumedIdentity {
            user: "bob".to_owned(),
            roles,
            ..AssumedIdentity::default()
        });
        let (outcome, trail) = dry_run(&policy, self.request, self.host, assumed.as_ref(), CLIENT, now());
        let denial = outcome.expect_err("it is not refused");
        let held: Vec<Arc<str>> = self.roles.iter().map(|role| Arc::from(*role)).collect();
        let refused = Refused {
            reached: trail.reached,
            app: trail.app.as_deref(),
            route: trail.route.as_deref(),
            user: trail.user.as_deref(),
            roles: &held,
            ..self.refused(&denial)
        };
        let remedy = remedy(&policy, &source, &refused, &Desk::default(), now());
        let line = decided(&policy, &source, &refused);
        (source.files.first().unwrap().clone(), remedy, line)
    }

    /// What is proposed against a refusal that only a real request meets.
    fn remedy_of(&self, denial: &Denial, with: impl Fn(&mut Refused<'_>)) -> Remedy {
        let Compiled { policy, source, .. } = self.loaded();
        let app = policy.apps.first().unwrap();
        let label = self.request;
        let route = app.routes.all().find(|route| *route.label == *label).or(app.routes.all().next());
        let mut refused = Refused { app: Some(app), route: route.map(Arc::as_ref), ..self.refused(denial) };
        with(&mut refused);
        remedy(&policy, &source, &refused, &Desk::default(), now())
    }

    fn refused<'r>(&'r self, denial: &'r Denial) -> Refused<'r> {
        let (method, path) = self.request.split_once(' ').unwrap();
        Refused {
            denial,
            reached: Guard::Body,
            app: None,
            route: None,
            method,
            path: Some(path),
            host: Some(self.host),
            origin: None,
            client: CLIENT,
            user: None,
            roles: &[],
            declared: None,
            handshake: false,
            too_many_fields: false,
        }
    }
}

/// `12: text` replaces line 12, `12-14: text` lines 12 to 14, `12+ text` goes behind it; `-` is no line.
fn shown(remedy: &Remedy) -> String {
    let Some(change) = &remedy.change else { return "-".to_owned() };
    let Change { file: _, table: _, line, last, text, replaces } = change;
    let text = text.trim_start().replace('\n', " | ");
    match (replaces, line == last) {
        (true, true) => format!("{line}: {text}"),
        (true, false) => format!("{line}-{last}: {text}"),
        (false, _) => format!("{line}+ {text}"),
    }
}

#[test]
fn what_a_dry_run_meets_is_mended() {
    #[track_caller]
    fn check(asked: Asked<'_>, code: &str, line: Option<usize>, expected: &str) {
        let (_, remedy, decided) = asked.remedy();
        assert_eq!(shown(&remedy), expected, "{code}: {remedy:?}");
        assert_eq!(decided.map(|(_, line)| line.line), line, "{code}");
        assert!(!remedy.advice.is_empty());
    }
    let of = |config: &'static str, request: &'static str| Asked { config, request, ..ASKED };
    check(
        Asked { host: "B.example:81", ..ASKED },
        "unknown_host",
        Some(7),
        "7: hosts = [\"media.example.com\", \"b.example\"]",
    );
    check(
        Asked { host: "[::1]:80", ..ASKED },
        "unknown_host",
        Some(7),
        "7: hosts = [\"media.example.com\", \"::1\"]",
    );
    check(
        of("unlisted = \"deny\"\n", "GET /a/b"),
        "not_found",
        Some(10),
        "10+ [[app.media.route]] | match = \"GET /a/b\"",
    );
    check(
        of("unlisted = \"deny\"\n", "HEAD /"),
        "not_found",
        Some(10),
        "10+ [[app.media.route]] | match = \"HEAD /\"",
    );
    check(
        of("unlisted = \"deny\"\n", "GET /{a}/%7Bb/*"),
        "not_found",
        Some(10),
        "10+ [[app.media.route]] | match = \"GET /%7Ba%7D/%7Bb/%2A\"",
    );
    check(
        of("unlisted = \"deny\"\nroute = [{ match = \"GET /a\" }]\n", "PUT /a"),
        "method_not_allowed",
        Some(10),
        "11: route = [{ match = \"GET /a\" }, { match = \"PUT /a\" }]",
    );
    check(ASKED, "token_missing", Some(9), "9+ [[app.media.route]] | match = \"GET /x\" | auth = \"public\"");
    check(
        of("[[app.media.route]]\nmatch = \"GET /x\"\n", "GET /x"),
        "token_missing",
        Some(9),
        "10+ auth = \"public\"",
    );
    check(
        of("[[app.media.route]]\nmatch = \"GET /x\"\nauth = \"required\" # yes\n", "GET /x"),
        "token_missing",
        Some(12),
        "12: auth = \"public\" # yes",
    );
    check(
        of("[[app.media.route]]\nmatch = \"GET /x\"\nroles = [\"a\"]\n", "GET /x"),
        "token_missing",
        Some(9),
        "-",
    );
    check(
        of("[[app.media.route]]\nmatch = \"GET /x\"\nauth = \"optional\"\nroles = [\"a\"]\n", "GET /x"),
        "token_missing",
        Some(13),
        "-",
    );
    check(
        of("access.allow = [\"10.0.0.0/8\"]\n", "GET /x"),
        "address_refused",
        Some(10),
        "10: access.allow = [\"10.0.0.0/8\", \"192.0.2.7\"]",
    );
    check(
        of(
            "[app.media.access]\nallow = [\"192.0.2.0/24\"]\ndeny = [\n\"192.0.2.0/25\",\n\"10.0.0.1\", \"192.0.2.7\"]\n",
            "GET /x",
        ),
        "address_refused",
        Some(12),
        "12-14: deny = [\"10.0.0.1\"]",
    );
    check(of("", "GET /a/../b"), "ambiguous_path", None, "-");
    check(of("", "GET /a%2Fb"), "ambiguous_path", None, "6+ encoded_slash = true");
    check(
        of("encoded_slash = false\n", "GET /a%2Fb"),
        "ambiguous_path",
        Some(10),
        "10: encoded_slash = true",
    );
    check(
        of("[[app.media.route]]\nmatch = \"GET /a\"\n", "GET /A"),
        "ambiguous_path",
        None,
        "6+ case = \"exact\"",
    );
    // Not the case, but what an app may read into it.
    check(of("[[app.media.route]]\nmatch = \"GET /a\"\n", "GET /a;b"), "ambiguous_path", None, "-");
}

#[test]
fn permissions_are_widened_by_what_the_caller_has() {
    fn check(config: &str, roles: &[&str], expected: &str, command: &str) {
        let (_, remedy, _) = Asked { config, request: "GET /u/eve", roles, known: true, ..ASKED }.remedy();
        assert_eq!(
            (shown(&remedy).as_str(), remedy.command.as_deref()),
            (expected, Some(command)),
            "{remedy:?}"
        );
    }
    let roles = "[[app.media.route]]\nmatch = \"GET /u/{who}\"\nroles = [\"a\", \"b\"]\n";
    check(roles, &["c", "d"], "12: roles = [\"a\", \"b\", \"c\"]", "stagedoor token --sub bob --roles c,d,a");
    check(roles, &[], "-", "stagedoor token --sub bob --roles a");
    let both = "[[app.media.route]]\nmatch = \"GET /u/{who}\"\nroles = [\"a\"]\nscopes = [\"s\"]\n";
    check(both, &["c"], "12: roles = [\"a\", \"c\"]", "stagedoor token --sub bob --roles c,a --scopes s");
    check(both, &["a"], "-", "stagedoor token --sub bob --roles a --scopes s");
    let factor = "[[app.media.route]]\nmatch = \"GET /u/{who}\"\nroles = [\"a\"]\nmfa = true\n";
    check(factor, &["a"], "-", "stagedoor token --sub bob --roles a --mfa");
    check(factor, &["c"], "12: roles = [\"a\", \"c\"]", "stagedoor token --sub bob --roles c,a --mfa");
    let owner =
        "[[app.media.route]]\nmatch = \"GET /u/{who}\"\nowner = { param = \"who\", or_role = \"x y\" }\n";
    check(
        owner,
        &["c"],
        "12: owner = { param = \"who\", or_role = \"c\" }",
        "stagedoor token --sub bob --roles 'c,x y'",
    );
    let (_, remedy, _) = Asked {
        config: "[[app.media.route]]\nmatch = \"GET /u/{who}\"\n[app.media.route.owner]\nparam = \"who\"\n",
        request: "GET /u/eve",
        known: true,
        ..ASKED
    }
    .remedy();
    assert_eq!((shown(&remedy).as_str(), remedy.command), ("-", None), "{}", remedy.advice);
}

#[test]
fn what_only_a_request_meets_is_mended() {
    #[track_caller]
    fn check(config: &str, request: &str, denial: &Denial, with: impl Fn(&mut Refused<'_>), expected: &str) {
        let remedy = Asked { config, request, ..ASKED }.remedy_of(denial, with);
        assert_eq!(shown(&remedy), expected, "{remedy:?}");
    }
    let body = Denial::BodyTooLarge { max: 1 << 20 };
    let says = |bytes: u64| move |refused: &mut Refused<'_>| refused.declared = Some(bytes);
    check("", "POST /x", &body, says(1_500_000), "6+ body.max = \"2MiB\"");
    check("body.max = \"1MiB\"\n", "POST /x", &body, |_| {}, "10: body.max = \"2MiB\"");
    check(
        "[[app.media.route]]\nmatch = \"POST /x\"\n",
        "POST /x",
        &body,
        says(3 << 30),
        "10+ body.max = \"3GiB\"",
    );
    check("", "POST /x", &Denial::BodyTooLarge { max: 0 }, |_| {}, "6+ body.max = \"1MiB\"");
    check("", "POST /x", &body, says(1 << 51), "-");
    let get = "body.get = \"deny\"\n";
    check(get, "GET /x", &Denial::UnexpectedBody, |_| {}, "10: body.get = \"allow\"");
    let origin = |text: &'static str| move |refused: &mut Refused<'_>| refused.origin = Some(text);
    let cross = Denial::CrossOrigin;
    check("", "POST /x", &cross, origin("https://A.example"), "6+ cors.origins = [\"https://a.example\"]");
    check(
        "cors = \"app\"\n",
        "POST /x",
        &cross,
        origin("https://a.example"),
        "10: cors = { origins = [\"https://a.example\"] }",
    );
    check(
        "cors = { origins = [\"*\"] }\n",
        "POST /x",
        &cross,
        origin("https://a.example"),
        "10: cors = { origins = [\"https://a.example\"] }",
    );
    check(
        "[app.media.cors]\norigins = [\"https://b.example\"]\n",
        "POST /x",
        &cross,
        origin("https://a.example:8443"),
        "11: origins = [\"https://b.example\", \"https://a.example:8443\"]",
    );
    check("", "POST /x", &cross, origin("null"), "6+ headers.set.referrer-policy = \"same-origin\"");
    check("headers.set.referrer-policy = \"same-origin\"\n", "POST /x", &cross, origin("null"), "-");
    check("", "POST /x", &cross, origin("nonsense"), "-");
    check("", "POST /x", &cross, |_| {}, "-");
    let asks = |refused: &mut Refused<'_>| refused.handshake = true;
    check(
        "websocket = false\n",
        "GET /x",
        &Denial::UpgradeRefused,
        asks,
        "10+ [[app.media.route]] | match = \"GET /x\" | websocket = true",
    );
    check("websocket = false\n", "GET /x", &Denial::UpgradeRefused, |_| {}, "-");
    check("", "GET /x", &Denial::UpgradeRefused, asks, "-");
    let too_many_fields = |refused: &mut Refused<'_>| refused.too_many_fields = true;
    check("", "GET /x", &Denial::UriTooLong, |_| {}, "9+ [server.limits] | uri_bytes = \"16KiB\"");
    check(
        "[server]\ntimeouts.idle = \"9s\"\n",
        "GET /x",
        &Denial::HeadersTooLarge,
        |_| {},
        "10+ limits.header_bytes = \"64KiB\"",
    );
    check("[server.limits]\nheader_count = 600\n", "GET /x", &Denial::HeadersTooLarge, too_many_fields, "-");
    check(
        "[server.limits]\nheader_count = 50\n",
        "GET /x",
        &Denial::HeadersTooLarge,
        too_many_fields,
        "11: header_count = 100",
    );
}

#[test]
fn limits_are_doubled_where_they_stand() {
    #[track_caller]
    fn check(config: &str, request: &str, limit: &str, reached: Guard, expected: &str) {
        let retry_after = Duration::from_secs(9);
        let denial = Denial::RateLimited(LimitExceeded { limit: limit.into(), retry_after });
        let remedy =
            Asked { config, request, ..ASKED }.remedy_of(&denial, |refused| refused.reached = reached);
        assert_eq!(shown(&remedy), expected, "{remedy:?}");
    }
    let app = "limit = { ip = [\"9/s burst 18\", \"100/15m\"], user = \"5/day\" }\n";
    check(
        app,
        "GET /x",
        "app.ip-1",
        Guard::AppLimit,
        "10: limit = { ip = [\"18/s burst 36\", \"100/15m\"], user = \"5/day\" }",
    );
    check(
        app,
        "GET /x",
        "app.ip-2",
        Guard::AppLimit,
        "10: limit = { ip = [\"9/s burst 18\", \"200/15m\"], user = \"5/day\" }",
    );
    check(
        app,
        "GET /x",
        "app.user-1",
        Guard::CallerLimit,
        "10: limit = { ip = [\"9/s burst 18\", \"100/15m\"], user = \"10/day\" }",
    );
    let routes = "[[app.media.route]]\nmatch = \"GET /a\"\n[[app.media.route]]\nmatch = \"GET /x\"\n[app.media.route.limit]\nuser = [\n\"1/s\",\n\"7/min\"]\n";
    check(routes, "GET /x", "route.user-2", Guard::CallerLimit, "17: \"14/min\"]");
    check(routes, "GET /x", "route.ip-1", Guard::RouteLimit, "-");
    let bucket = "[[app.media.route]]\nmatch = \"GET /a\"\nbucket = \"b\"\nlimit.ip = \"1/s\"\nlimit.user = [\"2/s\", \"3/s\"]\n[[app.media.route]]\nmatch = \"GET /x\"\nbucket = \"b\"\n";
    check(bucket, "GET /x", "b", Guard::RouteLimit, "13: limit.ip = \"2/s\"");
    check(bucket, "GET /x", "b-3", Guard::CallerLimit, "14: limit.user = [\"2/s\", \"6/s\"]");
    check(bucket, "GET /x", "b-4", Guard::CallerLimit, "-");
    check("limit.ip = \"1000000000/day\"\n", "GET /x", "app.ip-1", Guard::AppLimit, "-");
}

/// A profile's lines stand in no file of the operator.
#[test]
fn what_a_profile_brought_is_mended_beside_it() {
    fn check(profile: &str, app: &str, denial: &Denial, expected: &str) {
        let own = loaded(&text(&[HOUSE, APP, app]));
        let brought = source("profile player", &text(&[HOUSE, APP, profile]));
        let brought = compile(&[brought], &Desk::default(), None, now()).unwrap().policy;
        let theirs = brought.apps.first().unwrap();
        let route = theirs.routes.all().find(|route| route.index > 0).or(theirs.routes.all().next());
        let asked = Asked { request: "GET /x", ..ASKED };
        let refused = Refused {
            app: own.policy.apps.first().map(Arc::as_ref),
            route: route.map(Arc::as_ref),
            handshake: true,
            ..asked.refused(denial)
        };
        let remedy = remedy(&own.policy, &own.source, &refused, &Desk::default(), now());
        assert_eq!(shown(&remedy), expected, "{remedy:?}");
    }
    let route = "[[app.media.route]]\nmatch = \"GET /x\"\n";
    let with = |more: &str| format!("{route}{more}");
    check(
        route,
        "",
        &Denial::TokenMissing,
        "9+ [[app.media.route]] | match = \"GET /x\" | auth = \"public\"",
    );
    let body = Denial::BodyTooLarge { max: 1 << 20 };
    check(
        &with("auth = \"public\"\nbody.max = \"1MiB\"\n"),
        "",
        &body,
        "9+ [[app.media.route]] | match = \"GET /x\" | auth = \"public\" | body.max = \"2MiB\"",
    );
    // Never a route of one's own that asks for less than the profile's.
    check(&with("roles = [\"a\"]\nbody.max = \"1MiB\"\n"), "", &body, "-");
    check(&with("limit.ip = \"1/s\"\nbody.max = \"1MiB\"\n"), "", &body, "-");
    check(&with("roles = [\"a\"]\nwebsocket = false\n"), "", &Denial::UpgradeRefused, "-");
}

#[test]
fn a_proposal_that_breaks_a_promise_is_not_made() {
    let promise = "[[expect]]\nrequest = \"GET /x\"\nhost = \"media.example.com\"\nanswer = 401\n";
    let (_, remedy, _) = Asked { config: promise, ..ASKED }.remedy();
    assert_eq!(remedy.change, None);
    assert!(remedy.advice.contains("promised `401`"), "{}", remedy.advice);
    assert_eq!(remedy.command.as_deref(), Some("stagedoor token --sub NAME"));
}

#[test]
fn nothing_weakens_how_a_token_is_verified() {
    for denial in [
        Denial::TokenExpired,
        Denial::TokenInvalid(TokenFault::Signature),
        Denial::TokenInvalid(TokenFault::Lifetime),
        Denial::AmbiguousCredentials,
        Denial::IdentityUnavailable,
        Denial::BadRequest("x"),
        Denial::HeadTimeout,
        Denial::BodyTimeout,
        Denial::Overloaded,
        Denial::AppBusy,
        Denial::TooManyStreams,
        Denial::Draining,
        Denial::UpstreamUnreachable(UpstreamFault::Refused),
        Denial::UpstreamUnreachable(UpstreamFault::NoSuchName),
        Denial::UpstreamTimeout,
        Denial::Internal("x"),
        Denial::MethodNeverAllowed,
    ] {
        let remedy = ASKED.remedy_of(&denial, |_| {});
        assert_eq!(remedy.change, None, "{denial:?}");
        assert!(!remedy.advice.is_empty(), "{denial:?}");
    }
}

#[test]
fn several_apps_are_told_of() {
    let other =
        "[app.zoo]\nhosts = [\"zoo.example\"]\nupstream = \"http://127.0.0.1:3001\"\nauth = \"public\"\n";
    let (_, remedy, _) = Asked { config: other, host: "b.example", ..ASKED }.remedy();
    assert_eq!(shown(&remedy), "7: hosts = [\"media.example.com\", \"b.example\"]");
    assert!(remedy.advice.contains("media, zoo"), "{}", remedy.advice);
    let refused = Asked { config: other, host: "zoo.example", request: "GET /a/../b", ..ASKED };
    assert_eq!(refused.remedy().1.change, None);
}
