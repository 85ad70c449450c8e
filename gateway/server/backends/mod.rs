//! What the gateway asks of others itself. No request waits for anything here.

pub(crate) mod key_refresh;

mod freshness;
mod service_client;
