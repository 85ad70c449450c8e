//! Apps that listen on a Unix socket.

use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Gateway, Request, UnixCarrier, Upstream, default_answer, poll_until, websocket};

fn config(url: &str, more: &str) -> String {
    format!(
        "[app.media]\nhosts = [\"media.localhost\"]\nauth = \"public\"\nbody.max = \"1GiB\"\n\
         upstream = {{ urls = [\"{url}\"], connect = \"1s\"{more} }}\n"
    )
}

/// 8 MiB without a pattern.
pub(super) fn film() -> Vec<u8> {
    (0..8 << 20).map(|place: u32| place.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

#[test]
fn an_app_behind_a_unix_socket_is_an_app_like_any_other() {
    let app = Upstream::with(|exchange| match exchange.path().as_str() {
        "/ws" => exchange.echo_websocket(),
        "/requests-before" => {
            let before = exchange.before.to_string();
            exchange.reply("200 OK", &[], before)
        }
        "/film" => exchange.reply("200 OK", &[], film()),
        _ => default_answer(exchange),
    });
    let socket = UnixCarrier::to(app.address);
    let gateway = Gateway::start(&config(&socket.url(), ""));
    let mut client = gateway.client();
    let answer = client.ask(&Request::get("/a?b=c"));
    assert_eq!((answer.status, &*answer.body), (200, b"GET /a?b=c\n".as_slice()), "{answer:?}");
    let seen = app.last();
    // There is no other name for it than that of the client.
    assert_eq!(seen.fields.sole("host"), Some("media.localhost"));
    assert_eq!(seen.fields.sole("x-forwarded-proto"), Some("http"));
    assert_eq!(gateway.event(&answer)["upstream"], socket.url());
    assert_eq!(client.ask(&Request::get("/requests-before")).text(), "1", "the connection is used again");
    let film = film();
    let answer = client.ask(&Request::post("/upload", &film));
    let seen = app.last();
    assert_eq!((answer.status, seen.body_length), (200, film.len() as u64), "{answer:?}");
    assert!(film.starts_with(&seen.body), "other bytes have arrived");
    let answer = client.ask(&Request::get("/film"));
    assert_eq!((answer.status, answer.complete), (200, true));
    assert!(answer.body == film, "{} bytes came", answer.body.len());
    let mut tunnel = websocket(gateway.address, "/ws", &[]).unwrap();
    tunnel.send(Message::text("hello")).unwrap();
    assert_eq!(tunnel.read().unwrap(), Message::text("hello"));
}

#[test]
fn a_socket_may_come_and_go() {
    let app = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let url = format!("unix:{}", path.display());
    let gateway = Gateway::start(&config(&url, ", retries = 0"));
    for _ in 0..2 {
        let answer = poll_until("the idle connection to be gone", || {
            let answer = gateway.ask(&Request::get("/x"));
            (gateway.event(&answer)["upstream_error"] == "refused").then_some(answer)
        });
        super::assert_failed(&gateway, &answer, 502, "refused");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!text.contains("sock"), "{text}");
        let _socket = UnixCarrier::at(&path, app.address);
        assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
    }
    // A file that is no socket, and a socket that no app has any more.
    std::fs::write(&path, "").unwrap();
    super::assert_failed(&gateway, &gateway.ask(&Request::get("/x")), 502, "refused");
    std::fs::remove_file(&path).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    super::assert_failed(&gateway, &gateway.ask(&Request::get("/x")), 502, "refused");
}

/// An answer without a length ends where the app closes the socket.
#[test]
fn the_end_of_a_socket_is_the_end_of_an_answer() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        exchange.write("HTTP/1.1 200 OK\r\n\r\nall of it")?;
        exchange.hang_up();
        Ok(())
    });
    let socket = UnixCarrier::to(app.address);
    let gateway = Gateway::start(&config(&socket.url(), ""));
    let answer = gateway.ask(&Request::get("/x"));
    assert_eq!((answer.complete, &*answer.body), (true, b"all of it".as_slice()), "{answer:?}");
}

/// The state of a gateway that the kernel confines: the folder of the socket is none of those that it keeps.
#[test]
fn a_confined_gateway_reaches_a_socket_in_a_folder_that_it_gave_up() {
    let app = Upstream::start();
    let socket = UnixCarrier::to(app.address);
    let gateway = Gateway::start(&config(&socket.url(), ""));
    crate::confinement::assert_confined(gateway.pid());
    assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
}
