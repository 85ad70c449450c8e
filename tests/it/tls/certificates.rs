//! Which certificate a client is shown, and which one the gateway refuses to start with.

use std::sync::{Arc, Mutex};

use rcgen::CertificateParams;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use time::OffsetDateTime;

use super::{Wish, connect, folder, write_pair};
use crate::harness::{
    Authority, Command, Folder, Gateway, HOST, Pair, Request, TlsClient, Upstream, client_config, poll_until,
    unix_now,
};

/// The serial number of the certificate that a client was shown, which these tests use as its name.
pub(super) fn shown(client: &TlsClient) -> u8 {
    let der = client.session().peer_certificates().unwrap()[0].to_vec();
    // The serial number is one byte, after the version: [0] { INTEGER 2 }, INTEGER (RFC 5280 §4.1).
    let at = der.windows(5).position(|part| part == [0xa0, 3, 2, 1, 2]).unwrap();
    assert_eq!(der[at + 5..at + 7], [2, 1], "a serial number of one byte");
    der[at + 7]
}

fn numbered(authority: &Authority, number: u8, names: &[&str]) -> Pair {
    authority.issue_with(names, |params| params.serial_number = Some(vec![number].into()))
}

#[test]
pub(crate) fn chosen() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let pairs = [
        numbered(&authority, 1, &[HOST, "127.0.0.1"]),
        numbered(&authority, 2, &["films.localhost", "MEDIA.localhost"]),
        numbered(&authority, 3, &["*.wild.localhost"]),
        numbered(&authority, 4, &["own.wild.localhost"]),
    ];
    let gateway = Gateway::start_in(folder(&app, &pairs.each_ref(), &Wish::default()));
    let mut nameless = client_config(&authority);
    nameless.enable_sni = false;
    let (named, nameless) = (Arc::new(client_config(&authority)), Arc::new(nameless));
    for (name, config, number) in [
        (HOST, &named, 1),
        ("Media.LOCALHOST", &named, 1),
        ("films.localhost", &named, 2),
        ("a.wild.localhost", &named, 3),
        // The first one that is for it: the wildcard stands before.
        ("own.wild.localhost", &named, 3),
        // Without a server name the first one; an address is none.
        (HOST, &nameless, 1),
        ("127.0.0.1", &named, 1),
    ] {
        let mut client = connect(&gateway, name, config);
        assert_eq!(shown(&client), number, "{name}");
        assert_eq!(client.ask(&Request::get("/x").host(name)).status, 200, "{name}");
    }
    for name in ["wild.localhost", "a.b.wild.localhost", "other.localhost"] {
        let error = TlsClient::over_tls(gateway.https(), name, &named).unwrap_err();
        assert!(error.to_string().contains("not valid for name"), "{name}: {error}");
    }
}

/// A certificate of a kind that the client cannot verify is passed over where another one is for the same name.
#[test]
fn a_client_is_shown_a_certificate_that_it_can_verify() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let ed25519 = {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        authority.issue_for(&key, &[HOST], |params| params.serial_number = Some(vec![1].into()))
    };
    let ecdsa = numbered(&authority, 2, &[HOST]);
    let gateway = Gateway::start_in(folder(&app, &[&ed25519, &ecdsa], &Wish::default()));
    let all = client_config(&authority);
    assert_eq!(shown(&connect(&gateway, HOST, &Arc::new(all))), 1);
    let browser = crate::harness::config_without_ed25519(&authority);
    assert_eq!(shown(&connect(&gateway, HOST, &Arc::new(browser))), 2);
}

/// `check`, and a start, with these files of a certificate.
fn told(cert: &str, key: &str, open: bool) -> (Option<i32>, String) {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let folder = folder(&app, &[&authority.issue(&[HOST])], &Wish::default());
    if !cert.is_empty() {
        folder.write("tls/0.pem", cert);
    }
    if !key.is_empty() {
        folder.write_private("tls/0.key", key);
    }
    if open {
        open_to_the_group(&folder);
    }
    let output = Command::new(&folder, &["check", "stagedoor.toml"]).run();
    let started = Gateway::try_start_in(folder);
    assert_eq!(started.is_ok(), output.code == Some(0), "start and check differ: {output:?}");
    (output.code, format!("{}{}", output.stdout, output.stderr))
}

