//! Strict-Transport-Security (RFC 6797).

use std::net::Ipv4Addr;

use http::HeaderValue;

/// `hsts`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hsts {
    /// For how many seconds a browser uses https only; zero makes it forget.
    pub max_age_secs: u64,
    /// It holds for subdomains too.
    pub include_subdomains: bool,
    /// Browsers may add the host to their built-in list.
    pub preload: bool,
}

impl Default for Hsts {
    fn default() -> Self {
        Self { max_age_secs: 31_536_000, include_subdomains: false, preload: false }
    }
}

impl Hsts {
    /// The value of the field.
    pub(super) fn value(&self) -> Option<HeaderValue> {
        let subdomains = if self.include_subdomains { "; includeSubDomains" } else { "" };
        let preload = if self.preload { "; preload" } else { "" };
        HeaderValue::try_from(format!("max-age={}{subdomains}{preload}", self.max_age_secs)).ok()
    }
}

/// Whether `host` (with or without a port) may be a registered name, for which HSTS is meant.
///
/// An address, a single label or the name of a local network is another machine in another network.
pub(super) fn suits(host: &str) -> bool {
    if host.starts_with('[') {
        return false;
    }
    let name = host.split(':').next().unwrap_or_default();
    let name = name.strip_suffix('.').unwrap_or(name);
    let Some((rest, last)) = name.rsplit_once('.') else {
        return false;
    };
    let numeric = last.bytes().all(|b| b.is_ascii_digit())
        || last.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("0x"));
    if rest.is_empty() || numeric || name.parse::<Ipv4Addr>().is_ok() {
        return false;
    }
    !LOCAL.iter().any(|local| under(name, local))
}

/// `name` is `zone` or below it, compared without case and allocation.
fn under(name: &str, zone: &str) -> bool {
    let Some(start) = name.len().checked_sub(zone.len()) else {
        return false;
    };
    let same = name.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(zone));
    same && (start == 0 || name.as_bytes().get(start - 1) == Some(&b'.'))
}

const LOCAL: [&str; 4] = ["local", "lan", "home.arpa", "internal"];
