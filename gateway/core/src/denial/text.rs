//! What a refusal says: to the client, and to the operator.

use std::borrow::Cow;

use super::{Denial, TokenFault, UpstreamFault};

impl Denial {
    /// What the client may read: the fault in its request, never anything of the app or the policy behind.
    #[must_use]
    pub fn detail(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::BadRequest(fault) => return format!("Malformed request: {fault}").into(),
            Self::HeadTimeout => "The request did not arrive in time",
            Self::UriTooLong => "The address of the request is too long",
            Self::HeadersTooLarge => "The header fields of the request are too large",
            Self::BodyTimeout => "The body of the request did not arrive in time",
            Self::AmbiguousPath(fault) => return format!("Ambiguous path or host: {fault}").into(),
            Self::UnknownHost => "Nothing is served under this host name",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed { .. } => "Method not allowed",
            Self::LinkInvalid => "This link was used already, or has expired",
            Self::MediaType => "A body of this type is not accepted here",
            Self::AddressRefused => "Your address has no access",
            Self::AmbiguousCredentials => "The request carries two different credentials",
            Self::TokenMissing => "Not authenticated",
            Self::TokenInvalid(_) => "The credential is not valid",
            Self::TokenExpired => "The credential has expired",
            Self::IdentityUnavailable => "Your credential cannot be checked at the moment",
            Self::RoleMissing => "Your account may not do this",
            Self::ScopeMissing => "Your credential does not cover this",
            Self::NotOwner => "This belongs to another user",
            Self::Destination(second) if second.asks_who() => return second.denial.detail(),
            Self::Destination(_) => "You may not do this at the destination of the request",
            Self::CrossOrigin => "The request comes from another site",
            Self::UpgradeRefused => "The connection cannot be upgraded here",
            Self::UnexpectedBody => "A GET or HEAD must not have a body here",
            Self::BodyTooLarge { max } => {
                return format!("The body is larger than the {} allowed here", Bytes(*max)).into();
            }
            Self::RateLimited(exhausted) => {
                return match exhausted.retry_seconds() {
                    1 => "Too many requests; try again in 1 second".into(),
                    seconds => format!("Too many requests; try again in {seconds} seconds").into(),
                };
            }
            Self::Overloaded => "Too many requests are being served at the moment",
            Self::Draining => "The service is restarting",
            Self::UpstreamUnreachable(_) => "The app cannot be reached",
            Self::UpstreamTimeout => "The app did not answer in time",
            Self::Internal(_) => "The request could not be handled",
        })
    }

    /// What the operator reads in the log: the fault, and the key to change where there is one.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::BadRequest(fault) => return format!("malformed request: {fault}"),
            Self::HeadTimeout => "request head slower than `server.timeouts.header`",
            Self::UriTooLong => "request target longer than `server.limits.uri_bytes`",
            Self::HeadersTooLarge => {
                "request head larger than `server.limits.header_bytes`, or more fields than `server.limits.header_count`"
            }
            Self::BodyTimeout => {
                "request body silent for `server.timeouts.body_idle`, or slower than `server.timeouts.min_rate`"
            }
            Self::AmbiguousPath(fault) => return format!("path or host can be read in two ways: {fault}"),
            Self::UnknownHost => "no app serves this host; add it to the app's `hosts`",
            Self::NotFound => "path without a route under `unlisted = \"deny\"`",
            Self::MethodNotAllowed { allow } if allow.is_empty() => "method is never allowed",
            Self::MethodNotAllowed { allow } => {
                return format!("no route of this path has the method, those that have one: `{allow}`");
            }
            Self::LinkInvalid => "code of an enter link is unknown, used or expired; `stagedoor token --link` makes another",
            Self::MediaType => "body of a type that is not read here",
            Self::AddressRefused => "address is in `access.deny`, or not in `access.allow`",
            Self::AmbiguousCredentials => "two credentials that differ; `sources` names the carriers that are read",
            Self::TokenMissing => "no credential in any of the `sources` of the app or its provider",
            Self::TokenInvalid(fault) => fault.reason(),
            Self::TokenExpired => "token has expired, `leeway` included",
            Self::IdentityUnavailable => "identity service gave no answer within `timeout`",
            Self::RoleMissing => "caller has none of the route's `roles`",
            Self::ScopeMissing => "caller lacks one of the route's `scopes`",
            Self::NotOwner => "path belongs to another user; `owner.or_role` names who may all the same",
            Self::Destination(second) => {
                return format!(
                    "a request for the path in `Destination` would be refused: `{}`",
                    second.denial.code()
                );
            }
            Self::CrossOrigin => {
                "request comes from another origin, or from a page that hides its own; `cors.origins` lists those that may, `origin.check` says who is asked"
            }
            Self::UpgradeRefused => "upgrade is not one to `websocket`, or `websocket = false`",
            Self::UnexpectedBody => "body of a GET or HEAD, and `body.get = \"deny\"`",
            Self::BodyTooLarge { max } => {
                return format!("body larger than `body.max` of the route or the app, `{}`", Bytes(*max));
            }
            Self::RateLimited(exhausted) => {
                return format!("used up the limit `{}`", exhausted.limit);
            }
            Self::Overloaded => {
                "more connections than `server.limits.connections` or `server.limits.connections_per_ip`"
            }
            Self::Draining => "shutting down; open requests have `server.drain` to end",
            Self::UpstreamUnreachable(fault) => fault.reason(),
            Self::UpstreamTimeout => UpstreamFault::Timeout.reason(),
            Self::Internal(fault) => return format!("fault of the gateway itself: {fault}"),
        }
        .to_owned()
    }
}