#[test]
pub(crate) fn unusable() {
    let authority = Authority::new("house");
    let (pair, other) = (authority.issue(&[HOST]), authority.issue(&[HOST]));
    let stranger = Authority::new("stranger");
    let disordered = format!("{}{}", pair.cert, stranger.pem);
    let encrypted = pair.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (cert, key, expected) in [
        (&*pair.cert, &*other.key, "the key is not that of the certificate"),
        ("nothing", &pair.key, "no certificate in the file"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &pair.key,
            "not a certificate (X.509)",
        ),
        (
            "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n",
            &pair.key,
            "not a certificate in PEM",
        ),
        (&pair.cert, "nothing", "no private key in the file"),
        (&pair.cert, &encrypted, "the key needs a password"),
        (&disordered, &pair.key, "the chain is not in order"),
    ] {
        let (code, text) = told(cert, key, false);
        assert_eq!(code, Some(2), "{expected}: {text}");
        assert!(text.contains(expected) && text.contains("stagedoor.toml:"), "{expected}: {text}");
        assert!(text.contains("hint:") && text.contains("server.tls.certificates[0]."), "{text}");
    }
}

#[test]
pub(crate) fn open_key() {
    let pair = Authority::new("house").issue(&[HOST]);
    let (code, text) = told(&pair.cert, &pair.key, true);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("group or others can read the key") && text.contains("chmod 600"), "{text}");
    // Unless the file says so, with a warning at every start.
    let app = Upstream::start();
    let folder = folder(&app, &[&pair], &Wish::default());
    open_to_the_group(&folder);
    let text = folder.read("stagedoor.toml");
    folder.write("stagedoor.toml", &text.replace("0.key\" }", "0.key\", dangerous_open_file = true }"));
    let gateway = Gateway::start_in(folder);
    assert!(gateway.log().contains("dangerous_open_file"), "{}", gateway.log());
}

fn open_to_the_group(folder: &Folder) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o640);
    std::fs::set_permissions(folder.path().join("tls/0.key"), mode).unwrap();
}

#[test]
fn a_chain_in_order_is_used() {
    let authority = Authority::new("house");
    let pair = authority.issue(&[HOST]);
    let (code, text) = told(&format!("{}{}", pair.cert, authority.pem), &pair.key, false);
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of() {
    let authority = Authority::new("house");
    let day = 86_400;
    let valid = |from: i64, to: i64| {
        let at = |days: i64| {
            let now = i64::try_from(unix_now()).unwrap();
            OffsetDateTime::from_unix_timestamp(now + days * day + 60).unwrap()
        };
        move |params: &mut CertificateParams| {
            params.not_before = at(from);
            params.not_after = at(to);
        }
    };
    for (from, to, expected) in [
        (-90, -3, "the certificate has expired 2 days ago"),
        (-90, 1, "the certificate expires in 1 day"),
        (-90, 20, "the certificate expires in 20 days"),
        (-90, 22, ""),
        (3, 90, "the certificate is not valid for another 4 days"),
    ] {
        let pair = authority.issue_with(&[HOST], valid(from, to));
        let (code, text) = told(&pair.cert, &pair.key, false);
        assert_eq!(code, Some(0), "{text}");
        assert!(
            text.contains(expected) && text.contains("the certificate") != expected.is_empty(),
            "{expected}: {text}"
        );
    }
}

#[test]
fn certificates_and_hosts_that_do_not_meet_are_warned_of() {
    let authority = Authority::new("house");
    let pair = authority.issue(&["elsewhere.example.com"]);
    let (code, text) = told(&pair.cert, &pair.key, false);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("no app has a host that the certificate is for: `elsewhere.example.com`"),
        "{text}"
    );
    assert!(text.contains("no certificate is for a host of this app"), "{text}");
    let nameless = authority.issue(&[]);
    let (code, text) = told(&nameless.cert, &nameless.key, false);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("the certificate is for no host name"), "{text}");
}

#[test]
fn an_operator_sees_the_certificates_and_when_they_end() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let end = OffsetDateTime::from_unix_timestamp(2_000_000_000).unwrap();
    let first = authority.issue_with(&[HOST, "127.0.0.1"], |params| params.not_after = end);
    let second = authority.issue(&[HOST, "*.wild.localhost"]);
    let gateway = Gateway::start_in(folder(&app, &[&first, &second], &Wish::default()));
    let end_of =
        |host: &str| gateway.metric("stagedoor_tls_not_after_seconds", &[&format!("host=\"{host}\"")]);
    assert_eq!(end_of(HOST), 2e9);
    assert_eq!(end_of("127.0.0.1"), 2e9);
    assert!(end_of("*.wild.localhost") > 2e9);
    let answer = gateway.ask_admin_as_operator(Request::get("/api/v1/certificates"));
    assert_eq!(answer.status, 200);
    let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let one = &document["certificates"][0];
    assert_eq!(one["names"], serde_json::json!([HOST, "127.0.0.1"]));
    assert_eq!(one["issuer"], "house");
    assert_eq!(one["not_after"], "2033-05-18T03:33:20.000Z");
    assert_eq!(one["cert"], "tls/0.pem");
    assert_eq!(gateway.ask_admin(Request::get("/api/v1/certificates")).status, 401);
}

