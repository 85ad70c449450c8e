//! The front: it answers the requests of clients, whatever protocol brings them.
//!
//! What reads the requests of a connection and ends it is a file for each protocol (`front/http1.rs`). Each head is decided by
//! `admit`. A refused request is answered here. A permitted one is forwarded (`front/forwarding.rs`), with a head that was
//! written from the permit.

mod forwarding;
mod gateway_pages;
mod handler;
mod http1;
mod http2;
mod preflight;
mod record;
mod turn;

use stagedoor_core::denial::Denial;
use stagedoor_core::guard::limit::LimitKey;
use stagedoor_core::guard::streams::StreamPlace;
use stagedoor_core::guard::upgrade::Upgrade;
use stagedoor_core::pipeline::{Admission, Arrival, Permit, Trail, admit};
use stagedoor_core::policy::{App, ErrorShape};
use stagedoor_core::reply::{self, RefusalFormat, Reply};
use stagedoor_core::request::Head;
use stagedoor_core::sign_in::ReturnPath;

use super::fault_point;
use crate::in_flight::InFlightSlot;
use crate::stage::Stage;
pub(crate) use handler::{ClientLink, Front};
use handler::{LocalReply, RequestHandler};
use record::RequestOutcome;
use turn::{ConnectionState, LocalFormat, Then, Turn, TurnParts};

