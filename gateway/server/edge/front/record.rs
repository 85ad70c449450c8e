//! What is recorded of a request: its refusal, before the answer goes out; its access event and its metrics, afterwards.

use std::time::Duration;

use stagedoor_config::UNFILED;
use stagedoor_core::denial::{Denial, UpstreamFault};
use stagedoor_core::guard::client::Client;
use stagedoor_core::head;
use stagedoor_core::head::HeadLimits;
use stagedoor_core::pipeline::Trail;
use stagedoor_core::policy::App;
use stagedoor_core::reply::Reply;
use stagedoor_core::request::Head;

use super::handler::RequestHandler;
use crate::decision_trace::{self, DecisionTrace};
use crate::edge::fault_point;
use crate::live_policy::LivePolicy;
use crate::recent_refusals::RefusalContext;
use crate::telemetry::record::{EventRefusal, Label, NAME_MAX, Record, shown};

/// How a request ended: what its record needs besides the head.
pub(super) struct RequestOutcome<'a> {
    pub(super) trail: &'a Trail,
    pub(super) status: u16,
    pub(super) denial: Option<&'a Denial>,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) own_time: Duration,
    pub(super) upstream_time: Option<Duration>,
    /// The app that the request, or its preflight, was sent to.
    pub(super) asked: Option<&'a App>,
    pub(super) upstream_fault: Option<UpstreamFault>,
    /// [`Outcome::ended_by`](stagedoor_core::exchange::Outcome::ended_by)
    pub(super) ended_by: Option<&'static str>,
    /// What exactly was wrong.
    pub(super) detail: Option<&'static str>,
    pub(super) retries: usize,
}

impl<'a> RequestOutcome<'a> {
    /// For a local reply.
    pub(super) fn local(
        trail: &'a Trail,
        reply: &Reply,
        denial: Option<&'a Denial>,
        own_time: Duration,
    ) -> Self {
        Self {
            trail,
            status: reply.status.as_u16(),
            denial,
            bytes_in: 0,
            bytes_out: reply.body.len() as u64,
            own_time,
            upstream_time: None,
            asked: None,
            upstream_fault: None,
            ended_by: None,
            detail: None,
            retries: 0,
        }
    }
}

