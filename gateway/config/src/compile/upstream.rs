//! Compiles `upstream`.

use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;

use super::context::Context;
use crate::location::Spanned;
use crate::problem::{Report, shown};
use crate::raw;
use stagedoor_core::policy::UpstreamHost;
use stagedoor_core::policy::{ServerPolicy, UpstreamPolicy};
use stagedoor_core::request::Scheme;

const ACCEPTED: &str = "accepted: http://HOST:PORT without a path, such as \"http://127.0.0.1:3000\"";

/// Where the app is, and the `Host` it sees.
pub(super) fn upstream(raw: &raw::Upstream, cx: &Context<'_>) -> (UpstreamPolicy, UpstreamHost) {
    let raw::Upstream { at, urls, own_host, connect, read, retries } = raw;
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
    let Address { scheme, authority, host } = address.unwrap_or_else(Address::nowhere);
    let policy = UpstreamPolicy {
        url: list.first().map(|url| url.value.clone()).unwrap_or_default(),
        scheme,
        authority,
        connect: Spanned::value_or(connect.as_ref(), Duration::from_secs(3)),
        read: Spanned::value_or(read.as_ref(), Duration::from_secs(60)),
        retries: usize::from(Spanned::value_or(retries.as_ref(), 1) > 0),
    };
    let host = if Spanned::value_or(own_host.as_ref(), false) {
        UpstreamHost::Upstream(host)
    } else {
        UpstreamHost::Keep
    };
    (policy, host)
}

/// Reports an app whose address is one of the gateway's own listeners.
pub(super) fn refuse_loop(app: &raw::App, server: &ServerPolicy, report: &Report) {
    let urls = app.upstream.iter().filter_map(|upstream| upstream.urls.as_ref());
    for url in urls.flat_map(|urls| &urls.value) {
        let Some(to) = parse(&url.value).ok().and_then(|found| found.authority.parse::<SocketAddr>().ok())
        else {
            continue;
        };
        let ours = |listen: &&SocketAddr| {
            listen.port() == to.port()
                && (listen.ip() == to.ip() || (listen.ip().is_unspecified() && to.ip().is_loopback()))
        };
        if let Some(listen) = server.listen.iter().find(ours) {
            report.problem(
                &url.at,
                format!("the gateway listens at `{listen}` itself: `{}`", url.value),
                "name the address of the app, or listen elsewhere",
            );
        }
    }
}

struct Address {
    scheme: Scheme,
    /// `host:port`.
    authority: String,
    /// As in a `Host` field: without the default port.
    host: String,
}

impl Address {
    /// In the place of an address that was reported as a problem.
    fn nowhere() -> Self {
        Self { scheme: Scheme::Http, authority: String::new(), host: String::new() }
    }
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
    let malformed = ("not an address of an app", ACCEPTED);
    let uri: Uri = url.parse().map_err(|_| malformed)?;
    let scheme = match uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => return Err(("https to the app is not yet supported", ACCEPTED)),
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
    Ok(Address { scheme, authority: format!("{host}:{port}"), host: named })
}

/// An address as it may be shown: a user name may come with a password.
fn url_shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, host)) => format!("…@{}", shown(host)),
        None => shown(url),
    }
}
