//! Uploads that the app does not take, and answers that come before an upload is complete.

use std::io::Read as _;
use std::time::Duration;

use super::{
    Hold, MORE_THAN_BUFFERS, assert_failed, patient, post_of, send_in_background, wait_for_bytes,
    wait_for_no_connection,
};
use crate::harness::{Exchange, Gateway, Request, Upstream, default_answer, poll_until};

/// Both framings of a large upload.
fn uploads(path: &str) -> [Vec<u8>; 2] {
    let mut declared = post_of(path, MORE_THAN_BUFFERS).into_bytes();
    declared.resize(declared.len() + MORE_THAN_BUFFERS, b'z');
    let mut chunked = format!(
        "POST {path} HTTP/1.1\r\nHost: media.localhost\r\nTransfer-Encoding: chunked\r\n\r\n{MORE_THAN_BUFFERS:x}\r\n"
    )
    .into_bytes();
    chunked.resize(chunked.len() + MORE_THAN_BUFFERS, b'z');
    chunked.extend(b"\r\n0\r\n\r\n");
    [declared, chunked]
}

/// Uploads in both framings to an app that does not take all of it, under a `read` of a second.
fn assert_times_out(app: &Upstream, hold: &Hold) {
    let gateway = patient(app, "", "read = \"1s\"");
    for upload in uploads("/upload") {
        let mut client = gateway.client();
        let sending = send_in_background(&client, upload);
        let answer = client.answer();
        let event = assert_failed(&gateway, &answer, 504, "timeout");
        assert_eq!(event["detail"], "the app took nothing for `upstream.read`", "{event}");
        assert!(answer.complete);
        drop(client);
        let _ = sending.join().unwrap();
    }
    hold.release();
    wait_for_no_connection(&gateway);
    assert_eq!(app.seen().len(), 2, "nothing is sent twice");
}

#[test]
fn an_app_that_reads_nothing_of_an_upload_times_out() {
    let hold = Hold::default();
    let app = Upstream::with({
        let hold = hold.clone();
        move |exchange| {
            hold.wait();
            exchange.body().map(drop)
        }
    });
    assert_times_out(&app, &hold);
    poll_until("the app to see the end of both", || {
        app.seen().iter().all(|seen| seen.broken && !seen.complete).then_some(())
    });
}

#[test]
fn an_app_that_reads_half_of_an_upload_times_out() {
    let hold = Hold::default();
    let app = Upstream::with({
        let hold = hold.clone();
        move |exchange| {
            let (mut stream, mut part) = (exchange.stream(), vec![0; 64 * 1024]);
            let mut half = MORE_THAN_BUFFERS / 2;
            while half > 0 {
                half = half.saturating_sub(stream.read(&mut part)?);
            }
            hold.wait();
            exchange.wait_for_the_end();
            Ok(())
        }
    });
    assert_times_out(&app, &hold);
}

/// The deadline is for progress: an app that takes its time in small steps is waited for.
#[test]
fn an_app_that_takes_an_upload_slowly_gets_all_of_it() {
    const SIZE: usize = 12 << 20;
    let app = Upstream::with(|exchange| {
        let early = exchange.early().len();
        let mut stream = exchange.stream();
        let (mut came, mut part) = (early, vec![0; 512 << 10]);
        while came < SIZE {
            std::thread::sleep(Duration::from_millis(150));
            let step = part.len().min(SIZE - came);
            stream.read_exact(&mut part[..step])?;
            came += step;
        }
        exchange.reply("200 OK", &[], came.to_string())
    });
    let gateway = patient(&app, "", "read = \"3s\"");
    let mut client = gateway.client();
    let sending =
        send_in_background(&client, [post_of("/upload", SIZE).as_bytes(), &vec![b'z'; SIZE]].concat());
    let answer = client.answer();
    assert_eq!((answer.status, answer.text()), (200, SIZE.to_string()));
    sending.join().unwrap().unwrap();
}

