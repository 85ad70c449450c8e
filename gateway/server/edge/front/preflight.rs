//! A preflight that the app answers.

use bytes::BytesMut;
use stagedoor_core::answer::AnswerHead;
use stagedoor_core::denial::Guard;
use stagedoor_core::pipeline::{PreflightPermit, Trail};
use stagedoor_core::reply::Reply;
use stagedoor_core::request::Head;
use stagedoor_core::request_out;

use super::handler::{LocalReply, RequestHandler, UpstreamTiming};
use super::turn::{ConnectionState, Turn, TurnParts};
use crate::edge::preflight;

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
        let answer = preflight::ask(&self.live.upstream(permit.app()), permit.app(), &asked).await;
        let timing = UpstreamTiming { from, to: answer.is_ok().then(|| parts.timer.now()) };
        let local = match answer {
            Ok(AnswerHead { status, fields, .. }) => {
                let reply = self.with_context(head, &trail, |policy, at| {
                    Reply::app_preflight(status, &fields, policy, at)
                });
                LocalReply { upstream: Some(timing), ..LocalReply::new(reply, None) }
            }
            Err(denial) => {
                trail.reached = Guard::Upstream;
                let reply = self.refusal(head, &trail, &denial);
                LocalReply { upstream: Some(timing), ..LocalReply::new(reply, Some(denial)) }
            }
        };
        self.answer(parts, head, &trail, local).await
    }
}
