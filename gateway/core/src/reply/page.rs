//! The pages that a person sees: a refusal instead of JSON, and the gateway's own.
//!
//! A page is self-contained: no image, no font, nothing of a third party, and at most one script. Its policy forbids
//! everything else to load or run. Text of the configuration, the request or a token is [`Escaped`].

mod assets;
mod gateway_page;
mod html;

use std::fmt::Write as _;

use http::StatusCode;

use super::content::PageContext;
use crate::denial::{Denial, PageAction};
use html::{CodeForm, Escaped, TimeLeft, WithCode, document};

pub(super) use gateway_page::page as gateway_page;
pub(super) use html::HtmlPage;

/// The name of a status.
pub(super) fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

/// The page of one refusal.
pub(super) fn refusal(denial: &Denial, request_id: &str, context: PageContext<'_>) -> HtmlPage {
    let PageContext { app, repeatable, return_path, user } = context;
    let status = denial.status();
    let (code, title) = (status.as_u16(), title(status));
    let text = denial.description().page;
    let advice = if return_path.is_some() { text.advice_with_codes } else { text.advice };
    let mut body = String::with_capacity(2048);
    // Writing to a String cannot fail.
    let _ = write!(body, "<h1>{}</h1>\n<p>{}</p>\n", Escaped(text.headline), WithCode(advice));
    let retry_after = denial.retry_after();
    let mut has_form = false;
    match (retry_after, text.action) {
        (Some(seconds), _) => wait(&mut body, seconds, repeatable),
        (None, PageAction::TryAgain) if repeatable => body.push_str(TRY_AGAIN),
        (None, PageAction::EnterCode) => {
            if let Some(user) = user {
                let _ = write!(
                    body,
                    "<p>You are in already, as <strong>{}</strong>.</p>\n\
                     <p><a class=\"button\" href=\"/\">Go on to {}</a></p>\n",
                    Escaped(user),
                    Escaped(app.unwrap_or("the app")),
                );
            } else if let Some(return_path) = return_path {
                has_form = true;
                let _ = write!(body, "{}", CodeForm { return_path, look: "go" });
            }
        }
        (None, PageAction::ShowUser) if return_path.is_some() => {
            body.push_str("<p><a href=\"/.stagedoor/\">See who you are here</a></p>\n");
        }
        (None, PageAction::SignOut) if return_path.is_some() => {
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
    let policy = match (retry_after.is_some(), has_form) {
        (true, _) => {
            let _ = writeln!(body, "<script>{}</script>", assets::COUNTDOWN_SCRIPT);
            assets::COUNTDOWN_POLICY
        }
        (false, true) => assets::FORM_POLICY,
        (false, false) => assets::PLAIN_POLICY,
    };
    HtmlPage { html: document(&format!("{code} {title}"), app, "", &body), policy, has_form }
}

/// How long to wait. The script counts down; the page says it without the script too, and loads nothing by itself.
fn wait(body: &mut String, seconds: u64, repeatable: bool) {
    let (link, then) = if repeatable {
        (TRY_AGAIN, "You can go on now.")
    } else {
        ("", "You can go back and send it again now.")
    };
    let _ = write!(
        body,
        "<p class=\"wait\" id=\"wait\">Come back in <strong id=\"left\" data-seconds=\"{seconds}\">{}</strong>.</p>\n\
         <p role=\"status\" id=\"then\" data-then=\"{then}\"></p>\n{link}",
        TimeLeft(seconds),
    );
}

/// Loads the same address again. An empty `href` does that without a copy of the address in the page.
const TRY_AGAIN: &str = "<p><a class=\"button\" id=\"again\" href=\"\">Try again</a></p>\n";
