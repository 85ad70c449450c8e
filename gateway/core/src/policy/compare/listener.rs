//! `[server]`, `[state]`, `[admin]`, `[log]` and the trusted proxies.

use std::sync::Arc;

use ipnet::IpNet;

use super::findings::{Findings, Place, list, lower};
use super::networks::{self, Admitted};
use super::order::{
    Order, covering, exchanged, larger_is_looser, larger_is_tighter, more_is_looser, more_is_tighter,
};
use crate::guard::access::AccessPolicy;
use crate::guard::client::{ClientPolicy, TrustedFields};
use crate::policy::{
    AccessLog, AdminPolicy, App, ConfinePolicy, HeadLimits, LogPolicy, ServerLimits, ServerPolicy, Timeouts,
};
use crate::proxy_protocol::ProxyProtocolPolicy;
use crate::request::{PeerAddress, PeerNetworks};
use crate::units::{show_duration, show_size};

pub(super) fn server(old: &ServerPolicy, new: &ServerPolicy, findings: &mut Findings) {
    let ServerPolicy {
        listen,
        h2c,
        unix_mode,
        proxy_protocol: ProxyProtocolPolicy { proxies },
        // The number of threads decides about no request.
        threads: _,
        drain,
        server_timing,
        confine,
        timeouts,
        limits,
        state_dir,
    } = old;
    let at = Place::Table(&["server"]);
    findings.put(at, "listen", more_is_looser(listen, &new.listen), || (list(listen), list(&new.listen)));
    findings.put(at, "h2c", more_is_looser(h2c, &new.h2c), || (list(h2c), list(&new.h2c)));
    // Who may write to a socket can connect to it.
    let mode = covering(unix_mode & new.unix_mode == new.unix_mode, unix_mode & new.unix_mode == *unix_mode);
    findings.put(at, "unix_mode", mode, || (format!("{unix_mode:04o}"), format!("{:04o}", new.unix_mode)));
    // A proxy that is listed may tell any client, and those of one that is not have the address of the proxy.
    let order = exchanged(proxies, &new.proxy_protocol.proxies);
    findings.put(at, "proxy_protocol", order, || {
        (list(proxies.entries()), list(new.proxy_protocol.proxies.entries()))
    });
    findings.put(at, "drain", larger_is_looser(drain, &new.drain), || {
        (show_duration(*drain), show_duration(new.drain))
    });
    let timing = larger_is_looser(server_timing, &new.server_timing);
    findings.put(at, "server_timing", timing, || (server_timing.to_string(), new.server_timing.to_string()));
    let confined = |confine: &ConfinePolicy| match confine {
        ConfinePolicy::Auto => "auto",
        ConfinePolicy::Off => "off",
    };
    let is_confined = |confine: &ConfinePolicy| *confine == ConfinePolicy::Auto;
    findings.put(at, "confine", larger_is_tighter(is_confined(confine), is_confined(&new.confine)), || {
        (confined(confine).to_owned(), confined(&new.confine).to_owned())
    });
    findings.put(Place::Table(&["state"]), "dir", exchanged(state_dir, &new.state_dir), || {
        (state_dir.display().to_string(), new.state_dir.display().to_string())
    });
    deadlines(timeouts, &new.timeouts, findings);
    caps(limits, &new.limits, findings);
}

/// The longer a client may take, the more it can hold.
fn deadlines(old: &Timeouts, new: &Timeouts, findings: &mut Findings) {
    let Timeouts {
        proxy_protocol,
        header,
        handshake,
        idle,
        h2_idle,
        body_idle,
        min_rate,
        send_idle,
        stream_idle,
    } = old;
    let at = Place::Table(&["server", "timeouts"]);
    for (key, old, new) in [
        ("proxy_protocol", proxy_protocol, &new.proxy_protocol),
        ("header", header, &new.header),
        ("handshake", handshake, &new.handshake),
        ("idle", idle, &new.idle),
        ("h2_idle", h2_idle, &new.h2_idle),
        ("body_idle", body_idle, &new.body_idle),
        ("send_idle", send_idle, &new.send_idle),
        ("stream_idle", stream_idle, &new.stream_idle),
    ] {
        findings.put(at, key, larger_is_looser(old, new), || (show_duration(*old), show_duration(*new)));
    }
    findings.put(at, "min_rate", larger_is_tighter(min_rate, &new.min_rate), || {
        (format!("{}/s", show_size(*min_rate)), format!("{}/s", show_size(new.min_rate)))
    });
}

