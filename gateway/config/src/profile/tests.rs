#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;

use super::{profiles, profiles_markdown};
use crate::built_in::{BUILT_IN, BuiltIn, find};
use crate::problem::Report;
use crate::tests::{APP, HOUSE, compiled, loaded, now, policy, text};
use crate::{Compiled, Problem, dry_run, raw};
use stagedoor_core::guard::caller::AssumedIdentity;
use stagedoor_core::guard::upgrade::UpgradePolicy;
use stagedoor_core::pipeline::Trail;
use stagedoor_core::policy::Policy;

mod rows;

const HOST: &str = "media.example.com";

/// The policy of an app that uses this profile, in a file of ten lines.
fn using(name: &str) -> Policy {
    let file = text(&[HOUSE, APP, &format!("use = \"{name}\"\n")]);
    assert_eq!(file.lines().count(), 10);
    policy(&file)
}

fn ask(policy: &Policy, request: &str, user: Option<&str>) -> (String, Trail) {
    let assumed = user.map(|user| AssumedIdentity { user: user.to_owned(), ..AssumedIdentity::default() });
    let ip = "192.0.2.1".parse().unwrap();
    let (outcome, trail) = dry_run(policy, request, HOST, assumed.as_ref(), ip, now());
    let told = match outcome {
        Ok(()) => "forward".to_owned(),
        Err(denial) => denial.code().to_owned(),
    };
    (told, trail)
}

#[test]
fn the_shelf_holds_what_the_folder_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/profiles");
    let files: BTreeSet<String> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let built_in: BTreeSet<String> =
        BUILT_IN.iter().map(|built_in| format!("{}.toml", built_in.stem())).collect();
    assert_eq!(files, built_in);
    for built_in in BUILT_IN {
        let file = std::fs::read_to_string(folder.join(format!("{}.toml", built_in.stem()))).unwrap();
        assert!(file == built_in.text, "{}", built_in.stem());
        let newer =
            BUILT_IN.iter().any(|other| other.name == built_in.name && other.version > built_in.version);
        assert_eq!(built_in.older, newer, "{}", built_in.stem());
    }
    let order: Vec<_> = BUILT_IN.iter().map(|built_in| (built_in.name, built_in.version)).collect();
    assert!(order.is_sorted() && order.windows(2).all(|pair| pair[0] != pair[1]), "{order:?}");
}

#[test]
fn every_profile_compiles_and_says_what_it_is() {
    assert_eq!(profiles().count(), BUILT_IN.len());
    for (profile, built_in) in profiles().zip(BUILT_IN) {
        let name = profile.name;
        assert_eq!((name, profile.version), (built_in.name, built_in.version));
        let file = text(&[HOUSE, APP, &format!("use = \"{name}@{}\"\n", profile.version)]);
        let compiled =
            compiled(&file, &Default::default()).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert_eq!(compiled.warnings, [], "{name}");
        assert!(profile.about.ends_with('.') && !profile.about.contains(". "), "{name}: one sentence");
        assert!(!profile.made_for.is_empty() && !profile.made_for.ends_with('.'), "{name}");
        assert!(!profile.facts.is_empty(), "{name}");
        for fact in &profile.facts {
            let (address, proves) = fact.split_once(' ').unwrap_or_else(|| panic!("{name}: {fact}"));
            assert!(
                address.starts_with("https://") && proves.len() > 10 && !proves.ends_with('.'),
                "{name}: {fact}"
            );
        }
    }
}

