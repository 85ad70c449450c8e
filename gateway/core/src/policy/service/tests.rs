#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn parse(url: &str, plain: PlainHttp) -> String {
    match ServiceAddress::parse(url, &CertificateTrust::WebAuthorities, plain) {
        Ok(ServiceAddress { url: written, authority, host, target, security }) => {
            assert_eq!(written, url);
            let security = match security {
                ServiceSecurity::Tls(tls) => format!("tls {}", tls.server_name.to_str()),
                ServiceSecurity::PrivateNetwork => "private".to_owned(),
                ServiceSecurity::Unprotected => "unprotected".to_owned(),
            };
            format!("{authority} {host} {target} {security}")
        }
        Err(fault) => format!("{fault:?}"),
    }
}

#[test]
fn an_address_of_a_service_has_one_reading() {
    for (url, expected) in [
        ("https://idp.example.com/keys", "idp.example.com:443 idp.example.com /keys tls idp.example.com"),
        (
            "https://IDP.example.com./keys?a=b",
            "IDP.example.com.:443 IDP.example.com. /keys?a=b tls idp.example.com",
        ),
        ("https://idp.example.com", "idp.example.com:443 idp.example.com / tls idp.example.com"),
        ("https://idp.example.com?a", "idp.example.com:443 idp.example.com /?a tls idp.example.com"),
        ("https://192.0.2.1:8443/k", "192.0.2.1:8443 192.0.2.1:8443 /k tls 192.0.2.1"),
        ("https://[2001:db8::1]/k", "[2001:db8::1]:443 [2001:db8::1] /k tls 2001:db8::1"),
        ("http://127.0.0.1:8080/k", "127.0.0.1:8080 127.0.0.1:8080 /k private"),
        ("http://127.0.0.1:80/k", "127.0.0.1:80 127.0.0.1 /k private"),
        ("http://[::1]/k", "[::1]:80 [::1] /k private"),
        ("http://192.168.1.2/k", "192.168.1.2:80 192.168.1.2 /k private"),
        ("http://keycloak:8080/k", "keycloak:8080 keycloak:8080 /k private"),
        ("http://idp.home.arpa/k", "idp.home.arpa:80 idp.home.arpa /k private"),
        ("http://idp.example.com/k", "PlainToPublic"),
        ("http://192.0.2.1/k", "PlainToPublic"),
        ("http://127.1/k", "PlainToPublic"),
        ("http://localhost.example.com/k", "PlainToPublic"),
        ("ftp://idp.example.com/k", "Scheme"),
        ("file:///etc/passwd", "Malformed"),
        ("idp.example.com/k", "Malformed"),
        ("/k", "Scheme"),
        ("", "Malformed"),
        ("https://", "Malformed"),
        ("https:///k", "Malformed"),
        ("https://user:secret@idp.example.com/k", "User"),
        ("https://idp.example.com@evil.example/k", "User"),
        ("https://idp.example.com/k#f", "Fragment"),
        ("https://idp.example.com:0/k", "Malformed"),
        ("https://idp.example.com:99999/k", "Malformed"),
        ("https://idp.example.com:/k", "Malformed"),
        ("https://idp example.com/k", "Malformed"),
        ("https://idp.example.com/k\r\nX: y", "Malformed"),
        ("https://idp.example.com/ä", "Malformed"),
        ("https://[::1/k", "Malformed"),
        ("https://[x]/k", "Malformed"),
        ("https://a..b/k", "Malformed"),
    ] {
        assert_eq!(parse(url, PlainHttp::PrivateNetwork), expected, "{url}");
    }
    assert_eq!(parse(&format!("https://a/{}", "x".repeat(2048)), PlainHttp::Anywhere), "TooLong");
    assert!(parse("http://192.0.2.1/k", PlainHttp::Anywhere).ends_with("unprotected"));
    assert_eq!(parse("http://127.0.0.1/k", PlainHttp::Nowhere), "Plain");
}

#[test]
fn what_a_service_names_is_never_less_protected() {
    let listed = CertificateTrust::Listed([].into());
    let of = |url: &str, plain| ServiceAddress::parse(url, &listed, plain).unwrap();
    let tls = of("https://idp.example.com/k", PlainHttp::Anywhere);
    let private = of("http://127.0.0.1/k", PlainHttp::PrivateNetwork);
    let unprotected = of("http://192.0.2.1/k", PlainHttp::Anywhere);
    let named = |by: &ServiceAddress, url: &str| by.named_here(url).map(|address| address.security);
    let ServiceSecurity::Tls(with) = named(&tls, "https://keys.example.com/k").unwrap() else { panic!() };
    assert_eq!(with.trust, listed, "trusted as the one that names it");
    assert_eq!(named(&tls, "http://127.0.0.1/k"), Err(UrlFault::Plain));
    assert_eq!(named(&private, "http://127.0.0.1:1/k"), Ok(ServiceSecurity::PrivateNetwork));
    assert_eq!(named(&private, "http://192.0.2.1/k"), Err(UrlFault::PlainToPublic));
    assert_eq!(named(&unprotected, "http://192.0.2.2/k"), Ok(ServiceSecurity::Unprotected));
    assert!(matches!(named(&private, "https://192.0.2.1/k"), Ok(ServiceSecurity::Tls(_))));
}
