//! The compiled configuration: one field per guard, so that nothing is looked up by name while a request waits.
//!
//! A [`Policy`] is immutable. A reload replaces the whole of it, and a request uses the same one from its head to its end.
//! Absence is always a named variant. The types here are data; the guards decide.

mod client_authority;
pub mod compare;
mod forward;
mod listen_address;
mod service;
mod tls;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::guard::access::AccessPolicy;
use crate::guard::caller::Provider;
use crate::guard::client::ClientPolicy;
use crate::guard::cors::CorsPolicy;
use crate::guard::credential::{CarrierPolicy, TokenSource};
use crate::guard::jwt::TokenCache;
use crate::guard::limit::LimitPolicy;
use crate::guard::routes::RoutesPolicy;
use crate::guard::signature::SignatureMemory;
use crate::guard::target::{HostTable, PathPolicy};
use crate::head::HeadLimits;
use crate::proxy_protocol::ProxyProtocolPolicy;
use crate::response_out::ResponsePolicy;
use crate::secret::Secret;
use crate::tls::Transport;

pub use client_authority::{ClientAuthority, RevokedCertificate};
pub use forward::{ForwardPolicy, UpstreamHost};
pub use listen_address::{ListenAddress, PASSED_PREFIX, UNIX_PREFIX};
pub use service::{PlainHttp, ServiceAddress, ServiceSecurity, UrlFault};
pub use tls::{CertificateFiles, HttpsPolicy, TlsPolicy, TlsVersion};
pub use upstream::{AppAddress, CertificateTrust, UpstreamPolicy, UpstreamTls};

/// The whole compiled configuration.
#[derive(Debug)]
pub struct Policy {
    /// Listeners, deadlines, caps.
    pub server: ServerPolicy,
    /// Https listeners and their certificates.
    pub tls: TlsPolicy,
    /// Which host belongs to which app: an index into `apps`.
    pub hosts: HostTable,
    /// Trusted proxies.
    pub client: ClientPolicy,
    /// The protected apps, in the order of their names.
    pub apps: Vec<Arc<App>>,
    /// Every `[auth.*]`, by name; apps hold their own references.
    pub providers: Vec<Provider>,
    /// Verified tokens, bounded; carried over a reload only while no key changed.
    pub tokens: Arc<TokenCache>,
    /// Accepted signatures, bounded; carried over a reload only while none can count that it does not remember.
    pub signatures: Arc<SignatureMemory>,
    /// The operator's listener.
    pub admin: AdminPolicy,
    /// Logging.
    pub log: LogPolicy,
    /// The settings that the process started with, which a reload cannot change.
    pub started: Arc<Started>,
}

impl Policy {
    /// Who has to have issued the certificate of a client that connects under this server name (RFC 6066 §3); `None` where it is asked
    /// for none.
    #[must_use]
    pub fn client_authority(&self, server_name: &str) -> Option<&Arc<ClientAuthority>> {
        let host = self.hosts.find(server_name).ok()?;
        self.apps.get(host.app())?.client_authority.as_ref()
    }

    /// Whether the host that a connection was made for asks for another certificate than the one that was shown on it, or for one where
    /// none was shown: no request for that host is served on it any more.
    #[must_use]
    pub fn outlives(&self, transport: &Transport, now: Now) -> bool {
        let Transport::Tls(session) = transport else { return false };
        let asks = self.apps.iter().any(|app| app.client_authority.is_some());
        match &session.client {
            None if !asks => false,
            shown => {
                let asked = session.server_name.as_deref().and_then(|name| self.client_authority(name));
                let ended = shown.as_ref().is_some_and(|shown| now.unix() > shown.not_after);
                ended || shown.as_ref().map(|shown| shown.authority) != asked.map(|asked| asked.id())
            }
        }
    }

    /// All of them, each once.
    #[must_use]
    pub fn client_authorities(&self) -> Vec<Arc<ClientAuthority>> {
        let mut all: Vec<Arc<ClientAuthority>> = Vec::new();
        for authority in self.apps.iter().filter_map(|app| app.client_authority.as_ref()) {
            if !all.iter().any(|other| other.id() == authority.id()) {
                all.push(Arc::clone(authority));
            }
        }
        all
    }
}

/// Settings that take effect only at the start of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// `server.listen`
    pub listen: Vec<ListenAddress>,
    /// `server.h2c`
    pub h2c: Vec<ListenAddress>,
    /// `server.unix_mode`
    pub unix_mode: u32,
    /// `server.tls.listen`
    pub tls_listen: Vec<ListenAddress>,
    /// `server.threads`
    pub threads: Option<usize>,
    /// `state.dir`
    pub state_dir: PathBuf,
    /// `server.drain`
    pub drain: Duration,
    /// `server.confine`
    pub confine: ConfinePolicy,
    /// `admin.listen`
    pub admin: Option<SocketAddr>,
    /// `log.format`
    pub format: LogFormat,
    /// `log.access`
    pub access: AccessLog,
}

