//! Content-Security-Policy and who may frame.

use super::*;

pub(super) fn csp(enforce: bool, replace_app: bool) -> Csp {
    let policy = vec![
        ("default-src".to_owned(), vec!["'self'".to_owned()]),
        ("img-src".to_owned(), vec!["'self'".to_owned(), "data:".to_owned()]),
        ("upgrade-insecure-requests".to_owned(), Vec::new()),
    ];
    Csp { enforce, policy, replace_app }
}

const OWN_POLICY: &str = "default-src 'self'; img-src 'self' data:; upgrade-insecure-requests";

#[test]
fn content_security_policies() {
    let check = |policy: &ResponsePolicy, answer: &str, enforced: &str, report: &str| {
        let map = edit(policy, answer);
        assert_eq!(lines(&map, "content-security-policy"), enforced, "{answer}");
        assert_eq!(lines(&map, "content-security-policy-report-only"), report, "{answer}");
    };
    const OWN: &str = "content-security-policy: script-src 'self'";
    const OWN_REPORT: &str = "content-security-policy-report-only: script-src 'self'";

    let report = with(Preset::Web, |s| s.csp = Some(csp(false, false)));
    check(&report, "", WEB_CSP, OWN_POLICY);
    check(&report, OWN, "script-src 'self'", "-");
    check(&report, OWN_REPORT, WEB_CSP, "script-src 'self'");
    check(
        &report,
        &format!("{OWN}\n{OWN}; img-src *"),
        "script-src 'self' || script-src 'self'; img-src *",
        "-",
    );

    let merged = format!("{OWN_POLICY}; {WEB_CSP}");
    let enforce = with(Preset::Web, |s| s.csp = Some(csp(true, false)));
    check(&enforce, "", &merged, "-");
    check(&enforce, OWN, "script-src 'self'", "-");
    let replace = with(Preset::Web, |s| s.csp = Some(csp(true, true)));
    check(&replace, &format!("{OWN}\n{OWN}\n{OWN_REPORT}"), &merged, "-");
    let replace_report = with(Preset::Web, |s| s.csp = Some(csp(false, true)));
    check(&replace_report, OWN, WEB_CSP, OWN_POLICY);

    let configured = with(Preset::Web, |s| {
        let mut csp = csp(true, false);
        csp.policy =
            [("Object-Src", "'self'"), ("base-uri", "'none'"), ("frame-ancestors", "https://a.example")]
                .map(|(name, source)| (name.to_owned(), vec![source.to_owned()]))
                .to_vec();
        s.csp = Some(csp);
    });
    check(&configured, "", "Object-Src 'self'; base-uri 'none'; frame-ancestors https://a.example", "-");
    assert_eq!(lines(&edit(&configured, ""), "x-frame-options"), "-");

    check(
        &with(Preset::Api, |s| s.csp = Some(csp(true, false))),
        "",
        &format!("{OWN_POLICY}; frame-ancestors 'none'"),
        "-",
    );
    check(&with(Preset::Off, |s| s.csp = Some(csp(true, false))), "", OWN_POLICY, "-");
    check(&with(Preset::Off, |s| s.csp = Some(csp(false, false))), "", "-", OWN_POLICY);
}

#[test]
fn framing_is_said_the_same_way_twice() {
    let check = |frame: Option<&[&str]>, answer: &str, expected: (&str, &str)| {
        let frame = frame.map(|sources| sources.iter().map(|s| (*s).to_owned()).collect());
        let map = edit(&with(Preset::Web, |s| s.frame = frame), answer);
        let csp = lines(&map, "content-security-policy");
        let ancestors = csp.split("frame-ancestors ").nth(1).unwrap_or("-").to_owned();
        assert_eq!((lines(&map, "x-frame-options").as_str(), ancestors.as_str()), expected, "{answer}");
    };
    check(None, "", ("SAMEORIGIN", "'self'"));
    check(Some(&["'self'"]), "", ("SAMEORIGIN", "'self'"));
    check(Some(&["'none'"]), "", ("DENY", "'none'"));
    check(Some(&[]), "", ("DENY", "'none'"));
    check(Some(&["'self'", "https://a.example"]), "", ("-", "'self' https://a.example"));
    // What the app says of framing is not overruled by a policy it did not ask for.
    check(None, "x-frame-options: deny", ("deny", "'none'"));
    check(None, "x-frame-options: SAMEORIGIN", ("SAMEORIGIN", "'self'"));
    check(None, "x-frame-options: ALLOW-FROM https://a.example", ("ALLOW-FROM https://a.example", "'self'"));
    check(Some(&["https://a.example"]), "x-frame-options: DENY", ("DENY", "https://a.example"));
    check(Some(&["'none'"]), "content-security-policy: script-src 'self'", ("DENY", "-"));
    let api = edit(&with(Preset::Api, |_| {}), "x-frame-options: SAMEORIGIN");
    assert_eq!(lines(&api, "content-security-policy"), "default-src 'none'; frame-ancestors 'self'");
    let off = edit(&with(Preset::Off, |s| s.frame = Some(Vec::new())), "");
    assert_eq!(lines(&off, "x-frame-options"), "DENY");
    assert_eq!(lines(&off, "content-security-policy"), "frame-ancestors 'none'");
}