#[test]
fn a_listener_that_is_used_already_is_told_with_its_line() {
    let app = Upstream::start();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = Authority::new("house");
    let folder: Folder = folder(&app, &[&authority.issue(&[HOST])], &Wish::default());
    let text = folder.read("stagedoor.toml");
    let address = taken.local_addr().unwrap().to_string();
    folder.write(
        "stagedoor.toml",
        &text.replacen("listen       = [\"127.0.0.1:0\"]", &format!("listen = [\"{address}\"]"), 1),
    );
    write_pair(&folder, "tls/0", &authority.issue(&[HOST]));
    let (_, output) = Gateway::try_start_in(folder).unwrap_err();
    assert!(output.stderr.contains("server.tls.listen") && output.stderr.contains(&address), "{output:?}");
}

/// Clients are sent the response of the file with the certificate, as long as it counts.
#[test]
pub(crate) fn staple() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let pair = numbered(&authority, 7, &[HOST]);
    let folder = folder(&app, &[&pair], &Wish::default());
    let text = folder.read("stagedoor.toml").replace("0.key\" }", "0.key\", ocsp = \"tls/0.ocsp\" }");
    folder.write("stagedoor.toml", &text);
    let write = |folder: &Folder, days: i64| {
        std::fs::write(
            folder.path().join("tls/0.ocsp"),
            response(7, i64::try_from(unix_now()).unwrap() + days * 86_400),
        )
    };
    write(&folder, 7).unwrap();
    let gateway = Gateway::start_in(folder);
    let stapled = || {
        let verifier = Arc::new(Stapled::default());
        let mut config = client_config(&authority);
        config.dangerous().set_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>);
        connect(&gateway, HOST, &Arc::new(config));
        verifier.0.lock().unwrap().clone()
    };
    assert_eq!(stapled(), std::fs::read(gateway.folder.path().join("tls/0.ocsp")).unwrap());
    // One that is out of date is worse than none.
    write(&gateway.folder, -1).unwrap();
    poll_until("no staple", || stapled().is_empty().then_some(()));
    write(&gateway.folder, 3).unwrap();
    poll_until("the new staple", || (!stapled().is_empty()).then_some(()));
}

/// How long a response counts, in seconds.
const MONTH: i64 = 30 * 86_400;

/// A response about a serial number that is good until `until`: nobody has signed it.
fn response(serial: u8, until: i64) -> Vec<u8> {
    let element = |tag: u8, parts: &[Vec<u8>]| {
        let content = parts.concat();
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [vec![tag, 0x82, length[0], length[1]], content].concat()
    };
    let time = |at: i64| {
        let at = OffsetDateTime::from_unix_timestamp(at).unwrap();
        let (date, clock) = (at.date(), at.time());
        let text = format!(
            "{:04}{:02}{:02}{:02}{:02}{:02}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            clock.hour(),
            clock.minute(),
            clock.second()
        );
        element(0x18, &[text.into_bytes()])
    };
    let id =
        element(0x30, &[element(0x30, &[]), element(4, &[]), element(4, &[]), element(2, &[vec![serial]])]);
    let single = element(0x30, &[id, vec![0x80, 0], time(until - MONTH), element(0xa0, &[time(until)])]);
    let data =
        element(0x30, &[element(0xa2, &[element(4, &[])]), time(until - MONTH), element(0x30, &[single])]);
    let basic = element(0x30, &[data, element(0x30, &[]), element(3, &[vec![0]])]);
    let bytes = element(0x30, &[element(6, &[vec![43, 6, 1, 5, 5, 7, 48, 1, 1]]), element(4, &[basic])]);
    element(0x30, &[vec![10, 1, 0], element(0xa0, &[bytes])])
}

/// A client that accepts every certificate and keeps the staple.
#[derive(Debug, Default)]
struct Stapled(Mutex<Vec<u8>>);

impl ServerCertVerifier for Stapled {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        staple: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = staple.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
