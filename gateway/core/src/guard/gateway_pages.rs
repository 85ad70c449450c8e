//! The gateway's own pages: `/.stagedoor/` of every app.
//!
//! Protects the pages that bring a token into a browser and take it out again from being the app's: no request
//! for a path that any reading of it puts there is ever forwarded, whatever the routes say. A path that only some
//! readers take for one of the area is refused. The path and every field are the client's choice.
//! Bounds: one look at the first segment; of a path that is not in its folded form, at that of each of its readings.
//! RFC 9110 §15.5.6 and §15.5.16, RFC 6265bis §5.7.

use crate::denial::Denial;
use crate::guard::client::PublicAddress;
use crate::guard::cors::CorsPolicy;
use crate::guard::origin::OriginPolicy;
use crate::guard::target::Target;
use crate::path;
use crate::request::{Framing, Head};

/// The path of the page that says who is in.
pub const HOME: &str = "/.stagedoor/";
/// The path of the page that takes a code.
pub const ENTER: &str = "/.stagedoor/enter";
/// The path of the page that ends it.
pub const LEAVE: &str = "/.stagedoor/leave";
/// Bytes of a form that is read here.
pub const FORM_MAX: u64 = 4 * 1024;

const AREA: &[u8] = b"/.stagedoor";
const SEGMENT: &[u8] = b".stagedoor";

/// Evidence: no reading of the path puts it in the area.
#[derive(Debug)]
pub struct NotGatewayPage(());

/// To whom a path belongs.
#[derive(Debug)]
pub enum PathOwner<'h> {
    /// To the app.
    App(NotGatewayPage),
    /// To the gateway, at least in one reading.
    Gateway(GatewayPath<'h>),
}

/// A path of the area, yet to be answered.
#[derive(Debug)]
pub struct GatewayPath<'h> {
    spelling: Spelling<'h>,
}

/// How a path of the area is written.
#[derive(Clone, Copy, Debug)]
enum Spelling<'h> {
    /// As the area's own; what follows `/.stagedoor`.
    Exact(&'h [u8]),
    /// So that only some readers find the area in it.
    Variant,
}

/// What is asked of the gateway itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageRequest {
    /// The page that says who is in, or takes a code.
    Home,
    /// The page that takes a code.
    EnterPage {
        /// A person opened this address: it stood in no page of any site. Only such a visit may go on by itself.
        direct: bool,
    },
    /// To show what the code in a form of so many bytes is worth, or to redeem it.
    Enter {
        /// At most [`FORM_MAX`].
        length: usize,
    },
    /// The page that asks whether to leave.
    LeavePage,
    /// To take the token out of the browser.
    Leave,
}

/// To whom the path belongs.
#[must_use]
pub fn classify<'t>(target: &'t Target<'_>) -> PathOwner<'t> {
    let raw = target.raw_path();
    match spelling(raw, target.is_folded()) {
        Some(spelling) => PathOwner::Gateway(GatewayPath { spelling }),
        None => PathOwner::App(NotGatewayPage(())),
    }
}

/// Whether a request with this path belongs to the gateway, in any reading of it.
#[must_use]
pub fn covers(path: &[u8]) -> bool {
    spelling(path, false).is_some()
}

/// `None` if no reading puts the path in the area. `folded`: it equals its folded form, but perhaps for its case, and
/// has no other reading.
fn spelling(raw: &[u8], folded: bool) -> Option<Spelling<'_>> {
    if let Some(rest) = raw.strip_prefix(AREA)
        && matches!(rest.first(), None | Some(b'/'))
    {
        return Some(Spelling::Exact(rest));
    }
    let ours = if folded {
        let first = raw.split(|b| *b == b'/').nth(1).unwrap_or_default();
        first.eq_ignore_ascii_case(SEGMENT)
    } else {
        // In every case, even where the app's paths mind it.
        path::readings(raw).into_iter().any(|reading| reading.begins_with(SEGMENT))
    };
    ours.then_some(Spelling::Variant)
}

