//! Asks `admit()` the same question again and again, so that its instructions can be counted.
//!
//! `admit CASE CALLS` makes CALLS calls inside [`admit_again`], the one function whose instructions count:
//! `tests/bench/instructions` runs it under callgrind. Every call has to end as the case says, or the program fails.
//! `admit` alone lists the cases.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

mod calls;
#[path = "../tests/pipeline/one_secret.rs"]
mod one_secret;

use calls::{arrival, now, say};
use one_secret::OneSecret;
use stagedoor_config::{SourceFile, compile};
use stagedoor_core::denial::Denial;
use stagedoor_core::head::{Parsed, parse};
use stagedoor_core::pipeline::{Admission, Trail, admit};
use stagedoor_core::policy::Policy;
use stagedoor_core::request::{Head, Scheme};

/// A kind of request: its name, what becomes of it, and the request.
struct Case {
    name: &'static str,
    outcome: &'static str,
    request: &'static str,
}

const CASES: &[Case] = &[
    Case {
        name: "allow",
        outcome: "forward items",
        request: "GET /api/library/items/42?page=1&sort=-added HTTP/1.1\r\n{browser}Authorization: Bearer {token}\r\n\r\n",
    },
    Case {
        name: "ambiguous_path",
        outcome: "deny ambiguous_path",
        request: "GET /api/library/%2e%2e/items/42 HTTP/1.1\r\n{browser}\r\n",
    },
    Case {
        name: "unknown_host",
        outcome: "deny unknown_host",
        request: "GET /api/library/items/42 HTTP/1.1\r\nHost: other.example\r\n\r\n",
    },
    Case {
        name: "not_found",
        outcome: "deny not_found",
        request: "GET /wp-admin/setup-config.php HTTP/1.1\r\n{browser}\r\n",
    },
    Case {
        name: "rate_limited",
        outcome: "deny rate_limited",
        request: "GET /search?q=a HTTP/1.1\r\n{browser}Authorization: Bearer {token}\r\n\r\n",
    },
    Case {
        name: "body_too_large",
        outcome: "deny body_too_large",
        request: "POST /api/upload HTTP/1.1\r\n{browser}Content-Length: 999999999\r\nAuthorization: Bearer {token}\r\n\r\n",
    },
    Case {
        name: "token_missing",
        outcome: "deny token_missing",
        request: "GET /api/library/items/42?page=1 HTTP/1.1\r\n{browser}\r\n",
    },
    Case {
        name: "role_missing",
        outcome: "deny forbidden",
        request: "GET /admin/settings HTTP/1.1\r\n{browser}Authorization: Bearer {token}\r\n\r\n",
    },
    Case {
        name: "method_not_allowed",
        outcome: "deny method_not_allowed",
        request: "DELETE /health HTTP/1.1\r\n{browser}\r\n",
    },
    Case {
        name: "ambiguous_credentials",
        outcome: "deny ambiguous_credentials",
        request: "GET /api/library/items/42 HTTP/1.1\r\n{browser}Authorization: Bearer {token}\r\nCookie: stagedoor={token}x\r\n\r\n",
    },
    Case {
        name: "token_invalid",
        outcome: "deny token_invalid",
        request: "GET /api/library/items/42 HTTP/1.1\r\n{browser}Authorization: Bearer {token}AAAA\r\n\r\n",
    },
    Case {
        name: "not_owner",
        outcome: "deny not_owner",
        request: "GET /users/alice/list HTTP/1.1\r\n{browser}Authorization: Bearer {token}\r\n\r\n",
    },
    Case {
        name: "cross_origin",
        outcome: "deny cross_origin",
        request: "POST /api/upload HTTP/1.1\r\nHost: media.example.com\r\nOrigin: https://other.example\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 2\r\nCookie: stagedoor={token}\r\n\r\n",
    },
    Case {
        name: "upgrade_refused",
        outcome: "deny upgrade_refused",
        request: "GET /api/library/items/42 HTTP/1.1\r\nHost: media.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n",
    },
];

/// What Chromium sends with a request for data.
const BROWSER: &str = "Host: media.example.com\r\n\
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
    Accept-Language: en-GB,en;q=0.9\r\n";

const POLICY: &str = include_str!("admit.toml");

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(calls)) = (arguments.next(), arguments.next()) else {
        for case in CASES {
            say(case.name)?;
        }
        return Ok(());
    };
    let calls: u32 = calls.parse()?;
    let case = CASES.iter().find(|case| case.name == name).ok_or("no such case")?;

    let source = SourceFile { name: "admit.toml".into(), text: POLICY.to_owned() };
    let compiled =
        compile(&[source], &OneSecret, None, now(0)).map_err(|problems| format!("{problems:?}"))?;
    let policy = compiled.policy;
    let house = policy.providers.first().and_then(|provider| provider.jwt()).ok_or("no provider")?;
    let lifetime = Duration::from_secs(3600);
    let token = house.sign("bob", &["user".to_owned()], &[], lifetime, "1", now(0))?;
    let text = case.request.replace("{browser}", BROWSER).replace("{token}", &token);
    let head = match parse(text.as_bytes(), &policy.server.limits.head, Scheme::Http) {
        Ok(Parsed::Complete(head, _)) => head,
        Ok(Parsed::Partial) => return Err("half a head".into()),
        Err(denial) => return Err(denial.code().into()),
    };

    // The first calls use up the limit of one request an hour, and fill the cache of verified tokens.
    for call in 0..8 {
        outcome(&admit(&policy, &head, &arrival(call), &mut Trail::default()));
    }
    expect(case, &admit(&policy, &head, &arrival(8), &mut Trail::default()))?;
    let forwarded = admit_again(&policy, &head, calls);
    expect(case, &admit(&policy, &head, &arrival(9 + calls), &mut Trail::default()))?;
    let all = if case.outcome.starts_with("forward") { calls } else { 0 };
    if forwarded != all {
        return Err(format!("{name}: {forwarded} of {calls} calls were forwarded").into());
    }
    say(&format!("{name}: {}", case.outcome))
}

/// How many of the calls were forwarded.
#[inline(never)]
fn admit_again(policy: &Policy, head: &Head<'_>, calls: u32) -> u32 {
    let mut forwarded = 0;
    for call in 0..calls {
        let admission = black_box(admit(policy, head, &arrival(9 + call), &mut Trail::default()));
        forwarded += u32::from(matches!(admission, Ok(Admission::Forward(_))));
    }
    forwarded
}

/// Fails where a request did not end as its case says.
fn expect(case: &Case, admission: &Result<Admission<'_>, Denial>) -> Result<(), String> {
    let found = outcome(admission);
    if found == case.outcome { Ok(()) } else { Err(format!("{}: {found}, not {}", case.name, case.outcome)) }
}

fn outcome(admission: &Result<Admission<'_>, Denial>) -> String {
    match admission {
        Ok(Admission::Forward(permit)) => format!("forward {}", permit.route().label),
        Ok(Admission::Preflight(_) | Admission::AppPreflight(_)) => "preflight".to_owned(),
        Ok(Admission::GatewayPage(_)) => "own".to_owned(),
        Ok(Admission::Redirect(_)) => "redirect".to_owned(),
        Err(denial) => format!("deny {}", denial.code()),
    }
}
