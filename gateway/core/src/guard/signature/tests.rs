#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::guard::credential::tests::head_of;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const MADE: u64 = 1_790_000_000;
/// Made with OpenSSL, by the commands of the README, for `GET /status` at [`MADE`].
const OF_STATUS: &str = "f1d84bdda1b03099f98f1643846cb00d853a776f60d8fed388b2d16452d7bd0d";
/// The same for `POST /api/deploy?dry=1` with the body `{"a":1}`.
const OF_DEPLOY: &str = "ee880c93ca9c8ea72dbe8ca809e7cd21c9e63c12657de641b2966155e6838f7c";

/// So many seconds after the signature was made, and after the start of the process.
fn at(seconds: i64) -> Now {
    let of = |from: u64| Duration::from_secs(from.checked_add_signed(seconds).unwrap());
    Now::new(of(10_000), of(MADE))
}

fn secret(bytes: &[u8]) -> Secret<Vec<u8>> {
    Secret::new(bytes.to_vec())
}

fn policy(within: u64) -> Arc<SignaturePolicy> {
    let secrets = [secret(b"another secret of enough length!"), secret(SECRET)];
    Arc::new(SignaturePolicy::new(&secrets, "x-signature", "x-timestamp", Duration::from_secs(within)))
}

fn guest(last: u8) -> LimitKey {
    LimitKey::address([192, 0, 2, last].into())
}

fn none_yet() -> Arc<SignatureMemory> {
    Arc::new(SignatureMemory::since(at(-9000)))
}

fn sign(secret: &[u8], method: &str, target: &str, time: &str, body: &[u8]) -> String {
    let text = format!("{method}\n{target}\n{time}\n{}", hex(&sha256(body)));
    hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes()).as_ref())
}

/// What a request without a body gets.
fn bare(fields: &str, now: Now, accepted: &Arc<SignatureMemory>) -> Result<(), Denial> {
    policy(300).check(&head_of("GET", "/status", fields), &guest(1), accepted, now).map(|_| ())
}

fn fields(mac: &str, time: &str) -> String {
    format!("X-Signature: {mac}\nX-Timestamp: {time}")
}

