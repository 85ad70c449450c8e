#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::*;

const LINE: &[u8] = b"PROXY TCP4 198.51.100.7 192.0.2.1 51000 443\r\n";

async fn over_tcp() -> (ClientSocket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    proxy.set_nodelay(true).unwrap();
    (ClientSocket::Tcp(listener.accept().await.unwrap().0), proxy)
}

/// A header of version 2 with `extensions` bytes of extensions.
fn long(extensions: u16) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    header.extend((12 + extensions).to_be_bytes());
    header.extend([198, 51, 100, 7, 192, 0, 2, 1, 0, 1, 0, 2]);
    header.resize(16 + 12 + usize::from(extensions), b'x');
    header
}

async fn told_by(socket: &mut ClientSocket) -> String {
    match read(socket, Duration::from_secs(10)).await {
        Ok(ToldClient::Address(ip)) => ip.to_string(),
        Ok(ToldClient::NotTold) => "not told".to_owned(),
        Err(NoHeader::Unused) => "unused".to_owned(),
        Err(NoHeader::Broken(error)) => format!("broken: {:?}", error.kind()),
        Err(NoHeader::Malformed(_)) => "malformed".to_owned(),
        Err(NoHeader::Late) => "late".to_owned(),
    }
}

#[tokio::test]
async fn what_follows_the_header_stays_in_the_socket() {
    for header in [LINE.to_vec(), long(0), long(600), long(4000)] {
        for step in [1, 7, header.len()] {
            let (unix, other) = UnixStream::pair().unwrap();
            let (tcp, proxy) = over_tcp().await;
            let proxies: [(ClientSocket, Box<dyn tokio::io::AsyncWrite + Unpin + Send>); 2] =
                [(ClientSocket::Unix(unix), Box::new(other)), (tcp, Box::new(proxy))];
            for (mut socket, mut proxy) in proxies {
                // The request comes in one packet with the last piece of the header.
                let all = [&header, b"GET / HTTP/1.1\r\n".as_slice()].concat();
                let (last, length) = (header.len() - step, header.len());
                let sends = tokio::spawn(async move {
                    for piece in all[..last].chunks(step.max(length / 100)) {
                        proxy.write_all(piece).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                    proxy.write_all(&all[last..]).await.unwrap();
                    proxy
                });
                assert_eq!(told_by(&mut socket).await, "198.51.100.7");
                let _proxy = sends.await.unwrap();
                let mut rest = [0; 16];
                socket.read_exact(&mut rest).await.unwrap();
                assert_eq!(&rest, b"GET / HTTP/1.1\r\n");
            }
        }
    }
}

#[tokio::test]
async fn an_end_is_told_from_a_fault() {
    for (sent, expected) in [
        (b"".as_slice(), "unused"),
        (b"PROXY TCP4 198", "broken: UnexpectedEof"),
        (b"GET / HTTP/1.1\r\n\r\n", "malformed"),
        (b"PROXY UNKNOWN\r\n", "not told"),
    ] {
        let (mut socket, mut proxy) = over_tcp().await;
        proxy.write_all(sent).await.unwrap();
        drop(proxy);
        assert_eq!(told_by(&mut socket).await, expected);
    }
}

/// The bytes that come do not begin the wait anew.
#[tokio::test]
async fn a_header_that_is_not_finished_has_a_deadline() {
    let (mut socket, mut proxy) = over_tcp().await;
    let drips = tokio::spawn(async move {
        for byte in LINE.split_last().unwrap().1 {
            proxy.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        std::future::pending::<()>().await;
    });
    assert!(matches!(read(&mut socket, Duration::from_millis(100)).await, Err(NoHeader::Late)));
    drips.abort();
}