#[test]
fn a_profile_opens_what_it_lists_and_nothing_else() {
    // Whatever any profile speaks of, and a few paths besides, is asked of each.
    let mut requests: BTreeSet<String> =
        rows::ROWS.iter().map(|(_, request, ..)| (*request).to_owned()).collect();
    requests.extend(profiles().flat_map(|profile| profile.public));
    for other in
        ["GET /", "GET /index.html", "GET /api", "POST /login", "GET /PING", "GET /ping/", "GET /Health"]
    {
        requests.insert(other.to_owned());
    }
    assert!(requests.len() > 40);
    for profile in profiles() {
        let policy = using(profile.name);
        for request in &requests {
            // `GET` covers `HEAD`.
            let open = profile.public.contains(&request.replacen("HEAD ", "GET ", 1));
            let (told, trail) = ask(&policy, request, None);
            assert_eq!(told == "forward", open, "{}: {request}: {told}", profile.name);
            let public = trail
                .route
                .is_some_and(|route| matches!(route.auth, stagedoor_core::guard::caller::AuthPolicy::Public));
            assert_eq!(public, open, "{}: {request}", profile.name);
        }
        assert!(
            profile.public.iter().all(|listed| !listed.contains(['{', '*'])),
            "{}: exact paths alone",
            profile.name
        );
    }
}

#[test]
fn what_each_profile_opens_is_known() {
    let mut opened: Vec<(&str, Vec<String>)> = profiles().map(|p| (p.name, p.public)).collect();
    opened.retain(|(_, public)| !public.is_empty());
    let expected: &[(&str, &[&str])] = &[
        (
            "generic-spa",
            &["GET /manifest.json", "GET /manifest.webmanifest", "GET /site.webmanifest", "GET /robots.txt"],
        ),
        ("gradio", &["GET /manifest.json"]),
        (
            "jellyfin",
            &[
                "GET /health",
                "GET /emby/health",
                "GET /jellyfin/health",
                "GET /web/manifest.json",
                "GET /emby/web/manifest.json",
                "GET /jellyfin/web/manifest.json",
            ],
        ),
        ("lidarr", ARR),
        ("navidrome", &["GET /ping", "GET /app/manifest.webmanifest"]),
        ("prowlarr", ARR),
        ("pyload", &["GET /manifest.json"]),
        ("radarr", ARR),
        ("sonarr", ARR),
    ];
    let expected: Vec<(&str, Vec<String>)> = expected
        .iter()
        .map(|(name, public)| (*name, public.iter().map(|text| text.replace("NAME", name)).collect()))
        .collect();
    assert_eq!(opened, expected);
}

/// What the four of one family open.
const ARR: &[&str] = &[
    "GET /ping",
    "GET /NAME/ping",
    "GET /Content/manifest.json",
    "GET /Content/Images/Icons/manifest.json",
    "GET /NAME/Content/manifest.json",
    "GET /NAME/Content/Images/Icons/manifest.json",
];

/// The policy of an app that uses this profile, with a line of its own.
fn with(name: &str, line: &str) -> Policy {
    policy(&text(&[HOUSE, APP, &format!("use = \"{name}\"\n{line}\n")]))
}

#[test]
fn a_base_of_the_apps_own_takes_the_place_of_the_profiles() {
    let hub = |policy: &Policy, path: &str| {
        let (told, trail) = ask(policy, &format!("GET {path}"), Some("bob"));
        assert_eq!(told, "forward", "{path}");
        trail.route.unwrap().upgrade == UpgradePolicy::Websocket
    };
    let nobody = |policy: &Policy, path: &str| ask(policy, &format!("GET {path}"), None).0;
    for (line, bases) in [
        ("", ["/sonarr", ""].as_slice()),
        ("base = \"/sonarr\"", &["/sonarr"]),
        ("base = \"/tv\"", &["/tv"]),
        ("base = \"/media/tv-2\"", &["/media/tv-2"]),
        ("base = \"/\"", &[""]),
        ("base = [\"/\", \"/tv\"]", &["", "/tv"]),
    ] {
        let policy = with("sonarr", line);
        for base in ["", "/sonarr", "/tv", "/media/tv-2", "/other"] {
            let meant = bases.contains(&base);
            assert_eq!(hub(&policy, &format!("{base}/signalr/messages")), meant, "{line}: {base}");
            let health = nobody(&policy, &format!("{base}/ping"));
            assert_eq!(health, if meant { "forward" } else { "token_missing" }, "{line}: {base}");
        }
        let restore = format!("POST {}/api/v3/system/backup/restore/upload", bases[0]);
        assert_eq!(ask(&policy, &restore, Some("bob")).1.route.unwrap().body.max, 512 << 20, "{line}");
    }
    // A profile without bases has one where the app has.
    let music = with("navidrome", "base = \"/music\"");
    assert_eq!((&*nobody(&music, "/music/ping"), &*nobody(&music, "/ping")), ("forward", "token_missing"));
}