impl GatewayPath<'_> {
    /// What is asked, if it is asked in a way that is answered.
    ///
    /// # Errors
    /// The refusals of a path, a method, a form or an origin.
    pub fn judge(self, head: &Head<'_>, at: &PublicAddress<'_>) -> Result<PageRequest, Denial> {
        let page = match self.spelling {
            Spelling::Variant => {
                return Err(Denial::AmbiguousPath("another spelling of a path of the gateway's own"));
            }
            Spelling::Exact(b"" | b"/") => Page::Home,
            Spelling::Exact(b"/enter") => Page::Enter,
            Spelling::Exact(b"/leave") => Page::Leave,
            Spelling::Exact(_) => return Err(Denial::NotFound),
        };
        match (page, head.method()) {
            (Page::Home, "GET" | "HEAD") => same_origin(head, at).map(|()| PageRequest::Home),
            (Page::Home, _) => Err(Denial::MethodNotAllowed { allow: "GET, HEAD".into() }),
            (Page::Enter, "GET" | "HEAD") => {
                same_origin(head, at)?;
                Ok(PageRequest::EnterPage { direct: is_direct_visit(head) })
            }
            (Page::Enter, "POST") => {
                let length = form_length(head)?;
                same_origin(head, at)?;
                form_type(head)?;
                Ok(PageRequest::Enter { length })
            }
            (Page::Leave, "GET" | "HEAD") if is_meant(head) => Ok(PageRequest::Leave),
            (Page::Leave, "GET" | "HEAD") => same_origin(head, at).map(|()| PageRequest::LeavePage),
            (Page::Leave, "POST") => same_origin(head, at).map(|()| PageRequest::Leave),
            (Page::Enter | Page::Leave, _) => {
                Err(Denial::MethodNotAllowed { allow: "GET, HEAD, POST".into() })
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Page {
    Home,
    Enter,
    Leave,
}

/// Whether a person opened this address: typed it, or followed a link in another program. No page of any site can
/// make a browser say so, and over plain HTTP browsers say nothing.
fn is_direct_visit(head: &Head<'_>) -> bool {
    head.sole_text("sec-fetch-site") == Some("none")
}

/// Whether somebody went to this address: no link or picture of another site, no picture of this one, and no
/// browser that looks ahead. Where a browser says nothing of it, as over plain HTTP, it may be a link or a picture
/// on any site; a program says what it means by POST.
fn is_meant(head: &Head<'_>) -> bool {
    let ahead = ["sec-purpose", "purpose", "x-moz"].iter().any(|name| head.has(name));
    let ours = matches!(head.sole_text("sec-fetch-site"), Some("same-origin" | "none"));
    let navigates = !head.has("sec-fetch-mode") || head.sole_text("sec-fetch-mode") == Some("navigate");
    !ahead && ours && navigates
}

/// The rule of [`OriginPolicy::Always`]; no other origin is listed for these pages.
fn same_origin(head: &Head<'_>, at: &PublicAddress<'_>) -> Result<(), Denial> {
    OriginPolicy::Always.check(head, at, false, &CorsPolicy::SameOrigin).map(drop)
}

fn form_length(head: &Head<'_>) -> Result<usize, Denial> {
    match head.framing() {
        Framing::None => Ok(0),
        Framing::Length(length @ ..=FORM_MAX) => {
            usize::try_from(length).map_err(|_| Denial::BodyTooLarge { max: FORM_MAX })
        }
        Framing::Length(_) => Err(Denial::BodyTooLarge { max: FORM_MAX }),
        Framing::Chunked => Err(Denial::BadRequest("a body without a declared length")),
    }
}

fn form_type(head: &Head<'_>) -> Result<(), Denial> {
    let kind = head.sole_text("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(());
    }
    Err(Denial::MediaType)
}

#[cfg(test)]
mod tests;
