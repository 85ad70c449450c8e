//! Every refusal the gateway can give.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

/// A refusal. Closed, comparable, and carrying only what its answer and its log line need.
///
/// `code`, `status` and `detail` are public text; `reason` is for the operator's log alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The message is not HTTP as we accept it. The text names the fault.
    BadRequest(&'static str),
    /// The head did not arrive in time.
    HeadTimeout,
    /// The request target is longer than `server.limits.uri_bytes`.
    UriTooLong,
    /// More header bytes or fields than allowed.
    HeadersTooLarge,
    /// The body did not arrive in time (idle, or slower than `min_rate`).
    BodyTimeout,
    /// Gateway and app could read this path or host differently. The text names the fault.
    AmbiguousPath(&'static str),
    /// No app serves this host.
    UnknownHost,
    /// The path is not listed and the app says `unlisted = "deny"`.
    NotFound,
    /// The path is listed for other methods, or the method is never allowed.
    MethodNotAllowed {
        /// The value of `Allow`, sorted, comma-separated; may be empty.
        allow: Arc<str>,
    },
    /// The code of an enter link is unknown, used or expired.
    LinkInvalid,
    /// The body is of a type that is not read here.
    MediaType,
    /// The client's address is not one the app admits.
    AddressRefused,
    /// Two credentials that differ.
    AmbiguousCredentials,
    /// A credential is required and none was presented.
    TokenMissing,
    /// The credential is not genuine or not for us.
    TokenInvalid(TokenFault),
    /// The credential was genuine and has expired.
    TokenExpired,
    /// The identity service gave no answer.
    IdentityUnavailable,
    /// None of the roles the route asks for.
    RoleMissing,
    /// A scope that the route asks for is missing.
    ScopeMissing,
    /// The path belongs to another user.
    NotOwner,
    /// The path in `Destination` is refused to this caller.
    Destination(Box<Second>),
    /// A cookie-borne request from another origin.
    CrossOrigin,
    /// An upgrade that is not one `websocket`, or not allowed here.
    UpgradeRefused,
    /// A GET or HEAD with a body, for an app that would not read it.
    UnexpectedBody,
    /// The body, declared or streamed, is larger than allowed.
    BodyTooLarge {
        /// The cap in bytes.
        max: u64,
    },
    /// A rate or a quota is used up.
    RateLimited(Exhausted),
    /// Too many connections or requests for this gateway now.
    Overloaded,
    /// The gateway is shutting down.
    Draining,
    /// The app cannot be reached, or gave no answer that may be passed on.
    UpstreamUnreachable(UpstreamFault),
    /// The app did not answer in time.
    UpstreamTimeout,
    /// A fault of the gateway itself; the door stays shut.
    Internal(&'static str),
}

/// What a request for the path in `Destination` would get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Second {
    /// Its refusal.
    pub denial: Denial,
    /// The index of the route that it meets, if it meets one.
    pub route: Option<usize>,
}

impl Second {
    /// The caller may come with another credential: RFC 9110 §15.5.2 wants that told, whatever the path.
    fn asks_who(&self) -> bool {
        self.denial.status() == StatusCode::UNAUTHORIZED
    }
}

/// What is wrong with a token. For the log; the client only learns `invalid_token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// Larger than `max_bytes`.
    TooLarge,
    /// Not three base64url parts, or the parts are not JSON objects of the right shape.
    Malformed,
    /// The header says something we never accept: `none`, `crit`, `zip`, `b64`, a foreign `typ`.
    Header,
    /// No key of the provider fits `kid` and `alg`.
    UnknownKey,
    /// The signature does not verify.
    Signature,
    /// `iss` is missing, of the wrong type or not ours.
    Issuer,
    /// `aud` is missing, of the wrong type or not ours.
    Audience,
    /// `exp` is missing or of the wrong type.
    Expiry,
    /// `nbf` is in the future, or of the wrong type.
    NotYetValid,
    /// `iat` is in the future, or of the wrong type.
    IssuedLater,
    /// Valid for longer than `max_lifetime`.
    Lifetime,
    /// The user claim is missing, empty, too long, holds controls, or is no string.
    User,
    /// Roles or scopes are of the wrong type.
    Claims,
    /// More roles or scopes than are read.
    Names,
    /// A role or scope holds a control character.
    Controls,
}

