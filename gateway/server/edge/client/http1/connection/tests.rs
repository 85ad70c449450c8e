#![allow(clippy::unwrap_used, reason = "tests")]
use std::net::SocketAddr;

use futures_util::FutureExt;
use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpStream};

use super::super::tests::scripted::{End, Scripted};
use super::*;

const LIMITS: HeadLimits = HeadLimits { bytes: 1024, count: 8, uri: 128 };
const AGES: Duration = Duration::from_secs(3600);
const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

async fn connection() -> (TcpStream, Connection<TcpStream>) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (served, _) = listener.accept().await.unwrap();
    (client, Connection::new(served))
}

fn timer() -> Timer {
    Timer::new(std::time::Instant::now())
}

async fn read_head<S: DownstreamIo>(connection: &mut Connection<S>) -> HeadRead {
    let (_stage, watched) = watch::channel(Stage::Serving);
    read_head_while(connection, watched).await
}

async fn read_head_while<S: DownstreamIo>(
    connection: &mut Connection<S>,
    stage: watch::Receiver<Stage>,
) -> HeadRead {
    if !connection.begin_head(AGES, &mut timer(), &mut StageWatch::new(stage)).await {
        return HeadRead::Closed;
    }
    if connection.holds_head() { HeadRead::Complete } else { connection.read_head(LIMITS, AGES).await }
}

/// A connection whose client sends `bytes`, `step` of them at a time, and closes its side.
async fn sent(bytes: &[u8], step: usize) -> (DuplexStream, Connection<DuplexStream>) {
    let (mut client, served) = tokio::io::duplex(4096);
    let mut connection = Connection::new(served);
    for piece in bytes.chunks(step) {
        client.write_all(piece).await.unwrap();
        // Each piece is read on its own.
        connection.read().await.unwrap();
    }
    client.shutdown().await.unwrap();
    (client, connection)
}

/// Both sides may end a quiet connection: a request that was on its way is not thrown away.
#[tokio::test]
async fn a_head_that_crosses_the_end_on_its_way_is_read() {
    let (client, mut connection) = connection().await;
    let (stage, watched) = watch::channel(Stage::Serving);
    let reads = read_head_while(&mut connection, watched);
    let (read, ()) = tokio::join!(reads, async {
        stage.send_replace(Stage::Draining);
        // The connection looks again, and still finds nothing.
        tokio::task::yield_now().await;
        assert_eq!(client.try_write(HEAD).unwrap(), HEAD.len());
    });
    assert_eq!(read, HeadRead::Complete);
}

#[tokio::test]
async fn a_quiet_connection_does_not_hold_up_the_end() {
    let (_client, mut connection) = connection().await;
    let (_stage, watched) = watch::channel(Stage::Draining);
    assert_eq!(read_head_while(&mut connection, watched).await, HeadRead::Closed);
}

#[tokio::test]
async fn a_connection_that_waits_for_a_request_holds_no_buffer() {
    let (mut client, mut connection) = connection().await;
    client.write_all(HEAD).await.unwrap();
    assert_eq!(read_head(&mut connection).await, HeadRead::Complete);
    connection.buffer.advance(HEAD.len());
    {
        let mut waits = std::pin::pin!(read_head(&mut connection));
        assert!((&mut waits).now_or_never().is_none());
        client.write_all(HEAD).await.unwrap();
        assert_eq!(waits.await, HeadRead::Complete);
    }
    connection.buffer.clear();
    assert!(read_head(&mut connection).now_or_never().is_none());
    assert_eq!(connection.buffer.capacity(), 0);
}

#[tokio::test]
async fn a_head_is_read_from_pieces_of_any_size() {
    for step in [1, 2, 3, 7, HEAD.len()] {
        let (mut client, served) = tokio::io::duplex(step);
        let mut connection = Connection::new(served);
        let (read, sent) = tokio::join!(read_head(&mut connection), client.write_all(HEAD));
        sent.unwrap();
        assert_eq!((read, &connection.buffer[..]), (HeadRead::Complete, HEAD), "{step}");
    }
}

#[tokio::test]
async fn a_pipelined_head_is_read_without_the_socket() {
    let (_client, mut connection) = connection().await;
    connection.buffer.extend_from_slice(HEAD);
    connection.buffer.extend_from_slice(&HEAD[..5]);
    assert_eq!(read_head(&mut connection).await, HeadRead::Complete);
    assert_eq!(connection.buffer.len(), HEAD.len() + 5);
}

