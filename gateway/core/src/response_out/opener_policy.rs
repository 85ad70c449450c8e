//! Where `Cross-Origin-Opener-Policy` has an effect.
//!
//! HTML applies it to potentially trustworthy origins (Secure Contexts §3.1): https, and loopback. On any other page a
//! browser ignores it and writes a warning to the console of every page.

use std::net::IpAddr;

/// Whether the field has an effect on a page of this host. `true` where no host is known.
pub(super) fn has_effect(https: bool, host: &str) -> bool {
    https || host.is_empty() || is_loopback(host)
}

/// `localhost`, names below it, and loopback addresses, with or without a port.
fn is_loopback(host: &str) -> bool {
    let (name, may_be_address) = match host.strip_prefix('[') {
        Some(rest) => (rest.split(']').next().unwrap_or_default(), true),
        None => {
            let name = host.split(':').next().unwrap_or_default();
            (name, name.starts_with(|first: char| first.is_ascii_digit()))
        }
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if may_be_address && let Ok(ip) = name.parse::<IpAddr>() {
        return ip.is_loopback();
    }
    let top = name.rsplit('.').next().unwrap_or_default();
    top.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_trustworthy_by_any_name() {
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("media.localhost:8080", true),
            ("localhost.", true),
            ("127.0.0.1:8080", true),
            ("127.9.9.9", true),
            ("[::1]:8080", true),
            ("[::1]", true),
            ("[fe80::1]:8080", false),
            ("media.lan", false),
            ("localhost.example", false),
            ("192.168.1.2:8080", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }
}
