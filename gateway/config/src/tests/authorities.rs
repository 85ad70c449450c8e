//! `upstream.ca` and the other keys of an app that is reached over TLS.

use super::{APP, Desk, HOUSE, check, check_at, compiled, text, warnings};
use stagedoor_core::policy::{AppAddress, CertificateTrust, UpstreamTls};

fn with(upstream: &str) -> String {
    text(&[HOUSE, APP]).replace("\"http://127.0.0.1:3000\"", upstream)
}

fn tls(upstream: &str, desk: &Desk) -> UpstreamTls {
    let policy = compiled(&with(upstream), desk).unwrap().policy;
    let AppAddress::Tls { tls, .. } = policy.apps[0].upstream.address.clone() else { panic!("{upstream}") };
    tls
}

#[test]
fn an_app_over_tls_is_verified_unless_the_file_says_otherwise() {
    let desk = Desk::default().file("one.pem", ONE).file("both.pem", &format!("about\n{TWO}\n{ONE}"));
    for (upstream, name) in [
        ("\"https://app.lan\"", "app.lan"),
        ("\"https://App.LAN:8443/\"", "app.lan"),
        ("\"https://app.lan.:8443\"", "app.lan"),
        ("\"HTTPS://app_1\"", "app_1"),
        ("\"https://127.0.0.1:8443\"", "127.0.0.1"),
        ("\"https://[::1]:8443\"", "::1"),
        ("{ urls = [\"https://127.0.0.1\"], server_name = \"app.lan\" }", "app.lan"),
        ("{ urls = [\"https://app.lan\"], server_name = \"10.0.0.1\" }", "10.0.0.1"),
    ] {
        check(&with(upstream), &[]);
        let UpstreamTls { server_name, trust } = tls(upstream, &desk);
        assert_eq!((&*server_name.to_str(), trust), (name, CertificateTrust::WebAuthorities), "{upstream}");
    }
    for (file, number) in [("one.pem", 1), ("both.pem", 2)] {
        let upstream = format!("{{ urls = [\"https://app.lan\"], ca = \"{file}\" }}");
        let CertificateTrust::Listed(list) = tls(&upstream, &desk).trust else { panic!("{file}") };
        assert_eq!(list.len(), number);
    }
    let open = "{ urls = [\"https://app.lan\"], dangerous_any_certificate = true }";
    assert_eq!(tls(open, &desk).trust, CertificateTrust::Anyone);
    warnings(
        &with(open),
        &["8 app.media.upstream.dangerous_any_certificate: … `dangerous_any_certificate = true`"],
    );
    let shut = "{ urls = [\"https://app.lan\"], dangerous_any_certificate = false }";
    assert_eq!(tls(shut, &desk).trust, CertificateTrust::WebAuthorities);
}

