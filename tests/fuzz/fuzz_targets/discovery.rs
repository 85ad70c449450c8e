//! The document with which a provider describes itself, and the address in it: no input panics, a document counts for one issuer alone, and
//! an address that is accepted leads to one host, by TLS, without a user name.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stagedoor_core::guard::jwt::jwks_uri;
use stagedoor_core::policy::{CertificateTrust, PlainHttp, ServiceAddress, ServiceSecurity};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let uri = jwks_uri(bytes, "https://issuer.test");
    if uri.is_ok() {
        assert!(jwks_uri(bytes, "https://other.test").is_err());
    }
    for url in uri.iter().map(String::as_str).chain([&*text]) {
        let Ok(address) = ServiceAddress::parse(url, &CertificateTrust::WebAuthorities, PlainHttp::Nowhere) else { continue };
        assert!(matches!(address.security, ServiceSecurity::Tls(_)));
        assert!(!address.authority.contains(['@', '/', '?', '#', '\\']) && !address.authority.contains(char::is_whitespace));
        assert!(address.target.starts_with('/') && address.target.bytes().all(|byte| byte.is_ascii_graphic()));
    }
});
