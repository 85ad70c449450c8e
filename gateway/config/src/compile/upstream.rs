//! Compiles `upstream`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

use super::context::Context;
use super::upstream_tls::{self, TlsKeys};
use crate::location::Spanned;
use crate::problem::{Report, shown};
use crate::raw;
use stagedoor_core::policy::{AppAddress, ListenAddress, UNIX_PREFIX, UpstreamHost, UpstreamPolicy};
use stagedoor_core::request::Scheme;

const ACCEPTED: &str = "accepted: http://HOST:PORT or https://HOST:PORT without a path, such as \"http://127.0.0.1:3000\", or unix:/PATH";
/// The longest path of a Unix socket (`sun_path` without its NUL).
const SOCKET_PATH_MAX: usize = 107;

/// Where the app is, and the `Host` it sees.
pub(super) fn upstream(raw: &raw::Upstream, cx: &Context<'_>) -> (UpstreamPolicy, UpstreamHost) {
    let raw::Upstream {
        at,
        urls,
        own_host,
        connect,
        read,
        retries,
        ca,
        server_name,
        dangerous_any_certificate: any,
    } = raw;
    let keys = TlsKeys { ca, server_name, any };
    let list = urls.as_ref().map(|urls| urls.value.as_slice()).unwrap_or_default();
    if let Some(second) = list.get(1) {
        let hint = "name one address for now";
        cx.report.problem(
            &second.at,
            format!("more than one url is not yet supported: `{}`", url_shown(&second.value)),
            hint,
        );
    }
    if urls.as_ref().is_some_and(|urls| urls.value.is_empty()) {
        cx.report.vacant(at, "no address of the app", ACCEPTED);
    }
    let address = list.first().and_then(|url| address(url, cx.report));
    let own_host = own_host.as_ref().filter(|own| own.value);
    let host = match (own_host, &address) {
        (None, _) | (Some(_), None) => UpstreamHost::Keep,
        (Some(_), Some(Address::Tcp(tcp))) => UpstreamHost::Upstream(tcp.host.clone()),
        (Some(own), Some(Address::Unix(_))) => {
            let hint = "leave `host` out: a Unix socket has no name, so the app gets the client's `Host`";
            cx.report.problem(&own.at, "`host = \"upstream\"` beside a Unix socket", hint);
            UpstreamHost::Keep
        }
    };
    let policy = UpstreamPolicy {
        url: list.first().map(|url| url.value.clone()).unwrap_or_default(),
        address: match address {
            Some(Address::Tcp(TcpAddress { scheme: Scheme::Https, authority, name, host: _ })) => {
                let url = list.first().map_or(at, |url| &url.at);
                let tls = upstream_tls::policy(&keys, &name, url, cx);
                AppAddress::Tls { authority, tls }
            }
            Some(Address::Tcp(TcpAddress { scheme: Scheme::Http, authority, name: _, host: _ })) => {
                keys.refuse(cx.report);
                AppAddress::Tcp(authority)
            }
            Some(Address::Unix(path)) => {
                keys.refuse(cx.report);
                AppAddress::Unix(path)
            }
            None => AppAddress::Tcp(String::new()),
        },
        connect: Spanned::value_or(connect.as_ref(), Duration::from_secs(3)),
        read: Spanned::value_or(read.as_ref(), Duration::from_secs(60)),
        retries: usize::from(Spanned::value_or(retries.as_ref(), 1) > 0),
    };
    (policy, host)
}

/// Reports an app whose address is one of the gateway's own listeners.
pub(super) fn refuse_loop(app: &raw::App, listeners: [&[ListenAddress]; 2], report: &Report) {
    let urls = app.upstream.iter().filter_map(|upstream| upstream.urls.as_ref());
    for url in urls.flat_map(|urls| &urls.value) {
        let Ok(address) = parse(&url.value) else { continue };
        if let Some(listen) = listeners.into_iter().flatten().find(|listen| address.leads_to(listen)) {
            report.problem(
                &url.at,
                format!("the gateway listens at `{listen}` itself: `{}`", url.value),
                "name the address of the app, or listen elsewhere",
            );
        }
    }
}

