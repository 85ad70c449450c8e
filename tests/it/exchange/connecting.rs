//! Apps that take no connection: nobody waits for one longer than the client and the gateway last.

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use tempfile::TempDir;

use super::wait_for_no_connection;
use crate::harness::{Client, Gateway, Request};

/// An app whose queue of connections is full.
struct Full {
    url: String,
    _holds: Box<dyn std::any::Any>,
}

impl Full {
    /// The system answers nothing to a further connection, as to one of a host that is gone.
    fn tcp() -> Self {
        let app = within_runtime(|| {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            socket.listen(1).unwrap().into_std().unwrap()
        });
        let address = app.local_addr().unwrap();
        let fills = || TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
        let queue: Vec<TcpStream> = std::iter::from_fn(fills).collect();
        let holds: (TcpListener, _) = (app, queue);
        Self { url: format!("http://{address}"), _holds: Box::new(holds) }
    }

    /// The system refuses a further connection.
    fn unix() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        let app = within_runtime(|| {
            let socket = tokio::net::UnixSocket::new_stream().unwrap();
            socket.bind(&path).unwrap();
            socket.listen(1).unwrap().into_std().unwrap()
        });
        let fills = || {
            let connect = tokio::net::UnixStream::connect(&path);
            within_runtime(|| futures_util::FutureExt::now_or_never(connect)?.ok()?.into_std().ok())
        };
        let queue: Vec<_> = std::iter::from_fn(fills).collect();
        let holds: (TempDir, UnixListener, _) = (folder, app, queue);
        Self { url: format!("unix:{}", path.display()), _holds: Box::new(holds) }
    }

    /// A gateway before it that waits for a connection for minutes.
    fn gateway(&self) -> Gateway {
        Gateway::start(&format!(
            "[server]\ndrain = \"300ms\"\n[log]\nlevel = \"debug\"\n\
             [app.media]\nhosts = [\"media.localhost\"]\nauth = \"public\"\ncors = \"app\"\n\
             upstream = {{ urls = [\"{}\"], connect = \"5m\" }}\n",
            self.url
        ))
    }
}

fn within_runtime<T>(make: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let _context = runtime.enter();
    make()
}

/// Clients that wait for a connection to the app, each with the path that it asked for.
fn waiting(gateway: &Gateway) -> [(&'static str, Client); 2] {
    let preflight = Request::new("OPTIONS", "/preflight")
        .field("Origin", "https://pages.example")
        .field("Access-Control-Request-Method", "GET");
    let asks = [("/plain", Request::get("/plain")), ("/preflight", preflight)];
    asks.map(|(path, request)| {
        let mut client = gateway.client();
        client.send(request.bytes());
        // It is decided, and what follows is the connection.
        gateway.wait_for_log(&format!("\"path\":\"{path}\""));
        (path, client)
    })
}

#[test]
fn a_client_that_is_gone_is_not_connected_for() {
    for app in [Full::tcp(), Full::unix()] {
        let gateway = app.gateway();
        let paths = waiting(&gateway).map(|(path, client)| {
            client.reset();
            path
        });
        wait_for_no_connection(&gateway);
        for path in paths {
            let event = gateway.event_where(path, |event| event["path"] == path);
            assert_eq!((&event["status"], &event["ended_by"]), (&0.into(), &"client".into()), "{event}");
            assert!(event["upstream_error"].is_null(), "{event}");
        }
    }
}

#[test]
fn the_end_of_the_drain_is_the_end_of_the_wait() {
    for app in [Full::tcp(), Full::unix()] {
        let mut gateway = app.gateway();
        let clients = waiting(&gateway);
        gateway.signal("TERM");
        let answers = clients.map(|(path, mut client)| (path, client.answer()));
        assert!(gateway.wait().0.success());
        for (path, answer) in answers {
            assert_eq!((answer.status, answer.code().as_str()), (503, "draining"), "{path}: {answer:?}");
            let event = gateway.event(&answer);
            assert_eq!((&event["status"], &event["code"]), (&503.into(), &"draining".into()), "{event}");
        }
    }
}