#[test]
fn a_route_below_a_base_keeps_its_name_and_its_line() {
    let Compiled { policy, source, .. } = loaded(&text(&[HOUSE, APP, "use = \"sonarr\"\nbase = \"/tv\"\n"]));
    let (_, trail) = ask(&policy, "GET /tv/ping", None);
    let route = trail.route.unwrap();
    assert_eq!(&*route.label, "health");
    let app = &policy.apps[0];
    let line = source.of_route(app, &route).of("match").unwrap().to_string();
    assert!(line.starts_with("profile sonarr:"), "{line}");
    assert_eq!(source.of_app(app).of("base").unwrap().to_string(), "stagedoor.toml:11");
}

#[test]
fn what_is_no_base_is_refused_where_it_stands() {
    for (lines, message) in [
        ("use = \"sonarr\"\nbase = \"tv\"", "not a base path: `tv`"),
        ("use = \"sonarr\"\nbase = \"/tv/\"", "not a base path: `/tv/`"),
        ("use = \"sonarr\"\nbase = \"//tv\"", "not a base path: `//tv`"),
        ("use = \"sonarr\"\nbase = \"/tv/../x\"", "not a base path: `/tv/../x`"),
        ("use = \"sonarr\"\nbase = \"/{any}\"", "not a base path: `/{any}`"),
        ("use = \"sonarr\"\nbase = \"/a%2fb\"", "not a base path: `/a%2fb`"),
        ("use = \"sonarr\"\nbase = [\"/\", \"\"]", "not a base path: ``"),
        ("use = \"sonarr\"\nbase = []", "a list without a base path"),
        ("use = \"sonarr\"\nbase = \"/.stagedoor\"", "the gateway's own pages are there: `/.stagedoor`"),
        ("base = \"/tv\"\n", "no profile whose routes could be there: `base`"),
    ] {
        let file = text(&[HOUSE, APP, lines, "\n"]);
        let problems = compiled(&file, &Default::default()).map(drop).unwrap_err();
        let told: Vec<_> = problems.iter().map(|p| (p.line, p.message.as_str())).collect();
        let line = if lines.starts_with("use") { 11 } else { 10 };
        assert_eq!(told, [(line, message)], "{lines}");
        assert!(problems[0].path.starts_with("app.media.base") && !problems[0].hint.is_empty());
    }
}

/// Programs for these write the slash of their address and that of the path; elsewhere two readings stay two.
#[test]
fn a_doubled_slash_is_one_where_honest_programs_write_it() {
    for built_in in BUILT_IN {
        let own = "[[app.media.route]]\nmatch = \"GET /rest/{*rest}\"\nauth = \"public\"";
        let policy = with(built_in.name, own);
        let merged = matches!(built_in.name, "jellyfin" | "kodi" | "navidrome" | "subsonic" | "supysonic");
        let told = ask(&policy, "GET //rest/ping.view", None).0;
        assert_eq!(told, if merged { "forward" } else { "ambiguous_path" }, "{}", built_in.name);
        assert_ne!(ask(&policy, "GET //", None).0, "forward", "{}", built_in.name);
    }
}

#[test]
fn every_route_of_a_profile_has_a_name() {
    for built_in in BUILT_IN {
        let report = Report::default();
        let read = raw::Profile::read(built_in, &report).unwrap();
        for route in &read.app.routes {
            assert!(route.name.is_some(), "{} at {}", built_in.name, route.at);
        }
    }
}

