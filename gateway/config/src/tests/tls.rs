//! `[server.tls]`.

use super::{APP, Desk, HOUSE, check, compiled, policy, text, warnings};
use stagedoor_core::policy::{ListenAddress, TlsPolicy, TlsVersion};

const CERTIFICATES: &str = "certificates = [{ cert = \"tls.pem\", key = \"tls.key\" }]\n";

fn with(lines: &str) -> String {
    text(&[HOUSE, APP, "[server.tls]\n", lines])
}

#[test]
fn without_the_table_nothing_listens_for_tls() {
    assert_eq!(policy(&text(&[HOUSE, APP])).tls, TlsPolicy::Off);
}

#[test]
fn a_certificate_alone_is_enough() {
    let policy = policy(&with(CERTIFICATES));
    let https = policy.tls.https().unwrap();
    assert_eq!(https.listen, [ListenAddress::Tcp("127.0.0.1:8443".parse().unwrap())]);
    assert_eq!(https.min_version, TlsVersion::Tls12);
    let [files] = https.certificates.as_slice() else { panic!("one certificate: {https:?}") };
    assert_eq!((&*files.cert, &*files.key, files.open_key), ("tls.pem", "tls.key", false));
    warnings(&with(CERTIFICATES), &[]);
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (lines, expected) in [
        ("", &["10 server.tls: missing key `certificates` | name its files"][..]),
        ("certificates = []", &["11 server.tls.certificates: https without a certificate | name its files"]),
        (
            "certificates = [{}]",
            &[
                "11 server.tls.certificates[0]: missing key `cert` | name the file",
                "11 server.tls.certificates[0]: missing key `key` | name the file",
            ],
        ),
        (
            "certificates = [{ cert = \"gone.pem\", key = \"tls.key\" }]",
            &[
                "11 server.tls.certificates[0].cert: cannot read the certificate (it is missing): `gone.pem` | a PEM file",
            ],
        ),
        (
            "certificates = [{ cert = \"tls.pem\", key = \"given-up/key\" }]",
            &[
                "11 server.tls.certificates[0].key: cannot read the key (the gateway confined itself … restart it",
            ],
        ),
        (
            "certificates = [{ cert = \"tls.pem\", key = \"tls.key\" }, { cert = \"tls.pem\", key = \"tls.key\" }]",
            &["11 server.tls.certificates[1]: listed twice: `tls.pem` | once is enough"],
        ),
        (
            "listen = []\ncertificates = [{ cert = \"tls.pem\", key = \"tls.key\" }]",
            &["11 server.tls.listen: nowhere to listen"],
        ),
        (
            "listen = [\"127.0.0.1:8080\"]\ncertificates = [{ cert = \"tls.pem\", key = \"tls.key\" }]",
            &["11 server.tls.listen: server.tls.listen and server.listen are in conflict: `127.0.0.1:8080`"],
        ),
        (
            "listen = [\"0.0.0.0:9901\"]\ncertificates = [{ cert = \"tls.pem\", key = \"tls.key\" }]",
            &["11 server.tls.listen: server.tls.listen and admin.listen are in conflict: `0.0.0.0:9901`"],
        ),
        (
            "min_version = \"1.1\"\ncertificates = [{ cert = \"tls.pem\", key = \"tls.key\" }]",
            &["11 server.tls.min_version: not a choice here: `1.1`"],
        ),
    ] {
        check(&with(lines), expected);
    }
}

#[test]
fn an_app_behind_an_https_listener_of_the_gateway_is_a_loop() {
    let app = APP.replace("http://127.0.0.1:3000", "http://127.0.0.1:8443");
    check(
        &text(&[HOUSE, &app, "[server.tls]\n", CERTIFICATES]),
        &["8 app.media.upstream: the gateway listens at `127.0.0.1:8443` itself"],
    );
}

#[test]
fn without_files_certificates_are_not_looked_at() {
    let desk = Desk { stand_in: true, ..Desk::default() };
    let compiled =
        compiled(&with("certificates = [{ cert = \"gone.pem\", key = \"gone.key\" }]"), &desk).unwrap();
    assert_eq!(compiled.certificates.len(), 0);
    assert_eq!(compiled.warnings, []);
    assert!(compiled.source.named_files.iter().any(|file| file.path == "gone.key"));
}

/// Browsers keep the port of an address that they take to https by themselves (RFC 6797 §8.3).
#[test]
fn another_port_than_443_and_strict_transport_security_are_warned_of() {
    let warned = "12 server.tls.public_port: after one visit over https, browsers no longer find this port … `media.example.com` \
                  | let https be reached at port 443 … [app.media.headers] hsts";
    let of = |app: &str, tls: &str, expected: &[&str]| {
        warnings(&text(&[HOUSE, app, "[server.tls]\n", CERTIFICATES, tls]), expected);
    };
    of(APP, "public_port = 8443", &[warned]);
    of(APP, "public_port = 443", &[]);
    of(APP, "", &[]);
    for said in [
        "headers = { hsts = { max_age = \"0s\" } }\n",
        "headers = { hsts = { max_age = \"30d\" } }\n",
        "headers = { preset = \"off\" }\n",
        "headers = { remove = [\"strict-transport-security\"] }\n",
        "headers = { set = { strict-transport-security = \"max-age=0\" } }\n",
    ] {
        of(&format!("{APP}{said}"), "public_port = 8443", &[]);
    }
}

#[test]
fn hosts_and_certificates_have_to_meet() {
    let other = text(&[
        HOUSE,
        &APP.replace("media.example.com", "other.example.com"),
        "[server.tls]\n",
        CERTIFICATES,
    ]);
    warnings(
        &other,
        &[
            "10 server.tls.certificates: no certificate is for a host of this app … `media`",
            "11 server.tls.certificates[0]: no app has a host that the certificate is for: `media.example.com`",
        ],
    );
    // A wildcard of an app stands for the name of the certificate.
    let wild =
        text(&[HOUSE, &APP.replace("media.example.com", "*.example.com"), "[server.tls]\n", CERTIFICATES]);
    warnings(&wild, &[]);
}
