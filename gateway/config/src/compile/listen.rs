//! Where clients are listened for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::context::resolve;
use crate::location::{Setting, Spanned};
use crate::problem::{Report, shown};
use stagedoor_core::policy::{ListenAddress, PASSED_PREFIX, UNIX_PREFIX};

/// Where plain HTTP is spoken unless the file says otherwise.
pub(super) const PLAIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Where https is spoken unless the file says otherwise.
pub(super) const HTTPS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);
const MODE: u32 = 0o660;
const OTHERS_WRITE: u32 = 0o002;
/// The longest path of a Unix socket on Linux, in bytes (`unix(7)`).
const PATH_MAX: usize = 107;

const SOCKETS: &str = "accepted: \"127.0.0.1:8080\", \"0.0.0.0:8080\" for every IPv4 address, \"[::1]:8080\", \
                       \"unix:/run/stagedoor/http.sock\", \"fd:NAME\" for sockets of systemd";

/// The addresses of a list; `otherwise` where there is no list. Paths are relative to `main`.
pub(super) fn listeners(
    listen: Option<&Spanned<Vec<Spanned<String>>>>,
    otherwise: SocketAddr,
    main: &str,
    report: &Report,
) -> Vec<ListenAddress> {
    let Some(listen) = listen else { return vec![ListenAddress::Tcp(otherwise)] };
    if listen.value.is_empty() {
        report.vacant(&listen.at, "nowhere to listen", "name an address and a port: [\"127.0.0.1:8080\"]");
    }
    let mut found: Vec<ListenAddress> = Vec::with_capacity(listen.value.len());
    for given in &listen.value {
        let Some(address) = listener(given, main, report) else { continue };
        if let Some(other) = found.iter().find(|other| conflict(other, &address)) {
            let hint = "an address and port, a path or a name can be listened on once";
            report.problem(&given.at, format!("in conflict with `{other}`: `{}`", given.value), hint);
        }
        found.push(address);
    }
    found
}

/// `server.h2c`: the listeners that take HTTP/2 with prior knowledge, of those in `listen`.
pub(super) fn prior_knowledge(
    h2c: Option<&Spanned<Vec<Spanned<String>>>>,
    listen: &[ListenAddress],
    main: &str,
    report: &Report,
) -> Vec<ListenAddress> {
    let mut found = Vec::new();
    for given in h2c.into_iter().flat_map(|h2c| &h2c.value) {
        let Some(address) = listener(given, main, report) else { continue };
        if !listen.contains(&address) {
            let hint = "name addresses of `server.listen`, as they are written there";
            report.problem(&given.at, format!("not listened on: `{}`", given.value), hint);
        }
        found.push(address);
    }
    found
}

fn listener(given: &Spanned<String>, main: &str, report: &Report) -> Option<ListenAddress> {
    if let Some(path) = given.value.strip_prefix(UNIX_PREFIX) {
        return unix(path, given, main, report);
    }
    if let Some(name) = given.value.strip_prefix(PASSED_PREFIX) {
        return passed(name, given, report);
    }
    address(given, SOCKETS, report).map(ListenAddress::Tcp)
}

/// `server.unix_mode`: three octal digits, with or without a zero before them.
pub(super) fn mode(given: &Setting<String>, report: &Report) -> u32 {
    let Some(given) = given else { return MODE };
    let digits = given.value.strip_prefix('0').filter(|digits| digits.len() == 3).unwrap_or(&given.value);
    let are_octal = digits.len() == 3 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    let mode = u32::from_str_radix(digits, 8).ok().filter(|_| are_octal);
    let Some(mode) = mode else {
        let hint =
            "three octal digits: \"0660\" for the user and the group of the gateway, \"0600\" for the user";
        report.problem(&given.at, format!("not the mode of a socket: `{}`", shown(&given.value)), hint);
        return MODE;
    };
    if mode & OTHERS_WRITE != 0 {
        report.warn(
            &given.at,
            format!("every user of this machine may connect to the Unix sockets: `{}`", given.value),
            "give the proxy the group of the gateway, and leave the mode at \"0660\"",
        );
    }
    mode
}

fn unix(path: &str, given: &Spanned<String>, main: &str, report: &Report) -> Option<ListenAddress> {
    let full = resolve(main, path);
    let fault = match path {
        "" | "/" => Some("no path of a Unix socket"),
        // It has no permissions: every process of the machine could connect.
        _ if path.starts_with('@') => Some("an abstract Unix socket, which has no mode"),
        _ if path.ends_with('/') => Some("a folder, not the path of a Unix socket"),
        _ if path.contains('\0') => Some("a NUL byte in the path of a Unix socket"),
        _ if length(&full) > PATH_MAX => Some("a path longer than the 107 bytes that a Unix socket can have"),
        _ => None,
    };
    let Some(fault) = fault else { return Some(ListenAddress::Unix(full)) };
    let hint = "name a path in a folder of its own: \"unix:/run/stagedoor/http.sock\"";
    report.problem(&given.at, format!("{fault}: `{}`", shown(&given.value)), hint);
    None
}

/// The name of passed sockets: as systemd allows it (`FileDescriptorName=`).
fn passed(name: &str, given: &Spanned<String>, report: &Report) -> Option<ListenAddress> {
    let fits = |byte: u8| matches!(byte, b' '..=b'~') && byte != b':';
    if name.is_empty() || name.len() > 255 || !name.bytes().all(fits) {
        let hint = "what `FileDescriptorName=` of the .socket unit says: \"fd:http\"";
        report.problem(
            &given.at,
            format!("not the name of a passed socket: `{}`", shown(&given.value)),
            hint,
        );
        return None;
    }
    Some(ListenAddress::Passed(name.to_owned()))
}

fn length(path: &Path) -> usize {
    path.as_os_str().len()
}

pub(super) fn address(given: &Spanned<String>, accepted: &str, report: &Report) -> Option<SocketAddr> {
    let found = given.value.parse().ok();
    if found.is_none() {
        let message = format!("not an address with a port: `{}`", shown(&given.value));
        report.problem(&given.at, message, accepted);
    }
    found
}

/// Whether both cannot be listened on.
pub(super) fn conflict(a: &ListenAddress, b: &ListenAddress) -> bool {
    match (a, b) {
        (ListenAddress::Tcp(a), ListenAddress::Tcp(b)) => overlap(*a, *b),
        (ListenAddress::Unix(a), ListenAddress::Unix(b)) => a == b,
        (ListenAddress::Passed(a), ListenAddress::Passed(b)) => a == b,
        // One of different kinds.
        (ListenAddress::Tcp(_) | ListenAddress::Unix(_) | ListenAddress::Passed(_), _) => false,
    }
}

/// Whether both cannot be listened on. An unspecified address covers every other of its family, and
/// `[::]` covers IPv4 too.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let covers = |wide: SocketAddr, other: SocketAddr| {
        wide.ip().is_unspecified() && (wide.is_ipv6() || wide.is_ipv4() == other.is_ipv4())
    };
    a.port() == b.port() && a.port() != 0 && (a.ip() == b.ip() || covers(a, b) || covers(b, a))
}
