//! Compiles `mfa` of a provider: what says that the user of a token used a second factor.

use super::context::Context;
use crate::location::Spanned;
use crate::problem::shown;
use crate::raw;
use stagedoor_core::guard::jwt::{AmrPolicy, SecondFactorPolicy};

/// Most values in a list. All values of `acr` stand in a challenge.
const MOST_VALUES: usize = 8;
/// Most bytes of a value.
const LONGEST: usize = 128;

pub(super) fn second_factor(raw: Option<&raw::Mfa>, cx: &Context<'_>) -> SecondFactorPolicy {
    let Some(raw::Mfa { at, amr, acr }) = raw else { return SecondFactorPolicy::default() };
    if amr.is_none() && acr.is_none() {
        let hint = "write what its tokens say: mfa = { amr = [\"mfa\"] }, or leave it out";
        cx.report.vacant(at, "neither `amr` nor `acr`", hint);
    }
    // What the file names counts, and nothing else.
    let methods = amr.iter().flat_map(|list| listed(list, cx)).filter_map(|given| methods(given, cx));
    let amr = AmrPolicy::Listed(methods.collect());
    let values = acr.iter().flat_map(|list| listed(list, cx)).filter(|given| is_acr(given, cx));
    let values: Vec<&str> = values.map(|given| given.value.as_str()).collect();
    SecondFactorPolicy { amr, acr: values.join(" ").into() }
}

/// The values of a list that is neither empty nor too long.
fn listed<'r>(list: &'r Spanned<Vec<Spanned<String>>>, cx: &Context<'_>) -> &'r [Spanned<String>] {
    if list.value.is_empty() {
        cx.report.vacant(&list.at, "a list without a value", "leave it out, or name what its tokens say");
    }
    if list.value.len() > MOST_VALUES {
        let message = format!("more than {MOST_VALUES} values: `{}`", list.value.len());
        cx.report.problem(&list.at, message, "name the ones that its tokens say");
    }
    &list.value
}

/// An entry of `amr`: one method, or several that are needed together.
fn methods(given: &Spanned<String>, cx: &Context<'_>) -> Option<Vec<String>> {
    let methods: Vec<String> = given.value.split('+').map(str::to_owned).collect();
    if methods.iter().all(|method| is_value(method)) {
        return Some(methods);
    }
    let hint = "one such as \"mfa\", or several that are needed together: \"pwd+otp\"";
    cx.report.problem(&given.at, format!("not an authentication method: `{}`", shown(&given.value)), hint);
    None
}

fn is_acr(given: &Spanned<String>, cx: &Context<'_>) -> bool {
    let fits = is_value(&given.value);
    if !fits {
        let message = format!("not a value of `acr`: `{}`", shown(&given.value));
        let hint = format!("1 to {LONGEST} visible ASCII characters without a quote or a backslash");
        cx.report.problem(&given.at, message, hint);
    }
    fits
}

/// Values stand in challenges, separated by spaces (RFC 9470 §3).
fn is_value(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(fits)
}