#[tokio::test]
async fn a_client_that_ends_at_any_byte_of_a_head_is_told_so_after_the_first() {
    for end in 0..HEAD.len() {
        let (_client, mut connection) = sent(&HEAD[..end], HEAD.len()).await;
        let expected = match end {
            0 => HeadRead::Closed,
            _ => HeadRead::Refused(Denial::BadRequest("the head ends in the middle")),
        };
        assert_eq!(read_head(&mut connection).await, expected, "{end}");
    }
}

#[tokio::test]
async fn a_reset_needs_no_answer() {
    for begun in [0, 5] {
        let (mut client, mut connection) = connection().await;
        client.write_all(&HEAD[..begun]).await.unwrap();
        let read = tokio::join!(read_head(&mut connection), async {
            tokio::task::yield_now().await;
            client.reset();
            drop(client);
        });
        assert_eq!(read.0, HeadRead::Closed, "{begun}");
    }
}

#[tokio::test]
async fn a_body_is_read_from_the_buffer_first_and_no_further_than_its_end() {
    for step in [1, 4, 100] {
        let (_client, mut connection) = sent(b"0123456789GET", step).await;
        let mut body = b"early".to_vec();
        assert_eq!(connection.read_body(&mut body, 10, AGES).await, Ok(()));
        assert_eq!((&body[..], &connection.buffer[..]), (&b"early0123456789"[..], &b"GET"[..]), "{step}");
    }
    let (mut client, mut connection) = connection().await;
    connection.buffer.extend_from_slice(b"012");
    client.write_all(b"3456789GET").await.unwrap();
    let mut body = Vec::new();
    assert_eq!(connection.read_body(&mut body, 10, AGES).await, Ok(()));
    assert_eq!(body, b"0123456789");
    assert!(connection.buffer.is_empty());
    assert_eq!(connection.read().await.unwrap(), 3);
}

#[tokio::test]
async fn a_body_that_ends_early_or_late_is_refused() {
    let (_client, mut connection) = sent(b"0123", 4).await;
    let ended = connection.read_body(&mut Vec::new(), 10, AGES).await;
    assert_eq!(ended, Err(Denial::BadRequest("the body ends in the middle")));
    let (_client, mut connection) = self::connection().await;
    connection.buffer.extend_from_slice(b"0123");
    let late = connection.read_body(&mut Vec::new(), 10, Duration::from_millis(1)).await;
    assert_eq!(late, Err(Denial::BodyTimeout));
}

#[tokio::test]
async fn a_dropped_body_leaves_the_next_request() {
    for (bytes, length, kept, rest) in [
        (&b"0123456789GET"[..], 10, true, &b"GET"[..]),
        (b"0123456789", 10, true, b""),
        (b"GET", 0, true, b"GET"),
        (b"0123", 10, false, b""),
    ] {
        let (_client, mut connection) = sent(bytes, bytes.len()).await;
        assert_eq!(connection.discard_body(length, AGES).await, kept);
        assert_eq!(connection.buffer, rest);
    }
}

#[tokio::test]
async fn a_client_that_still_sends_can_read_the_answer_that_closes() {
    let (mut client, mut connection) = connection().await;
    let (_stage, mut watched) = watch::channel(Stage::Serving);
    let served = async {
        assert!(connection.write_answer(b"the answer").await);
        connection.close(&mut watched).await;
    };
    let client = async {
        let mut answer = String::new();
        client.write_all(&[b'x'; 512 * 1024]).await.unwrap();
        client.read_to_string(&mut answer).await.unwrap();
        drop(client);
        answer
    };
    assert_eq!(tokio::join!(served, client).1, "the answer");
}

#[tokio::test]
async fn a_reset_connection_looks_broken_to_its_client() {
    let (mut client, mut connection) = connection().await;
    assert!(connection.write_answer(b"half of an ans").await);
    connection.reset();
    drop(connection);
    let mut answer = Vec::new();
    let error = client.read_to_end(&mut answer).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

/// A stream that encrypts has to send something at its end.
#[tokio::test]
async fn a_client_that_does_not_take_the_end_is_not_waited_for() {
    for stage in [Stage::Serving, Stage::Closing] {
        let mut io = Scripted::sends(b"", 1, End::Waits);
        io.become_full();
        let (_stage, mut watched) = watch::channel(stage);
        let mut connection = Connection::new(io);
        let closes = connection.close(&mut watched);
        assert!(tokio::time::timeout(2 * LINGER_TIME, closes).await.is_ok(), "{stage:?}");
    }
}
