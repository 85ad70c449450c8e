//! A preflight that the app answers.

use std::time::Instant;

use bytes::BytesMut;
use stagedoor_core::denial::Guard;
use stagedoor_core::pipeline::{PreflightPermit, Trail};
use stagedoor_core::reply::Reply;
use stagedoor_core::request::Head;
use stagedoor_core::request_out;
use tokio::net::TcpStream;

use super::{After, Asked, Said, Turn, with_circumstances};
use crate::edge::preflight::{self, Answer};

impl Turn<'_> {
    /// Asks the app, and tells the client what it says of CORS.
    pub(super) async fn ask_the_app(
        self,
        tcp: TcpStream,
        buffer: &BytesMut,
        head: &Head<'_>,
        permit: &PreflightPermit<'_>,
        mut trail: Trail,
    ) -> After {
        let mut asked = BytesMut::new();
        request_out::write_preflight(permit, head, &self.request_id, &mut asked);
        let from = Instant::now();
        let answer = preflight::ask(&self.front.upstreams, permit.app(), &asked).await;
        let asked = Asked { from, to: answer.is_ok().then(Instant::now) };
        let said = match answer {
            Ok(Answer { status, fields }) => {
                let reply = with_circumstances(&self, head, &trail, |policy, at| {
                    Reply::app_preflight(status, &fields, policy, at)
                });
                Said { asked: Some(asked), ..Said::by_us(reply, None) }
            }
            Err(denial) => {
                trail.reached = Guard::Upstream;
                let reply = self.refusal(head, &trail, &denial);
                Said { asked: Some(asked), ..Said::by_us(reply, Some(denial)) }
            }
        };
        self.answer(tcp, buffer, head, &trail, said).await
    }
}
