//! Rows of keys that an app and its routes share.

use crate::keys::row::Row;
use crate::keys::value::{Choice, choice};
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
.mind("public lets everybody in, and optional whoever brings no token");

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
    "Cookies asks requests that carry a cookie and no other credential, where they are unsafe, open a WebSocket, or are \
     loaded by another site; strict asks navigations and requests of the same site too, for apps that change things by \
     GET; always asks every unsafe request whatever it carries; off asks none.",
)
.mind(
    "off lets foreign pages act in the name of a user with a cookie; strict refuses links from other sites as well: say \
     `cookies` on the route where people enter",
);
