//! Addresses and names of this machine and of private networks.

use std::net::IpAddr;

/// Names below these are never names of the public DNS (RFC 6761 §6.3, RFC 6762 §3, RFC 8375, and `internal` by ICANN's word).
const PRIVATE_ZONES: [&str; 5] = ["localhost", "local", "lan", "home.arpa", "internal"];

/// Loopback, private, shared (RFC 6598), link-local or unique local. An IPv4 address in the form of IPv6 is the IPv4 address.
#[must_use]
pub fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, _, _] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Whether a name, without a port, can only be one of a private network: a single label, or below a zone that no public
/// server answers for.
#[must_use]
pub fn is_private_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let below = |zone: &&str| name.strip_suffix(*zone).is_some_and(|rest| rest.ends_with('.'));
    !name.is_empty() && (!name.contains('.') || PRIVATE_ZONES.iter().any(|zone| name == *zone || below(zone)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn addresses_of_private_networks_are_told_apart() {
        for (ip, private) in [
            ("127.0.0.1", true),
            ("127.255.255.255", true),
            ("10.0.0.1", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("192.168.1.1", true),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("169.254.0.1", true),
            ("0.0.0.0", false),
            ("8.8.8.8", false),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("2001:db8::1", false),
            ("::ffff:10.0.0.1", true),
            ("::ffff:8.8.8.8", false),
        ] {
            assert_eq!(is_private(ip.parse().unwrap()), private, "{ip}");
        }
    }

    #[test]
    fn names_of_private_networks_are_told_apart() {
        for (name, private) in [
            ("localhost", true),
            ("LocalHost.", true),
            ("idp.localhost", true),
            ("keycloak", true),
            ("idp.lan", true),
            ("idp.home.arpa", true),
            ("home.arpa", true),
            ("idp.INTERNAL", true),
            ("idp.example.com", false),
            ("notlan.example", false),
            ("xlocal.com", false),
            ("evil-lan.xlan", false),
            ("127.1", false),
            ("", false),
            (".", false),
        ] {
            assert_eq!(is_private_name(name), private, "{name}");
        }
    }
}