/// Beside a policy of the app that leaves it open, `frame` is told where `X-Frame-Options` cannot.
#[test]
fn what_frame_says_holds_beside_a_policy_of_the_app() {
    const LIST: &str = "frame-ancestors 'self' https://portal.example";
    const OWN: &str = "content-security-policy: default-src 'self'";
    let list = ["'self'", "https://portal.example"].map(str::to_owned);
    let check = |frame: &[String], answer: &str, policies: &str, options: &str| {
        let map = edit(&with(Preset::Web, |s| s.frame = Some(frame.to_vec())), answer);
        assert_eq!(lines(&map, "content-security-policy"), policies, "{answer}");
        assert_eq!(lines(&map, "x-frame-options"), options, "{answer}");
    };
    check(&list, OWN, &format!("default-src 'self' || {LIST}"), "-");
    check(&list, &format!("{OWN}\nx-frame-options: DENY"), &format!("default-src 'self' || {LIST}"), "DENY");
    // What the app says of it stands alone, in whichever of its policies.
    for own in ["frame-ancestors 'none'", "img-src *;\tFrame-Ancestors x", "img-src *, frame-ancestors y"] {
        check(&list, &format!("content-security-policy: {own}"), own, "-");
        let two = format!("{OWN}\ncontent-security-policy: {own}");
        check(&list, &two, &format!("default-src 'self' || {own}"), "-");
    }
    let named = "default-src 'self'; report-uri /frame-ancestors";
    check(&list, &format!("content-security-policy: {named}"), &format!("{named} || {LIST}"), "-");
    // One word fits into X-Frame-Options, unless the app's says another.
    let nobody = ["'none'".to_owned()];
    check(&nobody, OWN, "default-src 'self'", "DENY");
    check(&nobody, &format!("{OWN}\nx-frame-options: deny"), "default-src 'self'", "deny");
    let both = "default-src 'self' || frame-ancestors 'none'";
    check(&nobody, &format!("{OWN}\nx-frame-options: SAMEORIGIN"), both, "SAMEORIGIN");
    check(
        &nobody,
        &format!("{OWN}\nx-frame-options: ALLOW-FROM https://a.example"),
        both,
        "ALLOW-FROM https://a.example",
    );
    // So it does where the operator takes X-Frame-Options out, or writes it.
    let edited = |edit: fn(&mut HeaderSettings)| {
        with(Preset::Web, |s| {
            s.frame = Some(vec!["'none'".to_owned()]);
            edit(s);
        })
    };
    let removed = edited(|s| s.remove = vec![header::X_FRAME_OPTIONS]);
    let written = edited(|s| {
        s.set = vec![(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"))];
    });
    for policy in [removed, written] {
        assert_eq!(lines(&edit(&policy, OWN), "content-security-policy"), both);
    }
    // The preset's word, and one in a policy of ours, give way as that policy does.
    let framed = |s: &mut HeaderSettings| {
        let policy = vec![("frame-ancestors".to_owned(), vec!["https://a.example".to_owned()])];
        s.csp = Some(Csp { enforce: true, policy, replace_app: false });
    };
    for policy in [with(Preset::Web, |_| {}), with(Preset::Web, framed)] {
        assert_eq!(lines(&edit(&policy, OWN), "content-security-policy"), "default-src 'self'");
    }
}
