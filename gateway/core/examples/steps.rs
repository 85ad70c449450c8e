//! Takes one step of a permitted request again and again, so that its instructions can be counted.
//!
//! `steps STEP CALLS` makes CALLS calls inside [`again`], the one function whose instructions count. `steps` alone lists
//! the steps. `tests/bench/steps` runs it under callgrind. The policy is the one of the example `admit`.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

mod calls;
#[path = "../tests/pipeline/one_secret.rs"]
mod one_secret;

use bytes::BytesMut;
use calls::{arrival, now, say};
use http::{HeaderName, HeaderValue};
use one_secret::OneSecret;
use stagedoor_config::{SourceFile, compile};
use stagedoor_core::answer::{AnswerParser, AskedWith};
use stagedoor_core::answer_framing::{AnswerFraming, ConnectionLine};
use stagedoor_core::field_list::FieldList;
use stagedoor_core::head::{Parsed, parse};
use stagedoor_core::pipeline::{Admission, Permit, Trail, admit};
use stagedoor_core::policy::Policy;
use stagedoor_core::request::{Head, Scheme};
use stagedoor_core::request_out::write_head;
use stagedoor_core::response_out::{self, ResponseContext};

const STEPS: &[&str] = &["parse", "admit", "write_head", "limits", "parse_answer", "apply", "write_answer"];

/// What Chromium sends with a request for data.
const REQUEST: &str = "GET /api/library/items/42?page=1&sort=-added HTTP/1.1\r\n\
    Host: media.example.com\r\n\
    Connection: keep-alive\r\n\
    sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
    Accept: application/json\r\n\
    Origin: https://pages.example\r\n\
    Sec-Fetch-Site: cross-site\r\n\
    Sec-Fetch-Mode: cors\r\n\
    Sec-Fetch-Dest: empty\r\n\
    Referer: https://pages.example/\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Authorization: Bearer {token}\r\n\r\n";

/// What an app behind a web server of its own answers.
const ANSWER: &[(&str, &str)] = &[
    ("date", "Mon, 30 Nov 2026 05:00:00 GMT"),
    ("server", "uvicorn"),
    ("content-type", "application/json"),
    ("content-length", "1024"),
    ("cache-control", "no-cache"),
    ("etag", "\"5d8c72a5edda8\""),
    ("last-modified", "Sun, 29 Nov 2026 05:00:00 GMT"),
    ("vary", "Accept-Encoding"),
    ("x-powered-by", "Example"),
    ("connection", "keep-alive"),
];

