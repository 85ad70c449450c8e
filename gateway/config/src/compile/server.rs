//! Compiles `[server]`, `[state]`, `[admin]`, `[log]`.

use std::net::SocketAddr;
use std::time::Duration;

use super::context::{Context, resolve};
use super::{listen, networks, secrets};
use crate::location::{Location, Setting, Spanned};
use crate::problem::{Report, shown};
use crate::raw;
use stagedoor_core::guard::credential::TokenSource;
use stagedoor_core::guard::target::HostTable;
use stagedoor_core::head::HeadLimits;
use stagedoor_core::policy::{
    AccessLog, AdminPolicy, ConfinePolicy, ListenAddress, LogFormat, LogPolicy, ServerLimits, ServerPolicy,
    Timeouts,
};
use stagedoor_core::proxy_protocol::ProxyProtocolPolicy;

const SOCKET_OR_OFF: &str =
    "accepted: one address such as \"127.0.0.1:9901\" or \"[::1]:9901\", or \"off\" for none";
const ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9901);

pub(super) fn server(
    server: &raw::Server,
    state: &raw::StateTable,
    main: &str,
    report: &Report,
) -> ServerPolicy {
    let raw::Server {
        at: _,
        listen,
        h2c,
        unix_mode,
        trusted_proxies: _,
        forwarded: _,
        proxy_protocol,
        threads,
        drain,
        server_timing,
        confine,
        timeouts,
        limits,
        tls: _,
    } = server;
    let raw::StateTable { at: _, dir } = state;
    if let Some(Spanned { value, at }) = dir
        && value.is_empty()
    {
        report.problem(at, "not a folder: ``", "name one: dir = \"data\"");
    }
    if let Some(Spanned { value: ConfinePolicy::Off, at }) = confine {
        let hint = "leave it out, unless a debugger or a core dump is wanted";
        report.warn(
            at,
            "the gateway keeps access to every file and may leave core dumps: `confine = \"off\"`",
            hint,
        );
    }
    let listen = listen::listeners(listen.as_ref(), listen::PLAIN, main, report);
    ServerPolicy {
        h2c: listen::prior_knowledge(h2c.as_ref(), &listen, main, report),
        listen,
        unix_mode: listen::mode(unix_mode, report),
        proxy_protocol: ProxyProtocolPolicy { proxies: networks::proxies(proxy_protocol, report) },
        threads: Spanned::value_or(threads.as_ref(), None).map(whole),
        drain: Spanned::value_or(drain.as_ref(), Duration::from_secs(30)),
        server_timing: Spanned::value_or(server_timing.as_ref(), false),
        confine: Spanned::value_or(confine.as_ref(), ConfinePolicy::Auto),
        timeouts: deadlines(timeouts),
        limits: caps(limits),
        state_dir: resolve(main, dir.as_ref().map_or("data", |dir| &dir.value)),
    }
}

fn deadlines(raw: &raw::Timeouts) -> Timeouts {
    let raw::Timeouts {
        at: _,
        proxy_protocol,
        header,
        handshake,
        idle,
        h2_idle,
        body_idle,
        min_rate,
        send_idle,
        stream_idle,
    } = raw;
    let seconds = |given: &Setting<Duration>, otherwise| {
        Spanned::value_or(given.as_ref(), Duration::from_secs(otherwise))
    };
    Timeouts {
        proxy_protocol: seconds(proxy_protocol, 10),
        header: seconds(header, 10),
        handshake: seconds(handshake, 10),
        idle: seconds(idle, 60),
        h2_idle: seconds(h2_idle, 30),
        body_idle: seconds(body_idle, 30),
        min_rate: Spanned::value_or(min_rate.as_ref(), 1024),
        send_idle: seconds(send_idle, 600),
        stream_idle: seconds(stream_idle, 3600),
    }
}

fn caps(raw: &raw::ServerLimits) -> ServerLimits {
    let raw::ServerLimits {
        at: _,
        connections,
        connections_per_ip,
        handshakes,
        requests_per_connection,
        h2_streams,
        h2_streams_per_ip,
        header_bytes,
        header_count,
        uri_bytes,
        limit_keys,
        token_cache,
    } = raw;
    let count = |given: &Setting<u64>, otherwise| whole(Spanned::value_or(given.as_ref(), otherwise));
    ServerLimits {
        connections: Spanned::value_or(connections.as_ref(), None).map(whole),
        connections_per_ip: count(connections_per_ip, 64),
        handshakes: Spanned::value_or(handshakes.as_ref(), None).map(whole),
        requests_per_connection: Spanned::value_or(requests_per_connection.as_ref(), 1000),
        h2_streams: count(h2_streams, 100),
        h2_streams_per_ip: count(h2_streams_per_ip, 512),
        head: HeadLimits {
            bytes: count(header_bytes, 32 << 10),
            count: count(header_count, 100),
            uri: count(uri_bytes, 8 << 10),
        },
        limit_keys: count(limit_keys, 200_000),
        token_cache: count(token_cache, 50_000),
    }
}

/// Where the operator's listener is; `None` if there is none.
pub(super) fn operator(listen: Option<&Spanned<String>>, report: &Report) -> Option<SocketAddr> {
    match listen {
        None => Some(ADMIN),
        Some(given) if given.value == "off" => None,
        Some(given) => listen::address(given, SOCKET_OR_OFF, report),
    }
}

