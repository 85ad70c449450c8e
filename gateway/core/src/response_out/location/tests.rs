#![allow(clippy::unwrap_used, reason = "tests")]

use http::HeaderMap;

use super::*;

fn mapped(own: &str, public: PublicAddress<'_>, name: HeaderName, lines: &[&str]) -> Vec<String> {
    let mut fields = HeaderMap::new();
    for line in lines {
        fields.append(&name, HeaderValue::from_str(line).unwrap());
    }
    UpstreamAddress::of(Scheme::Http, own).map(&mut fields, &public);
    fields.get_all(&name).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
}

fn check(own: &str, public: PublicAddress<'_>, name: &HeaderName, line: &str, expected: &str) {
    assert_eq!(mapped(own, public, name.clone(), &[line]), [expected], "{own} {line}");
}

#[test]
fn the_apps_own_address_becomes_the_public_one() {
    let public = PublicAddress::new(Scheme::Http, "media.lan:8080", None);
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        for (line, expected) in [
            ("http://127.0.0.1:8330/web/", "http://media.lan:8080/web/"),
            (
                "HTTP://127.0.0.1:8330/Web/%7c|?a=http://127.0.0.1:8330#b",
                "http://media.lan:8080/Web/%7c|?a=http://127.0.0.1:8330#b",
            ),
            ("https://127.0.0.1:8330/", "http://media.lan:8080/"),
            ("http://127.0.0.1:8330", "http://media.lan:8080"),
            ("http://127.0.0.1:8330?x=1", "http://media.lan:8080?x=1"),
            ("http://127.0.0.1:8330#x", "http://media.lan:8080#x"),
            ("http://127.0.0.1:08330/", "http://media.lan:8080/"),
            ("//127.0.0.1:8330/web/", "//media.lan:8080/web/"),
        ] {
            check("127.0.0.1:8330", public, &name, line, expected);
        }
        // What is no address of the app stays, byte for byte.
        for line in [
            "/web/",
            "web/?a=http://127.0.0.1:8330/",
            "",
            "?x",
            "#x",
            "//media.lan/web",
            "http://127.0.0.1/web/",
            "http://127.0.0.1:83301/",
            "http://127.0.0.1:8330.example/",
            "http://127.0.0.1:8331/",
            "http://u@127.0.0.1:8330/",
            "http://127.0.0.1:8330@evil.example/",
            "http://127.0.0.1:8330;@evil.example/",
            "http://127.0.0.1:8330,@evil.example/",
            "http://127.0.0.1:8330'@evil.example/",
            "http://127.0.0.1:8330 @evil.example/",
            "http://evil.example/http://127.0.0.1:8330/",
            "http:/127.0.0.1:8330/",
            "http:127.0.0.1:8330/",
            "ftp://127.0.0.1:8330/",
            "ws://127.0.0.1:8330/",
            "javascript:0//127.0.0.1:8330/",
            "http://[::1]:8330/",
            "http:///127.0.0.1:8330/",
        ] {
            check("127.0.0.1:8330", public, &name, line, line);
        }
    }
}

#[test]
fn default_ports_count_as_none() {
    for (own, scheme, host, told, line, expected) in [
        ("app:80", Scheme::Http, "media.lan", None, "http://app/x", "http://media.lan/x"),
        ("app:80", Scheme::Http, "media.lan", None, "http://APP:80/x", "http://media.lan/x"),
        ("app:80", Scheme::Https, "media.lan", None, "https://app/x", "https://media.lan/x"),
        ("app:80", Scheme::Https, "media.lan", None, "//app/x", "//media.lan/x"),
        ("app:80", Scheme::Https, "media.lan", None, "https://app:443/x", "https://app:443/x"),
        ("app:443", Scheme::Https, "media.lan", None, "https://app/x", "https://media.lan/x"),
        ("app:443", Scheme::Https, "media.lan", None, "http://app/x", "http://app/x"),
        ("app:3000", Scheme::Https, "media.lan", Some(8443), "http://app:3000/x", "https://media.lan:8443/x"),
        ("app:3000", Scheme::Https, "media.lan:443", None, "http://app:3000/x", "https://media.lan/x"),
        ("app:3000", Scheme::Http, "[::1]:8080", None, "//app:3000/x", "//[::1]:8080/x"),
        ("[::1]:3000", Scheme::Http, "media.lan", None, "http://[::1]:3000/x", "http://media.lan/x"),
        ("[::1]:3000", Scheme::Http, "media.lan", None, "http://[::1]/x", "http://[::1]/x"),
    ] {
        check(own, PublicAddress::new(scheme, host, told), &header::LOCATION, line, expected);
    }
}

#[test]
fn an_app_on_https_has_another_default_port() {
    let public = PublicAddress::new(Scheme::Https, "media.lan", None);
    for (own, line, expected) in [
        ("app:443", "https://app/x", "https://media.lan/x"),
        ("app:443", "https://app:443/x", "https://media.lan/x"),
        ("app:443", "//app/x", "//media.lan/x"),
        ("app:443", "http://app/x", "https://media.lan/x"),
        ("app:443", "https://app:80/x", "https://app:80/x"),
        ("app:80", "https://app/x", "https://app/x"),
        ("app:8443", "//app:8443/x", "//media.lan/x"),
    ] {
        let mut fields = HeaderMap::new();
        fields.insert(header::LOCATION, HeaderValue::from_str(line).unwrap());
        UpstreamAddress::of(Scheme::Https, own).map(&mut fields, &public);
        assert_eq!(fields.get(header::LOCATION).unwrap(), expected, "{own} {line}");
    }
}

#[test]
fn a_refresh_leads_to_the_public_address() {
    let public = PublicAddress::new(Scheme::Https, "media.lan", None);
    for (line, expected) in [
        ("5; url=http://app:3000/x", "5; url=https://media.lan/x"),
        ("0;URL='http://app:3000/x'", "0;URL='https://media.lan/x'"),
        ("0, url = \"http://app:3000\"", "0, url = \"https://media.lan\""),
        ("0; url='http://app:3000'; x", "0; url='https://media.lan'; x"),
        ("0; url='http://app:3000/x", "0; url='https://media.lan/x"),
        ("0; url=http://app:3000;@evil.example/", "0; url=http://app:3000;@evil.example/"),
        ("0; url='http://app:3000\"@evil.example/'", "0; url='http://app:3000\"@evil.example/'"),
        ("0; http://app:3000/x", "0; https://media.lan/x"),
        ("0;url=//app:3000/x", "0;url=//media.lan/x"),
        ("5", "5"),
        ("5;", "5;"),
        ("5; url=/x?u=http://app:3000/", "5; url=/x?u=http://app:3000/"),
        ("5; url=http://other.example/", "5; url=http://other.example/"),
        ("http://app:3000/x", "http://app:3000/x"),
    ] {
        check("app:3000", public, &header::REFRESH, line, expected);
    }
}

#[test]
fn each_line_is_mapped_and_none_is_lost() {
    let public = PublicAddress::new(Scheme::Http, "media.lan", None);
    let lines = ["/a", "http://app:3000/b", "http://other/c"];
    let expected = ["/a", "http://media.lan/b", "http://other/c"];
    assert_eq!(mapped("app:3000", public, header::LOCATION, &lines), expected);
}
