#![allow(clippy::unwrap_used, reason = "tests")]
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::*;

const LIMITS: HeadLimits = HeadLimits { bytes: 1024, count: 8, uri: 128 };
const AGES: Duration = Duration::from_secs(3600);

async fn connection() -> (TcpStream, Line) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (served, _) = listener.accept().await.unwrap();
    (client, Line::new(served))
}

/// Both sides may end a quiet connection: a request that was on its way is not thrown away.
#[tokio::test]
async fn what_crosses_the_end_on_its_way_is_heard() {
    let (client, mut line) = connection().await;
    let (stage, mut watched) = watch::channel(Stage::Serving);
    let (heard, ()) = tokio::join!(line.hear(&LIMITS, AGES, AGES, &mut watched), async {
        stage.send_replace(Stage::Draining);
        // The line looks again, and still finds nothing.
        tokio::task::yield_now().await;
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(client.try_write(head).unwrap(), head.len());
    });
    assert_eq!(heard, Heard::Head);
}

#[tokio::test]
async fn a_quiet_connection_does_not_hold_up_the_end() {
    let (_client, mut line) = connection().await;
    let (_stage, mut watched) = watch::channel(Stage::Draining);
    assert_eq!(line.hear(&LIMITS, AGES, AGES, &mut watched).await, Heard::Silence);
}
