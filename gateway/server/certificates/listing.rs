//! The document of `GET /api/v1/certificates`.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};
use stagedoor_config::certificate::Certificate;

use super::renewal_fault::RenewalFault;
use crate::telemetry::record::timestamp;

/// The certificates at `now`, seconds since the epoch, in the order of the configuration, and the renewals that fail.
pub(crate) fn listing<'c>(
    certificates: impl Iterator<Item = &'c Certificate>,
    faults: &[RenewalFault],
    now: u64,
) -> Value {
    let certificates: Vec<Value> = certificates.map(|certificate| entry(certificate, faults, now)).collect();
    json!({ "certificates": certificates })
}

fn entry(certificate: &Certificate, faults: &[RenewalFault], now: u64) -> Value {
    let date = |seconds: u64| timestamp(Duration::from_secs(seconds));
    let fault = faults.iter().find(|fault| fault.files == certificate.files).map(ToString::to_string);
    let concerns = certificate.concerns(now);
    let warnings: Vec<String> = fault.into_iter().chain(concerns.iter().map(ToString::to_string)).collect();
    json!({
        "names": hosts(certificate),
        "issuer": certificate.issuer,
        "not_before": date(certificate.not_before),
        "not_after": date(certificate.not_after),
        "days_left": certificate.not_after.saturating_sub(now) / 86_400,
        "cert": certificate.files.cert,
        "key": certificate.files.key,
        "warnings": warnings,
    })
}

/// What a certificate is for, as text: names, then addresses.
pub(super) fn hosts(certificate: &Certificate) -> Vec<String> {
    let names = &certificate.names;
    names.names().map(str::to_owned).chain(names.addresses().map(|ip: IpAddr| ip.to_string())).collect()
}
