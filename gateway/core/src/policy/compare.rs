//! The comparison of two policies: whether the new one lets clients do more than the old one.
//!
//! The policies are compared field by field. Every struct is destructured, so that a new field does not compile here until
//! its safe direction is stated: smaller, larger, any (the field decides about no request) or none (the values cannot be
//! ordered). A change without an order is [`Direction::Incomparable`], and so is every doubtful one.
//!
//! Routes are compared by the requests that they match, not by their names: for every kind of request, the route of the
//! old policy is compared with the route of the new one.

mod app;
mod findings;
mod limits;
mod listener;
mod networks;
mod order;
mod provider;
mod response;
mod route;
mod tls;

pub use findings::{ChangedTable, Difference, Direction};

use crate::policy::Policy;
use findings::Findings;

impl Policy {
    /// Every difference of `new` that is not neutral, in the order of the fields. Empty where both treat every request
    /// alike.
    #[must_use]
    pub fn compare(&self, new: &Self) -> Vec<Difference> {
        let Self {
            server,
            tls,
            hosts,
            client,
            apps,
            providers,
            // Compiled from the providers, and empty where one of them changed.
            tokens: _,
            // Carried over, or begun anew, which refuses more.
            signatures: _,
            admin,
            log,
            // Carried over from policy to policy.
            started: _,
        } = self;
        let mut findings = Findings::default();
        listener::server(server, &new.server, &mut findings);
        tls::tls(tls, &new.tls, &mut findings);
        listener::client(client, &new.client, [apps.as_slice(), new.apps.as_slice()], &mut findings);
        listener::admin(admin, &new.admin, &mut findings);
        listener::log(log, &new.log, &mut findings);
        provider::providers(providers, &new.providers, &mut findings);
        app::hosts((hosts, apps), (&new.hosts, &new.apps), &mut findings);
        app::apps(apps, &new.apps, &mut findings);
        findings.differences
    }
}
