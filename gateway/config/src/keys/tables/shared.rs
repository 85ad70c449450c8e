//! Rows of keys that an app and its routes share.

use crate::keys::row::Row;
use crate::keys::value::{Choice, Text, choice, text};
use stagedoor_core::guard::origin::OriginPolicy;

/// `auth` of an app or a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthMode {
    Required,
    Optional,
    Public,
}

pub(super) const AUTH: Row<Choice<AuthMode>> = choice!(
    "required" => AuthMode::Required,
    "optional" => AuthMode::Optional,
    "public" => AuthMode::Public,
)
.mind("public lets everybody in; optional lets in requests without a token");

/// Shadow mode is not built: a rule that only notes would be a rule that lets pass.
pub(super) const MODE: Row<Choice<()>> = choice!("enforce" => ())
    .planned(&["shadow"], "not yet supported", "leave `mode` out: rules are enforced")
    .meaning("Whether refusals are carried out; always, so far.")
    .default("enforce");

pub(super) const CHECK: Row<Choice<OriginPolicy>> = choice!(
    "cookies" => OriginPolicy::Cookies,
    "strict" => OriginPolicy::Strict,
    "always" => OriginPolicy::Always,
    "off" => OriginPolicy::Off,
)
.meaning(
    "Which requests have to come from a page of the app. cookies: those with a cookie and no other credential, where they are \
     unsafe, open a WebSocket, or are loaded by another site; strict: also navigations and requests of the same site, for \
     apps that change things by GET; always: every unsafe request, with any credential; off: none.",
)
.mind(
    "off lets pages of other sites act in the name of a user with a cookie; strict also refuses links from other sites: \
     set `cookies` on the route by which people enter",
);

pub(super) const ON_EXPIRY: Row<Text> = text()
    .accepts("`\"close\"`, `\"finish\"`, or `\"grace:\"` with a duration: `\"grace:30s\"`")
    .like(r"^(close|finish|grace:\s*[0-9]+\s*(ms|s|m|h|d)\s*)$")
    .meaning(
        "What happens to a WebSocket or an event stream once the credential of its caller has ended, the leeway of its provider \
         included. close ends it, a WebSocket with 1008; grace ends it so long after; finish lets it go on.",
    )
    .by_server()
    .mind("with finish, a stream that is open goes on in the name of a user who could not open it any more");
