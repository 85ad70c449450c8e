//! What a client chose stands in a proposal as data and as nothing else, and a proposal opens what it says, no more.

use super::*;
use stagedoor_core::guard::upgrade::UpgradePolicy;

/// The words that a shell reads in a line.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut chars) = (Vec::new(), None::<String>, false, line.chars());
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if quoted => word.get_or_insert_default().push(c),
            ' ' => words.extend(word.take()),
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c => {
                assert!(
                    c.is_ascii_alphanumeric() || "-_.,:@/+=".contains(c),
                    "`{c}` means something to a shell: {line}"
                );
                word.get_or_insert_default().push(c);
            }
        }
    }
    assert!(!quoted, "{line}");
    words.extend(word);
    words
}

#[test]
fn a_name_is_one_word_of_the_command() {
    #[track_caller]
    fn check(user: &str, roles: &[&str], expected: &[&str]) {
        let held: Vec<Arc<str>> = roles.iter().map(|role| Arc::from(*role)).collect();
        let config = "[[app.media.route]]\nmatch = \"GET /x\"\nroles = [\"it's; the \\\"boss\\\"\"]\n";
        let Compiled { policy, source, .. } = loaded(&text(&[HOUSE, APP, config]));
        let app = policy.apps.first().unwrap();
        let asked = Asked { config, ..ASKED };
        let denial = Denial::RoleMissing;
        let refused = Refused {
            app: Some(app),
            route: app.routes.all().find(|route| route.index == 1).map(Arc::as_ref),
            user: Some(user),
            roles: &held,
            ..asked.refused(&denial)
        };
        let remedy = remedy(&policy, &source, &refused, &Desk::default(), now());
        let command = remedy.command.unwrap();
        assert_eq!(words(&command), [&["stagedoor", "token"], expected].concat(), "{command}");
    }
    let boss = "it's; the \"boss\"";
    check("bob", &[], &["--sub", "bob", "--roles", boss]);
    for user in ["$(reboot)", "`reboot`", "a'; reboot; '", "a\nreboot", "~", "a b", "*", "!!", "a\\", ""] {
        check(user, &[], &["--sub", user, "--roles", boss]);
    }
    // An option is no name.
    check("--config=/dev/stdin", &[], &["--sub=--config=/dev/stdin", "--roles", boss]);
    check("bob", &["-x"], &["--sub", "bob", &format!("--roles=-x,{boss}")]);
    // A comma would make two roles of one: more than the caller had.
    check("bob", &["user", "guest,admin"], &["--sub", "bob", "--roles", &format!("user,{boss}")]);
}

#[test]
fn an_origin_is_one_page_and_never_all() {
    for cors in
        ["", "cors = \"app\"\n", "cors.origins = [\"https://a.example\"]\n", "cors.origins = [\"*\"]\n"]
    {
        for origin in [
            "*",
            "https://*",
            "https://*.example",
            "https://a.example, https://b.example",
            "https://x.example\"]\nauth = \"public\"\nx = [\"",
            "https://x.example/'",
            "",
            "a",
        ] {
            let asked = Asked { config: cors, ..ASKED };
            let remedy = asked.remedy_of(&Denial::CrossOrigin, |refused| refused.origin = Some(origin));
            assert_eq!(remedy.change, None, "{origin} under {cors}");
        }
    }
}

#[test]
fn without_an_origin_the_rule_of_the_route_says_what_helps() {
    for (config, helps) in [
        ("", "origin.check = \"off\""),
        ("origin.check = \"always\"\n", "origin.check = \"off\""),
        ("origin.check = \"strict\"\n", "origin.check = \"cookies\""),
    ] {
        let remedy =
            Asked { config, ..ASKED }.remedy_of(&Denial::CrossOrigin, |refused| refused.origin = None);
        assert!(remedy.change.is_none() && remedy.advice.contains(helps), "{config}: {}", remedy.advice);
    }
}

