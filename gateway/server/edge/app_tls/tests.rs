#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use stagedoor_core::denial::UpstreamFault;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::edge::upstream_fault::of_handshake;

/// An authority, with its own certificate.
struct Authority {
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// What an app shows: a chain, and the key of its first certificate.
#[derive(Clone)]
struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Authority {
    fn new(name: &str) -> Self {
        let (params, key) = (authority_params(name), KeyPair::generate().unwrap());
        let der = params.self_signed(&key).unwrap().der().clone();
        Self { der, issuer: Issuer::new(params, key) }
    }

    /// An authority that this one has issued a certificate for.
    fn below(&self, name: &str) -> Self {
        let (params, key) = (authority_params(name), KeyPair::generate().unwrap());
        let der = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Self { der, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Shown {
        let (params, key) = request(names, change);
        let der = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Shown { chain: vec![der], key: key.serialize_der() }
    }
}

fn self_signed(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Shown {
    let (params, key) = request(names, change);
    Shown { chain: vec![params.self_signed(&key).unwrap().der().clone()], key: key.serialize_der() }
}

fn request(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (CertificateParams, KeyPair) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    (params, KeyPair::generate().unwrap())
}

fn listed(certificates: &[&CertificateDer<'static>]) -> CertificateTrust {
    CertificateTrust::Listed(certificates.iter().copied().cloned().collect())
}

fn server(shown: &Shown) -> ServerConfig {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(shown.key.clone()));
    ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(shown.chain.clone(), key)
        .unwrap()
}

/// What comes of a handshake: the version, the exchange of keys and the protocol, or the name of the fault.
async fn shake(app: &AppTls, server: ServerConfig) -> Result<String, &'static str> {
    let (near, far) = tokio::io::duplex(64 << 10);
    let accepts = tokio::spawn(async move { TlsAcceptor::from(Arc::new(server)).accept(far).await });
    let made = app.connector.connect(app.server_name.clone(), near).await;
    let said = made.map(|stream| {
        let session = stream.get_ref().1;
        let group = session.negotiated_key_exchange_group().map(|group| group.name());
        format!(
            "{:?} {:?} {:?}",
            session.protocol_version().unwrap(),
            group.unwrap(),
            session.alpn_protocol()
        )
    });
    drop(accepts.await);
    said.map_err(|error| {
        let fault = of_handshake(&error);
        let names = [
            (UpstreamFault::CertificateIssuer, "issuer"),
            (UpstreamFault::CertificateName, "name"),
            (UpstreamFault::CertificateTime, "time"),
            (UpstreamFault::Certificate, "certificate"),
            (UpstreamFault::TlsHandshake, "handshake"),
        ];
        let name = names.iter().find(|(known, _)| *known == fault).map(|(_, name)| *name);
        name.unwrap_or_else(|| panic!("{fault:?}: {error}"))
    })
}

fn app(name: &str, trust: CertificateTrust) -> AppTls {
    let server_name = ServerName::try_from(name.to_owned()).unwrap();
    AppTls::new(&UpstreamTls { server_name, trust })
}

#[tokio::test]
async fn only_the_certificate_of_the_app_is_accepted() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let between = ours.below("between");
    let good = ours.issue(&["app.lan", "10.0.0.1"], |_| {});
    let mut chained = between.issue(&["app.lan"], |_| {});
    let unchained = chained.clone();
    chained.chain.push(between.der.clone());
    let wild = ours.issue(&["*.home.lan"], |_| {});
    let (past, future) = (date_time_ymd(2001, 1, 1), date_time_ymd(4000, 1, 1));
    let expired = ours.issue(&["app.lan"], |params| params.not_after = past);
    let early = ours.issue(&["app.lan"], |params| params.not_before = future);
    let for_clients = ours.issue(&["app.lan"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let nameless = ours.issue(&[], |params| {
        params.distinguished_name.push(DnType::CommonName, "app.lan");
    });
    let of_theirs = theirs.issue(&["app.lan"], |_| {});
    // As `openssl req -x509` makes one, and as other programs do.
    let as_authority =
        |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own_authority = self_signed(&["app.lan"], as_authority);
    let own = self_signed(&["app.lan"], |_| {});
    let own_expired = self_signed(&["app.lan"], |params| {
        as_authority(params);
        params.not_after = past;
    });
    let our_ca = || listed(&[&theirs.issue(&["other.lan"], |_| {}).chain[0], &ours.der]);
    let itself = |shown: &Shown| listed(&[&shown.chain[0]]);
    let rows: &[(&str, &Shown, &str, CertificateTrust, Option<&str>)] = &[
        ("issued by ours", &good, "app.lan", our_ca(), None),
        ("for its address", &good, "10.0.0.1", our_ca(), None),
        ("for another name", &good, "other.lan", our_ca(), Some("name")),
        ("for another address", &good, "10.0.0.2", our_ca(), Some("name")),
        ("for a part of the name", &good, "an.app.lan", our_ca(), Some("name")),
        ("for all names below", &wild, "app.home.lan", our_ca(), None),
        ("for one label alone", &wild, "an.app.home.lan", our_ca(), Some("name")),
        ("in the subject alone", &nameless, "app.lan", our_ca(), Some("name")),
        ("by way of another", &chained, "app.lan", our_ca(), None),
        ("without the one between", &unchained, "app.lan", our_ca(), Some("issuer")),
        ("expired", &expired, "app.lan", our_ca(), Some("time")),
        ("not valid yet", &early, "app.lan", our_ca(), Some("time")),
        ("for clients", &for_clients, "app.lan", our_ca(), Some("certificate")),
        ("issued by others", &of_theirs, "app.lan", our_ca(), Some("issuer")),
        ("by itself", &own, "app.lan", our_ca(), Some("issuer")),
        ("by itself, an authority", &own_authority, "app.lan", our_ca(), Some("issuer")),
        ("by nobody that browsers know", &good, "app.lan", CertificateTrust::WebAuthorities, Some("issuer")),
        ("by no authority at all", &good, "app.lan", listed(&[]), Some("issuer")),
        ("listed itself", &own, "app.lan", itself(&own), None),
        ("listed itself, an authority", &own_authority, "app.lan", itself(&own_authority), None),
        ("listed itself, issued by others", &of_theirs, "app.lan", itself(&of_theirs), None),
        ("listed itself, another name", &own_authority, "other.lan", itself(&own_authority), Some("name")),
        ("listed itself, expired", &own_expired, "app.lan", itself(&own_expired), Some("time")),
        ("another one of the same key is listed", &own_authority, "app.lan", itself(&own), Some("issuer")),
        ("anyone", &own_expired, "other.lan", CertificateTrust::Anyone, None),
    ];
    for (what, shown, name, trust, expected) in rows {
        let fault = shake(&app(name, trust.clone()), server(shown)).await.err();
        assert_eq!(fault, *expected, "{what}");
    }
}

/// Not even `dangerous_any_certificate` accepts a server that has no key for the certificate that it shows.
#[tokio::test]
async fn a_certificate_without_its_key_is_nothing() {
    let ours = Authority::new("ours");
    let good = ours.issue(&["app.lan"], |_| {});
    let stolen = Shown { key: ours.issue(&["app.lan"], |_| {}).key, ..good };
    let resolver = |shown: &Shown| {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(shown.key.clone()));
        let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
        let certified = rustls::sign::CertifiedKey::new(shown.chain.clone(), key);
        Arc::new(rustls::sign::SingleCertAndKey::from(certified))
    };
    for trust in [listed(&[&ours.der]), CertificateTrust::Anyone] {
        for version in [&TLS12, &TLS13] {
            let server = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
                .with_protocol_versions(&[version])
                .unwrap()
                .with_no_client_auth()
                .with_cert_resolver(resolver(&stolen));
            let fault = shake(&app("app.lan", trust.clone()), server).await.unwrap_err();
            assert_eq!(fault, "certificate", "{version:?}");
        }
    }
}

#[tokio::test]
async fn what_is_agreed_on_is_modern_and_http_1() {
    let ours = Authority::new("ours");
    let good = ours.issue(&["app.lan"], |_| {});
    let with = |versions: &[&'static rustls::SupportedProtocolVersion], protocols: &[&[u8]]| {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(good.key.clone()));
        let mut server = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(good.chain.clone(), key)
            .unwrap();
        server.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        server
    };
    let app = app("app.lan", listed(&[&ours.der]));
    let http = Some(b"http/1.1".as_slice());
    for (server, expected) in [
        (with(&[&TLS12, &TLS13], &[b"h2", b"http/1.1"]), format!("TLSv1_3 X25519MLKEM768 {http:?}")),
        (with(&[&TLS13], &[]), "TLSv1_3 X25519MLKEM768 None".to_owned()),
        (with(&[&TLS12], &[]), "TLSv1_2 X25519 None".to_owned()),
    ] {
        assert_eq!(shake(&app, server).await.unwrap(), expected);
    }
    assert_eq!(shake(&app, with(&[&TLS13], &[b"h2"])).await, Err("handshake"));
}

/// A session of before is resumed, but none of another upstream of the same name, which may accept others.
#[tokio::test]
async fn sessions_are_resumed_within_one_upstream() {
    let ours = Authority::new("ours");
    let good = ours.issue(&["app.lan"], |_| {});
    let acceptor = TlsAcceptor::from(Arc::new(server(&good)));
    let trusting = app("app.lan", CertificateTrust::Anyone);
    let careful = app("app.lan", CertificateTrust::WebAuthorities);
    let connect = async |app: &AppTls| {
        let (near, far) = tokio::io::duplex(64 << 10);
        let acceptor = acceptor.clone();
        let serves = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let Ok(mut stream) = acceptor.accept(far).await else { return };
            let _ = stream.write_all(b"x").await;
            let _ = stream.read(&mut [0; 1]).await;
        });
        let made = app.connector.connect(app.server_name.clone(), near).await;
        let kind = match made {
            Ok(mut stream) => {
                // Tickets come before the first data.
                tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap();
                stream.get_ref().1.handshake_kind()
            }
            Err(_) => None,
        };
        serves.await.unwrap();
        kind
    };
    let kinds = [connect(&trusting).await, connect(&trusting).await, connect(&careful).await];
    assert_eq!(kinds, [Some(rustls::HandshakeKind::Full), Some(rustls::HandshakeKind::Resumed), None]);
}

#[tokio::test]
async fn other_protocols_are_no_handshake() {
    let app = app("127.0.0.1", CertificateTrust::Anyone);
    for (answer, expected) in [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(), UpstreamFault::SpeaksNoTls),
        (b"", UpstreamFault::TlsHandshake),
        // A fatal alert: handshake_failure.
        (b"\x15\x03\x03\x00\x02\x02\x28", UpstreamFault::TlsHandshake),
    ] {
        let (near, mut far) = tokio::io::duplex(64 << 10);
        tokio::io::AsyncWriteExt::write_all(&mut far, answer).await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut far).await.unwrap();
        let made = app.connector.connect(app.server_name.clone(), near).await;
        assert_eq!(of_handshake(&made.unwrap_err()), expected, "{answer:?}");
    }
}