#[test]
fn a_limit_that_one_open_page_meets_is_told() {
    let told = |name: &str, limit: &str| {
        let file = text(&[HOUSE, APP, &format!("use = \"{name}\"\n{limit}\n")]);
        let compiled = compiled(&file, &Default::default()).unwrap_or_else(|found| panic!("{found:#?}"));
        compiled.warnings.iter().map(|p| (p.line, p.message.clone(), p.hint.clone())).collect::<Vec<_>>()
    };
    let too_little = |asks: u32, allows: u32, rule: &str| {
        let message = format!(
            "one open page of this app asks {asks} times an hour by itself, and this allows {allows}: `{rule}`"
        );
        vec![(11, message, format!("allow {}/hour or more, for two open pages", asks * 2))]
    };
    for (name, limit, expected) in [
        ("pyload", "limit.ip = \"4599/hour\"", too_little(4600, 4599, "4599/h")),
        ("pyload", "limit.ip = \"4600/hour\"", vec![]),
        ("pyload", "limit.user = \"1000/hour\"", too_little(4600, 1000, "1000/h")),
        ("pyload", "limit.ip = [\"20/s burst 40\", \"50/min\"]", too_little(4600, 3000, "50/min")),
        ("pyload", "limit.ip = \"1/s burst 400\"", too_little(4600, 3600, "1/s burst 400")),
        ("pyload", "limit.ip = \"2/s burst 40\"", vec![]),
        ("pyload", "limit.ip = \"50000/day\"", too_little(4600, 2083, "50000/d")),
        ("deluge", "limit.ip = \"2499/hour\"", too_little(2500, 2499, "2499/h")),
        ("deluge", "limit.ip = \"2500/hour\"", vec![]),
        // Nothing is known of how often these ask.
        ("sonarr", "limit.ip = \"10/hour\"", vec![]),
        ("generic-spa", "limit.user = \"10/hour\"", vec![]),
    ] {
        assert_eq!(told(name, limit), expected, "{name}: {limit}");
    }
}

#[test]
fn each_profile_does_what_its_app_needs() {
    let spoken_of: BTreeSet<&str> = rows::ROWS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(spoken_of, BUILT_IN.iter().map(|built_in| built_in.name).collect());
    for (name, request, nobody, user, websocket, body) in rows::ROWS {
        let policy = using(name);
        assert_eq!(ask(&policy, request, None).0, *nobody, "{name}: {request} as nobody");
        let (told, trail) = ask(&policy, request, Some("bob"));
        assert_eq!(told, *user, "{name}: {request} as bob");
        let route = trail.route.unwrap();
        assert_eq!(route.upgrade == UpgradePolicy::Websocket, *websocket, "{name}: {request}: WebSockets");
        assert_eq!(route.body.max, body << 20, "{name}: {request}: bytes of a body");
    }
    for (name, sources, host) in rows::SLOTS {
        let policy = using(name);
        let app = &policy.apps[0];
        let told: Vec<String> = app.sources().iter().map(|source| format!("{source:?}")).collect();
        assert_eq!(told, *sources, "{name}");
        assert_eq!(format!("{:?}", app.forward.host), *host, "{name}");
    }
    assert_eq!(rows::SLOTS.len(), BUILT_IN.len());
}

#[test]
fn a_version_is_pinned_and_without_one_the_newest_is_meant() {
    let shelf = [("a", 1, true), ("a", 2, true), ("a", 10, false), ("b", 3, false)]
        .map(|(name, version, older)| BuiltIn { name, version, older, text: "" });
    for (asked, expected) in [
        ("a", Some("profile a")),
        ("a@10", Some("profile a")),
        ("a@2", Some("profile a@2")),
        ("a@1", Some("profile a@1")),
        ("b", Some("profile b")),
        ("b@3", Some("profile b")),
        ("b@1", None),
        ("a@", None),
        ("a@02", None),
        ("a@+2", None),
        ("a@2@2", None),
        ("A", None),
        ("", None),
        ("@1", None),
        ("c", None),
        ("../a", None),
    ] {
        assert_eq!(find(&shelf, asked).map(BuiltIn::label).as_deref(), expected, "{asked}");
    }
}

