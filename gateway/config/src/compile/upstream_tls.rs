//! Compiles the keys of `upstream` that say which certificates of an app are accepted.

use rustls::pki_types::ServerName;

use super::authorities::certificates;
use super::context::Context;
use super::secrets::dangerous;
use crate::location::{Location, Setting};
use crate::problem::{Report, shown};
use stagedoor_core::policy::{CertificateTrust, UpstreamTls};

const A_PEM: &str =
    "a PEM file with the certificate of the authority, or of the app itself, relative to the main file";

/// The keys for https alone, as they were written.
pub(super) struct TlsKeys<'a> {
    pub(super) ca: &'a Setting<String>,
    pub(super) server_name: &'a Setting<String>,
    pub(super) any: &'a Setting<bool>,
}

impl TlsKeys<'_> {
    /// Reports those that were written beside an address without TLS.
    pub(super) fn refuse(&self, report: &Report) {
        let Self { ca, server_name, any } = self;
        let written = [
            ca.as_ref().map(|ca| &ca.at),
            server_name.as_ref().map(|name| &name.at),
            any.as_ref().map(|any| &any.at),
        ];
        for at in written.into_iter().flatten() {
            let name = at.path.rsplit('.').next().unwrap_or_default();
            let hint = "write https:// in the address of the app, or leave the key out";
            report.problem(at, format!("`{name}` beside an address without TLS"), hint);
        }
    }
}

/// Which certificates are accepted of the app at `host`; `url` is where that was written.
pub(super) fn policy(keys: &TlsKeys<'_>, host: &str, url: &Location, cx: &Context<'_>) -> UpstreamTls {
    let TlsKeys { ca, server_name, any } = keys;
    let any = dangerous(any, "any certificate of the app is accepted, so anybody on the way can play it", cx);
    let trust = match ca {
        Some(ca) if any => {
            let hint = "leave out either `ca` or `dangerous_any_certificate`";
            cx.report.problem(&ca.at, "`dangerous_any_certificate` beside a `ca`", hint);
            CertificateTrust::Anyone
        }
        None if any => CertificateTrust::Anyone,
        Some(ca) => CertificateTrust::Listed(certificates(ca, A_PEM, cx).into()),
        None => CertificateTrust::WebAuthorities,
    };
    let (name, at) = match server_name {
        Some(given) => (given.value.as_str(), &given.at),
        None => (host, url),
    };
    UpstreamTls { server_name: self::server_name(name, at, cx.report), trust }
}

/// A name or an address, the latter with or without brackets. A dot at the end of a name stands in no certificate.
fn server_name(name: &str, at: &Location, report: &Report) -> ServerName<'static> {
    let plain = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    let plain = plain.strip_suffix('.').unwrap_or(plain);
    ServerName::try_from(plain.to_ascii_lowercase()).unwrap_or_else(|_| {
        let hint =
            "write the name or the address that the certificate of the app is for: server_name = \"app.lan\"";
        report.problem(at, format!("not a name of a certificate: `{}`", shown(name)), hint);
        ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into())
    })
}
