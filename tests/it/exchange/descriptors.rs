//! No file descriptors left: what is open goes on, what needs a new one fails and names the cause, and it passes.

use std::fs;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::{Hold, patient};
use crate::harness::{Gateway, Request, Upstream, default_answer, poll_until};

/// Lets the process have this many files open at most, or as many as before.
fn limit_files(gateway: &Gateway, most: Option<u64>) -> Option<u64> {
    let pid = Pid::from_raw(gateway.pid().try_into().unwrap());
    let path = format!("/proc/{}/limits", gateway.pid());
    let limits = fs::read_to_string(path).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let maximum = line.split_whitespace().nth(4).unwrap().parse().ok();
    prlimit(pid, Resource::Nofile, Rlimit { current: most, maximum }).unwrap().current
}

fn open_files(gateway: &Gateway) -> u64 {
    fs::read_dir(format!("/proc/{}/fd", gateway.pid())).unwrap().count() as u64
}

/// The lowest number that no file has: with this as the limit, not one more can be opened.
fn lowest_free(gateway: &Gateway) -> u64 {
    let open: Vec<u64> = fs::read_dir(format!("/proc/{}/fd", gateway.pid()))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap())
        .collect();
    (0..).find(|number| !open.contains(number)).unwrap()
}

fn settle(gateway: &Gateway) {
    poll_until("the number of open files to settle", || {
        let before = open_files(gateway);
        std::thread::sleep(std::time::Duration::from_millis(50));
        (open_files(gateway) == before).then_some(())
    });
}

#[test]
fn without_descriptors_open_connections_go_on_and_the_cause_is_named() {
    let hold = Hold::default();
    let app = Upstream::with({
        let hold = hold.clone();
        move |exchange| {
            if exchange.path() == "/held" {
                hold.wait();
            }
            default_answer(exchange)
        }
    });
    let gateway = patient(&app, "", "");
    let mut open = gateway.client();
    // A connection to the app lies in the pool.
    assert_eq!(open.ask(&Request::get("/x")).status, 200);
    // This one is connected, and the gateway has asked the app nothing for it: with a second connection in the pool there would
    // be a descriptor to spare.
    let mut other = gateway.client();
    let answer = other.ask(&Request::get("/x").host("unknown.example"));
    assert_eq!((answer.status, answer.complete), (421, true), "{answer:?}");
    settle(&gateway);
    let before = limit_files(&gateway, Some(lowest_free(&gateway)));

    for _ in 0..3 {
        assert_eq!(open.ask(&Request::get("/x")).status, 200, "it needs no new descriptor");
    }
    // A body needs a connection of its own: the one in the pool gives its descriptor up, unless it is in use.
    open.send(Request::get("/held").bytes());
    poll_until("the pool to be empty", || app.seen().iter().any(|seen| seen.target == "/held").then_some(()));
    let answer = other.ask(&Request::post("/x", "abc"));
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"), "{answer:?}");
    let mut waiting = gateway.client();
    waiting.send(Request::get("/x").bytes());
    gateway.wait_for_log("raise the limit of open files");

    limit_files(&gateway, before);
    assert_eq!(waiting.answer().status, 200, "it is accepted once there is room");
    hold.release();
    assert_eq!(open.answer().status, 200);
    // The access log is a file as well: it is read now.
    let event = gateway.event(&answer);
    assert!(event["reason"].as_str().unwrap().contains("file descriptor"), "{event}");
    assert_eq!(event["upstream_error"], "out_of_descriptors", "{event}");
    for request in [Request::get("/x"), Request::post("/x", "abc")] {
        assert_eq!(gateway.ask(&request).status, 200);
        assert_eq!(open.ask(&request).status, 200);
    }
}

/// Connections to apps that nobody uses are worth less than a client.
#[test]
fn a_new_client_takes_the_descriptors_of_idle_connections_to_apps() {
    let hold = Hold::default();
    let app = Upstream::with({
        let hold = hold.clone();
        move |exchange| {
            if exchange.path() == "/held" {
                hold.wait();
            }
            default_answer(exchange)
        }
    });
    let gateway = patient(&app, "", "");
    let mut clients: Vec<_> = (0..4).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send(Request::get("/held").bytes());
    }
    poll_until("the app to be asked", || (app.seen().len() == clients.len()).then_some(()));
    hold.release();
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
    }
    // Their connections to the app are idle now, and no file can be opened.
    settle(&gateway);
    limit_files(&gateway, Some(lowest_free(&gateway)));
    let answers = [0, 1].map(|_| {
        let mut client = gateway.client();
        (client.ask(&Request::get("/x")), client)
    });
    for (answer, _client) in &answers {
        assert_eq!((answer.status, answer.complete), (200, true), "{answer:?}");
    }
    gateway.wait_for_log("cannot accept connections");
}

/// Started with few: clients beyond them wait, and none that was accepted is left without an answer.
#[test]
fn a_burst_beyond_the_descriptors_is_answered_in_the_end() {
    let app = Upstream::start();
    let gateway = patient(&app, "idle = \"200ms\"", "");
    assert_eq!(gateway.ask(&Request::get("/warm")).status, 200);
    limit_files(&gateway, Some(open_files(&gateway) + 8));
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                let answer = gateway.ask(&Request::get("/x"));
                assert!(matches!(answer.status, 200 | 502 | 503), "{answer:?}");
                assert!(answer.complete);
            });
        }
    });
    poll_until("the service to be back", || {
        (gateway.ask(&Request::post("/x", "abc")).status == 200).then_some(())
    });
    assert_eq!(gateway.metric("stagedoor_panics_total", &[]), 0.0);
}
