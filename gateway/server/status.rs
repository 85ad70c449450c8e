//! `GET /api/v1/status`: how the process is, for whoever comes to look.

use std::sync::Arc;

use serde_json::{Value, json};
use stagedoor_core::policy::App;

use crate::gateway::{Gateway, Stage};
use crate::telemetry::record::timestamp;

/// Nothing in it is secret; it still wants the operator's token, as it names hosts and apps.
pub(crate) fn of(gateway: &Gateway) -> Value {
    let live = gateway.live();
    let app = |app: &Arc<App>| json!({ "name": *app.name, "hosts": app.hosts, "upstream": app.upstream.url });
    let apps: Vec<Value> = live.policy.apps.iter().map(app).collect();
    let listening: Vec<String> = gateway.listening().iter().map(ToString::to_string).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "stage": match gateway.stage() {
            Stage::Serving => "serving",
            Stage::Draining => "draining",
            Stage::Closing => "closing",
        },
        "uptime_seconds": gateway.now().mono().as_secs(),
        "config_loaded": timestamp(gateway.metrics.loaded_at()),
        "reloads": live.loaded,
        "listening": listening,
        "connections": gateway.permits.open(),
        "apps": apps,
    })
}
