//! Compiles `[server.tls]`.

use std::sync::Arc;

use super::authorities;
use super::context::Context;
use super::listen::{self, conflict};
use super::secrets::dangerous;
use crate::certificate::{Certificate, PemFile};
use crate::location::{Location, Spanned};
use crate::problem::Report;
use crate::raw;
use stagedoor_core::guard::https::PlainHttpPolicy;
use stagedoor_core::guard::target::HostTable;
use stagedoor_core::policy::{
    AdminPolicy, App, CertificateFiles, ClientAuthority, HttpsPolicy, ListenAddress, ServerPolicy, TlsPolicy,
    TlsVersion,
};

/// What `[server.tls]` says, and the certificates that it names; none where files are not looked at.
pub(super) fn tls(raw: Option<&raw::Tls>, main: &str, cx: &Context<'_>) -> (TlsPolicy, Vec<Certificate>) {
    let Some(raw::Tls { at: _, listen, certificates, client_ca: _, min_version, redirect_http, public_port }) =
        raw
    else {
        return (TlsPolicy::Off, Vec::new());
    };
    let named: Vec<_> = certificates.iter().filter_map(|table| Some((table, files(table, cx)?))).collect();
    let loaded = named.iter().filter_map(|(table, files)| load(table, files, cx)).collect();
    for (place, (table, files)) in named.iter().enumerate() {
        let same = |(_, other): &&(_, CertificateFiles)| other.cert == files.cert && other.key == files.key;
        if named.iter().take(place).any(|other| same(&other)) {
            cx.report.problem(&table.at, format!("listed twice: `{}`", files.cert), "once is enough");
        }
    }
    let port = Spanned::value_or(public_port.as_ref(), 443);
    let policy = HttpsPolicy {
        listen: listen::listeners(listen.as_ref(), listen::HTTPS, main, cx.report),
        certificates: named.into_iter().map(|(_, files)| files).collect(),
        min_version: Spanned::value_or(min_version.as_ref(), TlsVersion::Tls12),
        plain_http: match Spanned::value_or(redirect_http.as_ref(), true) {
            // The range was judged by the reader.
            true => PlainHttpPolicy::Redirects { port: u16::try_from(port).unwrap_or(443) },
            false => PlainHttpPolicy::Serves,
        },
    };
    (TlsPolicy::On(policy), loaded)
}

/// `server.tls.client_ca`: who has to have issued the certificates of the clients of apps that name nobody.
pub(super) fn usual_client_authority(
    raw: Option<&raw::Tls>,
    cx: &Context<'_>,
) -> Option<Arc<ClientAuthority>> {
    raw?.client_ca.as_ref().map(|path| authorities::client_authority(path, cx))
}

/// Reports https listeners whose address is that of another listener.
pub(super) fn refuse_conflicts(
    raw: Option<&raw::Tls>,
    (tls, server, admin): (&TlsPolicy, &ServerPolicy, &AdminPolicy),
    report: &Report,
) {
    let Some(raw) = raw else { return };
    let at = raw.listen.as_ref().map_or(&raw.at, |listen| &listen.at);
    let of_admin = admin.listen.map(ListenAddress::Tcp);
    let others = server.listen.iter().map(|other| ("server.listen", other));
    let others: Vec<_> = others.chain(of_admin.iter().map(|other| ("admin.listen", other))).collect();
    for address in tls.listen() {
        if let Some((key, other)) = others.iter().find(|(_, other)| conflict(address, other)) {
            let message = format!("server.tls.listen and {key} are in conflict: `{address}` and `{other}`");
            report.problem(at, message, "https needs a port of its own");
        }
    }
}