#[test]
fn what_openssl_signs_is_accepted() {
    let time = MADE.to_string();
    assert_eq!(OF_STATUS, sign(SECRET, "GET", "/status", &time, b""));
    for mac in [OF_STATUS.to_owned(), OF_STATUS.to_uppercase(), format!("sha256={OF_STATUS}")] {
        assert_eq!(bare(&fields(&mac, &time), at(0), &none_yet()), Ok(()), "{mac}");
    }
    let all = format!("Content-Length: 7\n{}", fields(OF_DEPLOY, &time));
    let head = head_of("POST", "/api/deploy?dry=1", &all);
    let signed = policy(300)
        .check(&head, &guest(1), &none_yet(), at(0))
        .unwrap()
        .into_body()
        .expect("a body is awaited");
    assert_eq!(signed.judge(br#"{"a":1}"#, at(1).mono()), Ok(()));
}

#[test]
fn every_part_of_the_request_is_signed() {
    let time = MADE.to_string();
    for (method, target, body, want) in [
        ("POST", "/api/deploy?dry=1", &br#"{"a":1}"#[..], Ok(())),
        ("PUT", "/api/deploy?dry=1", br#"{"a":1}"#, Err(Denial::SignatureInvalid)),
        ("POST", "/api/deploy?dry=2", br#"{"a":1}"#, Err(Denial::SignatureInvalid)),
        ("POST", "/api/deploy", br#"{"a":1}"#, Err(Denial::SignatureInvalid)),
        ("POST", "/api/deploy?dry=1&", br#"{"a":1}"#, Err(Denial::SignatureInvalid)),
        ("POST", "/api/%64eploy?dry=1", br#"{"a":1}"#, Err(Denial::SignatureInvalid)),
        ("POST", "/api/deploy?dry=1", br#"{"a":2}"#, Err(Denial::SignatureInvalid)),
        ("POST", "/api/deploy?dry=1", b"", Err(Denial::SignatureInvalid)),
    ] {
        let all = format!("Content-Length: 7\n{}", fields(OF_DEPLOY, &time));
        let head = head_of(method, target, &all);
        let signed = policy(300).check(&head, &guest(1), &none_yet(), at(0)).unwrap().into_body().unwrap();
        assert_eq!(signed.judge(body, at(0).mono()), want, "{method} {target}");
    }
    let later = fields(OF_STATUS, &(MADE + 1).to_string());
    assert_eq!(bare(&later, at(0), &none_yet()), Err(Denial::SignatureInvalid));
    let other = sign(b"a secret that nobody was ever given", "GET", "/status", &time, b"");
    assert_eq!(bare(&fields(&other, &time), at(0), &none_yet()), Err(Denial::SignatureInvalid));
}

#[test]
fn fields_are_read_in_one_way() {
    let time = MADE.to_string();
    let good = fields(OF_STATUS, &time);
    let missing = Err(Denial::SignatureMissing);
    let invalid = Err(Denial::SignatureInvalid);
    for (text, want) in [
        (good.clone(), Ok(())),
        (String::new(), missing.clone()),
        (format!("X-Signature: {OF_STATUS}"), missing.clone()),
        (format!("X-Timestamp: {time}"), missing),
        (format!("{good}\nX-Signature: {OF_STATUS}"), invalid.clone()),
        (format!("{good}\nX-Timestamp: {time}"), invalid.clone()),
        (fields("", &time), invalid.clone()),
        (fields("sha256=", &time), invalid.clone()),
        (fields(&OF_STATUS[1..], &time), invalid.clone()),
        (fields(&format!("{OF_STATUS}00"), &time), invalid.clone()),
        (fields(&format!("0x{}", &OF_STATUS[2..]), &time), invalid.clone()),
        (fields(&format!("sha256=sha256={OF_STATUS}"), &time), invalid.clone()),
        (fields(&format!("sha1={OF_STATUS}"), &time), invalid.clone()),
        (fields(&OF_STATUS.replacen('5', "g", 1), &time), invalid.clone()),
        (fields(OF_STATUS, ""), invalid.clone()),
        (fields(OF_STATUS, &format!("+{time}")), invalid.clone()),
        (fields(OF_STATUS, &format!("-{time}")), invalid.clone()),
        (fields(OF_STATUS, &format!("0x{time}")), invalid.clone()),
        (fields(OF_STATUS, &format!("{time}.")), invalid.clone()),
        (fields(OF_STATUS, &format!(".{time}")), invalid.clone()),
        (fields(OF_STATUS, &format!("{time}.1.1")), invalid.clone()),
        (fields(OF_STATUS, &format!("{time}e0")), invalid.clone()),
        (fields(OF_STATUS, &format!("{time}, {time}")), invalid.clone()),
        (fields(OF_STATUS, "99999999999999999999999"), invalid.clone()),
        (fields(OF_STATUS, "Mon, 21 Sep 2026 14:13:20 GMT"), invalid),
    ] {
        assert_eq!(bare(&text, at(0), &none_yet()), want, "{text}");
    }
}

#[test]
fn a_signature_counts_within_its_window() {
    let good = fields(OF_STATUS, &MADE.to_string());
    for (seconds, want) in [
        (-6, Err(Denial::SignatureExpired)),
        (-5, Ok(())),
        (0, Ok(())),
        (300, Ok(())),
        (301, Err(Denial::SignatureExpired)),
        (900_000_000, Err(Denial::SignatureExpired)),
    ] {
        assert_eq!(bare(&good, at(seconds), &none_yet()), want, "{seconds}");
    }
    // A short window is short in both directions.
    let head = head_of("GET", "/status", &good);
    let short = policy(3).check(&head, &guest(1), &none_yet(), at(-4));
    assert_eq!(short.map(|_| ()), Err(Denial::SignatureExpired));
    // A fraction is a part of what is signed.
    let time = format!("{MADE}.25");
    let good = fields(&sign(SECRET, "GET", "/status", &time, b""), &time);
    assert_eq!(bare(&good, at(0), &none_yet()), Ok(()));
    assert_eq!(bare(&fields(OF_STATUS, &time), at(0), &none_yet()), Err(Denial::SignatureInvalid));
}

#[test]
fn the_end_of_the_window_is_the_end_though_the_body_comes_late() {
    let all = format!("Content-Length: 7\n{}", fields(OF_DEPLOY, &MADE.to_string()));
    let head = head_of("POST", "/api/deploy?dry=1", &all);
    let accepted = none_yet();
    let signed = || policy(300).check(&head, &guest(1), &accepted, at(299)).unwrap().into_body().unwrap();
    let (first, second) = (signed(), signed());
    assert_eq!(first.judge(br#"{"a":1}"#, at(300).mono()), Ok(()));
    // The first one is forgotten by now, and the second one is too late.
    assert_eq!(second.judge(br#"{"a":1}"#, at(301).mono()), Err(Denial::SignatureExpired));
}

#[test]
fn a_signature_counts_once() {
    let (good, accepted) = (fields(OF_STATUS, &MADE.to_string()), none_yet());
    let upper = fields(&format!("sha256={}", OF_STATUS.to_uppercase()), &MADE.to_string());
    assert_eq!(bare(&good, at(0), &accepted), Ok(()));
    for (shown, seconds) in [(&good, 0), (&upper, 1), (&good, -5), (&good, 300)] {
        assert_eq!(bare(shown, at(seconds), &accepted), Err(Denial::SignatureReplayed), "{seconds}");
    }
    // What is not genuine is not remembered.
    let bad = fields(&"0".repeat(64), &MADE.to_string());
    for _ in 0..2 {
        assert_eq!(bare(&bad, at(0), &accepted), Err(Denial::SignatureInvalid));
    }
    assert_eq!(accepted.accepted.lock().unwrap().macs.len(), 1);
}

#[test]
fn what_was_signed_before_the_start_is_refused() {
    let good = fields(OF_STATUS, &MADE.to_string());
    for (started, want) in [(0, Ok(())), (1, Err(Denial::SignatureExpired))] {
        let accepted = Arc::new(SignatureMemory::since(at(started)));
        assert_eq!(bare(&good, at(2), &accepted), want, "{started}");
    }
    // A clock that was an hour behind at the start, and one that was an hour ahead: both are right now.
    for (hour, started, want) in [(-3600, 1, Err(Denial::SignatureExpired)), (3600, 0, Ok(()))] {
        let mono = at(started).mono();
        let since = Now::new(mono, at(started + hour).unix());
        let accepted = Arc::new(SignatureMemory::since(since));
        assert_eq!(bare(&good, at(2), &accepted), want, "{hour}");
    }
}

#[test]
fn bodies_that_are_awaited_are_bounded_for_each_address_and_in_all() {
    assert!(BODY_MAX <= crate::exchange::HELD_MAX as u64);
    const HALF: usize = 1 << 19;
    let good = fields(OF_DEPLOY, &MADE.to_string());
    let accepted = none_yet();
    let check = |framing: &str, address: u8| {
        let all = format!("{framing}\n{good}");
        let head = head_of("POST", "/api/deploy?dry=1", &all);
        policy(300).check(&head, &guest(address), &accepted, at(0)).map(SignatureChecked::into_body)
    };
    // What is announced counts nothing.
    let announced = format!("Content-Length: {BODY_MAX}");
    let idle: Vec<_> = (0..1000).map(|_| check(&announced, 7).unwrap()).collect();
    let mut held = Vec::new();
    for address in 0..8 {
        for _ in 0..16 {
            let mut signed = check(&announced, address).unwrap().unwrap();
            assert_eq!(signed.hold(HALF), Ok(()));
            assert_eq!(signed.hold(HALF), Ok(()));
            held.push(signed);
        }
        let mut signed = check("Transfer-Encoding: chunked", address).unwrap().unwrap();
        assert_eq!(signed.hold(1), Err(Denial::SignaturesFull), "{address}");
    }
    let mut another = check("Transfer-Encoding: chunked", 99).unwrap().unwrap();
    assert_eq!(another.hold(1), Err(Denial::SignaturesFull), "all of it is taken");
    drop(held.pop());
    assert_eq!(another.hold(1), Ok(()));
    drop((idle, another));
    // A request without a body needs no room.
    assert_eq!(bare(&fields(OF_STATUS, &MADE.to_string()), at(0), &accepted), Ok(()));
    drop(held);
    let awaited = accepted.awaited();
    assert_eq!((awaited.all, awaited.of_address.len()), (0, 0));
}

#[test]
fn memory_is_bounded_and_empties_by_itself() {
    let accepted = SignatureMemory::since(at(0));
    let mac = |number: usize| {
        let mut mac = [0; 32];
        mac[..8].copy_from_slice(&number.to_be_bytes());
        mac
    };
    let (early, late) = (at(10).mono(), at(20).mono());
    for number in 0..SIGNATURES_MAX {
        let until = if number == 7 { early } else { late };
        assert_eq!(accepted.accept(mac(number), until, at(0).mono()), Ok(()));
    }
    let another = mac(SIGNATURES_MAX);
    // Each is remembered a minute longer than it counts.
    assert_eq!(accepted.accept(another, late, at(70).mono()), Err(Denial::SignaturesFull));
    assert_eq!(accepted.accept(mac(7), late, at(70).mono()), Err(Denial::SignatureReplayed));
    assert_eq!(accepted.accept(another, late, at(71).mono()), Ok(()));
    assert_eq!(accepted.accept(mac(7), late, at(71).mono()), Err(Denial::SignaturesFull));
    assert_eq!(accepted.accept(mac(1), at(90).mono(), at(81).mono()), Ok(()));
    let left = accepted.accepted.lock().unwrap();
    assert_eq!((left.macs.len(), left.ends.len()), (1, 1));
}

#[test]
fn nothing_shows_a_secret() {
    let policy = policy(300);
    let all = format!("Content-Length: 7\n{}", fields(OF_DEPLOY, &MADE.to_string()));
    let head = head_of("POST", "/api/deploy?dry=1", &all);
    let checked = policy.check(&head, &guest(1), &none_yet(), at(0)).unwrap();
    let shown = format!("{policy:?} {checked:?}");
    assert!(shown.contains("x-timestamp"), "{shown}");
    for hidden in [format!("{SECRET:?}"), "0123456789abcdef".to_owned(), format!("{:?}", sha256(SECRET))] {
        assert!(!shown.contains(hidden.trim_matches(['[', ']'])), "{shown}");
    }
}

#[test]
fn a_wider_window_or_another_secret_is_not_remembered() {
    let of = |secrets: &[&[u8]], within| {
        let secrets: Vec<_> = secrets.iter().map(|bytes| secret(bytes)).collect();
        SignaturePolicy::new(&secrets, "x-signature", "x-timestamp", Duration::from_secs(within))
    };
    let (one, two) = (&b"one secret"[..], &b"two secrets"[..]);
    for (old, new, want) in [
        (of(&[one], 60), of(&[one], 60), true),
        (of(&[one, two], 60), of(&[two], 30), true),
        (of(&[one], 60), of(&[one], 61), false),
        (of(&[one], 60), of(&[two, one], 60), false),
    ] {
        assert_eq!(old.remembers(&new), want, "{old:?} {new:?}");
    }
}