#[test]
fn what_is_wrong_with_the_keys_of_tls_is_told() {
    for (upstream, expected) in [
        (
            "{ urls = [\"http://app\"], ca = \"one.pem\" }",
            "8 app.media.upstream.ca: `ca` beside an address without TLS | write https://",
        ),
        ("{ urls = [\"unix:/a\"], server_name = \"a\" }", "`server_name` beside an address without TLS"),
        (
            "{ urls = [\"http://app\"], dangerous_any_certificate = true }",
            "`dangerous_any_certificate` beside an address without TLS",
        ),
        (
            "{ urls = [\"https://app\"], ca = \"one.pem\", dangerous_any_certificate = true }",
            "8 app.media.upstream.ca: `dangerous_any_certificate` beside a `ca` | leave out either",
        ),
        (
            "{ urls = [\"https://app\"], server_name = \"*.lan\" }",
            "8 app.media.upstream.server_name: not a name of a certificate: `*.lan` | write the name",
        ),
        ("{ urls = [\"https://app\"], server_name = \"\" }", "not a name of a certificate: ``"),
        ("\"https://-app.lan\"", "8 app.media.upstream: not a name of a certificate: `-app.lan`"),
        ("\"https://app/path\"", "an address of an app with a path"),
        ("\"https://bob@app\"", "a user name in the address of an app"),
        ("\"https://127.0.0.1:8080\"", "the gateway listens at `127.0.0.1:8080` itself"),
        (
            "{ urls = [\"https://app\"], ca = \"gone.pem\" }",
            "8 app.media.upstream.ca: cannot read the certificates (the file is missing): `gone.pem` | a PEM file",
        ),
        ("{ urls = [\"https://app\"], ca = \"unreadable\" }", "(permission denied): `unreadable`"),
        ("{ urls = [\"https://app\"], ca = \"given-up/a.pem\" }", "the gateway confined itself … restart it"),
        ("{ urls = [\"https://app\"], ca = \"empty.pem\" }", "(there is none in the file): `empty.pem`"),
        ("{ urls = [\"https://app\"], ca = \"cut.pem\" }", "(not PEM): `cut.pem`"),
        ("{ urls = [\"https://app\"], ca = \"broken.pem\" }", "(number 2 is malformed): `broken.pem`"),
    ] {
        let broken = format!("{ONE}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        let desk = Desk::default()
            .file("one.pem", ONE)
            .file("empty.pem", "")
            .file("cut.pem", ONE.split_at(200).0)
            .file("broken.pem", &broken);
        check_at(&with(upstream), &desk, &[expected]);
    }
}

/// The gateway would ask itself, again and again.
#[test]
fn a_listener_of_the_gateway_is_no_app() {
    let socket = "[server]\nlisten = [\"unix:/run/gateway.sock\"]\n";
    let at = |upstream: &str| text(&[&with(upstream), socket]);
    check(&at("\"unix:/run/app.sock\""), &[]);
    check(
        &at("\"unix:/run/gateway.sock\""),
        &["8 app.media.upstream: the gateway listens at `unix:/run/gateway.sock` itself"],
    );
}

/// Without files a policy is compiled that trusts nobody, rather than everybody.
#[test]
fn without_files_no_authority_is_known() {
    let desk = Desk { stand_in: true, ..Desk::default() };
    let trust = tls("{ urls = [\"https://app\"], ca = \"gone.pem\" }", &desk).trust;
    assert_eq!(trust, CertificateTrust::Listed([].into()));
}

/// The certificate of an authority.
pub(super) const ONE: &str = "-----BEGIN CERTIFICATE-----
MIIBhzCCAS2gAwIBAgIUfiCKBDnKAzn+UyIbmAgh4TUVMaYwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNQXV0aG9yaXR5IE9uZTAgFw0yNjExMzAxMjAwMDBaGA8yMTI2
MTEwNjEyMDAwMFowGDEWMBQGA1UEAwwNQXV0aG9yaXR5IE9uZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABAwJdmVPasKMSnDzkqyX+BPKmXVYoEA9PbDhwkqSFdQl
RO0JbcODxoxx3PnUI3aF1IqdUIhvjpPe0oIRDR3p9EajUzBRMB0GA1UdDgQWBBQT
N1+riD0qFbt0VjYTRFj9VYpZMTAfBgNVHSMEGDAWgBQTN1+riD0qFbt0VjYTRFj9
VYpZMTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIGMBsU21ijxP
7+u0CSOE9SzUj/wZn6pZGX4aYjYKWkUsAiEA4XltWvdkou/CdoFm+dLku+AsUX0B
vjIoPoowFfQxL5M=
-----END CERTIFICATE-----
";

/// That of another one.
pub(super) const TWO: &str = "-----BEGIN CERTIFICATE-----
MIIBhzCCAS2gAwIBAgIUDp+bMmQ4Y1Mog9V0Zx6cEle4OgkwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNQXV0aG9yaXR5IFR3bzAgFw0yNjExMzAxMjAwMDBaGA8yMTI2
MTEwNjEyMDAwMFowGDEWMBQGA1UEAwwNQXV0aG9yaXR5IFR3bzBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABHhSpU31E4q5YfMobo+UxhKO8rdYRAC8sTToqNTGS6NK
MRB5K6nj0UMMrZP5E8licGyGgJAgT6HoMaYgxcVmXYujUzBRMB0GA1UdDgQWBBR3
tlcaLVO0dbalFrDH9bJMgvQ82TAfBgNVHSMEGDAWgBR3tlcaLVO0dbalFrDH9bJM
gvQ82TAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCID4U+5kzp2Ms
f/41vH2CW0+fy4s0ODNST5giv8CzMfyQAiEAv77TSBb4Se7aoRvspgMuwtUkOsrv
DH/qf8RWr/uO6qM=
-----END CERTIFICATE-----
";

/// An app whose clients show certificates: `app` becomes further keys of the app, and `rest` further tables.
fn with_clients(app: &str, tls: &str, rest: &str) -> String {
    let listener =
        format!("[server.tls]\ncertificates = [{{ cert = \"tls.pem\", key = \"tls.key\" }}]\n{tls}");
    text(&[HOUSE, APP, app, &listener, rest])
}

const DEVICES: &str = "[auth.devices]\nkind = \"client-certificate\"\n";

/// The certificate of a device, not of an authority.
fn leaf() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    params.self_signed(&key).unwrap().pem()
}

