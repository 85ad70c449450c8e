//! What the operator learns: one access event and one metrics update per request, and the
//! gateway's own log lines.

pub mod record;
pub mod redact;

pub mod access;

pub mod metrics;

pub mod logs;