impl RequestHandler<'_> {
    /// Keeps a refusal for `why`. It runs before the answer goes out, so that a client that has the answer can ask at once.
    pub(super) fn remember(
        &self,
        head: Option<&Head<'_>>,
        trail: &Trail,
        denial: &Denial,
        too_many_fields: bool,
    ) {
        let at = RefusalContext {
            request_id: &self.request_id,
            time: self.arrived.unix(),
            generation: self.live.generation,
            peer: self.peer.ip(),
            host: head.map(|head| self.host(head)),
            too_many_fields,
            redaction: self.live.redaction(trail.app.as_deref()),
        };
        self.front.gateway.remember(&at, head, trail, denial);
    }

    /// Counts and logs one request.
    pub(super) fn record(&self, head: Option<&Head<'_>>, outcome: &RequestOutcome<'_>) {
        fault_point::hit("record");
        let RequestOutcome {
            trail,
            status,
            denial,
            bytes_in,
            bytes_out,
            own_time,
            upstream_time,
            asked,
            upstream_fault,
            ended_by,
            detail,
            retries,
        } = *outcome;
        let reason = denial.map(|denial| match (denial, head.map(|head| self.host(head))) {
            (Denial::UnknownHost, Some(host)) => {
                let ignored = trail.client.as_ref().is_some_and(Client::ignored_host);
                unknown_host(self.live, host, ignored).into()
            }
            (denial, _) => denial.reason(),
        });
        let record = Record {
            time: self.arrived.unix(),
            request_id: &self.request_id,
            app: trail.app.as_deref().map(Label::app),
            route: trail.route.as_deref().map(Label::route),
            method: head.map_or("", Head::method),
            target: head.map_or(b"", |head| trail.target(head)),
            status,
            refusal: denial.zip(reason.as_deref()).map(|(denial, reason)| EventRefusal::of(denial, reason)),
            user: trail.user.as_deref(),
            ip: trail.client.as_ref().map_or(self.peer.ip(), |client| client.ip()),
            bytes_in,
            // The answer to a HEAD has no body, whatever it says of one.
            bytes_out: if head.is_some_and(|head| head.method() == "HEAD") { 0 } else { bytes_out },
            gateway: own_time,
            upstream: upstream_time,
            upstream_fault,
            ended_by,
            detail,
            retries,
            total: self.elapsed(),
            tls: self.peer.tls,
            user_agent: head.and_then(|head| head.first("user-agent")),
            host: head.map(|head| self.host(head)),
            https: trail.client.as_ref().map_or(self.peer.tls, |client| client.https()),
            protocol: head.map(|head| head.protocol().as_str()),
            upstream_url: asked.map(|app| &*app.upstream.url),
            referer: head.and_then(|head| head.first("referer")),
        };
        self.live.counters.observe(&record);
        self.front.gateway.access.record(&record, self.live.redaction(trail.app.as_deref()));
    }

    /// Logs what each check decided, at `log.level = "debug"`: a line for each request, before it is answered or forwarded.
    pub(super) fn log_decisions(&self, head: Option<&Head<'_>>, trail: &Trail, refused: Option<&Denial>) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let trace = DecisionTrace {
            verdict: refused.map_or(Ok(()), Err),
            reached: trail.reached,
            app: trail.app.as_deref(),
            route: trail.route.as_deref(),
            client: trail.client.as_ref().map(|client| client.ip()),
            source: &self.live.source,
        };
        let target = head.map_or(b"".as_slice(), |head| trail.target(head));
        tracing::debug!(
            request_id = %self.request_id,
            method = head.map_or("-", |head| head.method()),
            path = shown(&self.live.redaction(trail.app.as_deref()).target(target), DECIDED_PATH_MAX),
            user = trail.user.as_deref().map_or_else(|| "-".to_owned(), |user| shown(user.as_bytes(), NAME_MAX)),
            code = refused.map_or("-", Denial::code),
            checks = decision_trace::line(&trace.checks()),
            "decided"
        );
    }

    /// Warns once of a private peer that forwards for others and is not in `server.trusted_proxies`: its clients share one
    /// address, and with it one limit.
    pub(super) fn warn_of_untrusted_proxy(&self, trail: &Trail) {
        let Some(client) = &trail.client else { return };
        if client.ignored_address() && self.front.gateway.warns_of_untrusted_proxy() {
            tracing::warn!(
                peer = %client.peer(),
                "a private peer sends X-Forwarded-For and is not trusted: all its clients share one limit; \
                 hint: if it is your proxy, add `{}` to `server.trusted_proxies` of the file, or to the environment \
                 variable STAGEDOOR_TRUSTED_PROXIES, which goes before it",
                client.peer()
            );
        }
    }
}

/// Bytes of a path in the log line of decisions.
const DECIDED_PATH_MAX: usize = 512;

/// Whether a head was refused for the number of its fields, rather than for its bytes.
pub(super) fn too_many_fields(denial: &Denial, heard: &[u8], limits: &HeadLimits) -> bool {
    *denial == Denial::HeadersTooLarge && head::has_too_many_fields(heard, limits)
}

/// The reason for an unknown host, with the place in the configuration where it could be added.
fn unknown_host(live: &LivePolicy, host: &str, host_ignored: bool) -> String {
    let place = match &*live.policy.apps {
        [app] => match live.source.of_app(app).of("hosts") {
            Some(line) if *line.file == *UNFILED => "`STAGEDOOR_HOSTS`".to_owned(),
            Some(line) => format!("`hosts` of [app.{}] at {line}", app.name),
            None => format!("`hosts` of [app.{}]", app.name),
        },
        _ => "`hosts` of an [app.NAME]".to_owned(),
    };
    let proxy_hint = if host_ignored {
        "let your proxy pass `Host` on, or add \"host\" to `server.forwarded` if it writes X-Forwarded-Host itself; else "
    } else {
        ""
    };
    format!("no app serves this host; hint: {proxy_hint}add it to {place}: `{host}`")
}
