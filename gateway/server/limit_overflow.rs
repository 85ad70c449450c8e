//! Says when a limit has more clients than it remembers, and what to do about it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use stagedoor_core::guard::limit::Limit;
use stagedoor_core::policy::Policy;

use crate::gateway::Gateway;

/// Between two looks: one line for each crowded limit in this time at most.
const LOOK: Duration = Duration::from_secs(5);

/// Looks at every limit of the policy in force; ends with the process.
pub(crate) async fn watch(gateway: Arc<Gateway>) {
    let mut seen = HashMap::new();
    loop {
        let crowded = {
            let live = gateway.live();
            crowded(&live.policy, &mut seen)
        };
        for Crowded { app, limit, shared } in crowded {
            tracing::warn!(
                %app, %limit, shared,
                "more clients than are remembered: newcomers share an allowance with their network; \
                 hint: raise `server.limits.limit_keys`"
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A limit whose newcomers had to share since the last look.
struct Crowded {
    app: Arc<str>,
    limit: Arc<str>,
    shared: u64,
}

/// Compares with what was seen before; limits that are gone are forgotten.
fn crowded(policy: &Policy, seen: &mut HashMap<(usize, usize, Arc<str>), u64>) -> Vec<Crowded> {
    let before = std::mem::take(seen);
    let mut crowded = Vec::new();
    for app in &policy.apps {
        let mut look = |place: usize, limit: &Limit| {
            let key = (app.index, place, Arc::clone(limit.name()));
            let now = limit.overflows();
            let shared = now.saturating_sub(before.get(&key).copied().unwrap_or(0));
            seen.insert(key, now);
            if shared > 0 {
                crowded.push(Crowded { app: Arc::clone(&app.name), limit: Arc::clone(limit.name()), shared });
            }
        };
        app.limit.limits().iter().for_each(|limit| look(0, limit));
        for route in app.routes.all() {
            let limits = route.ip_limit.limits().iter().chain(route.caller_limit.limits());
            limits.for_each(|limit| look(route.index + 1, limit));
        }
    }
    crowded
}