/// Why an app gave no answer. For the log, `why` and the metrics; the client learns nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamFault {
    /// Nothing listens there.
    Refused,
    /// Its name has no address.
    NoSuchName,
    /// The network leads nowhere.
    NoRoute,
    /// It reset the connection.
    Reset,
    /// It closed the connection before its answer was whole.
    Closed,
    /// It took too long.
    Timeout,
    /// It speaks TLS where plain HTTP is expected, or the other way round.
    Tls,
    /// Its answer is malformed, or one that may not be passed on.
    BadAnswer,
}

/// Which limit refused, and when to come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// Name of the limit, such as `app.ip-1`.
    pub limit: Arc<str>,
    /// Until a request may pass again; at least one second when told to clients.
    pub retry_after: Duration,
}

/// The guards, in the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each name is its guard's module or key")]
pub enum Guard {
    Connection,
    Framing,
    Target,
    Client,
    Access,
    AppLimit,
    Own,
    Route,
    Preflight,
    RouteLimit,
    Size,
    Identity,
    Origin,
    Permission,
    CallerLimit,
    Upgrade,
    Body,
    Upstream,
}

impl Denial {
    /// The stable name of the refusal, as in logs, metrics and bodies.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::HeadTimeout => "head_timeout",
            Self::UriTooLong => "uri_too_long",
            Self::HeadersTooLarge => "headers_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::AmbiguousPath(_) => "ambiguous_path",
            Self::UnknownHost => "unknown_host",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::LinkInvalid => "link_invalid",
            Self::MediaType => "media_type",
            Self::AddressRefused => "address_refused",
            Self::AmbiguousCredentials => "ambiguous_credentials",
            Self::TokenMissing => "token_missing",
            Self::TokenInvalid(_) => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::IdentityUnavailable => "identity_unavailable",
            Self::Destination(second) if second.asks_who() => second.denial.code(),
            Self::RoleMissing | Self::ScopeMissing | Self::Destination(_) => "forbidden",
            Self::NotOwner => "not_owner",
            Self::CrossOrigin => "cross_origin",
            Self::UpgradeRefused => "upgrade_refused",
            Self::UnexpectedBody => "unexpected_body",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::RateLimited(_) => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Draining => "draining",
            Self::UpstreamUnreachable(_) => "upstream_unreachable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::Internal(_) => "internal",
        }
    }

    /// What was wrong with the app, where it was the app.
    #[must_use]
    pub fn upstream_fault(&self) -> Option<UpstreamFault> {
        match self {
            Self::UpstreamUnreachable(fault) => Some(*fault),
            Self::UpstreamTimeout => Some(UpstreamFault::Timeout),
            Self::BadRequest(_)
            | Self::HeadTimeout
            | Self::UriTooLong
            | Self::HeadersTooLarge
            | Self::BodyTimeout
            | Self::AmbiguousPath(_)
            | Self::UnknownHost
            | Self::NotFound
            | Self::MethodNotAllowed { .. }
            | Self::LinkInvalid
            | Self::MediaType
            | Self::AddressRefused
            | Self::AmbiguousCredentials
            | Self::TokenMissing
            | Self::TokenInvalid(_)
            | Self::TokenExpired
            | Self::IdentityUnavailable
            | Self::RoleMissing
            | Self::ScopeMissing
            | Self::NotOwner
            | Self::Destination(_)
            | Self::CrossOrigin
            | Self::UpgradeRefused
            | Self::UnexpectedBody
            | Self::BodyTooLarge { .. }
            | Self::RateLimited(_)
            | Self::Overloaded
            | Self::Draining
            | Self::Internal(_) => None,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_)
            | Self::AmbiguousPath(_)
            | Self::AmbiguousCredentials
            | Self::UnexpectedBody => StatusCode::BAD_REQUEST,
            Self::TokenMissing | Self::TokenInvalid(_) | Self::TokenExpired => StatusCode::UNAUTHORIZED,
            Self::Destination(second) if second.asks_who() => StatusCode::UNAUTHORIZED,
            Self::AddressRefused
            | Self::LinkInvalid
            | Self::RoleMissing
            | Self::ScopeMissing
            | Self::NotOwner
            | Self::Destination(_)
            | Self::CrossOrigin
            | Self::UpgradeRefused => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::HeadTimeout | Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::UpstreamUnreachable(_) => StatusCode::BAD_GATEWAY,
            Self::IdentityUnavailable | Self::Overloaded | Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The connection cannot go on: where the next request would begin is not known, or the gateway wants it to end.
    #[must_use]
    pub fn closes(&self) -> bool {
        match self {
            Self::BadRequest(_)
            | Self::HeadTimeout
            | Self::UriTooLong
            | Self::HeadersTooLarge
            | Self::BodyTimeout
            | Self::AmbiguousCredentials
            | Self::UnexpectedBody
            | Self::BodyTooLarge { .. }
            | Self::Overloaded
            | Self::Draining
            | Self::AmbiguousPath(_)
            | Self::UpstreamUnreachable(_)
            | Self::UpstreamTimeout
            | Self::Internal(_) => true,
            // A method that is never allowed is met while the head is read.
            Self::MethodNotAllowed { allow } => allow.is_empty(),
            Self::UnknownHost
            | Self::NotFound
            | Self::LinkInvalid
            | Self::MediaType
            | Self::AddressRefused
            | Self::TokenMissing
            | Self::TokenInvalid(_)
            | Self::TokenExpired
            | Self::IdentityUnavailable
            | Self::RoleMissing
            | Self::ScopeMissing
            | Self::NotOwner
            | Self::Destination(_)
            | Self::CrossOrigin
            | Self::UpgradeRefused
            | Self::RateLimited(_) => false,
        }
    }

    /// The first guard that gives this refusal; where several do, [`crate::pipeline::Trail::reached`] says which one did.
    #[must_use]
    pub fn guard(&self) -> Guard {
        match self {
            Self::Overloaded | Self::Draining => Guard::Connection,
            Self::BadRequest(_) | Self::HeadTimeout | Self::UriTooLong | Self::HeadersTooLarge => {
                Guard::Framing
            }
            Self::AmbiguousPath(_) | Self::UnknownHost => Guard::Target,
            Self::AddressRefused => Guard::Access,
            Self::RateLimited(_) => Guard::AppLimit,
            Self::LinkInvalid | Self::MediaType => Guard::Own,
            Self::NotFound | Self::MethodNotAllowed { .. } => Guard::Route,
            Self::UnexpectedBody | Self::BodyTooLarge { .. } => Guard::Size,
            Self::AmbiguousCredentials
            | Self::TokenMissing
            | Self::TokenInvalid(_)
            | Self::TokenExpired
            | Self::IdentityUnavailable => Guard::Identity,
            Self::CrossOrigin => Guard::Origin,
            Self::RoleMissing | Self::ScopeMissing | Self::NotOwner | Self::Destination(_) => {
                Guard::Permission
            }
            Self::UpgradeRefused => Guard::Upgrade,
            Self::BodyTimeout => Guard::Body,
            Self::UpstreamUnreachable(_) | Self::UpstreamTimeout | Self::Internal(_) => Guard::Upstream,
        }
    }

    /// `Retry-After` in whole seconds, for the statuses that carry one (429 and 503).
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited(exhausted) => Some(exhausted.retry_seconds()),
            Self::Overloaded => Some(2),
            Self::Draining | Self::IdentityUnavailable => Some(5),
            Self::BadRequest(_)
            | Self::HeadTimeout
            | Self::UriTooLong
            | Self::HeadersTooLarge
            | Self::BodyTimeout
            | Self::AmbiguousPath(_)
            | Self::UnknownHost
            | Self::NotFound
            | Self::MethodNotAllowed { .. }
            | Self::LinkInvalid
            | Self::MediaType
            | Self::AddressRefused
            | Self::AmbiguousCredentials
            | Self::TokenMissing
            | Self::TokenInvalid(_)
            | Self::TokenExpired
            | Self::RoleMissing
            | Self::ScopeMissing
            | Self::NotOwner
            | Self::Destination(_)
            | Self::CrossOrigin
            | Self::UpgradeRefused
            | Self::UnexpectedBody
            | Self::BodyTooLarge { .. }
            | Self::UpstreamUnreachable(_)
            | Self::UpstreamTimeout
            | Self::Internal(_) => None,
        }
    }
}

impl UpstreamFault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::NoSuchName,
        Self::NoRoute,
        Self::Reset,
        Self::Closed,
        Self::Timeout,
        Self::Tls,
        Self::BadAnswer,
    ];

    /// The stable name, as in logs and metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::NoSuchName => "no_such_name",
            Self::NoRoute => "no_route",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::BadAnswer => "bad_answer",
        }
    }
}

impl Exhausted {
    /// Seconds until a request may pass again, rounded up, at least one.
    #[must_use]
    pub fn retry_seconds(&self) -> u64 {
        let whole = self.retry_after.as_secs();
        let rest = u64::from(self.retry_after.subsec_nanos() > 0);
        whole.saturating_add(rest).max(1)
    }
}

mod text;

#[cfg(test)]
mod tests;
