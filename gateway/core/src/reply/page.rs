//! The pages that a person sees: a refusal instead of JSON, and the gateway's own.
//!
//! Self-contained: no image, no font, nothing of a third party, and no script but the one that takes the code of
//! an enter link out of the address. Each says by its policy that nothing else may load or run.

mod words;

use std::fmt::Write as _;

use http::HeaderValue;

use super::title;
use crate::denial::Denial;
use words::Words;

/// A policy that allows the one style block, and what else is listed.
macro_rules! policy {
    ($($more:literal),*) => {
        HeaderValue::from_static(concat!(
            "default-src 'none'; ",
            $($more, "; ",)*
            "style-src 'sha256-CfuOCPKLZ1TNT2UcT6DaJTes5m3p+y9QjZTaAKEZApk='; ",
            "base-uri 'none'; frame-ancestors 'none'"
        ))
    };
}

/// Of pages without a form.
pub(super) const POLICY: HeaderValue = policy!("form-action 'none'");
/// Of a page whose form comes back here.
pub(super) const LEAVE_POLICY: HeaderValue = policy!("form-action 'self'");
/// Of the page with the script.
pub(super) const ENTER_POLICY: HeaderValue =
    policy!("script-src 'sha256-T1ASeuwjgKFnNi4StThjz3bAx1qYMsjpyWkGjY60C/0='", "form-action 'self'");

/// The page of one refusal.
pub(super) fn refusal(denial: &Denial, request_id: &str) -> String {
    let status = denial.status();
    let (code, title) = (status.as_u16(), Escaped(title(status)));
    let Words { headline, advice } = words::of(denial);
    let mut body = String::with_capacity(1024);
    // Writing to a String cannot fail.
    let _ = write!(
        body,
        "<h1>{headline}</h1>\n<p>{advice}</p>\n\
         <dl>\n<div><dt>Answer</dt><dd>{code} {title}</dd></div>\n\
         <div><dt>Reason</dt><dd>{detail}</dd></div>\n\
         <div><dt>Request</dt><dd><code>{id}</code></dd></div>\n</dl>\n",
        headline = Escaped(headline),
        advice = Marked(advice),
        detail = Escaped(&denial.detail()),
        id = Escaped(request_id),
    );
    whole(&format!("{code} {title}"), "", &body)
}

/// The page that takes a code. With `occupied` it waits for a person: a link alone must not put somebody else in
/// the place of who is there.
pub(super) fn enter(occupied: bool) -> String {
    let (words, waits) = if occupied {
        (
            "This browser is in already. If you go on, whoever the link was made for takes the place of whoever is \
             in now.",
            " data-waits",
        )
    } else {
        (
            "The link you open brings its code along. You can also paste it here: the part behind the <code>#</code>.",
            "",
        )
    };
    let body = format!(
        "<h1>Come in</h1>\n<p>{words}</p>\n\
         <form method=\"post\" action=\"/.stagedoor/enter\"{waits}>\n\
         <label for=\"code\">Code</label>\n\
         <input id=\"code\" name=\"code\" required autocomplete=\"off\" autocapitalize=\"off\" spellcheck=\"false\" maxlength=\"2000\">\n\
         <button>Enter</button>\n</form>\n\
         <p class=\"note\">A code works once, and for ten minutes.</p>\n\
         <script>{SCRIPT}</script>\n"
    );
    whole("Come in", "", &body)
}

/// The code was good: on to the app.
pub(super) fn entered() -> String {
    let body = "<h1>You are in</h1>\n<p><a href=\"/\">Go on to the app</a></p>\n";
    whole("You are in", "<meta http-equiv=\"refresh\" content=\"0; url=/\">\n", body)
}

/// Asks whether to leave.
pub(super) fn leave() -> String {
    let body = "<h1>Leave?</h1>\n<p>Another page may have sent you here. This browser forgets its token only if you say so.</p>\n\
                <form method=\"post\" action=\"/.stagedoor/leave\">\n<button>Leave</button>\n</form>\n";
    whole("Leave", "", body)
}

