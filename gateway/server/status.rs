//! The document of `GET /api/v1/status`.

use std::sync::Arc;

use serde_json::{Value, json};
use stagedoor_config::{Line, PolicyChange};
use stagedoor_core::policy::App;
use stagedoor_core::policy::compare::Direction;

use crate::config_file_state::ConfigFileState;
use crate::gateway::Gateway;
use crate::stage::Stage;
use crate::telemetry::record::timestamp;

/// The document. It holds no secret, but names hosts and apps, so the listener asks for the admin token.
pub(crate) fn of(gateway: &Gateway) -> Value {
    let live = gateway.live();
    let app = |app: &Arc<App>| json!({ "name": *app.name, "hosts": app.hosts, "upstream": app.upstream.url });
    let apps: Vec<Value> = live.policy.apps.iter().map(app).collect();
    let listening: Vec<String> = gateway.listening().iter().map(|at| at.address.to_string()).collect();
    let files = gateway.files();
    let (waiting, problems): (Vec<Value>, &[String]) = match &*files {
        ConfigFileState::InForce => (Vec::new(), &[]),
        ConfigFileState::Waiting(changes) => (changes.iter().map(change).collect(), &[]),
        ConfigFileState::Broken(problems) => (Vec::new(), problems),
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "stage": match gateway.stage() {
            Stage::Serving => "serving",
            Stage::Draining => "draining",
            Stage::Closing => "closing",
        },
        "uptime_seconds": gateway.now().mono().as_secs(),
        "config_loaded": timestamp(gateway.metrics.loaded_at()),
        "reloads": live.generation,
        "waiting": waiting,
        "problems": problems,
        "listening": listening,
        "connections": gateway.permits.open(),
        "apps": apps,
    })
}

/// A change that waits until an operator asks for it.
fn change(change: &PolicyChange) -> Value {
    let PolicyChange { direction, key, line: Line { file, line }, message } = change;
    let direction = match direction {
        Direction::Tighter => "tighter",
        Direction::Looser => "looser",
        Direction::Incomparable => "incomparable",
    };
    json!({ "direction": direction, "key": key, "file": **file, "line": line, "message": message })
}
