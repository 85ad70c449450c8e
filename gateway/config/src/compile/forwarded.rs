//! `server.trusted_proxies` and `server.forwarded`: which proxies are believed about clients, in which fields.

use super::networks;
use crate::location::Spanned;
use crate::problem::{Report, did_you_mean, shown};
use crate::raw;
use stagedoor_core::guard::client::{ClientPolicy, TrustedFields};

const NAMES: [&str; 5] = ["for", "proto", "host", "port", "forwarded"];

/// The proxies that are believed, and in which fields.
pub(super) fn client(server: &raw::Server, report: &Report) -> ClientPolicy {
    let trusted = networks::trusted(&server.trusted_proxies, report);
    networks::warn_of_both(&server.proxy_protocol, &trusted, report);
    let believed = match &server.forwarded {
        None => TrustedFields::default(),
        Some(list) => believed(&list.value, report),
    };
    if let Some(list) = &server.forwarded {
        let nobody = server.trusted_proxies.as_ref().is_none_or(|proxies| proxies.value.is_empty());
        warn(list, believed, nobody, report);
    }
    ClientPolicy { trusted, trusted_fields: believed }
}

fn believed(list: &[Spanned<String>], report: &Report) -> TrustedFields {
    let mut believed =
        TrustedFields { address: false, scheme: false, host: false, port: false, forwarded: false };
    for given in list {
        let flag = match given.value.as_str() {
            "for" => &mut believed.address,
            "proto" => &mut believed.scheme,
            "host" => &mut believed.host,
            "port" => &mut believed.port,
            "forwarded" => &mut believed.forwarded,
            other => {
                let plain = other.to_ascii_lowercase();
                let plain = plain.strip_prefix("x-forwarded-").unwrap_or(&plain);
                let hint = did_you_mean(plain, NAMES).unwrap_or_else(|| {
                    "accepted: \"for\", \"proto\", \"host\" and \"port\" for X-Forwarded-*, \"forwarded\" for RFC 7239"
                        .to_owned()
                });
                report.problem(&given.at, format!("no such forwarded field: `{}`", shown(other)), hint);
                continue;
            }
        };
        if std::mem::replace(flag, true) {
            report.problem(&given.at, format!("listed twice: `{}`", given.value), "once is enough");
        }
    }
    believed
}

/// Warns of settings that compile and are hardly intended.
fn warn(list: &Spanned<Vec<Spanned<String>>>, believed: TrustedFields, nobody: bool, report: &Report) {
    let TrustedFields { address, scheme, host, port, forwarded } = believed;
    if nobody {
        let hint = "name the proxy: trusted_proxies = [\"10.0.0.1\"], or leave `forwarded` out";
        report.warn(&list.at, "no proxy is trusted, so nothing is believed", hint);
    } else if !address && !forwarded {
        let hint = "add \"for\": without it every limit and every access list sees the proxy alone";
        report.warn(&list.at, "no field tells the client's address", hint);
    }
    if forwarded && (address || scheme || host || port) {
        let hint = "name the one family that your proxy writes: it passes on the other one from anybody, \
                    and where the two disagree the request is refused";
        report.warn(&list.at, "both `Forwarded` and `X-Forwarded-*` are believed", hint);
    }
}
