#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

//! What may happen between a permit and its record, with a stepped clock.

mod body_rate;
mod framing;
mod gates;
mod properties;
mod retries;
mod run;
mod sequence;
mod streams;
mod table;
mod waits;

use super::*;
use crate::request::RequestBody;

fn terms(body: RequestBody) -> ExchangeTerms {
    ExchangeTerms {
        head_only: false,
        repeatable: body.is_empty(),
        body,
        handshake: None,
        modern_client: true,
        keep_alive: true,
        retries: 1,
        credential_end: None,
        deadlines: Deadlines {
            read: Duration::from_secs(60),
            send_idle: Duration::from_secs(30),
            body_idle: Duration::from_secs(20),
            min_rate: 100,
            stream_idle: Duration::from_secs(600),
        },
    }
}

#[test]
fn an_answer_goes_to_the_client_and_both_connections_go_on() {
    let head = OutgoingHead::of(b"GET / HTTP/1.1\r\nHost: x\r\n");
    let at = Duration::from_secs(1);
    let mut exchange = Exchange::new(head, terms(RequestBody::None), (PassAll, PassAll), BytesMut::new(), at);
    assert_eq!(exchange.request_step(), RequestStep::Connect { fresh: false, tries: 0, watch: true });
    exchange.on(Event::Connecting, at);
    exchange.on(Event::Connected { reused: true }, at);
    let sent = exchange.outgoing().concat();
    assert_eq!(sent, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    exchange.on(Event::AppTook(sent.len()), at);
    assert_eq!(exchange.request_step(), RequestStep::Watch);
    exchange.incoming().extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    exchange.on(Event::AppData, at);
    assert!(matches!(
        exchange.answer_step(at),
        AnswerStep::Begin { framing: AnswerFraming::Length(2), connection: ConnectionLine::Absent, .. }
    ));
    assert!(matches!(exchange.answer_step(at), AnswerStep::Give(data) if data == "ok"));
    assert!(matches!(exchange.answer_step(at), AnswerStep::End));
    assert!(matches!(exchange.answer_step(at), AnswerStep::Flush));
    exchange.on(Event::ClientSocket { took: true, state: ClientSocket::Empty }, at);
    assert!(matches!(exchange.answer_step(at), AnswerStep::Wait));
    let (outcome, _) = exchange.finish();
    assert_eq!(
        (outcome.ended, outcome.app, outcome.client),
        (Ended::Answered, AppReuse::Yes, ClientReuse::KeepAlive)
    );
}