#[test]
fn unknown_profiles_are_told_with_those_there_are() {
    for (asked, message, hint) in [
        ("sonar", "no such profile: `sonar`", "did you mean `sonarr`; there are calibre-web, deluge, "),
        ("Sonarr", "no such profile: `Sonarr`", "did you mean `sonarr`; there are"),
        ("sonar@1", "no such profile: `sonar@1`", "did you mean `sonarr`; there are"),
        ("plex", "no such profile: `plex`", "there are calibre-web, "),
        ("", "no such profile: ``", "there are calibre-web, "),
        ("../../etc/passwd", "no such profile: `../../etc/passwd`", "there are calibre-web, "),
        (
            "sonarr@7",
            "no such version of a profile: `sonarr@7`",
            "there is `sonarr@1`; without a version the newest is meant",
        ),
        ("sonarr@", "no such version of a profile: `sonarr@`", "there is `sonarr@1`"),
    ] {
        let file = text(&[HOUSE, APP, &format!("use = \"{asked}\"\n")]);
        let problems = compiled(&file, &Default::default()).map(drop).unwrap_err();
        let [Problem { file, line: 10, path, message: told, hint: how }] = &problems[..] else {
            panic!("{asked}: {problems:#?}");
        };
        assert_eq!((&**file, path.as_str(), told.as_str()), ("stagedoor.toml", "app.media.use", message));
        assert!(how.starts_with(hint), "{asked}: {how}");
    }
}

/// The problems of a profile with these keys of its app, as `LINE PATH: MESSAGE`.
fn problems(app: &str) -> Vec<String> {
    let header = "[profile]\nversion = 1\nfor = \"x\"\nabout = \"X.\"\nfacts = [\"https://x it is\"]\n";
    told(&format!("{header}[app]\n{app}\n"))
}

fn told(file: &str) -> Vec<String> {
    let report = Report::default();
    let built_in =
        BuiltIn { name: "test", version: 1, older: false, text: Box::leak(file.to_owned().into()) };
    let read = raw::Profile::read(&built_in, &report);
    let (problems, _) = report.finish(|_| None);
    assert!(read.is_some() || !problems.is_empty(), "{file}");
    assert!(problems.iter().all(|problem| &*problem.file == "profile test" && !problem.hint.is_empty()));
    problems.iter().map(|p| format!("{} {}: {}", p.line, p.path, p.message)).collect()
}

