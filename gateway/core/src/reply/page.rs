//! The page a person sees instead of JSON: self-contained, without script, image or font.

use std::fmt::Write as _;

use http::HeaderValue;

use super::title;
use crate::denial::Denial;

/// The page's own policy: nothing may load or run, and of style only the one block whose hash stands here.
pub(super) const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'sha256-w3ndW/nG30puXYFbD+W+3Z/lcyeUEU4Aknpq+SDsPWw='; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The page of one refusal.
pub(super) fn render(denial: &Denial, request_id: &str) -> String {
    let status = denial.status();
    let detail = denial.detail();
    let mut page = String::with_capacity(2048);
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <title>{code} {title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"code\">{code}</p>\n<h1>{title}</h1>\n<p>{detail}.</p>\n<p>{advice}</p>\n\
         <footer>Request <code>{id}</code></footer>\n</main>\n</body>\n</html>\n",
        code = status.as_u16(),
        title = Escaped(title(status)),
        detail = Escaped(&detail),
        advice = Escaped(advice(denial)),
        id = Escaped(request_id),
    );
    page
}

/// What to do, in a sentence.
fn advice(denial: &Denial) -> &'static str {
    match denial {
        Denial::BadRequest(_) | Denial::AmbiguousPath(_) => {
            "Check the address you opened, or start again from the front page."
        }
        Denial::UriTooLong | Denial::HeadersTooLarge => {
            "Start again from the front page; clearing this site's cookies may help."
        }
        Denial::HeadTimeout | Denial::BodyTimeout => "Check your connection and try again.",
        Denial::UnknownHost => {
            "Check the address you opened; if you run this server, its log says what to add."
        }
        Denial::NotFound => "Check the address you opened, or start again from the front page.",
        Denial::MethodNotAllowed { .. } => "Go back and try another way.",
        Denial::AddressRefused => "If you should have access from here, ask whoever runs this server.",
        Denial::AmbiguousCredentials => "Clear this site's cookies, then sign in again.",
        Denial::TokenMissing => "Sign in, or open the link you were given, then come back to this page.",
        Denial::TokenInvalid(_) | Denial::TokenExpired => "Sign in again, or ask for a new link.",
        Denial::RoleMissing | Denial::ScopeMissing | Denial::NotOwner => {
            "If you should have access, ask whoever runs this server and name the request below."
        }
        Denial::CrossOrigin => "Open this site directly and try again from there.",
        Denial::UpgradeRefused => "Open this address as an ordinary page.",
        Denial::BodyTooLarge { .. } => "Send something smaller.",
        Denial::RateLimited(_) => "Wait a little, then try again.",
        Denial::IdentityUnavailable | Denial::Overloaded | Denial::Draining => "Try again in a few seconds.",
        Denial::UpstreamUnreachable | Denial::UpstreamTimeout => {
            "Try again in a minute; if it lasts, tell whoever runs this server."
        }
        Denial::Internal(_) => {
            "Try again; if it lasts, tell whoever runs this server and name the request below."
        }
    }
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

pub(super) const STYLE: &str = ":root{color-scheme:light dark;--ink:#1b1f24;--dim:#5b6570;--paper:#fafafa;--line:#d8dde3}\
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--dim:#9aa4af;--paper:#15181c;--line:#333a42}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--paper);color:var(--ink);\
font:1rem/1.5 system-ui,sans-serif}\
main{max-width:32rem;width:100%}\
.code{margin:0;color:var(--dim);font-size:.875rem;letter-spacing:.08em}\
h1{margin:.25rem 0 1rem;font-size:1.75rem;line-height:1.2}\
footer{margin-top:2rem;padding-top:.75rem;border-top:1px solid var(--line);color:var(--dim);font-size:.8125rem}\
code{overflow-wrap:anywhere}";
