//! Https listeners: certificates, handshakes, and requests over them.

pub(crate) mod certificates;
pub(crate) mod client_certificates;
pub(crate) mod handshakes;
mod plain;
mod protocols;
mod renewal;
pub(crate) mod requests;
mod transports;

use std::sync::Arc;

use rustls::ClientConfig;

use crate::harness::{Authority, Folder, Gateway, HOST, Pair, TlsClient, Upstream, client_config};

/// An app over https. `TLS` becomes further keys of `[server.tls]`, `SERVER` of `[server]`, `REST` further tables.
const CONFIG: &str = r#"
[server]
SERVER
[server.tls]
listen       = ["127.0.0.1:0"]
REDIRECT
certificates = [CERTIFICATES]
TLS
[app.media]
hosts    = ["media.localhost", "films.localhost", "*.wild.localhost", "127.0.0.1"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
REST
"#;

/// How a test wants its gateway.
#[derive(Default)]
struct Wish<'a> {
    server: &'a str,
    tls: &'a str,
    rest: &'a str,
}

/// A folder with these certificates, as `0.pem`, `0.key` and so on, and a configuration that names them.
fn folder(app: &Upstream, pairs: &[&Pair], wish: &Wish<'_>) -> Folder {
    let named: Vec<String> =
        (0..pairs.len()).map(|n| format!("{{ cert = \"tls/{n}.pem\", key = \"tls/{n}.key\" }}")).collect();
    let config = CONFIG
        .replace("SERVER", wish.server)
        .replace("CERTIFICATES", &named.join(", "))
        .replace("REDIRECT", if wish.tls.contains("redirect_http") { "" } else { "redirect_http = false" })
        .replace("TLS", wish.tls)
        .replace("REST", wish.rest)
        .replace("UPSTREAM", &app.url());
    let folder = Folder::new(&config);
    for (n, pair) in pairs.iter().enumerate() {
        write_pair(&folder, &format!("tls/{n}"), pair);
    }
    folder
}

fn write_pair(folder: &Folder, name: &str, pair: &Pair) {
    folder.write(&format!("{name}.pem"), &pair.cert);
    folder.write_private(&format!("{name}.key"), &pair.key);
}

/// A gateway with one certificate for [`HOST`], and a client that trusts it.
fn gateway(app: &Upstream, wish: &Wish<'_>) -> (Gateway, Arc<ClientConfig>) {
    let authority = Authority::new("house");
    let pair = authority.issue(&[HOST]);
    let gateway = Gateway::start_in(folder(app, &[&pair], wish));
    (gateway, Arc::new(client_config(&authority)))
}

fn connect(gateway: &Gateway, name: &str, config: &Arc<ClientConfig>) -> TlsClient {
    TlsClient::over_tls(gateway.https(), name, config).unwrap_or_else(|error| panic!("{name}: {error}"))
}