impl UpstreamFault {
    /// What the operator reads in the log.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Refused => "nothing listens at the address in `upstream.urls`",
            Self::NoSuchName => "the name in `upstream.urls` has no address",
            Self::NoRoute => "no network leads to the address in `upstream.urls`",
            Self::Reset => "app reset the connection before it had answered",
            Self::Closed => "app closed the connection before it had answered",
            Self::Timeout => "app slower than `upstream.connect` or `upstream.read`",
            Self::Tls => "app speaks TLS at the address in `upstream.urls`, which says `http`",
            Self::BadAnswer => "answer of the app is not HTTP, or none that may be passed on",
        }
    }

    /// What the operator may do about it; `url` is where the app is looked for.
    #[must_use]
    pub fn advice(self, url: &str) -> String {
        match self {
            Self::Refused => format!("see whether the app runs, and listens at `{url}`: nothing does"),
            Self::NoSuchName => format!(
                "see whether the name in `{url}` is right, and known to the machine or container of the gateway"
            ),
            Self::NoRoute => format!("see whether the gateway and the app at `{url}` share a network"),
            Self::Reset | Self::Closed => {
                format!("see the log of the app at `{url}`: it ended the connection without an answer")
            }
            Self::Timeout => format!(
                "see why the app at `{url}` is slow; `upstream.connect` and `upstream.read` are the deadlines"
            ),
            Self::Tls => {
                format!("let the app at `{url}` speak plain HTTP to the gateway, or name the port that does")
            }
            Self::BadAnswer => {
                format!("see what the app at `{url}` answers when it is asked without the gateway")
            }
        }
    }
}

impl TokenFault {
    /// What the operator reads in the log.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "token larger than `max_bytes`",
            Self::Malformed => "token is not a signed JSON Web Token",
            Self::Header => "token header says `none`, `crit`, `zip`, `b64` or a foreign `typ`",
            Self::UnknownKey => "no key in `keys` fits the token's `kid` and `alg`",
            Self::Signature => "token signature does not verify with the key in `keys`",
            Self::Issuer => "token claim `iss` is not the provider's `issuer`",
            Self::Audience => "token claim `aud` has none of the provider's `audience`",
            Self::Expiry => "token claim `exp` is missing or no number",
            Self::NotYetValid => {
                "token claim `nbf` is in the future or no number; `leeway` bridges clocks that differ"
            }
            Self::IssuedLater => {
                "token claim `iat` is in the future or no number; `leeway` bridges clocks that differ"
            }
            Self::Lifetime => "token valid for longer than `max_lifetime`",
            Self::User => "token's user claim (`claims.user`) is no text of 1 to 256 bytes without controls",
            Self::Claims => {
                "token's roles or scopes (`claims.roles`, `claims.scopes`) are no text and no list of texts"
            }
            Self::Names => {
                "token has more than 1024 roles or more than 1024 scopes (`claims.roles`, `claims.scopes`)"
            }
            Self::Controls => {
                "one of the token's roles or scopes (`claims.roles`, `claims.scopes`) holds a control character"
            }
        }
    }
}

/// A size as the configuration writes it: `1MiB`, else in bytes.
struct Bytes(u64);

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(f, "{}{name}", self.0 / unit);
            }
        }
        write!(f, "{} bytes", self.0)
    }
}