pub(super) fn admin(
    raw: &raw::Admin,
    server: &ServerPolicy,
    cx: &Context<'_>,
    state: &raw::StateTable,
) -> AdminPolicy {
    let raw::Admin { at: _, listen, hosts, token, metrics_open } = raw;
    let addr = operator(listen.as_ref(), cx.report);
    if let Some(addr) = addr
        && let Some(other) =
            server.listen.iter().find(|other| listen::conflict(other, &ListenAddress::Tcp(addr)))
    {
        let at = listen.as_ref().map_or(&cx.main, |given| &given.at);
        let message = format!("admin.listen and server.listen are in conflict: `{addr}` and `{other}`");
        cx.report.problem(at, message, "give the operator's listener a port of its own");
    }
    // A listener that is turned off still answers until the process ends, and still needs its token.
    let open = addr.is_some() || cx.previous.is_some_and(|previous| previous.started.admin.is_some());
    let token = match token {
        _ if !open => None,
        Some(token) => secrets::secret(token, cx),
        None => secrets::secret(&default_token(state, &cx.main), cx),
    };
    let hosts =
        hosts.iter().flat_map(|list| &list.value).filter_map(|host| own_name(host, cx.report)).collect();
    AdminPolicy { listen: addr, hosts, token, metrics_open: Spanned::value_or(metrics_open.as_ref(), false) }
}

/// A name of the operator's listener, in lower case: it is compared whole, and without the port of the request.
fn own_name(host: &Spanned<String>, report: &Report) -> Option<String> {
    let judged = HostTable::judge_name(&host.value).map_err(|why| {
        let message = format!("not a host ({why}): `{}`", shown(&host.value));
        report.problem(&host.at, message, "a whole name without scheme, port and path: \"gate.example.com\"");
    });
    judged.ok().map(|()| host.value.to_ascii_lowercase())
}

/// The default of `admin.token`: made at the first start, in the state directory.
fn default_token(state: &raw::StateTable, main: &Location) -> raw::Secret {
    let at = state.dir.as_ref().map_or(main, |dir| &dir.at).clone();
    let at = Location { path: "admin.token".to_owned(), ..at };
    let dir = state.dir.as_ref().map_or("data", |dir| dir.value.trim_end_matches('/'));
    raw::Secret {
        file: Some(Spanned { value: format!("{dir}/admin_token"), at: at.clone() }),
        env: Some(Spanned { value: "STAGEDOOR_ADMIN_TOKEN".to_owned(), at: at.clone() }),
        generate: Some(Spanned { value: true, at: at.clone() }),
        dangerous_open_file: None,
        dangerous_weak: None,
        at,
    }
}

pub(super) fn log(raw: &raw::Log, main: &str, carriers: Vec<TokenSource>, report: &Report) -> LogPolicy {
    let raw::Log { at: _, level, format, access, redact_query } = raw;
    let mut redacted: Vec<String> = match redact_query {
        Some(list) => parameters(list, report),
        None => raw::REDACTED.iter().map(|name| (*name).to_owned()).collect(),
    };
    // A parameter that carries a token is never logged, even where it is not listed.
    add_names(&mut redacted, queries(&carriers));
    LogPolicy {
        level: level.as_ref().map_or("info", |level| level.value).to_owned(),
        format: Spanned::value_or(format.as_ref(), LogFormat::Json),
        access: match access {
            None | Some(raw::AccessLog::Stdout(_)) => AccessLog::Stdout,
            Some(raw::AccessLog::File(raw::AccessFile { at: _, file, max_size, keep })) => {
                if let Some(Spanned { value, at }) = file
                    && value.is_empty()
                {
                    report.problem(at, "not a file: ``", "name one: \"data/access.jsonl\"");
                }
                AccessLog::File {
                    path: resolve(main, file.as_ref().map_or("", |file| &file.value)),
                    max_size: Spanned::value_or(max_size.as_ref(), 100 << 20),
                    keep: whole(Spanned::value_or(keep.as_ref(), 14)),
                }
            }
        },
        redact_query: redacted,
    }
}

/// Names of query parameters as they can be met: percent-decoded, up to the first `[`.
pub(super) fn parameters(list: &Spanned<Vec<Spanned<String>>>, report: &Report) -> Vec<String> {
    let mut names = Vec::with_capacity(list.value.len());
    for given in &list.value {
        let name = &given.value;
        let illegal = |c: char| c.is_whitespace() || c.is_control() || "&=;?#%+[]".contains(c);
        if name.is_empty() || name.contains(illegal) {
            let hint =
                "its plain name alone: \"token\" is also meant by `TOKEN=…`, `t%6Fken=…` and `token[]=…`";
            report.problem(&given.at, format!("not the name of a query parameter: `{}`", shown(name)), hint);
        }
        add_names(&mut names, [name]);
    }
    names
}

/// Adds the names that are not there, whatever their case.
fn add_names<'n>(names: &mut Vec<String>, further: impl IntoIterator<Item = &'n String>) {
    for name in further {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name.clone());
        }
    }
}

/// Ranges were judged by the reader, far below what any machine counts to.
fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The query parameters of these carriers.
fn queries(sources: &[TokenSource]) -> impl Iterator<Item = &String> {
    sources.iter().filter_map(|source| match source {
        TokenSource::Query(name) => Some(name),
        TokenSource::Bearer | TokenSource::Header(_) | TokenSource::Cookie(_) => None,
    })
}
