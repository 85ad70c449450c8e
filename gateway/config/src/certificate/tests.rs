//! What is read of a certificate, and what is warned of.
#![allow(clippy::unwrap_used, reason = "tests")]

use rcgen::{CertificateParams, CustomExtension, DnType, Issuer, KeyPair, PKCS_ED25519};
use stagedoor_core::policy::CertificateFiles;

use super::{Certificate, CertificateFault, Concern, PemFile};
use crate::tests::Desk;

const DAY: u64 = 86_400;

fn files() -> CertificateFiles {
    CertificateFiles { cert: "c".to_owned(), key: "k".to_owned(), ocsp: None, open_key: false }
}

fn load(cert: &str, key: &str) -> Result<Certificate, CertificateFault> {
    Certificate::load(&files(), &Desk::default().file("c", cert).file("k", key), 0)
}

/// A certificate that another authority has issued, changed before it is signed.
fn issued(change: impl FnOnce(&mut CertificateParams)) -> Result<Certificate, CertificateFault> {
    let mut of_issuer = CertificateParams::default();
    of_issuer.distinguished_name.push(DnType::CommonName, "Issuer X1");
    of_issuer.distinguished_name.push(DnType::OrganizationName, "Some Authority");
    let issuer = Issuer::new(of_issuer, KeyPair::generate().unwrap());
    let mut params =
        CertificateParams::new(vec!["Media.Example.com".to_owned(), "192.0.2.1".to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    load(&params.signed_by(&key, &issuer).unwrap().pem(), &key.serialize_pem())
}

#[test]
fn names_issuer_and_dates_are_read() {
    let certificate = issued(|params| {
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 4, 1);
    })
    .unwrap();
    let names: Vec<&str> = certificate.names.names().collect();
    assert_eq!(names, ["media.example.com"]);
    assert!(certificate.names.covers("192.0.2.1"));
    assert_eq!(certificate.issuer, "Issuer X1 (Some Authority)");
    assert_eq!((certificate.not_before, certificate.not_after), (1_767_225_600, 1_775_001_600));
    let at = |seconds: u64| certificate.concerns(seconds);
    let end = certificate.not_after;
    assert_eq!(at(end - 30 * DAY), []);
    assert_eq!(at(end - 21 * DAY), []);
    assert_eq!(at(end - 21 * DAY + 1), [Concern::Expires { days: 20 }]);
    assert_eq!(at(end), [Concern::Expires { days: 0 }]);
    assert_eq!(at(end + 1), [Concern::Expired { days: 0 }]);
    assert_eq!(at(end + 2 * DAY), [Concern::Expired { days: 2 }]);
    assert_eq!(at(certificate.not_before - 1), [Concern::NotYetValid { days: 1 }]);
}

#[test]
fn an_issuer_that_can_be_fetched_and_is_not_there_is_missed() {
    // AuthorityInfoAccess with caIssuers (RFC 5280 §4.2.2.1).
    let mut access = vec![0x30, 0x1e, 0x30, 0x1c, 0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, 0x10];
    access.extend_from_slice(b"http://issuer/x1");
    let told = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access);
    let certificate = issued(|params| params.custom_extensions = vec![told]).unwrap();
    assert_eq!(certificate.concerns(certificate.not_before), [Concern::NoIntermediate]);
    // A house's own authority needs no intermediate.
    let certificate = issued(|_| {}).unwrap();
    assert_eq!(certificate.concerns(certificate.not_before), []);
}

#[test]
fn keys_of_every_kind_in_use_are_taken() {
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let cert = CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        load(&cert.pem(), &key.serialize_pem()).unwrap();
    }
    // As openssl writes it, with its parameters before it.
    load(WITH_PARAMETERS.0, WITH_PARAMETERS.1).unwrap();
}

#[test]
fn a_weak_key_is_refused() {
    let fault = load(RSA_1024.0, RSA_1024.1).unwrap_err();
    assert_eq!((fault.file, &*fault.message), (PemFile::Certificate, "a weak key (RSA of 1024 bits)"));
}

#[test]
fn a_signature_over_sha1_is_refused() {
    let fault = load(SHA1.0, SHA1.1).unwrap_err();
    assert_eq!(fault.message, "signed over SHA-1, which no browser accepts");
}

