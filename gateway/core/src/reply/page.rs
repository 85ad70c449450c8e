//! The pages that a person sees: a refusal instead of JSON, and the gateway's own.
//!
//! Self-contained: no image, no font, nothing of a third party, and at most one script each. Each says by its policy
//! that nothing else may load or run. Whatever the file, the request or a token put on a page is [`Escaped`].

mod own;
mod parts;
mod policy;

use std::fmt::Write as _;

use http::HeaderValue;

use super::{Navigation, title};
use crate::denial::{Denial, PageAction};
use parts::{CodeForm, Escaped, Marked, Span, whole};

pub(super) use own::page as own;

/// A page, and what it may do.
pub(super) struct Page {
    pub(super) html: String,
    pub(super) policy: HeaderValue,
    /// It holds a form that comes back here.
    pub(super) form: bool,
}

/// The page of one refusal.
pub(super) fn refusal(denial: &Denial, request_id: &str, at: Navigation<'_>) -> Page {
    let Navigation { app, again, entry, user } = at;
    let status = denial.status();
    let (code, title) = (status.as_u16(), title(status));
    let text = denial.description().page;
    let advice = if entry.is_some() { text.advice_with_codes } else { text.advice };
    let mut body = String::with_capacity(2048);
    // Writing to a String cannot fail.
    let _ = write!(body, "<h1>{}</h1>\n<p>{}</p>\n", Escaped(text.headline), Marked(advice));
    let waits = denial.retry_after();
    let mut form = false;
    match (waits, text.action) {
        (Some(seconds), _) => wait(&mut body, seconds, again),
        (None, PageAction::TryAgain) if again => body.push_str(AGAIN),
        (None, PageAction::EnterCode) => {
            if let Some(user) = user {
                let _ = write!(
                    body,
                    "<p>You are in already, as <strong>{}</strong>.</p>\n\
                     <p><a class=\"button\" href=\"/\">Go on to {}</a></p>\n",
                    Escaped(user),
                    Escaped(app.unwrap_or("the app")),
                );
            } else if let Some(to) = entry {
                form = true;
                let _ = write!(body, "{}", CodeForm { to, look: "go" });
            }
        }
        (None, PageAction::ShowUser) if entry.is_some() => {
            body.push_str("<p><a href=\"/.stagedoor/\">See who you are here</a></p>\n");
        }
        (None, PageAction::SignOut) if entry.is_some() => {
            body.push_str("<p><a class=\"button\" href=\"/.stagedoor/leave\">Sign out here</a></p>\n");
        }
        (None, _) => {}
    }
    let _ = write!(
        body,
        "<dl class=\"facts\">\n<div><dt>Answer</dt><dd>{code} {title}</dd></div>\n\
         <div><dt>Reason</dt><dd>{detail}</dd></div>\n\
         <div><dt>Request</dt><dd><code>{id}</code></dd></div>\n</dl>\n",
        title = Escaped(title),
        detail = Escaped(&denial.detail()),
        id = Escaped(request_id),
    );
    let policy = match (waits.is_some(), form) {
        (true, _) => {
            let _ = writeln!(body, "<script>{}</script>", policy::COUNT);
            policy::COUNTS
        }
        (false, true) => policy::FORM,
        (false, false) => policy::BARE,
    };
    Page { html: whole(&format!("{code} {title}"), app, "", &body), policy, form }
}

/// How long to wait. The page tells it without the script, which only counts along; nothing loads by itself.
fn wait(body: &mut String, seconds: u64, again: bool) {
    let (link, then) =
        if again { (AGAIN, "You can go on now.") } else { ("", "You can go back and send it again now.") };
    let _ = write!(
        body,
        "<p class=\"wait\" id=\"wait\">Come back in <strong id=\"left\" data-seconds=\"{seconds}\">{}</strong>.</p>\n\
         <p role=\"status\" id=\"then\" data-then=\"{then}\"></p>\n{link}",
        Span(seconds),
    );
}

/// Asks for the same address again, whatever it is: nothing of the request stands in the page.
const AGAIN: &str = "<p><a class=\"button\" id=\"again\" href=\"\">Try again</a></p>\n";