/// `[server]` and `[state]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPolicy {
    /// Addresses to listen on.
    pub listen: Vec<ListenAddress>,
    /// Those of them where clients may begin with HTTP/2.
    pub h2c: Vec<ListenAddress>,
    /// The permission bits of Unix sockets to listen on.
    pub unix_mode: u32,
    /// Which peers tell their clients by the PROXY protocol.
    pub proxy_protocol: ProxyProtocolPolicy,
    /// Worker threads; `None` is one per core.
    pub threads: Option<usize>,
    /// How long open requests get after SIGTERM; WebSockets and event streams end at once.
    pub drain: Duration,
    /// Whether answers carry `Server-Timing`.
    pub server_timing: bool,
    /// Whether the process gives up what it does not need.
    pub confine: ConfinePolicy,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// Caps.
    pub limits: ServerLimits,
    /// `state.dir`, resolved against the main file.
    pub state_dir: PathBuf,
}

/// `server.confine`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfinePolicy {
    /// As far as the system can.
    Auto,
    /// Not at all.
    Off,
}

/// `[server.timeouts]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// The header of the PROXY protocol, from the start of the connection.
    pub proxy_protocol: Duration,
    /// The whole request head, from its first byte.
    pub header: Duration,
    /// The TLS handshake, from the connection's first byte.
    pub handshake: Duration,
    /// Between two requests, and before the first.
    pub idle: Duration,
    /// Between two requests of a connection of HTTP/2, and before the first.
    pub h2_idle: Duration,
    /// The time in which a client must send at least one byte of a body.
    pub body_idle: Duration,
    /// Bytes per second below which a body is cut, measured over `body_idle`.
    pub min_rate: u64,
    /// The time in which a client must read at least one byte of a response.
    pub send_idle: Duration,
    /// A WebSocket or event stream without a byte either way.
    pub stream_idle: Duration,
}

/// `[server.limits]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Open connections; `None` is "auto": an eighth of the memory at 64 KiB each, at most 10,000.
    pub connections: Option<usize>,
    /// Open connections of one address (IPv6: one /64); trusted proxies are not counted.
    pub connections_per_ip: usize,
    /// TLS handshakes that wait for the processor; `None` is "auto": a quarter of the connections.
    pub handshakes: Option<usize>,
    /// Requests after which a connection is closed.
    pub requests_per_connection: u64,
    /// Requests of one connection of HTTP/2 at the same time.
    pub h2_streams: usize,
    /// Requests of one address at the same time over HTTP/2; trusted proxies are not counted.
    pub h2_streams_per_ip: usize,
    /// Caps of a head.
    pub head: HeadLimits,
    /// Clients remembered by each limit.
    pub limit_keys: usize,
    /// Verified tokens remembered.
    pub token_cache: usize,
}

/// `[admin]`
#[derive(Debug)]
pub struct AdminPolicy {
    /// Where it listens; `None` is off.
    pub listen: Option<SocketAddr>,
    /// Host names besides addresses, `localhost` and single labels.
    pub hosts: Vec<String>,
    /// The bearer that opens `/api/v1/*`.
    pub token: Option<Secret<Vec<u8>>>,
    /// `/metrics` needs no token even off loopback.
    pub metrics_open: bool,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPolicy {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// Shape of the lines.
    pub format: LogFormat,
    /// Where access events go.
    pub access: AccessLog,
    /// Query parameters whose values are never logged, whatever the app; compared without case. Those that carry a token
    /// are among them.
    pub redact_query: Vec<String>,
}

/// `log.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Lines of text.
    Text,
}

/// `log.access`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// Standard output.
    Stdout,
    /// A file that is rotated by size.
    File {
        /// Its path.
        path: PathBuf,
        /// Bytes after which it is rotated.
        max_size: u64,
        /// Old files kept.
        keep: usize,
    },
}

/// One `[app.NAME]`.
#[derive(Debug)]
pub struct App {
    /// Its name, also the realm of its challenges and a metrics label.
    pub name: Arc<str>,
    /// Position in [`Policy::apps`].
    pub index: usize,
    /// The host names it answers to, as configured; what decides is [`Policy::hosts`].
    pub hosts: Vec<String>,
    /// How paths are read.
    pub path: PathPolicy,
    /// Who has to have issued the certificates of its clients, where they have to show one.
    pub client_authority: Option<Arc<ClientAuthority>>,
    /// Which client addresses may use it.
    pub access: AccessPolicy,
    /// Per-address limits of every request of the app.
    pub limit: LimitPolicy,
    /// Requests in flight; `None` is "auto": as many as there may be connections.
    pub in_flight: Option<usize>,
    /// The listed routes.
    pub routes: RoutesPolicy,
    /// CORS.
    pub cors: CorsPolicy,
    /// Where its tokens are read, which is removed before the app sees the request.
    pub carriers: CarrierPolicy,
    /// What is added to a request for the app, and what is removed.
    pub forward: ForwardPolicy,
    /// What is added to an answer for the client, and what is removed.
    pub response: ResponsePolicy,
    /// Shape of refusals.
    pub errors: ErrorShape,
    /// Where the app is.
    pub upstream: UpstreamPolicy,
    /// Query parameters of its requests whose values are never logged, besides the common ones.
    pub redact_query: Vec<String>,
}

impl App {
    /// Where the tokens of its callers are read: its own `sources`, else those of its providers, without repeats.
    #[must_use]
    pub fn sources(&self) -> &[TokenSource] {
        &self.carriers.sources
    }
}

/// Shape of refusal bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorShape {
    /// RFC 9457 `application/problem+json`.
    #[default]
    Problem,
    /// `{"detail": …}`
    Fastapi,
    /// `{"error": …}`
    Error,
}
