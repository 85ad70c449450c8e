//! Lists of networks.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::location::{Setting, Spanned};
use crate::problem::{Report, shown};

/// `server.trusted_proxies`, with a warning where that is everybody.
pub(super) fn trusted(list: Option<&Spanned<Vec<Spanned<String>>>>, report: &Report) -> Vec<IpNet> {
    let Some(list) = list else { return Vec::new() };
    for given in
        list.value.iter().filter(|given| parse(&given.value).is_some_and(|net| net.prefix_len() == 0))
    {
        report.warn(
            &given.at,
            format!("anybody may claim any client address: `{}`", given.value),
            "list the addresses of your proxies alone",
        );
    }
    read(&list.value, report)
}

/// The networks of a list that may be left out.
pub(super) fn list(list: &Setting<Vec<Spanned<String>>>, report: &Report) -> Vec<IpNet> {
    list.as_ref().map(|list| read(&list.value, report)).unwrap_or_default()
}

fn read(list: &[Spanned<String>], report: &Report) -> Vec<IpNet> {
    let read = |given: &Spanned<String>| {
        let net = parse(&given.value);
        if net.is_none() {
            report.problem(
                &given.at,
                format!("not a network: `{}`", shown(&given.value)),
                "accepted: an address or a network, such as \"192.0.2.7\", \"10.0.0.0/8\" or \"fd00::/8\"",
            );
        }
        net
    };
    list.iter().filter_map(read).collect()
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