/// An address as it was written.
enum Address {
    Tcp(TcpAddress),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Whether connections to this address arrive at the listener.
    fn leads_to(&self, listen: &ListenAddress) -> bool {
        match (self, listen) {
            (Self::Tcp(tcp), ListenAddress::Tcp(listen)) => {
                tcp.authority.parse::<SocketAddr>().is_ok_and(|to| {
                    listen.port() == to.port()
                        && (listen.ip() == to.ip() || (listen.ip().is_unspecified() && to.ip().is_loopback()))
                })
            }
            (Self::Unix(path), ListenAddress::Unix(listen)) => path == listen,
            // What is passed is not known here.
            (Self::Tcp(_) | Self::Unix(_), ListenAddress::Passed(_))
            | (Self::Tcp(_), ListenAddress::Unix(_))
            | (Self::Unix(_), ListenAddress::Tcp(_)) => false,
        }
    }
}

struct TcpAddress {
    scheme: Scheme,
    /// `host:port`.
    authority: String,
    /// The host alone.
    name: String,
    /// As in a `Host` field: without the default port.
    host: String,
}

fn address(url: &Spanned<String>, report: &Report) -> Option<Address> {
    match parse(&url.value) {
        Ok(found) => Some(found),
        Err((why, hint)) => {
            report.problem(&url.at, format!("{why}: `{}`", url_shown(&url.value)), hint);
            None
        }
    }
}

fn parse(url: &str) -> Result<Address, (&'static str, &'static str)> {
    match url.strip_prefix(UNIX_PREFIX) {
        Some(path) => socket(path).map(Address::Unix),
        None => tcp(url).map(Address::Tcp),
    }
}

fn socket(path: &str) -> Result<PathBuf, (&'static str, &'static str)> {
    // `unix:///path`, as other programs write it.
    let path = path.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(path);
    if !path.starts_with('/') || path.starts_with("//") || path.ends_with('/') {
        let hint = "write the whole path of the socket, such as \"unix:/run/app/http.sock\"";
        return Err(("not the path of a socket", hint));
    }
    if path.contains(char::is_control) {
        return Err(("a control character in the path of a socket", "name the socket without it"));
    }
    if path.len() > SOCKET_PATH_MAX {
        return Err(("a path of more than 107 bytes, which no Unix socket has", "choose a shorter path"));
    }
    Ok(path.into())
}

fn tcp(url: &str) -> Result<TcpAddress, (&'static str, &'static str)> {
    let malformed = ("not an address of an app", ACCEPTED);
    let uri: Uri = url.parse().map_err(|_| malformed)?;
    let scheme = match uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        Some(_) | None => return Err(malformed),
    };
    let authority = uri.authority().ok_or(malformed)?;
    if authority.as_str().contains('@') {
        return Err(("a user name in the address of an app", ACCEPTED));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() || url.contains('#') {
        return Err(("an address of an app with a path", ACCEPTED));
    }
    let host = authority.host();
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let sound = match bracketed {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(name),
    };
    let port: u16 = match authority.as_str().strip_prefix(host) {
        Some("") => scheme.default_port(),
        Some(rest) => rest.strip_prefix(':').and_then(|port| port.parse().ok()).ok_or(malformed)?,
        None => return Err(malformed),
    };
    if !sound || port == 0 {
        return Err(malformed);
    }
    let named = if port == scheme.default_port() { host.to_owned() } else { format!("{host}:{port}") };
    Ok(TcpAddress { scheme, authority: format!("{host}:{port}"), name: host.to_owned(), host: named })
}

/// An address as it may be shown: a user name may come with a password.
fn url_shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, host)) => format!("…@{}", shown(host)),
        None => shown(url),
    }
}