impl RequestHandler<'_> {
    /// Refuses what is not a request, and records it. Returns the answer, after which the connection can serve no other.
    fn refuse_early(&self, denial: &Denial, too_many_fields: bool) -> Reply {
        let trail = Trail::default();
        let reply = Reply::early(denial, &self.request_id);
        let outcome = RequestOutcome::local(&trail, &reply, Some(denial), self.elapsed());
        self.log_decisions(None, &trail, Some(denial));
        self.remember(None, &trail, denial, too_many_fields);
        self.record(None, &outcome);
        reply
    }

    /// Handles one request.
    async fn run<T: Turn>(&self, parts: &mut TurnParts<'_, T>, head: &Head<'_>) -> ConnectionState {
        fault_point::arm(head.first(fault_point::FIELD));
        let mut trail = Trail::default();
        let verdict = if self.front.gateway.stage() == Stage::Serving {
            let arrival = Arrival { peer: self.peer, transport: self.transport, now: self.arrived };
            admit(&self.live.policy, head, &arrival, &mut trail)
        } else {
            Err(Denial::Draining)
        };
        self.warn_of_untrusted_proxy(&trail);
        self.log_decisions(Some(head), &trail, verdict.as_ref().err());
        match verdict {
            Ok(Admission::Forward(permit)) => match self.take_places(&permit) {
                Ok((_slot, place)) => self.forward(parts, head, permit, trail, place).await,
                Err(denial) => self.refuse_permitted(parts, head, trail, denial).await,
            },
            Ok(Admission::Preflight(preflight)) => {
                let reply =
                    self.with_context(head, &trail, |policy, at| Reply::preflight(&preflight, policy, at));
                self.answer(parts, head, &trail, LocalReply::new(reply, None)).await
            }
            Ok(Admission::AppPreflight(permit)) => match self.take_in_flight(permit.app()) {
                // Boxed, as every request would hold room for it.
                Some(_slot) => Box::pin(self.answer_app_preflight(parts, head, &permit, trail)).await,
                None => self.refuse_permitted(parts, head, trail, Denial::AppBusy).await,
            },
            Ok(Admission::GatewayPage(own)) => Box::pin(self.answer_page(parts, head, own, trail)).await,
            Ok(Admission::Redirect(redirect)) => {
                let reply =
                    self.with_context(head, &trail, |policy, at| Reply::redirect(&redirect, policy, at));
                self.answer(parts, head, &trail, LocalReply::new(reply, None)).await
            }
            Err(denial) => {
                let reply = self.refusal(head, &trail, &denial);
                self.answer(parts, head, &trail, LocalReply::new(reply, Some(denial))).await
            }
        }
    }

    fn take_in_flight(&self, app: &App) -> Option<InFlightSlot> {
        self.front.gateway.take_in_flight(self.live, app)
    }

    /// What a permitted request takes up: a slot of its app, and a WebSocket also a place among the streams of its caller.
    fn take_places(&self, permit: &Permit<'_>) -> Result<(InFlightSlot, Option<Box<StreamPlace>>), Denial> {
        let slot = self.take_in_flight(permit.app()).ok_or(Denial::AppBusy)?;
        let place = match permit.upgrade() {
            Upgrade::Websocket(_) => Some(self.open_stream(permit)?),
            Upgrade::None => None,
        };
        Ok((slot, place))
    }

    /// A place for one more stream of the caller.
    fn open_stream(&self, permit: &Permit<'_>) -> Result<Box<StreamPlace>, Denial> {
        let caller = LimitKey::caller(permit.caller(), &LimitKey::address(permit.client().ip()));
        let route = permit.route();
        let of = (&permit.app().name, &route.label);
        // Boxed, as every request would hold room for it.
        route.streams.open(&self.front.gateway.open_streams, of, &caller).map(Box::new)
    }

    /// Refuses a permitted request of which there are as many already as there may be.
    async fn refuse_permitted<T: Turn>(
        &self,
        parts: &mut TurnParts<'_, T>,
        head: &Head<'_>,
        mut trail: Trail,
        denial: Denial,
    ) -> ConnectionState {
        trail.reached = denial.guard();
        let reply = self.refusal(head, &trail, &denial);
        self.answer(parts, head, &trail, LocalReply::new(reply, Some(denial))).await
    }

    /// The reply to a refused request.
    fn refusal(&self, head: &Head<'_>, trail: &Trail, denial: &Denial) -> Reply {
        let may_come_back = gateway_pages::is_repeatable(head) && reply::is_navigation(head);
        let app = trail.app.as_deref().filter(|_| may_come_back);
        let back = app.and_then(|app| self.way_back(app, head, head.target())).unwrap_or(ReturnPath::ROOT);
        self.refusal_leading(head, trail, denial, back.as_str())
    }

    /// As [`RequestHandler::refusal`]; a user who signs in on its page is sent to `back`.
    fn refusal_leading(&self, head: &Head<'_>, trail: &Trail, denial: &Denial, back: &str) -> Reply {
        let user = self.user_to_tell(head, trail, denial);
        let manner = RefusalFormat {
            shape: trail.app.as_ref().map_or(ErrorShape::Problem, |app| app.errors),
            page: self.navigation(head, trail, back, user.as_deref()),
            realm: trail.app.as_ref().map_or("stagedoor", |app| &app.name),
        };
        self.with_context(head, trail, |policy, at| Reply::refusal(denial, manner, policy, at))
    }

    /// Sends a local reply, and keeps the connection if it can serve the next request.
    async fn answer<T: Turn>(
        &self,
        parts: &mut TurnParts<'_, T>,
        head: &Head<'_>,
        trail: &Trail,
        local: LocalReply,
    ) -> ConnectionState {
        let LocalReply { reply, denial, body, upstream } = local;
        let own_time = upstream.map_or_else(|| self.elapsed(), |asked| self.since(asked.from));
        let outcome = RequestOutcome {
            bytes_in: body.unwrap_or(0),
            upstream_time: upstream.and_then(|asked| Some(asked.to?.saturating_sub(asked.from))),
            asked: trail.app.as_deref().filter(|_| upstream.is_some()),
            upstream_fault: denial.as_ref().filter(|_| upstream.is_some()).and_then(Denial::upstream_fault),
            ..RequestOutcome::local(trail, &reply, denial.as_ref(), own_time)
        };
        if let Some(denial) = &denial {
            self.remember(Some(head), trail, denial, false);
        }
        // Recorded before the answer goes out: a client that has it can find its record.
        self.record(Some(head), &outcome);
        let then = match body {
            _ if self.front.gateway.stage() != Stage::Serving => Then::End,
            Some(_) => Then::GoOn,
            None => Then::SkipBody,
        };
        parts.turn.reply(reply, self.local_format(head, then)).await
    }

    fn local_format(&self, head: &Head<'_>, then: Then) -> LocalFormat {
        LocalFormat { now: self.front.gateway.now(), head_only: head.method() == "HEAD", then }
    }
}
