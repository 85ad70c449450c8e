//! Compiles `[[expect]]`.

use std::collections::BTreeSet;

use crate::location::{Setting, Spanned};
use crate::problem::{Report, did_you_mean, shown};
use crate::raw;
use crate::source::{Expect, Expected};
use stagedoor_core::denial::Denial;
use stagedoor_core::guard::caller::AssumedIdentity;

pub(super) fn expects(raw: &[raw::Expect], apps: &[raw::App], report: &Report) -> Vec<Expect> {
    raw.iter().filter_map(|raw| expect(raw, apps, report)).collect()
}

fn expect(raw: &raw::Expect, apps: &[raw::App], report: &Report) -> Option<Expect> {
    let raw::Expect { at, request, host, caller, ip, answer } = raw;
    if host.is_none() && apps.len() > 1 {
        let hint = "there are several apps: say whom it is for, host = \"media.example.com\"";
        report.absent(at, "host", hint);
    }
    if let Some(given) = request.as_ref().filter(|given| !is_request(&given.value)) {
        let hint = "METHOD and path: \"GET /api/items\"";
        report.problem(&given.at, format!("not a request: `{}`", shown(&given.value)), hint);
    }
    let ip = ip.as_ref().map(|given| {
        given.value.parse::<std::net::IpAddr>().map_err(|_| {
            let message = format!("not an address: `{}`", shown(&given.value));
            report.problem(&given.at, message, "accepted: \"192.0.2.7\", \"2001:db8::7\"");
        })
    });
    Some(Expect {
        request: request.as_ref()?.value.clone(),
        host: host.as_ref().map(|host| host.value.clone()).or_else(|| only_host(apps)),
        caller: caller.as_ref().map(|caller| assumed(caller, report)),
        ip: ip.transpose().ok()?,
        answer: promise(answer.as_ref()?, report)?,
        line: at.line(),
    })
}

/// A host of the one app there is.
fn only_host(apps: &[raw::App]) -> Option<String> {
    let host = &apps.first()?.hosts.as_ref()?.value.first()?.value;
    Some(host.replacen('*', "any", 1))
}

fn is_request(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ' || byte >= 0x80);
    plain && text.split_once(' ').is_some_and(|(method, path)| !method.is_empty() && path.starts_with('/'))
}

fn assumed(raw: &raw::ExpectedCaller, report: &Report) -> AssumedIdentity {
    let raw::ExpectedCaller { at: _, user, roles, scopes, mfa } = raw;
    if let Some(user) = user.as_ref().filter(|user| user.value.is_empty()) {
        report.problem(&user.at, "nobody: ``", "name the user, or leave `as` out for nobody");
    }
    let texts = |list: &Setting<Vec<Spanned<String>>>| {
        list.iter().flat_map(|list| &list.value).map(|given| given.value.clone()).collect()
    };
    AssumedIdentity {
        user: user.as_ref().map(|user| user.value.clone()).unwrap_or_default(),
        roles: texts(roles),
        scopes: texts(scopes),
        mfa: Spanned::value_or(mfa.as_ref(), false),
    }
}

fn promise(answer: &Spanned<raw::Answer>, report: &Report) -> Option<Expected> {
    match &answer.value {
        raw::Answer::Status(status) if *status >= 400 => Some(Expected::Status(*status)),
        raw::Answer::Status(status) => {
            let hint = "what the app answers is its own: say \"forward\"; refusals are 400 and above";
            report.problem(&answer.at, format!("not a refusal: `{status}`"), hint);
            None
        }
        raw::Answer::Word(word) if word == "forward" => Some(Expected::Forward),
        raw::Answer::Word(word) if Denial::CODES.contains(&word.as_str()) => {
            Some(Expected::Code(word.clone()))
        }
        raw::Answer::Word(word) => {
            let codes = BTreeSet::from(Denial::CODES);
            let known = codes.iter().copied().chain(["forward"]);
            let hint = did_you_mean(word, known).unwrap_or_else(|| {
                let codes = codes.iter().copied().collect::<Vec<_>>().join(", ");
                format!("accepted: \"forward\", a status such as 403, or one of {codes}")
            });
            report.problem(&answer.at, format!("not an answer: `{}`", shown(word)), hint);
            None
        }
    }
}