/// A P-256 key with its parameters.
const WITH_PARAMETERS: (&str, &str) = (
    "-----BEGIN CERTIFICATE-----
MIIBmDCCAT2gAwIBAgIURp4+DN+vuf8E4ngv+aeH0LKyvEYwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKcGFyYW1ldGVyczAgFw0yNjExMzAxMjA1NDVaGA8yMTI2MTEw
NjEyMDU0NVowFTETMBEGA1UEAwwKcGFyYW1ldGVyczBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABOquVsv4yE0YIemMUpcmQHQ/R2/WF7aLgdFEvY+gnp0OOpWFKQRY
cPxAzcpKOGDq2xSr83WOgdLvkAeCKjhPB1ejaTBnMB0GA1UdDgQWBBR8npnXpsiG
UJ1B4N398710IqFcCTAfBgNVHSMEGDAWgBR8npnXpsiGUJ1B4N398710IqFcCTAP
BgNVHRMBAf8EBTADAQH/MBQGA1UdEQQNMAuCCWEuZXhhbXBsZTAKBggqhkjOPQQD
AgNJADBGAiEAvpKz/tvf2VLpX50WWQe8XQBDXrhXpI2nHUsg+9Via4gCIQCcgF/1
YPV5gqaDVOWRUF7UmuvZAbpHOYBJ605v0/8jqQ==
-----END CERTIFICATE-----
",
    "-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIHjIml3ubIsfeyGltLJxKYKRd3q4xhv+Mgm+HlcrkceQoAoGCCqGSM49
AwEHoUQDQgAE6q5Wy/jITRgh6YxSlyZAdD9Hb9YXtouB0US9j6CenQ46lYUpBFhw
/EDNyko4YOrbFKvzdY6B0u+QB4IqOE8HVw==
-----END EC PRIVATE KEY-----
",
);

/// A key that can be broken.
const RSA_1024: (&str, &str) = (
    "-----BEGIN CERTIFICATE-----
MIICEjCCAXugAwIBAgIUG2jua/lFrgE7iy1mgCE37/KAfzYwDQYJKoZIhvcNAQEL
BQAwDzENMAsGA1UEAwwEd2VhazAgFw0yNjExMzAxMjA1NDVaGA8yMTI2MTEwNjEy
MDU0NVowDzENMAsGA1UEAwwEd2VhazCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkC
gYEAvjhODhmS0ByFfiM7ndj/ZVY6Axm4RVSGqCCn5N0xcU3wyIQrk3fp0B2VsiEw
1vwD8WUsfowjXD8EFnXe5r0jJQk+qxIhaKR8poK+DvhQig+WZ3sXxzMDU7Aa5Uvf
YKNaoUYm3MhDdoL7GZ9Lm/eRUugNhu6UkDqF6v2gwjXtUnUCAwEAAaNpMGcwHQYD
VR0OBBYEFJ9vero5CvgbubD2aP+a7NT50aOpMB8GA1UdIwQYMBaAFJ9vero5Cvgb
ubD2aP+a7NT50aOpMA8GA1UdEwEB/wQFMAMBAf8wFAYDVR0RBA0wC4IJYS5leGFt
cGxlMA0GCSqGSIb3DQEBCwUAA4GBAGB6yBZhQ7nInf47AGrFTUhV0axSRScZiIgi
QHApB2hHSIpVWMhR6RkgUmbuM+k9MI8IGt/TXw7Xt5CWBfZULqPYMmrVakKl0fHv
+4vodQhoMzB35eGRa9x/okgHFJzFqM0RRvOy/0Oqf8+euNDlbRnmc2zjMReBOLM5
u6GBBT2p
-----END CERTIFICATE-----
",
    "-----BEGIN PRIVATE KEY-----
MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAL44Tg4ZktAchX4j
O53Y/2VWOgMZuEVUhqggp+TdMXFN8MiEK5N36dAdlbIhMNb8A/FlLH6MI1w/BBZ1
3ua9IyUJPqsSIWikfKaCvg74UIoPlmd7F8czA1OwGuVL32CjWqFGJtzIQ3aC+xmf
S5v3kVLoDYbulJA6her9oMI17VJ1AgMBAAECgYAEzzWiA6GDo4T4iHmEZy0l6cUz
uN3A2v9AlvrHvZP3cmoJF9ZmNxzxRx42z8IFXX/YBZ/XX0GxnmJDEx3cpaGSzfvJ
juf1OqLvt2+xsKRR/GsXSzjBlh2vRTxNVJTcnws+t49oK1gYESGaDMNOo851ogeh
u+tH9yFAYY6K3g5HrQJBAOQecE8Qx2WkeZJ1IyTBFTW4ZVap4Gz2JvxzIxmJJQD3
0UxZiTYPv73B+BrknU7AMfpZRzpL+5an5JIjdig0K1cCQQDVeA3Z2cNMGwSOvABS
jfgPAIFmFRiKh1JBtAfkcO3v9rO7rOyPiO6pxihpxhokZf61lMSj55MvpxmbZSFR
/N0TAkEA4gmTSZUbr4jBejEdyK6WQKvdpnkfy3hBe0bvUb9GbmYg+yGBR5NlcDcC
jEtZ4I2rOCE85fQicM8eOvxueTnwcwJBALIjR1u+r405FqqOFK7PrmvGfjVT8XDY
0DnoJJXr74NKml5JRffZy2B97oemO3aYbt/Uz+v/egJQLbxRvmaO32UCQQCHY7bq
j9ffx/1Ws6HoiY3BTZUo7LEeI3PVbhJ/q11M17Yi9xWirOEfaoZwHNnJh8OLn2nc
nEeae7Vj3KlsK8m2
-----END PRIVATE KEY-----
",
);