#[test]
fn an_origin_that_every_sandbox_has_is_never_listed() {
    for cors in
        ["", "cors = \"app\"\n", "cors.origins = [\"https://a.example\"]\n", "headers.frame = \"'none'\"\n"]
    {
        let asked = Asked { config: cors, ..ASKED };
        let remedy = asked.remedy_of(&Denial::CrossOrigin, |refused| refused.origin = Some("null"));
        assert!(remedy.advice.contains("Referrer-Policy: no-referrer"), "{}", remedy.advice);
        let change = remedy.change.expect(cors);
        let lines = format!("{change:?}");
        assert!(lines.contains("referrer-policy") && lines.contains("same-origin"), "{lines}");
        assert!(!lines.contains("null"), "{lines}");
    }
}

#[test]
fn a_path_is_itself_and_no_pattern() {
    let config = "unlisted = \"deny\"\n";
    let mut proposed = 0;
    for path in [
        "/a\"b",
        "/a'b",
        "/{id}",
        "/{*rest}",
        "/*",
        "/**",
        "/%7B*rest%7D",
        "/ä",
        "/%C3%A4",
        "/a%22%0Ab",
        "/\u{202E}a",
        "/a;b=c",
        "/a|b",
        "/[[app.media.route]]",
        "/a#b",
        "/a%20b%2A",
        "//",
        "/a/",
    ] {
        let asked = Asked { config, ..ASKED };
        let remedy = asked.remedy_of(&Denial::NotFound, |refused| refused.path = Some(path));
        let Some(change) = remedy.change else { continue };
        proposed += 1;
        let Compiled { policy: before, source, .. } = asked.loaded();
        let changed = change.apply(&source.files.first().unwrap().text);
        let after = policy(&changed);
        let routes =
            |policy: &Policy| policy.apps.iter().map(|app| app.routes.all().count()).collect::<Vec<_>>();
        assert_eq!((routes(&before), routes(&after)), (vec![1], vec![2]), "{changed}");
        for other in ["GET /zzz", "POST /x", "GET /zzz/y", "GET /a", "GET /"] {
            let met = |policy: &Policy| dry_run(policy, other, ASKED.host, None, CLIENT, now()).0.is_err();
            assert_eq!(met(&after), met(&before), "{other} after {changed}");
        }
    }
    assert!(proposed > 5, "{proposed}");
}

/// A route of one's own goes before the profile's: it may not leave out what that one says besides.
#[test]
fn what_a_profile_asks_besides_is_not_dropped() {
    fn check(profile: &str, own: &str, denial: &Denial) -> Option<Change> {
        let own = loaded(&text(&[HOUSE, APP, own]));
        let brought = source(
            "profile player",
            &text(&[HOUSE, APP, "[[app.media.route]]\nmatch = \"GET /x\"\n", profile]),
        );
        let brought = compile(&[brought], &Desk::default(), None, now()).unwrap().policy;
        let route = brought.apps.first().unwrap().routes.all().find(|route| route.index > 0);
        let refused = Refused {
            app: own.policy.apps.first().map(Arc::as_ref),
            route: route.map(Arc::as_ref),
            ..ASKED.refused(denial)
        };
        remedy(&own.policy, &own.source, &refused, &Desk::default(), now()).change
    }
    assert!(check("", "", &Denial::TokenMissing).is_some());
    assert_eq!(check("body.max = \"1KiB\"\n", "", &Denial::TokenMissing), None);
    assert_eq!(check("websocket = false\n", "websocket = true\n", &Denial::TokenMissing), None);
    assert_eq!(check("", "encoded_slash = true\n", &Denial::TokenMissing), None);
    assert_eq!(
        check(
            "body.max = \"1KiB\"\nwebsocket = false\n",
            "websocket = true\n",
            &Denial::BodyTooLarge { max: 1024 }
        ),
        None
    );
}

