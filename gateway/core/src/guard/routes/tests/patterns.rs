//! Patterns that parse or do not, and tables that clash.

use super::build;
use crate::guard::routes::{Clash, Pattern, PatternFault, Unlisted};
use crate::guard::target::PathPolicy;

#[test]
fn patterns() {
    let pattern = Pattern::parse("  GET  /a/{id}/b/{*rest} ").unwrap();
    assert_eq!(pattern.params(), [("id".to_owned(), 1), ("rest".to_owned(), 3)]);
    assert_eq!((pattern.method(), pattern.text()), (Some("GET"), "GET  /a/{id}/b/{*rest}"));
    for good in [
        "* /",
        "M-SEARCH /x",
        "GET /a b/%20/%7C/|",
        "GET /a;b",
        "GET /a//b/",
        "CONNECT /x",
        "GET /a%2Fb",
        "GET /..",
    ] {
        assert!(Pattern::parse(good).is_ok(), "{good}");
    }
    let rows = [
        ("", "a method and a path are expected, not ``"),
        ("/x", "a method and a path are expected, not `/x`"),
        ("GET", "a method and a path are expected, not `GET`"),
        ("get /x", "a method is one to 32 upper-case letters or hyphens, not `get`"),
        ("GET,POST /x", "a method is one to 32 upper-case letters or hyphens, not `GET,POST`"),
        ("GET x", "the path does not start with a slash: `x`"),
        ("GET /x?y=1", "a path holds no `?`"),
        ("GET /x#y", "a path holds no `#`"),
        ("GET /x\\y", "a path holds no `\\\\`"),
        ("GET /x\ty", "a path holds no `\\t`"),
        ("GET /{*rest}/x", "something follows `{*rest}`"),
        ("GET /{*rest}/", "something follows `{*rest}`"),
        ("GET /{a}/{a}", "two parameters have the name `a`"),
        ("GET /{a}/{*a}", "two parameters have the name `a`"),
        ("GET /{}", "a parameter needs a name of letters, digits, `_` and `-`: `{}`"),
        ("GET /{*}", "a parameter needs a name of letters, digits, `_` and `-`: `{*}`"),
        ("GET /{a.b}", "a parameter needs a name of letters, digits, `_` and `-`: `{a.b}`"),
        ("GET /x{a}", "a parameter is a whole segment: `x{a}`"),
        ("GET /{a}.json", "a parameter is a whole segment: `{a}.json`"),
        ("GET /api/*", "`*` is no wildcard here"),
        ("GET /100%", "a `%` without two hexadecimal digits: `100%`"),
        ("GET /%ff", "the path is not UTF-8 when decoded: `%ff`"),
        ("GET /%0a", "an encoded control character or backslash: `%0a`"),
        ("GET /%5c", "an encoded control character or backslash: `%5c`"),
        ("GET /%61dmin", "an encoded character that needs no encoding: `%61dmin`"),
    ];
    for (text, expected) in rows {
        assert_eq!(Pattern::parse(text).map_err(|fault| fault.message), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn a_method_that_is_none_is_answered_with_what_would_be() {
    for (text, expected) in [
        ("get /x", "write `GET`, or `*` for every method"),
        ("GET,POST /a", "write match = [\"GET /a\", \"POST /a\"], or `*` for every method"),
        ("get|post,  /a/{x}", "write match = [\"GET /a/{x}\", \"POST /a/{x}\"], or `*` for every method"),
        ("** /a", "write `*` for every method, or one, such as `GET`; several are several entries"),
        ("GE7 /a", "write `*` for every method, or one, such as `GET`; several are several entries"),
        (", /a", "write `*` for every method, or one, such as `GET`; several are several entries"),
    ] {
        assert_eq!(Pattern::parse(text).unwrap_err().hint, expected, "{text}");
    }
}

#[test]
fn the_spellings_of_other_routers_are_told_in_ours() {
    for (path, part, meant) in [
        // Express, Rails, Gin.
        ("/jobs/:owner", ":owner", "/jobs/{owner}"),
        ("/jobs/:owner?", ":owner?", "/jobs/{owner}"),
        ("/jobs/:owner(\\d+)/x", ":owner(\\d+)", "/jobs/{owner}/x"),
        ("/files/:path*", ":path*", "/files/{*path}"),
        ("/files/:path(.*)", ":path(.*)", "/files/{*path}"),
        ("/files/*path", "*path", "/files/{*path}"),
        // Flask, Django, Sanic.
        ("/jobs/<owner>", "<owner>", "/jobs/{owner}"),
        ("/jobs/<int:owner>", "<int:owner>", "/jobs/{owner}"),
        ("/jobs/<owner:int>/", "<owner:int>", "/jobs/{owner}/"),
        ("/files/<path:name>", "<path:name>", "/files/{*name}"),
        ("/x/<any(a,b):kind>/<string(length=2):lang>", "<any(a,b):kind>", "/x/{kind}/{lang}"),
        // Starlette, chi, actix, Go, ASP.NET.
        ("/jobs/{id:int}", "{id:int}", "/jobs/{id}"),
        ("/jobs/{id:[0-9]+}", "{id:[0-9]+}", "/jobs/{id}"),
        ("/jobs/{id:[^/]+}/x", "{id:[^/]+}", "/jobs/{id}/x"),
        ("/files/{name:path}", "{name:path}", "/files/{*name}"),
        ("/files/{name:.*}", "{name:.*}", "/files/{*name}"),
        ("/files/{name...}", "{name...}", "/files/{*name}"),
        ("/files/{**name}", "{**name}", "/files/{*name}"),
        ("/jobs/{id?}", "{id?}", "/jobs/{id}"),
        // Next.js, SvelteKit, Remix.
        ("/jobs/[id]", "[id]", "/jobs/{id}"),
        ("/docs/[...slug]", "[...slug]", "/docs/{*slug}"),
        ("/docs/[[...slug]]", "[[...slug]]", "/docs/{*slug}"),
        ("/jobs/$id", "$id", "/jobs/{id}"),
        ("/docs/$", "$", "/docs/{*rest}"),
        // Globs.
        ("/jobs/*", "*", "/jobs/{*rest}"),
        ("/jobs/**", "**", "/jobs/{*rest}"),
        ("/jobs/*/log", "*", "/jobs/{name}/log"),
        // Two of them, with one name.
        ("/a/:id/b/{id:int}", ":id", "/a/{id}/b/{id2}"),
        ("/:id/:id/:id/:id", ":id", "/{id}/{id2}/{id3}/{id4}"),
    ] {
        let PatternFault { message, hint } = Pattern::parse(&format!("GET {path}")).expect_err(path);
        assert!(message.starts_with(&format!("`{part}` is no ")), "{path}: {message}");
        assert!(hint.starts_with(&format!("write `GET {meant}`")), "{path}: {hint}");
        assert!(Pattern::parse(&format!("GET {meant}")).is_ok(), "{meant}");
    }
    for (path, meant) in [
        ("^/jobs/(.*)$", "/jobs/{*rest}"),
        ("^/jobs/(.*)", "/jobs/{*rest}"),
        ("/jobs/(.+)$", "/jobs/{*rest}"),
        ("/jobs/.*", "/jobs/{*rest}"),
        ("^/jobs/\\d+/?$", "/jobs/{id}"),
        ("^/jobs/([^/]+)/log$", "/jobs/{id}/log"),
        ("^jobs/(?P<owner>[^/]+)/$", "/jobs/{owner}/"),
        ("^/a\\.json$", "/a.json"),
        ("^/jobs$", "/jobs"),
        ("~ ^/jobs/[0-9]+", "/jobs/{id}"),
    ] {
        let PatternFault { message, hint } = Pattern::parse(&format!("GET {path}")).expect_err(path);
        assert_eq!(message, format!("a path is no regular expression: `{path}`"));
        assert_eq!(hint, format!("write `GET {meant}`"), "{path}");
    }
    // What cannot be told is not guessed.
    for (path, literal) in [
        ("/*.html", "%2A"),
        ("/img-*", "%2A"),
        ("/(a|.*)x/y/.*/z", ""),
        ("/x/:name.mp3", "%3A"),
        ("/[...a]/b", "%5B"),
        ("/jobs/<owner>.json", "%3C"),
        ("/jobs/x-[id]", "%5B"),
        ("/jobs/[id].json", "%5B"),
        ("/jobs(.:format)", "%28"),
    ] {
        let PatternFault { hint, .. } = Pattern::parse(&format!("* {path}")).expect_err(path);
        assert!(hint.starts_with("write `{name}` for one whole segment"), "{path}: {hint}");
        assert!(hint.contains(literal), "{path}: {hint}");
    }
    for literal in [
        "/items/1:batch",
        "/%3Aowner",
        "/%24metadata",
        "/Foo(1)",
        "/a+b/x,y",
        "/a|b",
        "/price$s",
        "/x[1]",
        "/@me",
    ] {
        assert!(Pattern::parse(&format!("GET {literal}")).is_ok(), "{literal}");
    }
}

#[test]
fn methods_that_servers_have_are_known() {
    for known in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PROPFIND", "MKCOL", "M-SEARCH",
        "PURGE",
    ] {
        assert!(Pattern::parse(&format!("{known} /")).unwrap().method_is_known(), "{known}");
    }
    assert!(Pattern::parse("* /").unwrap().method_is_known());
    for unknown in ["GTE", "PSOT", "FETCH", "DELET", "GETS"] {
        assert!(!Pattern::parse(&format!("{unknown} /")).unwrap().method_is_known(), "{unknown}");
    }
}

#[test]
fn clashes() {
    let exact = PathPolicy { exact_case: true, ..PathPolicy::default() };
    let rows: &[(&[&str], PathPolicy, &[&str])] = &[
        (&["GET /a/{x}", "GET /a/{y}"], PathPolicy::default(), &["0=1"]),
        (&["GET /a/{*x}", "GET /b", "GET /a/{*y}"], PathPolicy::default(), &["0=2"]),
        (&["GET /a%20b", "GET /a b"], PathPolicy::default(), &["0=1"]),
        (&["GET /a/{x} | GET /a/{y}"], PathPolicy::default(), &[]),
        (&["GET /a", "* /a", "HEAD /a", "POST /a"], PathPolicy::default(), &[]),
        (&["* /a", "* /a"], PathPolicy::default(), &["0=1"]),
        (&["GET /a/{x}", "GET /a/b", "GET /a/{*r}"], PathPolicy::default(), &[]),
        (
            &["GET /Foo", "GET /foo"],
            PathPolicy::default(),
            &[
                "1: every request for it is ambiguous: once folded, its path is also that of `GET /Foo` (by case)",
            ],
        ),
        (
            &["GET /Foo", "GET /foo/"],
            PathPolicy::default(),
            &[
                "1: every request for it is ambiguous: once folded, its path is also that of `GET /Foo` (by case)",
            ],
        ),
        (
            &["GET /a", "GET /a/"],
            PathPolicy::default(),
            &["1: every request for it is ambiguous: once folded, its path is also that of `GET /a`"],
        ),
        // Of a route with several patterns the one is named whose folded path it is.
        (
            &["GET /{*rest}", "GET /c | GET /Foo", "GET /foo"],
            PathPolicy::default(),
            &[
                "3: every request for it is ambiguous: once folded, its path is also that of `GET /Foo` (by case)",
            ],
        ),
        (&["GET /Foo | GET /foo"], PathPolicy::default(), &[]),
        (&["GET /Foo", "GET /foo"], exact, &[]),
        (&["GET /Foo", "POST /foo"], PathPolicy::default(), &[]),
        (
            &["GET /a", "GET /a/"],
            exact,
            &["1: every request for it is ambiguous: once folded, its path is also that of `GET /a`"],
        ),
        (
            &["GET /a", "GET /a;v=1"],
            exact,
            &["1: every request for it is ambiguous: once folded, its path is also that of `GET /a`"],
        ),
        (
            &["GET /a", "GET //a"],
            exact,
            &["1: every request for it is ambiguous: once folded, its path is also that of `GET /a`"],
        ),
        (&["GET /a/../b"], exact, &["0: every request for it is refused: a dot segment in the path"]),
        (&["GET /a/%252e"], exact, &["0: every request for it is refused: a dot segment in the path"]),
        (&["GET /a%2Fb"], exact, &["0: its `%2F` is refused without `encoded_slash = true`"]),
        (&["%GET /a%2Fb"], exact, &[]),
        (&["CONNECT /a"], exact, &["0: no request of this method is let in: `CONNECT`"]),
        (&["TRACE /{*rest}"], exact, &["0: no request of this method is let in: `TRACE`"]),
        (&["* /sample/{x}", "SAMPLE /sample/{y}"], exact, &[]),
    ];
    for (lines, paths, expected) in rows {
        let clashes = build(lines, Unlisted::Deny, *paths).err().unwrap_or_default();
        let told: Vec<_> = clashes
            .iter()
            .map(|clash| match clash {
                Clash::Tie { first, second } => format!("{first}={second}"),
                Clash::NeverMet { pattern, why, by_case } => {
                    format!("{pattern}: {why}{}", if *by_case { " (by case)" } else { "" })
                }
            })
            .collect();
        assert_eq!(told, *expected, "{lines:?}");
    }
}