fn authority_desk() -> Desk {
    let broken = format!("{ONE}-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
    Desk::default()
        .file("one.pem", ONE)
        .file("two.pem", TWO)
        .file("empty.pem", "")
        .file("broken.pem", &broken)
        .file("leaf.pem", &leaf())
        .file("glued.pem", &format!("{}{broken}", ONE.trim_end()))
        .file("named.pem", &broken.replace("X509 CRL", "CRL"))
        .file("indented.pem", &format!("{ONE}{}", broken.replace('\n', "\n  ")))
        .file("binary.pem", &format!("{ONE}-----BEGIN"))
}

#[test]
fn clients_of_an_app_are_verified_by_its_own_authorities_or_the_usual_ones() {
    let desk = authority_desk();
    let file = |text: &str| {
        let policy = compiled(text, &desk).unwrap().policy;
        let authority = policy.apps[0].client_authority.clone();
        authority.map(|authority| (authority.file().to_owned(), authority.certificates().len()))
    };
    let one = Some(("one.pem".to_owned(), 1));
    assert_eq!(file(&with_clients("by = [\"house\"]\n", "", DEVICES)), None);
    assert_eq!(file(&with_clients("client_ca = \"one.pem\"\n", "", "")), one);
    assert_eq!(file(&with_clients("", "client_ca = \"one.pem\"\n", "")), one);
    assert_eq!(file(&with_clients("client_ca = \"one.pem\"\n", "client_ca = \"two.pem\"\n", "")), one);
    let addressed = with_clients("client_ca = \"one.pem\"\n", "", "")
        .replace("\"media.example.com\"", "\"media.example.com\", \"192.0.2.1\"");
    let warnings = compiled(&addressed, &desk).unwrap().warnings;
    assert!(
        warnings.iter().any(|warning| warning.message.contains("nobody gets in there: `192.0.2.1`")),
        "{warnings:?}"
    );
}

#[test]
fn what_is_wrong_with_certificates_of_clients_is_told() {
    let by = "client_ca = \"one.pem\"\nby = [\"devices\"]\n";
    let other = "[app.other]\nhosts = [\"other.example\"]\nupstream = \"http://127.0.0.1:3001\"\nauth = \"required\"\n";
    for (text, expected) in [
        (
            text(&[HOUSE, APP, "client_ca = \"one.pem\"\n"]),
            "app.media.client_ca: `client_ca` without https listeners | clients show certificates over https alone",
        ),
        (
            with_clients("client_ca = \"gone.pem\"\n", "", ""),
            "app.media.client_ca: cannot read the certificates (the file is missing): `gone.pem` | a PEM file",
        ),
        (
            with_clients("", "client_ca = \"gone.pem\"\n", ""),
            "server.tls.client_ca: cannot read the certificates",
        ),
        (with_clients("client_ca = \"empty.pem\"\n", "", ""), "(there is none in the file): `empty.pem`"),
        (
            with_clients("client_ca = \"broken.pem\"\n", "", ""),
            "(list 1 of revoked certificates is malformed, of several issuers",
        ),
        (
            with_clients("by = [\"devices\"]\n", "", DEVICES),
            "the app asks its clients for no certificates, so `devices` knows nobody | say who issues them: client_ca",
        ),
        (
            with_clients(
                "client_ca = \"one.pem\"\nby = [\"devices\", \"tablets\"]\n",
                "",
                &format!("{DEVICES}[auth.tablets]\nkind = \"client-certificate\"\n"),
            ),
            "app.media.by: another provider beside one of certificates: `devices` | a user of one would be taken",
        ),
        (
            with_clients("client_ca = \"one.pem\"\nby = [\"house\", \"devices\"]\n", "", DEVICES),
            "another provider beside one of certificates: `devices`",
        ),
        (
            with_clients(&format!("{by}mfa = true\n"), "", DEVICES),
            "app.media.mfa: no certificate says that its user used a second factor, so `devices` lets nobody in | leave `mfa` out",
        ),
        (
            with_clients(&format!("{by}[[app.media.route]]\nmatch = \"* /x\"\nmfa = true\n"), "", DEVICES),
            "app.media.route[0].mfa: no certificate says that its user used a second factor",
        ),
        (
            with_clients(
                "client_ca = \"one.pem\"\nby = [\"house\"]\nmfa = true\n[[app.media.route]]\nmatch = \"* /x\"\nby = [\"devices\"]\n",
                "",
                DEVICES,
            ),
            "app.media.route[0].by: no certificate says that its user used a second factor",
        ),
        (
            with_clients("client_ca = \"leaf.pem\"\n", "", ""),
            "(number 1 is no certificate of an authority (CA:TRUE)): `leaf.pem`",
        ),
        (with_clients("client_ca = \"glued.pem\"\n", "", ""), "begins on a line of its own): `glued.pem`"),
        (
            with_clients("client_ca = \"named.pem\"\n", "", ""),
            "not everything in it is a CERTIFICATE or an X509 CRL",
        ),
        (with_clients("client_ca = \"indented.pem\"\n", "", ""), "(not PEM): `indented.pem`"),
        (
            with_clients("client_ca = \"binary.pem\"\n", "", ""),
            "not everything in it is a CERTIFICATE or an X509 CRL",
        ),
        (
            with_clients(by, "", &format!("{DEVICES}issuer = \"x\"\n")),
            "auth.devices.issuer: `issuer` beside `kind = \"client-certificate\"` | leave it out: it is for tokens",
        ),
        (
            with_clients(by, "", &format!("{DEVICES}{other}client_ca = \"two.pem\"\nby = [\"devices\"]\n")),
            "app.other: other authorities than those of `media` name the callers of the same provider: `devices`",
        ),
    ] {
        check_at(&text, &authority_desk(), &[expected]);
    }
}

/// A chain may end at an authority in the file without the one that has issued it, whose list then nobody looks at.
#[test]
fn an_authority_that_a_list_in_the_file_revokes_is_none() {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber};
    let authority = |name: &str, serial: u64| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(SerialNumber::from(serial));
        (params, KeyPair::generate().unwrap())
    };
    let ((root, key), (below, key_below)) = (authority("root", 1), authority("below", 2));
    let pem = root.self_signed(&key).unwrap().pem();
    let root = Issuer::new(root, key);
    let below = below.signed_by(&key_below, &root).unwrap().pem();
    let list = |serial: u64, indirect: bool| {
        let date = rcgen::date_time_ymd(2026, 1, 1);
        let revoked = rcgen::RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date,
            reason_code: None,
            invalidity_date: None,
        };
        let point = rcgen::CrlIssuingDistributionPoint {
            distribution_point: rcgen::CrlDistributionPoint {
                uris: vec!["http://a.example/list".to_owned()],
            },
            scope: None,
        };
        let list = rcgen::CertificateRevocationListParams {
            this_update: date,
            next_update: rcgen::date_time_ymd(2126, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: indirect.then_some(point),
            revoked_certs: vec![revoked],
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        list.signed_by(&root).unwrap().pem().unwrap()
    };
    for (file, expected) in [
        (format!("{pem}{below}{}", list(2, false)), Some("(number 2 is revoked by a list in it): `all.pem`")),
        (format!("{pem}{below}{}", list(3, false)), None),
        (format!("{pem}{below}{}", list(3, true)), None),
    ] {
        let desk = authority_desk().file("all.pem", &file);
        let text = with_clients("client_ca = \"all.pem\"\n", "", "");
        match expected {
            Some(expected) => check_at(&text, &desk, &[expected]),
            None => {
                let policy = compiled(&text, &desk).unwrap().policy;
                assert_eq!(policy.apps[0].client_authority.as_ref().unwrap().revoked().len(), 1);
            }
        }
    }
}