fn caps(old: &ServerLimits, new: &ServerLimits, findings: &mut Findings) {
    let ServerLimits {
        connections,
        connections_per_ip,
        handshakes,
        requests_per_connection,
        h2_streams,
        h2_streams_per_ip,
        head: HeadLimits { bytes, count, uri },
        limit_keys,
        token_cache,
    } = old;
    let at = Place::Table(&["server", "limits"]);
    let shown = |most: Option<usize>| most.map_or("auto".to_owned(), |most| most.to_string());
    for (key, old, new) in
        [("connections", *connections, new.connections), ("handshakes", *handshakes, new.handshakes)]
    {
        let order = match (old, new) {
            (Some(old), Some(new)) => larger_is_looser(old, new),
            // `auto` depends on the machine.
            (None, _) | (_, None) => exchanged(&old, &new),
        };
        findings.put(at, key, order, || (shown(old), shown(new)));
    }
    let per_connection = larger_is_looser(*requests_per_connection, new.requests_per_connection);
    findings.put(at, "requests_per_connection", per_connection, || {
        (requests_per_connection.to_string(), new.requests_per_connection.to_string())
    });
    for (key, old, new) in [
        ("connections_per_ip", *connections_per_ip, new.connections_per_ip),
        ("h2_streams", *h2_streams, new.h2_streams),
        ("h2_streams_per_ip", *h2_streams_per_ip, new.h2_streams_per_ip),
        ("header_bytes", *bytes, new.head.bytes),
        ("header_count", *count, new.head.count),
        ("uri_bytes", *uri, new.head.uri),
        ("limit_keys", *limit_keys, new.limit_keys),
        ("token_cache", *token_cache, new.token_cache),
    ] {
        findings.put(at, key, larger_is_looser(old, new), || (old.to_string(), new.to_string()));
    }
}

/// The trusted proxies. Behind a proxy that is no longer trusted, every client has the proxy's address, which the address
/// list of an app may allow.
pub(super) fn client(
    old: &ClientPolicy,
    new: &ClientPolicy,
    apps: [&[Arc<App>]; 2],
    findings: &mut Findings,
) {
    let ClientPolicy { trusted, trusted_fields } = old;
    let order = peers_more_is_looser(trusted, &new.trusted);
    let of_networks =
        trusted.networks.iter().filter(|net| !networks::covers(&new.trusted.networks, &[**net]));
    let of_unix = trusted.unix_sockets && !new.trusted.unix_sockets;
    let dropped: Vec<_> = of_networks.copied().chain(of_unix.then(unix_clients)).collect();
    let minds = |networks: &[IpNet]| {
        apps.into_iter().flatten().any(|app| match &app.access {
            AccessPolicy::Anyone => false,
            AccessPolicy::Listed { .. } => Admitted::of(&app.access).admits_some(networks),
        })
    };
    let opens = order == Order::Tighter && minds(&dropped);
    let order = if opens { Order::Incomparable } else { order };
    findings.put(Place::Table(&["server"]), "trusted_proxies", order, || {
        (list(trusted.entries()), list(new.trusted.entries()))
    });
    if trusted.is_empty() && new.trusted.is_empty() {
        // No forwarding field is used.
        return;
    }
    let everywhere = [addresses(trusted), addresses(&new.trusted)].concat();
    let order = self::trusted_fields(*trusted_fields, new.trusted_fields, minds(&everywhere));
    findings.put(Place::Table(&["server"]), "forwarded", order, || {
        (list(trusted_fields.names()), list(new.trusted_fields.names()))
    });
}

