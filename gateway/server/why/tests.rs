#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn why() -> RefusalExplanation {
    RefusalExplanation {
        request_id: "0190a3c4-8f2e-7b11-9d3a-5c6f7e8d9a0b".into(),
        time: "2026-11-21T05:41:37.123Z".into(),
        app: Some("media".into()),
        route: None,
        method: "GET".into(),
        target: "/x".into(),
        host: Some("media.example".into()),
        client: "192.0.2.7".into(),
        user: Some("bob".into()),
        status: 403,
        code: "forbidden".into(),
        reason: "why".into(),
        guard: "permission".into(),
        file: Some("a.toml".into()),
        line: Some(7),
        key: Some("roles".into()),
        reloaded: false,
        checks: Vec::new(),
        remedy: RemedyAdvice {
            change: Some(ConfigEdit {
                file: Some("a.toml".into()),
                table: "app.media.route".into(),
                line: 7,
                last: 9,
                replaces: true,
                text: "roles = [\n\"a\"]".into(),
            }),
            command: Some("stagedoor token --sub bob".into()),
            advice: "opens it".into(),
        },
    }
}

#[test]
fn people_read_where_what_goes() {
    let text = why().text(false);
    for part in [
        "GET /x on media.example as bob, from 192.0.2.7 at 2026-",
        "refused: 403 forbidden: why\n",
        "by:      permission, `roles` at a.toml:7\n",
        "to pass: in a.toml, instead of lines 7 to 9 ([app.media.route]):\n\n    roles = [\n    \"a\"]\n",
        "caution: opens it\nor:      stagedoor token --sub bob\n",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let behind = |line: usize| {
        let mut why = why();
        why.remedy.change = why.remedy.change.map(|change| ConfigEdit { line, replaces: false, ..change });
        why.text(false)
    };
    assert!(behind(7).contains("in a.toml, behind line 7 ("));
    assert!(behind(0).contains("in a.toml, at the top ("));
}

#[test]
fn people_read_that_there_is_nothing_to_paste() {
    let mut why = why();
    why.remedy.change = None;
    (why.file, why.line, why.key) = (None, None, None);
    let text = why.text(false);
    assert!(text.contains("by:      permission, with no key of its own in the configuration\n"), "{text}");
    assert!(text.contains("to pass: opens it\n         stagedoor token --sub bob\n"), "{text}");
    why.reloaded = true;
    assert!(why.text(false).contains("by:      permission\n"));
    assert!(RefusalList { refusals: Vec::new() }.text().contains("nothing was refused"));
}

#[test]
fn a_text_without_a_file_is_not_pasted_into_one() {
    let change = Change {
        file: "run --upstream".into(),
        table: "app.app".into(),
        line: 15,
        last: 15,
        text: "\n[[app.app.route]]\nmatch = \"GET /\"".into(),
        replaces: false,
    };
    let remedy = Remedy { change: Some(change), command: None, advice: "opens it".into() };
    let said = |denial: Denial| {
        let remedy = advice(remedy.clone(), &refusal(denial));
        RefusalExplanation { remedy, ..why() }.text(false)
    };
    let text = said(Denial::TokenMissing);
    let lines = "to pass: in a file of your own ([app.app]), for the gateway runs without one:\n\n    \
                 [[app.app.route]]\n    match = \"GET /\"\n\ncaution: opens it\n";
    assert!(text.contains(lines), "{text}");
    assert!(said(Denial::UnknownHost).contains("caution: opens it; `STAGEDOOR_HOSTS` names it"));
}

fn refusal(denial: Denial) -> RefusalRecord {
    RefusalRecord {
        id: RequestId::parse("0190a3c4-8f2e-7b11-9d3a-5c6f7e8d9a0b").unwrap(),
        time: std::time::Duration::ZERO,
        generation: 0,
        app: None,
        route: None,
        denial,
        guard: stagedoor_core::denial::Guard::Target,
        method: "GET".into(),
        target: b"/".as_slice().into(),
        whole_path: true,
        host: Some("films.lan".into()),
        origin: None,
        client: std::net::Ipv4Addr::LOCALHOST.into(),
        user: None,
        roles: Box::default(),
        declared: None,
        handshake: false,
        too_many_fields: false,
    }
}

#[test]
fn what_a_client_sent_does_nothing_to_a_terminal() {
    assert_eq!(legible("/ä\u{9B}2J\u{202E}\"\\".as_bytes()), "/ä\\u009B2J\\u202E\"\\");
    assert_eq!(legible(b"/\xFF\xC3"), "/%FF%C3");
}
