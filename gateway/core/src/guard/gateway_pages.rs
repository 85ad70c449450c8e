//! The gateway's own pages: everything below `/.stagedoor` in every app.
//!
//! These pages put a token into a browser and remove it, so no app may serve them. A request is never forwarded if any
//! reading of its path is below `/.stagedoor`, whatever the routes say. A path that only some readings put there is
//! refused. Trust: none; the path and every field are the client's choice. Bounds: the first segment is compared once; in
//! a path that is not in its folded form, once for each reading.
//! RFC 9110 §15.5.6 and §15.5.16, RFC 6265bis §5.7.

use crate::denial::{Denial, PathFault};
use crate::guard::cors::CorsPolicy;
use crate::guard::origin::{CarriedBy, OriginPolicy};
use crate::guard::target::Target;
use crate::path::readings::readings;
use crate::public_address::PublicAddress;
use crate::request::{Head, RequestBody};

/// The path of the page that shows who is signed in.
pub const HOME: &str = "/.stagedoor/";
/// The path of the page that takes a code.
pub const ENTER: &str = "/.stagedoor/enter";
/// The path of the page that signs out.
pub const LEAVE: &str = "/.stagedoor/leave";
/// Bytes of a form that is read here.
pub const FORM_MAX: u64 = 4 * 1024;

const AREA: &[u8] = b"/.stagedoor";
const SEGMENT: &[u8] = b".stagedoor";

/// Evidence: in no reading the path is one of the gateway's pages.
#[derive(Debug)]
pub struct NotGatewayPage(());

/// Whether a path belongs to the app or to the gateway.
#[derive(Debug)]
pub enum PathOwner<'h> {
    /// To the app.
    App(NotGatewayPage),
    /// To the gateway, in at least one reading.
    Gateway(GatewayPath<'h>),
}

/// A path below `/.stagedoor`; the request for it was not yet checked.
#[derive(Debug)]
pub struct GatewayPath<'h> {
    spelling: Spelling<'h>,
}

/// How a path below `/.stagedoor` is written.
#[derive(Clone, Copy, Debug)]
enum Spelling<'h> {
    /// Literally; with what follows `/.stagedoor`.
    Exact(&'h [u8]),
    /// In another spelling, which only some readings put below `/.stagedoor`.
    Variant,
}

/// A request for one of the gateway's pages, after its checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageRequest {
    /// The page that shows who is signed in.
    Home,
    /// The page that takes a code.
    EnterPage {
        /// A person opened the address directly, not by a link on a page. Only then may the page continue by itself.
        direct: bool,
    },
    /// A form with a code, to show its token or to redeem it.
    Enter {
        /// Bytes of the form, at most [`FORM_MAX`].
        length: usize,
    },
    /// The page that asks whether to sign out.
    LeavePage,
    /// Signs the browser out.
    Leave,
}

/// Decides whether the path belongs to the app or to the gateway.
#[must_use]
pub fn classify<'t>(target: &'t Target<'_>) -> PathOwner<'t> {
    let raw = target.raw_path();
    match spelling(raw, target.is_folded()) {
        Some(spelling) => PathOwner::Gateway(GatewayPath { spelling }),
        None => PathOwner::App(NotGatewayPage(())),
    }
}

/// Whether a path is one of the gateway's pages in any reading.
#[must_use]
pub fn covers(path: &[u8]) -> bool {
    spelling(path, false).is_some()
}

/// `None` if no reading puts the path below `/.stagedoor`. `folded`: the path equals its folded form, apart from case, and
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
        // Compared without case, even where the app's paths are case-sensitive.
        readings(raw).into_iter().any(|reading| reading.begins_with(SEGMENT))
    };
    ours.then_some(Spelling::Variant)
}

impl GatewayPath<'_> {
    /// Checks the request: its path, method, origin and form.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn judge(self, head: &Head<'_>, at: &PublicAddress<'_>) -> Result<PageRequest, Denial> {
        let page = match self.spelling {
            Spelling::Variant => {
                return Err(Denial::AmbiguousPath(PathFault::GatewayPage));
            }
            Spelling::Exact(b"" | b"/") => PagePath::Home,
            Spelling::Exact(b"/enter") => PagePath::Enter,
            Spelling::Exact(b"/leave") => PagePath::Leave,
            Spelling::Exact(_) => return Err(Denial::NotFound),
        };
        match (page, head.method()) {
            (PagePath::Home, "GET" | "HEAD") => same_origin(head, at).map(|()| PageRequest::Home),
            (PagePath::Home, _) => Err(Denial::MethodNotAllowed { allow: "GET, HEAD".into() }),
            (PagePath::Enter, "GET" | "HEAD") => {
                same_origin(head, at)?;
                Ok(PageRequest::EnterPage { direct: is_direct_visit(head) })
            }
            (PagePath::Enter, "POST") => {
                let length = form_length(head)?;
                same_origin(head, at)?;
                form_type(head)?;
                Ok(PageRequest::Enter { length })
            }
            (PagePath::Leave, "GET" | "HEAD") if is_navigation(head) => Ok(PageRequest::Leave),
            (PagePath::Leave, "GET" | "HEAD") => same_origin(head, at).map(|()| PageRequest::LeavePage),
            (PagePath::Leave, "POST") => same_origin(head, at).map(|()| PageRequest::Leave),
            (PagePath::Enter | PagePath::Leave, _) => {
                Err(Denial::MethodNotAllowed { allow: "GET, HEAD, POST".into() })
            }
        }
    }
}

#[derive(Clone, Copy)]
enum PagePath {
    Home,
    Enter,
    Leave,
}

/// Whether a person opened the address directly: typed it, or followed a link in another program. No page can make a
/// browser send this value; over plain HTTP browsers send none.
fn is_direct_visit(head: &Head<'_>) -> bool {
    head.sole_text("sec-fetch-site") == Some("none")
}

/// Whether a person navigated to this address. Links and images of other sites, images of this one and prefetches do not
/// count. Neither does a request without Fetch Metadata, as over plain HTTP: it may be a link or an image on any site.
/// Programs use POST.
fn is_navigation(head: &Head<'_>) -> bool {
    let ahead = ["sec-purpose", "purpose", "x-moz"].iter().any(|name| head.has(name));
    let ours = matches!(head.sole_text("sec-fetch-site"), Some("same-origin" | "none"));
    let navigates = !head.has("sec-fetch-mode") || head.sole_text("sec-fetch-mode") == Some("navigate");
    !ahead && ours && navigates
}

/// The check of [`OriginPolicy::Always`], without any listed origin.
fn same_origin(head: &Head<'_>, at: &PublicAddress<'_>) -> Result<(), Denial> {
    OriginPolicy::Always.check(head, at, CarriedBy::default(), &CorsPolicy::SameOrigin).map(drop)
}

fn form_length(head: &Head<'_>) -> Result<usize, Denial> {
    match head.body() {
        RequestBody::None => Ok(0),
        RequestBody::Known(length @ ..=FORM_MAX) => {
            usize::try_from(length).map_err(|_| Denial::BodyTooLarge { max: FORM_MAX })
        }
        RequestBody::Known(_) => Err(Denial::BodyTooLarge { max: FORM_MAX }),
        RequestBody::Unknown => Err(Denial::BadRequest("a body without a declared length")),
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