/// Warns of certificates that no app can use, and of apps that have none.
pub(super) fn warn_of_names(
    raw: Option<&raw::Tls>,
    loaded: &[Certificate],
    (apps, table): (&[Option<App>], &HostTable),
    cx: &Context<'_>,
) {
    let Some(raw) = raw else { return };
    // Without one of them, nothing can be said of the others.
    if loaded.is_empty() || loaded.len() < raw.certificates.len() || apps.iter().any(Option::is_none) {
        return;
    }
    let serves = |certificate: &Certificate, app: &App| {
        let names = &certificate.names;
        let is_of_app = |host: String| table.find(&host).is_ok_and(|found| found.app() == app.index);
        app.hosts.iter().any(|host| names.covers(&example(host)))
            || names.names().any(|name| is_of_app(example(name)))
            || names.addresses().any(|ip| is_of_app(example(&ip.to_string())))
    };
    for (table, certificate) in raw.certificates.iter().zip(loaded) {
        let used = apps.iter().flatten().any(|app| serves(certificate, app));
        if !used && !certificate.names.is_empty() {
            let names: Vec<&str> = certificate.names.names().take(SHOWN).collect();
            let message = format!("no app has a host that the certificate is for: `{}`", names.join(", "));
            cx.report.warn(&table.at, message, "add its names to the `hosts` of an app, or leave it out");
        }
    }
    for app in apps.iter().flatten() {
        if !loaded.iter().any(|certificate| serves(certificate, app)) {
            cx.report.warn(
                &raw.at.key("certificates"),
                format!("no certificate is for a host of this app, so browsers warn of it: `{}`", app.name),
                "add a certificate for its hosts",
            );
        }
    }
}

/// Warns where the redirect to https works once: a browser that has been told Strict-Transport-Security goes to https by itself from then
/// on, and keeps the port or takes 443 (RFC 6797 §8.3).
pub(super) fn warn_of_hsts(raw: Option<&raw::Tls>, tls: &TlsPolicy, apps: &[Option<App>], report: &Report) {
    let Some(given) = raw.and_then(|raw| raw.public_port.as_ref()) else { return };
    let redirects = match tls.https().map(|https| https.plain_http) {
        Some(PlainHttpPolicy::Redirects { port }) => port != 443,
        Some(PlainHttpPolicy::Serves) | None => false,
    };
    let told = apps.iter().flatten().find_map(|app| {
        let host = app.hosts.iter().find(|host| app.response.adds_hsts(host))?;
        Some((app, host))
    });
    if let Some((app, host)) = told.filter(|_| redirects) {
        let message = format!(
            "after one visit over https, browsers no longer find this port by the redirect: they are told \
             Strict-Transport-Security, and go from http to https by themselves, without the port: `{host}`"
        );
        let hint = format!(
            "let https be reached at port 443, or say what browsers are told: [app.{}.headers] hsts = {{ max_age = \"0s\" }}",
            app.name
        );
        report.warn(&given.at, message, hint);
    }
}

/// How many names of a certificate a message shows.
const SHOWN: usize = 3;

/// A host that the entry of an app or a certificate stands for.
fn example(host: &str) -> String {
    match host.strip_prefix("*.") {
        Some(parent) => format!("any.{parent}"),
        None if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
        None => host.to_owned(),
    }
}

/// The files of a certificate; `None` where one is not named, which the reader has reported.
fn files(table: &raw::CertificateTable, cx: &Context<'_>) -> Option<CertificateFiles> {
    let raw::CertificateTable { at: _, cert, key, ocsp, dangerous_open_file } = table;
    let open_key = dangerous(dangerous_open_file, "the key may be read by others", cx);
    for file in [cert, key, ocsp].into_iter().flatten() {
        cx.names(&file.value, false);
    }
    let (cert, key) = (cert.as_ref()?.value.clone(), key.as_ref()?.value.clone());
    Some(CertificateFiles { cert, key, ocsp: ocsp.as_ref().map(|ocsp| ocsp.value.clone()), open_key })
}

fn load(table: &raw::CertificateTable, files: &CertificateFiles, cx: &Context<'_>) -> Option<Certificate> {
    if cx.materials.stand_in() {
        return None;
    }
    let place = |file: PemFile| -> (&Location, &str) {
        let given = match file {
            PemFile::Certificate => &table.cert,
            PemFile::Key => &table.key,
        };
        given.as_ref().map_or((&table.at, ""), |given| (&given.at, &given.value))
    };
    match Certificate::load(files, cx.materials, cx.now.unix_secs()) {
        Ok(certificate) => {
            let (at, path) = place(PemFile::Certificate);
            for concern in certificate.concerns(cx.now.unix_secs()) {
                cx.report.warn(at, format!("{concern}: `{path}`"), concern.hint());
            }
            Some(certificate)
        }
        Err(fault) => {
            let (at, path) = place(fault.file);
            cx.report.problem(at, format!("{}: `{path}`", fault.message), fault.hint);
            None
        }
    }
}
