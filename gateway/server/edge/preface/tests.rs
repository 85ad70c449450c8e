#![allow(clippy::unwrap_used, reason = "tests")]
use tokio::io::AsyncWriteExt as _;

use super::*;

const SOON: Duration = Duration::from_millis(20);

/// What is read of a client that sends these pieces, and then closes its side or waits.
async fn first(pieces: &[&[u8]], closes: bool) -> Option<FirstBytes> {
    let (mut ours, mut theirs) = tokio::io::duplex(1024);
    let (_sender, mut stage) = watch::channel(Stage::Serving);
    let send = async {
        for piece in pieces {
            theirs.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        if closes {
            theirs.shutdown().await.unwrap();
        }
        theirs
    };
    let (read, _theirs) = tokio::join!(read(&mut ours, (SOON, SOON), &mut stage), send);
    read
}

#[tokio::test]
async fn the_first_bytes_say_which_protocol_it_is() {
    let http2 = |bytes: &[u8]| Some(FirstBytes::Http2(bytes.into()));
    let other = |bytes: &[u8]| Some(FirstBytes::Other(bytes.into()));
    assert_eq!(first(&[PREFACE], false).await, http2(PREFACE));
    let bytes: Vec<&[u8]> = PREFACE.chunks(1).collect();
    assert_eq!(first(&bytes, false).await, http2(PREFACE));
    // No byte beyond it is read.
    assert_eq!(first(&[&[PREFACE, b"\0\0\0"].concat()], false).await, http2(PREFACE));
    for (sent, closes) in [
        ("G", false),
        ("PRI * HTTP/1.1", false),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r!", false),
        ("PRI * HTTP/2.0", true),
        ("PRI", false),
    ] {
        assert_eq!(first(&[sent.as_bytes()], closes).await, other(sent.as_bytes()), "{sent}");
    }
    assert_eq!(
        first(&[b"GET / HTTP/1.1\r\n\r\n........"], false).await,
        other(b"GET / HTTP/1.1\r\n\r\n......")
    );
    assert_eq!(first(&[], true).await, None);
    assert_eq!(first(&[], false).await, None);
}

#[tokio::test]
async fn a_client_that_is_silent_is_not_waited_for_when_the_gateway_ends() {
    let (mut ours, _theirs) = tokio::io::duplex(1024);
    let (sender, mut stage) = watch::channel(Stage::Serving);
    let long = Duration::from_secs(600);
    sender.send_replace(Stage::Draining);
    let read = tokio::time::timeout(Duration::from_secs(10), read(&mut ours, (long, long), &mut stage));
    assert_eq!(read.await, Ok(None));
}

/// Each byte is in time, and all of them are not.
#[tokio::test]
async fn a_preface_that_drips_has_one_deadline() {
    let (mut ours, mut theirs) = tokio::io::duplex(1024);
    let (_sender, mut stage) = watch::channel(Stage::Serving);
    let (idle, header) = (Duration::from_secs(60), Duration::from_millis(200));
    let drips = async {
        for byte in PREFACE {
            theirs.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(header / 8).await;
        }
    };
    let (read, ()) = tokio::join!(read(&mut ours, (idle, header), &mut stage), drips);
    assert!(matches!(&read, Some(FirstBytes::Other(early)) if early.len() < PREFACE.len()), "{read:?}");
}