/// The token is gone.
pub(super) fn left() -> String {
    let body = "<h1>You have left</h1>\n<p>This browser has forgotten its token. To come back, open a new link.</p>\n\
                <p class=\"note\">A copy of the token kept elsewhere works until it expires.</p>\n";
    whole("You have left", "", body)
}

/// A page around `body`; title, `meta` and body are markup.
fn whole(title: &str, meta: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n{meta}\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{MARK}{body}</main>\n</body>\n</html>\n"
    )
}

/// Text that cannot leave its place in the page.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Text of our own, with what stands in backticks as code.
struct Marked(&'static str);

impl std::fmt::Display for Marked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, part) in self.0.split('`').enumerate() {
            let part = Escaped(part);
            if place % 2 == 1 { write!(f, "<code>{part}</code>")? } else { write!(f, "{part}")? }
        }
        Ok(())
    }
}

/// Takes the code out of the address, and the address out of the history. What stands behind a `#` never
/// leaves the browser by itself. A code that comes later is for a page that was asked for later: whoever was out
/// when this one was made may be in by now.
pub(super) const SCRIPT: &str = "(function(){\
var form=document.forms[0],code=location.hash.slice(1);\
addEventListener('hashchange',function(){location.reload()});\
if(!code)return;\
history.replaceState(null,'',location.pathname);\
form.elements.code.value=code;\
if(!form.hasAttribute('data-waits'))form.submit()\
})()";

/// A door, ajar.
const MARK: &str = "<svg class=\"mark\" viewBox=\"0 0 32 32\" aria-hidden=\"true\">\
<path d=\"M6 28V5a1 1 0 0 1 1-1h18a1 1 0 0 1 1 1v23\"/><path class=\"leaf\" d=\"M6 28V4.5l13 4V28\"/><path d=\"M15 16v3M3 28h26\"/></svg>\n";

pub(super) const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b2027;--dim:#5a6470;--page:#f2f3f5;--card:#fff;--line:#dde1e6;--mark:#a8481c;--on:#fff}\
@media(prefers-color-scheme:dark){:root{--ink:#e8ebee;--dim:#9aa5b0;--page:#0f1215;--card:#181c21;--line:#2c333b;--mark:#f0a06a;--on:#1b1006}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--page);color:var(--ink);\
font:1rem/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",sans-serif}\
main{width:100%;max-width:31rem;padding:2.25rem 2.25rem 2rem;background:var(--card);border:1px solid var(--line);border-radius:.875rem}\
.mark{display:block;width:2.5rem;height:2.5rem;margin:0 0 1.25rem -.25rem;fill:none;stroke:var(--mark);stroke-width:2;stroke-linecap:round;stroke-linejoin:round}\
.leaf{fill:var(--card)}\
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25;letter-spacing:-.01em;text-wrap:balance}\
p{margin:0 0 1rem;text-wrap:pretty}\
a{color:var(--mark)}\
.note{margin:1rem 0 0;color:var(--dim);font-size:.875rem}\
dl{margin:1.75rem 0 0;padding:1rem 0 0;border-top:1px solid var(--line);font-size:.875rem}\
dl div{display:flex;gap:.75rem;padding:.125rem 0}\
dt{flex:0 0 4.5rem;color:var(--dim)}\
dd{margin:0;min-width:0;overflow-wrap:anywhere}\
code{font:.8125rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}\
p code{white-space:nowrap}\
dd code{-webkit-user-select:all;user-select:all}\
label{display:block;margin:0 0 .25rem;font-size:.875rem;color:var(--dim)}\
input,button{width:100%;min-height:2.75rem;padding:.5rem .75rem;border-radius:.5rem;font:inherit}\
input{margin:0 0 .75rem;border:1px solid var(--dim);background:var(--page);color:var(--ink)}\
button{border:0;background:var(--mark);color:var(--on);font-weight:600;cursor:pointer}\
:focus-visible{outline:2px solid var(--mark);outline-offset:2px}\
@media(max-width:30rem){main{padding:1.5rem 1.25rem 1.25rem}}";
