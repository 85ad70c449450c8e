//! Warns when a limit has more clients than it has room for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use stagedoor_core::guard::limit::Limit;
use stagedoor_core::policy::Policy;

use crate::gateway::Gateway;

/// Time between two checks, and so between two warnings about one limit.
const INTERVAL: Duration = Duration::from_secs(5);

/// Checks every limit of the policy in force, until the process ends.
pub(crate) async fn watch(gateway: Arc<Gateway>) {
    let mut seen = HashMap::new();
    loop {
        let overflowing = {
            let live = gateway.live();
            overflowing(&live.policy, &mut seen)
        };
        for OverflowingLimit { app, limit, shared } in overflowing {
            tracing::warn!(
                %app, %limit, shared,
                "more clients than are remembered: newcomers share an allowance with their network; \
                 hint: raise `server.limits.limit_keys`"
            );
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// A limit that had no room for new clients since the last check: they share an allowance with their network.
struct OverflowingLimit {
    app: Arc<str>,
    limit: Arc<str>,
    shared: u64,
}

/// The limits that overflowed since the last check; `seen` has the earlier counts, and forgets limits that are gone.
fn overflowing(policy: &Policy, seen: &mut HashMap<(usize, usize, Arc<str>), u64>) -> Vec<OverflowingLimit> {
    let before = std::mem::take(seen);
    let mut overflowing = Vec::new();
    for app in &policy.apps {
        let mut look = |place: usize, limit: &Limit| {
            let key = (app.index, place, Arc::clone(limit.name()));
            let now = limit.overflows();
            let shared = now.saturating_sub(before.get(&key).copied().unwrap_or(0));
            seen.insert(key, now);
            if shared > 0 {
                overflowing.push(OverflowingLimit {
                    app: Arc::clone(&app.name),
                    limit: Arc::clone(limit.name()),
                    shared,
                });
            }
        };
        app.limit.limits().iter().for_each(|limit| look(0, limit));
        for route in app.routes.all() {
            let limits = route.ip_limit.limits().iter().chain(route.caller_limit.limits());
            limits.for_each(|limit| look(route.index + 1, limit));
        }
    }
    overflowing
}
