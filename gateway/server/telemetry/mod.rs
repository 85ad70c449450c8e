//! Telemetry: one access event and one update of the metrics for each request, and the gateway's own log.

pub mod record;
pub mod redact;

pub mod access;

pub mod metrics;

pub mod logs;