/// An app that answers at once, and does with the body as the test says.
fn answers_early(then: impl Fn(&mut Exchange<'_>) + Send + Sync + 'static) -> Upstream {
    Upstream::with(move |exchange| {
        if exchange.path() != "/early" {
            return default_answer(exchange);
        }
        exchange.reply("413 Content Too Large", &["X-Limit: 5"], "too much")?;
        then(exchange);
        Ok(())
    })
}

fn assert_early_answer(gateway: &Gateway) {
    for upload in uploads("/early") {
        let mut client = gateway.client();
        let sending = send_in_background(&client, upload);
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("x-limit"), answer.text().as_str()), (413, "5", "too much"));
        assert!(answer.complete);
        assert!(gateway.event(&answer)["upstream_error"].is_null(), "an answer is no failure");
        drop(client);
        let _ = sending.join().unwrap();
        assert_eq!(gateway.ask(&Request::get("/next")).status, 200);
    }
}

#[test]
fn an_early_answer_arrives_while_the_upload_is_blocked() {
    let hold = Hold::default();
    let app = answers_early({
        let hold = hold.clone();
        move |exchange| {
            hold.wait();
            exchange.hang_up();
        }
    });
    assert_early_answer(&patient(&app, "", ""));
    hold.release();
}

#[test]
fn an_early_answer_arrives_although_the_app_closes_behind_it() {
    let app = answers_early(|exchange| {
        let _ = exchange.stream();
    });
    assert_early_answer(&patient(&app, "", ""));
}

/// What a server does that closes with data unread.
#[test]
fn an_early_answer_arrives_although_the_app_resets_the_connection_behind_it() {
    let app = answers_early(|exchange| exchange.reset());
    assert_early_answer(&patient(&app, "", ""));
}

#[test]
fn an_early_answer_arrives_while_the_client_still_sends() {
    let hold = Hold::default();
    let app = answers_early({
        let hold = hold.clone();
        move |_| hold.wait()
    });
    let gateway = patient(&app, "", "");
    let begins = [
        (post_of("/early", 1000), "z".repeat(997)),
        (
            "POST /early HTTP/1.1\r\nHost: media.localhost\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n"
                .to_owned(),
            format!("{}\r\n0\r\n\r\n", "z".repeat(997)),
        ),
    ];
    for (head, rest) in begins {
        let mut client = gateway.client();
        client.send(head + "abc");
        let answer = client.answer();
        assert_eq!((answer.status, answer.text().as_str(), answer.complete), (413, "too much", true));
        // What comes now is the rest of the body, and never a request.
        let _ =
            client.try_send(format!("{rest}{}", String::from_utf8(Request::get("/next").bytes()).unwrap()));
        match client.try_answer_to("GET") {
            Ok(next) => assert_eq!((next.status, next.text().as_str()), (200, "GET /next\n")),
            Err(_) => assert_eq!(answer.field("connection"), "close", "a connection that ends is announced"),
        }
    }
    hold.release();
    assert!(app.seen().iter().all(|seen| matches!(seen.target.as_str(), "/early" | "/next")));
}

/// An answer that begins before the request is complete does not end the request.
#[test]
fn an_app_may_answer_while_it_reads() {
    let app = Upstream::with(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nready\r\n")?;
        let body = exchange.body()?;
        exchange.write(format!("{:x}\r\n{}\r\n0\r\n\r\n", body.len(), String::from_utf8_lossy(&body)))
    });
    let gateway = patient(&app, "", "");
    let mut client = gateway.client();
    client.send(post_of("/x", 6) + "abc");
    assert_eq!(client.head().unwrap().status, 200);
    wait_for_bytes(&mut client, "ready");
    client.send("def");
    let mut body = Vec::new();
    assert!(client.reader.chunked(&mut |part| body.extend_from_slice(part)).unwrap());
    assert_eq!(body, b"readyabcdef");
    assert!(app.sole().complete);
}
