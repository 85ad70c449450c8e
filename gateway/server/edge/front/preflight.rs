//! A preflight that the app answers.

use bytes::BytesMut;
use stagedoor_core::answer::AnswerHead;
use stagedoor_core::denial::Guard;
use stagedoor_core::exchange::StreamEnd;
use stagedoor_core::pipeline::{PreflightPermit, Trail};
use stagedoor_core::reply::Reply;
use stagedoor_core::request::Head;
use stagedoor_core::request_out;

use super::handler::{LocalReply, RequestHandler, UpstreamTiming};
use super::record::RequestOutcome;
use super::turn::{ConnectionState, Turn, TurnParts};
use crate::edge::preflight::{self, NoAnswer};

impl RequestHandler<'_> {
    /// Asks the app, and answers the client with the CORS fields of its answer.
    pub(super) async fn answer_app_preflight<T: Turn>(
        &self,
        parts: &mut TurnParts<'_, T>,
        head: &Head<'_>,
        permit: &PreflightPermit<'_>,
        mut trail: Trail,
    ) -> ConnectionState {
        let mut asked = BytesMut::new();
        request_out::write_preflight(permit, head, &self.request_id, &mut asked);
        let from = parts.timer.now();
        let upstream = self.live.upstream(permit.app());
        let TurnParts { turn, stage, .. } = &mut *parts;
        let answer = preflight::ask(&upstream, permit.app(), &asked, turn.client(), stage).await;
        let timing = UpstreamTiming { from, to: answer.is_ok().then(|| parts.timer.now()) };
        let local = match answer {
            Ok(AnswerHead { status, fields, .. }) => {
                let reply = self.with_context(head, &trail, |policy, at| {
                    Reply::app_preflight(status, &fields, policy, at)
                });
                LocalReply { upstream: Some(timing), ..LocalReply::new(reply, None) }
            }
            Err(NoAnswer::ClientGone) => {
                self.record_client_gone(head, &trail, timing);
                return ConnectionState::Reset;
            }
            Err(NoAnswer::Refused(denial)) => {
                trail.reached = Guard::Upstream;
                let reply = self.refusal(head, &trail, &denial);
                LocalReply { upstream: Some(timing), ..LocalReply::new(reply, Some(denial)) }
            }
        };
        self.answer(parts, head, &trail, local).await
    }

    /// Records a preflight whose client left before the app had answered.
    fn record_client_gone(&self, head: &Head<'_>, trail: &Trail, asked: UpstreamTiming) {
        let outcome = RequestOutcome {
            trail,
            status: 0,
            denial: None,
            bytes_in: 0,
            bytes_out: 0,
            own_time: self.since(asked.from),
            upstream_time: None,
            asked: trail.app.as_deref(),
            upstream_fault: None,
            ended_by: Some(StreamEnd::Client.label()),
            detail: None,
            retries: 0,
        };
        self.record(Some(head), &outcome);
    }
}
