//! Https listeners: `[server.tls]`.

use crate::keys::nested::tables;
use crate::keys::patterns::LISTEN;
use crate::keys::table::table;
use crate::keys::value::{choice, flag, text, texts};
use crate::location::{Setting, Texts};
use stagedoor_core::policy::TlsVersion;

table! {
    /// Https listeners. TLS 1.2 and 1.3 are spoken, 1.2 with forward secrecy and authenticated encryption alone.
    #[derive(Clone, Debug)]
    pub(crate) struct Tls at "server.tls" {
        /// Addresses and ports to listen on.
        listen: Texts = texts().default_texts(&["127.0.0.1:8443"]).accepts("`ADDRESS:PORT` or `unix:PATH` each")
            .like(LISTEN).filled().by_server().restart(),
        /// The certificates. A client is shown the first one that is for the host that it asks for, and the
        /// first of all where it asks for none.
        certificates: Vec<CertificateTable> = tables::<CertificateTable>()
            .filled_or("https without a certificate", A_CERTIFICATE)
            .required(A_CERTIFICATE).by_server(),
        /// The oldest version of TLS that is spoken.
        min_version: Setting<TlsVersion> = choice!("1.2" => TlsVersion::Tls12, "1.3" => TlsVersion::Tls13)
            .default("1.2").by_server(),
    }
    not yet {
        "redirect_http": "Plain HTTP answers with the address over https.",
        "public_port": "The port under which browsers reach the https listeners.",
        "client_ca": "Certificates of clients.",
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
        /// Use a key that group or others can read.
        dangerous_open_file: Setting<bool> = flag().default_flag(false).by_server()
            .mind("every user of the machine may be able to read the key"),
    }
    not yet {
        "ocsp": "A staple that says that it is not revoked.",
    }
}
