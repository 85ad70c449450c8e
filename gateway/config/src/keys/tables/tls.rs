//! Https listeners: `[server.tls]`.

use crate::keys::nested::tables;
use crate::keys::patterns::LISTEN;
use crate::keys::table::table;
use crate::keys::value::{choice, count, flag, text, texts};
use crate::location::{Setting, Texts};
use stagedoor_core::policy::TlsVersion;

table! {
    /// Https listeners. TLS 1.2 and 1.3 are spoken, 1.2 with forward secrecy and authenticated encryption alone.
    #[derive(Clone, Debug)]
    pub(crate) struct Tls at "server.tls" {
        /// Addresses and ports to listen on, paths of Unix sockets, and names of sockets that systemd passes (`fd:NAME`).
        listen: Texts = texts().default_texts(&["127.0.0.1:8443"])
            .accepts("`ADDRESS:PORT`, `unix:PATH` or `fd:NAME` each").like(LISTEN).filled().by_server().restart(),
        /// The certificates. A client is shown the first one that is for the host that it asks for, and the
        /// first of all where it asks for none.
        certificates: Vec<CertificateTable> = tables::<CertificateTable>()
            .filled_or("https without a certificate", A_CERTIFICATE)
            .required(A_CERTIFICATE).by_server(),
        /// The oldest version of TLS that is spoken.
        min_version: Setting<TlsVersion> = choice!("1.2" => TlsVersion::Tls12, "1.3" => TlsVersion::Tls13)
            .default("1.2").by_server(),
        /// The PEM file with the authorities of clients for every app without a `client_ca` of its own; see there.
        client_ca: Setting<String> = text().otherwise("none").by_server(),
        /// Whether plain HTTP serves no app: GET and HEAD are answered with the same address over https, other methods
        /// with 403. Clients of a trusted proxy that tells https are served.
        redirect_http: Setting<bool> = flag().default_flag(true)
            .mind("with false, credentials can be read on their way to `server.listen`"),
        /// The port under which browsers reach the https listeners; that of a redirect.
        public_port: Setting<u64> = count(1, 65_535).default_count(443)
            .mind("browsers that are told Strict-Transport-Security find no other port than 443 by the redirect after their first visit: see `headers.hsts`"),
    }
    not yet {
        "acme": "Certificates that come by themselves.",
    }
}

const A_CERTIFICATE: &str =
    "name its files: certificates = [{ cert = \"tls/fullchain.pem\", key = \"tls/privkey.pem\" }]";

table! {
    /// A certificate. It is loaded again when its files change, also where they are links to others, as those
    /// of certbot.
    #[derive(Clone, Debug)]
    pub(crate) struct CertificateTable at "server.tls.certificates[]" {
        /// The file with the certificate and its intermediates (PEM), relative to the main file.
        cert: Setting<String> = text().required("name the file: cert = \"tls/fullchain.pem\"").by_server(),
        /// The file with its private key (PEM), relative to the main file.
        key: Setting<String> = text().required("name the file: key = \"tls/privkey.pem\"").by_server()
            .mind("whoever reads it can pose as this site"),
        /// A file with an OCSP response about it (DER), which clients are sent with it. One that is out of date or for another
        /// certificate is left out, with a warning. Let's Encrypt has ended OCSP in 2025: its certificates need none.
        ocsp: Setting<String> = text().otherwise("none").by_server(),
        /// Use a key that group or others can read.
        dangerous_open_file: Setting<bool> = flag().default_flag(false).by_server()
            .mind("every user of the machine may be able to read the key"),
    }
}