#[test]
fn a_profile_says_nothing_of_the_operators_world() {
    assert_eq!(problems("websocket = false"), [""; 0]);
    assert_eq!(problems("base = [\"/\", \"/x\"]"), [""; 0]);
    for (keys, expected) in [
        ("hosts = [\"x\"]", "7 app.hosts: a profile cannot set this key: `hosts`"),
        ("auth = \"public\"", "7 app.auth: a profile cannot set this key: `auth`"),
        ("by = [\"house\"]", "7 app.by: a profile cannot set this key: `by`"),
        ("use = \"other\"", "7 app.use: a profile cannot set this key: `use`"),
        ("upstream.urls = [\"http://x\"]", "7 app.upstream.urls: a profile cannot set this key: `urls`"),
        ("upstream = \"http://x\"", "7 app.upstream: a profile cannot set this key: `upstream`"),
        ("identity.pass = [\"x-user\"]", "7 app.identity.pass: a profile cannot set this key: `pass`"),
        ("access.allow = [\"10.0.0.0/8\"]", "7 app.access: a profile cannot set this key: `access`"),
        ("limit.ip = \"1/s\"", "7 app.limit: a profile cannot set this key: `limit`"),
        ("origin.check = \"off\"", "7 app.origin: a profile cannot set this key: `origin`"),
        ("cors.origins = [\"*\"]", "7 app.cors.origins: a profile cannot set this key: `origins`"),
        ("headers.set.x-a = \"1\"", "7 app.headers.set: a profile cannot set this key: `set`"),
        ("headers.hsts.preload = true", "7 app.headers.hsts: a profile cannot set this key: `hsts`"),
        (
            "[[app.route]]\nmatch = \"* /a\"\nroles = [\"x\"]",
            "9 app.route[0].roles: a profile cannot set this key: `roles`",
        ),
        (
            "[[app.route]]\nmatch = \"* /a\"\nby = [\"x\"]",
            "9 app.route[0].by: a profile cannot set this key: `by`",
        ),
        (
            "[[app.route]]\nmatch = \"* /a\"\nbucket = \"x\"",
            "9 app.route[0].bucket: a profile cannot set this key: `bucket`",
        ),
        ("websockets = false", "7 app.websockets: unknown key `websockets`"),
        ("prefix = \"/x\"", "7 app.prefix: not yet supported: `prefix`"),
        ("websocket = 1", "7 app.websocket: neither true nor false: `1`"),
        ("[[app.route]]\nauth = \"public\"", "7 app.route[0]: missing key `match`"),
        ("[auth.x]\nkind = \"jwt\"", "7 auth: unknown key `auth`"),
        ("[include]", "7 include: unknown key `include`"),
    ] {
        let told = problems(keys);
        assert!(told.iter().any(|line| line.starts_with(expected)), "{keys}: {told:#?}");
    }
    // A top-level key before the tables.
    let told = told("include = [\"x\"]\n[profile]\n[app]\nwebsocket = false\n");
    for expected in [
        "1 include: unknown key `include`",
        "2 profile: missing key `version`",
        "2 profile: missing key `facts`",
    ] {
        assert!(told.iter().any(|line| line.starts_with(expected)), "{expected}: {told:#?}");
    }
    for missing in ["profile", "app"] {
        let file = if missing == "app" { "[profile]\n" } else { "[app]\n" };
        assert!(self::told(file).iter().any(|line| line.contains(&format!("missing key `{missing}`"))));
    }
}

#[test]
fn the_operator_still_says_who_may_come_and_where_the_app_is() {
    for key in ["hosts", "upstream", "auth"] {
        let app: String =
            APP.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect();
        let file = text(&[HOUSE, &app, "use = \"sonarr\"\n"]);
        let problems = compiled(&file, &Default::default()).map(drop).unwrap_err();
        assert!(
            problems.iter().any(|p| p.message == format!("missing key `{key}`") && p.line == 6),
            "{problems:#?}"
        );
    }
    let file = text(&[HOUSE, APP, "use = \"transmission\"\n"])
        .replace("\"http://127.0.0.1:3000\"", "{ read = \"1s\" }");
    let problems = compiled(&file, &Default::default()).map(drop).unwrap_err();
    assert!(
        problems.iter().any(|p| p.path == "app.media.upstream" && p.message == "missing key `urls`"),
        "{problems:#?}"
    );
}

#[test]
fn the_list_names_every_profile_with_its_facts() {
    let list = profiles_markdown();
    assert!(list.starts_with("## Profiles\n"));
    for profile in profiles() {
        assert!(
            list.contains(&format!("\n### `{}@{}`\n", profile.name, profile.version)),
            "{}",
            profile.name
        );
        assert!(list.contains(&profile.about) && list.contains(&profile.made_for), "{}", profile.name);
        for fact in &profile.facts {
            assert!(list.contains(fact.split(' ').next().unwrap()), "{fact}");
        }
        for open in &profile.public {
            assert!(list.contains(&format!("`{open}`")), "{open}");
        }
    }
}
