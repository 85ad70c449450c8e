//! Compiles the address of a service that the gateway asks itself.

use super::authorities::certificates;
use super::context::Context;
use super::secrets::dangerous;
use crate::location::{Setting, Spanned};
use crate::problem::shown;
use stagedoor_core::policy::{CertificateTrust, PlainHttp, ServiceAddress, ServiceSecurity, UrlFault};

const ACCEPTED: &str =
    "accepted: https://HOST/PATH, or http://HOST:PORT/PATH on this machine or in a private network";
const A_PEM: &str = "a PEM file with the certificate of the authority that issued the one of the service, or with that certificate \
                     itself, relative to the main file";

/// The keys that say how a connection to a service is protected, as they were written.
pub(super) struct ProtectionKeys<'a> {
    pub(super) ca: &'a Setting<String>,
    pub(super) dangerous_plain_http: &'a Setting<bool>,
}

/// The address of a service; `None` where it cannot be used, which is reported.
pub(super) fn address(
    url: &Spanned<String>,
    keys: &ProtectionKeys<'_>,
    cx: &Context<'_>,
) -> Option<ServiceAddress> {
    let ProtectionKeys { ca, dangerous_plain_http } = keys;
    let means = "a service is asked without TLS, so anybody on the way can answer in its place";
    let plain = if dangerous(dangerous_plain_http, means, cx) {
        PlainHttp::Anywhere
    } else {
        PlainHttp::PrivateNetwork
    };
    let trust = match ca {
        Some(ca) => CertificateTrust::Listed(certificates(ca, A_PEM, cx).into()),
        None => CertificateTrust::WebAuthorities,
    };
    let address = match ServiceAddress::parse(&url.value, &trust, plain) {
        Ok(address) => address,
        Err(fault) => {
            let hint = match fault {
                UrlFault::Malformed
                | UrlFault::TooLong
                | UrlFault::Scheme
                | UrlFault::User
                | UrlFault::Fragment => ACCEPTED,
                UrlFault::Plain | UrlFault::PlainToPublic => {
                    "write https://, or name an address of this machine or of a private network; `dangerous_plain_http = true` beside \
                     it takes any"
                }
            };
            cx.report.problem(&url.at, format!("{}: `{}`", fault.reason(), url_shown(&url.value)), hint);
            return None;
        }
    };
    let without_tls = match address.security {
        ServiceSecurity::Tls(_) => false,
        ServiceSecurity::PrivateNetwork | ServiceSecurity::Unprotected => true,
    };
    if let Some(ca) = ca.as_ref().filter(|_| without_tls) {
        let hint = "write https:// in the address of the service, or leave the key out";
        cx.report.problem(&ca.at, "`ca` beside an address without TLS", hint);
    }
    Some(address)
}

/// An address as it may be shown: a user name may come with a password.
fn url_shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, host)) => format!("…@{}", shown(host)),
        None => shown(url),
    }
}