/// Signed over SHA-1.
const SHA1: (&str, &str) = (
    "-----BEGIN CERTIFICATE-----
MIIDFzCCAf+gAwIBAgIUBFtnUHo+GctNWBl/gGcZgBo4OUUwDQYJKoZIhvcNAQEF
BQAwDzENMAsGA1UEAwwEc2hhMTAgFw0yNjExMzAxMjA1NDVaGA8yMTI2MTEwNjEy
MDU0NVowDzENMAsGA1UEAwwEc2hhMTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCC
AQoCggEBAN22ZrNxyzYvR+AULblfRqZQesNCrtl17BwT8xh6+1TQ8PCac0luzGKS
nRz5JPyLZ5yuKY1i8TTi+8XhpIJEEDPtJuWr6JmiAA47od7LuUkRerqOIPhiYGTG
EraR6eIKe97FYs6p/Cq9wqSOCndTzyyCdENyFq4r/qb7VA6bTcwSVENomcmbE/Yb
bYVvFAHcUXdCeGApKWpmVg5dPJNFdXcxklOOqBM3vxX4O+074+Z+gqZz+6umUa7R
WuW8Eg5hm7ElaeC1vU/hApnFBgSj8l6SX//O/FUCJgM9Doi3JvNABqNQamOB3Cyx
wuSvJRmxMukemdfM0O/FoOmQ9jzsXRUCAwEAAaNpMGcwHQYDVR0OBBYEFI1+YZMS
bpayp67FQJMSrqONhNt4MB8GA1UdIwQYMBaAFI1+YZMSbpayp67FQJMSrqONhNt4
MA8GA1UdEwEB/wQFMAMBAf8wFAYDVR0RBA0wC4IJYS5leGFtcGxlMA0GCSqGSIb3
DQEBBQUAA4IBAQA0cvBL7mvJXgmg+VMJKk/9VSQShhUl+NuiLGM3T4c5FHb4Oa23
ZoRxpDC14ZR4rg4ljDXuMICmPZ1wAasXzVvTpAkUULwPaknnQjiDNWqf38QeFeDD
O9t93B3IlbXww/h5Wat63S93BPkTarnGV+bB6YMqmjkKF5UwkVEdlT1OdnTVVFep
1e9uy611cJfEjS0Lgreq/eRG19uvNzaTT6hQfMys77aIWovjJclszhulU6b3GBCM
JDNpYFJKUL5AAD73k80ReM8q+lqfOL3ivj3pR9BFrKrqUcq5THxttzNng28Aodpv
b0BplIYa8XeFcuOl65fQytLrbHrPZwmzUYVv
-----END CERTIFICATE-----
",
    "-----BEGIN PRIVATE KEY-----
MIIEvwIBADANBgkqhkiG9w0BAQEFAASCBKkwggSlAgEAAoIBAQDdtmazccs2L0fg
FC25X0amUHrDQq7ZdewcE/MYevtU0PDwmnNJbsxikp0c+ST8i2ecrimNYvE04vvF
4aSCRBAz7Sblq+iZogAOO6Hey7lJEXq6jiD4YmBkxhK2keniCnvexWLOqfwqvcKk
jgp3U88sgnRDchauK/6m+1QOm03MElRDaJnJmxP2G22FbxQB3FF3QnhgKSlqZlYO
XTyTRXV3MZJTjqgTN78V+DvtO+PmfoKmc/urplGu0VrlvBIOYZuxJWngtb1P4QKZ
xQYEo/Jekl//zvxVAiYDPQ6ItybzQAajUGpjgdwsscLkryUZsTLpHpnXzNDvxaDp
kPY87F0VAgMBAAECggEANGN0B41JOPu5lll2R3HbqhNkuqxQUAqk+Kp/G+b9adh4
QkYgnTas3VLrBIxbgMA5AqUFpQa+26IR33t2qaBHGtn8AbOaAeltbW+KS3Ckjr8u
WpQYdtCaGd3S0KiQVQzooaZO92njr77IliUJFJKtZsVJjyFPeibjpJXJEi2A18oB
NyQ4mCgHfnPswUWjTU79MvMupBd72W4ErA4Xc3q+XGAxRPLcdNyMAea+4qM5tUCd
X4FZOMW5R5+DX2FTa4QAOYxjn5sIp90/iCy9AzyhopZfBAFyORRC3+z28Y8cv2El
VXI6/Lgba46kvdIAnZIht8hpsrSZdCP4HmsXZyz/KQKBgQD7PHJ9BX3+B9tt823Z
FkqF3a+UqL6thUuFxUuf5CKzMHs+Rl5ePOb7WOUFO8/Ep2QUjJ65GFj+Dd0Jb9UH
63HlB51SzjpMzEQvsvqjB0pN0vNe6jr24vy2Yjsebr+FeaZcI5KqoSorTiKD9TLA
1IgzVUpAgnAdfAfGj0nNf1S/7QKBgQDh6qPfle1bdBW3TOW5lYgTI+XCcl/7wPgt
xeNrVkGJ6jGaqrjEvFL1CS1NuR63d6KSXmBkaK1LVz6eSqpo/eDrC4kjFAI8Wvax
qIZmA+oz++5DESYAYup+sKUM75FSUrl28cxMN+lql4xV5Ns6lMEgk01tyO19+1D5
LEv25frcyQKBgQDXM4L6Fl9C3uYVu4OnhVGWczr4Asc6CUiUsFhEAH28sdWPlWU2
IcLVH+Mk5YPl9mBivcUj1Xg9PhDNCY8X9pSb0zbufBoyOHJbzVqllRQPr5eqAMc7
PVmsvF3ZhpHlOjvHBu2V3PErIQWttLWhuStllTRCJ7jzeI+MhKZ6MQyeTQKBgQCS
YHSjZsIu8k0rwhBKqb9MH4M79N2KAiMLjV9n6bB3Sp2vSBSFrDvX9oU7CcoEN+jH
C41LIaO+4B17dIdrlauIv6Wwa8NzFcEnpTjHmpvB6Occ31yO/YhQY+XdNtAi1eTD
U7H6ZHPBk8Xi1XDSSRXFJIwTqQ9wBEkX2YKyy5o6OQKBgQCejxpd+8loKdBcNjDF
k9ceacWFHgv9gE963o11aULrMC4jlsZ9Sv/J4jT9DIiU2BhAAmllx/B8C7YmdKfl
eF6TgIkGwCoWrnZKVQt4Wu1S5DD41KcemdVHTu0Oq+dV/3gpJur34aMnjX8E01yl
Rc7RPMLpke6KLazJZrEa8jykeQ==
-----END PRIVATE KEY-----
",
);

/// An operator is told of the reason that counts now.
#[test]
fn another_reason_to_leave_a_staple_out_is_a_change() {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    let files = CertificateFiles { ocsp: Some("o".to_owned()), ..files() };
    let desk = || Desk::default().file("c", &cert.pem()).file("k", &key.serialize_pem());
    let load = |desk: Desk| Certificate::load(&files, &desk, 0).unwrap();
    let (missing, malformed) = (load(desk()), load(desk().file("o", "nothing")));
    let reasons = |certificate: &Certificate| certificate.concerns(certificate.not_before);
    assert_eq!(reasons(&missing), [Concern::NoStaple("an OCSP response that is missing")]);
    assert_eq!(reasons(&malformed), [Concern::NoStaple("not an OCSP response (DER)")]);
    assert!(!missing.is_same(&malformed) && missing.is_same(&load(desk())));
}
