//! The metrics of the process.
//!
//! The value of a label comes from the configuration or from a closed set (`labels`). A client chooses none, so the number
//! of series is bounded. [`catalogue`] lists every metric.

pub use labels::{ConnectionRefusal, Http2Limit, KeyRefresh, ReloadResult, StreamEnd, StreamKind};
pub use registry::Metrics;
pub use resolved::{OpenStream, PolicyMetrics};

pub mod catalogue;
mod labels;
mod process;
mod registry;
mod resolved;
mod sampled;
mod series;

#[cfg(test)]
mod tests;