/// A list of peers that are accepted.
fn peers_more_is_looser(old: &PeerNetworks, new: &PeerNetworks) -> Order {
    networks::more_is_looser(&old.networks, &new.networks)
        .and(larger_is_looser(old.unix_sockets, new.unix_sockets))
}

/// The addresses that the peers of a list have by themselves.
fn addresses(peers: &PeerNetworks) -> Vec<IpNet> {
    peers.networks.iter().copied().chain(peers.unix_sockets.then(unix_clients)).collect()
}

/// What the clients of Unix sockets count as.
fn unix_clients() -> IpNet {
    IpNet::from(PeerAddress::UnixSocket.ip())
}

/// The forwarding fields that are used. Without the client's address, every client has the proxy's, which the address list
/// of an app may allow (`minded`). Without the scheme, apps and browsers get another one.
fn trusted_fields(old: TrustedFields, new: TrustedFields, minded: bool) -> Order {
    let TrustedFields { address, scheme, host, port, forwarded } = old;
    let dropped = |old: bool, new: bool, order| if old && !new { order } else { Order::Same };
    let of_address = if minded { Order::Incomparable } else { Order::Tighter };
    [
        larger_is_looser(address, address || new.address),
        larger_is_looser(scheme, scheme || new.scheme),
        larger_is_looser(host, new.host),
        larger_is_looser(port, new.port),
        larger_is_looser(forwarded, forwarded || new.forwarded),
        dropped(address, new.address, of_address),
        dropped(scheme, new.scheme, Order::Incomparable),
        dropped(forwarded, new.forwarded, Order::Incomparable),
    ]
    .into_iter()
    .fold(Order::Same, Order::and)
}

pub(super) fn admin(old: &AdminPolicy, new: &AdminPolicy, findings: &mut Findings) {
    let AdminPolicy { listen, hosts, token, metrics_open } = old;
    let at = Place::Table(&["admin"]);
    let order = match (listen, new.listen) {
        (None, None) => Order::Same,
        (None, Some(_)) => Order::Looser,
        (Some(_), None) => Order::Tighter,
        (Some(old), Some(new)) => exchanged(old, &new),
    };
    let shown = |listen: Option<std::net::SocketAddr>| listen.map_or("off".to_owned(), |at| at.to_string());
    findings.put(at, "listen", order, || (shown(*listen), shown(new.listen)));
    findings.put(at, "hosts", more_is_looser(hosts, &new.hosts), || (list(hosts), list(&new.hosts)));
    let same = match (token, &new.token) {
        (Some(old), Some(new)) => old.matches(new.expose()),
        // There is no token without a listener, and the listener was compared.
        (None, _) | (_, None) => true,
    };
    let order = if same { Order::Same } else { Order::Incomparable };
    findings.put(at, "token", order, || ("a secret".to_owned(), "another secret".to_owned()));
    let who = |open: bool| if open { "open" } else { "token" }.to_owned();
    findings.put(at, "metrics", larger_is_looser(*metrics_open, new.metrics_open), || {
        (who(*metrics_open), who(new.metrics_open))
    });
}

pub(super) fn log(old: &LogPolicy, new: &LogPolicy, findings: &mut Findings) {
    let LogPolicy {
        // The amount and the format of log lines decide about no request.
        level: _,
        format: _,
        access,
        redact_query,
    } = old;
    let at = Place::Table(&["log"]);
    findings.put(at, "access", exchanged(access, &new.access), || {
        let shown = |access: &AccessLog| match access {
            AccessLog::Stdout => "stdout".to_owned(),
            AccessLog::File { path, max_size, keep } => {
                format!("{}, {} of at most {}", path.display(), keep, show_size(*max_size))
            }
        };
        (shown(access), shown(&new.access))
    });
    let order = more_is_tighter(&lower(redact_query), &lower(&new.redact_query));
    findings.put(at, "redact_query", order, || (list(redact_query), list(&new.redact_query)));
}
