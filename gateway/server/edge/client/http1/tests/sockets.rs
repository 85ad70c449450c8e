//! The same over real sockets.

use std::future::poll_fn;
use std::net::SocketAddr;

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

async fn sockets() -> (TcpStream, Connection<TcpStream>) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (served, _) = listener.accept().await.unwrap();
    (client, Connection::new(served))
}

fn exchange(connection: &mut Connection<TcpStream>, framing: Framing) -> Http1Client<'_, TcpStream> {
    Http1Client::new(connection, BodyReader::new(framing), false, false)
}

async fn body(client: &mut Http1Client<'_, TcpStream>) -> Result<Vec<u8>, BodyFault> {
    let mut data = Vec::new();
    while let Some(piece) = poll_fn(|cx| client.poll_body(cx)).await? {
        data.extend_from_slice(&piece);
    }
    Ok(data)
}

#[tokio::test]
async fn pipelined_requests_stay_apart() {
    let (mut user, mut connection) = sockets().await;
    user.write_all(b"5\r\n01234\r\n0\r\n\r\nabcPOST / HTTP/1.1").await.unwrap();
    let mut client = exchange(&mut connection, Framing::Chunked);
    assert_eq!(body(&mut client).await.unwrap(), b"01234");
    drop(client);
    let mut client = exchange(&mut connection, Framing::Length(3));
    assert_eq!(body(&mut client).await.unwrap(), b"abc");
    assert!(poll_fn(|cx| client.poll_closed(cx)).now_or_never().is_none());
    user.write_all(b"\r\n\r\n").await.unwrap();
    user.shutdown().await.unwrap();
    assert_eq!(poll_fn(|cx| client.poll_closed(cx)).await, Closed::Half);
    drop(client);
    assert_eq!(connection.buffer, &b"POST / HTTP/1.1\r\n\r\n"[..]);
}

#[tokio::test]
async fn a_client_that_closes_its_side_gets_its_answer() {
    let (mut user, mut connection) = sockets().await;
    user.shutdown().await.unwrap();
    let mut client = exchange(&mut connection, Framing::None);
    assert_eq!(poll_fn(|cx| client.poll_closed(cx)).await, Closed::Half);
    client.begin(&answer(200), AnswerFraming::Length(2), ConnectionLine::Close);
    client.give(Bytes::from_static(b"ok"));
    client.end();
    poll_fn(|cx| client.poll_flush(cx)).await.unwrap();
    drop(client);
    drop(connection);
    let mut text = String::new();
    user.read_to_string(&mut text).await.unwrap();
    assert!(text.ends_with("\r\n\r\nok"), "{text}");
}

#[tokio::test]
async fn a_reset_is_noticed_in_body_answer_and_between() {
    let (user, mut connection) = sockets().await;
    let mut client = exchange(&mut connection, Framing::Length(5));
    assert!(poll_fn(|cx| client.poll_body(cx)).now_or_never().is_none());
    user.set_zero_linger().unwrap();
    drop(user);
    assert_eq!(body(&mut client).await, Err(BodyFault::Gone));

    let (user, mut connection) = sockets().await;
    let mut client = exchange(&mut connection, Framing::None);
    assert!(poll_fn(|cx| client.poll_closed(cx)).now_or_never().is_none());
    user.set_zero_linger().unwrap();
    drop(user);
    assert_eq!(poll_fn(|cx| client.poll_closed(cx)).await, Closed::Gone);

    let (user, mut connection) = sockets().await;
    let mut client = exchange(&mut connection, Framing::None);
    client.begin(&answer(200), AnswerFraming::UntilClose, ConnectionLine::Close);
    user.set_zero_linger().unwrap();
    drop(user);
    let answered = async {
        loop {
            if let Err(error) = poll_fn(|cx| client.poll_room(cx)).await {
                return error;
            }
            client.give(vec![b'x'; 64 * 1024].into());
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), answered).await.unwrap();
}

#[tokio::test]
async fn a_client_that_takes_nothing_holds_the_answer_up_until_it_does() {
    let (mut user, mut connection) = sockets().await;
    let mut client = exchange(&mut connection, Framing::None);
    client.begin(&answer(200), AnswerFraming::Chunked, ConnectionLine::Absent);
    let mut given = 0u64;
    while let Some(room) = poll_fn(|cx| client.poll_room(cx)).now_or_never() {
        room.unwrap();
        client.give(vec![b'x'; 64 * 1024].into());
        given += 64 * 1024;
    }
    assert!(client.sent() < given);
    client.end();
    let reading = async {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n0\r\n\r\n") {
            assert!(user.read_buf(&mut text).await.unwrap() > 0);
        }
        text
    };
    let sending = async {
        poll_fn(|cx| client.poll_flush(cx)).await.unwrap();
        client.sent()
    };
    let (text, sent) = tokio::join!(reading, sending);
    assert_eq!(text.len() as u64, sent);
}

/// The socket of an exchange that waits for its client, or for the app, needs no buffer.
#[tokio::test]
async fn an_exchange_that_waits_holds_no_buffer() {
    let (_user, mut connection) = sockets().await;
    for framing in [Framing::Length(1 << 30), Framing::Chunked] {
        assert!(body(&mut exchange(&mut connection, framing)).now_or_never().is_none());
        assert_eq!(connection.buffer.capacity(), 0);
    }
    let mut client = exchange(&mut connection, Framing::None);
    client.open();
    assert!(body(&mut client).now_or_never().is_none());
    client.begin(&answer(101), AnswerFraming::Tunnel, ConnectionLine::Upgrade);
    poll_fn(|cx| client.poll_flush(cx)).await.unwrap();
    assert_eq!((client.connection.buffer.capacity(), client.output.capacity()), (0, 0));
    drop(client);
    let mut client = exchange(&mut connection, Framing::None);
    assert!(poll_fn(|cx| client.poll_closed(cx)).now_or_never().is_none());
    drop(client);
    assert_eq!(connection.buffer.capacity(), 0);
}

#[tokio::test]
async fn a_long_body_arrives_whole() {
    let (mut user, mut connection) = sockets().await;
    let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    for framing in [Framing::Length(sent.len() as u64), Framing::Chunked] {
        let sending = async {
            for piece in sent.chunks(70_001) {
                if framing == Framing::Chunked {
                    user.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
                }
                user.write_all(piece).await.unwrap();
                if framing == Framing::Chunked {
                    user.write_all(b"\r\n").await.unwrap();
                }
            }
            if framing == Framing::Chunked {
                user.write_all(b"0\r\n\r\n").await.unwrap();
            }
        };
        let mut client = exchange(&mut connection, framing);
        let (data, ()) = tokio::join!(body(&mut client), sending);
        assert!(data.unwrap() == sent, "{framing:?}");
    }
}