const POLICY: &str = include_str!("admit.toml");

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(step), Some(calls)) = (arguments.next(), arguments.next()) else {
        for step in STEPS {
            say(step)?;
        }
        return Ok(());
    };
    let calls: u32 = calls.parse()?;
    let source = SourceFile { name: "admit.toml".into(), text: POLICY.to_owned() };
    let compiled =
        compile(&[source], &OneSecret, None, now(0)).map_err(|problems| format!("{problems:?}"))?;
    let policy = compiled.policy;
    let house = policy.providers.first().and_then(|provider| provider.jwt()).ok_or("no provider")?;
    let token = house.sign("bob", &["user".to_owned()], &[], Duration::from_secs(3600), "1", now(0))?;
    let text = REQUEST.replace("{token}", &token);
    let head = read(&policy, &text)?;
    let mut trail = Trail::default();
    for call in 0..8 {
        permit(&policy, &head, call, &mut trail)?;
    }
    let permit = permit(&policy, &head, 8, &mut trail)?;
    match step.as_str() {
        "parse" => again(calls, |_| {
            drop(black_box(parse(text.as_bytes(), &policy.server.limits.head, Scheme::Http)))
        }),
        "admit" => again(calls, |call| {
            drop(black_box(admit(&policy, &head, &arrival(9 + call), &mut Trail::default())));
        }),
        "write_head" => {
            let mut out = BytesMut::with_capacity(4096);
            again(calls, |_| {
                let mut buffer = std::mem::take(&mut out);
                buffer.clear();
                out = write_head(&permit, &head, ID, buffer).finish(head.body());
                black_box(&out);
            });
            say(&String::from_utf8_lossy(&out))?;
        }
        "apply" => {
            let at = context(&permit, &trail);
            let mut all: Vec<FieldList> = (0..=calls).map(|_| answer()).collect::<Result<_, _>>()?;
            let mut each = all.iter_mut();
            again(calls, |_| {
                if let Some(fields) = each.next() {
                    permit.app().response.apply(fields, &at);
                }
            });
            if let Some(fields) = each.next() {
                permit.app().response.apply(fields, &at);
                for (name, value) in fields.iter() {
                    say(&format!("{name}: {}", value.to_str()?))?;
                }
            }
        }
        "parse_answer" => {
            let text = answer_text();
            let mut all: Vec<BytesMut> = (0..calls).map(|_| BytesMut::from(text.as_bytes())).collect();
            let mut each = all.iter_mut();
            again(calls, |_| {
                if let Some(buffer) = each.next() {
                    let answer = AnswerParser::default().parse(buffer, AskedWith { head: false });
                    std::mem::forget(black_box(answer));
                }
            });
        }
        "write_answer" => {
            let mut buffer = BytesMut::from(answer_text().as_bytes());
            let answer = AnswerParser::default().parse(&mut buffer, AskedWith { head: false });
            let mut answer = answer.map_err(|fault| fault.why)?.ok_or("half an answer")?;
            permit.app().response.apply(&mut answer, &context(&permit, &trail));
            let date = HeaderValue::from_static("Mon, 30 Nov 2026 05:00:00 GMT");
            let mut out = BytesMut::with_capacity(8192);
            again(calls, |_| {
                out.clear();
                let (framing, connection) = (AnswerFraming::Length(1024), ConnectionLine::Absent);
                response_out::write_head(&mut out, &answer, framing, connection, &date);
                black_box(&out);
            });
        }
        "limits" => again(calls, |_| trail.limits.headers(|name, value| drop(black_box((name, value))))),
        _ => return Err("no such step".into()),
    }
    Ok(())
}

/// The calls whose instructions count.
#[inline(never)]
fn again(calls: u32, mut call: impl FnMut(u32)) {
    for number in 0..calls {
        call(number);
    }
}

fn read<'t>(policy: &Policy, text: &'t str) -> Result<Head<'t>, Box<dyn Error>> {
    match parse(text.as_bytes(), &policy.server.limits.head, Scheme::Http) {
        Ok(Parsed::Complete(head, _)) => Ok(head),
        Ok(Parsed::Partial) => Err("half a head".into()),
        Err(denial) => Err(denial.code().into()),
    }
}

fn permit<'h>(
    policy: &Policy,
    head: &'h Head<'h>,
    call: u32,
    trail: &mut Trail,
) -> Result<Box<Permit<'h>>, Box<dyn Error>> {
    *trail = Trail::default();
    match admit(policy, head, &arrival(call), trail) {
        Ok(Admission::Forward(permit)) => Ok(permit),
        Ok(
            Admission::Preflight(_)
            | Admission::AppPreflight(_)
            | Admission::GatewayPage(_)
            | Admission::Redirect(_),
        ) => Err("not forwarded".into()),
        Err(denial) => Err(denial.code().into()),
    }
}

fn context<'t>(permit: &'t Permit<'_>, trail: &'t Trail) -> ResponseContext<'t> {
    ResponseContext {
        https: permit.client().https(),
        host: permit.target().host(),
        port: permit.client().port(),
        request_id: ID,
        cors: &trail.cors,
        limits: &trail.limits,
        server_timing: None,
    }
}

fn answer() -> Result<FieldList, Box<dyn Error>> {
    let line = |(name, value): &(&'static str, &'static str)| {
        Ok((HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_static(value)))
    };
    ANSWER.iter().map(line).collect()
}

fn answer_text() -> String {
    let mut text = String::from("HTTP/1.1 200 OK\r\n");
    for (name, value) in ANSWER {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text + "\r\n"
}

const ID: &str = "01900000-0000-7000-8000-000000000001";