#[test]
fn odd_layouts_lead_to_the_same_policy() {
    const LAYOUTS: [&str; 8] = [
        "[app.media]\nhosts = [\"media.example.com\"]\nupstream = \"http://127.0.0.1:1\"\nauth = \"required\"\n",
        "[app]\nmedia = { hosts = [\"media.example.com\"], upstream = \"http://127.0.0.1:1\", auth = \"required\" }\n",
        "[app]\nmedia.hosts = [\"media.example.com\"]\nmedia.upstream = \"http://127.0.0.1:1\"\nmedia.auth = \"required\"\n",
        "[\"app\" . 'media']\n'hosts' = [ # all\n  \"media.example.com\", # the one\n  ] # end\n\"upstream\" = \"http://127.0.0.1:1\"\n\tauth\t=\t\"required\" # ä\n",
        "[app.media]\r\nhosts = [\r\n\"media.example.com\"\r\n]\r\nupstream = \"http://127.0.0.1:1\"\r\nauth = \"required\"\r\n",
        "[app.media]\nhosts = [\"media.example.com\"]\nupstream = { urls = [\n\"http://127.0.0.1:1\"] }\nauth = \"\"\"\nrequired\"\"\"\n",
        "[app.media]\nhosts = [\"media.example.com\"]\nupstream = \"http://127.0.0.1:1\"\nauth = \"required\"\n[app.media.limit]\nip = \"9/s\"\n[[app.media.route]]\nmatch = \"GET /y\"\n[app.media.route.limit]\nip = \"8/s\"\n[app.\"zoo\"]\nhosts = [\"z.example\"]\nupstream = \"http://127.0.0.1:1\"\nauth = \"required\"\n",
        "[app]\n[app.media]\nroute = [\n  { match = \"GET /y\" }, # y\n]\nhosts = [\"media.example.com\"]\nupstream = \"http://127.0.0.1:1\"\nauth = \"required\"",
    ];
    for layout in LAYOUTS {
        let config = text(&[HOUSE, layout]);
        let Compiled { policy, source, .. } = loaded(&config);
        for (denial, set) in [
            (Denial::UnknownHost, "host"),
            (Denial::TokenMissing, "auth"),
            (Denial::UpgradeRefused, "websocket"),
            (Denial::BodyTooLarge { max: 1 << 20 }, "body"),
            (Denial::CrossOrigin, "origins"),
            (Denial::UriTooLong, "uri_bytes"),
        ] {
            let app = policy.apps.iter().find(|app| &*app.name == "media").unwrap();
            let refused = Refused {
                app: Some(app),
                route: app.routes.all().next().map(Arc::as_ref),
                host: Some("b.example"),
                origin: Some("https://c.example"),
                handshake: true,
                ..ASKED.refused(&denial)
            };
            let remedy = remedy(&policy, &source, &refused, &Desk::default(), now());
            let wanted =
                set != "websocket" || app.routes.all().all(|route| route.upgrade == UpgradePolicy::Forbidden);
            assert!(remedy.change.is_some() == wanted, "{set}: {remedy:?}\n{layout}");
            let Some(change) = remedy.change else { continue };
            only(&config, &change.apply(&config), set);
        }
    }
}

/// The two say the same but for what stands below a key of this name, in a new route, or at the end of a list.
#[track_caller]
fn only(before: &str, after: &str, set: &str) {
    fn leaves(value: &toml::Value, path: &str, into: &mut Vec<String>) {
        match value {
            toml::Value::Table(table) => {
                table.iter().for_each(|(key, value)| leaves(value, &format!("{path}/{key}"), into))
            }
            toml::Value::Array(items) => {
                items.iter().for_each(|value| leaves(value, &format!("{path}/-"), into))
            }
            toml::Value::String(_)
            | toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_) => into.push(format!("{path} = {value}")),
        }
    }
    let read = |text: &str| {
        let mut all = Vec::new();
        leaves(&toml::Value::Table(text.parse().unwrap()), "", &mut all);
        all
    };
    let (before, after) = (read(before), read(after));
    let lost: Vec<_> = before.iter().filter(|leaf| !after.contains(leaf)).collect();
    assert!(lost.iter().all(|leaf| leaf.contains(set)), "lost: {lost:?}");
    let won: Vec<_> = after.iter().filter(|leaf| !before.contains(leaf)).collect();
    assert!(
        !won.is_empty() && won.iter().all(|leaf| leaf.contains(set) || leaf.contains("/match = ")),
        "won: {won:?}"
    );
}
