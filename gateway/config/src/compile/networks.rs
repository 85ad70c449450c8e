//! Lists of networks and of peers.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::location::{Setting, Spanned};
use crate::problem::{Report, shown};
use stagedoor_core::request::{PeerNetworks, UNIX};

/// `server.trusted_proxies`, with a warning where that is everybody.
pub(super) fn trusted(list: &Setting<Vec<Spanned<String>>>, report: &Report) -> PeerNetworks {
    for given in everybody(list) {
        report.warn(
            &given.at,
            format!("anybody may claim any client address: `{}`", given.value),
            "list the addresses of your proxies alone",
        );
    }
    peers(list, report)
}

/// `server.proxy_protocol`, with a warning where that is everybody.
pub(super) fn proxies(list: &Setting<Vec<Spanned<String>>>, report: &Report) -> PeerNetworks {
    for given in everybody(list) {
        report.warn(
            &given.at,
            format!("anybody may tell any client address, and has to: `{}`", given.value),
            "list the addresses of your proxies alone: a client that connects by itself sends no PROXY header",
        );
    }
    peers(list, report)
}

/// Warns of peers that tell their clients by the PROXY protocol and are trusted in forwarding fields as well.
pub(super) fn warn_of_both(proxies: &Setting<Vec<Spanned<String>>>, trusted: &PeerNetworks, report: &Report) {
    for given in proxies.iter().flat_map(|list| &list.value) {
        let both = match parse(&given.value) {
            Some(net) => trusted.networks.iter().any(|other| other.contains(&net) || net.contains(other)),
            None => given.value == UNIX && trusted.unix_sockets,
        };
        if both {
            let hint = "take it out of `trusted_proxies`: with its PROXY header the client itself is the peer, and one \
                        that it cannot tell would be believed as the proxy is";
            report.warn(&given.at, format!("also in `trusted_proxies`: `{}`", given.value), hint);
        }
    }
}

/// The entries of a list that name every address of their family.
fn everybody(list: &Setting<Vec<Spanned<String>>>) -> impl Iterator<Item = &Spanned<String>> {
    let given = list.iter().flat_map(|list| &list.value);
    given.filter(|given| parse(&given.value).is_some_and(|net| net.prefix_len() == 0))
}

/// A list of networks and `unix`, which may be left out.
pub(super) fn peers(list: &Setting<Vec<Spanned<String>>>, report: &Report) -> PeerNetworks {
    let mut peers = PeerNetworks::default();
    for given in list.iter().flat_map(|list| &list.value) {
        if given.value == UNIX {
            peers.unix_sockets = true;
        } else {
            peers.networks.extend(network(given, report));
        }
    }
    peers
}

/// The networks of a list that may be left out.
pub(super) fn list(list: &Setting<Vec<Spanned<String>>>, report: &Report) -> Vec<IpNet> {
    list.iter().flat_map(|list| &list.value).filter_map(|given| network(given, report)).collect()
}

fn network(given: &Spanned<String>, report: &Report) -> Option<IpNet> {
    let net = parse(&given.value);
    if net.is_none() {
        report.problem(
            &given.at,
            format!("not a network: `{}`", shown(&given.value)),
            "accepted: an address or a network, such as \"192.0.2.7\", \"10.0.0.0/8\" or \"fd00::/8\"",
        );
    }
    net
}

/// A network or a single address. Clients are known by plain IPv4 addresses: a mapped network is meant as such.
fn parse(text: &str) -> Option<IpNet> {
    let net = match text.parse::<IpNet>() {
        Ok(net) => net,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    let plain = match net {
        IpNet::V6(v6) => v6
            .addr()
            .to_ipv4_mapped()
            .and_then(|addr| Ipv4Net::new(addr, v6.prefix_len().checked_sub(96)?).ok().map(IpNet::V4)),
        IpNet::V4(_) => None,
    };
    Some(plain.unwrap_or(net).trunc())
}
